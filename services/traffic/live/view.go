package live

import (
	"slices"
	"time"

	"polity/city"
	"polity/service"
	"polity/services/traffic/network"
	"polity/services/traffic/street"
)

// View is what pages show. It is a copy.
type View struct {
	At        time.Time
	Simulated bool
	Junctions []JunctionView
	Diagram   *Diagram // nil: no corridor
	// Now and Fixed are the made-up street and its twin whose junctions stay on their plans;
	// nil: the street is real, and nobody knows what another plan would have done.
	Now, Fixed *street.Figures
}

// JunctionView is a junction.
type JunctionView struct {
	ID, Name   string
	Place      *city.Point
	Connected  bool
	Mode       Mode
	Since      time.Time // of Mode
	Reason     string    // of this second; may be empty
	By         string    // who gave it back, or let it be led; empty: nobody
	Leads      string    // id of the decision by which it is led; empty: it is not
	Ends       time.Time // until when it is held; zero: until a person says so
	Groups     []GroupView
	Approaches []QueueView
	Crossings  []QueueView
}

// GroupView is a signal group.
type GroupView struct {
	ID, Name string
	Walkers  bool
	Signal   Signal
}

// QueueView is a place where vehicles or people wait.
type QueueView struct {
	Name   string
	Signal Signal
	Queue
}

// Signal is what a signal shows.
type Signal string

// The signals.
const (
	Unknown  Signal = "unknown" // not told
	Green    Signal = "green"
	Amber    Signal = "amber"
	Red      Signal = "red"
	Flashing Signal = "flashing"
)

// signal reads one letter of S0001.
func signal(letters string, g int) Signal {
	if g < 0 || g >= len(letters) {
		return Unknown
	}
	switch l := letters[g]; {
	case l >= '1' && l <= '8':
		return Green
	case l == 'N':
		return Amber
	case l == 'c':
		return Flashing
	}
	return Red
}

// Diagram is the last five minutes along the corridor, in seconds before now and metres from
// its start.
type Diagram struct {
	Seconds float64 // how far it goes back
	Length  float64
	Stops   []Stop
	Tracks  [][][2]float64 // of made-up vehicles; a real one is never followed
}

// Stop is a junction of the corridor.
type Stop struct {
	Name   string
	At     float64
	Known  float64      // since when it is known what it shows
	Greens [][2]float64 // from, to
}

// View returns the picture of this moment.
func (s *Service) View() View {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	v := View{At: s.deps.Now(), Simulated: s.cfg.Simulate != ""}
	for _, x := range s.sites {
		v.Junctions = append(v.Junctions, s.junction(x, now))
	}
	if s.world != nil {
		s.world.Watch(func(is, plain *street.Street) {
			a, b := is.Figures(), plain.Figures()
			v.Now, v.Fixed = &a, &b
			v.Diagram = s.diagram(is, now)
		})
	}
	return v
}

func (s *Service) junction(x *site, now time.Time) JunctionView {
	v := JunctionView{ID: x.j.ID, Name: name(x), Place: x.j.Place, Connected: x.connected, Mode: x.mode, Since: x.modeSince, Reason: x.reason}
	if st := s.kept.Junctions[x.j.ID]; st != nil {
		v.By, v.Leads = st.By, st.Leads
		if st.Off {
			v.Ends = st.Ends
		}
	}
	letters := x.letters
	if !x.connected {
		letters = "" // what it said last is old
	}
	for g := range x.j.Groups {
		v.Groups = append(v.Groups, GroupView{ID: x.j.GroupID(g), Name: x.j.Groups[g].Name, Walkers: x.j.Groups[g].Kind == network.Pedestrians, Signal: signal(letters, g)})
	}
	for a := range x.meter.approaches {
		label, g := x.approach(a)
		v.Approaches = append(v.Approaches, QueueView{label, signal(letters, g), x.meter.approaches[a].queue(now)})
	}
	for k := range x.meter.crossings {
		label, of := x.j.Crossings[k].ID, -1
		for g := range x.j.Groups {
			for _, sig := range x.j.Groups[g].Signals {
				if x.j.Signals[sig].Crossing == k {
					label, of = x.j.Groups[g].Name, g
				}
			}
		}
		v.Crossings = append(v.Crossings, QueueView{label, signal(letters, of), x.meter.crossings[k].queue(now)})
	}
	return v
}

// approach names an approach by its street and its first group.
func (x *site) approach(a int) (label string, group int) {
	for g := range x.j.Groups {
		for _, l := range x.j.Groups[g].Lanes {
			if !slices.Contains(x.meter.lanes[a], l) {
				continue
			}
			if street := x.meter.streets[a]; street != "" {
				return street + ", " + x.j.Groups[g].Name, g
			}
			return x.j.Groups[g].Name, g
		}
	}
	return x.meter.edges[a], -1
}

func (s *Service) diagram(is *street.Street, now time.Time) *Diagram {
	tracks, stops, length := is.Tracks()
	d := &Diagram{Seconds: watched.Seconds(), Length: length}
	for i, x := range s.sites {
		if i >= len(stops) {
			break
		}
		stop := Stop{Name: name(x), At: stops[i]}
		if len(x.green) > 0 {
			stop.Known = x.green[0].at.Sub(now).Seconds()
		}
		for _, g := range x.green {
			if !g.set.Has(street.East) {
				continue
			}
			t := g.at.Sub(now).Seconds()
			if n := len(stop.Greens); n > 0 && t-stop.Greens[n-1][1] < 0.9 {
				stop.Greens[n-1][1] = t + 1
				continue
			}
			stop.Greens = append(stop.Greens, [2]float64{t, t + 1})
		}
		d.Stops = append(d.Stops, stop)
	}
	for _, t := range tracks {
		if len(t) < 2 {
			continue
		}
		line := make([][2]float64, len(t))
		for k, p := range t {
			line[k] = [2]float64{p[0] - is.Now(), p[1]}
		}
		d.Tracks = append(d.Tracks, line)
	}
	return d
}

// State is one line for the list of services.
func (s *Service) State() service.State {
	s.mu.Lock()
	defer s.mu.Unlock()
	led, away, blind := 0, 0, 0
	for _, x := range s.sites {
		switch x.mode {
		case Adaptive:
			led++
		case Away:
			away++
		case ByPlan, Actuated:
			blind++
		}
	}
	st := service.State{Health: service.Well, Message: "state.well", Values: []any{"n", led, "of", len(s.sites)}, Simulated: s.cfg.Simulate != "", At: s.deps.Now()}
	switch {
	case away > 0:
		st.Health, st.Message, st.Values = service.Trouble, "state.away", []any{"n", away}
	case blind > 0:
		st.Health, st.Message, st.Values = service.Trouble, "state.blind", []any{"n", blind}
	}
	return st
}
