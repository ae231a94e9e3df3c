package live

import (
	"slices"
	"time"

	"polity/services/water/leaks"
)

// Part is an alarm that an open leak may explain: it grew in another way than the detector
// expects of one, or its place was named anew. It is shown with that leak, and becomes one of
// its own when that is repaired and it stays.
type Part struct {
	Alarm string // of the detector
	Pipe  string
	Since time.Time // by the measurements' clock
	Flow  float64   // m³/h
	Over  bool      // its end was seen
}

const (
	// partShare is the probability that an alarm leaves around the open leak's place, from
	// which on that leak explains both.
	partShare = 0.05
	// partStays is how long an alarm must stay behind the repair of what it was a part of.
	partStays = 5 * 24 * time.Hour
)

// partOf is the open leak that an alarm may be a part of; nil: none. The areas touch, their
// radii being those that hold 80 % of each one's probability; and the fit of what is new, the
// open leak being taken off, leaves a probability within the open one's radius. The lock is
// held.
func (s *Service) partOf(f *leaks.Found) *Leak {
	where, _ := s.net.Link(f.Pipe)
	best, _ := s.net.Link(likeliest(f)) // where few pipes stand out, this is far from the middle
	for _, l := range s.kept.Leaks {
		pipe := l.Pipe
		if l.Heard != "" {
			pipe = l.Heard
		}
		link, _ := s.net.Link(pipe)
		if !l.Ended.IsZero() || l.Mended || f.Since.Before(l.Since.Add(-span)) || min(s.between.Links(where, link), s.between.Links(best, link)) > l.Within+f.Within {
			continue
		}
		share := 0.0
		for _, c := range f.All {
			if k, is := s.net.Link(c.Pipe); is && s.between.Links(k, link) <= max(l.Within, near) {
				share += c.Probability
			}
		}
		if share >= partShare {
			return l
		}
	}
	return nil
}

// has says whether an alarm is of a part of the leak.
func (l *Leak) has(alarm string) bool {
	return slices.ContainsFunc(l.Parts, func(p Part) bool { return p.Alarm == alarm })
}

// ripe says whether a part of a leak is one of its own now, and takes it off then: the leak is
// over, or mended with its valves open, for some days, and the alarm is still there. The lock
// is held.
func (s *Service) ripe(l *Leak, alarm string, f *leaks.Found) bool {
	i := slices.IndexFunc(l.Parts, func(p Part) bool { return p.Alarm == alarm })
	l.Parts[i].Over = !f.Until.IsZero()
	since := l.Opened
	if since.IsZero() {
		since = l.Over
	}
	if l.Parts[i].Over || since.IsZero() || s.shown.date.Sub(since) < partStays {
		return false
	}
	l.Parts = slices.Delete(l.Parts, i, i+1)
	return true
}
