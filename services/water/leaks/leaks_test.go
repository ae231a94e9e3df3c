package leaks_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"polity/city"
	"polity/services/water/battledim"
	"polity/services/water/epanet"
	"polity/services/water/epanet/epanettest"
	"polity/services/water/leaks"
	"polity/services/water/leaksim"
	"polity/services/water/network"
	"polity/services/water/scada"
)

func TestMain(m *testing.M) { epanettest.Main(m) }

// grid is a town of 6 x 6 crossings with 200 m between them, fed by one metered
// main, with pressures at eight crossings and two metered homes.
func grid() string {
	var b strings.Builder
	sensors := []string{"n00", "n05", "n50", "n55", "n22", "n24", "n42", "n33"}
	b.WriteString("[JUNCTIONS]\n")
	for i := range 36 {
		id := fmt.Sprintf("n%d%d", i/6, i%6)
		note := ""
		if slices.Contains(sensors, id) {
			note = " PRESSURE SENSOR"
		}
		if id == "n11" || id == "n44" {
			note += " AMR"
		}
		fmt.Fprintf(&b, "%s %d 4 day ;%s\n", id, 10+i%3, note)
	}
	b.WriteString("[RESERVOIRS]\nr 60\n[PIPES]\nmain r n00 300 350 130 0 Open ; FLOW SENSOR\n")
	for i := range 6 {
		for j := range 6 {
			if j < 5 {
				fmt.Fprintf(&b, "h%d%d n%d%d n%d%d 200 150 130 0 Open\n", i, j, i, j, i, j+1)
			}
			if i < 5 {
				fmt.Fprintf(&b, "v%d%d n%d%d n%d%d 200 150 130 0 Open\n", i, j, i, j, i+1, j)
			}
		}
	}
	b.WriteString("[PATTERNS]\nday .4 .3 .3 .3 .4 .7 1.2 1.6 1.5 1.3 1.2 1.2\nday 1.2 1.1 1.0 1.0 1.1 1.3 1.5 1.6 1.4 1.1 .8 .6\n")
	b.WriteString("[TIMES]\nHydraulic Timestep 1:00\nPattern Timestep 1:00\n[OPTIONS]\nUnits CMH\nHeadloss H-W\nPattern day\n")
	return b.String()
}

var start = time.Date(2018, 1, 1, 0, 0, 0, 0, time.UTC)

type town struct {
	n *network.Network
	leaks.Input
	found    []leaks.Found
	suspects []leaks.Suspect
}

// years simulates a history without leaks and a time with the given ones.
func years(t *testing.T, truth ...leaksim.Leak) town {
	t.Helper()
	epanettest.Native(t)
	n, err := network.Read("grid.inp", []byte(grid()))
	if err != nil {
		t.Fatal(err)
	}
	c := leaksim.Case{Network: n, Sensors: n.File.Sensors(), Seed: 7, Start: start, Leaks: truth, Perturb: leaksim.Assumed}
	periods := make([]*leaksim.Period, 2)
	for i := range periods {
		if periods[i], err = leaksim.Simulate(t.Context(), epanet.Native, c, start.AddDate(0, 0, 60*i), start.AddDate(0, 0, 60*i+60), nil); err != nil {
			t.Fatal(err)
		}
	}
	return town{n: n, Input: leaks.Input{Network: n, History: periods[0].Data, Data: periods[1].Data}}
}

func (w *town) detect(t *testing.T) {
	t.Helper()
	o, err := leaks.Observe(t.Context(), epanet.Native, w.Input, leaks.Default(), nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := leaks.Detect(w.Input, o, leaks.Default())
	if err != nil {
		t.Fatal(err)
	}
	w.found, w.suspects = r.Leaks, r.Suspects
}

func TestFindsABurst(t *testing.T) {
	began := start.AddDate(0, 0, 80)
	w := years(t, leaksim.Leak{Pipe: "h43", Start: began, Peak: began, End: start.AddDate(0, 0, 110), Diameter: 0.018, Repaired: true})
	w.detect(t)
	if len(w.found) == 0 {
		t.Fatal("the burst was not found")
	}
	f := w.found[0]
	truth, _ := w.n.Link("h43")
	named, ok := w.n.Link(f.Pipe)
	if x := w.n.Between().Links(truth, named); !ok || x > battledim.Radius {
		t.Errorf("%s is %g m away from h43", f.Pipe, x)
	}
	if d := f.At.Sub(began); d < 0 || d > 5*24*time.Hour {
		t.Errorf("found %v after its start", d)
	}
	if math.Abs(f.Since.Sub(began).Hours()) > 48 || f.Flow < 8 {
		t.Errorf("found %+v", f)
	}
	if math.Abs(f.Until.Sub(start.AddDate(0, 0, 110)).Hours()) > 7*24 {
		t.Errorf("its repair was seen at %v", f.Until)
	}
	sum := 0.0
	for _, c := range f.Candidates {
		sum += c.Probability
	}
	if sum <= 0 || sum > 1.0001 {
		t.Errorf("probabilities add up to %g", sum)
	}
}

func TestNoLeakNoAlarm(t *testing.T) {
	w := years(t)
	w.detect(t)
	if len(w.found) != 0 {
		t.Errorf("found %+v where there is none", w.found)
	}
}

// TestBadMeasurements: each is refused with words that say what is wrong.
func TestBadMeasurements(t *testing.T) {
	whole := years(t)
	for _, c := range []struct {
		name  string
		spoil func(d *scada.Data)
		want  string
	}{
		{"bar", func(d *scada.Data) { scale(d.Pressures, 0.0980665) }, "seem to be in bar"},
		{"kilopascal", func(d *scada.Data) { scale(d.Pressures, 9.80665) }, "seem to be in kPa"},
		{"litres a second", func(d *scada.Data) { scale(d.Flows, 1/3.6) }, "flows are about 0.2"},
		{"unknown column", func(d *scada.Data) { d.Pressures.Names[2] = "n99" }, "column n99 is no node of grid.inp"},
		{"no flow", func(d *scada.Data) { scale(d.Flows, math.NaN()) }, "flows or levels are missing"},
		{"short", func(d *scada.Data) {
			for _, t := range []*scada.Table{d.Pressures, d.Flows, d.Demands} {
				for c := range t.Values {
					t.Values[c] = t.Values[c][:288]
				}
			}
		}, "covers 1 days"},
	} {
		w := whole
		w.History = nil
		w.Data = clone(whole.Data)
		c.spoil(w.Data)
		_, err := leaks.Observe(t.Context(), epanet.Native, w.Input, leaks.Default(), nil)
		if err == nil || !strings.Contains(err.Error(), c.want) || city.KindOf(err) != city.Invalid {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// TestDriftIsNoLeak: a sensor that drifts, and one that jumps, are named and give no
// alarm.
func TestDriftIsNoLeak(t *testing.T) {
	for name, off := range map[string]func(day int) float64{
		"drift": func(day int) float64 { return -0.04 * float64(day) },
		"jump":  func(int) float64 { return -0.6 },
	} {
		w := years(t)
		for i := 20 * 288; i < len(w.Data.Pressures.Values[4]); i++ {
			w.Data.Pressures.Values[4][i] += float32(off(i/288 - 20))
		}
		w.detect(t)
		if len(w.found) != 0 {
			t.Errorf("%s: a leak is told: %+v", name, w.found)
		}
		if len(w.suspects) != 1 || w.suspects[0].Column != w.Data.Pressures.Names[4] || w.suspects[0].Off > -0.3 {
			t.Errorf("%s: %s is faulty, and suspected are %+v", name, w.Data.Pressures.Names[4], w.suspects)
		}
	}
}

// TestLeakBesideAFault: a burst is still found when a sensor far from it jumps on the same
// day.
func TestLeakBesideAFault(t *testing.T) {
	began := start.AddDate(0, 0, 80)
	w := years(t, leaksim.Leak{Pipe: "h43", Start: began, Peak: began, End: start.AddDate(0, 0, 119), Diameter: 0.018})
	for i := 20 * 288; i < len(w.Data.Pressures.Values[0]); i++ {
		w.Data.Pressures.Values[0][i] += 0.5
	}
	w.detect(t)
	if len(w.found) == 0 {
		t.Fatal("the burst was not found")
	}
	truth, _ := w.n.Link("h43")
	named, ok := w.n.Link(w.found[0].Pipe)
	if x := w.n.Between().Links(truth, named); !ok || x > battledim.Radius {
		t.Errorf("%s is %g m away from h43", w.found[0].Pipe, x)
	}
	if len(w.suspects) != 1 || w.suspects[0].Column != w.Data.Pressures.Names[0] {
		t.Errorf("suspected are %+v", w.suspects)
	}
}

// TestGaps: days without a sensor, and without all, are no leak.
func TestGaps(t *testing.T) {
	w := years(t)
	nan := float32(math.NaN())
	for i := 20 * 288; i < 25*288; i++ {
		w.Data.Pressures.Values[3][i] = nan
	}
	for i := 40 * 288; i < 42*288; i++ {
		for _, table := range []*scada.Table{w.Data.Pressures, w.Data.Flows, w.Data.Demands} {
			for c := range table.Values {
				table.Values[c][i] = nan
			}
		}
	}
	w.detect(t)
	if len(w.found) != 0 {
		t.Errorf("gaps give alarms: %+v", w.found)
	}
}

func scale(t *scada.Table, by float64) {
	for _, column := range t.Values {
		for i := range column {
			column[i] *= float32(by)
		}
	}
}

func clone(d *scada.Data) *scada.Data {
	table := func(t *scada.Table) *scada.Table {
		c := *t
		c.Names, c.Values = slices.Clone(t.Names), nil
		for _, column := range t.Values {
			c.Values = append(c.Values, slices.Clone(column))
		}
		return &c
	}
	return &scada.Data{Pressures: table(d.Pressures), Flows: table(d.Flows), Levels: table(d.Levels), Demands: table(d.Demands)}
}
