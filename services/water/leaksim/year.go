package leaksim

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"polity/services/water/battledim"
	"polity/services/water/epanet"
	"polity/services/water/network"
	"polity/services/water/scada"
)

// How long a demand is held, and how often everything is measured. Within an hour
// only tanks, pumps and noise change.
const (
	held     = time.Hour
	measured = 5 * time.Minute
)

// Case is one surrogate: a model, its instruments, and what is drawn.
type Case struct {
	Network *network.Network
	Sensors network.Sensors
	Seed    uint64
	Start   time.Time // of the first of two years
	Leaks   []Leak
	Perturb Perturbation
}

// Period is what is simulated of a case: measurements, and the leaks' true flow.
type Period struct {
	Data  *scada.Data
	Leaks []battledim.Leak // those that run within the period
}

// Simulate computes a part of the two years. Progress is called with the part done,
// from 0 to 1.
func Simulate(ctx context.Context, dial epanet.Dialer, c Case, from, to time.Time, progress func(done float64)) (*Period, error) {
	w, err := newWorld(c.Network, c.Seed, c.Perturb, c.Start, c.Leaks)
	if err != nil {
		return nil, err
	}
	r := &recorder{w: w, c: c, from: from, rows: int(to.Sub(from) / measured), noise: rand.New(rand.NewPCG(c.Seed, uint64(from.Unix())))}
	r.nodeNoise = rand.New(rand.NewPCG(c.Seed^0x6e6f_6465, uint64(from.Unix())))
	if err := r.places(); err != nil {
		return nil, err
	}
	const week = int64(7 * 24 * 3600)
	err = epanet.Simulate(ctx, dial, epanet.Scenario{
		Network: w.true.Text(), Columns: r.columns(), Seconds: int64((to.Sub(from) - held) / time.Second),
		Chunk: week, Drives: r.drives,
	}, func(_ epanet.Layout, p epanet.Period) error {
		if progress != nil {
			progress(float64(p.Seconds) / to.Sub(from).Seconds())
		}
		return r.hear(p)
	})
	if err != nil {
		return nil, fmt.Errorf("simulate the surrogate: %w", err)
	}
	return r.period(), nil
}

// recorder turns periods into measurements.
type recorder struct {
	w         *world
	c         Case
	from      time.Time
	rows      int
	noise     *rand.Rand
	nodeNoise *rand.Rand

	junctions                            []int // of the true network's layout; the model's come first
	pressures, flows, levels, meters, ln []int
	state                                []float64 // noise of each node
	data                                 [5][][]float32
	last                                 *epanet.Period
	filled                               int // rows
}

// places finds the instruments in EPANET's order: the model's junctions, leak
// nodes, then reservoirs and tanks; links in the order of the true file.
func (r *recorder) places() error {
	truth, err := r.w.true.Network()
	if err != nil {
		return err
	}
	find := func(ids []string, of func(string) (int, bool)) ([]int, error) {
		var out []int
		for _, id := range ids {
			i, ok := of(id)
			if !ok {
				return nil, fmt.Errorf("instrument at %s, which the network does not have", id)
			}
			out = append(out, i)
		}
		return out, nil
	}
	leaks := make([]string, len(r.w.leaks))
	for i := range leaks {
		leaks[i] = leakNode(i)
	}
	for _, x := range []struct {
		ids  []string
		of   func(string) (int, bool)
		into *[]int
	}{
		{r.c.Sensors.Pressure, truth.Node, &r.pressures},
		{r.c.Sensors.Flow, truth.Link, &r.flows},
		{r.c.Sensors.Level, truth.Node, &r.levels},
		{r.c.Sensors.Demand, truth.Node, &r.meters},
		{leaks, truth.Node, &r.ln},
	} {
		if *x.into, err = find(x.ids, x.of); err != nil {
			return err
		}
	}
	for i, n := range r.w.model.Nodes {
		if n.Kind == network.Junction {
			r.junctions = append(r.junctions, i)
		}
	}
	r.state = make([]float64, len(r.junctions))
	return nil
}

const levelColumn = 2

func (r *recorder) columns() []epanet.Column {
	return []epanet.Column{
		{Object: epanet.Node, Property: epanet.Pressure, Indices: r.pressures},
		{Object: epanet.Link, Property: epanet.Flow, Indices: r.flows},
		{Object: epanet.Node, Property: epanet.Pressure, Indices: r.levels},
		{Object: epanet.Node, Property: epanet.Demand, Indices: r.meters},
		{Object: epanet.Node, Property: epanet.Demand, Indices: r.ln},
	}
}

// drives computes demands and leaks of one chunk. Chunks are asked for in order.
func (r *recorder) drives(from, to int64) ([]epanet.Drive, error) {
	demand := epanet.Drive{Object: epanet.Node, Property: epanet.BaseDemand, Indices: r.junctions, Start: from, Step: int64(held / time.Second)}
	unit := r.w.model.CubicMetresPerHour()
	for s := from; s < to; s += demand.Step {
		at := r.from.Add(time.Duration(s) * time.Second)
		factors := make([]float64, len(r.w.classes))
		for k := range r.w.classes {
			factors[k] = r.w.factor(&r.w.classes[k], at)
		}
		row := make([]float64, len(r.junctions))
		for i, node := range r.junctions {
			r.state[i] = 0.7*r.state[i] + math.Sqrt(1-0.49)*r.nodeNoise.NormFloat64()*r.w.p.Node
			sum := 0.0
			for k, base := range r.w.bases[node] {
				sum += base * factors[k]
			}
			row[i] = sum * max(0, 1+r.state[i])
		}
		demand.Rows = append(demand.Rows, row)
	}
	leak := epanet.Drive{Object: epanet.Node, Property: epanet.Emitter, Indices: r.ln, Start: from, Step: int64(held / time.Second)}
	for s := from; s < to; s += leak.Step {
		at := r.from.Add(time.Duration(s) * time.Second)
		row := make([]float64, len(r.w.leaks))
		for i := range r.w.leaks {
			row[i] = r.w.leaks[i].coefficient(at) / unit
		}
		leak.Rows = append(leak.Rows, row)
	}
	return []epanet.Drive{demand, leak}, nil
}

// hear fills the rows up to a period with the values of the one before; levels run
// straight from one to the other.
func (r *recorder) hear(p epanet.Period) error {
	if r.last == nil {
		for k, values := range p.Values {
			r.data[k] = make([][]float32, len(values))
		}
	} else {
		r.fill(int((p.Seconds+299)/300), &p)
	}
	r.last = &p
	return nil
}

func (r *recorder) fill(rows int, next *epanet.Period) {
	for row := r.filled; row < min(rows, r.rows); row++ {
		for k, values := range r.last.Values {
			for i, v := range values {
				if k == levelColumn && next != nil {
					part := float64(int64(row)*300-r.last.Seconds) / float64(max(1, next.Seconds-r.last.Seconds))
					v += (next.Values[k][i] - v) * part
				}
				r.data[k][i] = append(r.data[k][i], float32(v))
			}
		}
	}
	r.filled = max(r.filled, min(rows, r.rows))
}

// period adds noise and rounds as the instruments do.
func (r *recorder) period() *Period {
	r.fill(r.rows, nil)
	unit := r.w.model.CubicMetresPerHour()
	table := func(k int, names []string, change func(c int, v float64) float64) *scada.Table {
		t := &scada.Table{Start: r.from, Step: measured, Names: slices.Clone(names), Values: r.data[k][:len(names)]} // none asked for gives all
		for c := range t.Values {
			for i, v := range t.Values[c] {
				t.Values[c][i] = float32(math.Round(change(c, float64(v))*100) / 100)
			}
		}
		return t
	}
	offsets := make([]float64, len(r.pressures))
	constant := rand.New(rand.NewPCG(r.c.Seed, 0x6f66_6673)) // the same in both years
	for i := range offsets {
		offsets[i] = constant.NormFloat64() * r.w.p.PressureOffset
	}
	p := &Period{}
	for i, l := range r.w.leaks {
		flow := make([]float64, 0, r.rows)
		for row, v := range r.data[4][i] {
			// EPANET 2.3 reports one cubic foot a second at a node whose emitter was set to
			// nothing during a run, though none flows.
			if l.coefficient(r.from.Add(time.Duration(row)*measured).Truncate(held)) == 0 {
				v = 0
			}
			flow = append(flow, math.Round(float64(v)*unit*100)/100)
		}
		if l.Start.Before(r.from.Add(time.Duration(r.rows)*measured)) && l.End.After(r.from) {
			p.Leaks = append(p.Leaks, battledim.Leak{Pipe: l.Pipe, Start: l.Start, End: l.End, From: r.from, Flow: flow})
		}
	}
	p.Data = &scada.Data{
		Pressures: table(0, r.c.Sensors.Pressure, func(c int, v float64) float64 { return v + offsets[c] + r.noise.NormFloat64()*r.w.p.Pressure }),
		Flows:     table(1, r.c.Sensors.Flow, func(_ int, v float64) float64 { return v * unit * (1 + r.noise.NormFloat64()*r.w.p.Flow) }),
		Levels:    table(2, r.c.Sensors.Level, func(_ int, v float64) float64 { return v + r.noise.NormFloat64()*r.w.p.Level }),
		Demands:   table(3, r.c.Sensors.Demand, func(_ int, v float64) float64 { return v * unit * 1000 * (1 + r.noise.NormFloat64()*r.w.p.Meter) }),
	}
	return p
}
