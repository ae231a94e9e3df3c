// Package leaksim makes a surrogate of BattLeDIM's data: two years of measurements
// of a network whose true demands, roughness and leaks differ from its model.
//
// It is only a stand-in for the real files, which cannot be had, and whatever is
// computed from it must say so. It shares nothing with the detector but the network
// file: package leaks never imports it, and sees only the files that it writes.
//
// Leaks follow the statistics of the published list (KIOS-Research/BattLeDIM,
// leakages_info and dataset configuration): numbers, kinds, diameters, growth and
// duration; pipes and times are drawn anew by each seed.
package leaksim

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"polity/services/water/network"
)

// Leak is a true leak.
type Leak struct {
	Pipe             string
	Start, End, Peak time.Time // Peak equals Start where it bursts at once
	Diameter         float64   // of the hole at its peak, m
	Repaired         bool      // before the end of the data
}

// coefficient returns the emitter coefficient at a time, m³/h per √m of pressure:
// q = Cd·A·√(2gp) with Cd = 0.75, the diameter growing linearly until the peak, as
// in BattLeDIM's generator.
func (l *Leak) coefficient(at time.Time) float64 {
	if at.Before(l.Start) || at.After(l.End) {
		return 0
	}
	d := l.Diameter
	if at.Before(l.Peak) {
		d *= float64(at.Sub(l.Start)) / float64(l.Peak.Sub(l.Start))
	}
	return 0.75 * math.Pi / 4 * d * d * math.Sqrt(2*9.81) * 3600
}

const day = 24 * time.Hour

// group is one class of leaks in the published list.
type group struct {
	least, most int        // how many
	from, to    int        // days of the two years within which they start
	diameter    [2]float64 // m
	growing     float64    // part that grows
	growth      [2]float64 // days from start to peak
	duration    [2]float64 // days until repair; zero: beyond the data
}

// groups: the earlier year's unrepaired and repaired leaks, then the later year's.
var groups = []group{
	{3, 5, 7, 210, [2]float64{0.0088, 0.0119}, 1, [2]float64{17, 97}, [2]float64{}},
	{9, 11, 22, 300, [2]float64{0.0158, 0.0229}, 0.5, [2]float64{3, 64}, [2]float64{10, 69}},
	{11, 13, 365 + 40, 365 + 324, [2]float64{0.0093, 0.0152}, 0.6, [2]float64{40, 78}, [2]float64{}},
	{6, 8, 365 + 14, 365 + 230, [2]float64{0.0150, 0.0203}, 0.45, [2]float64{22, 50}, [2]float64{13, 63}},
}

// Draw draws the leaks of two years that begin at start.
func Draw(n *network.Network, seed uint64, start time.Time) []Leak {
	random := rand.New(rand.NewPCG(seed, 0x6c65_616b))
	between := func(r [2]float64) float64 { return r[0] + random.Float64()*(r[1]-r[0]) }
	var pipes []int
	for i, l := range n.Links {
		if l.Kind == network.Pipe && n.Nodes[l.From].Kind == network.Junction && n.Nodes[l.To].Kind == network.Junction {
			pipes = append(pipes, i)
		}
	}
	random.Shuffle(len(pipes), func(a, b int) { pipes[a], pipes[b] = pipes[b], pipes[a] })
	pumped := behindPumps(n)
	end := start.AddDate(2, 0, 0).Add(-5 * time.Minute)
	var leaks []Leak
	for _, g := range groups {
		count := g.least + random.IntN(g.most-g.least+1)
		for i := range count {
			// One in each part of the span, so that they spread as in the list.
			at := float64(g.from) + (float64(i)+random.Float64())/float64(count)*float64(g.to-g.from)
			l := Leak{Diameter: between(g.diameter), End: end}
			l.Start = start.Add(time.Duration(at * float64(day))).Truncate(held)
			l.Peak = l.Start
			lasts := between(g.duration)
			if lasts > 0 {
				l.Repaired, l.End = true, l.Start.Add(time.Duration(lasts*float64(day))).Truncate(held)
			}
			if random.Float64() < g.growing {
				growth := between(g.growth)
				if lasts > 0 {
					growth = min(growth, 0.9*lasts)
				}
				l.Peak = l.Start.Add(time.Duration(growth * float64(day))).Truncate(held)
			}
			for k, link := range pipes {
				l.Pipe = n.Links[link].ID
				if !pumped[l.Pipe] || fed(leaks, l, pumped) {
					pipes = slices.Delete(pipes, k, k+1)
					break
				}
			}
			leaks = append(leaks, l)
		}
	}
	slices.SortFunc(leaks, func(a, b Leak) int { return a.Start.Compare(b.Start) })
	return leaks
}

// mostPumped bounds the sum of squared diameters, in m², of leaks that run at once
// behind the pump. In the published list it reaches 4.1e-4; here a summer may use a
// tenth more than the model, and a tank that runs dry would need no detector.
const mostPumped = 3.0e-4

func fed(leaks []Leak, l Leak, pumped map[string]bool) bool {
	sum := l.Diameter * l.Diameter
	for _, other := range leaks {
		if pumped[other.Pipe] && other.Start.Before(l.End) && l.Start.Before(other.End) {
			sum += other.Diameter * other.Diameter
		}
	}
	return sum <= mostPumped
}

// behindPumps returns the pipes that no reservoir feeds without a pump.
func behindPumps(n *network.Network) map[string]bool {
	reached := make([]bool, len(n.Nodes))
	var queue []int
	for i, node := range n.Nodes {
		if node.Kind == network.Reservoir {
			reached[i] = true
			queue = append(queue, i)
		}
	}
	for len(queue) > 0 {
		at := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		for _, a := range n.Arms(at) {
			if !reached[a.To] && n.Links[a.Link].Kind != network.Pump {
				reached[a.To] = true
				queue = append(queue, a.To)
			}
		}
	}
	pipes := map[string]bool{}
	for _, l := range n.Links {
		if !reached[l.From] {
			pipes[l.ID] = true
		}
	}
	return pipes
}
