package alarm

import (
	"math"
	"slices"
	"strings"
	"time"

	"polity/city"
	"polity/sensors"
)

// A city may have a hundred thousand sensors, and what is known of each stays in memory. So
// it is kept packed, and shares nothing with what the store handed out.

// memo is a sensor and what was last found of it. It does not change once it is made.
type memo struct {
	id, name string
	kind     uint8 // in kindList
	flags    uint8
	doubt    uint8 // in doubts
	homes    int32
	place    city.Point
	version  uint64
	modified int64 // Unix milliseconds
	seen     int64 // likewise; 0 is never
	values   []packedValue
	figures  []packedFigure
	words    []string // of values, in their order: a unit that is not the listed one, a word
}

type packedValue struct {
	number float64
	at     int64
	name   uint8 // in the kind's list of attributes
	unit   uint8
	word   bool
}

type packedFigure struct {
	value          float64
	at             int64
	measure, doubt uint8
}

// The flags of a memo.
const (
	placed = 1 << iota
	simulated
	pending
)

// How a value says its unit.
const (
	noUnit uint8 = iota
	listedUnit
	otherUnit
)

var (
	kindList    = sensors.Kinds()
	doubts      = []Doubt{Sure, Silent, Stuck, Little}
	measureList = func() []Measure {
		var list []Measure
		for m := range measures {
			list = append(list, m)
		}
		slices.Sort(list)
		return list
	}()
	listed = func() map[sensors.Kind][]sensors.Attribute {
		all := map[sensors.Kind][]sensors.Attribute{}
		for _, k := range kindList {
			all[k] = k.Attributes()
		}
		return all
	}()
)

// pack keeps what was found of a sensor, under an id that is kept already.
func pack(id string, s *State) *memo {
	x := &s.Sensor
	m := &memo{
		id: id, name: nameIn(id, x.Name), kind: uint8(slices.Index(kindList, x.Kind)), doubt: uint8(slices.Index(doubts, s.Doubt)), homes: int32(min(s.Homes, math.MaxInt32)), //nolint:gosec // lists of a few
		place: x.Place, version: x.Version, modified: x.Modified.UnixMilli(), seen: milliseconds(x.Seen),
	}
	for flag, is := range map[uint8]bool{placed: x.Placed, simulated: x.Simulated, pending: s.Pending} {
		if is {
			m.flags |= flag
		}
	}
	for _, v := range x.Values {
		m.values = append(m.values, m.packValue(x.Kind, &v))
	}
	m.values = slices.Clip(slices.Clone(m.values))
	for _, f := range s.Figures {
		m.figures = append(m.figures, packedFigure{f.Value, milliseconds(f.At), uint8(slices.Index(measureList, f.Measure)), uint8(slices.Index(doubts, f.Doubt))}) //nolint:gosec // lists of a few
	}
	m.figures = slices.Clip(slices.Clone(m.figures))
	return m
}

func (m *memo) packValue(k sensors.Kind, v *sensors.Value) packedValue {
	at := slices.IndexFunc(listed[k], func(a sensors.Attribute) bool { return a.Name == v.Name })
	p := packedValue{number: v.Number, at: milliseconds(v.At), name: uint8(at), word: v.Word != ""} //nolint:gosec // a list of a few
	switch v.Unit {
	case "":
	case listed[k][at].Unit:
		p.unit = listedUnit
	default:
		p.unit = otherUnit
		m.words = append(m.words, strings.Clone(v.Unit))
	}
	if p.word {
		m.words = append(m.words, strings.Clone(v.Word))
	}
	return p
}

// nameIn is a name, as a part of an id where it is one.
func nameIn(id, name string) string {
	if strings.HasSuffix(id, name) {
		return id[len(id)-len(name):]
	}
	return strings.Clone(name)
}

// state is what was packed, but for what rules and alarms say.
func (m *memo) state() State {
	k := kindList[m.kind]
	s := State{
		Sensor: sensors.Sensor{
			ID: m.id, Kind: k, Name: m.name, Place: m.place, Placed: m.flags&placed != 0, Simulated: m.flags&simulated != 0,
			Version: m.version, Modified: time.UnixMilli(m.modified).UTC(), Seen: moment(m.seen),
		},
		Doubt: doubts[m.doubt], Pending: m.flags&pending != 0, Homes: int(m.homes),
	}
	words := m.words
	next := func() string {
		w := words[0]
		words = words[1:]
		return w
	}
	for _, p := range m.values {
		a := &listed[k][p.name]
		v := sensors.Value{Name: a.Name, Number: p.number, At: moment(p.at)}
		switch p.unit {
		case listedUnit:
			v.Unit = a.Unit
		case otherUnit:
			v.Unit = next()
		}
		if p.word {
			v.Word = next()
		}
		s.Sensor.Values = append(s.Sensor.Values, v)
	}
	for _, f := range m.figures {
		s.Figures = append(s.Figures, Figure{measureList[f.measure], f.value, moment(f.at), doubts[f.doubt]})
	}
	return s
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
