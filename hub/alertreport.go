package hub

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"time"

	"polity/camera/wire"
	"polity/city"
	"polity/console/names"
	"polity/plane"
	"polity/plane/ingest/twin"
	"polity/room/alert"
	"polity/room/queue"
	"polity/sensors/alarm"
)

// eventType is the type of a camera's event in the city's data.
const eventType = "CameraEvent"

// reportOf is what a change of an entity says to the control room; false: nothing. Only
// what has a place in an alert is read of it, so that no text of an entity reaches one.
func (h *Hub) reportOf(before, after *plane.Entity, at time.Time) (queue.Report, bool) {
	e := after
	if e == nil {
		e = before // it was removed: the situation is over
	}
	if e == nil {
		return queue.Report{}, false
	}
	var r queue.Report
	var ok bool
	switch {
	case slices.Contains(e.Types, eventType):
		r, ok = h.eventReport(e)
	case slices.Contains(e.Types, twin.AlarmType):
		r, ok = h.deviceReport(e)
	case slices.Contains(e.Types, alarm.Type):
		r, ok = h.entityReport(e, at)
	}
	if !ok || h.kindsOff[r.Kind] {
		return r, false
	}
	r.Version = version(e.Modified, e.Version)
	if after == nil {
		r.Version = version(at, e.Version+1)
		if r.End.IsZero() {
			r.End = at
		}
	}
	return r, true
}

// kind fills in what the kind says.
func (h *Hub) kind(r *queue.Report, name city.Slug, priority int, values ...alert.Value) {
	k, ok := h.alerts.Kinds().Of(name)
	if !ok {
		k, _ = h.alerts.Kinds().Of(alert.Other)
	}
	if priority == 0 {
		priority = k.Priority
	}
	r.Kind, r.Desk, r.Priority, r.Title = k.Name, k.Desk, priority, alert.TitleOf(k.Name, values...)
}

// eventReport is of a camera's event.
func (h *Hub) eventReport(e *plane.Entity) (r queue.Report, ok bool) {
	name, id, _ := strings.Cut(strings.TrimPrefix(e.ID, eventPrefix), ":")
	x, err := readRecord(e)
	if err != nil || city.Slug(name).Check() != nil || !eventIDForm.MatchString(id) || names.Events[x.Kind] == "" {
		return r, false
	}
	unit := "C62" // one
	if x.Kind == wire.CameraSilent || x.Kind == wire.Stopped || x.Kind == wire.ObjectLeft {
		unit = "SEC"
	}
	var values []alert.Value
	if x.Value != 0 && !math.IsNaN(x.Value) && !math.IsInf(x.Value, 0) {
		values = append(values, alert.Number("value", x.Value, unit))
	}
	h.kind(&r, city.Slug(names.Events[x.Kind]), 0, values...)
	r.Key, r.Camera, r.Start = alert.NewKey(cameraSource, name+":"+id), city.Slug(name), x.Start
	if zone := city.Slug(x.Where); zone.Check() == nil {
		r.Zone = zone
	}
	if x.End != nil {
		r.End = *x.End
	}
	if c, err := h.camera(r.Camera); err == nil {
		c.mu.Lock()
		v := c.entry.View
		c.mu.Unlock()
		r.Place = place(v.Lon, v.Lat)
	}
	return r, true
}

func place(lon, lat float64) *city.Point {
	p := &city.Point{Lon: lon, Lat: lat}
	if p.Check() != nil || lon == 0 && lat == 0 {
		return nil
	}
	return p
}

// deviceReport is of a device that is silent.
func (h *Hub) deviceReport(e *plane.Entity) (r queue.Report, ok bool) {
	start, ok := timeOf(e, "start")
	if !ok {
		return r, false
	}
	h.kind(&r, "device-silent", 0)
	r.Key, r.Asset, r.Start = alert.NewKey(deviceSource, e.ID), alert.NewAsset(textOf(e, "device")), start
	r.End, _ = timeOf(e, "end")
	return r, true
}

// entityReport is of an entity of type Alert: of the sensors' own alarms, or of another
// program.
func (h *Hub) entityReport(e *plane.Entity, now time.Time) (r queue.Report, ok bool) {
	var values []alert.Value
	kind := kindOf(textOf(e, "category"), textOf(e, "subCategory"))
	if strings.HasPrefix(e.ID, alarm.Prefix) {
		measure := city.Slug(textOf(e, "description"))
		if measure.Check() == nil {
			values = append(values, alert.Word("measure", measure))
		}
		if a := e.Attribute("value"); a != nil {
			var v float64
			if json.Unmarshal(a.Value, &v) == nil {
				values = append(values, alert.Number("value", v, a.Unit))
			}
		}
	}
	h.kind(&r, kind, priorityOf(textOf(e, "severity")), values...)
	r.Key, r.Asset = alert.NewKey(dataSource, e.ID), alert.NewAsset(textOf(e, "alertSource"))
	if r.Start, ok = timeOf(e, "dateIssued"); !ok {
		r.Start = e.Created
	}
	if until, ok := timeOf(e, "validTo"); ok && !until.After(now) { // one that is to come is found by a sweep
		r.End = until
	}
	if state := textOf(e, "state"); r.End.IsZero() && (state == "ended" || state == "removed") {
		r.End = e.Modified
	}
	if box, on := e.Bounds(); on {
		r.Place = place((box.West+box.East)/2, (box.South+box.North)/2)
	}
	if a := e.Attribute("simulated"); a != nil {
		r.Simulated = string(a.Value) == "true"
	}
	return r, true
}

// kindOf is the kind of the Smart Data Models' category and subCategory.
func kindOf(category, sub string) city.Slug {
	switch sub {
	case "flood", "waterPollution", "coastalEvent", "tsunami":
		return "flood"
	case "rainfall":
		return "rain"
	case "airPollution", "pollenConcentration", "asthmaAttack":
		return "air"
	case "noise":
		return "noise"
	case "parkingFull":
		return "garage-full"
	}
	switch category {
	case "traffic", "weather", "environment", "water", "power", "waste":
		return city.Slug(category)
	case "energy":
		return "power"
	}
	return alert.Other
}

// priorityOf is the priority of a severity; 0: the kind's.
func priorityOf(severity string) int {
	switch alarm.Severity(severity) {
	case alarm.Critical:
		return 1
	case alarm.High:
		return 2
	case alarm.Medium:
		return 3
	case alarm.Low, alarm.Informational:
		return 4
	}
	return 0
}

// textOf is the text of an attribute, "" where it is none.
func textOf(e *plane.Entity, name string) (text string) {
	if a := e.Attribute(name); a != nil && json.Unmarshal(a.Value, &text) != nil {
		return ""
	}
	return text
}

// timeOf is an attribute that is a time, as text or as NGSI-LD's DateTime.
func timeOf(e *plane.Entity, name string) (time.Time, bool) {
	a := e.Attribute(name)
	if a == nil {
		return time.Time{}, false
	}
	text := textOf(e, name)
	if text == "" {
		var typed struct {
			Value string `json:"@value"`
		}
		if json.Unmarshal(a.Value, &typed) != nil {
			return time.Time{}, false
		}
		text = typed.Value
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || t.Year() < 1970 || t.Year() > 9999 {
		return time.Time{}, false
	}
	return t, true
}
