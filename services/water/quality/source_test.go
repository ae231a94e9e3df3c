package quality

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"polity/services/water/epanet"
	"polity/services/water/epanet/epanettest"
	"polity/services/water/network"
)

// loops is a town of 6 x 6 crossings, so that water has many ways.
func loops(t *testing.T) *network.Network {
	t.Helper()
	epanettest.Native(t)
	var b strings.Builder
	b.WriteString("[JUNCTIONS]\n")
	for i := range 36 {
		fmt.Fprintf(&b, " n%d%d %d 4 day\n", i/6, i%6, 10+i%3)
	}
	b.WriteString("[RESERVOIRS]\n r 60\n[PIPES]\n main r n00 300 350 130 0 Open\n")
	for i := range 6 {
		for j := range 6 {
			if j < 5 {
				fmt.Fprintf(&b, " h%d%d n%d%d n%d%d 200 100 130 0 Open\n", i, j, i, j, i, j+1)
			}
			if i < 5 {
				fmt.Fprintf(&b, " v%d%d n%d%d n%d%d 200 100 130 0 Open\n", i, j, i, j, i+1, j)
			}
		}
	}
	b.WriteString("[PATTERNS]\n day .6 .8 1.2 1.4 1.0 .8 .7 1.1 1.3 1.0 .9 1.2\n[TIMES]\n Pattern Timestep 1:00\n[OPTIONS]\n Units CMH\n Headloss H-W\n")
	n, err := network.Read("loops.inp", []byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestSourcesAmongLoops: of sources drawn at random, whose water EPANET carries past
// sensors, the true one is among the first few, and samples where it never came never
// rule it out.
func TestSourcesAmongLoops(t *testing.T) {
	n := loops(t)
	var sensors []int
	for _, id := range []string{"n02", "n11", "n14", "n20", "n23", "n32", "n35", "n41", "n44", "n53"} {
		i, _ := n.Node(id)
		sensors = append(sensors, i)
	}
	random := rand.New(rand.NewPCG(4, 2))
	tried, first, among := 0, 0, 0
	for tried < 6 {
		s := Source{Node: random.IntN(36), Seconds: 2 * 3600}
		c, err := spread(t.Context(), epanet.Native, n, s, 9, nil)
		if err != nil {
			t.Fatal(err)
		}
		var samples []Sample
		seen := 0
		for h := int64(3); h <= 8; h++ {
			for _, node := range sensors {
				x := Sample{Node: node, Seconds: h * 3600, Seen: c.at(h*3600, node)/100 >= shows}
				if x.Seen {
					seen++
				}
				samples = append(samples, x)
			}
		}
		if seen == 0 {
			continue // it passes no sensor: nobody can know
		}
		tried++
		found, err := Sources(t.Context(), epanet.Native, n, samples)
		if err != nil {
			t.Fatal(err)
		}
		rank := -1
		for k, f := range found {
			if f.Node == s.Node {
				rank = k
			}
		}
		if rank == 0 {
			first++
		}
		if rank >= 0 && rank < 5 {
			among++
		}
		t.Logf("source %s: %d of %d samples saw it; place %d among %d", n.Nodes[s.Node].ID, seen, len(samples), rank+1, len(found))
	}
	if among < tried-1 || first < tried/2 {
		t.Errorf("of %d sources %d come first and %d among five", tried, first, among)
	}
}
