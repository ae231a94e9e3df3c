package realtime

import (
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"polity/city"
)

// Bounds of a message.
const (
	MaxBytes    = 64 << 20
	maxEntities = 200_000
	maxCalls    = 2000 // of a run
	maxSelect   = 5000 // of an alert
	maxTexts    = 50
	maxID       = 255
	maxText     = 8 << 10
)

// Decode reads a FeedMessage. Errors are of kind Invalid or TooLarge; then nothing of
// it counts.
func Decode(b []byte) (*Message, error) {
	if len(b) > MaxBytes {
		return nil, city.Errorf(city.TooLarge, "the message has %d bytes; %d are allowed", len(b), MaxBytes)
	}
	m := &Message{}
	headed, entities := false, 0
	err := each(b, func(n protowire.Number, v value) error {
		switch n {
		case 1:
			headed = true
			return m.header(v)
		case 2:
			if entities++; entities > maxEntities {
				return city.Errorf(city.TooLarge, "more than %d entities", maxEntities)
			}
			return m.entity(v)
		}
		return nil
	})
	if err == nil && !headed {
		err = city.Errorf(city.Invalid, "it has no header")
	}
	if err != nil {
		return nil, city.Errorf(city.KindOf(err), "this is no GTFS-Realtime message that can be used: %w", err)
	}
	return m, nil
}

// value is a field's value: bytes of a message or text, or a number.
type value struct {
	kind  protowire.Type
	bytes []byte
	bits  uint64
}

var errWire = city.Errorf(city.Invalid, "it is cut off or no protocol buffer")

// each calls f with the fields of a message in their order.
func each(b []byte, f func(protowire.Number, value) error) error {
	for len(b) > 0 {
		n, kind, size := protowire.ConsumeTag(b)
		if size < 0 {
			return errWire
		}
		b = b[size:]
		v := value{kind: kind}
		switch kind {
		case protowire.VarintType:
			v.bits, size = protowire.ConsumeVarint(b)
		case protowire.Fixed32Type:
			var x uint32
			x, size = protowire.ConsumeFixed32(b)
			v.bits = uint64(x)
		case protowire.Fixed64Type:
			v.bits, size = protowire.ConsumeFixed64(b)
		case protowire.BytesType:
			v.bytes, size = protowire.ConsumeBytes(b)
		default:
			size = protowire.ConsumeFieldValue(n, kind, b)
		}
		if size < 0 {
			return errWire
		}
		b = b[size:]
		if err := f(n, v); err != nil {
			return err
		}
	}
	return nil
}

func (v value) message(f func(protowire.Number, value) error) error {
	if v.kind != protowire.BytesType {
		return errWire
	}
	return each(v.bytes, f)
}

// text reads a text of at most so many bytes.
func (v value) text(to *string, most int) error {
	switch {
	case v.kind != protowire.BytesType:
		return errWire
	case len(v.bytes) > most:
		return city.Errorf(city.TooLarge, "a text has %d bytes; %d are allowed", len(v.bytes), most)
	case !utf8.Valid(v.bytes):
		return city.Errorf(city.Invalid, "a text is no UTF-8")
	}
	*to = strings.Clone(string(v.bytes))
	return nil
}

func (v value) whole() int64 { return int64(v.bits) }

func (v value) float() float64 { return float64(math.Float32frombits(uint32(v.bits))) }

// moment reads POSIX seconds; what lies outside 1970 to 2200 is not said.
func (v value) moment() time.Time {
	if s := v.whole(); s > 0 && s < 7_258_118_400 {
		return time.Unix(s, 0).UTC()
	}
	return time.Time{}
}

const maxDelay = 48 * time.Hour

// delay reads seconds.
func (v value) delay() (time.Duration, error) {
	d := time.Duration(int32(v.bits)) * time.Second
	if d < -maxDelay || d > maxDelay {
		return 0, city.Errorf(city.Invalid, "a delay of %v", d)
	}
	return d, nil
}

func (m *Message) header(v value) error {
	return v.message(func(n protowire.Number, v value) error {
		switch n {
		case 1:
			return v.text(&m.Version, maxID)
		case 2:
			if v.whole() != 0 {
				return city.Errorf(city.Invalid, "it holds changes alone (incrementality DIFFERENTIAL), which the standard leaves undefined; ask for the full dataset")
			}
		case 3:
			m.At = v.moment()
		}
		return nil
	})
}

func (m *Message) entity(v value) error {
	id, deleted := "", false
	var trip, position, alert *value
	err := v.message(func(n protowire.Number, v value) error {
		switch n {
		case 1:
			return v.text(&id, maxID)
		case 2:
			deleted = v.bits != 0
		case 3:
			trip = &v
		case 4:
			position = &v
		case 5:
			alert = &v
		}
		return nil
	})
	if err != nil || deleted {
		return err
	}
	if trip != nil {
		u, err := tripUpdate(*trip)
		if err != nil {
			return city.Errorf(city.KindOf(err), "entity %q: %w", id, err)
		}
		m.Trips = append(m.Trips, u)
	}
	if position != nil {
		p, ok, err := vehicle(*position)
		if err != nil {
			return city.Errorf(city.KindOf(err), "entity %q: %w", id, err)
		}
		if ok {
			m.Vehicles = append(m.Vehicles, p)
		} else {
			m.Skipped++
		}
	}
	if alert != nil {
		a, err := news(*alert)
		if err != nil {
			return city.Errorf(city.KindOf(err), "entity %q: %w", id, err)
		}
		a.ID = id
		m.Alerts = append(m.Alerts, a)
	}
	if trip == nil && position == nil && alert == nil {
		m.Skipped++
	}
	return nil
}

func tripUpdate(v value) (u TripUpdate, err error) {
	u.Trip.Direction = -1
	err = v.message(func(n protowire.Number, v value) (err error) {
		switch n {
		case 1:
			u.Trip, err = trip(v)
		case 2:
			if len(u.Calls) >= maxCalls {
				return city.Errorf(city.TooLarge, "more than %d calls of a run", maxCalls)
			}
			var c CallUpdate
			c, err = callUpdate(v)
			u.Calls = append(u.Calls, c)
		case 4:
			u.At = v.moment()
		case 5:
			u.Has = true
			u.Delay, err = v.delay()
		}
		return err
	})
	return u, err
}

func trip(v value) (t Trip, err error) {
	t.Direction = -1
	err = v.message(func(n protowire.Number, v value) error {
		switch n {
		case 1:
			return v.text(&t.ID, maxID)
		case 2:
			return v.text(&t.Start, maxID)
		case 3:
			return v.text(&t.Date, maxID)
		case 4:
			t.Schedule = Schedule(v.bits)
		case 5:
			return v.text(&t.Route, maxID)
		case 6:
			if v.bits <= 1 {
				t.Direction = int(v.bits)
			}
		}
		return nil
	})
	return t, err
}

func callUpdate(v value) (c CallUpdate, err error) {
	err = v.message(func(n protowire.Number, v value) (err error) {
		switch n {
		case 1:
			c.Sequence, c.BySequence = uint32(v.bits), true
		case 2:
			c.Arrival, err = event(v)
		case 3:
			c.Departure, err = event(v)
		case 4:
			err = v.text(&c.Stop, maxID)
		case 5:
			c.Relation = Relation(v.bits)
		}
		return err
	})
	return c, err
}

func event(v value) (e Event, err error) {
	err = v.message(func(n protowire.Number, v value) (err error) {
		switch n {
		case 1:
			e.HasDelay = true
			e.Delay, err = v.delay()
		case 2:
			e.Time = v.moment()
		}
		return err
	})
	return e, err
}

// vehicle reads a position. Not ok is one that cannot be: no place, or off the Earth.
// Field 8, the vehicle's description, is not read.
func vehicle(v value) (p Position, ok bool, err error) {
	p.Trip.Direction, p.Bearing, p.Speed, p.Status = -1, -1, -1, OnTheWay
	p.Lat, p.Lon = math.NaN(), math.NaN()
	err = v.message(func(n protowire.Number, v value) (err error) {
		switch n {
		case 1:
			p.Trip, err = trip(v)
		case 2:
			err = v.message(p.place)
		case 3:
			p.Sequence, p.BySequence = uint32(v.bits), true
		case 4:
			p.Status = Status(v.bits)
		case 5:
			p.At = v.moment()
		case 7:
			err = v.text(&p.Stop, maxID)
		}
		return err
	})
	ok = (city.Point{Lon: p.Lon, Lat: p.Lat}).Check() == nil && !math.IsNaN(p.Lon) && !math.IsNaN(p.Lat) && (p.Lon != 0 || p.Lat != 0)
	return p, ok, err
}

func (p *Position) place(n protowire.Number, v value) error {
	if n <= 3 && v.kind != protowire.Fixed32Type {
		return errWire
	}
	switch n {
	case 1:
		p.Lat = v.float()
	case 2:
		p.Lon = v.float()
	case 3:
		if x := v.float(); x >= 0 && x <= 360 {
			p.Bearing = x
		}
	case 5:
		if x := v.float(); v.kind == protowire.Fixed32Type && x >= 0 && x < 150 {
			p.Speed = x
		}
	}
	return nil
}

func news(v value) (a Alert, err error) {
	var active []Period
	err = v.message(func(n protowire.Number, v value) (err error) {
		switch n {
		case 1:
			active, err = periods(active, v)
		case 2:
			a.Periods, err = periods(a.Periods, v)
		case 3:
			a.Impact, err = periods(a.Impact, v)
		case 5:
			if len(a.About) >= maxSelect {
				return city.Errorf(city.TooLarge, "an alert about more than %d things", maxSelect)
			}
			var s Selector
			s, err = selector(v)
			a.About = append(a.About, s)
		case 6:
			a.Cause = int32(v.bits)
		case 7:
			a.Effect = int32(v.bits)
		case 8:
			a.Address, err = texts(v)
		case 10:
			a.Title, err = texts(v)
		case 11:
			a.Words, err = texts(v)
		case 14:
			a.Severity = int32(v.bits)
		}
		return err
	})
	if len(a.Periods) == 0 {
		a.Periods = active
	}
	return a, err
}

// periods adds one to those that were read before.
func periods(list []Period, v value) ([]Period, error) {
	if len(list) >= maxSelect {
		return nil, city.Errorf(city.TooLarge, "more than %d periods of an alert", maxSelect)
	}
	var p Period
	err := v.message(func(n protowire.Number, v value) error {
		switch n {
		case 1:
			p.From = v.moment()
		case 2:
			p.Until = v.moment()
		}
		return nil
	})
	return append(list, p), err
}

func selector(v value) (s Selector, err error) {
	s.Kind, s.Direction, s.Trip.Direction = -1, -1, -1
	err = v.message(func(n protowire.Number, v value) (err error) {
		switch n {
		case 1:
			err = v.text(&s.Agency, maxID)
		case 2:
			err = v.text(&s.Route, maxID)
		case 3:
			s.Kind = int(int32(v.bits))
		case 4:
			s.OfTrip = true
			s.Trip, err = trip(v)
		case 5:
			err = v.text(&s.Stop, maxID)
		case 6:
			if v.bits <= 1 {
				s.Direction = int(v.bits)
			}
		}
		return err
	})
	return s, err
}

func texts(v value) (list []Text, err error) {
	err = v.message(func(n protowire.Number, v value) error {
		if n != 1 {
			return nil
		}
		if len(list) >= maxTexts {
			return city.Errorf(city.TooLarge, "a text in more than %d languages", maxTexts)
		}
		var t Text
		err := v.message(func(n protowire.Number, v value) error {
			switch n {
			case 1:
				return v.text(&t.Text, maxText)
			case 2:
				return v.text(&t.Language, maxID)
			}
			return nil
		})
		list = append(list, t)
		return err
	})
	return list, err
}
