package counts_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"polity/camera/wire"
	"polity/console/counts"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func TestAggregate(t *testing.T) {
	o := func(m wire.Metric, second int, value float64, covered time.Duration) counts.Observed {
		return counts.Observed{Where: "square", Observation: wire.Observation{
			Metric: m, Class: wire.Person, Start: noon.Add(time.Duration(second) * time.Second),
			Length: 10 * time.Second, Covered: covered, Value: value,
		}}
	}
	q := counts.Query{From: noon, To: noon.Add(2 * time.Minute), Step: time.Minute}
	for _, c := range []struct {
		name string
		in   []counts.Observed
		want []float64
	}{
		{"means are weighted by what was seen", []counts.Observed{o(wire.Occupancy, 0, 4, 10*time.Second), o(wire.Occupancy, 10, 8, 5*time.Second)}, []float64{4*2/3. + 8/3., 0}},
		{"an interval not seen says nothing", []counts.Observed{o(wire.Occupancy, 0, 4, 10*time.Second), o(wire.Occupancy, 10, 0, 0)}, []float64{4, 0}},
		{"crossings add up", []counts.Observed{o(wire.Crossings, 0, 4, 10*time.Second), o(wire.Crossings, 59, 2, 10*time.Second), o(wire.Crossings, 60, 7, 10*time.Second)}, []float64{6, 7}},
		{"the greatest is the greatest", []counts.Observed{o(wire.OccupancyMax, 0, 4, 10*time.Second), o(wire.OccupancyMax, 50, 3, 10*time.Second)}, []float64{4, 0}},
		{"outside the query is passed over", []counts.Observed{o(wire.Crossings, -10, 4, 10*time.Second), o(wire.Crossings, 120, 2, 10*time.Second), o(wire.Crossings, 1, 1, 10*time.Second)}, []float64{1, 0}},
	} {
		got := counts.Aggregate(q, slices.Values(c.in))
		if len(got) != 1 || len(got[0].Points) != 2 {
			t.Fatalf("%s: %+v", c.name, got)
		}
		for i, want := range c.want {
			if math.Abs(got[0].Points[i].Value-want) > 1e-9 {
				t.Errorf("%s: step %d is %g, want %g", c.name, i, got[0].Points[i].Value, want)
			}
		}
	}
}

// Aggregating at once and in two goes gives the same.
func TestCoarserAgreesWithAggregate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		metric := rapid.SampledFrom([]wire.Metric{wire.Occupancy, wire.OccupancyMax, wire.Crossings, wire.Dwell}).Draw(t, "metric")
		var in []counts.Observed
		for i := range rapid.IntRange(1, 60).Draw(t, "n") {
			o := counts.Observed{Observation: wire.Observation{
				Metric: metric, Start: noon.Add(time.Duration(i) * 10 * time.Second), Length: 10 * time.Second,
				Covered: time.Duration(rapid.IntRange(0, 10).Draw(t, "covered")) * time.Second,
				Value:   float64(rapid.IntRange(0, 20).Draw(t, "value")),
			}}
			o.Histogram[1] = 3
			in = append(in, o)
		}
		fine := counts.Aggregate(counts.Query{From: noon, To: noon.Add(10 * time.Minute), Step: 10 * time.Second}, slices.Values(in))
		coarse := counts.Aggregate(counts.Query{From: noon, To: noon.Add(10 * time.Minute), Step: 5 * time.Minute}, slices.Values(in))
		again := counts.Coarser(fine[0], 30)
		for i, p := range coarse[0].Points {
			if math.Abs(p.Value-again.Points[i].Value) > 1e-6 || p.Covered != again.Points[i].Covered {
				t.Fatalf("step %d: %+v at once, %+v in two goes", i, p, again.Points[i])
			}
		}
	})
}

func TestComplete(t *testing.T) {
	q := counts.Query{From: noon, To: noon.Add(time.Hour), Step: 15 * time.Minute}
	for minutes, want := range map[int]int{-1: 0, 0: 0, 14: 0, 15: 1, 59: 3, 60: 4, 600: 4} {
		if got := q.Complete(noon.Add(time.Duration(minutes) * time.Minute)); got != want {
			t.Errorf("after %d minutes: %d steps, want %d", minutes, got, want)
		}
	}
}
