package casefile_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"polity/city"
	"polity/internal/sandbox"
	"polity/recording/root"
	"polity/release/bundle"
	casefile "polity/release/case"
	"polity/release/case/casetest"
	"polity/release/export"
)

func TestMain(m *testing.M) {
	sandbox.Stage()
	os.Exit(m.Run())
}

// exported is a bundle of a camera, as somebody else verifies it.
func (s *scene) exported(c *casefile.Case, shelf *casefile.Shelf, camera city.Slug, to time.Time) (dir, said string) {
	s.t.Helper()
	views, err := c.Views()
	s.must(err)
	defer views.Close()
	dir = filepath.Join(s.t.TempDir(), "bundle")
	_, err = shelf.Export(s.t.Context(), casefile.Wanted{Out: dir, Cameras: []city.Slug{camera}, To: to, Mask: export.Grey, Program: "polity test"}, views)
	s.must(err)
	r, err := bundle.Verify(s.t.Context(), dir, bundle.Options{Trusted: s.Roster})
	s.must(err)
	if !r.Right() {
		s.t.Errorf("%+v", r.Findings)
	}
	for _, f := range r.Findings {
		said += string(f.State) + " " + f.What + "\n"
	}
	return dir, said
}

// TestABundleOfPartOfAnHour: with the hour's list nothing is open about its place in the
// log; without one, or while the hour is not logged, it is open and not wrong.
func TestABundleOfPartOfAnHour(t *testing.T) {
	for _, program := range []string{"ffmpeg", "ffprobe"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(program + " is not installed here: no film was exported")
		}
	}
	s, c := partly(t)
	shelf, _ := s.opened(c)
	check := func() *casefile.Logged {
		t.Helper()
		l, err := shelf.CheckLog(t.Context(), s.Source(casetest.Asked), nil)
		s.must(err)
		return l
	}
	const open = "does not prove that they stand in the public log"
	check()
	if _, said := s.exported(c, shelf, "square", time.Time{}); !strings.Contains(said, "open of 2 segments the bundle "+open) || !strings.Contains(said, "2 of them stand in the public log") {
		t.Errorf("the next hour is not logged yet: %s", said)
	}
	s.LogHour("square", casetest.Filmed.Add(time.Hour))
	check()
	dir, said := s.exported(c, shelf, "square", time.Time{})
	if strings.Contains(said, open) || !strings.Contains(said, "4 of them stand in the public log") {
		t.Errorf("both hours are logged: %s", said)
	}
	// In the bundle stands the list of the hour of which it has only some segments.
	b, err := os.ReadFile(filepath.Join(dir, "segments", "square.hours"))
	s.must(err)
	if lists, err := root.ParseLists(b); err != nil || len(lists) != 1 || !lists[0].Hour.Equal(casetest.Filmed) || len(lists[0].Segments) <= 2 {
		t.Errorf("%+v, %v", lists, err)
	}
	// A part of what is here: the list of the next hour is what is on the shelf.
	if _, said := s.exported(c, shelf, "square", casetest.Filmed.Add(time.Hour+4*time.Second)); strings.Contains(said, open) || !strings.Contains(said, "3 of them") {
		t.Errorf("less than is here: %s", said)
	}
	s.must(os.RemoveAll(filepath.Join(c.Dir(), "hours")))
	if _, said := s.exported(c, shelf, "square", time.Time{}); !strings.Contains(said, "open of 2 segments the bundle "+open) {
		t.Errorf("without a list: %s", said)
	}
	s.must(os.MkdirAll(filepath.Join(c.Dir(), "hours"), 0o700))
	s.must(os.WriteFile(filepath.Join(c.Dir(), "hours", "square.hours"), root.AppendLists(nil, s.lists("bridge")...), 0o600))
	if _, said := s.exported(c, shelf, "square", time.Time{}); !strings.Contains(said, "open of 2 segments the bundle "+open) {
		t.Errorf("another camera's list, put in the folder: %s", said)
	}
}
