package live_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"polity/room/decision"
	"polity/service"
	"polity/services/power/live"
	"polity/services/power/storm"
)

// TestAStormIsWorkedFromAlarmToRestored: three lines break, meters lie, residents call. A
// person agrees to each order, crews mend, another person says so; nothing is selected at the
// substation before somebody agreed, each switch is selected before it is moved, and every
// step says why it is taken and what it leads to.
func TestAStormIsWorkedFromAlarmToRestored(t *testing.T) {
	var now atomic.Pointer[live.Service]
	var mu sync.Mutex
	var ready []int
	tell := func(said []storm.Message) {
		for now.Load() == nil {
			time.Sleep(10 * time.Millisecond)
		}
		now.Load().Tell(said)
	}
	mended := func(line int) {
		mu.Lock()
		defer mu.Unlock()
		ready = append(ready, line)
	}
	config, w := substation(t, tell, mended, storm.Fault{After: 300 * time.Millisecond, Line: 9}, storm.Fault{After: 900 * time.Millisecond, Line: 25}, storm.Fault{After: 1500 * time.Millisecond, Line: 19})
	e := newEvening(t, config)
	now.Store(e.s)
	e.until("the substation answers", func(v live.View) bool { return v.Field.Stands })
	e.s.Tell([]storm.Message{{At: time.Now(), Load: 5, Dark: true}, {At: time.Now(), Load: 44, Dark: true}}) // both have power

	e.until("three faults are found", func(v live.View) bool { return len(v.Faults) == 3 })
	v := e.until("each waits for a person", func(v live.View) bool {
		return !slices.ContainsFunc(v.Faults, func(f live.Fault) bool { return f.Waiting == "" })
	})
	for _, f := range v.Faults {
		if f.Isolated || f.Reason == "" || !slices.Contains([]string{"branch.10", "branch.26", "branch.20"}, f.Name) {
			t.Errorf("%+v", f)
		}
	}
	if heard := w.commands(); len(heard) > 0 {
		t.Fatalf("before anybody agreed the substation heard %v", heard)
	}

	worked := 0
	for until := time.Now().Add(time.Minute); len(e.s.View().Faults) > 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("not within a minute: %+v", e.s.View().Faults)
		}
		mu.Lock()
		lines := ready
		ready = nil
		mu.Unlock()
		for _, f := range e.s.View().Faults {
			switch {
			case !slices.Contains(lines, f.Line):
			case f.Name == "branch.10":
				e.crew(f.Name)
				e.until("the crew's word is heard", func(v live.View) bool {
					return slices.ContainsFunc(v.Faults, func(f live.Fault) bool { return f.Mended && strings.HasPrefix(f.MendedBy, "Work order") })
				})
			default:
				if err := e.s.NoteMended("Otto", f.ID); err != nil {
					t.Error(err)
				}
			}
		}
		for _, d := range e.open() {
			if d.State != decision.Proposed {
				continue
			}
			explained(t, d)
			e.answer(d, decision.Accepted, "")
			worked++
			e.until("it is carried out", func(live.View) bool {
				return !slices.ContainsFunc(e.open(), func(x *decision.Decision) bool { return x.ID == d.ID })
			})
		}
	}
	v = e.s.View()
	if v.Fed != v.Customers || len(v.Past) != 3 || worked < 6 {
		t.Errorf("%d of %d fed, %d faults are over, %d orders", v.Fed, v.Customers, len(v.Past), worked)
	}
	back := 0
	for _, p := range v.Past {
		back += p.Customers
		if p.Gained > p.Customers || p.Restored.IsZero() || p.Ended.Before(p.Restored) {
			t.Errorf("%+v", p)
		}
	}
	if v.Today.Switching == 0 || v.Today.Switching+v.Today.Repair != back {
		t.Errorf("%+v of %d", v.Today, back)
	}
	heard := w.commands()
	if len(heard) < 12 || len(heard)%2 != 0 {
		t.Fatalf("the substation heard %v", heard)
	}
	for i := 0; i < len(heard); i += 2 {
		selected, done := heard[i], heard[i+1]
		if !selected.selects || done.selects || selected.line != done.line || selected.close != done.close {
			t.Errorf("%v, then %v", selected, done)
		}
	}
}

// explained checks that each step of an order says why, and what it leads to.
func explained(t *testing.T, d *decision.Decision) {
	t.Helper()
	var o struct {
		Steps []struct {
			Name, Why string
			After     *live.Check
		}
	}
	if err := json.Unmarshal(d.Detail, &o); err != nil || len(o.Steps) == 0 || d.Reason == "" || d.Effect == "" {
		t.Errorf("%+v, %v", d.Proposal, err)
	}
	for _, x := range o.Steps {
		if x.Why == "" || x.After == nil || x.After.LowestPU < 0.9 || x.After.Loading > 1 {
			t.Errorf("%s: %+v", d.ID, x)
		}
	}
}

// forged are decisions that nobody agreed to, and yet are due.
type forged struct{ service.Decisions }

func (f forged) Due(ctx context.Context) ([]service.Due, error) {
	list, err := f.Decisions.Due(ctx)
	for i := range list {
		list[i].By = ""
	}
	return list, err
}

// TestADecisionWithoutAPersonSelectsNothing: not even the selection goes out.
func TestADecisionWithoutAPersonSelectsNothing(t *testing.T) {
	config, w := substation(t, nil, nil)
	e := newEvening(t, "")
	e.stop()
	e.decisions = forged{e.book.For(live.Name)}
	e.start(config)
	e.until("the substation answers", func(v live.View) bool { return v.Field.Stands })
	id, err := e.s.Write(t.Context(), "Pirjo", []live.Move{{Line: "branch.33", Close: true}, {Line: "branch.7"}}, "a trial")
	if err != nil {
		t.Fatal(err)
	}
	e.answer(e.waits("switch"), decision.Accepted, "")
	e.until("it failed", func(live.View) bool { return e.one(id).State == decision.Failed })
	if heard := w.commands(); len(heard) > 0 || !strings.Contains(e.one(id).Steps[2].Note, "nobody agreed") {
		t.Errorf("%v, %+v", heard, e.one(id).Steps)
	}
}

// TestWhatAPersonWroteIsChecked on the board, when it is proposed, and before each switch moves.
func TestWhatAPersonWroteIsChecked(t *testing.T) {
	config, w := substation(t, nil, nil)
	e := newEvening(t, config)
	e.until("the substation answers", func(v live.View) bool { return v.Field.Stands })
	shift := []live.Move{{Line: "branch.33", Close: true}, {Line: "branch.7"}}
	trial := e.s.Try(shift)
	if !trial.Allowed || len(trial.Steps) != 2 || !trial.Steps[0].After.Loop || trial.Steps[1].After.Customers != 320 || trial.LossKW >= 202 || len(w.commands()) > 0 {
		t.Fatalf("%+v", trial)
	}
	for what, x := range map[string]struct {
		moves []live.Move
		want  string
	}{
		"a loop that stays":        {shift[:1], "a loop stays closed, by"},
		"a line of none":           {[]live.Move{{Line: "branch.99"}}, "no line of this name"},
		"a switch that is so":      {[]live.Move{{Line: "branch.7", Close: true}}, "so already"},
		"a limit":                  {[]live.Move{{Line: "branch.33", Close: true}, {Line: "branch.35", Close: true}, {Line: "branch.2"}}, "nominal voltage"},
		"nothing":                  {nil, "no move"},
		"more than anybody checks": {slices.Repeat(shift, 30), "too many"},
	} {
		if _, err := e.s.Write(t.Context(), "Pirjo", x.moves, "a trial"); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := e.s.Write(t.Context(), "", shift, "a trial"); err == nil {
		t.Error("an order that nobody wrote")
	}
	if _, err := e.s.Write(t.Context(), "Pirjo", shift, "two\nlines"); err == nil {
		t.Error("a reason of two lines")
	}
	id, err := e.s.Write(t.Context(), "Pirjo", shift, "less is lost so")
	if err != nil {
		t.Fatal(err)
	}
	d := e.waits("switch")
	if d.ID != id || d.Level != service.Confirm || !strings.HasPrefix(d.Reason, "Pirjo wrote it: less") || !strings.Contains(d.Do, "close branch.33 and open branch.7") {
		t.Errorf("%+v", d.Proposal)
	}
	// agreed to, and a tag hung before it is done
	if err := e.s.HangTag("Otto", "branch.7", "a crew works on its switch"); err != nil {
		t.Fatal(err)
	}
	e.answer(d, decision.Accepted, "")
	e.until("it failed", func(live.View) bool { return e.one(id).State == decision.Failed })
	if note := e.one(id).Steps[2].Note; !strings.Contains(note, "branch.7 is tagged by Otto: a crew works on its switch") {
		t.Error(note)
	}
	if v := e.s.View(); !closed(v, "branch.7") {
		t.Error("a tagged switch moved")
	}
	if err := e.s.TakeTag("branch.7"); err != nil {
		t.Fatal(err)
	}
	e.until("the board knows the loop that stays", func(v live.View) bool { return len(v.Loops) == 1 })
	if id, err = e.s.Write(t.Context(), "Pirjo", shift[1:], "the loop is opened"); err != nil {
		t.Fatal(err)
	}
	e.answer(e.waits("switch"), decision.Accepted, "")
	e.until("it is done", func(v live.View) bool { return e.one(id).State == decision.Applied && !closed(v, "branch.7") })
	if moves := e.s.Moves(id); len(moves) != 1 || moves[0].By != "Pirjo" || moves[0].Close {
		t.Errorf("%+v", moves)
	}
}
