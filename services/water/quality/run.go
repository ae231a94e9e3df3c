// Package quality follows water through a network: how old it is, where it comes from,
// and, when sensors saw something in it, where that may have entered, what it has
// reached, and which pipes to close and where to flush. Transport is EPANET's.
package quality

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"polity/city"
	"polity/services/water/epanet"
	"polity/services/water/network"
)

// Course is a quantity at every node over time.
type Course struct {
	Seconds []int64
	Values  [][]float64 // by moment, then node
	Demand  [][]float64 // m³/h, the same
	Head    [][]float64 // m of pressure, the same
	// Settled is by how much the last day differs from the day before, as a part of the
	// mean; NaN where the run is shorter than two days.
	Settled float64
}

// steps of the run, in seconds.
const (
	report = 3600
	short  = 300
)

// prepare writes a file that computes a quality.
func prepare(n *network.Network, what string) *network.File {
	f := n.File.Clone()
	options := f.Section("OPTIONS")
	options.Lines = slices.DeleteFunc(slices.Clone(options.Lines), func(l network.Line) bool {
		fields := strings.Fields(strings.ToUpper(l.Text))
		return len(fields) > 0 && (fields[0] == "QUALITY" || fields[0] == "TOLERANCE")
	})
	options.Add(" Quality %s", what)
	options.Add(" Tolerance 0.01")
	for _, name := range []string{"QUALITY", "SOURCES", "REACTIONS"} {
		f.Section(name).Lines = nil
	}
	f.Section("TIMES").Add(" Report Timestep 1:00")
	f.Section("TIMES").Add(" Hydraulic Timestep 0:15")
	f.Section("TIMES").Add(" Quality Timestep 0:05")
	return f
}

// Age computes the age of water in hours. It begins with new water everywhere, so a
// run must be long enough for the oldest: Settled says whether it was.
func Age(ctx context.Context, dial epanet.Dialer, n *network.Network, hours int) (*Course, error) {
	return run(ctx, dial, n, prepare(n, "Age"), hours, nil)
}

// Trace computes how much of the water at every node has come from one, in per cent.
func Trace(ctx context.Context, dial epanet.Dialer, n *network.Network, node, hours int) (*Course, error) {
	return run(ctx, dial, n, prepare(n, "Trace "+n.Nodes[node].ID), hours, nil)
}

const longest = 24 * 60

func run(ctx context.Context, dial epanet.Dialer, n *network.Network, f *network.File, hours int, more func(s *epanet.Scenario)) (*Course, error) {
	if hours < 1 || hours > longest {
		return nil, city.Errorf(city.Invalid, "%d hours; 1 to %d are possible", hours, longest)
	}
	c := &Course{}
	unbalanced := 0
	s := epanet.Scenario{
		Network: f.Text(), Seconds: int64(hours) * 3600, Restarts: 1, Every: report,
		Columns: []epanet.Column{{Object: epanet.Node, Property: epanet.Quality}, {Object: epanet.Node, Property: epanet.Demand}, {Object: epanet.Node, Property: epanet.Pressure}},
	}
	if more != nil {
		more(&s)
	}
	unit := n.CubicMetresPerHour()
	err := epanet.Simulate(ctx, dial, s, func(_ epanet.Layout, p epanet.Period) error {
		if p.Warning == 1 || p.Warning == 2 {
			unbalanced++
		}
		for i := range p.Values[1] {
			p.Values[1][i] *= unit
		}
		c.Seconds = append(c.Seconds, p.Seconds)
		c.Values, c.Demand, c.Head = append(c.Values, p.Values[0]), append(c.Demand, p.Values[1]), append(c.Head, p.Values[2])
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", n.File.Name, err)
	}
	if unbalanced > 0 {
		return nil, city.Errorf(city.Invalid, "%s: EPANET does not balance %d of %d hours, so where water flows is not known: 'polity water simulate' shows more", n.File.Name, unbalanced, len(c.Seconds))
	}
	c.Settled = c.settled()
	return c, nil
}

// Mean is the mean of the last day at every node, weighted by what is used where
// something is; days shorter than that count as they are.
func (c *Course) Mean() []float64 { return c.mean(0) }

func (c *Course) mean(back int) []float64 {
	const day = 24 * 3600
	last := c.Seconds[len(c.Seconds)-1] - int64(back)*day
	out := make([]float64, len(c.Values[0]))
	for i := range out {
		sum, weight, plain, k := 0.0, 0.0, 0.0, 0.0
		for m, s := range c.Seconds {
			if s <= last-day || s > last {
				continue
			}
			use := max(0, c.Demand[m][i])
			sum, weight = sum+use*c.Values[m][i], weight+use
			plain, k = plain+c.Values[m][i], k+1
		}
		if out[i] = plain / k; weight > 0 {
			out[i] = sum / weight
		}
	}
	return out
}

func (c *Course) settled() float64 {
	if c.Seconds[len(c.Seconds)-1] < 2*24*3600 {
		return math.NaN()
	}
	now, before := c.mean(0), c.mean(1)
	change, all := 0.0, 0.0
	for i := range now {
		change, all = change+math.Abs(now[i]-before[i]), all+math.Abs(now[i])
	}
	if all == 0 {
		return 0
	}
	return change / all
}
