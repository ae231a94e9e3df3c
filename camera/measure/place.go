package measure

import (
	"math"
	"time"

	"polity/camera/layout"
	"polity/camera/wire"
)

// places is what is remembered of a track with respect to the layout.
type places struct {
	lines []lineSide
	zones []zoneStay
	stand stand
}

// lineSide is on which side of a line a thing was last for sure.
type lineSide struct {
	side int // 1 right of it, -1 left, 0 not yet known
	x, y float64
}

// zoneStay is a thing's stay in a zone.
type zoneStay struct {
	inside bool
	since  time.Time
	way    float64 // metres on the ground since it entered
	from   Metres  // where it was at
	at     time.Time
	known  bool // from and at are set
}

// stand is how long a thing has been at the same spot.
type stand struct {
	x, y  float64
	since time.Time
}

// standingReach is how far, in heights, a thing may move and still stand.
const standingReach = 0.35

// place updates a track's places after a frame.
func (m *Measure) place(t *track) {
	p := &t.places
	if len(p.lines) != len(m.layout.Lines) || len(p.zones) != len(m.layout.Zones) {
		p.lines, p.zones = make([]lineSide, len(m.layout.Lines)), make([]zoneStay, len(m.layout.Zones))
	}
	if math.Hypot(t.x.at-p.stand.x, t.y.at-p.stand.y) > standingReach*t.h || p.stand.since.IsZero() {
		p.stand = stand{t.x.at, t.y.at, m.now}
	}
	if t.seen.Equal(m.now) { // where it is expected proves no crossing
		for i, line := range m.layout.Lines {
			m.cross(t, i, line)
		}
	}
	if t.counts() {
		for i := range m.layout.Zones {
			m.stay(t, i)
		}
	}
}

// A thing is beyond a line when its foot is farther from it than this share of its
// height, and at least so many pixels: those who stand on a line cross it once.
const (
	lineBand      = 0.15
	lineBandLeast = 5
)

func (m *Measure) cross(t *track, i int, line layout.Line) {
	w, h := float64(m.size.X), float64(m.size.Y)
	ax, ay, bx, by := line.From.X*w, line.From.Y*h, line.To.X*w, line.To.Y*h
	length := math.Hypot(bx-ax, by-ay)
	off := ((bx-ax)*(t.y.at-ay) - (by-ay)*(t.x.at-ax)) / length // y grows downwards: positive is right
	side := 0
	switch band := math.Max(lineBandLeast, lineBand*t.h); {
	case off > band:
		side = 1
	case off < -band:
		side = -1
	default:
		return
	}
	was := &t.places.lines[i]
	if was.side == -side && !t.sure() {
		return // it may yet turn out to have crossed
	}
	if was.side == -side && t.counts() && meet(was.x, was.y, t.x.at, t.y.at, ax, ay, bx, by) {
		direction := wire.ToRight
		if side < 0 {
			direction = wire.ToLeft
		}
		m.tally.crossed(i, t.class(), direction)
		if t.class() == wire.Vehicle && (line.OneWay == "right" && side < 0 || line.OneWay == "left" && side > 0) {
			m.alarms.wentWrong(i)
		}
	}
	*was = lineSide{side, t.x.at, t.y.at}
}

// meet says whether the stretches p-q and a-b have a point in common.
func meet(px, py, qx, qy, ax, ay, bx, by float64) bool {
	cross := func(ox, oy, ux, uy, vx, vy float64) float64 { return (ux-ox)*(vy-oy) - (uy-oy)*(vx-ox) }
	return cross(px, py, qx, qy, ax, ay)*cross(px, py, qx, qy, bx, by) <= 0 &&
		cross(ax, ay, bx, by, px, py)*cross(ax, ay, bx, by, qx, qy) <= 0
}

// zoneBand is how far outside a zone, in heights, a thing that was in it still is.
const zoneBand = 0.1

func (m *Measure) stay(t *track, i int) {
	zone, s := m.layout.Zones[i], &t.places.zones[i]
	foot := layout.Point{X: t.x.at / float64(m.size.X), Y: t.y.at / float64(m.size.Y)}
	inside := zone.Holds(foot)
	if !inside && s.inside && m.outside(zone, t) < zoneBand*t.h {
		inside = true
	}
	switch {
	case inside && !s.inside:
		*s = zoneStay{inside: true, since: m.now}
	case !inside && s.inside:
		m.left(t, i)
	}
	if s.inside && m.plane != nil {
		m.travel(s, foot)
	}
}

// travel adds up the way on the ground, in steps of a second so that a box that
// trembles goes nowhere.
func (m *Measure) travel(s *zoneStay, foot layout.Point) {
	at, ok := m.plane.Metres(foot)
	if !ok {
		return
	}
	if !s.known {
		s.from, s.at, s.known = at, m.now, true
		return
	}
	if m.now.Sub(s.at) >= time.Second {
		s.way += math.Hypot(at.X-s.from.X, at.Y-s.from.Y)
		s.from, s.at = at, m.now
	}
}

// outside is the distance in pixels from a track's foot to the zone's border.
func (m *Measure) outside(zone layout.Zone, t *track) float64 {
	w, h := float64(m.size.X), float64(m.size.Y)
	least := math.Inf(1)
	for i, a := range zone.Corners {
		b := zone.Corners[(i+1)%len(zone.Corners)]
		least = math.Min(least, toStretch(t.x.at, t.y.at, a.X*w, a.Y*h, b.X*w, b.Y*h))
	}
	return least
}

func toStretch(px, py, ax, ay, bx, by float64) float64 {
	dx, dy := bx-ax, by-ay
	share := 0.0
	if l := dx*dx + dy*dy; l > 0 {
		share = math.Min(1, math.Max(0, ((px-ax)*dx+(py-ay)*dy)/l))
	}
	return math.Hypot(px-ax-share*dx, py-ay-share*dy)
}

// leastWay is how far a vehicle must have gone in a zone for its speed to be one.
const leastWay = 3.0

// left ends a stay and counts it.
func (m *Measure) left(t *track, i int) {
	s := &t.places.zones[i]
	m.tally.dwelt(i, t.class(), m.now.Sub(s.since))
	if d := s.at.Sub(s.since).Seconds(); t.class() == wire.Vehicle && s.way >= leastWay && d > 0 {
		m.tally.drove(i, s.way/d*3.6)
	}
	*s = zoneStay{}
}

// leave ends all stays of a thing that is gone.
func (m *Measure) leave(t *track) {
	for i, s := range t.places.zones {
		if s.inside {
			m.left(t, i)
		}
	}
}
