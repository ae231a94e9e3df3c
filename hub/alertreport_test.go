package hub

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"polity/access"
	"polity/city"
	"polity/plane"
	"polity/room/alert"
	"polity/room/queue"
)

func roomOnly(t testing.TB, off ...city.Slug) *Hub {
	t.Helper()
	h := &Hub{log: slog.New(slog.DiscardHandler), now: time.Now, cameras: map[city.Slug]*camera{}, kindsOff: map[city.Slug]bool{}}
	for _, k := range off {
		h.kindsOff[k] = true
	}
	var err error
	if h.alerts, err = queue.Open(t.Context(), t.TempDir(), queue.Config{Decider: everyone{}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.alerts.Close() })
	return h
}

func entityOfType(kind, id string, values map[string]any) *plane.Entity {
	e := &plane.Entity{Key: plane.Key{ID: id}, Types: []string{kind}, Created: time.UnixMilli(1000), Modified: time.UnixMilli(2000), Version: 3}
	for name, v := range values {
		text, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		a := plane.Attribute{Name: name, Kind: plane.Property, Value: text}
		if name == "location" {
			a.Kind = plane.Geo
		}
		e.Set(a)
	}
	return e
}

// TestWhatEntitiesSay lists what becomes of entities that programs and people wrote, right
// and wrong.
func TestWhatEntitiesSay(t *testing.T) {
	h := roomOnly(t, "noise")
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		kind, id string
		values   map[string]any
		is       func(r queue.Report, ok bool) bool
	}{
		"a silent device": {"DeviceAlarm", "urn:polity:alarm:air:7:1", map[string]any{"kind": "silent", "start": now, "device": "urn:polity:device:air:7"}, func(r queue.Report, ok bool) bool {
			return ok && r.Kind == "device-silent" && r.Desk == access.System && r.Asset == "urn:polity:device:air:7" && r.End.IsZero()
		}},
		"heard again": {"DeviceAlarm", "urn:polity:alarm:air:7:1", map[string]any{"start": now, "end": now.Add(time.Hour)}, func(r queue.Report, ok bool) bool {
			return ok && r.End.Equal(now.Add(time.Hour))
		}},
		"a sensor's alarm": {"Alert", "urn:ngsi-ld:Alert:sensor:FloodMonitoring:u:water-level:1", map[string]any{
			"category": "weather", "subCategory": "flood", "severity": "critical", "dateIssued": now, "alertSource": "urn:ngsi-ld:FloodMonitoring:u", "description": "water-level", "value": .34, "simulated": true,
		}, func(r queue.Report, ok bool) bool {
			return ok && r.Kind == "flood" && r.Priority == 1 && r.Asset == "urn:ngsi-ld:FloodMonitoring:u" && r.Simulated && len(r.Title.Values) == 2 && r.Title.Values[0].Word == "water-level" && *r.Title.Values[1].Number == .34
		}},
		"words for a measure": {"Alert", "urn:ngsi-ld:Alert:sensor:x:1", map[string]any{"description": "Mr Smith"}, func(r queue.Report, ok bool) bool { return ok && len(r.Title.Values) == 0 }},
		"nothing at all": {"Alert", "urn:ngsi-ld:Alert:1", nil, func(r queue.Report, ok bool) bool {
			return ok && r.Kind == alert.Other && r.Priority == 3 && r.Start.Equal(time.UnixMilli(1000))
		}},
		"of wrong types": {"Alert", "urn:ngsi-ld:Alert:1", map[string]any{"category": 3, "severity": []int{1}, "dateIssued": "yesterday", "validTo": true, "alertSource": map[string]string{"a": "b"}, "state": 1}, func(r queue.Report, ok bool) bool {
			return ok && r.Kind == alert.Other && r.Asset == "" && r.End.IsZero()
		}},
		"typed times":       {"Alert", "urn:ngsi-ld:Alert:1", map[string]any{"dateIssued": map[string]string{"@type": "DateTime", "@value": "2026-11-30T12:00:00Z"}}, func(r queue.Report, _ bool) bool { return r.Start.Equal(now) }},
		"not yet over":      {"Alert", "urn:ngsi-ld:Alert:1", map[string]any{"validTo": now.Add(time.Hour)}, func(r queue.Report, _ bool) bool { return r.End.IsZero() }},
		"over":              {"Alert", "urn:ngsi-ld:Alert:1", map[string]any{"validTo": now.Add(-time.Hour)}, func(r queue.Report, _ bool) bool { return r.End.Equal(now.Add(-time.Hour)) }},
		"a kind that's off": {"Alert", "urn:ngsi-ld:Alert:1", map[string]any{"subCategory": "noise"}, func(_ queue.Report, ok bool) bool { return !ok }},
		"an event's id":     {"CameraEvent", eventPrefix + "square:nonsense", map[string]any{"kind": 1}, func(_ queue.Report, ok bool) bool { return !ok }},
		"a camera's name":   {"CameraEvent", eventPrefix + "../x:0000000000001-1-1-1", map[string]any{"kind": 1, "start": now}, func(_ queue.Report, ok bool) bool { return !ok }},
		"another type":      {"Building", "urn:ngsi-ld:Building:1", nil, func(_ queue.Report, ok bool) bool { return !ok }},
		"a place": {"Alert", "urn:ngsi-ld:Alert:1", map[string]any{"location": map[string]any{"type": "LineString", "coordinates": [][]float64{{24, 60}, {26, 62}}}}, func(r queue.Report, _ bool) bool {
			return r.Place != nil && r.Place.Lon == 25 && r.Place.Lat == 61
		}},
	} {
		r, ok := h.reportOf(nil, entityOfType(c.kind, c.id, c.values), now)
		if !c.is(r, ok) {
			t.Errorf("%s: %+v, %v", name, r, ok)
		}
		if ok && r.Check(h.alerts.Kinds()) != nil {
			t.Errorf("%s: the queue would refuse it: %v", name, r.Check(h.alerts.Kinds()))
		}
	}
	gone, ok := h.reportOf(entityOfType("Alert", "urn:ngsi-ld:Alert:1", nil), nil, now)
	if !ok || !gone.End.Equal(now) || gone.Version <= version(time.UnixMilli(2000), 3) {
		t.Errorf("removed: %+v, %v", gone, ok)
	}
}

func FuzzWhatEntitiesSay(f *testing.F) {
	f.Add("urn:ngsi-ld:Alert:1", `"traffic"`, `"2026-11-30T12:00:00Z"`, `"urn:ngsi-ld:Person:smith"`)
	f.Add("urn:ngsi-ld:Alert:sensor:x", `{"a":1}`, `{"@value":"9999-99-99"}`, `["x"]`)
	h := roomOnly(f)
	f.Fuzz(func(t *testing.T, id, category, issued, source string) {
		e := &plane.Entity{Key: plane.Key{ID: id}, Types: []string{"Alert"}, Created: time.UnixMilli(1000), Modified: time.UnixMilli(2000), Version: 1}
		for name, v := range map[string]string{"category": category, "description": category, "dateIssued": issued, "alertSource": source, "value": issued} {
			e.Set(plane.Attribute{Name: name, Kind: plane.Property, Value: json.RawMessage(v)})
		}
		if e.Check() != nil {
			return
		}
		r, ok := h.reportOf(nil, e, time.UnixMilli(3000))
		if !ok || r.Check(alert.Shipped()) != nil {
			t.Errorf("an alert that nobody would see: %+v, %v", r, r.Check(alert.Shipped()))
		}
	})
}

// advice is a source that fails behind each report.
type advice struct {
	from []string
	stop func()
}

func (*advice) Name() city.Slug { return "advice" }

func (a *advice) Follow(ctx context.Context, from string, take func(context.Context, []queue.Report, string) error) error {
	if a.from = append(a.from, from); len(a.from) == 4 {
		a.stop()
		return ctx.Err()
	}
	next := from + "x"
	r := queue.Report{Version: 1, Situation: alert.Situation{Key: alert.NewKey("advice", next), Kind: "traffic", Desk: access.Traffic, Priority: 2, Title: alert.TitleOf("traffic"), Start: time.Now()}}
	if err := take(ctx, []queue.Report{r}, next); err != nil {
		return err
	}
	return errors.New("it fails")
}

// TestASourceGoesOnWhereItWas: whatever it fails at, it is asked again from what was taken.
func TestASourceGoesOnWhereItWas(t *testing.T) {
	h := roomOnly(t)
	ctx, stop := context.WithCancel(t.Context())
	a := &advice{stop: stop}
	h.followSource(ctx, a)
	if got := strings.Join(a.from, ","); got != ",x,xx,xxx" {
		t.Errorf("asked from %s", got)
	}
	page, err := h.alerts.List(t.Context(), access.Who{ID: "p"}, queue.Query{})
	if err != nil || page.Total != 3 {
		t.Errorf("%d alerts, %v", page.Total, err)
	}
}
