package live_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"polity/access"
	"polity/city"
	"polity/plane"
	"polity/plane/sqlite"
	"polity/room/decision"
	"polity/service"
	"polity/services/waste/live"
)

type allow struct{}

func (allow) Decide(access.Who, access.Action, access.Thing, access.Circumstances) access.Decision {
	return access.Decision{Allowed: true}
}

// day is the service with a book of decisions and a store of its own.
type day struct {
	t     *testing.T
	dir   string
	now   func() time.Time
	book  *decision.Book
	store plane.Store
	s     *live.Service
	stop  func()
	pass  func(live.View) // lets time pass while a test waits; nil: it passes by itself
}

func newDay(t *testing.T, config string) *day {
	t.Helper()
	return newDayAt(t, config, time.Now)
}

func newDayAt(t *testing.T, config string, now func() time.Time) *day {
	t.Helper()
	d := &day{t: t, dir: t.TempDir(), now: now}
	var err error
	if d.book, err = decision.Open(t.Context(), decision.Config{Path: filepath.Join(d.dir, "decisions.db"), Decider: allow{}, Now: now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.book.Close() })
	if d.store, err = sqlite.Open(t.Context(), filepath.Join(d.dir, "city.db"), sqlite.Config{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.store.Close() })
	d.start(config)
	return d
}

func (d *day) start(config string) {
	d.t.Helper()
	var err error
	d.s, err = live.New([]byte(config), service.Deps{
		Data: d.store, Decisions: d.book.For(live.Name), Dir: filepath.Join(d.dir, "waste"), Log: slog.New(slog.DiscardHandler), Now: d.now,
	})
	if err != nil {
		d.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s, done := d.s, make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	d.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			d.t.Errorf("the service ended: %v", err)
		}
	})
	d.t.Cleanup(d.stop)
}

func (d *day) until(what string, holds func(v live.View) bool) live.View {
	d.t.Helper()
	for end := time.Now().Add(3 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		v := d.s.View()
		if holds(v) {
			return v
		}
		if d.pass != nil {
			d.pass(v)
		}
		if time.Now().After(end) {
			d.t.Fatalf("not within three minutes: %s\nphase %s, at %s, problems %v", what, v.Phase, v.At, v.Problems)
		}
	}
}

// waits returns the decision of a kind that waits for a person.
func (d *day) waits(kind string) (found *decision.Decision) {
	d.t.Helper()
	d.until("a decision "+kind+" waits", func(live.View) bool {
		list, _, err := d.book.Find(d.t.Context(), decision.Asker{}, decision.Query{Services: []city.Slug{live.Name}, Open: true})
		if err != nil {
			d.t.Fatal(err)
		}
		for _, x := range list {
			if x.State == decision.Proposed && strings.HasPrefix(x.ID, kind) {
				found = x
			}
		}
		return found != nil
	})
	return found
}

func (d *day) answer(x *decision.Decision, to decision.State, note string) {
	d.t.Helper()
	if _, err := d.book.Answer(d.t.Context(), decision.Asker{Who: access.Who{ID: "p1", Name: "Kaisa"}}, decision.Answer{Service: live.Name, ID: x.ID, Revision: x.Revision, To: to, Note: note}); err != nil {
		d.t.Fatal(err)
	}
}

// alerts returns those of a kind, by their state.
func (d *day) alerts(sub string) (active, ended int) {
	d.t.Helper()
	page, err := d.store.Find(d.t.Context(), plane.Query{Types: []string{"Alert"}, Limit: plane.MaxLimit})
	if err != nil {
		d.t.Fatal(err)
	}
	for _, e := range page.Entities {
		var kind, state string
		if json.Unmarshal(e.Attribute("subCategory").Value, &kind) != nil || json.Unmarshal(e.Attribute("state").Value, &state) != nil {
			d.t.Fatalf("%+v", e)
		}
		if kind == sub && state == "active" {
			active++
		} else if kind == sub {
			ended++
		}
	}
	return active, ended
}

func holders(v live.View) map[string]string {
	has := map[string]string{}
	for _, t := range v.Tours {
		for k, c := range t.Calls {
			if c.Container != "" && (!t.Broken || k < t.Done) {
				has[c.Container] = t.Truck
			}
		}
	}
	return has
}

// TestADayFromForecastToEmptied: tours are planned from what sensors said; no truck leaves
// before a person agreed; one breaks down, and another person's word gives its containers to
// others, who keep theirs; what is emptied is empty, and the next day is planned.
func TestADayFromForecastToEmptied(t *testing.T) {
	live.Hurry(t, "truck-1", 6*time.Hour+15*time.Minute)
	// The day goes on as the service follows, however slow the machine, and stands while it is
	// asked who takes the containers of the truck that breaks down.
	h, begun, asked := &hands{}, time.Now(), true
	d := newDayAt(t, "simulate: day\npace: 2400\n", func() time.Time { return begun.Add(time.Duration(h.ahead.Load())) })
	var last time.Time
	same := 0
	d.pass = func(v live.View) {
		if v.At.Equal(last) {
			same++
		} else {
			last, same = v.At, 0
		}
		broken := slices.ContainsFunc(v.Tours, func(x live.Tour) bool { return x.Broken })
		if v.Phase == live.Driving && (broken && asked || same > 0 && same < 10) {
			return
		}
		h.forward(25 * time.Millisecond) // a minute there
	}
	plan := d.waits("plan")
	v := d.until("the page has it", func(v live.View) bool { return v.Phase == live.Proposed })
	if len(v.Tours) < 2 || len(v.Problems) > 0 || v.LeftOut == 0 || !v.Simulated || len(v.Fewer) != len(v.Tours) {
		t.Fatalf("%d tours, problems %v, %d wait, %d what-ifs", len(v.Tours), v.Problems, v.LeftOut, len(v.Fewer))
	}
	whole := map[string]float64{}
	for _, tour := range v.Tours {
		whole[tour.Truck] = tour.Metres
		t.Logf("%s: %d calls, %.1f km, %s to %s, cost %.0f", tour.Truck, len(tour.Calls), tour.Metres/1000, tour.Start, tour.End, tour.Cost)
	}
	if plan.Level != service.Confirm || !strings.Contains(plan.Effect, "containers are emptied") || len(plan.Inputs) < 20 {
		t.Errorf("%+v", plan.Proposal)
	}
	first := v.Tours[0].Calls[0].Container
	if same, err := d.s.Draft(nil, live.Move{Container: first, Truck: v.Tours[0].Truck}); city.KindOf(err) != city.Conflict || len(same.Tours) != len(v.Tours) {
		t.Errorf("a move to where it is: %+v, %v", same.Asked, err)
	}
	h.forward(time.Second)
	time.Sleep(200 * time.Millisecond)
	if v := d.s.View(); v.Phase != live.Proposed || !v.Containers[0].Collected.IsZero() {
		t.Fatal("a truck left before a person agreed")
	}
	before := holders(v)
	d.answer(plan, decision.Accepted, "")
	moves := d.waits("moves")
	d.until("the breakdown is told of", func(live.View) bool { n, _ := d.alerts("vehicleBreakdown"); return n == 1 })
	if !strings.Contains(moves.Reason, "truck-1 has broken down") {
		t.Error(moves.Reason)
	}
	d.answer(moves, decision.Accepted, "")
	asked = false
	v = d.until("the trucks are home", func(v live.View) bool { return v.Phase == live.Over })
	took, changed := 0, 0
	for id, truck := range holders(v) {
		if before[id] == "truck-1" && truck != "truck-1" {
			took++
		} else if before[id] != truck {
			changed++
		}
	}
	if took == 0 || changed > 2 {
		t.Errorf("%d containers of the broken truck found another; %d of others changed theirs", took, changed)
	}
	sum := 0.0
	for _, tour := range v.Tours {
		sum += tour.Metres
		if tour.Broken && tour.Metres >= whole[tour.Truck] {
			t.Errorf("the broken truck drove %.0f m of %.0f", tour.Metres, whole[tour.Truck])
		}
	}
	if math.Abs(sum-v.Metres) > 1 {
		t.Errorf("the tours are %.0f m, the day %.0f m", sum, v.Metres)
	}
	left := 0
	for _, c := range v.Containers {
		if before[c.ID] != "" && c.Collected.IsZero() && c.Missed == "" {
			left++
		}
	}
	if left > 0 {
		t.Errorf("%d containers of the plan were left", left)
	}
	n := 0
	d.until("a crew found a container blocked, and somebody is told", func(live.View) bool { n, _ = d.alerts("missedPickup"); return n > 0 })
	t.Logf("%d containers were blocked", n)
	v = d.until("the next day is planned", func(x live.View) bool { return x.Day.After(v.Day) && x.Phase == live.Proposed })
	d.until("the breakdown is over", func(live.View) bool {
		n, over := d.alerts("vehicleBreakdown")
		return n == 0 && over == 1
	})
	var gpx bytes.Buffer
	if err := d.s.WriteGPX(&gpx, v.Tours[0].Truck); err != nil || !strings.Contains(gpx.String(), "<trkpt") {
		t.Errorf("%v, %s", err, gpx.String())
	}
	if err := d.s.WriteGPX(&gpx, "truck-9"); city.KindOf(err) != city.NotFound {
		t.Error(err)
	}
	d.stop()
	d.start("simulate: day\npace: 2400\n") // a made-up day begins anew
	d.until("it is planned", func(v live.View) bool { return v.Phase == live.Proposed })
	d.until("no alert of the world before goes on", func(live.View) bool { n, _ := d.alerts("missedPickup"); return n == 0 })
}

const grid = `<osm version="0.6"><node id="1" lat="60" lon="25"/><node id="2" lat="60" lon="25.02"/><node id="3" lat="60.01" lon="25.02"/>
<way id="9"><nd ref="1"/><nd ref="2"/><nd ref="3"/><tag k="highway" v="residential"/><tag k="name" v="Long Street"/></way></osm>`

const fleet = `currency: EUR
trucks: [{id: t1, depot: {lat: 60, lon: 25.001}, kilograms: 900, litres: 9000, fractions: [mixed], shift: "06:00-14:00", cost_per_km: 1, cost_per_hour: 60, co2_g_per_km: 900}]
sites: [{id: landfill, place: {lat: 60.009, lon: 25.02}, open: "06:00-18:00", unload_minutes: 10}]
`

func files(t *testing.T, containers, fleet string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"c.csv": containers, "f.yaml": fleet, "m.osm": grid} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return fmt.Sprintf("containers: %s/c.csv\nfleet: %s/f.yaml\nmap: %s/m.osm\nzone: Europe/Helsinki\n", dir, dir, dir)
}

// TestAnImportedTableComesOutDrivable: what cannot be collected is said with what would
// help; the rest is planned, survives a restart, and an overflow in the city's data is told of.
func TestAnImportedTableComesOutDrivable(t *testing.T) {
	live.Hurry(t, "", 0)
	config := files(t, "id,lat,lon,litres\na,60.0001,25.01,660\nb,60.005,25.0201,660\nfar,60.2,25.2,660\nhuge,60,25.015,90000\n", fleet)
	d := newDay(t, config)
	d.waits("plan")
	v := d.until("the page has it", func(v live.View) bool { return v.Phase == live.Proposed })
	if len(v.Tours) != 1 || len(v.Tours[0].Calls) != 3 || len(v.Tours[0].Line) < 3 || v.Simulated {
		t.Fatalf("%+v", v.Tours)
	}
	said := fmt.Sprint(v.Problems)
	for _, want := range []string{"Container far: no street", "Container huge: it holds about 90000 l", "send a larger truck"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not said: %s", want, said)
		}
	}
	d.stop()
	d.start(config)
	if v := d.s.View(); len(v.Tours) != 1 || v.Phase != live.Proposed {
		t.Errorf("after a restart: %+v", v.Tours)
	}
	d.answer(d.waits("plan"), decision.Accepted, "")
	d.until("the plan is in force", func(v live.View) bool { return v.Phase == live.Driving })

	closed := newDay(t, files(t, "id,lat,lon,litres\na,60.0001,25.01,660\n", strings.Replace(fleet, "unload_minutes", "closed: true, unload_minutes", 1)))
	v = closed.until("the closed landfill is said", func(v live.View) bool { return len(v.Problems) > 0 })
	if len(v.Tours) > 0 || !strings.Contains(v.Problems[0].String(), "landfill would take it but is closed: open it") {
		t.Errorf("%v", v.Problems)
	}
	if s := closed.s.State(); s.Health != service.Trouble {
		t.Errorf("%+v", s)
	}
}

func TestOverflowInTheCitysDataIsTold(t *testing.T) {
	live.Hurry(t, "", 0)
	d := newDay(t, files(t, "id,lat,lon,litres\na,60.0001,25.01,660\n", fleet))
	d.waits("plan")
	d.stop()
	key := plane.Key{ID: "urn:ngsi-ld:WasteContainer:a"}
	set := func(fill string) {
		_, err := d.store.Write(t.Context(), &plane.Batch{Changes: []plane.Change{{Key: key, Edit: func(*plane.Entity) (*plane.Entity, error) {
			return &plane.Entity{Key: key, Types: []string{"WasteContainer"}, Attributes: []plane.Attribute{{Name: "fillingLevel", Kind: plane.Property, Value: json.RawMessage(fill)}}}, nil
		}}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, x := range []struct {
		fill          string
		active, ended int
	}{{"1.0", 1, 0}, {"0.9", 1, 0}, {"0.1", 0, 1}} {
		set(x.fill)
		d.start(files(t, "id,lat,lon,litres\na,60.0001,25.01,660\n", fleet))
		d.until("the container is looked at", func(live.View) bool { a, e := d.alerts("overflow"); return a == x.active && e == x.ended })
		d.stop()
	}
}

func TestConfigurations(t *testing.T) {
	for text, want := range map[string]string{
		"simulate: night\n":                 "night",
		"simulte: day\n":                    "simulate",
		"simulate: day\nmap: a.osm\n":       "leave containers",
		"simulate: day\npace: 0.5\n":        "pace",
		"":                                  "map is needed",
		"containers: a\nfleet: b\nmap: c\n": "containers: open a",
		"simulate: day\nseconds: 0.01\n":    "not from 0.1",
		files(t, "id,lat,lon,litres\na,x,25,660\n", fleet):                                       "line 2, lat",
		files(t, "id,lat,lon,litres\na,60,25,660\n", "trucks: [{id: t1}]\n"):                     "kilograms and litres",
		files(t, "id,lat,lon,litres\na,60,25,660\n", fleet) + "pace: 3\n":                        "leave it out",
		strings.Replace(files(t, "id,lat,lon,litres\na,60,25,660\n", fleet), "Helsinki", "X", 1): "no time zone",
	} {
		_, err := live.New([]byte(text), service.Deps{Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler), Now: time.Now})
		if city.KindOf(err) != city.Invalid || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}
