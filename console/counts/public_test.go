package counts_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"polity/camera/wire"
	"polity/city"
	"polity/console/counts"
)

var quarters = counts.Query{From: noon, To: noon.Add(time.Hour), Step: counts.PublicStep}

func series(m wire.Metric, where city.Slug, values ...float64) counts.Series {
	s := counts.Series{Metric: m, Class: wire.Person, Where: where}
	for _, v := range values {
		s.Points = append(s.Points, counts.Point{Value: v, Covered: counts.PublicStep})
	}
	return s
}

func values(s counts.Series) (v []float64) {
	for _, p := range s.Points {
		v = append(v, p.Value)
	}
	return v
}

func TestPublicIsLate(t *testing.T) {
	rule := counts.Rule{Delay: 10 * time.Minute, Threshold: 5}
	all := []counts.Series{series(wire.Crossings, "gate", 10, 20, 30, 40)}
	for minute, want := range map[int]int{0: 0, 24: 0, 25: 1, 39: 1, 40: 2, 70: 4, 500: 4} {
		got := rule.Public(quarters, noon.Add(time.Duration(minute)*time.Minute), all)
		if len(got) != 1 || len(got[0].Points) != want {
			t.Errorf("at minute %d: %v, want %d points", minute, got, want)
		}
	}
}

func TestPublicWithholds(t *testing.T) {
	const no = counts.Withheld
	late := noon.Add(3 * time.Hour)
	inside := func(inner, outer city.Slug) bool { return inner == "bench" && outer == "lawn" }
	for _, c := range []struct {
		name string
		in   []counts.Series
		want [][]float64
	}{
		{"small numbers", []counts.Series{series(wire.Crossings, "gate", 4, 5, 0, 12)}, [][]float64{{no, 5, no, 12}}},
		{"means are whole numbers", []counts.Series{series(wire.Occupancy, "", 4.4, 5.4, 5.6, 12.5)}, [][]float64{{no, 5, 6, 13}}},
		{"greatest numbers and histograms", []counts.Series{series(wire.OccupancyMax, "", 40, 40, 40, 40), series(wire.Dwell, "", 40, 40, 40, 40)}, nil},
		{"a zone that is nearly the whole view", []counts.Series{series(wire.Occupancy, "", 20, 20, 20, 20), series(wire.Occupancy, "lawn", 16, 15, 20, 3)}, [][]float64{{20, 20, 20, 20}, {no, 15, no, no}}},
		{"zones that add up to nearly the whole view", []counts.Series{
			series(wire.Occupancy, "", 30, 30, 30, 30), series(wire.Occupancy, "lawn", 20, 20, 10, 25), series(wire.Occupancy, "road", 8, 5, 10, 5),
		}, [][]float64{{30, 30, 30, 30}, {20, 20, 10, 25}, {no, 5, 10, no}}},
		{"a zone within a zone", []counts.Series{series(wire.Occupancy, "bench", 6, 9, 6, 5), series(wire.Occupancy, "lawn", 9, 9, 11, 11)}, [][]float64{{no, no, 6, 5}, {9, 9, 11, 11}}},
	} {
		got := counts.Rule{Threshold: 5, Inside: inside}.Public(quarters, late, c.in)
		if len(got) != len(c.want) {
			t.Errorf("%s: %d series, want %d", c.name, len(got), len(c.want))
			continue
		}
		for i := range got {
			for j, v := range values(got[i]) {
				if v != c.want[i][j] {
					t.Errorf("%s: series %d is %v, want %v", c.name, i, values(got[i]), c.want[i])
					break
				}
			}
		}
	}
}

// Whatever the numbers: nothing below the threshold is published, and no zone can be
// subtracted from one around it to give a number below the threshold.
func TestNothingSmallCanBeWorkedOut(t *testing.T) {
	zones := []city.Slug{"", "lawn", "bench", "road"}
	inside := func(inner, outer city.Slug) bool { return inner == "bench" && outer == "lawn" }
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.IntRange(2, 12).Draw(t, "threshold")
		var in []counts.Series
		for _, z := range zones {
			in = append(in, series(wire.Occupancy, z, rapid.Float64Range(0, 40).Draw(t, "mean"), 0, 0, 0))
		}
		got := counts.Rule{Threshold: k, Inside: inside}.Public(quarters, noon.Add(24*time.Hour), in)
		shown := map[city.Slug]float64{}
		for _, s := range got {
			if v := s.Points[0].Value; v != counts.Withheld {
				if v < float64(k) {
					t.Fatalf("%q: %g is published, threshold %d", s.Where, v, k)
				}
				shown[s.Where] = v
			}
		}
		for _, pair := range [][2]city.Slug{{"", "lawn"}, {"", "bench"}, {"", "road"}, {"lawn", "bench"}} {
			a, okA := shown[pair[0]]
			b, okB := shown[pair[1]]
			if okA && okB && a-b < float64(k) && b-a < float64(k) {
				t.Fatalf("%v: %g and %g differ by less than %d", pair, a, b, k)
			}
		}
	})
}

func TestPublicEvents(t *testing.T) {
	for k := wire.Crowding; k <= wire.ObservingLess; k++ {
		about := k == wire.WrongWay || k == wire.Intrusion || k == wire.Stopped || k == wire.ObjectLeft
		if got := (counts.Rule{Threshold: 5}).PublicEvent(k, 9); got == about {
			t.Errorf("event %d: public %v", k, got)
		}
	}
	if (counts.Rule{Threshold: 5}).PublicEvent(wire.Crowding, 4) {
		t.Error("a crowd of four is public, threshold 5")
	}
}
