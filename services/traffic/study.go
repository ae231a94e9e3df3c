// Package traffic runs a city's traffic signals: what the junctions are (network),
// what must never be shown (safety), who decides (control), and a simulated twin to
// try it on (twin). This package puts them together for a study: one scenario under
// one control.
package traffic

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"polity/city"
	"polity/internal/durable"
	"polity/services/traffic/control"
	"polity/services/traffic/control/adaptive"
	"polity/services/traffic/network"
	"polity/services/traffic/plan"
	"polity/services/traffic/twin"
)

// controls is in the order of reports.
var controls = []string{"fixed", "actuated", "greedy", "max-pressure", "polity"}

// Controls returns the names that Study.Control knows: fixed (the network's own
// plans), actuated (SUMO's gap-based extension of those plans), greedy (RESCO's
// max-wave), max-pressure (RESCO's), and polity.
func Controls() []string { return slices.Clone(controls) }

// Study is one simulation of a scenario under one control.
type Study struct {
	Scenario string // path of a SUMO configuration
	Control  string
	Seed     int
	// Imperfect detectors never see a tenth of the vehicles and report five seconds
	// late.
	Imperfect bool
	// Every is the time between two decisions of greedy and max-pressure: RESCO uses
	// 10 s, and 5 s on arterial4x4. 0: 10 s.
	Every time.Duration
	// Record writes record.json, too: what happened at each approach and crossing, and
	// along the junctions of Corridor, if it names any (package compare reads it).
	Record   bool
	Corridor []string
	// Plans run in place of the network's own, at the junctions that they name; fixed only.
	// Then all junctions go through the safety layer.
	Plans    []plan.Timetable
	SUMO     string // the program; empty: twin.FindSUMO looks for it
	Dir      string // where tripinfo.xml and report.json go; it is made if need be
	Progress func(simulated, total time.Duration, toCome int)
}

// Report is what a study came to.
type Report struct {
	Scenario  string `json:"scenario"`
	Control   string `json:"control"`
	Seed      int    `json:"seed"`
	Imperfect bool   `json:"imperfect_detectors"`
	Junctions int    `json:"junctions"`
	Settings  string `json:"settings,omitempty"` // hash of the adaptive control's settings
	twin.Result
}

// SettingsHash names the one configuration of Polity's adaptive control.
func SettingsHash() string {
	text, err := json.Marshal(adaptive.Default())
	if err != nil {
		panic(err) // a struct of numbers
	}
	return fmt.Sprintf("%x", sha256.Sum256(text))[:12]
}

// Run simulates and writes SUMO's tripinfo.xml and a report.json into s.Dir, and a
// record.json if it is asked for.
func (s Study) Run(ctx context.Context) (Report, error) {
	report := Report{Scenario: s.Scenario, Control: s.Control, Seed: s.Seed, Imperfect: s.Imperfect}
	if !slices.Contains(controls, s.Control) {
		return report, city.Errorf(city.Invalid, "%q is no control; there are: %s", s.Control, strings.Join(controls, ", "))
	}
	scenario, err := twin.ReadScenario(s.Scenario)
	if err != nil {
		return report, err
	}
	net, err := scenario.Network()
	if err != nil {
		return report, err
	}
	if len(net.Junctions) == 0 && s.Control != "fixed" {
		return report, city.Errorf(city.Invalid, "%s has no signalised junction: there is nothing to control", scenario.Net)
	}
	report.Junctions = len(net.Junctions)
	if len(s.Corridor) > 0 {
		if err := twin.CheckCorridor(net, s.Corridor); err != nil {
			return report, err
		}
	}
	if err := s.replan(net); err != nil {
		return report, err
	}
	for _, t := range s.Plans {
		report.Control += ", plan " + t.ID + " of " + t.Junction
	}
	program, err := twin.FindSUMO("sumo", s.SUMO)
	if err != nil {
		return report, err
	}
	if err := os.MkdirAll(s.Dir, 0o755); err != nil { //nolint:gosec // figures are for everyone
		return report, fmt.Errorf("make the folder for the results: %w", err)
	}
	run := twin.Run{
		SUMO: program, Scenario: scenario, Net: net, Seed: s.Seed, Actuated: s.Control == "actuated",
		Control: s.controller(), Sensor: twin.Sensor{Sight: twin.DefaultSight}, Teleport: -time.Second, Dir: s.Dir, Progress: s.Progress,
		Record: s.Record || len(s.Corridor) > 0, Corridor: s.Corridor,
	}
	if s.Imperfect {
		run.Sensor.Missing, run.Sensor.Late = 0.1, 5*time.Second
	}
	if s.Control == "polity" {
		report.Settings = SettingsHash()
	}
	if report.Result, err = run.Do(ctx); err != nil {
		return report, err
	}
	if report.Record != nil {
		if err := writeJSON(filepath.Join(s.Dir, RecordFile), report.Record); err != nil {
			return report, err
		}
	}
	return report, writeJSON(filepath.Join(s.Dir, ReportFile), report)
}

// The files of a study beside SUMO's tripinfo.xml.
const (
	ReportFile = "report.json"
	RecordFile = "record.json"
)

// replan puts the study's plans into the network. The error is of kind Invalid and says all
// that is wrong with them.
func (s Study) replan(n *network.Network) error {
	if len(s.Plans) > 0 && s.Control != "fixed" {
		return city.Errorf(city.Invalid, "plans of one's own run under the control fixed, not %s", s.Control)
	}
	for _, t := range s.Plans {
		i := n.Junction(t.Junction)
		if i < 0 {
			return city.Errorf(city.Invalid, "plan %s: there is no junction %s in this network", t.ID, t.Junction)
		}
		j := n.Junctions[i]
		if found := plan.Check(j, t); len(found) > 0 {
			return city.Errorf(city.Invalid, "plan %s of junction %s: %s", t.ID, t.Junction, strings.Join(found, "; "))
		}
		j.Plans = append([]network.Plan{t.Plan(j)}, j.Plans...)
	}
	return nil
}

func (s Study) controller() func(*network.Network) (control.Controller, error) {
	every := s.Every
	if every <= 0 {
		every = 10 * time.Second
	}
	switch s.Control {
	case "fixed":
		if len(s.Plans) > 0 {
			return func(n *network.Network) (control.Controller, error) { return control.NewFixed(n, 0, nil) }
		}
	case "greedy":
		return func(n *network.Network) (control.Controller, error) {
			return control.NewGreedy(n, every, twin.DefaultSight.Before), nil
		}
	case "max-pressure":
		return func(n *network.Network) (control.Controller, error) {
			return control.NewMaxPressure(n, every, twin.DefaultSight.Before), nil
		}
	case "polity":
		return func(n *network.Network) (control.Controller, error) {
			inner, err := adaptive.New(n, twin.DefaultSight, adaptive.Default())
			if err != nil {
				return nil, err
			}
			fixed, err := control.NewFixed(n, 0, nil)
			if err != nil {
				return nil, err
			}
			return control.NewWatchful(n, inner, fixed), nil
		}
	}
	return nil
}

func writeJSON(path string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return durable.WriteFile(path, append(text, '\n'), 0o644)
}
