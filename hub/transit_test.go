package hub_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"polity/demo/simulation"
	"polity/hub"
	"polity/internal/strictyaml"
	"polity/plane"
	"polity/sensors/transit"
)

// TestTheTransitPageHoldsAnExample: the configuration of docs/formats/transit.md is one.
func TestTheTransitPageHoldsAnExample(t *testing.T) {
	page, err := os.ReadFile("../docs/formats/transit.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(page), "```yaml\n")
	example, _, ok := strings.Cut(example, "```")
	if !ok {
		t.Fatal("the page has no example")
	}
	var c struct {
		Hub hub.Config `yaml:"hub"`
	}
	if err := strictyaml.Decode("transit.md", []byte(example), &c); err != nil {
		t.Fatal(err)
	}
	if len(c.Hub.Transit) != 1 || c.Hub.Transit[0].Check() != nil || c.Hub.Transit[0] != c.Hub.Transit[0].WithDefaults() {
		t.Errorf("the example is %+v, which does not name the defaults, or is wrong", c.Hub.Transit)
	}
	for _, name := range []string{transit.TypeAgency, transit.TypeStop, transit.TypeStation, transit.TypeRoute, transit.TypeVehicle, transit.TypeAlert, transit.Measured, transit.OnTime, transit.Early, transit.Late, transit.Cancelled, transit.MeanDelay} {
		if !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("the page does not name %s", name)
		}
	}
}

// TestTransitEndToEnd: an agency's feeds on loopback become entities, pages and numbers,
// and two feeds of one name are refused.
func TestTransitEndToEnd(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Helsinki")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	trams, err := simulation.NewTrams(&simulation.City{Seed: 1, Start: time.Now(), Zone: zone}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	at, ended, err := trams.Serve(ctx)
	if err != nil {
		t.Fatal(err)
	}
	w := newTown(t)
	now := at + "/realtime.pb"
	feed := transit.Config{Name: "trams", Timetable: at + "/gtfs.zip", Trips: now, Vehicles: now, Alerts: now, Every: time.Second, Simulated: true}
	w.cfg.Transit = hub.Transit{feed, feed}
	if err := w.cfg.WithDefaults().Check(); err == nil || !strings.Contains(err.Error(), "stands there twice") {
		t.Errorf("two feeds of one name: %v", err)
	}
	w.cfg.Transit = hub.Transit{feed}
	w.start()
	count := func(typ string) int {
		page, err := w.started.Store.Find(t.Context(), plane.Query{Types: []string{typ}, Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		return len(page.Entities)
	}
	w.eventually("stops, lines and vehicles are entities", func() bool {
		return count(transit.TypeRoute) == 3 && count(transit.TypeStop) > 30 && count(transit.TypeVehicle) > 0
	})
	if status, body := read(t, w.started.Address+"/transit"); status != http.StatusOK || !strings.Contains(body, "3 lines.") || !strings.Contains(body, "simulated") {
		t.Errorf("the page answers %d: %.200s", status, body)
	}
	if _, body := read(t, w.started.Address+"/metrics"); !strings.Contains(body, `polity_transit_fresh{feed="trams",source="vehicles"} 1`) {
		t.Error("the metrics do not say that vehicles are heard")
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func read(t *testing.T, address string) (status int, body string) {
	t.Helper()
	answer, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var b strings.Builder
	if err := answer.Write(&b); err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, b.String()
}

// TestTransitIsInspected: config check --here says what a timetable holds, and what is
// wrong with it, which keeps no hub from starting.
func TestTransitIsInspected(t *testing.T) {
	w := newTown(t)
	broken := filepath.Join(w.dir, "broken.zip")
	if err := os.WriteFile(broken, []byte("no zip"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.cfg.Transit = hub.Transit{{Name: "here", Timetable: broken}, {Name: "there", Timetable: "https://transit.city.example/gtfs.zip"}}
	words, err := hub.Inspect(w.cfg.WithDefaults())
	if err != nil || !strings.Contains(words, "Timetable here cannot be used: the timetable is no zip file") || !strings.Contains(words, "Timetable there: at an address") {
		t.Errorf("it says %q, %v", words, err)
	}
}
