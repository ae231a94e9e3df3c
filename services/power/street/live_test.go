package street_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"golang.org/x/crypto/bcrypt"

	"polity/access"
	"polity/city"
	"polity/plane"
	"polity/plane/ingest"
	"polity/plane/ingest/mapping"
	"polity/plane/ingest/mqtt"
	"polity/plane/sqlite"
	"polity/room/decision"
	"polity/service"
	"polity/services/power/cabinets"
	"polity/services/power/iec104"
	"polity/services/power/lighting"
	"polity/services/power/street"
)

type allow struct{}

func (allow) Decide(access.Who, access.Action, access.Thing, access.Circumstances) access.Decision {
	return access.Decision{Allowed: true}
}

var helsinki = time.FixedZone("EET", 2*3600)

// town is streets with cabinets that burn by their own clock, say what they do over MQTT, and
// hear the centre over IEC 60870-5-104; and a service that can be stopped and begun anew.
type town struct {
	t      *testing.T
	dir    string
	book   *decision.Book
	store  plane.Store
	intake *ingest.Intake
	field  *cabinets.Field
	s      *street.Service
	stop   func()
	runs   bool
	wrap   func(service.Decisions) service.Decisions

	mu  sync.Mutex
	now time.Time
}

func (x *town) clock() time.Time {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.now
}

func (x *town) set(at time.Time) {
	x.mu.Lock()
	x.now = at
	x.mu.Unlock()
}

// at is a time of the night of 30 November; hours past 24 are of the next day.
func at(hour, minute int) time.Time { return time.Date(2026, 11, 30, hour, minute, 0, 0, helsinki) }

const lampsFile = "../lighting/testdata/town.yaml"

func newTown(t *testing.T, begin time.Time) *town {
	t.Helper()
	street.Quick(t, 10*time.Millisecond, 10*time.Millisecond)
	x := &town{t: t, dir: t.TempDir(), now: begin}
	var err error
	if x.book, err = decision.Open(t.Context(), decision.Config{Path: filepath.Join(x.dir, "decisions.db"), Decider: allow{}, Now: x.clock}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.book.Close() })
	if x.store, err = sqlite.Open(t.Context(), filepath.Join(x.dir, "city.db"), sqlite.Config{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.store.Close() })
	x.devices()
	x.start()
	return x
}

// devices are cabinets that speak to the hub's broker.
func (x *town) devices() {
	x.t.Helper()
	var list []*mapping.Mapping
	for _, name := range []string{"street-cabinet", "street-cabinet-gasp"} {
		m, err := mapping.ReadShipped(name)
		if err != nil {
			x.t.Fatal(err)
		}
		list = append(list, m)
	}
	set, err := mapping.NewSet(list...)
	if err != nil {
		x.t.Fatal(err)
	}
	if x.intake, err = ingest.Open(x.t.Context(), ingest.Config{Store: x.store, Mappings: set, Now: x.clock}); err != nil {
		x.t.Fatal(err)
	}
	hash, err := bcrypt.GenerateFromPassword([]byte("secret"), bcrypt.MinCost)
	if err != nil {
		x.t.Fatal(err)
	}
	broker, err := mqtt.Start(mqtt.BrokerConfig{Listen: "127.0.0.1:0", Devices: []mqtt.Device{{Name: "cabinets", Password: string(hash), Prefix: "street/"}}, Taker: x.intake, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		x.t.Fatal(err)
	}
	x.t.Cleanup(func() { broker.Close() })
	client := paho.NewClient(paho.NewClientOptions().AddBroker("tcp://" + broker.Address()).SetClientID("cabinets").SetUsername("cabinets").SetPassword("secret"))
	if token := client.Connect(); !token.WaitTimeout(10*time.Second) || token.Error() != nil {
		x.t.Fatal(token.Error())
	}
	x.t.Cleanup(func() { client.Disconnect(100) })
	x.field, err = cabinets.Start(x.t.Context(), cabinets.Config{
		Groups: x.lamps().Groups, Zone: helsinki, Now: x.clock, Every: 20 * time.Millisecond,
		Say: func(topic string, payload []byte) {
			client.Publish(topic, 1, false, payload).WaitTimeout(5 * time.Second)
		},
	})
	if err != nil {
		x.t.Fatal(err)
	}
	x.t.Cleanup(x.field.Close)
}

func (x *town) lamps() *lighting.Town {
	x.t.Helper()
	text, err := os.ReadFile(lampsFile)
	if err != nil {
		x.t.Fatal(err)
	}
	lamps, err := lighting.ReadTown("town.yaml", text)
	if err != nil {
		x.t.Fatal(err)
	}
	return lamps
}

func (x *town) start() {
	x.t.Helper()
	field := &street.Field{Address: x.field.Address(), Station: cabinets.Station, Cabinets: map[string]uint32{}}
	for i, g := range x.lamps().Groups {
		field.Cabinets[g.Name] = cabinets.Commands + uint32(i)
	}
	decisions := x.book.For(street.Name)
	if x.wrap != nil {
		decisions = x.wrap(decisions)
	}
	var err error
	x.s, err = street.New(street.Config{Lamps: lampsFile, Zone: "Europe/Helsinki", Field: field}, service.Deps{
		Data: x.store, Decisions: decisions, Dir: filepath.Join(x.dir, "lighting"), Log: slog.New(slog.DiscardHandler), Now: x.clock,
	})
	if err != nil {
		x.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- x.s.Run(ctx) }()
	x.runs = true
	x.stop = sync.OnceFunc(func() {
		x.runs = false
		cancel()
		if err := <-done; err != nil && x.wrap == nil {
			x.t.Errorf("the service ended: %v", err)
		}
	})
	x.t.Cleanup(x.stop)
}

// quarter lets a quarter of an hour pass in which so many were out.
func (x *town) quarter(people float64) {
	x.t.Helper()
	from := x.clock().Truncate(lighting.Quarter)
	var b plane.Batch
	for minute := range 15 {
		for i, source := range []string{"garden-gate person//", "garden-gate bicycle//", "garden-gate vehicle//", "school-yard person/pavement/", "school-yard bicycle/pavement/", "school-yard vehicle/pavement/"} {
			camera, dataset, _ := strings.Cut(source, " ")
			value := 0.0
			if i == 0 {
				value = people
			}
			b.Observations = append(b.Observations, plane.Observation{
				Series: plane.Series{Key: plane.Key{ID: "urn:polity:camera:" + camera}, Attribute: "occupancy", Dataset: dataset},
				Start:  from.Add(time.Duration(minute) * time.Minute), Length: time.Minute, Covered: time.Minute, Value: value,
			})
		}
	}
	if _, err := x.store.Write(x.t.Context(), &b); err != nil {
		x.t.Fatal(err)
	}
	now := from.Add(lighting.Quarter + 2*time.Minute)
	x.set(now)
	if x.runs {
		x.until("the cabinets are heard", func() bool { return !x.s.View().Groups[0].Heard.Before(now) })
	}
}

func (x *town) until(what string, holds func() bool) {
	x.t.Helper()
	for end := time.Now().Add(2 * time.Minute); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			x.t.Fatalf("not within two minutes at %s: %s\n%+v\n%+v", x.clock().Format("15:04"), what, x.s.View(), x.field.Look("garden-street"))
		}
	}
}

// burns waits until all three streets burn at their levels, by whom; "": whoever.
func (x *town) burns(by string, levels [3]float64) {
	x.t.Helper()
	x.until(fmt.Sprintf("levels %v by %s", levels, by), func() bool {
		for i, name := range []string{"garden-street", "school-street", "mill-lane"} {
			if l := x.field.Look(name); math.Abs(l.Level-levels[i]) > 0.001 || (by != "" && l.By != by) {
				return false
			}
		}
		return true
	})
}

var (
	quiet = [3]float64{2 / 7.5, 3. / 10, 2. / 5}
	few   = [3]float64{5 / 7.5, 5. / 10, 3. / 5}
	full  = [3]float64{1, 1, 1}
	off   = [3]float64{}
)

func (x *town) decisions() []*decision.Decision {
	x.t.Helper()
	list, _, err := x.book.Find(x.t.Context(), decision.Asker{}, decision.Query{Services: []city.Slug{street.Name}, Steps: true})
	if err != nil {
		x.t.Fatal(err)
	}
	return list
}

func (x *town) alerts(state string) (n int) {
	x.t.Helper()
	found, err := x.store.Find(x.t.Context(), plane.Query{Types: []string{"Alert"}})
	if err != nil {
		x.t.Fatal(err)
	}
	for _, e := range found.Entities {
		if string(e.Attribute("state").Value) == `"`+state+`"` {
			n++
		}
	}
	return n
}

// TestANightOfDimming: full at dusk; dimmed by counts late, all streets alike and never sooner
// than the hold; one decision for the night, which a person ends, and then all burn in full.
func TestANightOfDimming(t *testing.T) {
	x := newTown(t, at(14, 0))
	x.burns(lighting.BySun, off)
	if len(x.decisions()) != 0 {
		t.Fatal("something was decided by day")
	}
	x.set(at(17, 0))
	x.burns(lighting.BySchedule, full)
	x.until("the night's decision is in effect", func() bool {
		list := x.decisions()
		return len(list) == 1 && list[0].State == decision.Applied
	})
	d := x.decisions()[0]
	if d.Level != service.Bounded || d.ID != "light-gardens-20261130" || d.Algorithm != "light-dimming-2026" || !d.Until.Equal(at(29, 30)) ||
		!strings.Contains(d.Do, "54 lamps of 3 streets (gardens) between 22:00 and 05:30") {
		t.Errorf("%+v", d.Proposal)
	}
	x.set(at(21, 0))
	for range 4 {
		x.quarter(1)
	}
	x.burns(lighting.ByCentre, quiet) // 22:02
	x.quarter(20)
	x.burns("", full) // at the end of the first quarter with a crowd
	x.quarter(2)
	x.quarter(8)
	x.burns(lighting.ByCentre, few) // no lower than the most of the last half hour asked for
	x.quarter(1)
	x.burns(lighting.ByCentre, few)
	x.quarter(1)
	x.burns(lighting.ByCentre, quiet)
	x.set(x.clock().Add(40 * time.Minute)) // counts stop
	x.burns(lighting.BySchedule, full)
	for range 4 {
		x.quarter(1)
	}
	x.burns(lighting.ByCentre, quiet)
	d = x.decisions()[0]
	if _, err := x.book.Answer(t.Context(), decision.Asker{Who: access.Who{ID: "p1", Name: "Otto"}}, decision.Answer{Service: street.Name, ID: d.ID, Revision: d.Revision, To: decision.Overridden, Note: "A festival in the gardens."}); err != nil {
		t.Fatal(err)
	}
	x.until("all burn in full because a person said so", func() bool {
		return x.field.Look("mill-lane").Level == 1 && x.decisions()[0].State == decision.Reverted
	})
	x.burns("", full)
	for range 3 {
		x.quarter(0)
	}
	x.burns(lighting.BySchedule, full)
	x.set(at(36, 0)) // noon
	x.burns(lighting.BySun, off)
	x.set(at(45, 0))
	x.until("the next night's decision is in effect", func() bool {
		list := x.decisions()
		return len(list) == 2 && list[0].State != decision.Accepted && list[1].State != decision.Accepted
	})
	for range 4 {
		x.quarter(0)
	}
	x.burns(lighting.ByCentre, quiet)
	list := x.decisions()
	if len(list) != 2 {
		t.Errorf("%d decisions in two nights", len(list))
	}
	for _, d := range list {
		for _, step := range d.Steps { // no step tells when people came
			if when := step.At.In(helsinki); step.Name == "power" && step.State != decision.Reverted && when.Hour() != 17 && when.Hour() != 21 {
				t.Errorf("%s %s at %s", d.ID, step.State, when)
			}
		}
	}
	if v := x.s.View(); len(v.Nights) != 1 || v.Nights[0].Used >= v.Nights[0].Full || v.Nights[0].Used <= 0 {
		t.Errorf("energy: %+v", v.Nights)
	}
}

// TestLampsBurnWithoutTheCentre: the service is killed, and lamps go on by their own schedule,
// in full where they were dimmed; it begins anew and goes on with the same night.
func TestLampsBurnWithoutTheCentre(t *testing.T) {
	x := newTown(t, at(21, 0))
	for range 4 {
		x.quarter(0)
	}
	x.burns(lighting.ByCentre, quiet)
	x.stop()
	x.burns(lighting.ByCentre, quiet) // the word holds for a while
	x.set(x.clock().Add(11 * time.Minute))
	x.burns(lighting.BySchedule, full)
	x.set(at(36, 0))
	x.burns(lighting.BySun, off)
	x.set(at(41, 0))
	x.burns(lighting.BySchedule, full)
	x.set(at(46, 30))
	x.burns(lighting.BySchedule, full)
	if v := x.field.Look("main-road"); v.Level != 1 || v.By != lighting.BySchedule {
		t.Errorf("the main road: %+v", v)
	}
	x.set(at(45, 0))
	for range 5 {
		x.quarter(0)
	}
	x.start()
	x.burns(lighting.ByCentre, quiet)
	x.stop()
	x.start()
	x.until("it goes on", func() bool { return x.s.View().Line.Stands })
	x.burns(lighting.ByCentre, quiet)
	if list := x.decisions(); len(list) != 2 {
		t.Errorf("%d decisions", len(list))
	}
}

// lostWord is a book of decisions whose answer is lost once, with or without the decision.
type lostWord struct {
	service.Decisions
	kept  bool
	calls *int
}

func (l lostWord) Propose(ctx context.Context, p service.Proposal) error {
	if *l.calls++; *l.calls > 1 {
		return l.Decisions.Propose(ctx, p)
	}
	lost := city.Errorf(city.Unavailable, "the disk is away")
	if l.kept {
		return errors.Join(l.Decisions.Propose(ctx, p), lost)
	}
	return lost
}

// TestOneDecisionANightWhateverFails: whether or not the decision was written when the service
// ended, the next start goes on with that one. If nobody knows what became of it, there is
// full light.
func TestOneDecisionANightWhateverFails(t *testing.T) {
	for _, kept := range []bool{false, true} {
		x := newTown(t, at(14, 0))
		x.stop()
		calls := 0
		x.wrap = func(d service.Decisions) service.Decisions { return lostWord{d, kept, &calls} }
		x.set(at(21, 0))
		x.start()
		x.until("the service ended", func() bool { return strings.Contains(x.s.View().Problem, "the disk is away") })
		x.stop()
		x.set(at(21, 10))
		x.start()
		for range 4 {
			x.quarter(0)
		}
		x.burns(lighting.ByCentre, quiet)
		if list := x.decisions(); len(list) != 1 || list[0].State != decision.Applied {
			t.Errorf("%d decisions", len(list))
		}
		x.stop()
		if err := os.RemoveAll(filepath.Join(x.dir, "lighting")); err != nil {
			t.Fatal(err)
		}
		x.start()
		x.quarter(0)
		x.until("it is known that nobody knows", func() bool { return x.s.View().Areas[0].Full })
		x.burns("", full)
	}
}

// TestTheCabinetHasTheLastWord: a centre that was taken over cannot darken a street: what is no
// registered step is refused by the cabinet.
func TestTheCabinetHasTheLastWord(t *testing.T) {
	x := newTown(t, at(23, 0))
	x.stop()
	client, err := iec104.Dial(t.Context(), x.field.Address(), nil, iec104.Options{Station: cabinets.Station})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = client.Run(ctx) }()
	defer func() { cancel(); <-done }()
	if err := client.Interrogate(ctx); err != nil {
		t.Fatal(err)
	}
	for _, level := range []float64{0, 1, 10, 50, 200} {
		selection, err := client.Select(ctx, iec104.Command{Type: iec104.SetPointFloat, Address: cabinets.Commands, Value: level})
		if err != nil {
			t.Fatal(err)
		}
		if err := selection.Execute(ctx, iec104.Confirmation{By: "an intruder", Decision: "none"}); err == nil {
			t.Errorf("%g %% of full light is taken", level)
		}
	}
	x.burns(lighting.BySchedule, full)
}

// TestBrokenLampsAndLostSupply: what meters say becomes an alert, and its end.
func TestBrokenLampsAndLostSupply(t *testing.T) {
	x := newTown(t, at(17, 0))
	pass := func(n int) {
		t.Helper()
		for range n {
			heard := x.s.View().Groups[0].Heard
			x.set(x.clock().Add(6 * time.Minute))
			x.until("the cabinet is heard", func() bool { return x.s.View().Groups[0].Heard.After(heard) })
		}
	}
	pass(5)
	if n := x.alerts("active"); n != 0 {
		t.Fatalf("%d alerts of lamps that burn", n)
	}
	x.field.Break("garden-street", 3)
	pass(16)
	x.until("three broken lamps are found", func() bool { return x.s.View().Groups[0].Broken == 3 && x.alerts("active") == 1 })
	x.stop()
	x.start()
	pass(5)
	if n := x.alerts("active"); n != 1 {
		t.Errorf("%d alerts behind a start", n)
	}
	x.field.Break("garden-street", 0)
	pass(16)
	x.until("they were mended", func() bool { return x.alerts("ended") == 1 && x.alerts("active") == 0 })
	x.field.Cut("mill-lane", true)
	x.until("a cabinet without supply is an alert", func() bool { return x.alerts("active") == 1 && x.s.View().Groups[2].Lost })
	x.set(x.clock().Add(time.Minute))
	x.field.Cut("mill-lane", false)
	x.until("its supply is back", func() bool { return x.alerts("active") == 0 })
	e, err := x.store.Entity(t.Context(), plane.Key{ID: "urn:ngsi-ld:StreetlightGroup:garden-street"})
	if err != nil {
		t.Fatal(err)
	}
	var level float64
	if err := json.Unmarshal(e.Attribute("illuminanceLevel").Value, &level); err != nil || level != 1 {
		t.Errorf("the group's entity: %g, %v", level, err)
	}
}

// TestMadeUpStreets: the demo's lamps, which say on every entity that they are made up.
func TestMadeUpStreets(t *testing.T) {
	street.Quick(t, 20*time.Millisecond, 200*time.Millisecond)
	x := &town{t: t, dir: t.TempDir(), now: at(27, 0)}
	var err error
	if x.book, err = decision.Open(t.Context(), decision.Config{Path: filepath.Join(x.dir, "decisions.db"), Decider: allow{}, Now: x.clock}); err != nil {
		t.Fatal(err)
	}
	defer x.book.Close()
	if x.store, err = sqlite.Open(t.Context(), filepath.Join(x.dir, "city.db"), sqlite.Config{}); err != nil {
		t.Fatal(err)
	}
	defer x.store.Close()
	if x.s, err = street.New(street.Config{Simulate: street.Streets}, service.Deps{Data: x.store, Decisions: x.book.For(street.Name), Dir: x.dir, Log: slog.New(slog.DiscardHandler), Now: x.clock}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- x.s.Run(ctx) }()
	dimmed := func() bool {
		v := x.s.View()
		n := 0
		for _, g := range v.Groups {
			if g.By == lighting.ByCentre && g.Level < 1 {
				n++
			}
		}
		found, err := x.store.Find(t.Context(), plane.Query{Types: []string{"StreetlightGroup"}})
		return err == nil && n == 8 && len(found.Entities) == 10
	}
	for end := time.Now().Add(time.Minute); !dimmed() && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		x.set(x.clock().Add(time.Second))
	}
	for end := time.Now().Add(time.Minute); x.alerts("active") < 2 && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		x.set(x.clock().Add(time.Second))
	}
	v := x.s.View()
	if v.Groups[3].Broken != 2 || v.Groups[8].Broken != 1 {
		t.Errorf("broken lamps: %+v", v.Groups)
	}
	if !dimmed() || !v.Simulated || len(v.Nights) != 7 {
		t.Errorf("%+v", v)
	}
	for _, n := range v.Nights {
		if saved := 1 - n.Used/n.Full; !n.Simulated || saved < 0.05 || saved > 0.5 {
			t.Errorf("%s: %.0f of %.0f Wh", n.Day, n.Used, n.Full)
		}
	}
	found, err := x.store.Find(t.Context(), plane.Query{Limit: 100})
	if err != nil || len(found.Entities) < 20 {
		t.Errorf("%d entities, %v", len(found.Entities), err)
	}
	for _, e := range found.Entities {
		if a := e.Attribute("simulated"); a == nil || string(a.Value) != "true" {
			t.Errorf("%s does not say that it is made up", e.ID)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestWrongConfigurations: each says what is wrong.
func TestWrongConfigurations(t *testing.T) {
	field := func(change func(*street.Field)) *street.Field {
		f := &street.Field{Address: "127.0.0.1:2404", Cabinets: map[string]uint32{"garden-street": 1}}
		change(f)
		return f
	}
	for want, c := range map[string]street.Config{
		"lamps: name the file":    {},
		"nothing that can be":     {Simulate: "storm"},
		"never stand beside":      {Simulate: street.Streets, Lamps: lampsFile},
		"zone: name the":          {Lamps: lampsFile},
		"no time zone":            {Lamps: lampsFile, Zone: "Mars/Utopia"},
		"precision":               {Lamps: lampsFile, Zone: "Europe/Helsinki", Precision: 2},
		"no such file":            {Lamps: "nowhere.yaml", Zone: "Europe/Helsinki"},
		"address and cabinets":    {Lamps: lampsFile, Zone: "Europe/Helsinki", Field: &street.Field{}},
		"TLS needs":               {Lamps: lampsFile, Zone: "Europe/Helsinki", Field: field(func(f *street.Field) { f.CAFile = "ca.pem" })},
		`no group "elsewhere"`:    {Lamps: lampsFile, Zone: "Europe/Helsinki", Field: field(func(f *street.Field) { f.Cabinets["elsewhere"] = 2 })},
		"have the same set point": {Lamps: lampsFile, Zone: "Europe/Helsinki", Field: field(func(f *street.Field) { f.Cabinets["mill-lane"] = 1 })},
	} {
		if _, err := street.New(c, service.Deps{Dir: t.TempDir(), Now: time.Now}); city.KindOf(err) != city.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
