package alarm

import (
	"math"
	"slices"
	"time"

	"polity/sensors"
)

// A city may have a hundred thousand sensors. What is found of each stays in memory: packed,
// without what its entity says, and sharing nothing with what the store handed out.

// memo is what was last found of a sensor. It does not change once it is made.
type memo struct {
	version  uint64 // of the entity that was looked at; 0: none yet
	modified int64  // Unix milliseconds
	figures  []packedFigure
	homes    *sums // nil: it is no sum over homes
	kind     sensors.Kind
	doubt    uint8 // in doubts
	pending  bool
	listed   bool // there is something to tell of it
}

// sums are the newest values of a sum over homes, which its entity does not say.
type sums struct {
	of     int
	values []sensors.Value
	seen   time.Time
}

type packedFigure struct {
	value          float64
	at             int64
	measure, doubt uint8
}

var (
	doubts      = []Doubt{Sure, Silent, Stuck, Little}
	measureList = func() []Measure {
		var list []Measure
		for m := range measures {
			list = append(list, m)
		}
		slices.Sort(list)
		return list
	}()
)

// pack keeps what was found of a sensor.
func pack(s *State) *memo {
	x := &s.Sensor
	m := &memo{version: x.Version, modified: x.Modified.UnixMilli(), kind: x.Kind, doubt: uint8(slices.Index(doubts, s.Doubt)), pending: s.Pending, listed: true} //nolint:gosec // a list of a few
	if len(s.Figures) > 0 {
		m.figures = make([]packedFigure, len(s.Figures))
	}
	for i, f := range s.Figures {
		m.figures[i] = packedFigure{f.Value, milliseconds(f.At), uint8(slices.Index(measureList, f.Measure)), uint8(slices.Index(doubts, f.Doubt))} //nolint:gosec // lists of a few
	}
	if x.Kind == sensors.Homes {
		m.homes = &sums{s.Homes, slices.Clone(x.Values), x.Seen}
	}
	return m
}

// of puts what was found beside what the sensor's entity says.
func (m *memo) of(s sensors.Sensor) State {
	out := State{Sensor: s, Doubt: doubts[m.doubt], Pending: m.pending}
	for _, f := range m.figures {
		out.Figures = append(out.Figures, Figure{measureList[f.measure], f.value, moment(f.at), doubts[f.doubt]})
	}
	if m.homes != nil {
		out.Homes, out.Sensor.Values, out.Sensor.Seen = m.homes.of, slices.Clone(m.homes.values), m.homes.seen
	}
	return out
}

// milliseconds and moment keep the zero time.
func milliseconds(t time.Time) int64 {
	if t.IsZero() {
		return math.MinInt64
	}
	return t.UnixMilli()
}

func moment(ms int64) time.Time {
	if ms == math.MinInt64 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
