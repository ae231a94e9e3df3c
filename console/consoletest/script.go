package consoletest

import (
	"context"
	"errors"
	"iter"
	"math"
	"math/rand/v2"
	"time"

	"polity/camera/layout"
	"polity/camera/wire"
	"polity/city"
	"polity/console/counts"
)

const interval = time.Minute

// busy is how many people are on the square at a minute of the day: a morning, a
// noon and an evening of a working day.
func busy(t time.Time) float64 {
	m := float64(t.Hour()*60 + t.Minute())
	bump := func(at, width, height float64) float64 {
		d := (m - at) / width
		return height * math.Exp(-d*d)
	}
	v := .3 + bump(490, 45, 9) + bump(735, 70, 7) + bump(1000, 80, 11) + bump(1230, 90, 4)
	if t.Weekday() == time.Saturday || t.Weekday() == time.Sunday {
		v = .3 + bump(830, 190, 9)
	}
	return v
}

// observed plays what the camera measured in the query's time.
func observed(l layout.Layout, q counts.Query, now time.Time, zone *time.Location) iter.Seq[counts.Observed] {
	return func(yield func(counts.Observed) bool) {
		for t := q.From; t.Before(q.To) && !t.Add(interval).After(now); t = t.Add(interval) {
			for _, o := range minute(l, t.In(zone)) {
				if !yield(o) {
					return
				}
			}
		}
	}
}

func minute(l layout.Layout, t time.Time) []counts.Observed {
	r := rand.New(rand.NewPCG(uint64(t.Unix()), 7))
	seen := interval
	switch m := t.Hour()*60 + t.Minute(); {
	case m >= 340 && m < 344:
		seen = 0 // the camera was blind
	case m == 200:
		seen = 20 * time.Second
	}
	var all []counts.Observed
	add := func(where city.Slug, m wire.Metric, class wire.Class, d wire.Direction, v float64) {
		all = append(all, counts.Observed{Where: where, Observation: wire.Observation{
			Metric: m, Class: class, Direction: d, Start: t, Length: interval, Covered: seen, Value: v,
		}})
	}
	n := busy(t) * (.8 + .4*r.Float64())
	add("", wire.Occupancy, wire.Person, 0, n)
	add("", wire.Occupancy, wire.Bicycle, 0, n/14)
	add("", wire.Occupancy, wire.Vehicle, 0, .4*r.Float64())
	add("", wire.OccupancyMax, wire.Person, 0, math.Ceil(n*1.4))
	for i, z := range l.Zones {
		add(z.Name, wire.Occupancy, wire.Person, 0, n*.45/float64(i+1))
		add(z.Name, wire.Occupancy, wire.Vehicle, 0, float64(i)*.3*r.Float64())
	}
	for _, z := range l.Zones {
		all = append(all, spread(z, t, seen, n, r))
	}
	for _, line := range l.Lines {
		add(line.Name, wire.Crossings, wire.Person, wire.ToRight, math.Floor(n*.5+r.Float64()))
		add(line.Name, wire.Crossings, wire.Person, wire.ToLeft, math.Floor(n*.4+r.Float64()))
		add(line.Name, wire.Crossings, wire.Bicycle, wire.ToRight, math.Floor(n*.04+r.Float64()*.6))
		add(line.Name, wire.Crossings, wire.Bicycle, wire.ToLeft, math.Floor(n*.03+r.Float64()*.6))
	}
	return all
}

// spread is how long people stayed in a zone, or how fast vehicles went where none may
// stop.
func spread(z layout.Zone, t time.Time, seen time.Duration, n float64, r *rand.Rand) counts.Observed {
	o := counts.Observed{Where: z.Name, Observation: wire.Observation{Metric: wire.Dwell, Class: wire.Person, Start: t, Length: interval, Covered: seen}}
	if z.NoStop {
		o.Metric, o.Class, n = wire.Speed, wire.Vehicle, 1.5
	}
	for range int(n*.6 + r.Float64()) {
		o.Histogram[min(wire.HistogramBins-1, max(0, int(3.5+1.6*r.NormFloat64())))]++
		o.Value++
	}
	return o
}

// walkers are the people, bicycles and vehicles of one moment: each goes to and fro
// on a path of its own.
func walkers(t time.Time, width, height int) *wire.Marks {
	m := &wire.Marks{At: t, Grid: wire.Pixels16}
	seconds := float64(t.UnixMilli()%3_600_000) / 1000
	put := func(class wire.Class, x, y float64) {
		if x >= 0 && x < 1 && y >= 0 && y < 1 {
			m.Marks = append(m.Marks, wire.Mark{Class: class, Column: uint16(x * float64(width) / 16), Row: uint16(y * float64(height) / 16)})
		}
	}
	n := int(busy(t)) + 5
	for i := range n {
		speed, phase := .02+.004*float64(i%5), float64(i)*.37
		along := math.Abs(math.Mod(seconds*speed+phase, 2) - 1)
		side := math.Mod(float64(i)*.618, 1)
		put(wire.Person, .02+.95*along, .3+.5*side+.1*math.Sin(along*4+phase))
	}
	for i := range 2 {
		along := math.Mod(seconds*.05+float64(i)*.5, 1.3)
		put(wire.Bicycle, along, .62+.1*float64(i))
	}
	along := math.Mod(seconds*.03, 2)
	put(wire.Vehicle, .66+.3*along, .2+.5*along)
	m.Sort()
	return m
}

var errCut = errors.New("the line to the camera is down")

// Watch implements console.City.
func (c *City) Watch(ctx context.Context, camera city.Slug, each func(wire.Message)) error {
	c.mu.Lock()
	s, err := c.street(camera)
	if err == nil && s.cut {
		err = errCut
	}
	if err != nil {
		c.mu.Unlock()
		return err
	}
	first := []wire.Message{c.stateOf(camera)}
	if s.picture != nil {
		first = append(first, s.picture.whole(c.now()))
	}
	sent := len(s.sent)
	c.mu.Unlock()
	for _, m := range first {
		each(m)
	}
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		next, cut, changed := c.since(s, camera, &sent, n)
		if cut {
			return errCut
		}
		for _, m := range next {
			each(m)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		case <-changed:
		}
	}
}

// since returns what a watcher has not had.
func (c *City) since(s *street, camera city.Slug, sent *int, n int) (next []wire.Message, cut bool, changed <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.cut {
		return nil, true, nil
	}
	next = append(next, s.sent[*sent:]...)
	*sent = len(s.sent)
	if s.picture != nil {
		if s.marks != nil {
			m := *s.marks
			m.At = c.now()
			next = append(next, &m)
		} else {
			m := walkers(c.now().Add(s.phase), s.picture.width, s.picture.height)
			m.At = c.now()
			next = append(next, m)
		}
		if m := s.changes(c.now(), n); m != nil {
			next = append(next, m)
		}
	}
	if n%5 == 0 {
		next = append(next, c.stateOf(camera))
	}
	return next, false, c.changed
}

func (c *City) stateOf(camera city.Slug) *wire.State {
	for _, k := range c.cameras {
		if k.Name == camera {
			st := k.State
			st.At = c.now()
			if st.Condition == 0 {
				st.Condition = wire.Starting
			}
			return &st
		}
	}
	return &wire.State{At: c.now(), Condition: wire.Starting}
}
