package live_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"polity/access"
	"polity/city"
	"polity/plane"
	"polity/plane/sqlite"
	"polity/room/decision"
	"polity/room/order"
	"polity/service"
	"polity/services/power/live"
)

type allow struct{}

func (allow) Decide(access.Who, access.Action, access.Thing, access.Circumstances) access.Decision {
	return access.Decision{Allowed: true}
}

// evening is the service with a book of decisions and a store of its own.
type evening struct {
	t     *testing.T
	dir   string
	book  *decision.Book
	store plane.Store
	s     *live.Service
	log   *strings.Builder
	stop  func()

	decisions service.Decisions
	work      *order.Book
}

type lockedWriter struct {
	mu sync.Mutex
	b  *strings.Builder
}

func (w *lockedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}

func newEvening(t *testing.T, config string) *evening {
	t.Helper()
	dir := t.TempDir()
	e := &evening{t: t, dir: filepath.Join(dir, "power"), log: &strings.Builder{}}
	var err error
	if e.book, err = decision.Open(t.Context(), decision.Config{Path: filepath.Join(dir, "decisions.db"), Decider: allow{}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.book.Close() })
	if e.store, err = sqlite.Open(t.Context(), filepath.Join(dir, "city.db"), sqlite.Config{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.store.Close() })
	crews := &order.Crews{List: []order.CrewConfig{{Name: "cables", Title: "Cables", Desks: []city.Slug{access.Power}, Members: []string{"c1"}}}}
	if e.work, err = order.Open(t.Context(), order.Config{Path: filepath.Join(dir, "orders.db"), Decider: allow{}, Roster: crews}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.work.Close() })
	e.start(config)
	return e
}

// crew has the work order of a line given to a crew, which does it.
func (e *evening) crew(line string) {
	e.t.Helper()
	desk, cables := order.Asker{Who: access.Who{Kind: access.Person, ID: "p1"}}, order.Asker{Who: access.Who{Kind: access.Person, ID: "c1", Name: "Cilla"}}
	key := func() string { return "key-of-a-request-" + rand.Text() }
	var o order.Order
	e.until("there is a work order for "+line, func(live.View) bool {
		list, _, err := e.work.List(e.t.Context(), desk, order.Filter{From: order.FromDecision, Open: true})
		if err != nil {
			e.t.Fatal(err)
		}
		for _, x := range list {
			if x.Asset == "urn:ngsi-ld:PowerLine:"+line {
				o = x
				return true
			}
		}
		return false
	})
	if o.Kind != "outage" || !strings.Contains(o.Task, "cut out at both ends") || o.Where == "" {
		e.t.Errorf("%+v", o.Content)
	}
	if _, err := e.work.Decide(e.t.Context(), desk, key(), o.ID, o.Revision, order.Given, order.Assignee{Crew: "cables"}); err != nil {
		e.t.Fatal(err)
	}
	for _, to := range []order.State{order.Accepted, order.OnTheWay, order.AtThePlace, order.Done} {
		if _, err := e.work.Do(e.t.Context(), cables, key(), o.ID, order.Step{To: to}); err != nil {
			e.t.Fatal(err)
		}
	}
}

func (e *evening) start(config string) {
	e.t.Helper()
	if e.decisions == nil {
		e.decisions = e.book.For(live.Name)
	}
	var err error
	e.s, err = live.New([]byte(config), service.Deps{
		Data: e.store, Decisions: e.decisions, Orders: e.work.For(live.Name), Dir: e.dir, Log: slog.New(slog.NewTextHandler(&lockedWriter{b: e.log}, nil)), Now: time.Now,
	})
	if err != nil {
		e.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.s.Run(ctx) }()
	e.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			e.t.Errorf("the service ended: %v", err)
		}
	})
	e.t.Cleanup(e.stop)
}

func (e *evening) until(what string, holds func(v live.View) bool) live.View {
	e.t.Helper()
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		v := e.s.View()
		if holds(v) {
			return v
		}
		if time.Now().After(end) {
			e.t.Fatalf("not within two minutes: %s\n%+v", what, v.Faults)
		}
	}
}

func (e *evening) open() []*decision.Decision {
	e.t.Helper()
	list, _, err := e.book.Find(e.t.Context(), decision.Asker{}, decision.Query{Services: []city.Slug{live.Name}, Open: true})
	if err != nil {
		e.t.Fatal(err)
	}
	return list
}

func (e *evening) one(id string) *decision.Decision {
	e.t.Helper()
	d, err := e.book.One(e.t.Context(), decision.Asker{}, live.Name, id)
	if err != nil {
		e.t.Fatal(err)
	}
	return d
}

func (e *evening) answer(d *decision.Decision, to decision.State, note string) {
	e.t.Helper()
	_, err := e.book.Answer(e.t.Context(), decision.Asker{Who: access.Who{ID: "p1", Name: "Pirjo"}}, decision.Answer{Service: live.Name, ID: d.ID, Revision: d.Revision, To: to, Note: note})
	if err != nil {
		e.t.Fatal(err)
	}
}

// waits returns the one decision that waits for a person.
func (e *evening) waits(kind string) *decision.Decision {
	e.t.Helper()
	var found *decision.Decision
	e.until("a decision to "+kind+" waits", func(live.View) bool {
		for _, d := range e.open() {
			if d.State == decision.Proposed && strings.HasPrefix(d.ID, kind) {
				found = d
				return true
			}
		}
		return false
	})
	return found
}

// TestStormFromAlarmToRestored: a line breaks and tells nobody. Meters and calls say where;
// nothing moves before a person agreed; then switches do, selected first; the crew mends;
// a person agrees again, and the network stands as it did.
func TestStormFromAlarmToRestored(t *testing.T) {
	live.Evening(t, 2*time.Second, live.Broken{After: 200 * time.Millisecond, Line: 9})
	e := newEvening(t, "simulate: storm\n")
	d := e.waits("restore")
	v := e.s.View()
	if len(v.Faults) != 1 || v.Faults[0].Name != "branch.10" || v.Fed >= v.Customers || !v.Simulated {
		t.Fatalf("%+v", v.Faults)
	}
	if !strings.Contains(d.Do, "open branch.10") || !strings.Contains(d.Effect, "get power back") || d.Level != service.Confirm || len(d.Inputs) < 2 || d.Reason == "" {
		t.Errorf("%+v", d.Proposal)
	}
	if alert := e.alert(); alert["state"] != "active" || alert["category"] != "power" || alert["simulated"] != true {
		t.Errorf("%v", alert)
	}
	time.Sleep(300 * time.Millisecond)
	if v := e.s.View(); v.Faults[0].Isolated || !closed(v, "branch.9") || closed(v, "branch.33") {
		t.Fatal("something moved before a person agreed")
	}
	e.answer(d, decision.Accepted, "")
	e.until("the others have power again", func(v live.View) bool {
		return len(v.Faults) == 1 && v.Faults[0].Isolated && v.Faults[0].Dark == 0 && v.Fed == v.Customers
	})
	back := e.waits("return")
	if !strings.Contains(back.Reason, "mended branch.10") {
		t.Error(back.Reason)
	}
	e.answer(back, decision.Accepted, "")
	v = e.until("the network stands as on a usual day", func(v live.View) bool { return len(v.Faults) == 0 })
	for _, l := range v.Lines {
		if l.Closed == l.Tie {
			t.Errorf("%s: closed %v, tie %v", l.Name, l.Closed, l.Tie)
		}
	}
	if v.Day.SAIFI+v.Day.MAIFI <= 0 || v.Year.MAIFI < v.Day.MAIFI { // of a minute, it is momentary
		t.Errorf("%+v %+v", v.Day, v.Year)
	}
	e.until("the alert is over, and no decision is open", func(live.View) bool { return e.alert()["state"] == "ended" && len(e.open()) == 0 })
}

// TestARefusedOrderMovesNothing: the fault stays told of.
func TestARefusedOrderMovesNothing(t *testing.T) {
	live.Evening(t, time.Second, live.Broken{After: 100 * time.Millisecond, Line: 25})
	e := newEvening(t, "simulate: storm\n")
	e.answer(e.waits("restore"), decision.Refused, "a crew is on its way")
	time.Sleep(time.Second)
	if v := e.s.View(); len(v.Faults) != 1 || v.Faults[0].Isolated {
		t.Errorf("%+v", v.Faults)
	}
}

// TestAnEveningThatBeginsAnewLeavesNothingOfTheOneBefore: no alert that nobody can end, no
// order for a network that is whole.
func TestAnEveningThatBeginsAnewLeavesNothingOfTheOneBefore(t *testing.T) {
	live.Evening(t, time.Second, live.Broken{After: 100 * time.Millisecond, Line: 25})
	e := newEvening(t, "simulate: storm\n")
	e.waits("restore")
	if _, err := e.s.Write(t.Context(), "Pirjo", []live.Move{{Line: "branch.33", Close: true}, {Line: "branch.7"}}, "less is lost"); err != nil {
		t.Fatal(err)
	}
	e.stop()
	live.Evening(t, time.Second) // a calm one
	e.start("simulate: storm\n")
	e.until("all have power", func(v live.View) bool { return v.Field.Stands && v.Fed == v.Customers && len(v.Faults) == 0 })
	e.until("nothing is open", func(live.View) bool { return len(e.open()) == 0 && e.alert()["state"] == "ended" })
}

// TestOrdersKeepToProtection: a breaker that would trip on the load of a step, or not see a
// fault, is a limit like others.
func TestOrdersKeepToProtection(t *testing.T) {
	s, err := live.New([]byte("protection: {branch.18: 60}\n"), service.Deps{Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	trial := s.Try([]live.Move{{Line: "branch.33", Close: true}, {Line: "branch.7"}})
	if last := trial.Steps[len(trial.Steps)-1]; trial.Allowed || !strings.Contains(fmt.Sprint(last.Broken), "branch.18 carries") {
		t.Errorf("%v: %q", last, last.Broken)
	}
	if s, err = live.New([]byte("protection: {branch.18: 150}\n"), service.Deps{Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler), Now: time.Now}); err != nil {
		t.Fatal(err)
	}
	if trial := s.Try([]live.Move{{Line: "branch.33", Close: true}, {Line: "branch.7"}}); !trial.Allowed {
		t.Errorf("%q", trial.Steps[0].Broken)
	}
}

// TestAnAlertThatNobodyKnowsOfAnyMoreEnds: what a crash left between the end of an outage and
// that of its alert, or an evening whose state was moved away.
func TestAnAlertThatNobodyKnowsOfAnyMoreEnds(t *testing.T) {
	e := newEvening(t, "")
	e.stop()
	left, err := service.AlertChange(service.Alert{ID: "urn:ngsi-ld:Alert:power:20261101T120000-7", Category: "power", SubCategory: "outage", Severity: "high", Start: time.Now().Add(-time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.store.Write(t.Context(), &plane.Batch{Changes: []plane.Change{left}}); err != nil {
		t.Fatal(err)
	}
	e.start("")
	e.until("it ends", func(live.View) bool { return e.alert()["state"] == "ended" })
	if a := e.alert(); a["severity"] != "high" {
		t.Errorf("%v", a)
	}
}

func closed(v live.View, name string) bool {
	for _, l := range v.Lines {
		if l.Name == name {
			return l.Closed
		}
	}
	return false
}

func (e *evening) alert() map[string]any {
	e.t.Helper()
	var page plane.Page
	e.until("there is one alert", func(live.View) bool { // what is shown is written next
		var err error
		if page, err = e.store.Find(e.t.Context(), plane.Query{Types: []string{"Alert"}}); err != nil {
			e.t.Fatal(err)
		}
		return len(page.Entities) == 1
	})
	out := map[string]any{}
	for _, a := range page.Entities[0].Attributes {
		var v any
		if err := json.Unmarshal(a.Value, &v); err != nil {
			e.t.Fatal(err)
		}
		out[a.Name] = v
	}
	return out
}

func TestConfigurations(t *testing.T) {
	for text, want := range map[string]string{
		"simulate: flood\n":                   "flood",
		"simulte: storm\n":                    "simulate",
		"simulate: storm\nnetwork: a.m\n":     "leave network out",
		"field:\n  address: 127.0.0.1:2404\n": "switches are needed",
		"field:\n  address: a:1\n  cert_file: x\n  switches:\n    branch.1: {position: 1, command: 2}\n":                          "ca_file",
		"field:\n  address: a:1\n  switches:\n    branch.99: {position: 1, command: 2}\n":                                         "no line branch.99",
		"field:\n  address: a:1\n  switches:\n    branch.1: {position: 1, command: 2}\n    branch.2: {position: 1, command: 3}\n": "same position",
		"protection: {branch.99: 400}\n":   "no line branch.99",
		"protection: {branch.1: 0}\n":      "more than none",
		"meters: [load.99]\n":              "no load load.99",
		"places: {\"99\": [24.9, 60.1]}\n": "no bus 99",
		"pace: 2\n":                        "nothing is made up",
	} {
		_, err := live.New([]byte(text), service.Deps{Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler), Now: time.Now})
		if city.KindOf(err) != city.Invalid || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	s, err := live.New(nil, service.Deps{Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	if v := s.View(); v.Customers != 320 || v.Fed != 320 || v.Simulated || v.LowestPU < 0.9 || len(v.Buses) != 33 || v.Buses[17].Depth != 17 || v.Buses[17].Row != 0 {
		t.Errorf("%+v", v)
	}
}
