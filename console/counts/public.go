package counts

import (
	"math"
	"time"

	"polity/camera/wire"
	"polity/city"
)

// PublicStep is the only step in which counts become public. One step and no
// other, since two that overlap could be subtracted from one another.
const PublicStep = 15 * time.Minute

// Rule is how counts of one camera become public, from its register entry.
type Rule struct {
	Delay     time.Duration // a step is published this long after it has ended
	Threshold int           // smallest number that is published
	// Inside says that the zone inner lies within the zone outer, so that the
	// difference of their counts is the count of what is between. Nil: no zone
	// lies within another. Every zone lies within the whole view.
	Inside func(inner, outer city.Slug) bool
}

// Withheld is the Value of a published point that is not shown, because it is
// below the threshold or would let somebody work out a number that is.
const Withheld = -1

// Public returns what of the series everyone may see at a time. q.Step has to be
// PublicStep. Only mean numbers in a zone, rounded to whole ones, and crossings of
// a line are public: a greatest number is of one moment, a histogram has small
// bins. Points that are not published yet are left out, so a published series can
// be shorter than the query.
//
// A value below the threshold is Withheld. So is the smaller of two means when one
// zone lies within the other and the difference is below the threshold, and the
// smallest zone when the whole view is nearly the sum of its zones: what is between
// is then as small as what the rule hides.
func (r Rule) Public(q Query, now time.Time, all []Series) []Series {
	if q.Step != PublicStep {
		return nil
	}
	steps := q.Complete(now.Add(-r.Delay))
	var out []Series
	for _, s := range all {
		if !public(s) {
			continue
		}
		p := s
		p.Points = make([]Point, min(steps, len(s.Points)))
		for i := range p.Points {
			p.Points[i] = r.publish(s.Metric, s.Points[i])
		}
		out = append(out, p)
	}
	for i := range steps {
		for _, class := range []wire.Class{wire.Person, wire.Bicycle, wire.Vehicle} {
			r.hideDifferences(zonesAt(out, class, i))
		}
	}
	return out
}

func public(s Series) bool {
	return (s.Metric == wire.Occupancy || s.Metric == wire.Crossings) && s.Class != wire.AnyClass
}

func (r Rule) publish(m wire.Metric, p Point) Point {
	if p.Covered <= 0 {
		return Point{}
	}
	v := p.Value
	if IsMean(m) {
		v = math.Round(v)
	}
	if v < float64(r.Threshold) {
		v = Withheld
	}
	return Point{Value: v, Covered: p.Covered}
}

// zone is one zone's published point, or the whole view's (an empty name).
type zone struct {
	name city.Slug
	at   *Point
}

func zonesAt(published []Series, class wire.Class, step int) []zone {
	var zones []zone
	for i := range published {
		s := &published[i]
		if s.Metric == wire.Occupancy && s.Class == class && step < len(s.Points) && s.Points[step].Covered > 0 && s.Points[step].Value != Withheld {
			zones = append(zones, zone{s.Where, &s.Points[step]})
		}
	}
	return zones
}

// hideDifferences withholds zones until no difference below the threshold can be
// formed. Each round withholds one, so it ends.
func (r Rule) hideDifferences(zones []zone) {
	for {
		worst := r.revealing(zones)
		if worst == nil {
			return
		}
		worst.Value = Withheld
		kept := zones[:0]
		for _, z := range zones {
			if z.at != worst {
				kept = append(kept, z)
			}
		}
		zones = kept
	}
}

// revealing returns a point to withhold, or nil when nothing is revealed.
func (r Rule) revealing(zones []zone) *Point {
	k := float64(r.Threshold)
	for _, outer := range zones {
		parts := 0.0
		var smallest *Point
		for _, inner := range zones {
			if inner.at == outer.at || !r.within(inner.name, outer.name) {
				continue
			}
			if math.Abs(outer.at.Value-inner.at.Value) < k {
				return inner.at
			}
			parts += inner.at.Value
			if smallest == nil || inner.at.Value < smallest.Value {
				smallest = inner.at
			}
		}
		if smallest != nil && math.Abs(outer.at.Value-parts) < k {
			return smallest
		}
	}
	return nil
}

func (r Rule) within(inner, outer city.Slug) bool {
	if inner == outer || inner == "" {
		return false
	}
	return outer == "" || (r.Inside != nil && r.Inside(inner, outer))
}

// PublicEvent says whether everyone may know of an event with a value: one about as
// many people as the threshold or more, or about the camera itself. An intrusion or a
// stopped car is about one person.
func (r Rule) PublicEvent(k wire.EventKind, value float64) bool {
	switch k {
	case wire.Crowding:
		return value >= float64(r.Threshold)
	case wire.CameraMoved, wire.CameraBlind, wire.CameraSilent, wire.EntryEnded, wire.ObservingLess:
		return true
	}
	return false
}
