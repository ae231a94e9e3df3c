package realtime

import (
	"math"
	"strconv"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// Encode writes a FeedMessage with the full dataset. Entities are numbered.
func (m *Message) Encode() []byte {
	var b []byte
	version := m.Version
	if version == "" {
		version = "2.0"
	}
	b = field(b, 1, func(h []byte) []byte {
		h = text(h, 1, version)
		h = whole(h, 2, 0)
		return moment(h, 3, m.At)
	})
	entity := func(id string, n protowire.Number, write func([]byte) []byte) {
		b = field(b, 2, func(e []byte) []byte { return field(text(e, 1, id), n, write) })
	}
	for i := range m.Trips {
		entity("trip-"+strconv.Itoa(i), 3, m.Trips[i].encode)
	}
	for i := range m.Vehicles {
		entity("position-"+strconv.Itoa(i), 4, m.Vehicles[i].encode)
	}
	for i := range m.Alerts {
		entity(m.Alerts[i].ID, 5, m.Alerts[i].encode)
	}
	return b
}

func field(b []byte, n protowire.Number, write func([]byte) []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, n, protowire.BytesType), write(nil))
}

func text(b []byte, n protowire.Number, s string) []byte {
	if s == "" {
		return b
	}
	return protowire.AppendString(protowire.AppendTag(b, n, protowire.BytesType), s)
}

func whole(b []byte, n protowire.Number, v int64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, n, protowire.VarintType), uint64(v))
}

func moment(b []byte, n protowire.Number, t time.Time) []byte {
	if t.IsZero() {
		return b
	}
	return whole(b, n, t.Unix())
}

func float(b []byte, n protowire.Number, v float64) []byte {
	return protowire.AppendFixed32(protowire.AppendTag(b, n, protowire.Fixed32Type), math.Float32bits(float32(v)))
}

func (t *Trip) encode(b []byte) []byte {
	b = text(text(text(b, 1, t.ID), 2, t.Start), 3, t.Date)
	b = text(whole(b, 4, int64(t.Schedule)), 5, t.Route)
	if t.Direction >= 0 {
		b = whole(b, 6, int64(t.Direction))
	}
	return b
}

func (u *TripUpdate) encode(b []byte) []byte {
	b = field(b, 1, u.Trip.encode)
	for i := range u.Calls {
		b = field(b, 2, u.Calls[i].encode)
	}
	b = moment(b, 4, u.At)
	if u.Has {
		b = whole(b, 5, int64(u.Delay/time.Second))
	}
	return b
}

func (c *CallUpdate) encode(b []byte) []byte {
	if c.BySequence {
		b = whole(b, 1, int64(c.Sequence))
	}
	if c.Arrival.Given() {
		b = field(b, 2, c.Arrival.encode)
	}
	if c.Departure.Given() {
		b = field(b, 3, c.Departure.encode)
	}
	return whole(text(b, 4, c.Stop), 5, int64(c.Relation))
}

func (e *Event) encode(b []byte) []byte {
	if e.HasDelay {
		b = whole(b, 1, int64(e.Delay/time.Second))
	}
	return moment(b, 2, e.Time)
}

func (p *Position) encode(b []byte) []byte {
	b = field(b, 1, p.Trip.encode)
	b = field(b, 2, func(b []byte) []byte {
		b = float(float(b, 1, p.Lat), 2, p.Lon)
		if p.Bearing >= 0 {
			b = float(b, 3, p.Bearing)
		}
		if p.Speed >= 0 {
			b = float(b, 5, p.Speed)
		}
		return b
	})
	if p.BySequence {
		b = whole(b, 3, int64(p.Sequence))
	}
	return text(moment(whole(b, 4, int64(p.Status)), 5, p.At), 7, p.Stop)
}

func (a *Alert) encode(b []byte) []byte {
	for n, list := range map[protowire.Number][]Period{2: a.Periods, 3: a.Impact} {
		for _, p := range list {
			b = field(b, n, func(b []byte) []byte { return moment(moment(b, 1, p.From), 2, p.Until) })
		}
	}
	for i := range a.About {
		b = field(b, 5, a.About[i].encode)
	}
	for n, v := range map[protowire.Number]int32{6: a.Cause, 7: a.Effect, 14: a.Severity} {
		if v != 0 {
			b = whole(b, n, int64(v))
		}
	}
	for n, list := range map[protowire.Number][]Text{8: a.Address, 10: a.Title, 11: a.Words} {
		if len(list) > 0 {
			b = field(b, n, func(b []byte) []byte {
				for _, t := range list {
					b = field(b, 1, func(b []byte) []byte { return text(text(b, 1, t.Text), 2, t.Language) })
				}
				return b
			})
		}
	}
	return b
}

func (s *Selector) encode(b []byte) []byte {
	b = text(text(b, 1, s.Agency), 2, s.Route)
	if s.Kind >= 0 {
		b = whole(b, 3, int64(s.Kind))
	}
	if s.OfTrip {
		b = field(b, 4, s.Trip.encode)
	}
	b = text(b, 5, s.Stop)
	if s.Direction >= 0 {
		b = whole(b, 6, int64(s.Direction))
	}
	return b
}
