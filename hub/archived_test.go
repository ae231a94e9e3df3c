package hub_test

import (
	"math"
	"net/http"
	"testing"
	"time"

	"polity/camera/wire"
	"polity/console/counts"
	"polity/hub"
	"polity/plane"
)

// TestAnHourIsTheSameOnceArchived: sums and means of hours, and what everyone may know of a
// quarter, are after archiving what they were before; and a minute is gone.
func TestAnHourIsTheSameOnceArchived(t *testing.T) {
	t.Parallel()
	from := time.Date(2026, 11, 9, 10, 0, 0, 0, zone)
	p := newPublishing(t, from.Add(30*time.Hour))
	var list []plane.Observation
	for minute := range 120 {
		crossed := 0.0
		switch {
		case minute/15 == 2:
			crossed = 2 // thirty in that quarter: public
		case minute == 50:
			crossed = 1
		}
		for name, v := range map[[2]string]float64{{"crossings", "person/gate/right"}: crossed, {"occupancy", "person//"}: crossed / 2, {"occupancy-max", "person//"}: crossed} {
			list = append(list, plane.Observation{
				Series: plane.Series{Key: plane.Key{ID: "urn:polity:camera:square"}, Attribute: name[0], Dataset: name[1]},
				Start:  from.Add(time.Duration(minute) * time.Minute), Length: time.Minute, Covered: time.Minute, Value: v,
			})
		}
	}
	for range 2 { // what comes again counts once
		if err := hub.Observe(t.Context(), p.started.City, list); err != nil {
			t.Fatal(err)
		}
	}
	p.stop() // a day that was empty at the first look is left alone for hours
	p.run()
	look := func(step time.Duration) map[wire.Metric][]counts.Point {
		all, err := p.started.City.Counts(t.Context(), "square", counts.Query{From: from, To: from.Add(2 * time.Hour), Step: step})
		if err != nil || len(all) != 3 {
			t.Fatalf("%d series, %v", len(all), err)
		}
		got := map[wire.Metric][]counts.Point{}
		for _, s := range all {
			got[s.Metric] = s.Points
		}
		return got
	}
	const file = "/data/counts-square/2026-11-09.csv"
	p.eventually("the day is published", func() bool { status, _ := p.get(file); return status == http.StatusOK })
	_, table := p.get(file)
	before := look(time.Hour)
	if err := hub.ArchiveAll(t.Context(), p.started.City); err != nil {
		t.Fatal(err)
	}
	for metric, points := range look(time.Hour) {
		for i, x := range points {
			if math.Abs(x.Value-before[metric][i].Value) > 1e-9 || x.Covered != before[metric][i].Covered {
				t.Errorf("%v of hour %d was %+v and is %+v", metric, i, before[metric][i], x)
			}
		}
	}
	quarters := look(counts.PublicStep)[wire.Crossings]
	for i, want := range []float64{1, 0, 30, 0, 0, 0, 0, 0} { // the one of minute 50 is somewhere in its hour
		if quarters[i].Value != want || quarters[i].Covered != counts.PublicStep {
			t.Errorf("quarter %d has %+v, want %g", i, quarters[i], want)
		}
	}
	if err := hub.Minutes(t.Context(), p.started.City, "square", func(o plane.Observation) error {
		t.Errorf("%v is still there", o.Start)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	p.stop()
	p.run() // reads what is public anew
	p.eventually("it is published again", func() bool { status, _ := p.get(file); return status == http.StatusOK })
	if _, after := p.get(file); string(after) != string(table) || len(table) < 200 {
		t.Errorf("what is public was\n%s\nand is\n%s", table, after)
	}
}
