package transit

import (
	"encoding/json"
	"time"

	"polity/sensors/transit/gtfs"
)

// Tally is how punctual a line was within an hour.
//
// A departure (at the last stop the arrival) is measured once it is past, by what the
// feed last said of it, if that was said no more than three minutes before it and not
// more than two after. It is on time from Early before its plan to Late after it, both
// included (Config; one and five minutes unless the city decides otherwise).
type Tally struct {
	Measured  int     `json:"measured"`
	OnTime    int     `json:"on_time"`
	Early     int     `json:"early"`
	Late      int     `json:"late"`
	Cancelled int     `json:"cancelled"` // runs whose first departure was planned in the hour
	Delay     float64 `json:"delay"`     // sum over the measured, seconds
}

// Add takes another tally in.
func (t *Tally) Add(o Tally) {
	t.Measured += o.Measured
	t.OnTime += o.OnTime
	t.Early += o.Early
	t.Late += o.Late
	t.Cancelled += o.Cancelled
	t.Delay += o.Delay
}

// MeanDelay is in seconds; 0 of nothing.
func (t Tally) MeanDelay() float64 {
	if t.Measured == 0 {
		return 0
	}
	return t.Delay / float64(t.Measured)
}

const (
	saidBefore = 3 * time.Minute
	saidAfter  = 2 * time.Minute
)

// hours are those that are not stored yet, by their beginning.
type hours struct {
	open    map[int64]*hour // by Unix seconds
	changed bool
}

type hour struct {
	Routes  map[string]*Tally `json:"routes"`
	Covered float64           `json:"covered"` // seconds in which the feed was fresh
}

func newHours() *hours { return &hours{open: map[int64]*hour{}} }

// hourOf is when the hour of a time began in a zone.
func hourOf(t time.Time, zone *time.Location) time.Time {
	t = t.In(zone)
	_, offset := t.Zone()
	into := (t.Unix() + int64(offset)) % 3600
	return time.Unix(t.Unix()-into, 0).UTC()
}

func (h *hours) at(t time.Time, zone *time.Location) *hour {
	start := hourOf(t, zone).Unix()
	x := h.open[start]
	if x == nil {
		x = &hour{Routes: map[string]*Tally{}}
		h.open[start] = x
	}
	h.changed = true
	return x
}

func (h *hours) of(t time.Time, zone *time.Location, route string) *Tally {
	x := h.at(t, zone)
	y := x.Routes[route]
	if y == nil {
		y = &Tally{}
		x.Routes[route] = y
	}
	return y
}

// cover notes the time between two messages about trips, if it was no gap.
func (h *hours) cover(from, to time.Time, stale time.Duration, k kind, zone *time.Location) {
	if k != trips || from.IsZero() || !to.After(from) || to.Sub(from) > stale {
		return
	}
	if border := hourOf(to, zone); from.Before(border) {
		h.at(from, zone).Covered += border.Sub(from).Seconds()
		from = border
	}
	h.at(to, zone).Covered += to.Sub(from).Seconds()
}

// Measure counts what is past. It is called after each message about trips.
func (b *Board) Measure(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.feed == nil {
		return
	}
	for r, p := range b.runs {
		route := b.feed.Routes[b.feed.RouteOf(r.Trip)].ID
		if p.cancelled {
			if first := b.feed.Call(r, 0).Departure; !p.counted && !first.After(now) {
				p.counted = true
				if now.Sub(first) < time.Hour { // else it was counted before we began
					b.hours.of(first, b.feed.Zone, route).Cancelled++
				}
			}
			continue
		}
		b.measure(r, p, route, now)
	}
}

func (b *Board) measure(r gtfs.Run, p *progress, route string, now time.Time) {
	last := len(p.expected) - 1
	for until := p.past(now); p.next < until; p.next++ {
		e := p.expected[p.next]
		if !e.Known {
			continue
		}
		plan, is := b.feed.Call(r, p.next).Departure, e.Departure
		if p.next == last {
			plan, is = b.feed.Call(r, p.next).Arrival, e.Arrival
		}
		if is.Sub(p.at) > saidBefore || p.at.Sub(is) > saidAfter {
			continue
		}
		delay := is.Sub(plan)
		t := b.hours.of(is, b.feed.Zone, route)
		t.Measured++
		t.Delay += delay.Seconds()
		switch {
		case delay < -b.cfg.Early:
			t.Early++
		case delay > b.cfg.Late:
			t.Late++
		default:
			t.OnTime++
		}
	}
}

// snapshot is the open hours as JSON, nil if nothing changed since the last.
func (b *Board) snapshot() ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.hours.changed {
		return nil, nil
	}
	b.hours.changed = false
	return json.Marshal(b.hours.open)
}

// restore takes open hours from before a restart in.
func (b *Board) restore(text []byte) error {
	open := map[int64]*hour{}
	if err := json.Unmarshal(text, &open); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for start, h := range open {
		if h == nil {
			continue
		}
		if h.Routes == nil {
			h.Routes = map[string]*Tally{}
		}
		b.hours.open[start] = h
	}
	return nil
}

// closing is how long after its end an hour may still get something.
const closing = saidBefore + saidAfter

// ended returns the hours that are over, by their beginning.
func (b *Board) ended(now time.Time) map[int64]*hour {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := map[int64]*hour{}
	for start, h := range b.hours.open {
		if now.Sub(time.Unix(start, 0)) >= time.Hour+closing {
			out[start] = h
		}
	}
	return out
}

// settle forgets an hour that is stored.
func (b *Board) settle(start int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.hours.open, start)
	b.hours.changed = true
}
