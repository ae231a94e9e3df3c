package live_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"polity/access"
	"polity/city"
	"polity/plane"
	"polity/plane/sqlite"
	"polity/room/decision"
	"polity/service"
	"polity/services/traffic/corridor"
	"polity/services/traffic/live"
	"polity/services/traffic/network"
	"polity/services/traffic/rsmp"
	"polity/services/traffic/street"
)

// TestMain has the controllers' clocks at midnight when a bubble's time begins, wherever the
// machine is: which plan of the day they show is counted on.
func TestMain(m *testing.M) {
	time.Local = time.UTC
	os.Exit(m.Run())
}

type allow struct{}

func (allow) Decide(access.Who, access.Action, access.Thing, access.Circumstances) access.Decision {
	return access.Decision{Allowed: true}
}

// wire is a listener in memory, so that an hour of signals passes in seconds.
type wire struct {
	ctx   context.Context
	conns chan net.Conn
}

func (w *wire) Accept() (net.Conn, error) {
	select {
	case c := <-w.conns:
		return c, nil
	case <-w.ctx.Done():
		return nil, net.ErrClosed
	}
}
func (w *wire) Close() error { return nil }
func (*wire) Addr() net.Addr { return &net.TCPAddr{} }

// town is a corridor that goes on by itself, and a service that can be killed and begun anew.
type town struct {
	t     *testing.T
	ctx   context.Context
	world *corridor.World
	net   *network.Network
	book  *decision.Book
	store plane.Store
	dir   string
	s     *live.Service
	alone []*rsmp.Site // the same controllers, which never heard of a service

	detectors, walkers map[string]live.Detector // not nil: the service takes the junctions for real
	transit            *live.Transit

	mu  sync.Mutex
	end func()
	now *wire // nil: no service listens
}

func newTown(t *testing.T, c corridor.Config) (*town, func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	x := &town{t: t, ctx: ctx, dir: t.TempDir()}
	var err error
	if x.book, err = decision.Open(ctx, decision.Config{Path: filepath.Join(x.dir, "decisions.db"), Decider: allow{}}); err != nil {
		t.Fatal(err)
	}
	if x.store, err = sqlite.Open(ctx, filepath.Join(x.dir, "city.db"), sqlite.Config{}); err != nil {
		t.Fatal(err)
	}
	if c.Network, err = street.Corridor("Harbour Street", "Mill Lane", "Church Lane", "Market Lane", "Station Lane"); err != nil {
		t.Fatal(err)
	}
	x.net = c.Network
	c.Seed, c.Before, c.Beyond, c.Log = 3, 200, 50, slog.New(slog.DiscardHandler)
	if x.world, err = corridor.New(c); err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	for i, j := range c.Network.Junctions {
		one, err := c.Network.Only(i)
		if err != nil {
			t.Fatal(err)
		}
		site, err := rsmp.NewSite(j.ID, "alone", one, c.Log)
		if err != nil {
			t.Fatal(err)
		}
		x.alone = append(x.alone, site)
		work.Go(func() { site.Run(ctx, func(context.Context) (net.Conn, error) { return nil, net.ErrClosed }) })
	}
	work.Go(func() { x.world.Run(ctx, x.dial) })
	return x, func() {
		x.kill()
		cancel()
		work.Wait()
		x.book.Close()
		x.store.Close()
	}
}

func (x *town) dial(ctx context.Context) (net.Conn, error) {
	x.mu.Lock()
	w := x.now
	x.mu.Unlock()
	if w == nil {
		return nil, net.ErrClosed
	}
	here, there := net.Pipe()
	select {
	case w.conns <- there:
		return here, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// begin starts the service on what it left behind.
func (x *town) begin() {
	x.t.Helper()
	var err error
	deps := service.Deps{Data: x.store, Decisions: x.book.For(live.Name), Dir: filepath.Join(x.dir, "traffic"), Log: slog.New(slog.DiscardHandler), Now: time.Now}
	if x.detectors == nil {
		x.s, err = live.New([]byte("simulate: corridor\n"), deps)
	} else {
		x.s, err = live.Real(x.net, live.Config{Detectors: x.detectors, Walkers: x.walkers, Transit: x.transit}, deps)
	}
	if err != nil {
		x.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(x.ctx)
	w := &wire{ctx, make(chan net.Conn)}
	world := x.world
	if x.detectors != nil {
		world = nil
	}
	x.s.In(world, func(context.Context) (net.Listener, error) { return tls.NewListener(w, x.world.Server()), nil })
	x.mu.Lock()
	x.now = w
	x.mu.Unlock()
	done := make(chan error, 1)
	go func() { done <- x.s.Run(ctx) }()
	x.end = sync.OnceFunc(func() {
		x.mu.Lock()
		x.now = nil
		x.mu.Unlock()
		cancel()
		if err := <-done; err != nil {
			x.t.Errorf("the service ended: %v", err)
		}
	})
}

func (x *town) kill() {
	if x.end != nil {
		x.end()
	}
}

// within waits, by the street's clock, until something holds.
func (x *town) within(most time.Duration, what string, holds func(v live.View) bool) live.View {
	x.t.Helper()
	for end := time.Now().Add(most); ; time.Sleep(time.Second) {
		v := x.s.View()
		if holds(v) {
			return v
		}
		if time.Now().After(end) {
			for _, j := range v.Junctions {
				x.t.Logf("%s: %s since %v, %s", j.ID, j.Mode, j.Since.Format(time.TimeOnly), j.Reason)
			}
			x.t.Fatalf("not within %v: %s", most, what)
		}
	}
}

func all(mode live.Mode) func(live.View) bool {
	return func(v live.View) bool {
		for _, j := range v.Junctions {
			if j.Mode != mode {
				return false
			}
		}
		return len(v.Junctions) == 4
	}
}

func (x *town) decision(state decision.State, prefix string) *decision.Decision {
	x.t.Helper()
	list, _, err := x.book.Find(x.t.Context(), decision.Asker{}, decision.Query{Services: []city.Slug{live.Name}})
	if err != nil {
		x.t.Fatal(err)
	}
	for _, d := range list {
		if d.State == state && strings.HasPrefix(d.ID, prefix) {
			return d
		}
	}
	x.t.Fatalf("of %d decisions none is %s and begins with %s", len(list), state, prefix)
	return nil
}

func (x *town) answer(d *decision.Decision, to decision.State, note string) {
	x.t.Helper()
	if _, err := x.book.Answer(x.t.Context(), decision.Asker{Who: access.Who{ID: "p1", Name: "Pirjo"}}, decision.Answer{Service: live.Name, ID: d.ID, Revision: d.Revision, To: to, Note: note}); err != nil {
		x.t.Fatal(err)
	}
}

// follows tells which controllers follow the service.
func (x *town) follows() (list []bool) {
	for i := range x.alone {
		_, remote := x.world.Showing(i)
		list = append(list, remote)
	}
	return list
}

func (x *town) alerts(state string) (subs []string) {
	x.t.Helper()
	page, err := x.store.Find(x.t.Context(), plane.Query{Types: []string{"Alert"}})
	if err != nil {
		x.t.Fatal(err)
	}
	for _, e := range page.Entities {
		var is, sub string
		if err := json.Unmarshal(e.Attribute("state").Value, &is); err != nil {
			x.t.Fatal(err)
		}
		if err := json.Unmarshal(e.Attribute("subCategory").Value, &sub); err != nil {
			x.t.Fatal(err)
		}
		if is == state {
			subs = append(subs, e.ID+" "+sub)
		}
	}
	return subs
}

// TestADayOfTheCorridor: the service takes the junctions up without a decision of anybody,
// inside its limits; a detector lies, and only its junction falls back; all fall silent, and
// every junction is on its plan; a person takes one back and gives it again; waits are shorter
// than on the plans; the service is killed, and each junction is as if there had never been one.
func TestADayOfTheCorridor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, stop := newTown(t, corridor.Config{
			Faults:   []corridor.Fault{{Lane: "east-2", After: 6 * time.Minute, For: 6 * time.Minute}},
			Silences: []corridor.Silence{{After: 14 * time.Minute, For: time.Minute}},
		})
		defer stop()
		x.begin()
		x.within(time.Minute, "the service leads all junctions", all(live.Adaptive))
		if d := x.decision(decision.Applied, "lead-corridor-1"); d.Level != service.Bounded || len(d.Inputs) != 5 || !strings.Contains(d.Do, "greens of 5 s") || !strings.Contains(d.Do, "120 s") {
			t.Errorf("%+v", d.Proposal)
		}
		v := x.within(11*time.Minute, "a detector lies", func(v live.View) bool { return v.Junctions[1].Mode == live.Actuated })
		if !strings.Contains(v.Junctions[1].Reason, "the detector of east-2") || v.Junctions[0].Mode != live.Adaptive {
			t.Errorf("%+v", v.Junctions[1])
		}
		time.Sleep(30 * time.Second)
		if list := x.alerts("active"); len(list) != 1 || !strings.Contains(list[0], "corridor-2-detectors detectorFault") {
			t.Errorf("alerts: %v", list)
		}
		x.within(7*time.Minute, "the detector is believed again", all(live.Adaptive))
		x.within(5*time.Minute, "all detectors are silent", all(live.ByPlan))
		time.Sleep(12 * time.Second)
		if f := x.follows(); f[0] || f[1] || f[2] || f[3] {
			t.Errorf("detectors are silent, and junctions follow somebody: %v", f)
		}
		x.within(2*time.Minute, "they speak again", all(live.Adaptive))

		x.answer(x.decision(decision.Applied, "lead-corridor-3"), decision.Overridden, "A funeral procession")
		v = x.within(10*time.Second, "a person has the junction's own plan back", func(v live.View) bool { return v.Junctions[2].Mode == live.Held })
		if v.Junctions[2].By != "Pirjo" {
			t.Errorf("by %q", v.Junctions[2].By)
		}
		time.Sleep(12 * time.Second)
		if f := x.follows(); !f[1] || f[2] {
			t.Errorf("after the override, controllers follow: %v", f)
		}
		x.kill() // what a person said outlives the program
		x.begin()
		x.within(time.Minute, "the others are led again", func(v live.View) bool { return v.Junctions[0].Mode == live.Adaptive })
		time.Sleep(10 * time.Second)
		if v := x.s.View(); v.Junctions[2].Mode != live.Held {
			t.Errorf("after a restart junction 3 is %s", v.Junctions[2].Mode)
		}
		x.answer(x.decision(decision.Proposed, "again-corridor-3"), decision.Accepted, "")
		x.within(time.Minute, "all are led", all(live.Adaptive))

		// Given back for ten minutes: after them the service leads again, and asks nobody.
		leads := x.s.View().Junctions[3].Leads
		if err := x.s.HoldUntil("corridor-4", time.Now().Add(-time.Hour)); city.KindOf(err) != city.Invalid {
			t.Errorf("held until an hour ago: %v", err)
		}
		if err := x.s.HoldUntil("corridor-4", time.Now().Add(10*time.Minute)); err != nil {
			t.Fatal(err)
		}
		x.answer(x.decision(decision.Applied, leads), decision.Overridden, "Road works (until noon)")
		v = x.within(10*time.Second, "it is held", func(v live.View) bool { return v.Junctions[3].Mode == live.Held })
		if v.Junctions[3].Leads != "" || v.Junctions[3].Ends.IsZero() {
			t.Errorf("%+v", v.Junctions[3])
		}
		time.Sleep(9 * time.Minute)
		if v := x.s.View(); v.Junctions[3].Mode != live.Held {
			t.Errorf("before its time is over it is %s", v.Junctions[3].Mode)
		}
		x.within(2*time.Minute, "its time is over", all(live.Adaptive))
		x.decision(decision.Withdrawn, "again-corridor-4")

		time.Sleep(17 * time.Minute)
		v = x.s.View()
		t.Logf("led %+v\non their plans %+v", v.Now, v.Fixed)
		if v.Now == nil || v.Now.Trips.Count < 300 || v.Now.Trips.Mean >= 0.9*v.Fixed.Trips.Mean || v.Now.Walks.Mean >= v.Fixed.Walks.Mean {
			t.Errorf("led %+v\non their plans %+v", v.Now, v.Fixed)
		}
		if q := v.Junctions[0].Approaches[0]; q.Served < 50 || q.Mean <= 0 || q.Name == "" || len(v.Junctions[0].Approaches) != 4 || len(v.Junctions[0].Crossings) != 2 {
			t.Errorf("%+v", v.Junctions[0])
		}
		if d := v.Diagram; d == nil || len(d.Stops) != 4 || len(d.Stops[0].Greens) < 3 || len(d.Tracks) < 10 {
			t.Errorf("%+v", d)
		}
		if list := x.alerts("active"); len(list) != 0 {
			t.Errorf("alerts that do not end: %v", list)
		}
		x.kill()
		cycle := x.s.Network().Junctions[0].Plans[0].Cycle()
		time.Sleep(12*time.Second + 2*cycle + 500*time.Millisecond)
		for s := range int(cycle / time.Second) {
			for i, alone := range x.alone {
				own, _ := alone.Showing()
				if is, remote := x.world.Showing(i); is != own || remote {
					t.Fatalf("%d s into the cycle junction %d shows %s, on its plan alone %s; remote: %v", s, i+1, is, own, remote)
				}
			}
			time.Sleep(time.Second)
		}
	})
}

// tell writes what detectors of these lanes count into the city's data.
func (x *town) tell(lanes ...string) {
	x.t.Helper()
	queues := map[string]int{}
	x.world.Watch(func(now, _ *street.Street) {
		for _, l := range lanes {
			queues[l] = now.Approach(x.net.Lane(l)).Queue
		}
	})
	var b plane.Batch
	for l, n := range queues {
		key := plane.Key{ID: "urn:ngsi-ld:TrafficFlowObserved:" + l}
		b.Changes = append(b.Changes, plane.Change{Key: key, Edit: func(old *plane.Entity) (*plane.Entity, error) {
			if old == nil {
				old = &plane.Entity{Key: key, Types: []string{"TrafficFlowObserved"}}
			}
			old.Set(plane.Attribute{Name: "queue", Kind: plane.Property, Value: json.RawMessage(fmt.Sprint(n)), ObservedAt: time.Now().UTC()})
			return old, nil
		}})
	}
	if _, err := x.store.Write(x.t.Context(), &b); err != nil {
		x.t.Fatal(err)
	}
}

// TestDetectorsOutOfTheCitysData: junctions that are not made up are led by counts in the
// city's data; one whose lane has none, or an old one, is on its plan, and says which.
func TestDetectorsOutOfTheCitysData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, stop := newTown(t, corridor.Config{})
		defer stop()
		x.detectors = map[string]live.Detector{}
		var lanes []string
		for _, id := range []string{"east-1", "west-1", "north-1", "south-1", "east-2", "west-2", "north-2", "south-2", "east-3", "west-3", "north-3"} {
			x.detectors[id] = live.Detector{Entity: "urn:ngsi-ld:TrafficFlowObserved:" + id, Attribute: "queue"}
			lanes = append(lanes, id)
		}
		x.begin()
		feed := func(seconds int, lanes []string) {
			for range seconds {
				x.tell(lanes...)
				time.Sleep(time.Second)
			}
		}
		feed(60, lanes)
		v := x.s.View()
		if v.Simulated || v.Now != nil || v.Junctions[0].Mode != live.Adaptive || v.Junctions[1].Mode != live.Adaptive {
			t.Errorf("%s (%s), %s (%s)", v.Junctions[0].Mode, v.Junctions[0].Reason, v.Junctions[1].Mode, v.Junctions[1].Reason)
		}
		for i, want := range map[int]string{2: "the lane south-3 has no detector", 3: "has no detector"} {
			if j := v.Junctions[i]; j.Mode != live.ByPlan || !strings.Contains(j.Reason, want) {
				t.Errorf("%s: %s, %s", j.ID, j.Mode, j.Reason)
			}
		}
		if f := x.follows(); !f[0] || !f[1] || f[2] || f[3] {
			t.Errorf("controllers follow: %v", f)
		}
		feed(30, lanes[:7]) // south-2 falls silent, and what lies behind it
		v = x.s.View()
		if j := v.Junctions[1]; j.Mode != live.ByPlan || !strings.Contains(j.Reason, "south-2 was last heard") || v.Junctions[0].Mode != live.Adaptive {
			t.Errorf("%s, %s; the other %s", j.Mode, j.Reason, v.Junctions[0].Mode)
		}
		if f := x.follows(); !f[0] || f[1] {
			t.Errorf("controllers follow: %v", f)
		}
	})
}

// TestRealJunctionsAreLedByTheirOwnDetectors: with a detector at the stop line and one further
// up each lane, known by the controllers' own word alone, vehicles wait less than on the plans.
func TestRealJunctionsAreLedByTheirOwnDetectors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, stop := newTown(t, corridor.Config{})
		defer stop()
		x.detectors, x.walkers = map[string]live.Detector{}, map[string]live.Detector{}
		for i := range x.net.Junctions {
			n := corridor.Logics(x.net, i)
			for lane, logic := range n.Stop {
				x.detectors[lane] = live.Detector{Logic: logic, Before: &live.Upstream{Logic: n.Before[lane], Metres: corridor.Before}}
			}
			for id, logic := range n.Walkers {
				x.walkers[id] = live.Detector{Logic: logic}
			}
		}
		x.begin()
		x.within(2*time.Minute, "all are led", all(live.Adaptive))
		time.Sleep(22 * time.Minute)
		v := x.s.View()
		if !all(live.Adaptive)(v) || v.Junctions[0].Reason == "" {
			t.Errorf("%+v", v.Junctions)
		}
		if q := v.Junctions[0].Approaches[0]; q.Served < 20 || q.Mean <= 0 {
			t.Errorf("who passed is not counted: %+v", q)
		}
		x.world.Watch(func(now, fixed *street.Street) {
			a, b := now.Figures(), fixed.Figures()
			t.Logf("led %+v\non their plans %+v", a, b)
			if a.Trips.Mean >= 0.85*b.Trips.Mean || a.Walks.Mean >= 0.8*b.Walks.Mean {
				t.Errorf("led %+v\non their plans %+v", a, b)
			}
		})
	})
}

// TestOverLoopback: the module as the demo runs it, with sockets and real seconds.
func TestOverLoopback(t *testing.T) {
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "city.db"), sqlite.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	book, err := decision.Open(t.Context(), decision.Config{Path: filepath.Join(t.TempDir(), "decisions.db"), Decider: allow{}})
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	s, err := live.New([]byte("simulate: corridor\n"), service.Deps{Data: store, Decisions: book.For(live.Name), Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		lines := 0
		for _, j := range s.View().Junctions {
			if j.Connected && j.Groups[0].Signal != live.Unknown {
				lines++
			}
		}
		if lines == 4 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%d of 4 controllers are connected over TLS", lines)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestConfigurations(t *testing.T) {
	n, err := street.Corridor("Harbour Street", "Mill Lane", "Church Lane")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "net.json")
	var net bytes.Buffer
	if err := errors.Join(n.WriteJSON(&net), os.WriteFile(file, net.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	real := "network: " + file + "\nrsmp: {listen: ':1', ca_file: a, cert_file: b, key_file: c, code_file: d}\n"
	for text, want := range map[string]string{
		"":                                      "simulate: corridor",
		"simulate: rome\n":                      "rome",
		"simulte: corridor\n":                   "simulate",
		"simulate: corridor\nnetwork: a.json\n": "leave network, rsmp",
		real + "detectors: {east-1: {logic: 1, entity: b, attribute: c}}\n":                                  "either an entity's attribute or a logic",
		real + "detectors: {east-1: {entity: b}}\n":                                                          "entity and attribute are needed, or",
		real + "detectors: {east-1: {logic: 300}}\n":                                                         "number theirs from 1 to 255",
		real + "detectors: {east-1: {logic: 1, before: {logic: 1, metres: 150}}}\n":                          "another logic of the controller",
		real + "detectors: {east-1: {logic: 1, before: {logic: 2, metres: 20}}}\n":                           "from 100 to 300 tell in time",
		real + "detectors: {nowhere: {logic: 1}}\n":                                                          "no lane nowhere",
		real + "walkers: {nowhere: {logic: 1}}\n":                                                            "no crossing nowhere",
		"network: a.json\nrsmp: {listen: ':12111'}\n":                                                        "never steered without TLS",
		"simulate: corridor\ndetectors: {east-1: {entity: a, attribute: b}}\n":                               "leave network, rsmp, detectors",
		"network: nowhere.json\nrsmp: {listen: ':1', ca_file: a, cert_file: b, key_file: c, code_file: d}\n": "nowhere.json",
	} {
		_, err := live.New([]byte(text), deps(t))
		if err == nil || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func deps(t *testing.T) service.Deps {
	return service.Deps{Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler), Now: time.Now}
}
