package hub

import (
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"polity/city"
	"polity/console"
	"polity/plane"
	"polity/plane/ingest/mapping"
	"polity/plane/ingest/twin"
	sensor "polity/sensors"
	"polity/sensors/alarm"
	"polity/sensors/noise"
	"polity/sensors/parking"
	timeline "polity/sensors/series"
)

var _ console.Sensors = (*Hub)(nil)

// SensorStates implements console.Sensors.
func (h *Hub) SensorStates(ctx context.Context) ([]alarm.State, error) {
	if err := h.sensorsKnown(); err != nil {
		return nil, err
	}
	return h.watch.States(ctx)
}

// SensorState implements console.Sensors.
func (h *Hub) SensorState(ctx context.Context, id string) (alarm.State, error) {
	if err := h.sensorsKnown(); err != nil {
		return alarm.State{}, err
	}
	return h.watch.State(ctx, id)
}

func (h *Hub) sensorsKnown() error {
	if h.cfg.Alarms.Off {
		return city.Errorf(city.Unavailable, "hub.alarms.off: this hub does not look at sensors")
	}
	if c := h.watch.Counts(); c.Rounds == c.Failed {
		return city.Errorf(city.Unavailable, "the sensors were not looked at yet since the hub started")
	}
	return nil
}

// SensorSeries implements console.Sensors.
func (h *Hub) SensorSeries(ctx context.Context, q console.SensorQuery) ([]console.SensorStep, error) {
	if slices.Contains([]string{"LAeq", "LAmax", "LA10", "LA90"}, q.Attribute) {
		return h.levels(ctx, q)
	}
	if s, err := h.watch.State(ctx, q.ID); err == nil && s.Sensor.Kind == sensor.Homes {
		return h.homes(ctx, q)
	}
	summarizer, ok := h.store.(plane.Summarizer)
	if !ok {
		return nil, city.Errorf(city.Unavailable, "this store of the city's data has no summaries")
	}
	var out []console.SensorStep
	err := summarizer.Summarize(ctx, plane.SummaryQuery{IDs: []string{q.ID}, Attribute: q.Attribute, From: q.From, To: q.To, Bucket: q.Step}, func(s plane.Summary) error {
		step := console.SensorStep{Start: s.Start, Value: s.Mean(), Least: s.Least, Most: s.Most, Count: s.Count}
		if q.Attribute == "precipitation" {
			step.Value = s.Sum
		}
		out = append(out, step)
		return nil
	})
	return out, err
}

// homes are steps of sums over homes: the means of those that are of enough of them.
func (h *Hub) homes(ctx context.Context, q console.SensorQuery) ([]console.SensorStep, error) {
	var out []console.SensorStep
	err := h.store.History(ctx, plane.HistoryQuery{Key: plane.Key{ID: q.ID}, Attribute: q.Attribute, From: q.From, To: q.To}, func(o plane.Observation) error {
		if alarm.HomesOf(&o) == 0 {
			return nil
		}
		start := q.From.Add(o.Start.Sub(q.From) / q.Step * q.Step)
		if n := len(out); n == 0 || !out[n-1].Start.Equal(start) {
			out = append(out, console.SensorStep{Start: start, Least: o.Value, Most: o.Value})
		}
		s := &out[len(out)-1]
		s.Count++
		s.Value += (o.Value - s.Value) / float64(s.Count)
		s.Least, s.Most = min(s.Least, o.Value), max(s.Most, o.Value)
		return nil
	})
	return out, err
}

// levels are steps of a level of sound: by energy.
func (h *Hub) levels(ctx context.Context, q console.SensorQuery) ([]console.SensorStep, error) {
	type sum struct {
		noise.Sum
		step console.SensorStep
	}
	all := map[int64]*sum{}
	err := h.store.History(ctx, plane.HistoryQuery{Key: plane.Key{ID: q.ID}, Attribute: q.Attribute, From: q.From, To: q.To}, func(o plane.Observation) error {
		if len(o.Detail) > 0 {
			return nil
		}
		i := int64(o.Start.Sub(q.From) / q.Step)
		s := all[i]
		if s == nil {
			s = &sum{step: console.SensorStep{Start: q.From.Add(time.Duration(i) * q.Step), Least: o.Value, Most: o.Value}}
			all[i] = s
		}
		s.Add(o.Value, 1)
		s.step.Count++
		s.step.Least, s.step.Most = min(s.step.Least, o.Value), max(s.step.Most, o.Value)
		return nil
	})
	out := make([]console.SensorStep, 0, len(all))
	for _, s := range all {
		s.step.Value = s.Level()
		out = append(out, s.step)
	}
	slices.SortFunc(out, func(a, b console.SensorStep) int { return a.Start.Compare(b.Start) })
	return out, err
}

const maxAlarms = 200

// SensorAlarms implements console.Sensors.
func (h *Hub) SensorAlarms(ctx context.Context, id string, from, to time.Time) ([]alarm.Alarm, error) {
	return h.watch.History(ctx, id, from, to, maxAlarms)
}

// points are a sensor's values.
func (h *Hub) points(ctx context.Context, id, attribute string, from, to time.Time) ([]timeline.Point, error) {
	var out []timeline.Point
	err := h.store.History(ctx, plane.HistoryQuery{Key: plane.Key{ID: id}, Attribute: attribute, From: from, To: to}, func(o plane.Observation) error {
		if len(o.Detail) == 0 {
			out = append(out, timeline.Point{At: o.Start, Length: o.Length, Value: o.Value})
		}
		return nil
	})
	timeline.Sort(out)
	return out, err
}

// SensorNoise implements console.Sensors.
func (h *Hub) SensorNoise(ctx context.Context, id string, days int) ([]noise.Day, error) {
	hours := h.cfg.Alarms.NoiseHours
	if hours == (noise.Hours{}) {
		hours = noise.Default
	}
	now := h.now().In(h.about.Zone)
	points, err := h.points(ctx, id, "LAeq", now.AddDate(0, 0, -days-1), now)
	if err != nil {
		return nil, err
	}
	first := now
	if now.Hour() < hours.Day {
		first = now.AddDate(0, 0, -1)
	}
	var out []noise.Day
	for i := range days {
		out = append(out, hours.DayOf(points, first.AddDate(0, 0, -i), h.about.Zone))
	}
	return out, nil
}

// SensorHours implements console.Sensors.
func (h *Hub) SensorHours(ctx context.Context, id string, from, to time.Time) (out [24]parking.Hour, err error) {
	s, err := h.SensorState(ctx, id)
	if err != nil {
		return out, err
	}
	var shares []timeline.Point
	switch s.Sensor.Kind {
	case sensor.Bay:
		shares, err = h.points(ctx, id, "occupied", from, to)
	case sensor.Garage:
		shares, err = h.garageShares(ctx, &s.Sensor, from, to)
	default:
		return out, city.Errorf(city.Invalid, "%s is neither a bay nor a garage", id)
	}
	return parking.ByHour(shares, from, to, s.Sensor.Kind.Stale(), h.about.Zone), err
}

func (h *Hub) garageShares(ctx context.Context, s *sensor.Sensor, from, to time.Time) ([]timeline.Point, error) {
	total, ok := s.Number("totalSpotNumber")
	if !ok {
		return nil, nil
	}
	occupied, err := h.points(ctx, s.ID, "occupiedSpotNumber", from, to)
	if err != nil {
		return nil, err
	}
	available, err := h.points(ctx, s.ID, "availableSpotNumber", from, to)
	if err != nil {
		return nil, err
	}
	var out []timeline.Point
	add := func(at time.Time, occupied, available float64) {
		if room, ok := parking.Garage(total, occupied, available); ok {
			out = append(out, timeline.Point{At: at, Value: room.Share()})
		}
	}
	for _, p := range occupied {
		add(p.At, p.Value, math.NaN())
	}
	if len(occupied) == 0 {
		for _, p := range available {
			add(p.At, math.NaN(), p.Value)
		}
	}
	return out, nil
}

// SilentDevices implements console.Sensors.
func (h *Hub) SilentDevices(context.Context) ([]console.SilentDevice, error) {
	if h.sensors == nil {
		return nil, nil
	}
	var out []console.SilentDevice
	for _, t := range h.sensors.intake.Twins() {
		m := h.sensors.intake.Mappings().Named(t.Mapping)
		if t.State != twin.Silent || m == nil || m.Household {
			continue
		}
		d := console.SilentDevice{Mapping: t.Mapping, Device: t.Device, Heard: t.Heard, Sensor: fedBy(m, t.Device)}
		if t.AlarmBegan != nil {
			d.Since = *t.AlarmBegan
		}
		out = append(out, d)
	}
	return out, nil
}

// fedBy is the id of the entity that a device's messages go to, if that follows from its
// name alone.
func fedBy(m *mapping.Mapping, device string) string {
	id := strings.ReplaceAll(m.Entity.ID, "{device}", device)
	if strings.ContainsAny(id, "{}") {
		return ""
	}
	return id
}
