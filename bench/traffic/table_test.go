package main

import (
	"slices"
	"testing"

	"polity/services/traffic"
	"polity/services/traffic/twin"
)

// result makes a job that is done.
func result(place, control string, imperfect bool, delay float64) *job {
	return &job{place: place, control: control, imperfect: imperfect, done: true, report: traffic.Report{
		Result: twin.Result{Trips: twin.Trips{Delay: delay, TimeLoss: delay / 2}, MaxRed: delay},
	}}
}

// TestFigures: seeds are averaged, every map is won or lost on the mean, and what was
// not run is null.
func TestFigures(t *testing.T) {
	jobs := []*job{
		result("cologne1", "fixed", false, 40), result("cologne1", "fixed", false, 60),
		result("cologne1", "greedy", false, 20), result("cologne1", "greedy", false, 30),
		result("cologne1", "polity", false, 10), result("cologne1", "polity", false, 38),
		result("cologne1", "polity", true, 30), result("cologne1", "polity", true, 30),
		result("cologne3", "greedy", false, 10), result("cologne3", "polity", false, 10),
		result("grid4x4", "polity", false, 10),
	}
	got := map[string]any{}
	for _, f := range (table{jobs: jobs}).figures() {
		got[f.Name] = f.Value
	}
	for name, want := range map[string]any{
		"maps": 3, "maps_won": 1, "max_red_s": 38.0, "cologne1_timeloss_ratio_to_fixed": 0.48,
		"cologne8_timeloss_ratio_to_fixed": nil, "imperfect_worse_than_greedy_pct": 20.0, "pedestrian_wait_ratio_to_fixed": nil,
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	if lost, ok := got["maps_lost"].([]string); !ok || !slices.Equal(lost, []string{"cologne3"}) {
		t.Errorf("lost: %v", got["maps_lost"])
	}
}
