package leaks

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"polity/services/water/network"
)

// street is a row of ten pipes of 100 m.
func street(t *testing.T) *network.Network {
	t.Helper()
	var b strings.Builder
	b.WriteString("[JUNCTIONS]\n")
	for i := range 10 {
		fmt.Fprintf(&b, " n%d 10 1\n", i)
	}
	b.WriteString("[RESERVOIRS]\n r 50\n[PIPES]\n p0 r n0 100 100 100\n")
	for i := 1; i < 10; i++ {
		fmt.Fprintf(&b, " p%d n%d n%d 100 100 100\n", i, i-1, i)
	}
	n, err := network.Read("street.inp", []byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// thinks is a leak of which a member thinks, at some pipes as likely.
func thinks(from int, pipes ...int) *leak {
	l := &leak{link: pipes[0], course: course{from: from, until: never}, evidence: 40, located: located{link: pipes[0], chance: make([]float64, 10)}}
	l.amount[balances] = 9
	for _, j := range pipes {
		l.located.chance[j] += 1 / float64(len(pipes))
	}
	return l
}

// TestCouncil: a leak is told where members together find one likely enough, when it has been
// for some days, and once.
func TestCouncil(t *testing.T) {
	c := Default()
	c.Near, c.One, c.OneOld, c.Stable, c.Sure = 150, 10, 40, 2, 0.45
	one := func(l *leak) [][]*leak { return [][]*leak{{l}} }
	many := func(n int, l func() *leak) (all [][]*leak) {
		for range n {
			all = append(all, []*leak{l()})
		}
		return all
	}
	fault := thinks(100, 4)
	fault.fault = true
	small := thinks(100, 4)
	small.amount[balances] = 1
	dim := thinks(100, 4)
	dim.evidence = 3
	over := thinks(100, 4)
	over.course.until = 104
	for name, x := range map[string]struct {
		think [][]*leak // by member, of four
		want  []int     // pipes
	}{
		"half of them":                    {many(2, func() *leak { return thinks(100, 4) }), []int{4}},
		"one alone":                       {one(thinks(100, 4)), nil},
		"one of them twice":               {[][]*leak{{thinks(100, 4), thinks(100, 4)}}, nil},
		"near each other":                 {[][]*leak{{thinks(100, 4)}, {thinks(100, 5)}}, []int{4}},
		"far from each other":             {[][]*leak{{thinks(100, 0)}, {thinks(100, 9)}}, nil},
		"all of them, and it scatters":    {many(4, func() *leak { return thinks(100, 0, 3, 6, 9) }), nil},
		"all of them, and it holds":       {many(4, func() *leak { return thinks(100, 3, 4, 5, 9) }), []int{4}},
		"two leaks":                       {many(3, func() *leak { return thinks(100, 1) }), []int{1}},
		"sensors, small, dim and over":    {[][]*leak{{fault}, {small}, {dim}, {over}}, nil},
		"a hole beside it, begun with it": {[][]*leak{{thinks(100, 4), thinks(103, 5)}, {thinks(100, 4), thinks(103, 5)}}, []int{4}},
	} {
		k := &council{c: c, before: 50, between: street(t).Between()}
		members := make(committee, 4)
		for m := range members {
			members[m] = &detector{}
			if m < len(x.think) {
				members[m].leaks = x.think[m]
			}
		}
		for day := 105; day < 112; day++ {
			for _, d := range members {
				d.today = day
			}
			k.hear(members)
			if day == 106 && len(k.issued) > 0 {
				t.Errorf("%s: told at once", name)
			}
		}
		var got []int
		for i := range k.issued {
			got = append(got, k.issued[i].link)
			if a := &k.issued[i]; a.until() != never || a.size != 9 {
				t.Errorf("%s: ends on day %d, %g m³/h", name, a.until(), a.size)
			}
		}
		if !slices.Equal(got, x.want) {
			t.Errorf("%s: alarms at %v, not %v", name, got, x.want)
		}
	}
}

// TestAnotherLeakBesideOneThatWasTold: one that began with it is the same, one that began later
// is another.
func TestAnotherLeakBesideOneThatWasTold(t *testing.T) {
	for from, want := range map[int]int{104: 1, 115: 2} {
		c := Default()
		c.Near, c.One, c.Stable = 150, 10, 2
		k := &council{c: c, before: 50, between: street(t).Between()}
		members := committee{{}, {}}
		for day := 104; day < 130; day++ {
			for _, d := range members {
				d.today = day
				switch day {
				case 104:
					d.leaks = append(d.leaks, thinks(100, 4))
				case 120:
					d.leaks = append(d.leaks, thinks(from, 5))
				}
			}
			k.hear(members)
		}
		if len(k.issued) != want {
			t.Errorf("begun on day %d: %d alarms: %+v", from, len(k.issued), k.issued)
		}
	}
}

// TestAnAlarmEndsAsMostThink: by the course of a leak, or because later days did not bear it out.
func TestAnAlarmEndsAsMostThink(t *testing.T) {
	ended, gone := thinks(100, 4), thinks(100, 4)
	ended.course.until = 120
	gone.gone, gone.left = true, 130
	a := alarm{of: []*leak{thinks(100, 4), gone, ended}}
	if a.until() != 130 {
		t.Error(a.until())
	}
}

// TestLevelFollows: a constant comes out as nothing, a step fades, and gaps say nothing.
func TestLevelFollows(t *testing.T) {
	l := level{gain: 0.1}
	for range 30 {
		if v := l.next(7); v != 0 {
			t.Fatalf("a constant comes out as %g", v)
		}
	}
	if v := l.next(9); v != 2 {
		t.Errorf("a step of 2 comes out as %g", v)
	}
	if v := l.next(math.NaN()); v != 0 {
		t.Errorf("a gap comes out as %g", v)
	}
	before := 2.0
	for range 20 {
		v := l.next(9)
		if v >= before || v < 0 {
			t.Fatalf("after %g comes %g", before, v)
		}
		before = v
	}
}

func TestCourse(t *testing.T) {
	c := course{from: 10, grows: 20, until: 50}
	for day, want := range map[int]float64{9: 0, 10: 0.000625, 20: 0.275625, 30: 1, 49: 1, 50: 0} {
		if got := c.at(day); math.Abs(got-want) > 1e-9 {
			t.Errorf("day %d: %g, want %g", day, got, want)
		}
	}
}
