package decision_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"polity/access"
	"polity/city"
	"polity/room/decision"
	"polity/service"
)

var now = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// decider lets the traffic operator decide for traffic, and the auditor look.
type decider struct{}

func (decider) Decide(who access.Who, do access.Action, on access.Thing, _ access.Circumstances) access.Decision {
	ours := on.ID == "traffic"
	return access.Decision{Allowed: ours && (who.ID == "tarja" || (who.ID == "aude" && do == access.SeeAlerts))}
}

type town struct {
	t    *testing.T
	path string
	now  time.Time
	*decision.Book
	traffic service.Decisions
}

func newTown(t *testing.T) *town {
	t.Helper()
	x := &town{t: t, path: filepath.Join(t.TempDir(), "decisions.db"), now: now}
	x.open()
	t.Cleanup(func() { x.Close() })
	return x
}

func (x *town) open() {
	x.t.Helper()
	var err error
	if x.Book, err = decision.Open(x.t.Context(), decision.Config{Path: x.path, Decider: decider{}, Now: func() time.Time { return x.now }, Open: 20}); err != nil {
		x.t.Fatal(err)
	}
	x.traffic = x.For("traffic")
}

func proposal(id string, level service.Level) service.Proposal {
	return service.Proposal{
		Decision: service.Decision{
			ID: id, Service: "traffic", Level: level, Algorithm: "corridor", At: now, Reason: "The queue on the northern arm grows.",
			Inputs: []service.Input{{Entity: "urn:ngsi-ld:TrafficFlowObserved:1", Attribute: "intensity", Value: "612/h", At: now}},
		},
		Do: "Switch junction A to plan 3.", Effect: "12 s less delay per vehicle", Until: now.Add(time.Hour), Detail: []byte(`{"plan":3}`),
	}
}

func by(id string) decision.Asker { return decision.Asker{Who: access.Who{ID: id, Name: id}} }

func (x *town) state(id string) *decision.Decision {
	x.t.Helper()
	d, err := x.One(x.t.Context(), by("aude"), "traffic", id)
	if err != nil {
		x.t.Fatal(err)
	}
	return d
}

func (x *town) must(err error) {
	x.t.Helper()
	if err != nil {
		x.t.Fatal(err)
	}
}

func (x *town) answer(who, id string, to decision.State, note string) error {
	_, err := x.Answer(x.t.Context(), by(who), decision.Answer{Service: "traffic", ID: id, Revision: x.state(id).Revision, To: to, Note: note})
	return err
}

func (x *town) due() string {
	x.t.Helper()
	list, err := x.traffic.Due(x.t.Context())
	x.must(err)
	var names []string
	for _, d := range list {
		names = append(names, fmt.Sprintf("%s undo=%v %s%s", d.ID, d.Undo, d.By, d.Detail))
	}
	return strings.Join(names, "; ")
}

// TestNothingIsDueBeforeAPersonAgrees: confirm waits, whatever the service does.
func TestNothingIsDueBeforeAPersonAgrees(t *testing.T) {
	x := newTown(t)
	p := proposal("a", service.Confirm)
	x.must(x.traffic.Propose(t.Context(), p))
	if got := x.due(); got != "" {
		t.Fatalf("due: %s", got)
	}
	if err := x.traffic.Done(t.Context(), service.Due{Proposal: p}); city.KindOf(err) != city.Conflict {
		t.Fatalf("done before anyone agreed: %v", err)
	}
	changed := x.traffic.Changed()
	x.must(x.answer("tarja", "a", decision.Accepted, ""))
	select {
	case <-changed:
	default:
		t.Error("the service is not woken")
	}
	if got := x.due(); got != `a undo=false tarja{"plan":3}` {
		t.Fatalf("due: %s", got)
	}
	x.must(x.Close())
	x.open() // what was accepted is due after a start, too
	x.must(x.traffic.Done(t.Context(), service.Due{Proposal: p}))
	x.must(x.traffic.Done(t.Context(), service.Due{Proposal: p})) // at least once
	if d := x.state("a"); d.State != decision.Applied || x.due() != "" || len(d.Steps) != 3 || d.Steps[1].Name != "tarja" {
		t.Fatalf("%+v", d)
	}
}

// TestAPersonUndoesWhatWasBounded: what goes by itself can be taken back, also while it is done.
func TestAPersonUndoesWhatWasBounded(t *testing.T) {
	x := newTown(t)
	p := proposal("a", service.Bounded)
	x.must(x.traffic.Propose(t.Context(), p))
	if got := x.due(); got != `a undo=false {"plan":3}` {
		t.Fatalf("due: %s", got)
	}
	if err := x.answer("tarja", "a", decision.Overridden, " "); city.KindOf(err) != city.Invalid {
		t.Fatalf("undone without a reason: %v", err)
	}
	x.must(x.answer("tarja", "a", decision.Overridden, "A funeral procession"))
	x.must(x.traffic.Done(t.Context(), service.Due{Proposal: p})) // it was on its way
	if got := x.due(); got != `a undo=true tarja{"plan":3}` {
		t.Fatalf("due: %s", got)
	}
	x.must(x.traffic.Done(t.Context(), service.Due{Proposal: p, Undo: true}))
	if d := x.state("a"); d.State != decision.Reverted || d.Closed.IsZero() || x.due() != "" {
		t.Fatalf("%+v", d)
	}
}

func TestAdviceIsCarriedOutByPeople(t *testing.T) {
	x := newTown(t)
	p := proposal("a", service.Advice)
	x.must(x.traffic.Propose(t.Context(), p))
	x.must(x.answer("tarja", "a", decision.Accepted, "done by telephone"))
	if d := x.state("a"); x.due() != "" || d.Closed.IsZero() {
		t.Fatalf("%+v", d)
	}
	if err := x.traffic.Done(t.Context(), service.Due{Proposal: p}); city.KindOf(err) != city.Conflict {
		t.Error(err)
	}
	if err := x.answer("tarja", "a", decision.Overridden, "no"); city.KindOf(err) != city.Conflict {
		t.Error(err)
	}
}

func TestWhoMayAnswer(t *testing.T) {
	x := newTown(t)
	x.must(x.traffic.Propose(t.Context(), proposal("a", service.Confirm)))
	if err := x.answer("aude", "a", decision.Accepted, ""); city.KindOf(err) != city.Forbidden {
		t.Errorf("who only looks agreed: %v", err)
	}
	if _, err := x.One(t.Context(), by("wilma"), "traffic", "a"); city.KindOf(err) != city.NotFound {
		t.Errorf("a stranger sees it: %v", err)
	}
	if list, _, err := x.Find(t.Context(), by("wilma"), decision.Query{Services: []city.Slug{"traffic", "water"}}); err != nil || len(list) != 0 {
		t.Errorf("a stranger finds %d, %v", len(list), err)
	}
	if list, _, err := x.Find(t.Context(), by("tarja"), decision.Query{Services: []city.Slug{"traffic", "water"}, Open: true}); err != nil || len(list) != 1 || len(list[0].Steps) != 0 {
		t.Errorf("%d found, %v", len(list), err)
	}
	if list, _, err := x.Find(t.Context(), by("tarja"), decision.Query{Services: []city.Slug{"traffic"}, Steps: true}); err != nil || len(list) != 1 || len(list[0].Steps) != 1 || list[0].Steps[0].State != decision.Proposed {
		t.Errorf("%d found with their steps, %v", len(list), err)
	}
	if err := x.For("water").Propose(t.Context(), proposal("b", service.Advice)); city.KindOf(err) != city.Forbidden {
		t.Errorf("water proposed for traffic: %v", err)
	}
	if err := x.For("water").Withdraw(t.Context(), "a", "mine now"); city.KindOf(err) != city.NotFound {
		t.Errorf("water withdrew traffic's: %v", err)
	}
}

func TestAnAnswerToWhatChangedIsRefused(t *testing.T) {
	x := newTown(t)
	x.must(x.traffic.Propose(t.Context(), proposal("a", service.Confirm)))
	x.must(x.answer("tarja", "a", decision.Refused, "school starts"))
	_, err := x.Answer(t.Context(), by("tarja"), decision.Answer{Service: "traffic", ID: "a", Revision: 1, To: decision.Accepted})
	if city.KindOf(err) != city.Conflict || !strings.Contains(err.Error(), "refused") {
		t.Fatal(err)
	}
}

func TestTheSameAgainAndAnotherUnderItsID(t *testing.T) {
	x := newTown(t)
	p := proposal("a", service.Confirm)
	x.must(x.traffic.Propose(t.Context(), p))
	x.must(x.traffic.Propose(t.Context(), p))
	p.Do = "Switch junction A to plan 4."
	if err := x.traffic.Propose(t.Context(), p); city.KindOf(err) != city.Conflict {
		t.Fatal(err)
	}
	if d := x.state("a"); len(d.Steps) != 1 || d.Do != "Switch junction A to plan 3." {
		t.Fatalf("%+v", d)
	}
}

func TestNobodyAgreesTooLate(t *testing.T) {
	x := newTown(t)
	x.must(x.traffic.Propose(t.Context(), proposal("a", service.Confirm)))
	x.now = now.Add(time.Hour)
	if err := x.answer("tarja", "a", decision.Accepted, ""); city.KindOf(err) != city.Conflict {
		t.Fatal(err)
	}
	x.must(x.Tend(t.Context()))
	if d := x.state("a"); d.State != decision.Expired {
		t.Fatalf("%+v", d)
	}
	x.now = now.Add(367 * 24 * time.Hour)
	x.must(x.Tend(t.Context()))
	if _, err := x.One(t.Context(), by("tarja"), "traffic", "a"); city.KindOf(err) != city.NotFound {
		t.Fatalf("kept for longer than a year: %v", err)
	}
}

func TestProposalsThatAreRefused(t *testing.T) {
	x := newTown(t)
	for name, change := range map[string]func(*service.Proposal){
		"no deed":         func(p *service.Proposal) { p.Do = " " },
		"two lines":       func(p *service.Proposal) { p.Effect = "a\nb" },
		"over already":    func(p *service.Proposal) { p.At, p.Until = now.Add(-2*time.Hour), now.Add(-time.Hour) },
		"never over":      func(p *service.Proposal) { p.Until = now.Add(400 * 24 * time.Hour) },
		"no JSON":         func(p *service.Proposal) { p.Detail = []byte("{") },
		"no input":        func(p *service.Proposal) { p.Inputs = nil },
		"unknown level":   func(p *service.Proposal) { p.Level = "forced" },
		"no algorithm":    func(p *service.Proposal) { p.Algorithm = "" },
		"too much detail": func(p *service.Proposal) { p.Detail = []byte(`"` + strings.Repeat("x", service.MaxDetail) + `"`) },
	} {
		p := proposal("a", service.Confirm)
		change(&p)
		if err := x.traffic.Propose(t.Context(), p); city.KindOf(err) != city.Invalid && city.KindOf(err) != city.TooLarge {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i := range 20 {
		x.must(x.traffic.Propose(t.Context(), proposal(fmt.Sprint(i), service.Confirm)))
	}
	if err := x.traffic.Propose(t.Context(), proposal("20", service.Confirm)); city.KindOf(err) != city.Unavailable {
		t.Errorf("unbounded: %v", err)
	}
}

// TestEveryStepIsForTheLog: in order, once, with who it was by kind alone.
func TestEveryStepIsForTheLog(t *testing.T) {
	x := newTown(t)
	x.must(x.traffic.Propose(t.Context(), proposal("a", service.Confirm)))
	x.must(x.answer("tarja", "a", decision.Accepted, ""))
	x.must(x.traffic.Propose(t.Context(), proposal("b", service.Bounded)))
	steps, err := x.Log(t.Context(), 0, 3)
	x.must(err)
	more, err := x.Log(t.Context(), steps[2].N, 10)
	x.must(err)
	var got []string
	for _, s := range append(steps, more...) {
		got = append(got, fmt.Sprintf("%s %s %v", s.ID, s.State, s.Person))
		if s.Salt == ([32]byte{}) {
			t.Error("no salt")
		}
	}
	if want := "a proposed false, a accepted true, b proposed false, b accepted false"; strings.Join(got, ", ") != want {
		t.Errorf("%v", got)
	}
}

// TestDecisionsNeverSkipAStep: whatever people and services do, no decision that
// waits for a person is done without one, and each step follows the one before.
func TestDecisionsNeverSkipAStep(t *testing.T) {
	x := newTown(t)
	count := 0
	rapid.Check(t, func(r *rapid.T) {
		count++
		ctx, id := context.Background(), fmt.Sprintf("r%d", count)
		level := rapid.SampledFrom([]service.Level{service.Advice, service.Confirm, service.Bounded}).Draw(r, "level")
		p := proposal(id, level)
		p.At, p.Until = x.now, x.now.Add(time.Hour)
		x.must(x.traffic.Propose(ctx, p))
		for range rapid.IntRange(1, 8).Draw(r, "steps") {
			undo := rapid.Bool().Draw(r, "undo")
			var err error
			switch rapid.IntRange(0, 5).Draw(r, "what") {
			case 0:
				err = x.answer("tarja", id, rapid.SampledFrom([]decision.State{decision.Accepted, decision.Refused, decision.Overridden}).Draw(r, "to"), "because")
			case 1:
				err = x.traffic.Done(ctx, service.Due{Proposal: p, Undo: undo})
			case 2:
				err = x.traffic.Failed(ctx, service.Due{Proposal: p, Undo: undo}, "no line")
			case 3:
				err = x.traffic.Withdraw(ctx, id, "moot")
			case 4:
				x.now = x.now.Add(40 * time.Minute)
			case 5:
				err = x.Tend(ctx)
			}
			if k := city.KindOf(err); err != nil && k != city.Conflict {
				r.Fatal(err)
			}
		}
		asked := false
		for i, s := range x.state(id).Steps {
			asked = asked || (s.Person != "" && s.State == decision.Accepted)
			if s.State == decision.Applied && !asked && level != service.Bounded {
				r.Fatalf("%s was applied and nobody agreed", level)
			}
			if (i == 0) != (s.State == decision.Proposed) {
				r.Fatalf("step %d is %s", i, s.State)
			}
		}
		x.must(x.clear(id))
	})
}

// clear ends a decision, so that the book does not fill.
func (x *town) clear(id string) error {
	d := x.state(id)
	if !d.Closed.IsZero() {
		return nil
	}
	switch d.State {
	case decision.Proposed:
		return x.traffic.Withdraw(x.t.Context(), id, "end")
	case decision.Accepted:
		return x.traffic.Failed(x.t.Context(), service.Due{Proposal: d.Proposal}, "end")
	case decision.Overridden:
		return x.traffic.Failed(x.t.Context(), service.Due{Proposal: d.Proposal, Undo: true}, "end")
	}
	return nil
}

func TestForeignAndNewerFilesAreRefused(t *testing.T) {
	for name, form := range map[string]string{
		"foreign": "CREATE TABLE other (a)", "newer": "PRAGMA user_version = 99; PRAGMA application_id = 1349286212; CREATE TABLE decision (a)",
	} {
		path := filepath.Join(t.TempDir(), "x.db")
		db, err := sql.Open("sqlite", path)
		if err == nil {
			_, err = db.Exec(form)
			err = errors.Join(err, db.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decision.Open(t.Context(), decision.Config{Path: path, Decider: decider{}}); city.KindOf(err) != city.Conflict {
			t.Errorf("%s: %v", name, err)
		}
	}
}
