// Package steady computes many steady states of a network at once: demands, tank
// levels and roughness are given from outside for each of them, and EPANET solves
// them one after another.
package steady

import (
	"context"
	"fmt"

	"polity/city"
	"polity/services/water/epanet"
	"polity/services/water/network"
)

// Model is a network whose boundary is given.
type Model struct {
	Network *network.Network
	Tanks   []int // nodes whose level each state gives
	Shut    []int // links that are closed: what flows in them is part of the demands
	Nodes   []int // nodes whose pressure is asked for; none: all
	Links   []int // links whose flow is asked for; none: all
	Pumps   []int // pumps that each state switches
}

// State is one state to compute.
type State struct {
	Demand []float64 // by node, m³/h; those of tanks and reservoirs do not matter
	Level  []float64 // by Tanks, m
	Rough  []float64 // by link, in the file's unit; nil in all states: the file's
	Run    []float64 // by Pumps: 1 runs, 0 stands
}

// Result is what EPANET finds.
type Result struct {
	Pressure []float64 // by Nodes, m (or psi where the file is not metric)
	Flow     []float64 // by Links, m³/h
	Inflow   []float64 // by Tanks, m³/h
	Power    []float64 // by Pumps, kW
	Warning  int       // EPANET's, see epanet.Period
}

const step = 60 // seconds between states: too short for a tank to move

// Solve computes count states in order and calls each with their results. State i
// must be the same whenever it is asked for.
func (m *Model) Solve(ctx context.Context, dial epanet.Dialer, count int, at func(i int) State, each func(i int, r Result) error) error {
	var junctions, pipes []int
	for i := range m.Network.Nodes {
		if m.Network.Nodes[i].Kind == network.Junction {
			junctions = append(junctions, i)
		}
	}
	for i, l := range m.Network.Links {
		if l.Kind == network.Pipe {
			pipes = append(pipes, i)
		}
	}
	unit := m.Network.CubicMetresPerHour()
	columns := []epanet.Column{{Object: epanet.Node, Property: epanet.Pressure, Indices: m.Nodes}, {Object: epanet.Link, Property: epanet.Flow, Indices: m.Links}}
	if len(m.Pumps) > 0 {
		columns = append(columns, epanet.Column{Object: epanet.Link, Property: epanet.Energy, Indices: m.Pumps})
	}
	if len(m.Tanks) > 0 {
		columns = append(columns, epanet.Column{Object: epanet.Node, Property: epanet.Demand, Indices: m.Tanks})
	}
	scenario := epanet.Scenario{
		Network: m.text(), Seconds: int64(count-1) * step, Every: step, Chunk: 1000 * step, Restarts: 2,
		Columns: columns,
		Drives: func(from, to int64) ([]epanet.Drive, error) {
			demand := epanet.Drive{Object: epanet.Node, Property: epanet.BaseDemand, Indices: junctions, Start: from, Step: step}
			level := epanet.Drive{Object: epanet.Node, Property: epanet.TankLevel, Indices: m.Tanks, Start: from, Step: step}
			run := epanet.Drive{Object: epanet.Link, Property: epanet.Status, Indices: m.Pumps, Start: from, Step: step}
			rough := epanet.Drive{Object: epanet.Link, Property: epanet.Roughness, Indices: pipes, Start: from, Step: step}
			for i := from / step; i < min(to/step, int64(count)); i++ {
				s := at(int(i))
				demand.Rows, level.Rows = append(demand.Rows, some(s.Demand, junctions, 1/unit)), append(level.Rows, m.within(s.Level))
				if len(m.Pumps) > 0 {
					run.Rows = append(run.Rows, s.Run)
				}
				if s.Rough != nil {
					rough.Rows = append(rough.Rows, some(s.Rough, pipes, 1))
				}
			}
			drives := []epanet.Drive{demand}
			if len(m.Tanks) > 0 {
				drives = append(drives, level)
			}
			if len(run.Rows) > 0 {
				drives = append(drives, run)
			}
			if len(rough.Rows) > 0 {
				drives = append(drives, rough)
			}
			return drives, nil
		},
	}
	done := 0
	err := epanet.Simulate(ctx, dial, scenario, func(l epanet.Layout, p epanet.Period) error {
		if p.Seconds == 0 {
			if err := m.sameOrder(l); err != nil {
				return err
			}
		}
		r := Result{Pressure: p.Values[0], Flow: p.Values[1], Warning: p.Warning}
		for c := range r.Flow {
			r.Flow[c] *= unit
		}
		rest := p.Values[2:]
		if len(m.Pumps) > 0 {
			r.Power, rest = rest[0], rest[1:]
		}
		if len(m.Tanks) > 0 {
			r.Inflow = rest[0]
			for c := range r.Inflow {
				r.Inflow[c] *= unit
			}
		}
		done++
		return each(int(p.Seconds/step), r)
	})
	if err == nil && done < count {
		err = city.Errorf(city.Invalid, "%s: EPANET ends behind %d of %d states: 'polity water simulate' shows more", m.Network.File.Name, done, count)
	}
	return err
}

// Unbalanced reports whether EPANET did not solve the state.
func (r *Result) Unbalanced() bool { return r.Warning == 1 || r.Warning == 2 }

func some(values []float64, of []int, scale float64) []float64 {
	out := make([]float64, len(of))
	for k, i := range of {
		out[k] = values[i] * scale
	}
	return out
}

// within keeps levels inside their tanks: noise may carry a measured one beyond.
func (m *Model) within(levels []float64) []float64 {
	out := make([]float64, len(levels))
	for c, v := range levels {
		t := &m.Network.Nodes[m.Tanks[c]]
		out[c] = min(max(v, t.MinLevel+0.01), t.MaxLevel-0.01)
	}
	return out
}

// sameOrder makes sure that EPANET numbers nodes and links as we do.
func (m *Model) sameOrder(l epanet.Layout) error {
	for i, id := range l.Nodes {
		if i >= len(m.Network.Nodes) || m.Network.Nodes[i].ID != id {
			return fmt.Errorf("EPANET's node %d is %s, ours is another: this file's order of sections is not understood", i+1, id)
		}
	}
	for i, id := range l.Links {
		if i >= len(m.Network.Links) || m.Network.Links[i].ID != id {
			return fmt.Errorf("EPANET's link %d is %s, ours is another: this file's order of sections is not understood", i+1, id)
		}
	}
	return nil
}

// text is the network file for states that are given from outside.
func (m *Model) text() []byte {
	f := m.Network.File.Clone()
	for _, name := range []string{"DEMANDS", "CONTROLS", "RULES", "REPORT", "TIMES"} {
		f.Section(name).Lines = nil
	}
	f.Section("PATTERNS").Add(" polity-one 1.0")
	for _, node := range m.Network.Nodes {
		if node.Kind == network.Junction {
			f.Section("DEMANDS").Add(" %s 0 polity-one", node.ID)
		}
	}
	for _, l := range m.Shut {
		f.Section("STATUS").Add(" %s CLOSED", m.Network.Links[l].ID)
	}
	for _, what := range []string{"Hydraulic", "Pattern", "Report"} {
		f.Section("TIMES").Add(" %s Timestep %d SEC", what, step)
	}
	f.Section("OPTIONS").Add(" Accuracy 0.001")
	f.Section("OPTIONS").Add(" Unbalanced Continue 10") // one hard state must not end all others
	f.Section("REPORT").Add(" Status No")
	return f.Text()
}
