package live

import (
	"slices"
	"time"

	"polity/city"
	"polity/service"
	"polity/services/power/flow"
	"polity/services/power/grid"
	"polity/services/power/outage"
	"polity/services/power/switching"
)

// View is what pages show. It is a copy.
type View struct {
	At        time.Time // of the last look
	Simulated bool
	Problem   string // why nothing can be inferred; empty: nothing stands in the way
	Customers int    // of the network
	Fed       int
	Field     FieldView
	Faults    []Fault // the most customers first
	Suspected []Suspect
	Stray     int // reports of darkness where there is power
	Carrying  string
	Picture
	Tags      []Tag
	Past      []Past // the newest first
	Today     Regained
	Day, Year outage.Indices
}

// Regained counts customers who had power back within the last 24 hours.
type Regained struct{ Switching, Repair int }

// Picture is the network as it stands, or would.
type Picture struct {
	Lines    []LineView
	Buses    []BusView
	Dead     []Island // parts that no source feeds
	Loops    []string // lines that close one
	Broken   []string // limits, each in a sentence
	Loading  float64  // highest, as a part of the emergency rating; 0: not known
	LowestPU float64  // 0: not known
	LowestAt string   // bus
	LossKW   float64
	FedKW    float64
	NoFlow   string // why there is no power flow; empty: there is one
}

// Island is a part of the network that no source feeds.
type Island struct {
	Buses     []string
	Customers int
}

// FieldView is how the line to the outstation is.
type FieldView struct {
	Configured, Stands bool
	Since              time.Time
	Switches           int
}

// Suspect is an outage of which it is not known well enough where it is.
type Suspect struct {
	Names       []string // of lines, the likeliest first
	Probability float64  // of the likeliest
	Customers   int
}

// LineView is a line with its switch.
type LineView struct {
	Name          string
	From, To      int // buses
	Closed, Live  bool
	Faulty        bool
	Tagged        bool
	Operated, Tie bool    // its switch moves from here; it is open on a usual day
	KW, Amperes   float64 // from From to To
	Loading       float64 // as a part of the emergency rating; 0: not known
}

// BusView is a bus.
type BusView struct {
	Name      string
	Live      bool
	Customers int
	PU        float64 // 0: not known
	Depth     int     // lines from the source on a usual day
	Row       int     // of the drawing: the branch that it belongs to
	Place     *city.Point
}

// View returns the picture of this moment.
func (s *Service) View() View {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.deps.Now()
	v := View{At: s.looked, Simulated: s.cfg.Simulate != "", Problem: s.problem, Carrying: s.carrying}
	net := s.known
	if net == nil {
		net = s.standing()
	}
	_, v.Customers = switching.Fed(s.net)
	_, v.Fed = switching.Fed(net)
	if s.field != nil {
		v.Field.Configured, v.Field.Switches = true, len(s.field.switches)
		v.Field.Stands, v.Field.Since = s.field.kept.Stands()
	}
	for _, f := range s.kept.Faults {
		v.Faults = append(v.Faults, *f)
	}
	v.Tags = slices.Clone(s.kept.Tags)
	v.Past = slices.Clone(s.kept.Past)
	slices.Reverse(v.Past)
	slices.SortStableFunc(v.Faults, func(a, b Fault) int { return b.Dark - a.Dark })
	if s.picture != nil {
		v.Stray = len(s.picture.Stray)
		for _, o := range s.picture.Outages {
			if s.fault(o.Line) != nil || o.Probability < suspected && o.Customers < 10 {
				continue
			}
			x := Suspect{Names: []string{s.net.Lines[o.Line].Name}, Probability: o.Probability, Customers: o.Customers}
			for _, c := range o.Others {
				x.Names = append(x.Names, s.net.Lines[c.Line].Name)
			}
			v.Suspected = append(v.Suspected, x)
		}
	}
	v.Picture, _ = s.draw(net)
	v.Today = s.regained(now.Add(-24 * time.Hour))
	day := now.Add(-24 * time.Hour)
	year := now.Add(-365 * 24 * time.Hour)
	// Interruptions alone are added up: an error would be one of the network's size.
	v.Day, _ = outage.Reliability(s.kept.Interruptions, day, now.Add(time.Second), max(1, v.Customers), false)
	v.Year, _ = outage.Reliability(s.kept.Interruptions, year, now.Add(time.Second), max(1, v.Customers), false)
	return v
}

// regained counts who had power back since a moment. The lock is held.
func (s *Service) regained(since time.Time) (x Regained) {
	all := 0
	for _, i := range s.kept.Interruptions {
		if i.End.After(since) {
			all += i.Customers
		}
	}
	for i := range s.kept.Past {
		if s.kept.Past[i].Restored.After(since) {
			x.Switching += s.kept.Past[i].Gained
		}
	}
	for _, f := range s.kept.Faults {
		if f.Restored.After(since) {
			x.Switching += f.Gained
		}
	}
	x.Repair = max(0, all-x.Switching)
	return x
}

// draw is a network as pages show it, with what the power flow says, where there is one. The
// lock is held.
func (s *Service) draw(net *grid.Network) (Picture, *switching.State) {
	var p Picture
	top := net.Topology()
	watched := switching.Standard()
	watched.Loops = true
	state, err := switching.Look(net, watched)
	if err != nil {
		p.NoFlow, state = err.Error(), &switching.State{}
	}
	p.FedKW = state.FedW / 1000
	for i := range net.Lines {
		l := &net.Lines[i]
		f := s.fault(i)
		p.Lines = append(p.Lines, LineView{
			Name: l.Name, From: l.Ends[0].Bus, To: l.Ends[1].Bus, Closed: l.Closed(), Live: l.Closed() && top.BusLive(l.Ends[0].Bus),
			Faulty: f != nil && !f.Mended, Operated: s.field != nil && s.switchable(i), Tie: !s.net.Lines[i].Closed(),
			Tagged: slices.ContainsFunc(s.kept.Tags, func(t Tag) bool { return t.Line == l.Name }),
		})
	}
	depth, row := layout(s.net)
	for i := range net.Buses {
		b := BusView{Name: net.Buses[i].Name, Live: top.BusLive(i), Depth: depth[i], Row: row[i], Place: s.places[i]}
		if state.Result != nil && b.Live {
			b.PU = lowest(state, i)
			if b.PU > 0 && (p.LowestPU == 0 || b.PU < p.LowestPU) {
				p.LowestPU, p.LowestAt = b.PU, b.Name
			}
		}
		p.Buses = append(p.Buses, b)
	}
	for i := range net.Loads {
		p.Buses[net.Loads[i].At.Bus].Customers += net.Loads[i].Customers
	}
	for _, e := range top.Loops {
		name, _ := net.Describe(e)
		p.Loops = append(p.Loops, name)
	}
	p.Dead = islands(net, top, p.Buses)
	for _, x := range state.Violations {
		p.Broken = append(p.Broken, x.Text)
	}
	if state.Result != nil {
		flows(&p, state.Result)
	}
	return p, state
}

// flows fills in what the power flow says of lines.
func flows(p *Picture, r *flow.Result) {
	p.Loading, p.LossKW = switching.Loading(r), real(r.Losses())/1000
	net := r.Network()
	r.Branches(func(b *flow.Branch) {
		if b.Kind != grid.LineKind {
			return
		}
		l := &p.Lines[b.Index]
		l.KW, l.Amperes = real(b.Power[0])/1000, b.Amperes()
		if most := net.Lines[b.Index].EmergencyA; most > 0 {
			l.Loading = l.Amperes / most
		}
	})
}

// islands are the parts that no source feeds, the most customers first.
func islands(net *grid.Network, top *grid.Topology, buses []BusView) []Island {
	at := map[int]int{}
	var list []Island
	for i := range buses {
		if buses[i].Live {
			continue
		}
		from, to := top.At(i)
		if from == to {
			continue
		}
		k, had := at[top.Island(from)]
		if !had {
			k = len(list)
			at[top.Island(from)] = k
			list = append(list, Island{})
		}
		list[k].Buses = append(list[k].Buses, net.Buses[i].Name)
		list[k].Customers += buses[i].Customers
	}
	slices.SortStableFunc(list, func(a, b Island) int { return b.Customers - a.Customers })
	return list
}

// layout places the buses of a radial network for a drawing: how far from the source, and
// in which branch; the longest branch goes straight on.
func layout(net *grid.Network) (depth, row []int) {
	depth, row = make([]int, len(net.Buses)), make([]int, len(net.Buses))
	children, seen := make([][]int, len(net.Buses)), make([]bool, len(net.Buses))
	var queue []int
	for _, s := range net.Sources {
		if !seen[s.At.Bus] {
			seen[s.At.Bus] = true
			queue = append(queue, s.At.Bus)
		}
	}
	near := make([][]int, len(net.Buses))
	for i := range net.Lines {
		if l := &net.Lines[i]; l.Closed() {
			near[l.Ends[0].Bus] = append(near[l.Ends[0].Bus], l.Ends[1].Bus)
			near[l.Ends[1].Bus] = append(near[l.Ends[1].Bus], l.Ends[0].Bus)
		}
	}
	roots := slices.Clone(queue)
	for at := 0; at < len(queue); at++ {
		b := queue[at]
		for _, n := range near[b] {
			if !seen[n] {
				seen[n], depth[n] = true, depth[b]+1
				children[b] = append(children[b], n)
				queue = append(queue, n)
			}
		}
	}
	reach := make([]int, len(net.Buses))
	for _, b := range slices.Backward(queue) {
		for _, c := range children[b] {
			reach[b] = max(reach[b], reach[c]+1)
		}
	}
	next := 0
	var place func(b, at int)
	place = func(b, at int) {
		row[b] = at
		list := slices.Clone(children[b])
		slices.SortStableFunc(list, func(x, y int) int { return reach[y] - reach[x] })
		for i, c := range list {
			if i > 0 {
				next++
				place(c, next)
				continue
			}
			place(c, at)
		}
	}
	for i, b := range roots {
		if i > 0 {
			next++
		}
		place(b, next)
	}
	return depth, row
}

// State is one line for the list of services.
func (s *Service) State() service.State {
	v := s.View()
	out := v.Customers - v.Fed
	x := service.State{Health: service.Well, Message: "state.well", Values: []any{"n", v.Customers}, Simulated: v.Simulated, At: v.At}
	switch {
	case v.Problem != "":
		x.Health, x.Message = service.Trouble, "state.problem"
	case v.Field.Configured && !v.Field.Stands:
		x.Health, x.Message = service.Trouble, "state.noline"
	case len(v.Faults) > 0:
		x.Health, x.Message, x.Values = service.Trouble, "state.outages", []any{"n", len(v.Faults), "customers", out}
	}
	return x
}

// lowest is the lowest voltage of a bus's phases (per unit); 0 where none is known.
func lowest(state *switching.State, bus int) (pu float64) {
	top := state.Result.Topology()
	from, to := top.At(bus)
	for n := from; n < to; n++ {
		if top.Nodes[n].Number > 3 || !top.Live[n] {
			continue
		}
		if x := state.Result.PerUnit(n); x > 0 && (pu == 0 || x < pu) {
			pu = x
		}
	}
	return pu
}
