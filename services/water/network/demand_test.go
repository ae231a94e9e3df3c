package network_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"polity/services/water/network"
)

// TestUse: a junction's hour is the mean of its patterns', the file's default where it
// names none, in m³/h.
func TestUse(t *testing.T) {
	text := strings.Replace(small, "[OPTIONS]\n", "[PATTERNS]\n day 1 3\n night 0.5 0.5 2 2\n[TIMES]\n Pattern Timestep 0:30\n[OPTIONS]\n Pattern night\n", 1)
	n, err := network.Read("small.inp", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	use, err := n.Use()
	if err != nil {
		t.Fatal(err)
	}
	a, _ := n.Node("a")
	for since, want := range map[time.Duration]float64{
		0:             3.6 * (2*2 + 3*0.5), // day's mean is 2
		time.Hour:     3.6 * (2*2 + 3*2),
		2 * time.Hour: 3.6 * (2*2 + 3*0.5), // it begins again
	} {
		if got := use.Mean(a, since); math.Abs(got-want) > 1e-9 {
			t.Errorf("after %v: %g m³/h, want %g", since, got, want)
		}
	}
	n.Nodes[a].Demands = []network.Demand{{Base: 1}}
	if got := use.Mean(a, time.Hour); math.Abs(got-7.2) > 1e-9 {
		t.Errorf("by the default pattern: %g", got)
	}
}
