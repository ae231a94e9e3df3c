package measure

import (
	"math"
	"time"

	"polity/camera/layout"
	"polity/camera/wire"
	"polity/city"
)

// Patience is how long a situation must last to be an event.
type Patience struct {
	// Crowd, Intrude, Stop and Leave are how long it must have lasted for Crowding,
	// Intrusion, Stopped and ObjectLeft to start.
	Crowd   time.Duration `yaml:"crowd"`
	Intrude time.Duration `yaml:"intrude"`
	Stop    time.Duration `yaml:"stop"`
	Leave   time.Duration `yaml:"leave"`
	// Over is how long it must be over for any event to end.
	Over time.Duration `yaml:"over"`
}

// DefaultPatience is what Polity ships.
var DefaultPatience = Patience{Crowd: 3 * time.Second, Intrude: time.Second, Stop: 10 * time.Second, Leave: 30 * time.Second, Over: 10 * time.Second}

func (p *Patience) check() error {
	for name, d := range map[string]time.Duration{"crowd": p.Crowd, "intrude": p.Intrude, "stop": p.Stop, "leave": p.Leave, "over": p.Over} {
		if d < 0 || d > time.Hour {
			return city.Errorf(city.Invalid, "events: %s is %v; it is between 0 and an hour", name, d)
		}
	}
	return nil
}

// crowdOver is the share of a zone's threshold below which a crowd is none any
// more, so that it does not end and start with each person.
const crowdOver = 0.8

// alarm is one kind of event at one place.
type alarm struct {
	kind     wire.EventKind
	class    wire.Class
	where    uint8
	patience time.Duration

	since time.Time // when the situation began, zero if there is none
	last  time.Time // when it was there last
	open  bool
	peak  float64
}

// situation is what an alarm watches, at one moment.
type situation struct {
	there bool
	began time.Time // zero: now, unless it was there before
	value float64   // how much of it
}

// step takes in the situation now and appends the event if it starts or ends.
func (a *alarm) step(out []wire.Message, at time.Time, layout uint32, s situation, over time.Duration) []wire.Message {
	if !s.there {
		switch {
		case !a.open:
			a.since = time.Time{}
		case at.Sub(a.last) >= over:
			out = a.close(out, layout)
		}
		return out
	}
	if a.since.IsZero() {
		a.since, a.peak = at, 0
	}
	if !a.open && !s.began.IsZero() {
		a.since = s.began
	}
	a.last, a.peak = at, math.Max(a.peak, s.value)
	if !a.open && at.Sub(a.since) >= a.patience {
		a.open = true
		out = append(out, a.event(layout, time.Time{}))
	}
	return out
}

// close ends the event, at the time when the situation was there last.
func (a *alarm) close(out []wire.Message, layout uint32) []wire.Message {
	if a.open {
		out = append(out, a.event(layout, a.last))
	}
	a.open, a.since = false, time.Time{}
	return out
}

func (a *alarm) event(layout uint32, end time.Time) *wire.Event {
	return &wire.Event{Kind: a.kind, Class: a.class, Where: a.where, Layout: layout, Start: a.since, End: end, Value: a.peak}
}

// alarms are all that a layout asks for.
type alarms struct {
	layout layout.Layout
	over   time.Duration
	all    []watched
	wrong  []int     // vehicles that went the wrong way across a line, since its event began
	went   []bool    // one of them since the last step
	seen   time.Time // when the picture was seen last
}

// watched is an alarm with what it watches.
type watched struct {
	*alarm
	look func(m *Measure, a *alarm, left []Left) situation
}

func (s *alarms) use(l layout.Layout, p Patience) {
	*s = alarms{layout: l, over: p.Over, wrong: make([]int, len(l.Lines)), went: make([]bool, len(l.Lines))}
	add := func(on bool, a alarm, look func(*Measure, *alarm, []Left) situation) {
		if on {
			s.all = append(s.all, watched{&a, look})
		}
	}
	for i, z := range l.Zones {
		where := uint8(i + 1)
		add(z.Crowd > 0, alarm{kind: wire.Crowding, class: wire.Person, where: where, patience: p.Crowd}, (*Measure).crowding)
		add(z.KeepEmpty, alarm{kind: wire.Intrusion, where: where, patience: p.Intrude}, (*Measure).intrusion)
		add(z.NoStop, alarm{kind: wire.Stopped, class: wire.Vehicle, where: where, patience: p.Stop}, (*Measure).stopped)
		add(z.NoStop, alarm{kind: wire.Stopped, where: where, patience: p.Stop}, (*Measure).objectLeft)
		add(z.NoObjects, alarm{kind: wire.ObjectLeft, where: where, patience: p.Leave}, (*Measure).objectLeft)
	}
	for i, n := range l.Lines {
		add(n.OneWay != "", alarm{kind: wire.WrongWay, class: wire.Vehicle, where: uint8(i + 1)}, (*Measure).wrongWay)
	}
}

func (m *Measure) crowding(a *alarm, _ []Left) situation {
	n := m.tally.now[a.where].n[wire.Person]
	least := float64(m.layout.Zones[a.where-1].Crowd)
	if a.open {
		least *= crowdOver
	}
	return situation{there: float64(n) >= least, value: float64(n)}
}

func (m *Measure) intrusion(a *alarm, _ []Left) situation {
	n := 0
	for _, k := range m.tally.now[a.where].n {
		n += k
	}
	return situation{there: n > 0, value: float64(n)}
}

func (m *Measure) stopped(a *alarm, _ []Left) (s situation) {
	for _, t := range m.tracker.tracks {
		stands := m.now.Sub(t.places.stand.since) >= time.Second
		if stands && t.counts() && t.class() == wire.Vehicle && t.places.zones[a.where-1].inside {
			s.longest(m.now, t.places.stand.since)
		}
	}
	return s
}

func (m *Measure) objectLeft(a *alarm, left []Left) (s situation) {
	zone := m.layout.Zones[a.where-1]
	for _, o := range left {
		foot := layout.Point{X: float64(o.Box.Min.X+o.Box.Max.X) / 2 / float64(m.size.X), Y: float64(o.Box.Max.Y) / float64(m.size.Y)}
		if zone.Holds(foot) {
			s.longest(m.now, o.Since)
		}
	}
	return s
}

// longest makes the situation that of the one that stands longest.
func (s *situation) longest(now, since time.Time) {
	if !s.there || since.Before(s.began) {
		*s = situation{there: true, began: since, value: math.Max(0, now.Sub(since).Seconds())}
	}
}

func (m *Measure) wrongWay(a *alarm, _ []Left) situation {
	i := int(a.where) - 1
	went := m.alarms.went[i]
	m.alarms.went[i] = false
	if !a.open && !went {
		m.alarms.wrong[i] = 0
	}
	return situation{there: went, value: float64(m.alarms.wrong[i])}
}

// wentWrong counts a vehicle that crossed the line against its direction.
func (s *alarms) wentWrong(line int) { s.wrong[line]++; s.went[line] = true }

// watch steps all alarms after a frame.
func (m *Measure) watch(left []Left) {
	for _, w := range m.alarms.all {
		m.out = w.step(m.out, m.now, m.layout.Revision, w.look(m, w.alarm, left), m.alarms.over)
	}
	m.alarms.seen = m.now
}

// blindFor is how long nothing may be known of the picture until events end: what
// happened since is not theirs.
const blindFor = time.Minute

// blind ends all events if nothing was seen for long.
func (s *alarms) blind(out []wire.Message, at time.Time) []wire.Message {
	if !s.seen.IsZero() && at.Sub(s.seen) >= blindFor {
		out = s.close(out)
	}
	return out
}

func (s *alarms) close(out []wire.Message) []wire.Message {
	for _, w := range s.all {
		out = w.alarm.close(out, s.layout.Revision)
	}
	return out
}
