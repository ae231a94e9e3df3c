package live

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"polity/city"
	"polity/service"
	"polity/services/waste"
	"polity/services/waste/roads"
)

// Classes of fill, as everyone sees them.
const (
	Low         = "low"     // under a half
	Filling     = "filling" // under four fifths
	NearlyFull  = "nearly"
	Overflowing = "overflowing"
	Unknown     = "unknown"
)

// View is what pages show. It is a copy.
type View struct {
	At        time.Time // by the clock of crews and containers
	Simulated bool
	Pace      float64 // of that clock; 0: the world's
	Planning  bool
	Progress  waste.Progress // of the plan, while Planning
	Empty     bool           // no table of containers, or of trucks, is there
	Day       time.Time      // midnight; zero: nothing is planned yet
	Phase     string
	Waiting   []string // decisions that a person may have to answer

	Containers []ContainerView
	Streets    []StreetView // by name
	Trucks     []TruckView
	Sites      []SiteView
	Tours      []Tour
	LeftOut    int
	Problems   []waste.Problem
	Fewer      []Fewer
	Cost       float64 // of the day, in the trucks' currency
	Currency   string  // empty: not said
	Metres     float64
	KgCO2      float64
	Alerts     int // that are not over

	Taken   map[string]time.Time // since when people drive trucks
	Unloads []Unload             // today, in order
	Misses  []Miss               // containers that were missed and wait, the newest first
}

// TruckView is a truck of the fleet.
type TruckView struct {
	ID    string
	Shift waste.Hours
	Out   bool // of service
}

// SiteView is a landfill or transfer station.
type SiteView struct {
	ID     string
	Open   waste.Hours
	Closed bool
}

// ContainerView is a container.
type ContainerView struct {
	ID, Street string
	Place      city.Point
	Fraction   string
	Litres     float64
	Near       bool // it is emptied from the lane beside its kerb
	Class      string
	Fill       float64
	At         time.Time // of the fill; zero: not known
	Overflow   float64   // probability by the next chance to collect, if it is not emptied today
	Suspect    bool      // its sensor seems to lie
	Truck      string    // whose tour it is on today; empty: none's
	Collected  time.Time // today; zero: not
	Missed     string    // why not; empty: it was not missed
}

// StreetView is a street with its containers.
type StreetView struct {
	Name                       string
	Containers                 int
	Planned, Collected, Missed int // today
	Last                       time.Time
	Classes                    map[string]int
}

func class(l level) string {
	switch {
	case l.At.IsZero():
		return Unknown
	case l.Fill >= overflowing:
		return Overflowing
	case l.Fill >= 0.8:
		return NearlyFull
	case l.Fill >= 0.5:
		return Filling
	}
	return Low
}

// View returns the picture of this moment.
func (s *Service) View() View {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := &s.kept.Today
	v := View{
		At: s.at, Simulated: s.cfg.Simulate != "", Planning: s.planning, Progress: s.progress, Empty: len(s.town.Containers) == 0 || len(s.town.Fleet.Trucks) == 0, Day: t.Day, Phase: t.Phase, Waiting: slices.Clone(s.kept.Waiting),
		LeftOut: len(t.LeftOut), Problems: slices.Clone(t.Problems), Fewer: slices.Clone(t.Fewer), Cost: t.Cost, Currency: s.town.Fleet.Currency, Metres: t.Metres, KgCO2: t.KgCO2,
		Alerts: len(s.kept.Alerts),
	}
	if v.Simulated {
		v.Pace = s.cfg.Pace
	}
	v.Taken = map[string]time.Time{}
	for truck, d := range t.Drivers {
		v.Taken[truck] = d.Since
	}
	for _, u := range t.Unloads {
		v.Unloads = append(v.Unloads, u)
	}
	slices.SortFunc(v.Unloads, func(a, b Unload) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Truck, b.Truck)) })
	v.Misses = s.misses()
	for i := range s.town.Fleet.Trucks {
		x := &s.town.Fleet.Trucks[i]
		v.Trucks = append(v.Trucks, TruckView{x.ID, x.Shift, x.Out})
	}
	for i := range s.town.Fleet.Sites {
		x := &s.town.Fleet.Sites[i]
		v.Sites = append(v.Sites, SiteView{x.ID, x.Open, x.Closed})
	}
	with := map[string]string{}
	for i := range t.Tours {
		tour := t.Tours[i]
		tour.Calls, tour.Line, tour.DoneAt = slices.Clone(tour.Calls), slices.Clone(tour.Line), slices.Clone(tour.DoneAt)
		v.Tours = append(v.Tours, tour)
		for k, c := range tour.Calls {
			if c.Container != "" && (!tour.Broken || k < tour.Done || with[c.Container] == "") {
				with[c.Container] = tour.Truck
			}
		}
	}
	streets := map[string]*StreetView{}
	for i := range s.town.Containers {
		c := &s.town.Containers[i]
		x := ContainerView{
			ID: c.ID, Street: s.streets[i], Place: c.Place, Fraction: string(c.Fraction), Litres: c.Litres, Near: c.Side != roads.Either, Class: class(s.levels[i]), Fill: s.levels[i].Fill, At: s.levels[i].At,
			Overflow: s.outlooks[c.ID], Suspect: slices.Contains(s.suspects, c.ID), Truck: with[c.ID], Collected: t.Collected[c.ID], Missed: t.Missed[c.ID],
		}
		v.Containers = append(v.Containers, x)
		st := streets[x.Street]
		if st == nil {
			st = &StreetView{Name: x.Street, Classes: map[string]int{}}
			streets[x.Street] = st
		}
		st.take(&x)
	}
	for _, st := range streets {
		v.Streets = append(v.Streets, *st)
	}
	slices.SortFunc(v.Streets, func(a, b StreetView) int { return strings.Compare(a.Name, b.Name) })
	return v
}

func (st *StreetView) take(x *ContainerView) {
	st.Containers++
	st.Classes[x.Class]++
	if x.Truck != "" {
		st.Planned++
	}
	if !x.Collected.IsZero() {
		st.Collected++
		if x.Collected.After(st.Last) {
			st.Last = x.Collected
		}
	}
	if x.Missed != "" {
		st.Missed++
	}
}

// State is one line for the list of services.
func (s *Service) State() service.State {
	v := s.View()
	n, done := 0, 0
	for i := range v.Streets {
		n, done = n+v.Streets[i].Planned, done+v.Streets[i].Collected
	}
	x := service.State{Health: service.Well, Message: "state.planning", Simulated: v.Simulated, At: v.At}
	switch {
	case v.Day.IsZero():
	case len(v.Tours) == 0:
		x.Health, x.Message = service.Trouble, "state.none"
	case v.Phase == Proposed:
		x.Message, x.Values = "state.proposed", []any{"n", n}
	case slices.ContainsFunc(v.Tours, func(t Tour) bool { return t.Broken }):
		x.Health, x.Message, x.Values = service.Trouble, "state.broken", []any{"n", done, "of", n}
	default:
		x.Message, x.Values = "state.driving", []any{"n", done, "of", n}
	}
	if x.Health == service.Well && len(v.Problems) > 0 {
		x.Health = service.Trouble
	}
	return x
}

// WriteGPX writes a truck's tour; NotFound if it has none today.
func (s *Service) WriteGPX(w io.Writer, truck string) error {
	v := s.View()
	for i := range v.Tours {
		if v.Tours[i].Truck == truck {
			return waste.WriteGPX(w, &v.Tours[i].Tour, v.Tours[i].Line)
		}
	}
	return city.Errorf(city.NotFound, "%s has no tour today", fmt.Sprintf("%q", truck))
}
