package casefile_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"polity/city"
	"polity/ledger/canonical"
	"polity/recording/recordtest"
	"polity/recording/root"
	casefile "polity/release/case"
	"polity/release/case/casetest"
)

// partly is a case of the last minutes of an hour and the first of the next, of which the
// cameras filmed more before.
func partly(t *testing.T) (*scene, *casefile.Case) {
	t.Helper()
	s := newScene(t)
	units := recordtest.Film("h264.mp4", casetest.Filmed)
	for _, camera := range []city.Slug{"bridge", "square"} {
		s.Shoot(camera, casetest.Filmed.Add(30*time.Minute), casetest.Filmed.Add(30*time.Minute+12*time.Second), units)
		s.Shoot(camera, casetest.Filmed.Add(59*time.Minute+52*time.Second), casetest.Filmed.Add(time.Hour+8*time.Second), units)
		s.LogHour(camera, casetest.Filmed)
	}
	d := s.Draft("https://helsinki.example", "bridge", "square")
	d.From, d.To = canonical.At(casetest.Filmed.Add(59*time.Minute)), canonical.At(casetest.Filmed.Add(61*time.Minute))
	c, err := s.office.New(d, casetest.Asked)
	s.must(err)
	b, err := c.Submission()
	s.must(err)
	s.must(s.web.Submit(t.Context(), b))
	s.approved(c)
	return s, c
}

func (s *scene) lists(camera city.Slug) []root.List {
	return s.Lists(camera, casetest.Filmed, casetest.Filmed.Add(61*time.Minute))
}

// TestPartOfAnHourStandsUnderItsRoot: by its list; the next hour is not in the log yet, which
// is open and not wrong.
func TestPartOfAnHourStandsUnderItsRoot(t *testing.T) {
	s, c := partly(t)
	shelf, problems := s.opened(c)
	if len(problems) > 0 {
		t.Errorf("%q", problems)
	}
	logged, err := shelf.CheckLog(t.Context(), s.Source(casetest.Asked), nil)
	s.must(err)
	if logged.Listed != 2 || logged.Absent != 2 || logged.Partial != 0 || logged.Hours != 0 || len(logged.Problems)+len(logged.Lists) != 0 {
		t.Errorf("%+v", logged)
	}
	if lists, err := c.Hours("square"); err != nil || len(lists) != 2 || len(lists[0].Segments) <= len(shelf.Pieces("square")) {
		t.Errorf("%+v, %v", lists, err)
	}
	// What is proven stays, whatever the hub says later.
	s.LogHour("square", casetest.Filmed.Add(time.Hour))
	first := s.lists("square")[0]
	first.Segments = append(slices.Clone(first.Segments), root.Hash{1})
	s.hub.Lists = map[city.Slug][]root.List{"square": {first}}
	if _, err := shelf.Download(t.Context(), s.web, nil); err != nil {
		t.Fatal(err)
	}
	logged, err = shelf.CheckLog(t.Context(), s.Source(casetest.Asked), nil)
	s.must(err)
	if logged.Listed+logged.Hours != 3 || logged.Absent != 1 || len(logged.Problems)+len(logged.Lists) != 0 {
		t.Errorf("after the next hour is logged: %+v", logged)
	}
}

// TestListsThatAreNotTheLogs: none proves anything, and none is kept once the log was read.
func TestListsThatAreNotTheLogs(t *testing.T) {
	s, c := partly(t)
	right := s.lists("square")[:1]
	with := func(change func(l []root.Hash) []root.Hash) []root.List {
		return []root.List{{Hour: right[0].Hour, Segments: change(slices.Clone(right[0].Segments))}}
	}
	shelf, _ := s.opened(c)
	for name, bad := range map[string]struct {
		lists []root.List
		told  string // when it comes; empty: when the log is read
	}{
		"one changed":          {with(func(l []root.Hash) []root.Hash { l[0][0] ^= 1; return l }), ""},
		"one lacks":            {with(func(l []root.Hash) []root.Hash { return l[1:] }), ""},
		"one that is here":     {with(func(l []root.Hash) []root.Hash { return l[:len(l)-1] }), "does not have the segments that are here"},
		"too long":             {with(func(l []root.Hash) []root.Hash { return append(l, root.Hash{1}) }), ""},
		"another order":        {with(func(l []root.Hash) []root.Hash { slices.Reverse(l); return l }), "does not have the segments that are here"},
		"another camera":       {s.lists("bridge")[:1], "does not have the segments that are here"},
		"another hour":         {[]root.List{{Hour: right[0].Hour, Segments: s.lists("square")[1].Segments}}, "does not have the segments that are here"},
		"more than was asked":  {[]root.List{{Hour: casetest.Filmed.Add(-time.Hour), Segments: right[0].Segments}}, "which the case does not touch"},
		"none":                 {nil, ""},
		"a list of no hour":    {[]root.List{{Hour: right[0].Hour.Add(time.Minute), Segments: right[0].Segments}}, "out of order or damaged"},
		"a list of no segment": {[]root.List{{Hour: right[0].Hour}}, "out of order or damaged"},
	} {
		s.must(os.RemoveAll(filepath.Join(c.Dir(), "hours")))
		s.hub.Lists = map[city.Slug][]root.List{"square": bad.lists, "bridge": nil}
		problems, err := shelf.Download(t.Context(), s.web, nil)
		s.must(err)
		if (bad.told == "") != (len(problems) == 0) || !strings.Contains(strings.Join(problems, "\n"), bad.told) {
			t.Errorf("%s comes: %q", name, problems)
		}
		logged, err := shelf.CheckLog(t.Context(), s.Source(casetest.Asked), nil)
		s.must(err)
		wrong := bad.told == "" && bad.lists != nil
		if logged.Listed != 0 || logged.Partial != 2 || len(logged.Problems) != 0 || wrong != (len(logged.Lists) == 1 && strings.Contains(logged.Lists[0], "not those of the log")) {
			t.Errorf("%s, held to the log: %+v", name, logged)
		}
		if lists, err := c.Hours("square"); err != nil || len(lists) != 0 {
			t.Errorf("%s is kept: %+v, %v", name, lists, err)
		}
	}
	s.hub.Lists = nil
	_, err := shelf.Download(t.Context(), s.web, nil)
	s.must(err)
	if logged, err := shelf.CheckLog(t.Context(), s.Source(casetest.Asked), nil); err != nil || logged.Listed != 2 {
		t.Errorf("the right ones after them: %+v, %v", logged, err)
	}
}

func TestListsThatAreCarried(t *testing.T) {
	s, c := partly(t)
	shelf, err := c.Shelf()
	s.must(err)
	defer shelf.Close()
	dir := t.TempDir()
	for _, f := range s.Films["square"] {
		if f.Header.Start.Before(casetest.Filmed.Add(59 * time.Minute)) {
			continue
		}
		b, err := os.ReadFile(f.File)
		s.must(err)
		s.must(os.WriteFile(filepath.Join(dir, filepath.Base(f.File)), b, 0o600))
	}
	file := root.AppendLists(nil, s.lists("square")...)
	s.must(os.WriteFile(filepath.Join(dir, "square.hours"), file, 0o600))
	s.must(os.WriteFile(filepath.Join(dir, "bridge.hours"), file[:len(file)-1], 0o600))
	s.must(os.WriteFile(filepath.Join(dir, "hospital.hours"), file, 0o600))
	problems, err := shelf.Import([]string{dir}, nil)
	if err != nil || len(problems) != 2 || !strings.Contains(problems[0], "bridge.hours: the list of hours is cut off") || !strings.Contains(problems[1], "the case has no camera hospital") {
		t.Errorf("%q, %v", problems, err)
	}
	if logged, err := shelf.CheckLog(t.Context(), s.Source(casetest.Asked), nil); err != nil || logged.Listed != 1 || logged.Absent != 1 || len(logged.Problems)+len(logged.Lists) != 0 {
		t.Errorf("%+v, %v", logged, err)
	}
}
