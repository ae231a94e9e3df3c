package live_test

import (
	"log/slog"
	"testing"
	"time"

	"polity/service"
	"polity/services/water/example"
	"polity/services/water/leaks"
	"polity/services/water/live"
)

// still is a service that does not run: it knows what tests tell it.
func still(t *testing.T, now func() time.Time) *live.Service {
	t.Helper()
	s, err := live.New([]byte("simulate: season\n"), service.Deps{Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestAGrowingLeakIsOne: a second alarm that the open leak may explain is shown with it; it
// becomes one of its own when that was repaired and it stays, and never where it was another
// from the start.
func TestAGrowingLeakIsOne(t *testing.T) {
	n, err := example.Town()
	if err != nil {
		t.Fatal(err)
	}
	between := n.Between()
	const first = "P34"
	at, _ := n.Link(first)
	near, far := "", "" // beyond what is one place anyway, and far away
	for i, l := range n.Links {
		switch d := between.Links(at, i); {
		case near == "" && d > 420 && d < 600:
			near = l.ID
		case far == "" && d > 1000 && d < 1e6:
			far = l.ID
		}
	}
	if near == "" || far == "" {
		t.Fatalf("%q %q", near, far)
	}
	day := func(n int) time.Time { return time.Date(2026, 3, n, 0, 0, 0, 0, time.UTC) }
	one := leaks.Found{Pipe: first, At: day(3), Since: day(1), Flow: 8, Within: 300, All: []leaks.Candidate{{Pipe: first, Probability: 0.9}}}
	one.Candidates = one.All
	second := func(pipe string, share float64) leaks.Found {
		f := leaks.Found{Pipe: pipe, At: day(9), Since: day(7), Flow: 6, Within: 300, All: []leaks.Candidate{{Pipe: pipe, Probability: 0.7}, {Pipe: first, Probability: share}}}
		f.Candidates = f.All
		return f
	}
	for what, x := range map[string]struct {
		f     leaks.Found
		leaks int
	}{
		"growth":                         {second(near, 0.1), 1},
		"the open one does not explain":  {second(near, 0.01), 2},
		"another, far away":              {second(far, 0.1), 2},
		"the same place, found anew":     {second(first, 0.1), 1},
		"near, begun long before it was": {func() leaks.Found { f := second(near, 0.1); f.Since = day(1).AddDate(0, -2, 0); return f }(), 2},
	} {
		s := still(t, time.Now)
		live.Note(s, day(3), one)
		live.Note(s, day(9), one, x.f)
		v := s.View()
		if len(v.Leaks) != x.leaks {
			t.Errorf("%s: %d leaks", what, len(v.Leaks))
		}
		if what != "growth" {
			continue
		}
		if p := v.Leaks[0].Parts; len(p) != 1 || p[0].Pipe != near || p[0].Flow != 6 {
			t.Errorf("%+v", p)
		}
		live.Change(s, func(l []*live.Leak) { l[0].Mended, l[0].Opened = true, day(12) })
		live.Note(s, day(13), one, x.f)
		if v := s.View(); len(v.Leaks) != 1 {
			t.Error("a day behind the repair it is one of its own already")
		}
		ended := one
		ended.Until = day(12)
		live.Note(s, day(18), ended, x.f)
		live.Note(s, day(19), ended, x.f)
		if v := s.View(); len(v.Leaks) != 1 || v.Leaks[0].Pipe != near || len(v.Past) != 1 || len(v.Past[0].Parts) != 0 {
			t.Errorf("what stayed behind the repair is not a leak of its own: %+v %+v", v.Leaks, v.Past)
		}
	}
	s := still(t, time.Now)
	f := second(near, 0.1)
	live.Note(s, day(3), one)
	live.Note(s, day(9), one, f)
	f.Until = day(10)
	live.Note(s, day(25), one, f)
	if v := s.View(); len(v.Leaks) != 1 || len(v.Leaks[0].Parts) != 0 {
		t.Errorf("the end of a part ended its leak, or it is shown on: %+v", v.Leaks)
	}
	ended := one
	ended.Until = day(12)
	live.Note(s, day(25), ended, f)
	live.Note(s, day(31), ended, f)
	if v := s.View(); len(v.Leaks) != 0 {
		t.Error("a part that had ended became a leak")
	}
}
