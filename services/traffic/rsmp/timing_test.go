package rsmp

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"polity/city"
	"polity/services/traffic/plan"
)

// timed is a bench whose supervisor hears of plans and detector logics.
func timed(t *testing.T) (b *bench, seen *Timing, refused *[]string) {
	t.Helper()
	b = newBench(t)
	seen, refused = &Timing{}, &[]string{}
	b.site.Logics = func() string { return "010-" }
	b.sup.Events.Timing = func(_ string, now Timing) { b.note(func() { *seen = now }) }
	b.sup.Events.Refused = func(_, id, reason string) { b.note(func() { *refused = append(*refused, id+" "+reason) }) }
	return b, seen, refused
}

// change is the site's plan with its first phase so many seconds longer.
func change(b *bench, longer int) Retiming {
	j := b.site.n.Junctions[0]
	now := plan.Present(j, &j.Plans[0], nil)
	now.Bands[0] += longer
	p, err := now.Apply(j)
	if err != nil {
		b.t.Fatal(err)
	}
	r := Retiming{Plan: 1, Offset: 7, Cycle: int(p.Cycle() / time.Second), Day: []Switch{{1, 6, 30}, {1, 22, 0}}}
	for k, i := range plan.Stretchable(j, &p) {
		r.Bands = append(r.Bands, now.Bands[k]-plan.Least(&p, i))
	}
	return r
}

// TestAPlanIsChangedAndReported: the controller shows the longer phase, tells of it, and goes
// on with it when the supervisor is gone.
func TestAPlanIsChangedAndReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, seen, refused := timed(t)
		var logics []string
		b.sup.Events.Logics = func(_, letters string, _ time.Time) { b.note(func() { logics = append(logics, letters) }) }
		stop := b.run()
		defer stop()
		time.Sleep(5 * time.Second)
		r := change(b, 9)
		before := 0
		b.note(func() {
			before = seen.Cycles[1]
			if !seen.Whole() || seen.Now != 1 || seen.InEffect(&r) || len(seen.Day) != 0 || len(logics) != 1 || logics[0] != "010-" {
				t.Errorf("at first: %+v, %v", seen, logics)
			}
		})
		if _, err := b.sup.Retime("crossroads", r); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second)
		b.note(func() {
			if !seen.InEffect(&r) || seen.Cycles[1] != before+9 || !slices.Equal(seen.Day, r.Day) || len(*refused) > 0 {
				t.Errorf("%+v, wanted %+v; refused: %v", seen, r, *refused)
			}
			b.down = true
			b.cut()
		})
		time.Sleep(time.Minute)
		cycle := time.Duration(r.Cycle) * time.Second
		time.Sleep(2*cycle + 500*time.Millisecond)
		var first, again []string
		for _, list := range []*[]string{&first, &again} {
			for range r.Cycle {
				*list = append(*list, shows(b.site))
				time.Sleep(time.Second)
			}
		}
		if !slices.Equal(first, again) {
			t.Error("alone the junction does not repeat itself after its new cycle")
		}
	})
}

// TestAChangeIsDoneWholeOrNotAtAll: what is not safe, not there or without the code is refused
// with the reason, and the plan stays.
func TestAChangeIsDoneWholeOrNotAtAll(t *testing.T) {
	for name, x := range map[string]struct {
		spoil  func(b *bench, r *Retiming)
		reason string
	}{
		"no green":    {func(_ *bench, r *Retiming) { r.Cycle -= r.Bands[0]; r.Bands[0] = 0 }, "is never green"},
		"cycle":       {func(_ *bench, r *Retiming) { r.Cycle++ }, "its phases take"},
		"no plan":     {func(_ *bench, r *Retiming) { r.Plan = 3 }, `there is no plan "3"; there are 1 to 1`},
		"no band":     {func(_ *bench, r *Retiming) { r.Bands = append(r.Bands, slices.Repeat([]int{1}, 10)...) }, "there is no band"},
		"day":         {func(_ *bench, r *Retiming) { r.Day[0].Plan = 4 }, "there is no plan 4"},
		"time of day": {func(_ *bench, r *Retiming) { r.Day[0].Hour = 24 }, "24:30 is no time of day"},
		"offset":      {func(_ *bench, r *Retiming) { r.Offset = 250 }, "the offset is 250 s"},
		"code":        {func(b *bench, _ *Retiming) { b.sup.Code = "guessed" }, "security code"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, seen, refused := timed(t)
				stop := b.run()
				defer stop()
				time.Sleep(5 * time.Second)
				var before Timing
				b.note(func() { before = *seen })
				r := change(b, 4)
				x.spoil(b, &r)
				id, err := b.sup.Retime("crossroads", r)
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(3 * time.Second)
				b.note(func() {
					if len(*refused) != 1 || !strings.HasPrefix((*refused)[0], id+" ") || !strings.Contains((*refused)[0], x.reason) {
						t.Errorf("refused: %q, want %s ... %s", *refused, id, x.reason)
					}
					if seen.Cycles[1] != before.Cycles[1] || seen.Offsets[1] != before.Offsets[1] || len(seen.Day) != 0 {
						t.Errorf("it changed all the same: %+v", seen)
					}
				})
			})
		})
	}
	b := newBench(t)
	defer b.stop()
	if _, err := b.sup.Retime("crossroads", Retiming{}); city.KindOf(err) != city.Unavailable {
		t.Errorf("a site that is not connected: %v", err)
	}
}

func TestTheRunningPlanFollowsTheClock(t *testing.T) {
	n := cross(t)
	other := n.Junctions[0].Plans[0]
	other.ID = "evening"
	p, err := newProgram(n, append(slices.Clone(n.Junctions[0].Plans), other), []plan.Slot{{Minute: 6 * 60, Plan: n.Junctions[0].Plans[0].ID}, {Minute: 20*60 + 30, Plan: "evening"}}, 5*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for clock, want := range map[time.Duration]int{0: 2, 59*time.Minute + 59*time.Second: 2, time.Hour: 1, 15 * time.Hour: 1, 15*time.Hour + 30*time.Minute: 2, 20 * time.Hour: 2, 25 * time.Hour: 1} {
		if got := p.now(clock); got != want {
			t.Errorf("%v after five: plan %d, want %d", clock, got, want)
		}
	}
}

func FuzzTiming(f *testing.F) {
	for _, s := range []string{"1-1-30,1-2-5", "1-0,2-13", "1-1-6-30,1-2-22-0", "", "1--2", "999-1"} {
		f.Add("S0023", s)
		f.Add("S0027", s)
		f.Add("S0028", s)
	}
	f.Fuzz(func(t *testing.T, code, text string) {
		var now Timing
		if _, err := now.take(&StatusValue{Code: code, Name: "status", Value: text, Quality: "recent"}); err != nil {
			return
		}
		if day, err := readDay(writeDay(now.Day)); err != nil || !slices.Equal(day, now.Day) {
			t.Errorf("%q: %v, %v", text, now.Day, err)
		}
	})
}
