// Package hosting says how much sun or how many cars each bus of a network can
// take before a voltage or a rating is broken anywhere (hosting capacity).
//
// The capacity of a bus is that of the bus alone, everything else as it stands: the
// largest power up to which no limit is broken. It is found as brute force finds it,
// by power flows, with few of them: steps up to the first state that breaks a limit,
// then halving. Two buses cannot both use up what each could take alone.
package hosting

import (
	"context"
	"fmt"
	"math"

	"polity/city"
	"polity/services/power/flow"
	"polity/services/power/grid"
)

// Kind is what is connected.
type Kind uint8

// The kinds.
const (
	Sun  Kind = iota // feeds in, power factor 1
	Cars             // draws, power factor 1
)

// Taps says what regulators and capacitor controls do meanwhile.
type Taps uint8

// What they may do.
const (
	// Follow lets them act, from where they stand without the addition.
	Follow Taps = iota
	// Hold leaves them: the sun comes out faster than a tap changer moves.
	Hold
)

// Options are how to look.
type Options struct {
	Kind Kind
	Taps Taps
	// VMin and VMax are the limits of all voltages, per unit; 0: none. What is
	// outside already may not get worse.
	VMin, VMax float64
	// Ratings keeps lines and transformers within what they carry for ever.
	Ratings bool
	// MostW ends the search; 0 stands for 10 MW. StepW is its first step, within
	// which limits are taken to be broken only once; 0 stands for a 400th of MostW.
	// GrainW is the precision; 0 stands for 100 W.
	MostW, StepW, GrainW float64
}

// Standard are the limits of EN 50160:2010 and continuous ratings.
func Standard(kind Kind) Options { return Options{Kind: kind, VMin: 0.9, VMax: 1.1, Ratings: true} }

// Capacity is what a bus can take.
type Capacity struct {
	Bus    int
	Phases int     // that the addition is spread over
	Watts  float64 // MostW where nothing breaks up to there
	// Reason names what a little more would break, in one sentence; empty at MostW.
	Reason string
	Flows  int
}

// finder looks at one network.
type finder struct {
	base   *grid.Network // with taps and steps as they stand without the addition
	before *flow.Result
	o      Options
	flows  int
	volts  []float64 // per node before, per unit
	loads  map[grid.Element]float64
}

// All returns the capacity of each of buses, in order; nil stands for all that are
// live and have a phase.
func All(ctx context.Context, net *grid.Network, buses []int, o Options) ([]Capacity, error) {
	f, err := newFinder(net, o)
	if err != nil {
		return nil, err
	}
	if buses == nil {
		for b := range net.Buses {
			if len(f.phases(b)) > 0 {
				buses = append(buses, b)
			}
		}
	}
	out := make([]Capacity, 0, len(buses))
	for _, b := range buses {
		c, err := f.capacity(ctx, b)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

func newFinder(net *grid.Network, o Options) (*finder, error) {
	if o.MostW == 0 {
		o.MostW = 10e6
	}
	if o.StepW == 0 {
		o.StepW = o.MostW / 400
	}
	if o.GrainW == 0 {
		o.GrainW = 100
	}
	f := &finder{base: net.Clone(), o: o, loads: map[grid.Element]float64{}}
	s, err := flow.New(f.base, flow.Options{})
	if err != nil {
		return nil, city.Errorf(city.Invalid, "%w", err)
	}
	if f.before, err = s.Solve(); err != nil {
		return nil, fmt.Errorf("the network as it stands: %w", err)
	}
	top := f.before.Topology()
	f.volts = make([]float64, len(top.Nodes))
	for v := range top.Nodes {
		if top.Live[v] {
			f.volts[v] = f.before.PerUnit(v)
		}
	}
	f.before.Branches(func(b *flow.Branch) { f.loads[b.Element] = f.before.Loading(b) })
	return f, nil
}

// phases lists the live phases of a bus.
func (f *finder) phases(bus int) []int {
	var out []int
	top := f.before.Topology()
	from, to := top.At(bus)
	for v := from; v < to; v++ {
		if n := top.Nodes[v].Number; top.Live[v] && n >= 1 && n <= 3 {
			out = append(out, n)
		}
	}
	return out
}

func (f *finder) capacity(ctx context.Context, bus int) (Capacity, error) {
	phases := f.phases(bus)
	if len(phases) == 0 {
		return Capacity{}, city.Errorf(city.Invalid, "bus %s has no live phase to connect to", f.base.Buses[bus].Name)
	}
	f.flows = 0
	c := Capacity{Bus: bus, Phases: len(phases)}
	low, high := 0.0, 0.0
	for c.Reason == "" && low < f.o.MostW {
		if err := ctx.Err(); err != nil {
			return c, err
		}
		high = min(low+f.o.StepW, f.o.MostW)
		if c.Reason = f.broken(bus, phases, high); c.Reason == "" {
			low = high
		}
	}
	for c.Reason != "" && high-low > f.o.GrainW {
		middle := (low + high) / 2
		if why := f.broken(bus, phases, middle); why != "" {
			high, c.Reason = middle, why
		} else {
			low = middle
		}
	}
	c.Watts, c.Flows = low, f.flows
	return c, nil
}

// with returns the network with so many watts at a bus, spread over its phases.
func (f *finder) with(bus int, phases []int, watts float64) *grid.Network {
	net := f.base.Clone()
	volts := net.Buses[bus].BaseKV * 1000 / math.Sqrt(3)
	at := grid.Terminal{Bus: bus, Nodes: append(append([]int(nil), phases...), grid.Earth)}
	if f.o.Kind == Sun {
		net.Generators = append(net.Generators, grid.Generator{
			Name: "generator.hosted", At: at, Phases: len(phases), Kind: grid.Solar, S: complex(watts, 0), Volts: volts, VMin: 0.5, VMax: 1.5,
		})
	} else {
		net.Loads = append(net.Loads, grid.Load{Name: "load.hosted", At: at, Phases: len(phases), S: complex(watts, 0), Volts: volts, VMin: 0.5, VMax: 1.5})
	}
	return net
}

// broken says which limit so many watts break, or "".
func (f *finder) broken(bus int, phases []int, watts float64) string {
	f.flows++
	s, err := flow.New(f.with(bus, phases, watts), flow.Options{HoldTaps: f.o.Taps == Hold})
	if err != nil {
		return fmt.Sprintf("There is no power flow: %v.", err)
	}
	r, err := s.Solve()
	if err != nil {
		return "There is no power flow: the lines cannot carry so much."
	}
	if why := f.voltages(r); why != "" || !f.o.Ratings {
		return why
	}
	return f.ratings(r)
}

// worse is how much something that is outside its limit already may change: the
// precision of the power flow.
const worse = 1e-6

func (f *finder) voltages(r *flow.Result) string {
	top := r.Topology()
	for v, node := range top.Nodes {
		if !top.Live[v] || node.Number > 3 {
			continue
		}
		pu, name := r.PerUnit(v), f.base.Buses[node.Bus].Name
		switch {
		case f.o.VMax > 0 && pu > max(f.o.VMax, f.volts[v])+worse:
			return fmt.Sprintf("Bus %s, phase %d would have more than %.4f of its nominal voltage.", name, node.Number, f.o.VMax)
		case f.o.VMin > 0 && pu < min(f.o.VMin, f.volts[v])-worse:
			return fmt.Sprintf("Bus %s, phase %d would have less than %.4f of its nominal voltage.", name, node.Number, f.o.VMin)
		}
	}
	return ""
}

func (f *finder) ratings(r *flow.Result) string {
	why := ""
	r.Branches(func(b *flow.Branch) {
		if load := r.Loading(b); why == "" && load > max(1, f.loads[b.Element])+worse {
			name, _ := f.base.Describe(b.Element)
			why = fmt.Sprintf("%s would carry more than it may for ever.", name)
		}
	})
	return why
}
