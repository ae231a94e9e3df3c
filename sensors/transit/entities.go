package transit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"polity/city"
	"polity/plane"
	"polity/sensors/transit/gtfs"
)

// Types of entities: Smart Data Models, dataModel.UrbanMobility and Transportation.
const (
	TypeAgency  = "GtfsAgency"
	TypeStop    = "GtfsStop"
	TypeStation = "GtfsStation"
	TypeRoute   = "GtfsRoute"
	TypeVehicle = "Vehicle"
	TypeAlert   = "Alert"
)

// Attributes of a route's history; each observation is of an hour.
const (
	Measured  = "departuresMeasured"
	OnTime    = "departuresOnTime"
	Early     = "departuresEarly"
	Late      = "departuresLate"
	Cancelled = "tripsCancelled"
	MeanDelay = "meanDelay" // seconds
)

// urn names an entity of a feed. What a URI cannot hold is written as %XX.
func urn(typ string, feed city.Slug, id string) string {
	return prefixOf(typ, feed) + escape(id)
}

func prefixOf(typ string, feed city.Slug) string {
	return "urn:ngsi-ld:" + typ + ":" + string(feed) + ":"
}

func escape(id string) string {
	var b strings.Builder
	for i := range len(id) {
		switch c := id[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '.', c == '-', c == ':':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// maker puts an entity together.
type maker struct {
	e   *plane.Entity
	err error
}

func (b *Board) make(typ, id string) *maker {
	m := &maker{e: &plane.Entity{Key: plane.Key{ID: urn(typ, b.cfg.Name, id)}, Types: []string{typ}}}
	if b.cfg.Simulated {
		m.set("simulated", plane.Property, true, "", time.Time{})
	}
	return m
}

func (m *maker) set(name string, kind plane.Kind, v any, unit string, at time.Time) {
	text, err := json.Marshal(v)
	m.err = errors.Join(m.err, err)
	m.e.Set(plane.Attribute{Name: name, Kind: kind, Value: text, Unit: unit, ObservedAt: at})
}

// text sets one unless it is empty.
func (m *maker) text(name, v string) {
	if v != "" {
		m.set(name, plane.Property, v, "", time.Time{})
	}
}

func (m *maker) link(name, id string) {
	m.set(name, plane.Relationship, id, "", time.Time{})
}

func (m *maker) place(p city.Point, at time.Time) {
	m.set(plane.Location, plane.Geo, map[string]any{"type": "Point", "coordinates": []float64{p.Lon, p.Lat}}, "", at)
}

// timetable is agencies, stops and routes as entities.
func (b *Board) timetable(f *gtfs.Feed) (list []*plane.Entity, err error) {
	done := func(m *maker) {
		list, err = append(list, m.e), errors.Join(err, m.err)
	}
	agency := func(i int32) string {
		a := f.Agencies[i]
		if a.ID == "" {
			return a.Name
		}
		return a.ID
	}
	for i := range f.Agencies {
		m := b.make(TypeAgency, agency(int32(i)))
		m.text("agencyName", f.Agencies[i].Name)
		m.text("page", f.Agencies[i].URL)
		m.text("timezone", f.Zone.String())
		done(m)
	}
	typeOf := func(i int32) string {
		if f.Stops[i].Kind == 1 {
			return TypeStation
		}
		return TypeStop
	}
	for i := range f.Stops {
		s := &f.Stops[i]
		if s.Kind > 1 {
			continue // entrances and nodes are of no use without ways
		}
		m := b.make(typeOf(int32(i)), s.ID)
		m.text("name", s.Name)
		m.text("code", s.Code)
		m.text("platformCode", s.Platform)
		m.place(s.At, time.Time{})
		m.link("operatedBy", urn(TypeAgency, b.cfg.Name, agency(0)))
		if s.Station >= 0 {
			m.link("hasParentStation", urn(typeOf(s.Station), b.cfg.Name, f.Stops[s.Station].ID))
		}
		done(m)
	}
	for i := range f.Routes {
		r := &f.Routes[i]
		m := b.make(TypeRoute, r.ID)
		m.text("name", r.Long)
		m.text("shortName", r.Short)
		m.text("routeColor", r.Colour)
		m.set("routeType", plane.Property, r.Kind, "", time.Time{})
		m.link("operatedBy", urn(TypeAgency, b.cfg.Name, agency(r.Agency)))
		done(m)
	}
	return list, err
}

// moving is vehicles as entities.
func (b *Board) moving(list []Vehicle) (out []*plane.Entity, err error) {
	for i := range list {
		v := &list[i]
		m := b.make(TypeVehicle, v.Run)
		m.text("vehicleType", Mode(v.Kind))
		m.set("category", plane.Property, []string{"public"}, "", time.Time{})
		m.set("serviceProvided", plane.Property, []string{"urbanTransit"}, "", time.Time{})
		m.text("serviceStatus", "onRoute")
		m.place(v.Point, v.At)
		m.link("hasRoute", urn(TypeRoute, b.cfg.Name, v.RouteID))
		m.text("headsign", v.Headsign)
		if v.Bearing >= 0 {
			m.set("bearing", plane.Property, v.Bearing, "DD", v.At)
		}
		if v.Speed >= 0 {
			m.set("speed", plane.Property, v.Speed, "MTS", v.At)
		}
		if v.DelayKnown {
			m.set("delay", plane.Property, v.Delay.Seconds(), "SEC", v.At)
		}
		if v.NextStopID != "" {
			m.link("nextStop", urn(TypeStop, b.cfg.Name, v.NextStopID))
		}
		out, err = append(out, m.e), errors.Join(err, m.err)
	}
	return out, err
}

// Mode is a route_type in a word.
func Mode(kind int) string {
	switch {
	case kind == 0 || kind >= 900 && kind < 1000:
		return "tram"
	case kind == 1 || kind >= 400 && kind < 700:
		return "metro"
	case kind == 2 || kind >= 100 && kind < 200:
		return "rail"
	case kind == 3 || kind >= 200 && kind < 300 || kind >= 700 && kind < 800:
		return "bus"
	case kind == 4 || kind >= 1000 && kind < 1300:
		return "ferry"
	case kind == 11 || kind >= 800 && kind < 900:
		return "trolleybus"
	case kind == 5, kind == 6, kind == 7, kind >= 1300 && kind < 1500:
		return "cable"
	}
	return "other"
}

// news is alerts as entities.
func (b *Board) news(list []Alert, now time.Time) (out []*plane.Entity, err error) {
	for i := range list {
		a := &list[i]
		m := b.make(TypeAlert, a.ID)
		m.text("category", "traffic")
		m.text("subCategory", "publicTransport")
		m.text("severity", map[string]string{"info": "informational", "warning": "medium", "severe": "high"}[a.Severity])
		m.text("name", a.Title)
		m.text("description", a.Words)
		m.text("page", a.Address)
		m.text("cause", a.Cause)
		m.text("effect", a.Effect)
		m.text("alertSource", "gtfs-realtime:"+string(b.cfg.Name))
		from := a.From
		if from.IsZero() {
			from = now
		}
		m.text("validFrom", from.UTC().Format(time.RFC3339))
		if !a.Until.IsZero() {
			m.text("validTo", a.Until.UTC().Format(time.RFC3339))
		}
		var about []string
		for _, r := range a.Routes {
			about = append(about, urn(TypeRoute, b.cfg.Name, r))
		}
		for _, s := range a.Stops {
			about = append(about, urn(TypeStop, b.cfg.Name, s))
		}
		if len(about) > 0 {
			m.set("concerns", plane.Relationship, about, "", time.Time{})
		}
		out, err = append(out, m.e), errors.Join(err, m.err)
	}
	return out, err
}

// ledger stores entities of some types of a feed, and removes those that are not told
// any more, also those of before a restart.
type ledger struct {
	store plane.Store
	feed  city.Slug
	types []string
	known map[string]bool // ids; nil: not looked up yet
}

const perBatch = 500

func (l *ledger) put(ctx context.Context, list []*plane.Entity) error {
	if l.known == nil {
		if err := l.recall(ctx); err != nil {
			return err
		}
	}
	is := map[string]bool{}
	var changes []plane.Change
	for _, e := range list {
		is[e.ID] = true
		changes = append(changes, plane.Put(e))
	}
	for id := range l.known {
		if !is[id] {
			changes = append(changes, plane.Change{Key: plane.Key{ID: id}, Edit: func(*plane.Entity) (*plane.Entity, error) { return nil, nil }})
		}
	}
	for len(changes) > 0 {
		n := min(len(changes), perBatch)
		result, err := l.store.Write(ctx, &plane.Batch{Changes: changes[:n]})
		if err == nil {
			err = result.Err()
		}
		if err != nil {
			l.known = nil // what is stored is looked up before the next
			return err
		}
		changes = changes[n:]
	}
	l.known = is
	return nil
}

func (l *ledger) recall(ctx context.Context) error {
	known := map[string]bool{}
	for _, typ := range l.types {
		prefix := prefixOf(typ, l.feed)
		q := plane.Query{From: prefix, To: prefix + "\x7f", Types: []string{typ}, Limit: plane.MaxLimit}
		for {
			page, err := l.store.Find(ctx, q)
			if err != nil {
				return err
			}
			for _, e := range page.Entities {
				known[e.ID], q.After = true, e.ID
			}
			if !page.More {
				break
			}
		}
	}
	l.known = known
	return nil
}

// storeHours stores hours that are over, once each.
func (b *Board) storeHours(ctx context.Context, store plane.Store, now time.Time) error {
	for start, h := range b.ended(now) {
		var batch plane.Batch
		from := time.Unix(start, 0).UTC()
		covered := min(time.Duration(h.Covered)*time.Second, time.Hour)
		for route, t := range h.Routes {
			if t == nil {
				continue
			}
			values := map[string]float64{Measured: float64(t.Measured), OnTime: float64(t.OnTime), Early: float64(t.Early), Late: float64(t.Late), Cancelled: float64(t.Cancelled)}
			if t.Measured > 0 {
				values[MeanDelay] = t.MeanDelay()
			}
			for name, v := range values {
				batch.Observations = append(batch.Observations, plane.Observation{
					Series: plane.Series{Key: plane.Key{ID: urn(TypeRoute, b.cfg.Name, route)}, Attribute: name}, Start: from, Length: time.Hour, Covered: covered, Value: v,
				})
			}
		}
		if _, err := store.Write(ctx, &batch); err != nil {
			return err
		}
		b.settle(start)
	}
	return nil
}
