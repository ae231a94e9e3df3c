package console_test

import (
	"encoding/csv"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"polity/console"
	"polity/console/consoletest"
	"polity/demo/helsinki"
)

func newLines(t testing.TB) *consoletest.Transit {
	t.Helper()
	l, err := consoletest.NewTransit(afternoon)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func transitPages(t testing.TB, l *consoletest.Transit) *console.Console {
	t.Helper()
	now := func() time.Time { return afternoon }
	m, err := helsinki.Map()
	if err != nil {
		t.Fatal(err)
	}
	world, err := consoletest.New(consoletest.Config{Now: now, Map: m})
	if err != nil {
		t.Fatal(err)
	}
	cfg := console.Config{City: world, Now: now}
	if l != nil {
		cfg.Transit = l
	}
	pages, err := console.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pages.Close)
	return pages
}

func TestTransitForEveryone(t *testing.T) {
	l := newLines(t)
	l.Hear()
	pages := transitPages(t, l)
	all := says(t, pages, "/transit", http.StatusOK, "2 lines. 1 runs now. 1 vehicle says where it is.", "simulated", "&lt;b&gt;Square&lt;/b&gt; - Park", `href="/transit/trams/lines/R%2F1"`,
		"Runs are late", "1 under way: 1 late", "Does not run now", "Works &lt;i&gt;at&lt;/i&gt; the market", "The timetable holds until 31 December 2026", "on time from 60 seconds before its plan to 5 minutes after it", `class="transit-vehicle is-late"`, "Line 1 to Park, 6 minutes late")
	if strings.Contains(all, "javascript:") {
		t.Error("an address of the feed became a link that runs a script")
	}
	says(t, pages, "/transit/trams/lines/R%2F1", http.StatusOK, "Line 1: &lt;b&gt;Square", "6 minutes late", "To Park", "75 %", "100 s", `href="/transit/trams/stops/mk"`)
	stop := says(t, pages, "/transit/trams/stops/mk", http.StatusOK, "Times are those expected now.", "14:40", "6 minutes late", "Cancelled", "By plan", "Park")
	if strings.Index(stop, "14:40") > strings.Index(stop, "14:44") {
		t.Error("departures are not in the order in which they leave")
	}
	says(t, pages, "/transit/trams/stops/sq", http.StatusOK, "Square", "By plan") // a station shows what leaves its stops
	says(t, pages, "/transit?stop=squ", http.StatusOK, `href="/transit/trams/stops/sq"`, "all platforms")
	says(t, pages, "/transit?stop=nowhere", http.StatusOK, "No stop has a name like that")
	for _, path := range []string{"/transit/trams/stops/ghost", "/transit/trams/lines/ghost", "/transit/ghost/stops/mk", "/transit/ghost/delays.csv"} {
		says(t, pages, path, http.StatusNotFound)
	}
}

// TestTransitUnheard: without a word of vehicles pages show the plan, and say so.
func TestTransitUnheard(t *testing.T) {
	pages := transitPages(t, newLines(t))
	says(t, pages, "/transit", http.StatusOK, "Nothing was heard of delays yet", "By plan, unheard", "1 under way: 1 unheard")
	says(t, pages, "/transit/trams/stops/mk", http.StatusOK, "Nothing is heard of vehicles", "By plan")
	says(t, pages, "/transit/trams/lines/R%2F1", http.StatusOK, "No vehicle of this line", "No hour is over")
	none := transitPages(t, nil)
	says(t, none, "/transit", http.StatusOK, "No timetable is set up", "timetable: https://")
	says(t, none, "/transit/trams/stops/mk", http.StatusNotFound)
}

func TestTransitAsData(t *testing.T) {
	l := newLines(t)
	l.Hear()
	pages := transitPages(t, l)
	var g struct {
		Features []struct {
			ID         string
			Properties map[string]any
		}
	}
	w := get(t, pages, "/transit/trams/vehicles.geojson")
	if err := json.Unmarshal(w.Body.Bytes(), &g); err != nil || len(g.Features) != 1 || g.Features[0].ID != "t15:20261124" || g.Features[0].Properties["delay_s"] != 360.0 || g.Features[0].Properties["simulated"] != true {
		t.Errorf("vehicles: %v, %s", err, w.Body)
	}
	w = get(t, pages, "/transit/trams/delays.csv")
	rows, err := csv.NewReader(w.Body).ReadAll()
	if err != nil || len(rows) != 2 || rows[1][3] != "'=1" || rows[1][4] != "12" || rows[1][9] != "100" || rows[1][10] != "3000" {
		t.Errorf("delays: %v, %q", err, rows)
	}
	for query, status := range map[string]int{
		"?from=2026-11-01&to=2026-11-24": http.StatusOK, "?from=yesterday": http.StatusBadRequest, "?from=2026-11-24&to=2026-11-01": http.StatusBadRequest,
		"?from=2020-01-01&to=2026-11-24": http.StatusBadRequest, "?line=none": http.StatusOK,
	} {
		if w := get(t, pages, "/transit/trams/delays.csv"+query); w.Code != status {
			t.Errorf("delays.csv%s: status %d, want %d", query, w.Code, status)
		}
	}
}
