package browsertest

import (
	"flag"
	"net/http"
	"os"
	"testing"
	"time"

	"polity/city"
	"polity/console"
	"polity/console/bundle"
	"polity/console/consoletest"
	"polity/demo/helsinki"
	"polity/service"
)

var (
	serve   = flag.String("serve", "", "serve the pages at this address, to look at them by hand")
	alerts  = flag.Int("alerts", 0, "how many alerts to serve beside the first ten")
	streets = flag.Int("streets", 0, "how many cameras to serve beside the square's")
	place   = flag.String("place", "", "a JPEG of an empty place to serve instead of the drawn one")
)

// afternoon is when the tests' city begins, a Tuesday; its clock runs from there.
var afternoon = time.Date(2026, 11, 24, 12, 32, 20, 0, time.UTC)

func newCity(t testing.TB) *consoletest.City {
	t.Helper()
	m, err := helsinki.Map()
	if err != nil {
		t.Fatal(err)
	}
	cfg := consoletest.Config{Now: running(), Map: m, Demo: true}
	if *place != "" {
		if cfg.JPEG, err = os.ReadFile(*place); err != nil {
			t.Fatal(err)
		}
	}
	c, err := consoletest.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func running() func() time.Time {
	begun := time.Now()
	return func() time.Time { return afternoon.Add(time.Since(begun)) }
}

func newSensors(c *consoletest.City) *consoletest.Sensors {
	return consoletest.NewSensors(running(), c.About().Zone)
}

func newConsole(t testing.TB, c *consoletest.City, sensors *consoletest.Sensors, room *consoletest.Room, built string, who *consoletest.Access) *console.Console {
	t.Helper()
	now := running()
	lines, err := consoletest.NewTransit(now())
	if err != nil {
		t.Fatal(err)
	}
	lines.Hear()
	services := map[city.Slug]service.Service{"traffic": consoletest.NewTraffic(now()), "waste": consoletest.NewWasteCrews(consoletest.NewWaste(now())), "water": consoletest.NewWater(now()), "power": newPower(t, now())}
	pages, err := console.New(console.Config{City: c, Sensors: sensors, Transit: lines, Data: consoletest.NewData(now), Access: who, Looks: &consoletest.Looks{}, Book: newBook(t, c), Policies: newPolicies(t), Alerts: room.Queue, Orders: newOrders(t, who), Notices: newNotices(t, who), Cases: consoletest.NewCases(now), Record: newRecord(), Services: services, Bundle: os.DirFS(built), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pages.Close)
	return pages
}

func newPower(t testing.TB, at time.Time) *consoletest.Power {
	t.Helper()
	p, err := consoletest.NewPower(t.TempDir(), at)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func build(t testing.TB) string {
	t.Helper()
	out := t.TempDir()
	if err := bundle.Write("..", out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestServe(t *testing.T) {
	if *serve == "" {
		t.Skip("this serves the pages to look at by hand, with -serve ADDRESS")
	}
	world := newCity(t)
	world.AddStreets(*streets)
	room := newRoom(t)
	if err := room.Raise(0, *alerts); err != nil {
		t.Fatal(err)
	}
	pages := newConsole(t, world, newSensors(world), room, build(t), consoletest.Everything())
	t.Logf("http://%s", *serve)
	s := &http.Server{Addr: *serve, Handler: pages, ReadHeaderTimeout: 5 * time.Second}
	t.Fatal(s.ListenAndServe())
}
