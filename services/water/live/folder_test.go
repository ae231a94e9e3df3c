package live_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"polity/room/decision"
	"polity/service"
	"polity/services/water/epanet"
	"polity/services/water/epanet/epanettest"
	"polity/services/water/example"
	"polity/services/water/live"
	"polity/services/water/season"
)

// TestARealNetworkIsAdvisedAndRemembered: measurements come in a folder; a leak in them gives
// one alarm and advice, also behind a restart; a table in another unit is told, and taken
// when it is mended.
func TestARealNetworkIsAdvisedAndRemembered(t *testing.T) {
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
	dir := t.TempDir()
	network := filepath.Join(dir, "town.inp")
	now, err := days.Days(t.Context(), 22)
	if err != nil {
		t.Fatal(err)
	}
	write := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	write(os.WriteFile(network, n.File.Text(), 0o600))
	write(before.WriteFolder(filepath.Join(dir, "before"), ""))
	scale := func(by float32) {
		for _, column := range now.Pressures.Values {
			for i := range column {
				column[i] *= by
			}
		}
		write(now.WriteFolder(filepath.Join(dir, "now"), ""))
	}
	scale(9.8)
	config := "network: " + network + "\nhistory: " + dir + "/before\nmeasurements: " + dir + "/now\n"
	x := newTown(t, config)
	x.wait("a wrong unit is told", func(v live.View) bool { return strings.Contains(v.Problem, "kPa") })
	scale(1 / 9.8)
	v := x.wait("a leak is found", func(v live.View) bool { return v.Problem == "" && len(v.Leaks) == 1 && len(x.open()) == 1 })
	list := x.open()
	if len(list) != 1 || list[0].Level != service.Advice || list[0].State != decision.Proposed || v.Simulated || !strings.Contains(v.Leaks[0].Reason, "2018") {
		t.Fatalf("%+v, %s", list, v.Leaks[0].Reason)
	}
	x.stop()
	x.start(config)
	again := x.wait("it looks again", func(v live.View) bool { return v.Day == 22 })
	if len(again.Leaks) != 1 || again.Leaks[0].ID != v.Leaks[0].ID || len(x.open()) != 1 || x.alert()["state"] != "active" {
		t.Errorf("behind a restart: %+v", again.Leaks)
	}
}
