package leaks

import (
	"fmt"
	"math"
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

func word(member, day, link, from int) claim {
	chance := make([]float64, 10)
	chance[link] = 1
	return claim{member: member, day: day, link: link, from: from, until: never, ended: never, located: located{link: link, mass: 1, chance: chance}}
}

func TestAgree(t *testing.T) {
	between := street(t).Between()
	c := Default()
	c.Quorum, c.Near, c.Span, c.Expire, c.Radius = 3, 250, 10, 30, 150
	ended := word(3, 104, 2, 100)
	ended.ended = 105
	for name, x := range map[string]struct {
		claims []claim
		want   []int // days
	}{
		"enough":         {[]claim{word(1, 103, 2, 100), word(2, 104, 2, 101), word(3, 106, 3, 100)}, []int{106}},
		"too few":        {[]claim{word(1, 103, 2, 100), word(2, 104, 2, 101)}, nil},
		"one is no many": {[]claim{word(1, 103, 2, 100), word(1, 104, 2, 101), word(1, 106, 3, 100)}, nil},
		"far apart":      {[]claim{word(1, 103, 0, 100), word(2, 104, 4, 101), word(3, 106, 9, 100)}, nil},
		"long ago":       {[]claim{word(1, 103, 2, 100), word(2, 104, 2, 101), word(3, 150, 2, 100)}, nil},
		"another leak":   {[]claim{word(1, 103, 2, 100), word(2, 104, 2, 101), word(3, 126, 2, 125)}, nil},
		"it ended":       {[]claim{word(1, 103, 2, 100), ended, word(2, 106, 2, 101)}, nil},
		"told once":      {[]claim{word(1, 103, 2, 100), word(2, 104, 2, 101), word(3, 106, 3, 100), word(4, 107, 2, 100), word(5, 107, 2, 100), word(6, 107, 2, 100)}, []int{106}},
		"told again": {[]claim{
			word(1, 103, 2, 100), word(2, 104, 2, 101), word(3, 106, 3, 100),
			word(1, 163, 2, 160), word(2, 164, 2, 161), word(3, 166, 3, 160),
		}, []int{106, 166}},
	} {
		got := agree(x.claims, between, c, 50)
		if len(got) != len(x.want) {
			t.Errorf("%s: %d alarms", name, len(got))
			continue
		}
		for i, a := range got {
			if a.day != x.want[i] || a.link != 2 {
				t.Errorf("%s: alarm on day %d at pipe %d", name, a.day, a.link)
			}
		}
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
