package noise_test

import (
	"math"
	"testing"
	"testing/quick"
	"time"

	"polity/sensors/noise"
	"polity/sensors/series"
)

var zero = time.Date(2026, 11, 30, 7, 0, 0, 0, time.UTC)

func constant(level float64, from time.Time, step time.Duration, n int) []series.Point {
	var out []series.Point
	for i := range n {
		out = append(out, series.Point{At: from.Add(time.Duration(i) * step), Length: step, Value: level})
	}
	return out
}

func near(t *testing.T, what string, got, want, within float64) {
	t.Helper()
	if math.IsNaN(got) || math.Abs(got-want) > within {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func leq(p []series.Point) float64 {
	v, _ := noise.Leq(series.Spans(p, time.Hour), zero, zero.Add(time.Hour))
	return v
}

// Half an hour of 60 dB and half an hour of 70 dB is 67.4 dB, not 65.
func TestEnergyNotArithmetic(t *testing.T) {
	p := append(constant(60, zero, time.Minute, 30), constant(70, zero.Add(30*time.Minute), time.Minute, 30)...)
	near(t, "60 and 70 dB", leq(p), 67.404, .001)
	near(t, "two equal sounds are as loud as one", leq(constant(63, zero, time.Minute, 60)), 63, 1e-9)
	// One minute of 100 dB in an hour of silence at 30 dB: 100 - 10 lg 60.
	loud := append(constant(100, zero, time.Minute, 1), constant(30, zero.Add(time.Minute), time.Minute, 59)...)
	near(t, "a minute of 100 dB", leq(loud), 82.218, .001)
}

func TestLeqProperties(t *testing.T) {
	levels := func(raw []uint8) (p []series.Point, low, high float64) {
		low, high = math.Inf(1), math.Inf(-1)
		for i, r := range raw[:min(len(raw), 60)] {
			v := float64(r) / 2
			p, low, high = append(p, series.Point{At: zero.Add(time.Duration(i) * time.Minute), Length: time.Minute, Value: v}), min(low, v), max(high, v)
		}
		return p, low, high
	}
	between := func(raw []uint8) bool {
		if len(raw) == 0 {
			return true
		}
		p, low, high := levels(raw)
		var mean float64
		for _, x := range p {
			mean += x.Value / float64(len(p))
		}
		v := leq(p)
		return v >= low-1e-9 && v <= high+1e-9 && v >= mean-1e-9 // energy is never below arithmetic
	}
	rises := func(raw []uint8, at, by uint8) bool {
		if len(raw) == 0 {
			return true
		}
		p, _, _ := levels(raw)
		before := leq(p)
		p[int(at)%len(p)].Value += float64(by)
		return leq(p) >= before-1e-9
	}
	shifts := func(raw []uint8, by uint8) bool {
		if len(raw) == 0 {
			return true
		}
		p, _, _ := levels(raw)
		before := leq(p)
		for i := range p {
			p[i].Value += float64(by)
		}
		return math.Abs(leq(p)-before-float64(by)) < 1e-6
	}
	for name, f := range map[string]any{"between the least and the most": between, "louder is not quieter": rises, "all louder by x is louder by x": shifts} {
		if err := quick.Check(f, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLdenOfTheDirective(t *testing.T) {
	// A constant level has penalties alone: 10 lg((12 + 4·10^0.5 + 8·10)/24) = 6.4 dB.
	near(t, "constant", noise.Default.Lden(60, 60, 60), 66.3952, .0005)
	near(t, "quiet night", noise.Default.Lden(65, 60, 55), 10*math.Log10((12*math.Pow(10, 6.5)+4*math.Pow(10, 6.5)+8*math.Pow(10, 6.5))/24), 1e-9)
	if !math.IsNaN(noise.Default.Lden(60, math.NaN(), 60)) {
		t.Error("without an evening there is a day-evening-night level")
	}
	short := noise.Hours{Day: 7, Evening: 20, Night: 22} // evening of two hours
	near(t, "short evening", short.Lden(60, 60, 60), 10*math.Log10((13*1e6+2*math.Pow(10, 6.5)+9*1e7)/24), 1e-9)
}

func TestHoursOfMemberStates(t *testing.T) {
	for h, ok := range map[noise.Hours]bool{
		noise.Default: true, {6, 18, 22}: true, {7, 20, 23}: true, {7, 20, 22}: true, {7, 19, 22}: true, {7, 19, 23}: true,
		{7, 22, 23}: false, {7, 17, 23}: false, {0, 0, 0}: false, {7, 19, 24}: false, {-1, 19, 23}: false, {7, 23, 19}: false, {10, 19, 23}: false,
	} {
		if err := h.Check(); (err == nil) != ok {
			t.Errorf("%v: %v", h, err)
		}
	}
}

func TestDayNeedsAllThree(t *testing.T) {
	helsinki, err := time.LoadLocation("Europe/Helsinki")
	if err != nil {
		t.Skip("no time zones here")
	}
	at := time.Date(2026, 11, 29, 12, 0, 0, 0, helsinki)
	begin := time.Date(2026, 11, 29, 7, 0, 0, 0, helsinki)
	full := noise.Default.DayOf(constant(60, begin, time.Minute, 24*60), at, helsinki)
	near(t, "a constant day", full.Lden, 66.3952, .0005)
	if full.Evening.From.Hour() != 19 || full.Night.To.Sub(full.Night.From) != 8*time.Hour {
		t.Errorf("%+v", full)
	}
	// The night was measured half: its level is told, and no Lden.
	half := noise.Default.DayOf(constant(60, begin, time.Minute, 20*60), at, helsinki)
	if half.Night.Valid() || math.Abs(half.Night.Covered-.5) > .01 || !math.IsNaN(half.Lden) || !half.Day.Valid() {
		t.Errorf("%+v", half)
	}
	// The night in which clocks go forward has seven hours.
	spring := noise.Default.DayOf(nil, time.Date(2026, 3, 28, 12, 0, 0, 0, helsinki), helsinki)
	if n := spring.Night.To.Sub(spring.Night.From); n != 7*time.Hour || spring.Night.Valid() {
		t.Errorf("%v, %+v", n, spring.Night)
	}
}

func TestExceeded(t *testing.T) {
	var levels []float64
	for i := range 100 {
		levels = append(levels, float64(i+1))
	}
	near(t, "LA10", noise.Exceeded(levels, .1), 91, 1)
	near(t, "LA90", noise.Exceeded(levels, .9), 11, 1)
	if noise.Exceeded(levels, .1) < noise.Exceeded(levels, .9) {
		t.Error("LA10 is below LA90")
	}
	if !math.IsNaN(noise.Exceeded(nil, .1)) {
		t.Error("nothing has a level")
	}
}
