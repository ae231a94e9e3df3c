// Package waste plans the collection of a city's waste containers: what is
// known of containers, vehicles and landfills, which containers to empty today,
// and tours that crews can drive.
package waste

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"polity/city"
	"polity/services/waste/roads"
)

// Fraction is a kind of waste that is collected apart: "mixed", "paper", "bio".
type Fraction string

// Container is a place where waste is collected.
type Container struct {
	ID       string
	Place    city.Point
	Fraction Fraction
	Litres   float64    // volume
	Density  float64    // kilograms for each litre as collected
	Fill     float64    // share that is full, as far as known; 1 if nothing is
	Overflow float64    // probability that it is full before the next chance to collect; 1 if not known
	Must     bool       // has to be emptied whatever its fill
	Side     roads.Side // of the street where a vehicle has to stop
	Open     Hours      // when it may be emptied; zero: any time
	Service  time.Duration
	Home     string // vehicle whose territory it is in; "" if none
}

// Hours is a time of day, from midnight; the zero value is the whole day.
type Hours struct{ From, To time.Duration }

// Site is a landfill or transfer station.
type Site struct {
	ID        string
	Place     city.Point
	Fractions []Fraction // taken; none listed: all
	Open      Hours
	Closed    bool // today
	Service   time.Duration
}

// Truck is a vehicle with its crew's shift.
type Truck struct {
	ID          string
	Depot       city.Point  // where the day begins and ends
	From        *city.Point // where it begins instead, such as where it is now; nil: the depot
	Kilograms   float64
	Litres      float64 // of loose waste that it takes: volume times compaction
	Fractions   []Fraction
	Vehicle     roads.Vehicle
	Shift       Hours
	Break       Hours // window in which a break begins; zero: none
	BreakLength time.Duration
	PerKm       float64 // cost, any one currency
	PerHour     float64 // of driving
	PerDay      float64 // of going out at all
	GramsCO2Km  float64
	Out         bool // not available today
}

// Fleet is what collects.
type Fleet struct {
	Trucks   []Truck
	Sites    []Site
	Currency string // of costs: three letters (ISO 4217); empty: not said
}

// Problem is one thing that makes a plan impossible or needs a look, in words
// for the planner.
type Problem struct {
	Container string // "" if it is about something else
	What      string // what is wrong
	Help      string // what would help
}

func (p Problem) String() string {
	if p.Container == "" {
		return p.What + ". " + p.Help + "."
	}
	return "Container " + p.Container + ": " + p.What + ". " + p.Help + "."
}

// Gathered are problems that are the same but for the container.
type Gathered struct {
	Containers []string // none: it is about something else
	What, Help string
}

const namesMost = 5

func (g Gathered) String() string {
	switch n := len(g.Containers); {
	case n == 0:
		return g.What + ". " + g.Help + "."
	case n == 1:
		return "Container " + g.Containers[0] + ": " + g.What + ". " + g.Help + "."
	case n <= namesMost:
		return fmt.Sprintf("%d containers (%s): each: %s. %s.", n, strings.Join(g.Containers, ", "), g.What, g.Help)
	default:
		return fmt.Sprintf("%d containers (%s and %d more): each: %s. %s.", n, strings.Join(g.Containers[:namesMost], ", "), n-namesMost, g.What, g.Help)
	}
}

// Gather puts problems that are the same but for the container together, in order.
func Gather(problems []Problem) (list []Gathered) {
	at := map[[2]string]int{}
	for _, p := range problems {
		key := [2]string{p.What, p.Help}
		i, known := at[key]
		if !known || p.Container == "" {
			i = len(list)
			at[key] = i
			list = append(list, Gathered{What: p.What, Help: p.Help})
		}
		if p.Container != "" {
			list[i].Containers = append(list[i].Containers, p.Container)
		}
	}
	return list
}

// takes says whether a list of fractions includes one; an empty list takes all.
func takes(list []Fraction, f Fraction) bool { return len(list) == 0 || slices.Contains(list, f) }

// kilograms and litres that a container is expected to hold.
func (c *Container) kilograms() float64 { return c.litres() * c.Density }
func (c *Container) litres() float64    { return c.Litres * min(1.2, max(0, c.Fill)) }

// Check reports what is impossible before any tour is planned: containers that no
// truck in service can take, fractions without an open site, trucks without a
// shift.
func (f *Fleet) Check(containers []Container) []Problem {
	var problems []Problem
	trucks := f.inService()
	for _, t := range trucks {
		if t.Shift.To <= t.Shift.From {
			problems = append(problems, Problem{What: fmt.Sprintf("truck %s has no shift today", t.ID), Help: "Give its shift's beginning and end"})
		}
	}
	if len(trucks) == 0 {
		return append(problems, Problem{What: "no truck is in service today", Help: "Put at least one truck into service"})
	}
	closed, met := map[Fraction]bool{}, map[Fraction]bool{}
	for i := range containers {
		c := &containers[i]
		if !f.siteFor(c.Fraction) {
			if !closed[c.Fraction] {
				problems = append(problems, Problem{What: fmt.Sprintf("no site that takes %s is open today", c.Fraction), Help: f.sitesThatWould(c.Fraction)})
			}
			closed[c.Fraction] = true
			continue
		}
		if !closed[c.Fraction] && !met[c.Fraction] {
			if p := f.meets(c.Fraction, trucks); p != nil {
				problems = append(problems, *p)
				closed[c.Fraction] = true
			}
			met[c.Fraction] = true
		}
		if p := c.fits(trucks); p != nil {
			problems = append(problems, *p)
		}
	}
	return problems
}

// meets says what keeps every truck from unloading a fraction while it works.
func (f *Fleet) meets(fraction Fraction, trucks []*Truck) *Problem {
	var open, shifts []string
	for i := range f.Sites {
		s := &f.Sites[i]
		if s.Closed || !takes(s.Fractions, fraction) {
			continue
		}
		from, to := s.Open.From, s.Open.To
		if s.Open == (Hours{}) {
			return nil
		}
		for _, t := range trucks {
			if takes(t.Fractions, fraction) && from < t.Shift.To && t.Shift.From < to {
				return nil
			}
		}
		open = append(open, fmt.Sprintf("%s %s-%s", s.ID, clock(from), clock(to)))
	}
	for _, t := range trucks {
		if takes(t.Fractions, fraction) {
			shifts = append(shifts, fmt.Sprintf("%s %s-%s", t.ID, clock(t.Shift.From), clock(t.Shift.To)))
		}
	}
	if len(shifts) == 0 {
		return nil // which is said of its containers
	}
	return &Problem{
		What: fmt.Sprintf("no truck can unload %s: sites are open (%s) when no truck for it works (%s)", fraction, strings.Join(open, ", "), strings.Join(shifts, ", ")),
		Help: "Have a site open, or a truck work, at other hours",
	}
}

func (f *Fleet) inService() (trucks []*Truck) {
	for i := range f.Trucks {
		if t := &f.Trucks[i]; !t.Out {
			trucks = append(trucks, t)
		}
	}
	return trucks
}

func (f *Fleet) siteFor(fraction Fraction) bool {
	return slices.ContainsFunc(f.Sites, func(s Site) bool { return !s.Closed && takes(s.Fractions, fraction) })
}

func (f *Fleet) sitesThatWould(fraction Fraction) string {
	for _, s := range f.Sites {
		if takes(s.Fractions, fraction) {
			return fmt.Sprintf("%s would take it but is closed: open it, or leave %s for another day", s.ID, fraction)
		}
	}
	return fmt.Sprintf("Add a landfill or transfer station that takes %s", fraction)
}

// fits says what keeps every truck from taking the container.
func (c *Container) fits(trucks []*Truck) *Problem {
	fraction, room := false, 0.0
	for _, t := range trucks {
		if !takes(t.Fractions, c.Fraction) {
			continue
		}
		fraction = true
		room = max(room, min(t.Litres/max(c.litres(), 1e-9), t.Kilograms/max(c.kilograms(), 1e-9)))
	}
	switch {
	case !fraction:
		return &Problem{c.ID, fmt.Sprintf("no truck in service takes %s", c.Fraction), "Put a truck for it into service, or add the fraction to one"}
	case room < 1:
		return &Problem{c.ID, fmt.Sprintf("it holds about %.0f l and %.0f kg, more than any truck for %s takes", c.litres(), c.kilograms(), c.Fraction), "Collect it in two goes, or send a larger truck"}
	}
	return nil
}

// open returns hours as seconds from midnight, the whole day for the zero value.
func (h Hours) open() (from, to int32) {
	if h == (Hours{}) {
		return 0, 48 * 3600
	}
	return int32(h.From / time.Second), int32(h.To / time.Second)
}

func clock(d time.Duration) string {
	m := int(math.Round(d.Minutes()))
	return fmt.Sprintf("%02d:%02d", m/60, m%60)
}
