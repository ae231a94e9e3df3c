package forecast

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

var from = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC) // a Monday

// steady is a container that fills by the same share every day, emptied weekly,
// with weekends counting times weekend.
func steady(id string, perDay, weekend, noise float64, days int, seed uint64) History {
	r := rand.New(rand.NewPCG(seed, 1))
	h := History{ID: id, Group: "homes"}
	level := 0.0
	for hour := range days * 24 {
		at := from.Add(time.Duration(hour) * time.Hour)
		if hour%168 == 10 && hour > 24 {
			level = 0.01
			h.Emptied = append(h.Emptied, at)
		}
		rate := perDay / 24
		if d := at.Weekday(); d == time.Saturday || d == time.Sunday {
			rate *= weekend
		}
		level += rate
		if hour%7 == 3 {
			h.Readings = append(h.Readings, Reading{at.Add(time.Hour), math.Round(100*min(1, max(0, level+noise*r.NormFloat64()))) / 100})
		}
	}
	return h
}

func TestLearnsRateAndWeekday(t *testing.T) {
	now := from.AddDate(0, 0, 67) // a Friday, before a weekend
	var all []History
	for i := range uint64(8) {
		all = append(all, steady(string(rune('a'+i)), 0.05+0.01*float64(i), 2, 0.015, 67, i))
	}
	m := Fit(all, Calendar{}, now)
	for i, h := range all {
		perDay := 0.05 + 0.01*float64(i)
		out, ok := m.Forecast(h.ID, now.AddDate(0, 0, 1), now.AddDate(0, 0, 3))
		if !ok {
			t.Fatalf("%s: no forecast", h.ID)
		}
		last := h.Readings[len(h.Readings)-1].Fill
		// Friday brings perDay, Saturday and Sunday twice as much each.
		if d := math.Abs(out[1].Fill - last - 5*perDay); d > 0.07 {
			t.Errorf("%s: %.2f now, %.2f in three days, want about %.2f", h.ID, last, out[1].Fill, last+5*perDay)
		}
		if out[0].Fill > out[1].Fill || out[0].Overflow > out[1].Overflow || out[1].Low > out[1].Fill || out[1].High < out[1].Fill {
			t.Errorf("%s: outlooks are not in order: %+v", h.ID, out)
		}
	}
}

func TestHolidaysAreLearnt(t *testing.T) {
	holiday := func(d time.Time) bool { return d.YearDay()%11 == 0 }
	var all []History
	for i := range 12 {
		h := History{ID: string(rune('a' + i)), Group: "shops"}
		level := 0.0
		for hour := range 70 * 24 {
			at := from.Add(time.Duration(hour) * time.Hour)
			if hour%168 == 0 {
				level = 0
				h.Emptied = append(h.Emptied, at)
			}
			if !holiday(at) {
				level += 0.1 / 24
			}
			if hour%6 == 5 {
				h.Readings = append(h.Readings, Reading{at.Add(time.Hour), level})
			}
		}
		all = append(all, h)
	}
	now := from.AddDate(0, 0, 70)
	m := Fit(all, Calendar{Holiday: holiday}, now)
	coming := func(day int) float64 {
		at := from.AddDate(0, 0, day)
		mean, _ := m.coming(m.containers["a"], at, at.AddDate(0, 0, 1))
		return mean
	}
	off, usual := 0.0, 0.0
	for d := 70; d < 92; d++ {
		if holiday(from.AddDate(0, 0, d)) {
			off = coming(d)
		} else {
			usual = coming(d)
		}
	}
	if usual < 0.08 || usual > 0.12 || off > 0.03 {
		t.Errorf("%.3f a day and %.3f on holidays, want 0.1 and about 0", usual, off)
	}
}

func TestLiarsAreNamed(t *testing.T) {
	sound := steady("sound", 0.12, 1.3, 0.02, 60, 1)
	stuck := steady("stuck", 0.12, 1.3, 0.02, 60, 2)
	drifts := steady("drifts", 0.12, 1.3, 0.02, 60, 3)
	empty := steady("empty", 0.001, 1, 0, 60, 4) // hardly used: says nearly 0 for ever, and is right
	silent := History{ID: "silent", Group: "homes", Readings: sound.Readings[:3]}
	since := from.AddDate(0, 0, 30)
	for i := range stuck.Readings {
		if stuck.Readings[i].At.After(since) {
			stuck.Readings[i].Fill = 0.42
		}
	}
	for i := range drifts.Readings {
		if days := drifts.Readings[i].At.Sub(since).Hours() / 24; days > 0 {
			drifts.Readings[i].Fill = min(1, drifts.Readings[i].Fill+0.025*days)
		}
	}
	m := Fit([]History{sound, stuck, drifts, empty, silent}, Calendar{}, from.AddDate(0, 0, 60))
	got := map[string]string{}
	for _, s := range m.Suspicions {
		got[s.Container] = s.Kind
		if s.Why == "" || s.Since.Before(since.AddDate(0, 0, -8)) {
			t.Errorf("%+v: since when, or why?", s)
		}
	}
	if len(got) != 2 || got["stuck"] != "stuck" || got["drifts"] != "drifting" {
		t.Errorf("suspected: %v", got)
	}
	if _, ok := m.Forecast("silent", from.AddDate(0, 0, 61)); ok {
		t.Error("a forecast for a container of three readings")
	}
}

func TestCollectionNobodyReported(t *testing.T) {
	h := steady("a", 0.12, 1, 0.01, 60, 1)
	h.Emptied = h.Emptied[:len(h.Emptied)-1]
	now := from.AddDate(0, 0, 60)
	m := Fit([]History{h, steady("b", 0.1, 1, 0.01, 60, 2)}, Calendar{}, now)
	out, _ := m.Forecast("a", now.Add(time.Hour))
	if last := h.Readings[len(h.Readings)-1].Fill; math.Abs(out[0].Fill-last) > 0.1 {
		t.Errorf("the level is %.2f, forecast as %.2f", last, out[0].Fill)
	}
}

func TestSpreadWithErrorsKnownFromBelow(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var all []miss
	for range 4000 {
		z, full := r.NormFloat64(), 0.8*r.NormFloat64()+0.5
		if z > full {
			all = append(all, miss{full, true})
		} else {
			all = append(all, miss{z, false})
		}
	}
	q := spread(all)
	for p, want := range map[float64]float64{0.1: -1.2816, 0.5: 0, 0.8: 0.8416} {
		if got := quantile(q, p); math.Abs(got-want) > 0.12 {
			t.Errorf("quantile %g is %.2f, want %.2f", p, got, want)
		}
	}
	if a := above(q, 100); a <= 0 || a > 0.01 {
		t.Errorf("nothing is certain: %g", a)
	}
}

// TestAContainerThatWillBeEmptiedFillsFromThen: less full than one left standing.
func TestAContainerThatWillBeEmptiedFillsFromThen(t *testing.T) {
	now := time.Date(2026, 11, 30, 6, 0, 0, 0, time.UTC)
	h := History{ID: "a", Group: "homes"}
	fill := 0.0
	for at := now.AddDate(0, 0, -40); at.Before(now); at = at.Add(6 * time.Hour) {
		if fill += 0.05; fill > 0.9 {
			fill = 0
			h.Emptied = append(h.Emptied, at.Add(-time.Hour))
		}
		h.Readings = append(h.Readings, Reading{at, fill})
	}
	m := Fit([]History{h}, Calendar{}, now)
	evening := now.Add(24 * time.Hour)
	stands, _ := m.Forecast("a", evening)
	emptied, ok := m.ForecastEmptied("a", now.Add(2*time.Hour), evening)
	if !ok || emptied[0].Fill < 0.1 || emptied[0].Fill > 0.3 || emptied[0].Fill >= stands[0].Fill || emptied[0].Overflow > 0.1 {
		t.Errorf("%+v, %+v", stands, emptied)
	}
	if _, ok := m.ForecastEmptied("b", now, evening); ok {
		t.Error("a forecast without readings")
	}
}
