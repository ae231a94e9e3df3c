package live_test

import (
	"os"
	"strings"
	"testing"

	"polity/internal/parts"
	"polity/services/water/epanet/epanettest"
	"polity/services/water/live"
	"polity/services/water/network"
	"polity/services/water/season"
)

// TestLTown plays the network of the benchmark: a leak grows, is found within a few streets,
// and its residual is free behind the repair.
// Three hours of a day are compared with the model: learning takes most of the time.
func TestLTown(t *testing.T) {
	const truth = "p257"
	live.LTownDays(t, []int{3, 8, 19}, season.Leak{Pipe: truth, Day: 1, Grows: 5, Diameter: 0.02})
	epanettest.Native(t)
	path, err := parts.Find(live.LTownFile)
	if err != nil {
		t.Skipf("the network is not there: %v", err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	n, err := network.Read(live.LTownFile, text)
	if err != nil {
		t.Fatal(err)
	}
	x := newTown(t, "simulate: l-town\nday: 50ms\n")
	v := x.wait("the leak is found", func(v live.View) bool { return len(v.Leaks) == 1 })
	l := v.Leaks[0]
	where, _ := n.Link(truth)
	named, is := n.Link(l.Pipe)
	if far := n.Between().Links(where, named); !is || far > 300 {
		t.Errorf("%s is %.0f m from %s: %+v", l.Pipe, far, truth, l.Candidates)
	}
	t.Logf("day %d: %s", v.Day, l.Reason)
	for range 6 {
		d := x.agree("isolate")
		t.Log(d.Do, d.Effect)
		v = x.wait("a crew has been there", func(v live.View) bool { return v.Leaks[0].Waiting != d.ID })
		if v.Leaks[0].Cut {
			break
		}
	}
	if l := v.Leaks[0]; !l.Cut || l.Heard != truth || v.Dry == 0 || v.Dry > v.Homes/10 {
		t.Fatalf("%d of %d homes dry: %+v", v.Dry, v.Homes, l)
	}
	if d := x.agree("reopen"); !strings.Contains(d.Reason, "mended "+truth) {
		t.Error(d.Reason)
	}
	v = x.wait("its residual is free", func(v live.View) bool { return len(v.Past) > 0 && v.Past[len(v.Past)-1].ID == l.ID })
	t.Logf("day %d: over", v.Day)
}
