package air_test

import (
	"math"
	"slices"
	"testing"
	"testing/quick"
	"time"

	"polity/sensors/air"
	"polity/sensors/series"
)

// The table of ETC HE Report 2024/17: first and last whole number of each level.
var published = map[air.Pollutant][][2]float64{
	air.PM25: {{0, 5}, {6, 15}, {16, 50}, {51, 90}, {91, 140}, {141, 800}},
	air.PM10: {{0, 15}, {16, 45}, {46, 120}, {121, 195}, {196, 270}, {271, 1200}},
	air.NO2:  {{0, 10}, {11, 25}, {26, 60}, {61, 100}, {101, 150}, {151, 1000}},
	air.O3:   {{0, 60}, {61, 100}, {101, 120}, {121, 160}, {161, 180}, {181, 800}},
	air.SO2:  {{0, 20}, {21, 40}, {41, 125}, {126, 190}, {191, 275}, {276, 1250}},
}

func TestPublishedBands(t *testing.T) {
	for p, bands := range published {
		for i, b := range bands {
			for _, v := range b {
				if got := air.LevelOf(p, v); got != air.Level(i+1) {
					t.Errorf("%s %v: %v, want %v", p, v, got, air.Level(i+1))
				}
			}
			if i > 0 && air.LevelOf(p, b[0]-.9) != air.Level(i+1) { // 5.1 is no longer good
				t.Errorf("%s %v is better than %v", p, b[0]-.9, air.Level(i+1))
			}
		}
		if air.LevelOf(p, -.4) != air.Good {
			t.Errorf("%s a little below zero is not good", p)
		}
		for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
			if air.LevelOf(p, v) != 0 {
				t.Errorf("%s %v has a level", p, v)
			}
		}
	}
	if air.LevelOf("co", 1) != 0 {
		t.Error("carbon monoxide has a level")
	}
}

func TestLevelsRise(t *testing.T) {
	for _, p := range air.Pollutants() {
		if err := quick.Check(func(a, b uint16) bool {
			x, y := float64(min(a, b))/50, float64(max(a, b))/50
			return air.LevelOf(p, x) <= air.LevelOf(p, y)
		}, nil); err != nil {
			t.Error(p, err)
		}
	}
}

// Factors at 20 °C and 1013 mb as Defra and the European Commission publish them.
func TestPartsPerBillion(t *testing.T) {
	for p, want := range map[air.Pollutant]float64{air.NO2: 1.9125, air.O3: 1.9957, air.SO2: 2.6609} {
		if got := air.FromPPB(p, 1); math.Abs(got/want-1) > .002 {
			t.Errorf("1 ppb of %s is %v µg/m³, published %v", p, got, want)
		}
	}
	if !math.IsNaN(air.FromPPB(air.PM10, 1)) {
		t.Error("particles have parts per billion")
	}
}

var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

func every(d time.Duration, n int, value float64) []series.Point {
	var out []series.Point
	for i := range n {
		out = append(out, series.Point{At: noon.Add(time.Duration(i+1) * d), Value: value})
	}
	return out
}

func TestHoursNeedThreeQuarters(t *testing.T) {
	for name, c := range map[string]struct {
		points []series.Point
		valid  bool
	}{
		"every ten minutes":               {every(10*time.Minute, 6, 7), true},
		"45 minutes of it":                {every(5*time.Minute, 9, 7), true},
		"40 minutes of it":                {every(5*time.Minute, 8, 7), false},
		"once an hour, with its hour":     {[]series.Point{{At: noon, Length: time.Hour, Value: 7}}, true},
		"once an hour, as others before":  {append([]series.Point{{At: noon.Add(-time.Hour), Value: 1}, {At: noon, Value: 1}}, series.Point{At: noon.Add(time.Hour), Value: 7}), true},
		"a single value, of unknown time": {every(30*time.Minute, 1, 7), false},
		"nothing":                         {nil, false},
	} {
		h := air.HourOf(c.points, noon)
		if h.Valid() != c.valid || (c.valid && math.Abs(h.Mean-7) > 1e-9) {
			t.Errorf("%s: %+v", name, h)
		}
	}
}

// Behind a gap nobody knows what was: a value after two hours of silence does not speak
// for them.
func TestAGapIsNoValue(t *testing.T) {
	p := append(every(10*time.Minute, 6, 5), series.Point{At: noon.Add(3 * time.Hour), Value: 500})
	if h := air.HourOf(p, noon.Add(time.Hour)); h.Valid() || h.Covered > 0 {
		t.Errorf("the hour of silence: %+v", h)
	}
	if h := air.HourOf(p, noon.Add(2*time.Hour)); h.Valid() {
		t.Errorf("the hour with one value at its end: %+v", h)
	}
}

func TestIndexIsTheWorst(t *testing.T) {
	full := func(pm25, no2, o3 float64) map[air.Pollutant]air.Hour {
		return map[air.Pollutant]air.Hour{air.PM25: {pm25, 1}, air.NO2: {no2, 1}, air.O3: {o3, 1}}
	}
	x := air.IndexOf(air.Background, full(4, 70, 30))
	if x.Level != air.Poor || x.Worst != air.NO2 || len(x.Missing) != 0 || x.Each[air.PM25] != air.Good {
		t.Errorf("%+v", x)
	}
	if x = air.IndexOf("", full(1, 1, 1)); x.Level != air.Good {
		t.Errorf("clean air: %+v", x)
	}
	// Without ozone nobody knows that the air is good, except by a road.
	clean := full(4, 9, 0)
	delete(clean, air.O3)
	if x = air.IndexOf("", clean); x.Level != 0 || !slices.Equal(x.Missing, []air.Pollutant{air.O3}) {
		t.Errorf("without ozone: %+v", x)
	}
	if x = air.IndexOf(air.Traffic, clean); x.Level != air.Good || len(x.Missing) != 0 {
		t.Errorf("by a road: %+v", x)
	}
	clean[air.PM25] = air.Hour{60, 1}
	if x = air.IndexOf("", clean); x.Level != air.Poor || len(x.Missing) != 1 {
		t.Errorf("bad without ozone: %+v", x)
	}
	clean[air.PM25] = air.Hour{60, .5} // half an hour is no hourly mean
	if x = air.IndexOf("", clean); x.Level != 0 || len(x.Missing) != 2 {
		t.Errorf("half an hour: %+v", x)
	}
	if x = air.IndexOf("", nil); x.Level != 0 || len(x.Missing) != 3 {
		t.Errorf("nothing: %+v", x)
	}
}
