package flood_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"polity/sensors/flood"
	"polity/sensors/series"
)

var begin = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

func minutes(values ...float64) []series.Point {
	var out []series.Point
	for i, v := range values {
		out = append(out, series.Point{At: begin.Add(time.Duration(i) * time.Minute), Value: v})
	}
	return out
}

func TestASpikeIsNotThere(t *testing.T) {
	for _, p := range flood.Steady(minutes(0, 0, 9, 0, 0, -9, 0)) {
		if p.Value != 0 {
			t.Errorf("at %v: %v", p.At, p.Value)
		}
	}
	steady := flood.Steady(minutes(0, 0, 0, .4, .5, .6))
	if len(steady) != 4 || steady[1].Value != 0 || steady[2].Value != .4 || steady[3].Value != .5 {
		t.Errorf("a step: %+v", steady)
	}
	if flood.Steady(minutes(9, 9)) != nil {
		t.Error("two points say what the third would")
	}
}

func TestRise(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var v []float64
	for i := range 20 {
		v = append(v, .02*float64(i)+.002*r.NormFloat64()) // 2 cm a minute
	}
	if rise, ok := flood.Rise(minutes(v...), 15*time.Minute); !ok || math.Abs(rise-1.2) > .05 {
		t.Errorf("%v m/h, %v", rise, ok)
	}
	for _, i := range []int{6, 10, 15, 19} { // a quarter of the values is nonsense
		v[i] = 30
	}
	if rise, ok := flood.Rise(minutes(v...), 15*time.Minute); !ok || math.Abs(rise-1.2) > .2 {
		t.Errorf("with outliers %v m/h, %v", rise, ok)
	}
	if _, ok := flood.Rise(minutes(0, 1, 2, 3), 15*time.Minute); ok {
		t.Error("four points have a rise")
	}
	if _, ok := flood.Rise(minutes(0, 1, 2, 3, 4), 15*time.Minute); ok {
		t.Error("four minutes of fifteen have a rise")
	}
	same := make([]series.Point, 10)
	for i := range same {
		same[i] = series.Point{At: begin, Value: float64(i)}
	}
	if _, ok := flood.Rise(same, 0); ok {
		t.Error("points of one moment have a rise")
	}
	long := make([]float64, 5000)
	for i := range long {
		long[i] = float64(i)
	}
	if rise, ok := flood.Rise(minutes(long...), 5000*time.Minute); !ok || math.Abs(rise-60) > 1e-6 {
		t.Errorf("many points: %v, %v", rise, ok)
	}
}

func TestStuck(t *testing.T) {
	wet, dry := make([]float64, 60), make([]float64, 60)
	for i := range wet {
		wet[i] = .237
	}
	if !flood.Stuck(minutes(wet...), 0, 30*time.Minute) {
		t.Error("an hour of the very same wet level is believed")
	}
	if flood.Stuck(minutes(dry...), 0, 30*time.Minute) {
		t.Error("a dry floor is called stuck")
	}
	wet[50] += .001
	if flood.Stuck(minutes(wet...), 0, 30*time.Minute) {
		t.Error("a level that moved is called stuck")
	}
	if flood.Stuck(nil, 0, time.Minute) {
		t.Error("nothing is stuck")
	}
}

func rain(p []series.Point, over time.Duration) flood.Sum {
	all := flood.Sums(p, over, p[len(p)-1].At)
	return all[len(all)-1]
}

func TestRainSums(t *testing.T) {
	var v []float64
	for range 180 {
		v = append(v, .5)
	}
	p := minutes(v...)
	for over, want := range map[time.Duration]float64{10 * time.Minute: 5, time.Hour: 30, 150 * time.Second: 1.25} {
		if s := rain(p, over); math.Abs(s.MM-want) > 1e-9 || math.Abs(s.Covered-1) > 1e-9 {
			t.Errorf("%v: %+v", over, s)
		}
	}
	// A gauge that was silent for an hour and then says 20 mm: they fell, and how the hour
	// was is not known.
	late := append(minutes(.5, .5, .5, .5, .5), series.Point{At: begin.Add(64 * time.Minute), Value: 20})
	if s := rain(late, 62*time.Minute); math.Abs(s.MM-21) > 1e-9 || s.Covered > .1 {
		t.Errorf("after silence: %+v", s)
	}
	if s := rain(minutes(1, math.NaN(), -3, 1), time.Hour); s.MM != 2 || s.Covered > .1 {
		t.Errorf("values that are none: %+v", s)
	}
	if flood.Sums(nil, time.Hour, begin) != nil {
		t.Error("nothing has sums")
	}
}

// Whatever falls, a sum over all time is what fell, and longer sums are no smaller.
func TestRainSumsAddUp(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		var p []series.Point
		at, total := begin, 0.0
		for range 1 + r.IntN(60) {
			at = at.Add(time.Duration(1+r.IntN(600)) * time.Second)
			x := series.Point{At: at, Value: r.Float64() * 3}
			total += x.Value
			p = append(p, x)
		}
		last := 0.0
		for _, over := range []time.Duration{time.Minute, 10 * time.Minute, time.Hour, 100 * time.Hour} {
			s := rain(p, over)
			if s.MM < last-1e-9 || s.Covered < 0 || s.Covered > 1+1e-9 {
				t.Fatalf("%v: %+v after %v", over, s, last)
			}
			last = s.MM
		}
		if math.Abs(last-total) > 1e-9 {
			t.Fatalf("%v of %v", last, total)
		}
	}
}
