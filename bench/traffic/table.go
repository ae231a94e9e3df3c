package main

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"polity/bench/harness"
	"polity/services/traffic"
)

// table sums the simulations up.
type table struct{ jobs []*job }

func (t table) maps() []string {
	var names []string
	for _, j := range t.jobs {
		if !slices.Contains(names, j.place) {
			names = append(names, j.place)
		}
	}
	return names
}

// mean returns the mean over seeds of a figure, NaN if there was no such run.
func (t table) mean(place, control string, imperfect bool, of func(traffic.Report) float64) float64 {
	sum, n := 0.0, 0.0
	for _, j := range t.jobs {
		if j.place == place && j.control == control && j.imperfect == imperfect {
			sum += of(j.report)
			n++
		}
	}
	return sum / n
}

func delay(r traffic.Report) float64    { return r.Trips.Delay }
func timeLoss(r traffic.Report) float64 { return r.Trips.TimeLoss }
func walkWait(r traffic.Report) float64 { return r.WalkWait }

// won tells whether Polity had the least mean delay of all controls on a map, and
// whether there was anybody to compare with.
func (t table) won(place string) (won, compared bool) {
	own := t.mean(place, "polity", false, delay)
	won = true
	for _, c := range traffic.Controls() {
		d := t.mean(place, c, false, delay)
		if c == "polity" || math.IsNaN(d) {
			continue
		}
		compared = true
		won = won && own < d
	}
	compared = compared && !math.IsNaN(own)
	return won && compared, compared
}

func (t table) print(r *harness.Run) {
	columns := traffic.Controls()
	var b strings.Builder
	fmt.Fprintf(&b, "mean delay (timeLoss), seconds\n%-14s", "map")
	for _, c := range columns {
		fmt.Fprintf(&b, " %18s", c)
	}
	fmt.Fprintf(&b, " %18s\n", "polity, imperfect")
	cell := func(place, control string, imperfect bool) {
		d := t.mean(place, control, imperfect, delay)
		text := "-"
		if !math.IsNaN(d) {
			text = fmt.Sprintf("%.2f (%.2f)", d, t.mean(place, control, imperfect, timeLoss))
		}
		fmt.Fprintf(&b, " %18s", text)
	}
	for _, m := range t.maps() {
		fmt.Fprintf(&b, "%-14s", m)
		for _, c := range columns {
			cell(m, c, false)
		}
		cell(m, "polity", true)
		fmt.Fprintln(&b)
	}
	if slices.Contains(t.maps(), pedestrians) {
		fmt.Fprintf(&b, "%-14s", "  wait on foot")
		for _, c := range columns {
			text := "-"
			if w := t.mean(pedestrians, c, false, walkWait); !math.IsNaN(w) {
				text = fmt.Sprintf("%.2f", w)
			}
			fmt.Fprintf(&b, " %18s", text)
		}
		fmt.Fprintln(&b)
	}
	r.Say("%s", b.String())
}

func rounded(v float64) any { return harness.Rounded(v, 3) }

func (t table) figures() harness.Figures {
	streets := slices.DeleteFunc(t.maps(), func(m string) bool { return m == pedestrians })
	wins, complete := 0, 0
	worse, red := math.NaN(), math.NaN()
	lost := []string{}
	delays, losses := map[string]map[string]any{}, map[string]map[string]any{}
	for _, m := range streets {
		switch won, compared := t.won(m); {
		case won:
			wins++
		case compared:
			lost = append(lost, m)
		}
		if !math.IsNaN(t.mean(m, "polity", false, delay)) {
			complete++
		}
		if p := 100 * (t.mean(m, "polity", true, delay)/t.mean(m, "greedy", false, delay) - 1); math.IsNaN(worse) || p > worse {
			worse = p
		}
	}
	sumo, slowest := "", math.NaN()
	for _, j := range t.jobs {
		key := j.control
		if j.imperfect {
			key += "-imperfect"
		}
		if delays[j.place] == nil {
			delays[j.place], losses[j.place] = map[string]any{}, map[string]any{}
		}
		delays[j.place][key] = rounded(t.mean(j.place, j.control, j.imperfect, delay))
		losses[j.place][key] = rounded(t.mean(j.place, j.control, j.imperfect, timeLoss))
		sumo = j.report.SUMO
		if j.control != "polity" {
			continue
		}
		if math.IsNaN(red) || j.report.MaxRed > red {
			red = j.report.MaxRed
		}
		if j.report.Junctions == 21 && (math.IsNaN(slowest) || j.report.DecisionP99 > slowest) {
			slowest = j.report.DecisionP99
		}
	}
	ratio := func(place string, of func(traffic.Report) float64) any {
		return rounded(t.mean(place, "polity", false, of) / t.mean(place, "fixed", false, of))
	}
	return harness.Figures{
		{Name: "maps", Value: complete},
		{Name: "maps_won", Value: wins},
		{Name: "maps_lost", Value: lost},
		{Name: "max_red_s", Value: rounded(red)},
		{Name: "decision_ms_21_junctions", Value: rounded(slowest)},
		{Name: "cologne1_timeloss_ratio_to_fixed", Value: ratio("cologne1", timeLoss)},
		{Name: "cologne8_timeloss_ratio_to_fixed", Value: ratio("cologne8", timeLoss)},
		{Name: "ingolstadt1_timeloss_ratio_to_fixed", Value: ratio("ingolstadt1", timeLoss)},
		{Name: "ingolstadt7_timeloss_ratio_to_fixed", Value: ratio("ingolstadt7", timeLoss)},
		{Name: "ingolstadt21_timeloss_ratio_to_fixed", Value: ratio("ingolstadt21", timeLoss)},
		{Name: "imperfect_worse_than_greedy_pct", Value: rounded(worse)},
		{Name: "pedestrian_wait_ratio_to_fixed", Value: ratio(pedestrians, walkWait)},
		{Name: "pedestrian_vehicle_delay_ratio_to_fixed", Value: ratio(pedestrians, delay)},
		{Name: "delay_s", Value: delays},
		{Name: "timeloss_s", Value: losses},
		{Name: "sumo", Value: sumo},
		{Name: "settings", Value: traffic.SettingsHash()},
	}
}
