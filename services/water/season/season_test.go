package season_test

import (
	"context"
	"io"
	"slices"
	"testing"

	"polity/services/water/epanet"
	"polity/services/water/epanet/epanettest"
	"polity/services/water/example"
	"polity/services/water/isolation"
	"polity/services/water/scada"
	"polity/services/water/season"
)

func TestMain(m *testing.M) { epanettest.Main(m) }

func inflow(d *scada.Data, from, to int) (mean float64) {
	for _, v := range d.Flows.Values[0][from*12 : to*12] {
		mean += float64(v) / float64((to-from)*12)
	}
	return mean
}

// TestACrewStopsALeakOnlyWhereItIs: it closes nothing where nothing is heard, says where a leak
// is that its valves do not cut off, and cuts it off otherwise.
func TestACrewStopsALeakOnlyWhereItIs(t *testing.T) {
	epanettest.Native(t)
	n, err := example.Town()
	if err != nil {
		t.Fatal(err)
	}
	valves, err := example.Valves(n)
	if err != nil {
		t.Fatal(err)
	}
	s, before, err := season.Begin(t.Context(), season.Config{
		Network: n, Valves: valves, Before: 7, Seed: 3, Dial: epanet.Native, Leaks: []season.Leak{{Pipe: "P33", Day: 0, Diameter: 0.03}},
	})
	if err != nil || before.Pressures.Len() != 7*288 {
		t.Fatal(err)
	}
	link, _ := n.Link("P33")
	plan, err := isolation.NewPlanner(n, valves).Isolate(link)
	if err != nil {
		t.Fatal(err)
	}
	for i, x := range []struct {
		pipe  string
		close []int
		want  []season.What
	}{
		{"P2", nil, []season.What{season.Nothing}},
		{"P33", plan.Close[1:], []season.What{season.Heard}},
		{"P33", plan.Close, []season.What{season.Closed, season.Mended}},
		{"", nil, []season.What{season.Opened}},
	} {
		s.Send(season.Job{ID: "j", Pipe: x.pipe, Close: x.close, Open: plan.Close})
		day, words, err := s.Day(t.Context())
		if err != nil || day.Pressures.Len() != 288 {
			t.Fatal(err)
		}
		var said []season.What
		for _, w := range words {
			said = append(said, w.What)
		}
		if !slices.Equal(said, x.want) {
			t.Errorf("job %d: %v, want %v", i, said, x.want)
		}
		night, late := inflow(day, 2, 4)-inflow(before, 2, 4), inflow(day, 22, 23)-inflow(before, 22, 23)
		if leaks := i < 3; (night > 12) != leaks || (late > 12) != (i < 2) {
			t.Errorf("day %d: %.1f m³/h more in the night, %.1f in the evening", i+1, night, late)
		}
		if i == 2 && len(plan.Dry) > 0 {
			t.Log("dry", len(plan.Dry), late)
		}
	}
}

// TestADeadWorkerCostsNothing: another one measures the same.
func TestADeadWorkerCostsNothing(t *testing.T) {
	epanettest.Native(t)
	n, err := example.Town()
	if err != nil {
		t.Fatal(err)
	}
	play := func(dies int) *scada.Data {
		workers := 0
		s, _, err := season.Begin(t.Context(), season.Config{Network: n, Before: 1, Seed: 3, Dial: func(ctx context.Context) (*epanet.Conn, error) {
			workers++
			c, err := epanet.Native(ctx)
			if err == nil && workers == dies {
				c.Out = io.LimitReader(c.Out, 2000) // as of one that was killed
			}
			return c, err
		}})
		if err != nil {
			t.Fatal(err)
		}
		d, _, err := s.Day(t.Context())
		if err != nil || dies > 0 && workers != 3 {
			t.Fatalf("%v, %d workers", err, workers)
		}
		return d
	}
	if whole, harmed := play(0), play(2); !slices.Equal(whole.Pressures.Values[3], harmed.Pressures.Values[3]) || !slices.Equal(whole.Flows.Values[0], harmed.Flows.Values[0]) {
		t.Error("the day differs")
	}
}
