package leaks_test

import (
	"math"
	"testing"
	"time"

	"polity/city"
	"polity/services/water/epanet"
	"polity/services/water/leaks"
	"polity/services/water/leaksim"
	"polity/services/water/scada"
)

// part returns some days of a table.
func part(d *scada.Data, from, to int) *scada.Data {
	cut := func(t *scada.Table) *scada.Table {
		c := t.Head()
		c.Start = t.Start.Add(time.Duration(from) * 24 * time.Hour)
		for _, column := range t.Values {
			c.Values = append(c.Values, column[from*288:to*288])
		}
		return c
	}
	return &scada.Data{Pressures: cut(d.Pressures), Flows: cut(d.Flows), Levels: cut(d.Levels), Demands: cut(d.Demands)}
}

// TestDayByDayIsLikeAllAtOnce: the same leaks at the same times.
func TestDayByDayIsLikeAllAtOnce(t *testing.T) {
	began := start.AddDate(0, 0, 80)
	town := years(t, leaksim.Leak{Pipe: "h43", Start: began, Peak: began, End: start.AddDate(0, 0, 110), Diameter: 0.018, Repaired: true})
	town.detect(t)
	w, err := leaks.NewWatch(t.Context(), epanet.Native, town.n, town.History, nil, leaks.Default(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Add(t.Context(), epanet.Native, part(town.Data, 1, 2)); city.KindOf(err) != city.Invalid || w.Days() != 0 {
		t.Fatalf("a day that does not follow: %v, %d days", err, w.Days())
	}
	var r *leaks.Result
	for _, cut := range [][2]int{{0, 25}, {25, 26}, {26, 60}} { // looked at meanwhile
		if err := w.Add(t.Context(), epanet.Native, part(town.Data, cut[0], cut[1])); err != nil {
			t.Fatal(err)
		}
		if r, err = w.Detect(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err != nil || len(r.Leaks) != len(town.found) || len(r.Leaks) == 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	for i, f := range r.Leaks {
		if x := town.found[i]; f.Pipe != x.Pipe || !f.At.Equal(x.At) || !f.Until.Equal(x.Until) || math.Abs(f.Flow-x.Flow) > 0.05 {
			t.Errorf("day by day %+v, at once %+v", f, x)
		}
	}
	list := w.Residuals()
	last := list[len(list)-1]
	if len(list) != 9 || !last.Balance || last.Instrument != "main" || last.Days[30] < 4*last.Spread || last.Days[58] > 3*last.Spread {
		t.Errorf("%+v", last)
	}
	link, _ := town.n.Link("h43")
	day := part(town.Data, 30, 31)
	plain, err := w.Pressures(t.Context(), epanet.Native, day, []int{3, 8}, leaks.Known{})
	leaking, err2 := w.Pressures(t.Context(), epanet.Native, day, []int{3, 8}, leaks.Known{Leaks: map[int]float64{link: 20}})
	if err != nil || err2 != nil || len(plain) != 2 || leaking[0][town.n.Links[link].From] >= plain[0][town.n.Links[link].From]-0.01 {
		t.Errorf("%v %v, %v", err, err2, leaking[0][town.n.Links[link].From]-plain[0][town.n.Links[link].From])
	}
}
