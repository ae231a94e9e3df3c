package series_test

import (
	"math"
	"testing"
	"testing/quick"
	"time"

	"polity/sensors/series"
)

var begin = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

func at(minutes ...int) []series.Point {
	var out []series.Point
	for i, m := range minutes {
		out = append(out, series.Point{At: begin.Add(time.Duration(m) * time.Minute), Value: float64(i)})
	}
	return out
}

func TestSpansEndWithTheirPoint(t *testing.T) {
	s := series.Spans(at(0, 10, 20, 90, 100), time.Hour)
	if len(s) != 5 || s[0].From != begin.Add(-10*time.Minute) || s[3].To.Sub(s[3].From) != 15*time.Minute || s[3].To != begin.Add(90*time.Minute) {
		t.Errorf("%+v", s)
	}
	if s := series.Spans(at(5), time.Hour); len(s) != 0 {
		t.Errorf("one point counts for %+v", s)
	}
	if s := series.Spans(nil, time.Hour); len(s) != 0 {
		t.Error("nothing counts")
	}
}

// A sensor that speaks every quarter of an hour, and every minute when something happens,
// has covered all of the time; one that was silent in between has not.
func TestSensorsThatSpeakMoreOften(t *testing.T) {
	spans := series.Spans(at(0, 15, 30, 45, 60, 61, 62, 63, 64, 65, 66, 67, 82, 97, 112), time.Hour)
	if _, covered := series.Mean(spans, begin, begin.Add(112*time.Minute)); covered < .999 {
		t.Errorf("covered %v", covered)
	}
	spans = series.Spans(at(0, 1, 2, 3, 4, 5, 6, 60, 61, 62, 63, 64, 65, 66), time.Hour)
	if _, covered := series.Mean(spans, begin.Add(6*time.Minute), begin.Add(59*time.Minute)); covered > .05 {
		t.Errorf("silence is covered %v", covered)
	}
}

// Whatever points there are, no moment counts twice.
func TestSpansNeverOverlap(t *testing.T) {
	if err := quick.Check(func(offsets []uint16, lengths []uint8) bool {
		var p []series.Point
		for i, o := range offsets {
			x := series.Point{At: begin.Add(time.Duration(o) * time.Second)}
			if i < len(lengths) && lengths[i] > 128 {
				x.Length = time.Duration(lengths[i]) * time.Second
			}
			p = append(p, x)
		}
		series.Sort(p)
		var end time.Time
		for _, s := range series.Spans(p, time.Minute) {
			if s.From.Before(end) || !s.From.Before(s.To) {
				return false
			}
			end = s.To
		}
		return true
	}, nil); err != nil {
		t.Error(err)
	}
}

func TestMeanOverTime(t *testing.T) {
	spans := []series.Span{{begin, begin.Add(10 * time.Minute), 1}, {begin.Add(10 * time.Minute), begin.Add(40 * time.Minute), 5}}
	mean, covered := series.Mean(spans, begin, begin.Add(time.Hour))
	if mean != 4 || math.Abs(covered-40./60) > 1e-12 {
		t.Errorf("%v of %v", mean, covered)
	}
	if mean, covered = series.Mean(spans, begin.Add(time.Hour), begin.Add(2*time.Hour)); !math.IsNaN(mean) || covered != 0 {
		t.Errorf("of nothing: %v of %v", mean, covered)
	}
}
