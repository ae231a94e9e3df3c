// Package rounds is a made-up collection: containers fill and tell (fillsim), trucks drive
// the tours that they are given, find a container blocked now and then, and one breaks down.
// It has a clock of its own that goes faster than others. It shares no code with what
// forecasts and plans.
package rounds

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"polity/city"
	"polity/services/waste/fillsim"
)

// Config is what New needs.
type Config struct {
	Seed       uint64
	Containers []string  // ids
	Today      time.Time // midnight of the first day; what was before it is history
	Pace       float64   // seconds of its clock for a second of the world's
	Blocked    float64   // share of containers that a crew finds blocked
	// Breaks is the truck whose engine fails on the first day, so long after midnight.
	Breaks   string
	BreaksAt time.Duration
}

// Sizes of what is made up.
const (
	before  = 56 // days of history
	ahead   = 28 // days after which what is brought repeats
	Morning = 5*time.Hour + 30*time.Minute
	rest    = 20 * time.Second // of the world's time, between a day and the next
)

// Reading is what a sensor said.
type Reading struct {
	Container int
	At        time.Time
	Fill      float64
}

// What happens.
const (
	Emptied  = "emptied"
	Blocked  = "blocked"
	Broke    = "broke"
	Unloaded = "unloaded"
	Home     = "home"
	Dawn     = "dawn" // a new day
)

// Event is what a crew tells.
type Event struct {
	What      string
	At        time.Time
	Truck     string
	Container string
	Site      string
	Kilograms float64
}

// Stop is a call of a tour, in order.
type Stop struct {
	Container, Site string
	Place           city.Point
	Arrive, Leave   time.Duration // from midnight
	Kilograms       float64
}

// Round is what a truck is to drive.
type Round struct {
	Truck string
	Stops []Stop
	Line  []city.Point
	Start time.Duration
	End   time.Duration
}

type truck struct {
	round  Round
	next   int
	broken bool
	home   bool
	person bool // somebody drives it
	load   float64
	at     city.Point // of its last stop
}

// World is the made-up collection. It is not safe for concurrent use.
type World struct {
	cfg    Config
	sim    *fillsim.City
	rng    *rand.Rand
	day    time.Time
	clock  time.Duration // from the day's midnight
	seen   time.Time     // the world's time of the last step
	over   time.Time     // when all trucks were home
	level  []float64     // just after the last emptying, or at the beginning
	since  []time.Time
	trucks map[string]*truck
	broke  bool
	told   time.Time // readings up to here are told
}

// New makes a world in the morning of its first day.
func New(cfg Config) *World {
	w := &World{
		cfg: cfg, rng: rand.New(rand.NewPCG(cfg.Seed, 77)), day: cfg.Today, clock: Morning, trucks: map[string]*truck{}, //nolint:gosec // made-up crews
		sim: simulated(cfg),
	}
	start := before*24 + int(Morning.Hours())
	for i := range w.sim.Containers {
		w.level = append(w.level, w.sim.Containers[i].Level[start])
		w.since = append(w.since, w.Now())
	}
	w.told = w.Now()
	w.tidy()
	return w
}

// aMonday is the first day as it is made up. On whatever date a made-up city begins, it is the
// same: otherwise there would be days on which one truck does it all.
var aMonday = time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)

// simulated fills the containers as on that Monday, and gives all of it the dates that it is
// told with.
func simulated(cfg Config) *fillsim.City {
	sim := fillsim.Simulate(fillsim.Params{Seed: cfg.Seed, Containers: len(cfg.Containers), Days: before + ahead, From: aMonday.AddDate(0, 0, -before), Faulty: 0.03})
	sim.Shift(cfg.Today.Sub(aMonday))
	return sim
}

// The afternoon before the first day: what would have been so full by the morning was emptied,
// but for a few that crews could not get at.
const (
	tidyAt    = -10 * time.Hour // from the first midnight
	tidyFrom  = 0.93
	tidyFails = 2
)

// tidy is that day's round. The history is of rounds on fixed weekdays, which leave one
// container in twenty full; a city that has planned by need for a while has a few.
func (w *World) tidy() {
	at, failed := w.day.Add(tidyAt), 0
	for i := range w.sim.Containers {
		if w.level[i] < tidyFrom {
			continue
		}
		if w.level[i] >= 1 && failed < tidyFails {
			failed++
			continue
		}
		w.level[i], w.since[i] = 0.03*w.rng.Float64(), at
	}
	w.told = at
}

// Now is its clock.
func (w *World) Now() time.Time { return w.day.Add(w.clock) }

// Day is the midnight of its day.
func (w *World) Day() time.Time { return w.day }

// Kind is what fills a container.
func (w *World) Kind(i int) string { return string(w.sim.Containers[i].Kind) }

// History is what sensors said and crews did before the first day.
func (w *World) History(i int) (readings []Reading, emptied []time.Time) {
	for _, r := range w.sim.Containers[i].Readings {
		if r.At.Before(w.since[i]) {
			readings = append(readings, Reading{i, r.At, r.Fill})
		}
	}
	for _, at := range w.sim.Containers[i].Emptied {
		if at.Before(w.since[i]) {
			emptied = append(emptied, at)
		}
	}
	if w.since[i].Before(w.cfg.Today) {
		emptied = append(emptied, w.since[i])
	}
	return readings, emptied
}

// brought is all that was brought to a container until a time.
func (w *World) brought(i int, at time.Time) float64 {
	b := w.sim.Containers[i].Brought
	from, h := before*24, at.Sub(w.sim.From).Hours()
	whole := int(h)
	one := func(hour int) float64 {
		laps := 0.0
		for hour >= len(b) {
			hour -= len(b) - from
			laps++
		}
		return b[hour] + laps*(b[len(b)-1]-b[from])
	}
	return one(whole) + (h-float64(whole))*(one(whole+1)-one(whole))
}

// fill is how full a container is, whatever its sensor says.
func (w *World) fill(i int, at time.Time) float64 {
	return w.level[i] + w.brought(i, at) - w.brought(i, w.since[i])
}

const (
	tellsEach = 2 * time.Hour
	noise     = 0.02
)

// Readings are those since it was last asked: each sensor's every two hours.
func (w *World) Readings() (list []Reading) {
	for next := w.told.Truncate(tellsEach).Add(tellsEach); !next.After(w.Now()); next = next.Add(tellsEach) {
		for i := range w.cfg.Containers {
			if next.Before(w.since[i]) {
				continue
			}
			list = append(list, Reading{i, next, math.Round(100*min(1, max(0, w.fill(i, next)+noise*w.rng.NormFloat64()))) / 100})
		}
		w.told = next
	}
	return list
}

// Drive gives a truck its round, or another one; what it has done it keeps.
func (w *World) Drive(r Round) {
	t := w.trucks[r.Truck]
	if t == nil {
		t = &truck{}
		w.trucks[r.Truck] = t
	}
	t.round, t.next, t.home, t.broken, t.person = r, 0, false, false, false
	w.over = time.Time{}
}

// Leave gives a truck to somebody who drives it: nothing happens to it by itself until Drive
// or Stop.
func (w *World) Leave(name string) {
	if t := w.trucks[name]; t != nil {
		t.person = true
	}
}

// Stop has a truck that somebody drove drive no more today.
func (w *World) Stop(name string) {
	if t := w.trucks[name]; t != nil {
		t.home, t.person = true, false
	}
}

// Empty is what somebody did with a container just now.
func (w *World) Empty(container string) {
	if i := slices.Index(w.cfg.Containers, container); i >= 0 {
		w.level[i], w.since[i] = 0.03*w.rng.Float64(), w.Now()
	}
}

// Recall ends the day: no truck goes on, and the next one dawns.
func (w *World) Recall() {
	for _, t := range w.trucks {
		t.home, t.person = true, false
	}
	if len(w.trucks) == 0 {
		w.trucks[""] = &truck{home: true}
	}
}

// Step brings it to the world's time now and returns what happened. Its clock stands while no
// truck is out but those that somebody drives; the day goes on until they are back.
func (w *World) Step(now time.Time) (events []Event) {
	passed := now.Sub(w.seen)
	if w.seen.IsZero() || passed < 0 {
		passed = 0
	}
	w.seen = now
	if w.out() {
		w.clock += time.Duration(float64(passed) * w.cfg.Pace)
		for _, name := range w.names() {
			events = append(events, w.drive(name, w.trucks[name])...)
		}
		slices.SortStableFunc(events, func(a, b Event) int { return a.At.Compare(b.At) })
		return events
	}
	switch {
	case len(w.trucks) == 0 || w.driven():
	case w.over.IsZero():
		w.over = now
	case now.Sub(w.over) > min(rest, time.Duration(float64(2*time.Hour)/w.cfg.Pace)):
		w.day, w.clock, w.over, w.trucks = w.day.AddDate(0, 0, 1), Morning, time.Time{}, map[string]*truck{}
		events = append(events, Event{What: Dawn, At: w.Now()})
	}
	return events
}

func (w *World) names() (list []string) {
	for name := range w.trucks {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

// out says whether a truck is still on its round.
func (w *World) out() bool {
	for _, t := range w.trucks {
		if !t.home && !t.broken && !t.person {
			return true
		}
	}
	return false
}

// driven says whether somebody drives a truck.
func (w *World) driven() bool {
	for _, t := range w.trucks {
		if t.person {
			return true
		}
	}
	return false
}

func (w *World) drive(name string, t *truck) (events []Event) {
	if t.broken || t.home || t.person {
		return nil
	}
	if name == w.cfg.Breaks && !w.broke && w.day.Equal(w.cfg.Today) && w.clock >= w.cfg.BreaksAt && t.next > 0 {
		w.broke, t.broken = true, true
		return []Event{{What: Broke, At: w.Now(), Truck: name}}
	}
	for ; t.next < len(t.round.Stops); t.next++ {
		s := &t.round.Stops[t.next]
		if s.Leave > w.clock {
			return events
		}
		t.at = s.Place
		e := Event{At: w.day.Add(s.Leave), Truck: name, Container: s.Container, Site: s.Site}
		i := slices.Index(w.cfg.Containers, s.Container)
		switch {
		case s.Site != "":
			e.What, e.Kilograms, t.load = Unloaded, t.load, 0
		case i < 0:
			continue
		case w.blocked(i):
			e.What = Blocked
		default:
			e.What, e.Kilograms = Emptied, s.Kilograms
			t.load += s.Kilograms
			w.level[i], w.since[i] = 0.03*w.rng.Float64(), e.At
		}
		events = append(events, e)
	}
	if w.clock >= t.round.End {
		t.home = true
		events = append(events, Event{What: Home, At: w.day.Add(t.round.End), Truck: name})
	}
	return events
}

// blocked says whether a crew finds a container blocked on this day.
func (w *World) blocked(i int) bool {
	day := uint64(w.day.Sub(w.cfg.Today) / (24 * time.Hour))                          //nolint:gosec // days go on
	return rand.New(rand.NewPCG(w.cfg.Seed+day, uint64(i))).Float64() < w.cfg.Blocked //nolint:gosec // made up
}
