package live_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"polity/plane"
	"polity/services/water/epanet"
	"polity/services/water/epanet/epanettest"
	"polity/services/water/example"
	"polity/services/water/live"
	"polity/services/water/scada"
	"polity/services/water/season"
)

// meters writes the days of a table into the city's data as observations of entities, and
// returns the configuration of its instruments.
func (x *town) meters(what string, t *scada.Table, unit string, factor float64, but func(name string, at time.Time) bool) string {
	x.t.Helper()
	config := "  " + what + ":\n"
	for c, name := range t.Names {
		key := plane.Key{ID: "urn:ngsi-ld:DeviceMeasurement:meter:" + what + ":" + name}
		config += fmt.Sprintf("    %s: {entity: %q}\n", name, key.ID)
		b := plane.Batch{Changes: []plane.Change{{Key: key, Edit: func(*plane.Entity) (*plane.Entity, error) {
			e := &plane.Entity{Key: key, Types: []string{"DeviceMeasurement"}}
			e.Set(plane.Attribute{Name: "numValue", Kind: plane.Property, Value: json.RawMessage("1"), Unit: unit})
			return e, nil
		}}}}
		for i := 0; i < t.Len(); i += 3 {
			if at := t.Start.Add(time.Duration(i) * t.Step); !but(name, at) {
				b.Observations = append(b.Observations, plane.Observation{Series: plane.Series{Key: key, Attribute: "numValue"}, Start: at, Value: float64(t.Values[c][i]) * factor})
			}
		}
		if _, err := x.store.Write(x.t.Context(), &b); err != nil {
			x.t.Fatal(err)
		}
	}
	return config
}

// TestInstrumentsOfTheCity: observations in the city's data become residuals and a leak;
// another unit that an entity names is understood; a day in which flows make no sense is left
// out and told, silence is named, and a restart needs the city's data no more.
func TestInstrumentsOfTheCity(t *testing.T) {
	epanettest.Native(t)
	live.Folder(t, 50*time.Millisecond)
	n, err := example.Town()
	if err != nil {
		t.Fatal(err)
	}
	days, before, err := season.Begin(t.Context(), season.Config{Network: n, Before: 30, Seed: 4, Dial: epanet.Native, Leaks: []season.Leak{{Pipe: "P26", Day: 8, Diameter: 0.022}}})
	if err != nil {
		t.Fatal(err)
	}
	now, err := days.Days(t.Context(), 22)
	if err != nil {
		t.Fatal(err)
	}
	x := newTown(t, "")
	network := filepath.Join(x.dir, "town.inp")
	if err := os.WriteFile(network, n.File.Text(), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := before.WriteFolder(filepath.Join(x.dir, "before"), ""); err != nil {
		t.Fatal(err)
	}
	start := now.Pressures.Start
	wrong, silent := start.AddDate(0, 0, 3), now.Pressures.Names[2]
	for c := range now.Flows.Values { // l/s of a meter that says m³/h
		for i := 3 * 288; i < 4*288; i++ {
			now.Flows.Values[c][i] /= 3.6
		}
	}
	all := func(string, time.Time) bool { return false }
	config := "network: " + network + "\nhistory: " + x.dir + "/before\ninstruments:\n" +
		x.meters("pressures", now.Pressures, "BAR", 0.0980665, func(name string, at time.Time) bool {
			return name == silent && at.Sub(start) > 20*24*time.Hour+9*time.Hour
		}) + x.meters("flows", now.Flows, "", 1, all)
	if len(now.Levels.Names) > 0 {
		config += x.meters("levels", now.Levels, "CMT", 100, all)
	}
	at := wrong.Add(27 * time.Hour)
	x.clock.at.Store(&at)
	x.start(config)
	x.wait("the day is told of", func(v live.View) bool {
		return strings.Contains(v.Problem, wrong.Format("2 January 2006")) && strings.Contains(v.Problem, "m³/h are needed")
	})
	x.stop()
	at2 := start.AddDate(0, 0, 22).Add(3 * time.Hour)
	x.clock.at.Store(&at2)
	x.start(config)
	v := x.wait("a leak is found", func(v live.View) bool { return v.Day == 22 && len(v.Leaks) == 1 })
	if v.Problem != "" || len(v.Residuals) != 9 || !slices.Contains(v.Lacks, fmt.Sprintf("The pressure of %s said nothing on %s.", silent, start.AddDate(0, 0, 21).Format("2 January 2006"))) {
		t.Errorf("%q, %d residuals, %q", v.Problem, len(v.Residuals), v.Lacks)
	}
	for _, r := range v.Residuals {
		known := 0
		for _, day := range r.Days {
			if day == day {
				known++
			}
		}
		if want := 21; known != want && r.Instrument != silent || r.Instrument == silent && known >= want {
			t.Errorf("%s: %d days are known", r.Instrument, known)
		}
	}
	where, _ := n.Link("P26")
	named, _ := n.Link(v.Leaks[0].Pipe)
	if far := n.Between().Links(where, named); far > 400 {
		t.Errorf("%s is %.0f m away: %s", v.Leaks[0].Pipe, far, v.Leaks[0].Reason)
	}
	x.stop()
	for _, list := range [][]string{now.Pressures.Names, now.Flows.Names} {
		for _, name := range list {
			for _, what := range []string{"pressures", "flows"} {
				if _, err := x.store.Forget(t.Context(), plane.Key{ID: "urn:ngsi-ld:DeviceMeasurement:meter:" + what + ":" + name}, start.AddDate(1, 0, 0)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	x.start(config)
	if again := x.wait("it looks again", func(v live.View) bool { return v.Day == 22 }); len(again.Leaks) != 1 || again.Leaks[0].ID != v.Leaks[0].ID {
		t.Errorf("behind a restart: %+v", again.Leaks)
	}
}

// TestTheCityTeachesItself: without an earlier time in a folder the first days of instruments
// are waited for and learnt from.
func TestTheCityTeachesItself(t *testing.T) {
	epanettest.Native(t)
	live.Folder(t, 50*time.Millisecond)
	n, err := example.Town()
	if err != nil {
		t.Fatal(err)
	}
	_, before, err := season.Begin(t.Context(), season.Config{Network: n, Before: 32, Seed: 4, Dial: epanet.Native})
	if err != nil {
		t.Fatal(err)
	}
	x := newTown(t, "")
	network := filepath.Join(x.dir, "town.inp")
	if err := os.WriteFile(network, n.File.Text(), 0o600); err != nil {
		t.Fatal(err)
	}
	start := before.Pressures.Start
	all := func(string, time.Time) bool { return false }
	config := "network: " + network + "\nlearn: " + start.Format(time.DateOnly) + "\ninstruments:\n" + x.meters("pressures", before.Pressures, "", 1, all) + x.meters("flows", before.Flows, "", 1, all)
	if len(before.Levels.Names) > 0 {
		config += x.meters("levels", before.Levels, "", 1, all)
	}
	at := start.AddDate(0, 0, 12).Add(3 * time.Hour)
	x.clock.at.Store(&at)
	x.start(config)
	v := x.wait("it waits for days", func(v live.View) bool { return v.Learning.Has == 12 })
	if !v.Learning.Since.Equal(start) || v.Learning.Of != 30 || v.Day != 0 {
		t.Errorf("%+v", v.Learning)
	}
	at2 := start.AddDate(0, 0, 31).Add(3 * time.Hour)
	x.clock.at.Store(&at2)
	if v := x.wait("it watches", func(v live.View) bool { return v.Day == 1 }); len(v.Residuals) != 9 || !v.Learning.Since.IsZero() || !v.Date.Equal(start.AddDate(0, 0, 30)) {
		t.Errorf("%d residuals, %+v, %s", len(v.Residuals), v.Learning, v.Date)
	}
}

func TestInstrumentsThatCannotBe(t *testing.T) {
	refused(t, "network: a.inp\nlearn: spring\ninstruments:\n  pressures: {J1: {entity: a}}\n  flows: {main: {entity: b}}\n", `"spring" is no date`)
	refused(t, "network: a.inp\nlearn: 2026-03-01\nmeasurements: b\n", "learn is in place of history")

	for text, want := range map[string]string{
		"  pressures: {J1: {entity: a}}\n":                                                     "pressures and flows are needed",
		"  pressures: {J1: {}}\n  flows: {main: {entity: b}}\n":                                "J1: entity is missing",
		"  pressures: {J1: {entity: a, unit: CEL}}\n  flows: {main: {entity: b}}\n":            `"CEL"`,
		"  pressures: {J1: {entity: a}}\n  flows: {main: {entity: b}}\nmeasurements: folder\n": "leave one of them out",
	} {
		refused(t, "network: a.inp\nhistory: b\ninstruments:\n"+text, want)
	}
}
