// Package flood reads water levels and rain so that one wrong value is no flood and a
// silent sensor is never a dry road.
package flood

import (
	"math"
	"slices"
	"time"

	"polity/sensors/series"
)

// Steady returns points, sorted by time, with each value replaced by the median of it and
// the two before: a spike of one point is in none of them, and a step is there one point
// late (Tukey 1977, running medians). The first two points are left out.
func Steady(points []series.Point) []series.Point {
	if len(points) < 3 {
		return nil
	}
	out := make([]series.Point, 0, len(points)-2)
	for i := 2; i < len(points); i++ {
		p := points[i]
		a, b, c := points[i-2].Value, points[i-1].Value, p.Value
		p.Value = max(min(a, b), min(max(a, b), c))
		out = append(out, p)
	}
	return out
}

// Bounds of Rise.
const (
	minRise = 5  // points
	maxRise = 40 // beyond, every second, third... point is taken
)

// Rise is how fast the level rises over the window that ends with the last point, in metres
// per hour: the median of the slopes of all pairs of points (Theil 1950, Sen 1968), which
// up to 29 of 100 wrong points do not move. It says none of fewer than five points or if
// they span less than half of the window.
func Rise(points []series.Point, window time.Duration) (perHour float64, ok bool) {
	if len(points) == 0 {
		return 0, false
	}
	last := points[len(points)-1].At
	first := len(points)
	for first > 0 && last.Sub(points[first-1].At) <= window {
		first--
	}
	points = points[first:]
	if len(points) < minRise || last.Sub(points[0].At) < window/2 {
		return 0, false
	}
	if step := (len(points) + maxRise - 1) / maxRise; step > 1 {
		var fewer []series.Point
		for i := (len(points) - 1) % step; i < len(points); i += step {
			fewer = append(fewer, points[i])
		}
		points = fewer
	}
	slopes := make([]float64, 0, len(points)*(len(points)-1)/2)
	for i, a := range points {
		for _, b := range points[i+1:] {
			if dt := b.At.Sub(a.At).Hours(); dt > 0 {
				slopes = append(slopes, (b.Value-a.Value)/dt)
			}
		}
	}
	if len(slopes) == 0 {
		return 0, false
	}
	return median(slopes), true
}

func median(v []float64) float64 {
	slices.Sort(v)
	n := len(v)
	return (v[(n-1)/2] + v[n/2]) / 2
}

// Stuck says whether a level sensor has said the very same wet value at least ten times
// over the given time: water is never so still, and a sensor that hangs must not pass for
// one that sees no change. Dry is the value at or below which the same value is normal.
func Stuck(points []series.Point, dry float64, least time.Duration) bool {
	if len(points) == 0 || least <= 0 {
		return false
	}
	last := points[len(points)-1]
	if last.Value <= dry {
		return false
	}
	n, first := 0, last.At
	for _, p := range slices.Backward(points) {
		if p.Value != last.Value {
			break
		}
		n, first = n+1, p.At
	}
	return n >= 10 && last.At.Sub(first) >= least
}

// MinCovered is the share of time that a gauge must cover before little rain is known to
// be little. Much rain is much however short it was measured.
const MinCovered = 0.75

// Sum is rain over some time before At.
type Sum struct {
	At      time.Time
	MM      float64
	Covered float64 // share of the time for which the gauge spoke
}

// Sums is the rain in (end - over, end] for each point, sorted by time, that ends at since
// or later. What a message says fell since the one before; of a message that lies across
// the beginning its part counts. Behind a gap in which the gauge was silent, what it says
// counts whole, where it says it: it kept counting. Values below zero and no numbers are
// left out.
func Sums(points []series.Point, over time.Duration, since time.Time) []Sum {
	type fall struct {
		from, to time.Time
		mm       float64
	}
	falls := make([]fall, 0, len(points))
	spans := series.Spans(points, time.Hour)
	for _, p := range points {
		if math.IsNaN(p.Value) || p.Value < 0 {
			continue
		}
		f := fall{to: p.At.Add(max(p.Length, 0)), mm: p.Value}
		f.from = f.to
		for len(spans) > 0 && spans[0].To.Before(f.to) {
			spans = spans[1:]
		}
		if len(spans) > 0 && spans[0].To.Equal(f.to) {
			f.from = spans[0].From
		}
		falls = append(falls, f)
	}
	var out []Sum
	var mm float64
	var covered time.Duration
	first := 0
	for _, f := range falls {
		mm, covered = mm+f.mm, covered+f.to.Sub(f.from)
		begin := f.to.Add(-over)
		for !falls[first].to.After(begin) {
			mm, covered = mm-falls[first].mm, covered-falls[first].to.Sub(falls[first].from)
			first++
		}
		if f.to.Before(since) {
			continue
		}
		s := Sum{f.to, mm, float64(covered)}
		if before := begin.Sub(falls[first].from); before > 0 {
			s.MM -= falls[first].mm * float64(before) / float64(falls[first].to.Sub(falls[first].from))
			s.Covered -= float64(before)
		}
		s.Covered /= float64(over)
		s.MM = max(0, s.MM) // nothing is left of a sum of roundings
		out = append(out, s)
	}
	return out
}
