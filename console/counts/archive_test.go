package counts_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"polity/camera/wire"
	"polity/city"
	"polity/console/counts"
)

// minuteOf is a minute of the hour from noon.
func minuteOf(m wire.Metric, where city.Slug, minute int, value float64) counts.Observed {
	return counts.Observed{Where: where, Observation: wire.Observation{
		Metric: m, Class: wire.Person, Start: noon.Add(time.Duration(minute) * time.Minute), Length: time.Minute, Covered: time.Minute, Value: value,
	}}
}

// quartersOf are the values of a series by quarter of the hour, NaN where there is none.
func quartersOf(list []counts.Observed, m wire.Metric, where city.Slug) []float64 {
	got := []float64{math.NaN(), math.NaN(), math.NaN(), math.NaN()}
	for _, o := range list {
		if o.Metric == m && o.Where == where {
			got[int(o.Start.Sub(noon)/counts.PublicStep)] = o.Value
		}
	}
	return got
}

func TestArchiveSharesWhatIsWithheld(t *testing.T) {
	for _, c := range []struct {
		name   string
		metric wire.Metric
		in     map[int]float64 // value of a minute; all others are 0
		want   []float64
	}{
		{"one walker is somewhere in the hour", wire.Crossings, map[int]float64{37: 1}, []float64{1, 0, 0, 0}},
		{"what everyone may know stays", wire.Crossings, map[int]float64{3: 7, 20: 2, 50: 1}, []float64{7, 1, 1, 1}},
		{"a whole number stays whole", wire.Crossings, map[int]float64{16: 4, 31: 4, 46: 3}, []float64{3, 3, 3, 2}},
		{"means are one mean", wire.Occupancy, map[int]float64{40: 30}, []float64{.5, .5, .5, .5}},
		{"the greatest is the hour's", wire.OccupancyMax, map[int]float64{40: 30, 1: 2}, []float64{30, 30, 30, 30}},
	} {
		var in []counts.Observed
		for minute := range 60 {
			in = append(in, minuteOf(c.metric, "gate", minute, c.in[minute]))
		}
		got := quartersOf(counts.Rule{Threshold: 5}.Archive(noon, in), c.metric, "gate")
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// A minute in which a histogram was told says that somebody was there: what is kept does
// not say which it was.
func TestArchiveKeepsOneHistogramOfAnHour(t *testing.T) {
	archive := func(minute int) []counts.Observed {
		var in []counts.Observed
		for m := range 60 {
			in = append(in, minuteOf(wire.Occupancy, "lawn", m, 0))
		}
		o := minuteOf(wire.Dwell, "lawn", minute, 5)
		o.Histogram[2] = 5
		return counts.Rule{Threshold: 5}.Archive(noon, append(in, o))
	}
	early, late := archive(2), archive(58)
	if len(early) != 5 || !slices.Equal(early, late) {
		t.Errorf("a stay in minute 2 is kept as\n%+v\nand one in minute 58 as\n%+v", early, late)
	}
	i := slices.IndexFunc(early, func(o counts.Observed) bool { return o.Metric == wire.Dwell })
	if i < 0 || early[i].Histogram[2] != 5 || early[i].Value != 5 {
		t.Errorf("the stays are lost: %+v", early)
	}
}

// Quarters of which nothing was seen stay unknown, and pieces of an hour that are archived
// one by one begin at different moments, so that none takes the other's place.
func TestArchiveOfPieces(t *testing.T) {
	rule := counts.Rule{Threshold: 5}
	var first, second []counts.Observed
	for minute := range 38 {
		o := minuteOf(wire.Crossings, "gate", minute, 1)
		if minute < 20 {
			first = append(first, o)
		} else {
			second = append(second, o)
		}
	}
	got := append(rule.Archive(noon, first), rule.Archive(noon, second)...)
	begins := map[time.Duration]float64{}
	for _, o := range got {
		begins[o.Start.Sub(noon)] += o.Value
		if o.Covered > o.Length {
			t.Errorf("%v covered of %v", o.Covered, o.Length)
		}
	}
	want := map[time.Duration]float64{0: 15, 15 * time.Minute: 5, 20 * time.Minute: 10, 30 * time.Minute: 8}
	if len(begins) != len(want) {
		t.Fatalf("%v, want %v", begins, want)
	}
	for at, n := range want {
		if begins[at] != n {
			t.Errorf("at %v: %g, want %g (%v)", at, begins[at], n, begins)
		}
	}
}

// Whatever was counted: the hour has what it had, and a quarter that is withheld from the
// public has what the others that are withheld have.
func TestArchiveKeepsTheHourAndTellsNoQuarter(t *testing.T) {
	zones := []city.Slug{"", "lawn", "bench"}
	inside := func(inner, outer city.Slug) bool { return inner == "bench" && outer == "lawn" }
	rapid.Check(t, func(t *rapid.T) {
		rule := counts.Rule{Threshold: rapid.IntRange(2, 12).Draw(t, "threshold"), Inside: inside}
		metric := rapid.SampledFrom([]wire.Metric{wire.Occupancy, wire.Crossings, wire.Queue, wire.QueueMax}).Draw(t, "metric")
		var in []counts.Observed
		for minute := range 60 {
			for _, z := range zones {
				in = append(in, minuteOf(metric, z, minute, float64(rapid.SampledFrom([]int{0, 0, 0, 1, 2, 30}).Draw(t, "value"))))
			}
		}
		hour := counts.Query{From: noon, To: noon.Add(time.Hour), Step: time.Hour}
		out := rule.Archive(noon, in)
		before, after := counts.Aggregate(hour, slices.Values(in)), counts.Aggregate(hour, slices.Values(out))
		published := rule.Public(quarters, noon.Add(time.Hour), counts.Aggregate(quarters, slices.Values(in)))
		for i := range before {
			if math.Abs(before[i].Points[0].Value-after[i].Points[0].Value) > 1e-6 || before[i].Points[0].Covered != after[i].Points[0].Covered {
				t.Fatalf("the hour was %+v and is %+v", before[i].Points[0], after[i].Points[0])
			}
			kept := quartersOf(out, metric, before[i].Where)
			shown := slices.IndexFunc(published, func(p counts.Series) bool { return p.Where == before[i].Where })
			var withheld []float64
			for n, v := range kept {
				if shown < 0 || published[shown].Points[n].Value == counts.Withheld {
					withheld = append(withheld, v)
				} else if p := published[shown].Points[n].Value; math.Round(v) != p {
					t.Fatalf("everyone knows %g of quarter %d, and %g is kept", p, n, v)
				}
			}
			if len(withheld) > 1 && slices.Max(withheld)-slices.Min(withheld) > 1+1e-9 {
				t.Fatalf("quarters that are withheld differ: %v", withheld)
			}
		}
	})
}
