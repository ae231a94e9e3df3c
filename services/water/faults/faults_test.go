package faults_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"polity/services/water/faults"
	"polity/services/water/scada"
)

var start = time.Date(2018, 1, 1, 0, 0, 0, 0, time.UTC)

const perDay = 288

// table is twenty days of pressures as an instrument rounds them.
func table(columns ...string) *scada.Table {
	random := rand.New(rand.NewPCG(1, 2))
	t := &scada.Table{Name: "Pressures", Start: start, Step: 5 * time.Minute, Names: columns, Values: make([][]float32, len(columns))}
	for c := range columns {
		for i := range 20 * perDay {
			v := 40 + 5*math.Sin(2*math.Pi*float64(i)/perDay) + 0.02*random.NormFloat64()
			t.Values[c] = append(t.Values[c], float32(math.Round(v*100)/100))
		}
	}
	return t
}

func TestFaultsAreFound(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for _, c := range []struct {
		kind  faults.Kind
		spoil func(v []float32)
	}{
		{faults.Dropped, func(v []float32) { fill(v, float32(math.NaN())) }},
		{faults.Stuck, func(v []float32) { fill(v, v[0]) }},
		{faults.Noisy, func(v []float32) {
			for i := range v {
				v[i] += float32(0.4 * random.NormFloat64())
			}
		}},
	} {
		x := table("a", "b", "c")
		c.spoil(x.Values[1][8*perDay : 10*perDay])
		found := faults.Find(x)
		if len(found) != 1 || found[0].Column != "b" || found[0].Kind != c.kind {
			t.Errorf("%s: %v", c.kind, found)
			continue
		}
		if from := found[0].From.Sub(start).Hours() / 24; math.Abs(from-8) > 0.1 {
			t.Errorf("%s: from day %.2f", c.kind, from)
		}
		if to := found[0].To.Sub(start).Hours() / 24; math.Abs(to-10) > 0.1 {
			t.Errorf("%s: to day %.2f", c.kind, to)
		}
	}
}

// TestNoFault: a good instrument, a leak's step, a pump that stands, a tank that is
// full for a while, and an hour without values are no faults.
func TestNoFault(t *testing.T) {
	x := table("good", "leak", "pump", "valve", "hour")
	for i := 9 * perDay; i < 20*perDay; i++ {
		x.Values[1][i] -= 3
	}
	for i := range x.Values[2] {
		if i/(5+i/perDay)%3 == 1 { // it switches ever less
			x.Values[2][i] = 0
		}
	}
	for i := range x.Values[3] { // set by a valve: it changes in steps
		x.Values[3][i] = 30 + float32(i/perDay%2)
	}
	fill(x.Values[4][500:512], float32(math.NaN()))
	if found := faults.Find(x); len(found) != 0 {
		t.Errorf("%v", found)
	}
}

// TestClean: what is faulty becomes a gap, and nothing else changes.
func TestClean(t *testing.T) {
	d := &scada.Data{Pressures: table("a", "b"), Flows: table("q"), Levels: table("t"), Demands: table("home")}
	fill(d.Pressures.Values[1][perDay:2*perDay], 41)
	fill(d.Demands.Values[0][perDay:9*perDay], 3)
	if found := faults.Clean(d); len(found) != 1 {
		t.Fatalf("%v", found)
	}
	for i, v := range d.Pressures.Values[1] {
		if gap := v != v; gap != (i >= perDay && i < 2*perDay) && i != perDay-1 && i != 2*perDay {
			t.Fatalf("row %d is %g", i, v)
		}
	}
	for _, v := range d.Demands.Values[0] {
		if v != v {
			t.Fatal("a home's meter was changed")
		}
	}
}

func fill(v []float32, with float32) {
	for i := range v {
		v[i] = with
	}
}
