package lighting

import (
	"fmt"
	"math"
	"slices"
	"time"

	"polity/city"
)

// Count is how many people and vehicles a place's cameras or sensors see: a number,
// of nobody in particular.
type Count struct {
	Time  time.Time
	Count int
}

// Cabinet decides for one group. Not safe for concurrent use.
type Cabinet struct {
	group   *Group
	last    Count
	counted bool
	// want is what the counts ask for; high is the brightest of the last Hold.
	high  float64
	until time.Time
	// manual is a person's override.
	manual *Override
	// allowed is what the centre last allowed, at a time.
	allowed   float64
	allowedAt time.Time
}

// Override is a person's order: a level until a time.
type Override struct {
	Level float64
	Until time.Time
	By    string
}

// NewCabinet starts a cabinet for a prepared group.
func NewCabinet(g *Group) *Cabinet { return &Cabinet{group: g} }

// See takes a count; older ones than the last are dropped.
func (c *Cabinet) See(n Count) {
	if n.Count < 0 || (c.counted && n.Time.Before(c.last.Time)) {
		return
	}
	c.last, c.counted = n, true
	if level := c.group.step(n.Count); level >= c.high || !n.Time.Before(c.until) {
		c.high, c.until = level, n.Time.Add(c.group.Hold)
	}
}

// Order sets a person's override, which ends by itself.
func (c *Cabinet) Order(o Override) error {
	if !(o.Level >= 0 && o.Level <= 1) || o.By == "" || o.Until.IsZero() {
		return city.Errorf(city.Invalid, "an order needs a level from 0 to 1, an end, and who gives it")
	}
	c.manual = &o
	return nil
}

// Allow takes the centre's word that a level is enough. It holds for the group's Stale and is
// then over, so that nothing but the cabinet's own schedule counts when the centre is gone. A
// level that is none of the group's steps is refused: nobody dims below them from afar.
func (c *Cabinet) Allow(level float64, now time.Time) error {
	const near = 0.005 // what percent on a wire are rounded by
	match := 1.0
	for _, l := range append(slices.Clone(c.group.levels), 1) {
		if math.Abs(l-level) <= near {
			match = l
		}
	}
	if !(math.Abs(match-level) <= near) || c.group.Stale <= 0 {
		return city.Errorf(city.Forbidden, "group %q: %.0f%% of full light is no step that is registered", c.group.Name, 100*level)
	}
	c.allowed, c.allowedAt = match, now
	return nil
}

// Who decided a level.
const (
	BySun      = "sun"
	BySchedule = "schedule" // the cabinet's own
	ByCentre   = "centre"
	ByCount    = "count" // the cabinet's own
	ByPerson   = "person"
)

// State is what a group does, and why in one sentence.
type State struct {
	Level  float64 // of full light
	Reason string
	By     string
}

// At returns what the group does at t. It depends on nothing but the clock, the
// configuration, and the last counts and order.
func (c *Cabinet) At(t time.Time) State {
	if m := c.manual; m != nil && t.Before(m.Until) {
		return State{m.Level, fmt.Sprintf("%s ordered it until %s.", m.By, m.Until.Format("15:04")), ByPerson}
	}
	at := city.Point{Lon: c.group.Lon, Lat: c.group.Lat}
	if height := Height(t, at); height >= c.group.OnHeight {
		return State{0, fmt.Sprintf("The sun stands at %.1f degrees.", height), BySun}
	}
	switch {
	case len(c.group.Steps) == 0:
		return State{1, "The group is not dimmed.", BySchedule}
	case !c.group.may(t):
		return State{1, "It is not dimmed at this time of day.", BySchedule}
	case !c.allowedAt.IsZero() && !t.Before(c.allowedAt) && t.Sub(c.allowedAt) <= c.group.Stale:
		return State{c.allowed, fmt.Sprintf("The centre allows %.0f%% of the light until %s.", 100*c.allowed, c.allowedAt.Add(c.group.Stale).In(t.Location()).Format("15:04")), ByCentre}
	case !c.counted || t.Sub(c.last.Time) > c.group.Stale || t.Before(c.last.Time):
		return State{1, "There is no fresh count, so that it burns in full.", BySchedule}
	}
	level := c.group.step(c.last.Count)
	if t.Before(c.until) && c.high > level {
		return State{c.high, fmt.Sprintf("More people than the present %d were there less than %s ago.", c.last.Count, c.group.Hold), ByCount}
	}
	return State{level, fmt.Sprintf("For a count of %d, %.0f%% of the light is what the class asks for.", c.last.Count, 100*level), ByCount}
}

// Span is a time with one power.
type Span struct {
	From, To time.Time
	Watts    float64
}

// Energy sums spans in watt-hours, and what the same group takes from dusk to dawn in
// full light over the same time: the difference is saved.
func (g *Group) Energy(spans []Span) (used, full float64) {
	at := city.Point{Lon: g.Lon, Lat: g.Lat}
	for _, s := range spans {
		used += s.Watts * s.To.Sub(s.From).Hours()
		for t := s.From; t.Before(s.To); t = t.Add(time.Minute) {
			if Height(t, at) < g.OnHeight {
				full += g.Watts(1, 0) * min(time.Minute, s.To.Sub(t)).Hours()
			}
		}
	}
	return used, full
}
