package live

import (
	"math"
	"slices"
	"time"

	"polity/city"
	"polity/service"
	"polity/services/water/leaks"
	"polity/services/water/network"
)

// View is what pages show. It is a copy.
type View struct {
	At         time.Time // of the last look; zero: it still learns how the network is
	Learning   Learning
	Simulated  bool
	Problem    string // why nothing can be said; empty: nothing stands in the way
	Network    string // name of its file
	Drawn      bool   // valves and hydrants are not the network's own, but drawn
	Reports    []Report
	Day        int // that is shown, of those that are watched, from 1
	Date       time.Time
	Homes, Dry int    // by demand, about; those without water because of a repair
	Leaks      []Leak // that run or are worked on, the newest first
	Past       []Leak
	Nodes      []NodeView
	Links      []LinkView
	Valves     []ValveView
	Lowest     float64 // pressure at any hour of the day where water is used, m; 0: not known
	Residuals  []leaks.Residual
	Suspects   []leaks.Suspect
	Lacks      []string // what instruments in the city's data did not say, in sentences
	Balances   []Balance
}

// NodeView is a node. X and Y are the file's; where it has none, nodes stand by how many links
// they are from a source.
type NodeView struct {
	Name        string
	Kind        string
	X, Y        float64
	Sensor, Dry bool
	Pressure    []float64 // m, by hour of the day; nothing where it is not known
}

// LinkView is a pipe, pump or valve.
type LinkView struct {
	Name     string
	From, To int
	Chance   float64 // that a leak is here
	Leak     bool    // the likeliest place of one, or where one was heard
	Meter    bool
}

// ValveView is an isolating valve.
type ValveView struct {
	Name       string
	Link, Node int
	Closed     bool
}

// View returns the picture of this moment.
func (s *Service) View() View {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := View{At: s.shown.at, Learning: s.learning, Simulated: s.cfg.Simulate != "", Network: s.net.File.Name, Drawn: s.cfg.Simulate == LTown, Reports: slices.Clone(s.kept.Reports), Problem: s.problem, Day: s.shown.day, Date: s.shown.date}
	var all []int
	for i := range s.net.Nodes {
		all = append(all, i)
	}
	v.Homes = s.homes(all)
	chance, marked, dry := make([]float64, len(s.net.Links)), map[int]bool{}, map[int]bool{}
	for _, l := range slices.Backward(s.kept.Leaks) {
		x := *l
		ranked, reports := s.ranked(l)
		if l.Work != nil {
			w := *l.Work
			x.Work = &w
		}
		if x.Reports = reports; reports > 0 && len(ranked) > 0 && l.Heard == "" && !l.Sent {
			x.Pipe = ranked[0].Pipe
		}
		x.Parts = slices.DeleteFunc(slices.Clone(l.Parts), func(p Part) bool { return p.Over })
		x.Candidates, x.Searched, x.Close, x.Dry = ranked, slices.Clone(l.Searched), slices.Clone(l.Close), slices.Clone(l.Dry)
		if !l.Ended.IsZero() {
			if len(v.Past) < 20 {
				v.Past = append(v.Past, x)
			}
			continue
		}
		v.Leaks = append(v.Leaks, x)
		if link, is := s.net.Link(l.Pipe); is && !l.Mended {
			marked[link] = true
			for _, c := range ranked {
				if k, is := s.net.Link(c.Pipe); is && l.Heard == "" {
					chance[k] = 1 - (1-chance[k])*(1-c.Probability)
				}
			}
			if l.Heard != "" {
				chance[link] = 1
			}
		}
		if l.Cut {
			for _, i := range l.Dry {
				dry[i] = true
			}
		}
	}
	v.Dry = s.homes(keys(dry))
	s.draw(&v, dry)
	sensors := s.net.File.Sensors()
	for i, l := range s.net.Links {
		v.Links = append(v.Links, LinkView{Name: l.ID, From: l.From, To: l.To, Chance: chance[i], Leak: marked[i], Meter: slices.Contains(sensors.Flow, l.ID)})
	}
	for i, x := range s.valves {
		v.Valves = append(v.Valves, ValveView{Name: x.ID, Link: x.Link, Node: x.Node, Closed: s.closed[i]})
	}
	for _, r := range s.shown.residuals {
		r.Days = slices.Clone(r.Days)
		v.Residuals = append(v.Residuals, r)
	}
	v.Lacks = slices.Clone(s.shown.lacks)
	v.Suspects, v.Balances = slices.Clone(s.shown.suspects), s.balances()
	return v
}

func keys(set map[int]bool) (list []int) {
	for i := range set {
		list = append(list, i)
	}
	slices.Sort(list)
	return list
}

func (s *Service) draw(v *View, dry map[int]bool) {
	sensors := s.net.File.Sensors()
	lowest := math.NaN()
	x, y := places(s.net)
	for i := range s.net.Nodes {
		n := &s.net.Nodes[i]
		node := NodeView{Name: n.ID, Kind: n.Kind.String(), X: x[i], Y: y[i], Sensor: slices.Contains(sensors.Pressure, n.ID), Dry: dry[i]}
		for _, hour := range s.shown.pressures {
			if hour == nil || dry[i] {
				node.Pressure = nil
				break
			}
			node.Pressure = append(node.Pressure, hour[i])
			if n.BaseDemand() > 0 && !(hour[i] >= lowest) {
				lowest = hour[i]
			}
		}
		v.Nodes = append(v.Nodes, node)
	}
	if !math.IsNaN(lowest) {
		v.Lowest = lowest
	}
}

// places are the file's coordinates, or a drawing where some are missing.
func places(n *network.Network) (x, y []float64) {
	x, y = make([]float64, len(n.Nodes)), make([]float64, len(n.Nodes))
	depth := make([]int, len(n.Nodes))
	var queue []int
	whole := true
	for i := range n.Nodes {
		x[i], y[i] = n.Nodes[i].X, n.Nodes[i].Y
		whole = whole && !math.IsNaN(x[i]) && !math.IsNaN(y[i])
		if depth[i] = -1; n.Nodes[i].Kind != network.Junction {
			depth[i] = 0
			queue = append(queue, i)
		}
	}
	if whole {
		return x, y
	}
	for at := 0; at < len(queue); at++ {
		for _, a := range n.Arms(queue[at]) {
			if depth[a.To] < 0 {
				depth[a.To] = depth[queue[at]] + 1
				queue = append(queue, a.To)
			}
		}
	}
	rows := map[int]float64{}
	for i, d := range depth {
		x[i], y[i] = float64(d), -rows[d]
		rows[d]++
	}
	return x, y
}

// Isolation is which valves cut a pipe off, and who has no water then.
type Isolation struct {
	Pipe   string
	Valves []ValveView
	Nodes  []string
	Homes  int
	// DryHydrants have no water then; Near are the nearest that have.
	DryHydrants, Near []string
}

// Isolate plans for a pipe. It is city.NotFound where there is none of that name, and
// city.Conflict where no set of valves does it.
func (s *Service) Isolate(pipe string) (Isolation, error) {
	link, is := s.net.Link(pipe)
	if !is {
		return Isolation{}, city.Errorf(city.NotFound, "the network has no pipe %q", pipe)
	}
	plan, err := s.planner.Isolate(link)
	if err != nil {
		return Isolation{}, err
	}
	out := Isolation{Pipe: pipe, Homes: s.homes(plan.Dry)}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range plan.Close {
		x := s.valves[v]
		out.Valves = append(out.Valves, ValveView{Name: x.ID, Link: x.Link, Node: x.Node, Closed: s.closed[v]})
	}
	for _, i := range plan.Dry {
		if s.net.Nodes[i].Kind == network.Junction {
			out.Nodes = append(out.Nodes, s.net.Nodes[i].ID)
		}
	}
	for _, h := range s.hydrants {
		if slices.Contains(plan.Dry, h.Node) {
			out.DryHydrants = append(out.DryHydrants, h.ID)
		}
	}
	out.Near = s.hydrantsNear(s.net.Links[link].From, plan.Dry, hydrantsNamed)
	return out, nil
}

// hydrantsNamed are as many as a sheet has.
const hydrantsNamed = 3

// State is one line for the list of services.
func (s *Service) State() service.State {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := service.State{Health: service.Well, Message: "state.well", Simulated: s.cfg.Simulate != "", At: s.shown.at}
	running := 0
	for _, l := range s.kept.Leaks {
		if l.Ended.IsZero() {
			running++
		}
	}
	switch {
	case s.problem != "":
		x.Health, x.Message = service.Stopped, "state.problem"
	case s.shown.at.IsZero():
		x.Message = "state.learning"
	case running > 0:
		x.Health, x.Message, x.Values = service.Trouble, "state.leaks", []any{"n", running}
	}
	return x
}
