// Package series is a row of a sensor's values in time, and how long each of them counts:
// what means, sums and shares of time rest on.
package series

import (
	"math"
	"slices"
	"time"
)

// Point is one value. With a Length it is of the interval that begins at At; without, it
// is what the sensor said at At of the time since the point before.
type Point struct {
	At     time.Time
	Length time.Duration
	Value  float64
}

// Span is a value and the time for which it counts, [From, To).
type Span struct {
	From, To time.Time
	Value    float64
}

// Sort orders points by time.
func Sort(points []Point) {
	slices.SortStableFunc(points, func(a, b Point) int { return a.At.Compare(b.At) })
}

// Gap is the median time between points, 0 of fewer than two.
func Gap(points []Point) time.Duration {
	if len(points) < 2 {
		return 0
	}
	gaps := make([]time.Duration, len(points)-1)
	for i := range gaps {
		gaps[i] = points[i+1].At.Sub(points[i].At)
	}
	slices.Sort(gaps)
	return gaps[(len(gaps)-1)/2]
}

// around is how many gaps on each side say what is usual at a point.
const around = 3

// usual is the time between points that is usual about the gap i, which lies between points
// i and i+1: the greater of the medians of the gaps before it and behind it, so that a
// sensor may speak more often when something happens. The gap itself is left out: 0 if
// there is no other.
func usual(points []Point, i int) time.Duration {
	before := Gap(points[max(0, i-around) : i+1])
	behind := Gap(points[i+1 : min(len(points), i+2+around)])
	return max(before, behind)
}

// Spans says for how long each of points, sorted by time, counts. A point without a
// length counts for the time since the one before, at most 1.5 times what is usual there
// and never longer than most: behind a gap nobody knows what was. Spans do not overlap.
func Spans(points []Point, most time.Duration) []Span {
	out := make([]Span, 0, len(points))
	var end time.Time
	for i, p := range points {
		s := Span{p.At, p.At.Add(p.Length), p.Value}
		if p.Length <= 0 {
			back := min(Gap(points[:min(len(points), around+1)]), most)
			if i > 0 {
				back = p.At.Sub(points[i-1].At)
				if u := usual(points, i-1); u > 0 {
					back = min(back, u+u/2)
				}
				back = min(back, most)
			}
			s = Span{p.At.Add(-back), p.At, p.Value}
		}
		if s.From.Before(end) {
			s.From = end
		}
		if s.From.Before(s.To) {
			out = append(out, s)
			end = s.To
		}
	}
	return out
}

// Within calls each with what of spans lies in [from, to), and returns how much of that
// time they cover, a share from 0 to 1.
func Within(spans []Span, from, to time.Time, each func(value float64, of time.Duration)) (covered float64) {
	var sum time.Duration
	for _, s := range spans {
		if s.From.Before(from) {
			s.From = from
		}
		if s.To.After(to) {
			s.To = to
		}
		if d := s.To.Sub(s.From); d > 0 {
			sum += d
			each(s.Value, d)
		}
	}
	return float64(sum) / float64(to.Sub(from))
}

// Mean is the mean over time in [from, to), NaN if nothing covers any of it.
func Mean(spans []Span, from, to time.Time) (mean, covered float64) {
	var sum, weight float64
	covered = Within(spans, from, to, func(v float64, of time.Duration) { sum, weight = sum+v*of.Seconds(), weight+of.Seconds() })
	if weight == 0 {
		return math.NaN(), 0
	}
	return sum / weight, covered
}
