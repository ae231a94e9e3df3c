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
	minRise = 5   // points
	maxRise = 120 // beyond, every second, third... point is taken
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

// Rain is what fell in (to - over, to], mm, and which share of that time the gauge spoke
// for. What a message says fell since the one before; of a message that lies across the
// beginning its part counts. Behind a gap in which the gauge was silent, what it says
// counts whole, where it says it: it kept counting.
func Rain(points []series.Point, to time.Time, over time.Duration) (mm, covered float64) {
	from := to.Add(-over)
	spans := series.Spans(points, time.Hour)
	covered = series.Within(spans, from, to, func(float64, time.Duration) {})
	inSpan := map[time.Time]series.Span{}
	for _, s := range spans {
		inSpan[s.To] = s
	}
	for _, p := range points {
		end := p.At.Add(max(p.Length, 0))
		if !end.After(from) || end.After(to) || math.IsNaN(p.Value) || p.Value < 0 {
			continue
		}
		share := 1.0
		if s, ok := inSpan[end]; ok && s.From.Before(from) {
			share = float64(end.Sub(from)) / float64(s.To.Sub(s.From))
		}
		mm += p.Value * share
	}
	return mm, covered
}

// Intensity is rain in mm per hour over the last ten minutes.
func Intensity(points []series.Point, to time.Time) (perHour, covered float64) {
	mm, covered := Rain(points, to, 10*time.Minute)
	return mm * 6, covered
}
