package measure

import (
	"time"

	"polity/camera/layout"
	"polity/camera/wire"
)

const countedClasses = int(wire.Vehicle) + 1

// tally adds up one interval. Area 0 is the whole view, area n the n-th zone.
type tally struct {
	layout  layout.Layout
	squares []float64 // ground area by zone, 0 where unknown
	driving bool      // speeds are known

	start   time.Time // of the interval under way by the wall clock; zero if none is
	from    time.Time // since when it counts: later than start where told is
	told    time.Time // until when observations were told: no time is told twice
	covered time.Duration
	now     []crowd // what is there now, by area
	sums    []sums
	lines   [][countedClasses][3]uint32
	dwell   [][countedClasses]wire.Observation // only the histograms are used
	speed   []wire.Observation
}

// crowd is how many things are in an area at one moment.
type crowd struct {
	n        [countedClasses]int
	standing int // vehicles
}

// sums are an area's totals of an interval.
type sums struct {
	time     [countedClasses]float64 // things x seconds
	most     [countedClasses]int
	standing float64
	queue    int
}

func (y *tally) use(l layout.Layout, p *Plane) {
	y.layout = l
	y.now = make([]crowd, len(l.Zones)+1)
	y.sums = make([]sums, len(l.Zones)+1)
	y.lines = make([][countedClasses][3]uint32, len(l.Lines))
	y.dwell = make([][countedClasses]wire.Observation, len(l.Zones))
	y.speed = make([]wire.Observation, len(l.Zones))
	y.squares = make([]float64, len(l.Zones))
	y.driving = p != nil
	for i, z := range l.Zones {
		if p != nil {
			y.squares[i], _ = p.Area(z)
		}
	}
}

// queueing is how long a vehicle stands before it is in a queue.
const queueing = 3 * time.Second

// count takes what is there now.
func (y *tally) count(tracks []*track) {
	for i := range y.now {
		y.now[i] = crowd{}
	}
	for _, t := range tracks {
		if !t.counts() {
			continue
		}
		class := t.class()
		standing := class == wire.Vehicle && t.seen.Sub(t.places.stand.since) >= queueing
		y.now[0].add(class, standing)
		for i, s := range t.places.zones {
			if s.inside {
				y.now[i+1].add(class, standing)
			}
		}
	}
	if !y.start.IsZero() {
		for i := range y.sums {
			y.sums[i].peak(y.now[i])
		}
	}
}

func (c *crowd) add(class wire.Class, standing bool) {
	c.n[class]++
	if standing {
		c.standing++
	}
}

func (s *sums) peak(c crowd) {
	for k, n := range c.n {
		s.most[k] = max(s.most[k], n)
	}
	s.queue = max(s.queue, c.standing)
}

func (y *tally) crossed(line int, class wire.Class, d wire.Direction) { y.lines[line][class][d]++ }

func (y *tally) dwelt(zone int, class wire.Class, d time.Duration) {
	y.dwell[zone][class].Histogram[bin(wire.DwellEdges[:], d.Seconds())]++
}

func (y *tally) drove(zone int, kmh float64) {
	y.speed[zone].Histogram[bin(wire.SpeedEdges[:], kmh)]++
}

func bin(edges []float64, v float64) int {
	for i, e := range edges {
		if v < e {
			return i
		}
	}
	return len(edges)
}

// A clock that goes back by less than this is waited for, so that no interval is
// told twice; one that goes back farther was wrong before.
const clockBack = time.Hour

// pass counts what was there last from one time to the next, over as many intervals
// as end in between.
func (y *tally) pass(out []wire.Message, from, to time.Time, c *Config) []wire.Message {
	for from.Before(to) {
		out = y.skip(out, from, c)
		end := y.end(c)
		until := to
		if end.Before(to) {
			until = end
		}
		begin := from
		if begin.Before(y.from) {
			begin = y.from
		}
		if d := until.Sub(begin); d > 0 {
			y.covered += d
			for i := range y.sums {
				y.sums[i].add(y.now[i], d.Seconds())
			}
		}
		from = until
	}
	return y.skip(out, to, c)
}

func (s *sums) add(c crowd, seconds float64) {
	for k, n := range c.n {
		s.time[k] += float64(n) * seconds
	}
	s.standing += float64(c.standing) * seconds
	s.peak(c)
}

func (y *tally) end(c *Config) time.Time { return y.start.Add(c.Interval) }

// skip moves on to the interval that holds at, and tells the one before.
func (y *tally) skip(out []wire.Message, at time.Time, c *Config) []wire.Message {
	back := !y.start.IsZero() && at.Before(y.start.Add(-clockBack))
	if !y.start.IsZero() && !back && at.Before(y.end(c)) {
		return out
	}
	out = y.tell(out, y.end(c))
	if back || y.told.IsZero() {
		y.told = at.UTC().Truncate(time.Millisecond) // the first interval begins with the first look
	}
	y.start = at.UTC().Truncate(c.Interval)
	y.clear()
	return out
}

func (y *tally) clear() {
	y.from = y.start
	if y.told.After(y.from) {
		y.from = y.told
	}
	y.covered = 0
	for i := range y.sums {
		y.sums[i] = sums{}
	}
	for i := range y.lines {
		y.lines[i] = [countedClasses][3]uint32{}
	}
}

// cut ends the interval under way early; its rest will be an interval of its own.
func (y *tally) cut(out []wire.Message, at time.Time) []wire.Message {
	out = y.tell(out, at.UTC().Truncate(time.Millisecond))
	y.start = time.Time{}
	return out
}

// together is how many stays or speeds must have come together before their
// histogram is told: fewer would be about single people. They wait for more.
const together = 5

// tell appends the observations of the interval from y.from until end. An interval
// of which nothing was seen is not told.
func (y *tally) tell(out []wire.Message, end time.Time) []wire.Message {
	covered := y.covered.Truncate(time.Millisecond)
	if y.start.IsZero() || covered <= 0 || !end.After(y.from) {
		return out
	}
	y.told = end
	base := wire.Observation{Layout: y.layout.Revision, Start: y.from, Length: end.Sub(y.from), Covered: min(covered, end.Sub(y.from))}
	put := func(metric wire.Metric, class wire.Class, where int, d wire.Direction, value float64) {
		o := base
		o.Metric, o.Class, o.Where, o.Direction, o.Value = metric, class, uint8(where), d, value
		out = append(out, &o)
	}
	seconds := y.covered.Seconds()
	for where, s := range y.sums {
		for class := wire.Person; class <= wire.Vehicle; class++ {
			put(wire.Occupancy, class, where, 0, s.time[class]/seconds)
			put(wire.OccupancyMax, class, where, 0, float64(s.most[class]))
		}
		if where == 0 {
			continue
		}
		if area := y.squares[where-1]; area > 0 {
			put(wire.Density, wire.Person, where, 0, s.time[wire.Person]/seconds/area)
		}
		put(wire.Queue, wire.Vehicle, where, 0, s.standing/seconds)
		put(wire.QueueMax, wire.Vehicle, where, 0, float64(s.queue))
	}
	for i, line := range y.lines {
		for class := wire.Person; class <= wire.Vehicle; class++ {
			for d := wire.ToRight; d <= wire.ToLeft; d++ {
				put(wire.Crossings, class, i+1, d, float64(line[class][d]))
			}
		}
	}
	return y.tellHistograms(out, base)
}

func (y *tally) tellHistograms(out []wire.Message, base wire.Observation) []wire.Message {
	put := func(metric wire.Metric, class wire.Class, where int, from *wire.Observation) {
		sum := uint64(0)
		for _, n := range from.Histogram {
			sum += uint64(n)
		}
		if sum < together {
			return
		}
		o := base
		o.Metric, o.Class, o.Where, o.Value, o.Histogram = metric, class, uint8(where), float64(sum), from.Histogram
		out = append(out, &o)
		from.Histogram = [wire.HistogramBins]uint32{}
	}
	for i := range y.dwell {
		for class := wire.Person; class <= wire.Vehicle; class++ {
			put(wire.Dwell, class, i+1, &y.dwell[i][class])
		}
		if y.driving {
			put(wire.Speed, wire.Vehicle, i+1, &y.speed[i])
		}
	}
	return out
}
