package alarm

import (
	"context"
	"slices"
	"time"

	"polity/city"
	"polity/plane"
	"polity/sensors"
)

// State is what is known of a sensor.
type State struct {
	Sensor  sensors.Sensor
	Figures []Figure
	Doubt   Doubt   // why little can be said of the present
	Alarms  []Alarm // that go on, the worst first, with the present value
	Pending bool    // a level is reached, and an alarm if it holds for long enough
	Levels  map[Measure][]Level
	Homes   int // of which the newest values of the kind homes are the sum
}

// Figure is a measure as it is now.
type Figure struct {
	Measure Measure
	Value   float64
	At      time.Time
	Doubt   Doubt // Little: it is what was measured, and there may be more
}

// Counts is what happened since the start.
type Counts struct {
	Rounds, Failed           uint64 // failed: the store could not be read
	Looked                   uint64 // sensors that were looked at
	Raised, Changed, Cleared uint64
	Unstored                 uint64 // changes of alarms that could not be stored, and were tried again
}

// stateOf is what is known of a sensor; false if that is nothing.
func (w *Watch) stateOf(e *plane.Entity) (State, bool) {
	w.mu.Lock()
	x := w.known[e.ID]
	if x == nil || !x.memo.listed {
		w.mu.Unlock()
		return State{}, false
	}
	m, told := x.memo, x.told
	w.mu.Unlock()
	sensor, ok := sensors.Read(e)
	if !ok {
		return State{}, false
	}
	s := m.of(sensor)
	s.Alarms, s.Levels = told, map[Measure][]Level{}
	if sensor.Kind != sensors.Homes {
		for _, r := range w.rulesOf(&sensor) {
			s.Levels[r.Measure] = r.Levels
		}
	}
	return s, true
}

// States returns what is known of all sensors, in no order. Nobody changes what the states
// point to.
func (w *Watch) States(ctx context.Context) ([]State, error) {
	var out []State
	err := w.each(ctx, plane.Query{Types: sensors.Types(), Limit: plane.MaxLimit}, func(e *plane.Entity) {
		if s, ok := w.stateOf(e); ok {
			out = append(out, s)
		}
	})
	return out, err
}

// State returns one of them, or NotFound.
func (w *Watch) State(ctx context.Context, id string) (State, error) {
	e, err := w.store.Entity(ctx, plane.Key{ID: id})
	if err == nil {
		if s, ok := w.stateOf(e); ok {
			return s, nil
		}
		err = city.Errorf(city.NotFound, "nothing is known of a sensor %q", id)
	}
	return State{}, err
}

// Group is a kind of sensors in one state.
type Group struct {
	Kind  sensors.Kind
	State string // alarm, unknown, pending or fine
}

// Tally counts sensors, and alarms that go on.
func (w *Watch) Tally() (groups map[Group]int, alarms map[Severity]int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	groups, alarms = map[Group]int{}, map[Severity]int{}
	for _, x := range w.known {
		if !x.memo.listed {
			continue
		}
		g := Group{x.memo.kind, "fine"}
		switch {
		case len(x.told) > 0:
			g.State = "alarm"
		case doubts[x.memo.doubt] != Sure:
			g.State = "unknown"
		case x.memo.pending:
			g.State = "pending"
		}
		groups[g]++
		for _, a := range x.told {
			alarms[a.Severity]++
		}
	}
	return groups, alarms
}

// Counts returns what happened since the start.
func (w *Watch) Counts() Counts {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.counts
}

// LastRound is how long the last round took.
func (w *Watch) LastRound() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.roundFor
}

// History returns the alarms of a sensor from the city's data that overlap [from, to), the
// newest first, at most limit.
func (w *Watch) History(ctx context.Context, sensor string, from, to time.Time, limit int) ([]Alarm, error) {
	var out []Alarm
	q := ofSensor(sensor)
	if err := w.each(ctx, q, func(e *plane.Entity) {
		if a, err := Read(e); err == nil && a.Sensor == sensor && a.Start.Before(to) && (a.End.IsZero() || !a.End.Before(from)) {
			out = append(out, a)
		}
	}); err != nil {
		return nil, err
	}
	slices.SortFunc(out, func(a, b Alarm) int { return b.Start.Compare(a.Start) })
	return out[:min(len(out), limit)], nil
}
