// Package measure turns what a detector sees into what a city asks for: how many,
// which way, how long, how fast, and what is wrong.
//
// It follows things from frame to frame in memory while they are in view. A thing
// has no number that could be told, is forgotten when it leaves, and only counts,
// coarse positions and situations leave this package, as messages of
// polity/camera/wire.
package measure

import (
	"image"
	"time"

	"polity/camera/detect"
	"polity/camera/layout"
	"polity/camera/wire"
	"polity/city"
)

// Config is how a camera measures.
type Config struct {
	// Interval is the length of observations. They begin at its multiples by the
	// wall clock (UTC).
	Interval time.Duration `yaml:"interval"`
	Tracking Tracking      `yaml:"tracking"`
	Events   Patience      `yaml:"events"`
}

// DefaultConfig is what Polity ships.
var DefaultConfig = Config{Interval: time.Minute, Tracking: DefaultTracking, Events: DefaultPatience}

// Check reports the first thing that is wrong.
func (c *Config) Check() error {
	switch {
	case c.Interval < time.Second || c.Interval > 24*time.Hour || (24*time.Hour)%c.Interval != 0:
		return city.Errorf(city.Invalid, "interval is %v; it must divide a day and be a second or more", c.Interval)
	case !(c.Tracking.Keep > 0 && c.Tracking.Keep <= c.Tracking.Begin && c.Tracking.Begin <= c.Tracking.Still && c.Tracking.Still < 1):
		return city.Errorf(city.Invalid, "tracking: scores must rise: 0 < keep %g, begin %g, still %g < 1", c.Tracking.Keep, c.Tracking.Begin, c.Tracking.Still)
	case !(c.Tracking.Vehicle >= 0 && c.Tracking.Vehicle < c.Tracking.Keep):
		return city.Errorf(city.Invalid, "tracking: vehicle is %g; it must be at least 0 and below keep, %g", c.Tracking.Vehicle, c.Tracking.Keep)
	case !(c.Tracking.Proof > 0 && c.Tracking.Moved > 0 && c.Tracking.Lost > 0 && c.Tracking.Hidden > 0):
		return city.Errorf(city.Invalid, "tracking: proof, moved, lost and hidden must be above 0")
	}
	return c.Events.check()
}

// Left is something that the scene knows to stand where the place was: neither
// person nor vehicle nor animal, without motion, since some time. Box is in pixels
// of the frame.
type Left struct {
	Box   image.Rectangle
	Since time.Time
}

// Measure follows one camera's view. It is used by one goroutine.
type Measure struct {
	config  Config
	layout  layout.Layout
	plane   *Plane
	tracker tracker
	stream  int
	now     time.Time // of the last frame that was seen; zero after a gap
	size    image.Point
	tally   tally
	alarms  alarms
	out     []wire.Message
}

// New returns a Measure for a camera with the given layout, which must be valid.
func New(config Config, l layout.Layout) (*Measure, error) {
	if err := config.Check(); err != nil {
		return nil, err
	}
	m := &Measure{config: config, tracker: tracker{k: config.Tracking}}
	return m, m.setLayout(l)
}

func (m *Measure) setLayout(l layout.Layout) error {
	if err := l.Check(); err != nil {
		return err
	}
	plane, err := NewPlane(l.Ground)
	if err != nil {
		return err
	}
	m.layout, m.plane = l, plane
	m.tally.use(l, plane)
	m.alarms.use(l, m.config.Events)
	for _, t := range m.tracker.tracks {
		t.places = places{}
	}
	return nil
}

// SetLayout goes on with another layout at the time at. The interval under way is
// cut in two, so that no observation mixes layouts, and open events end.
func (m *Measure) SetLayout(l layout.Layout, at time.Time) error {
	if err := l.Check(); err != nil {
		return err
	}
	if _, err := NewPlane(l.Ground); err != nil {
		return err
	}
	m.flush(at)
	return m.setLayout(l)
}

// Longest times without a look at the picture: after the first nothing is known of
// the time between, after the second nothing is taken to be the same thing still.
const (
	longestGap    = 2 * time.Second
	longestMemory = 3 * time.Second
)

// See takes in what the detector made of the next frame, in the order of time, and
// what the scene knows to have been left in the place.
func (m *Measure) See(s detect.Sight, left []Left) {
	if s.Size.X <= 0 || s.Size.Y <= 0 || s.At.IsZero() {
		return
	}
	if s.Stream != m.stream || s.Size != m.size || s.At.Before(m.tracker.now) || s.At.Sub(m.tracker.now) > longestMemory {
		m.forget(s.At)
	}
	m.stream, m.size = s.Stream, s.Size
	if gap := s.At.Sub(m.now); m.now.IsZero() || gap < 0 || gap > longestGap {
		m.out = m.tally.skip(m.out, s.At, &m.config)
	} else {
		m.out = m.tally.pass(m.out, m.now, s.At, &m.config)
	}
	m.now = s.At
	for _, t := range m.tracker.step(&s) {
		m.leave(t)
	}
	m.tracker.findRiders()
	for _, t := range m.tracker.tracks {
		m.place(t)
	}
	m.tally.count(m.tracker.tracks)
	m.watch(left)
}

// Miss says that nothing is known about the frame taken at that time: the detector
// is gone or late. The time until the next See counts as not covered.
func (m *Measure) Miss(at time.Time) {
	m.now = time.Time{}
	m.out = m.tally.skip(m.out, at, &m.config)
	m.out = m.alarms.blind(m.out, at)
}

// forget drops all things, whose stay is then unknown.
func (m *Measure) forget(at time.Time) {
	m.tracker.tracks = nil
	m.tracker.now = at
	m.now = time.Time{}
}

// Take returns the observations and events since the last call, in order. Events
// have no picture yet.
func (m *Measure) Take() []wire.Message {
	out := m.out
	m.out = nil
	return out
}

// Close ends the interval under way and all events, for a camera that stops.
func (m *Measure) Close(at time.Time) []wire.Message {
	m.flush(at)
	m.forget(at)
	return m.Take()
}

func (m *Measure) flush(at time.Time) {
	m.out = m.tally.cut(m.out, at)
	m.out = m.alarms.close(m.out)
}

// Expected returns where things are that move or that were not found lately, so
// that the detector looks there next.
func (m *Measure) Expected() []detect.Box {
	var out []detect.Box
	for _, t := range m.tracker.tracks {
		if !t.rooted() && (t.missed > 0 || sq(t.x.speed)+sq(t.y.speed) > sq(0.15*t.h)) {
			out = append(out, t.box())
		}
	}
	return out
}

// Counts returns how many things of each class are in view now.
func (m *Measure) Counts() (n [wire.Vehicle + 1]int) {
	for _, t := range m.tracker.tracks {
		if t.counts() {
			n[t.class()]++
		}
	}
	return n
}
