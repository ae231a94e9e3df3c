package live_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"polity/city"
	"polity/plane"
	"polity/room/decision"
	"polity/service"
	"polity/services/traffic/corridor"
	"polity/services/traffic/entities"
	"polity/services/traffic/live"
	"polity/services/traffic/plan"
)

// planOf is a junction's plan as its controller tells it now.
func (x *town) planOf(junction, id string) (plan.Change, bool) {
	x.t.Helper()
	v, err := x.s.Plans(junction)
	if err != nil {
		x.t.Fatal(err)
	}
	for _, p := range v.Plans {
		if p.ID == id {
			return p.Present, v.Told
		}
	}
	x.t.Fatalf("%s has no plan %s", junction, id)
	return plan.Change{}, false
}

func (x *town) propose(c plan.Change) (id string) {
	x.t.Helper()
	id, err := x.s.ProposePlan(x.t.Context(), c, "The school has begun again.", "Tarja")
	if err != nil {
		x.t.Fatal(err)
	}
	return id
}

func (x *town) state(id string) *decision.Decision {
	x.t.Helper()
	d, err := x.book.One(x.t.Context(), decision.Asker{}, live.Name, id)
	if err != nil {
		x.t.Fatal(err)
	}
	return d
}

func clonePlan(c plan.Change) plan.Change {
	c.Bands, c.Day = slices.Clone(c.Bands), slices.Clone(c.Day)
	return c
}

// TestAPlanFromTheDeskToTheStreet: what is not safe is never proposed; what a person refuses
// changes nothing; what a person agrees to is in the controller and told by it, over a kill of
// the service, and is taken back when a person overrides it.
func TestAPlanFromTheDeskToTheStreet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, stop := newTown(t, corridor.Config{})
		defer stop()
		x.begin()
		x.within(time.Minute, "the service leads all junctions", all(live.Adaptive))
		before, told := x.planOf("corridor-2", "day")
		if !told || !slices.Equal(before.Bands, []int{30, 5, 20, 5}) {
			t.Fatalf("%+v, told by the controller: %v", before, told)
		}

		unsafe := clonePlan(before)
		unsafe.Bands[1] = 0
		trial, err := x.s.Try(t.Context(), unsafe)
		if err != nil || trial.Compared != nil || len(trial.Problems) == 0 || !strings.Contains(trial.Problems[0], "the intergreen is 7 s, 2 s too short") {
			t.Errorf("%+v, %v", trial, err)
		}
		if _, err := x.s.ProposePlan(t.Context(), unsafe, "Faster", "Tarja"); city.KindOf(err) != city.Invalid || !strings.Contains(err.Error(), "2 s too short") {
			t.Errorf("an unsafe plan: %v", err)
		}
		if _, err := x.s.ProposePlan(t.Context(), before, "As it is", "Tarja"); city.KindOf(err) != city.Invalid {
			t.Errorf("no change: %v", err)
		}
		if list, _, err := x.book.Find(t.Context(), decision.Asker{}, decision.Query{Services: []city.Slug{live.Name}}); err != nil || slices.ContainsFunc(list, func(d *decision.Decision) bool { return d.Level == service.Confirm }) {
			t.Errorf("what was refused stands in the book; %v", err)
		}

		change := clonePlan(before)
		change.Bands[0], change.Offset = 36, before.Offset+3
		change.Day = []plan.Slot{{Minute: 6 * 60, Plan: "day"}, {Minute: 21 * 60, Plan: "evening"}}
		trial, err = x.s.Try(t.Context(), change)
		if err != nil || len(trial.Problems) > 0 || trial.Compared == nil || !strings.Contains(trial.Words, "the delay of a vehicle") || !strings.Contains(trial.Made, "at its peak") {
			t.Fatalf("%+v, %v", trial, err)
		}
		refused := x.propose(change)
		x.answer(x.state(refused), decision.Refused, "Not during the works")
		time.Sleep(30 * time.Second)
		if now, _ := x.planOf("corridor-2", "day"); !now.Same(&before) {
			t.Errorf("refused, and yet %+v", now)
		}

		id := x.propose(change)
		d := x.state(id)
		if d.Level != service.Confirm || !strings.HasPrefix(d.Reason, "Tarja asks for it: The school") || !strings.Contains(d.Do, "phases of 36, 5, 20, 5 s, a cycle of 76 s") || !strings.Contains(d.Effect, "queue model") || !strings.Contains(d.Inputs[len(d.Inputs)-1].Value, "phases of 30, 5, 20, 5 s") {
			t.Errorf("%+v", d.Proposal)
		}
		time.Sleep(30 * time.Second)
		if now, _ := x.planOf("corridor-2", "day"); !now.Same(&before) {
			t.Errorf("nobody agreed, and yet %+v", now)
		}
		x.kill() // between the proposal and the answer
		x.answer(d, decision.Accepted, "")
		x.begin()
		x.within(2*time.Minute, "the plan is in effect", func(live.View) bool { return x.state(id).State == decision.Applied })
		if now, told := x.planOf("corridor-2", "day"); !told || !now.Same(&change) {
			t.Errorf("%+v, told: %v", now, told)
		}
		time.Sleep(time.Minute) // what the city's data says, it says each minute
		e, err := x.store.Entity(t.Context(), plane.Key{ID: entities.ID(entities.Junction, "corridor-2")})
		if err != nil || e.Attribute("signalPlan") == nil || string(e.Attribute("signalPlan").Value) != `"evening"` || string(e.Attribute("signalCycle").Value) != "50" {
			t.Errorf("the city's data: %+v, %v", e, err)
		}
		if other, _ := x.planOf("corridor-3", "day"); other.Bands[0] != 30 || len(other.Day) != 0 {
			t.Errorf("another junction changed: %+v", other)
		}
		if v, err := x.s.Plans("corridor-2"); err != nil || !v.Plans[1].Runs || v.Plans[0].Runs { // shortly after midnight
			t.Errorf("%+v, %v", v, err)
		}

		// Another change of what was proposed on: the older one does nothing any more.
		late := clonePlan(change)
		late.Bands[2] = 25
		stale := x.propose(late)
		x.answer(x.state(id), decision.Overridden, "The works are longer than told")
		x.within(time.Minute, "the plan is taken back", func(live.View) bool { return x.state(id).State == decision.Reverted })
		if now, _ := x.planOf("corridor-2", "day"); !now.Same(&before) {
			t.Errorf("taken back: %+v", now)
		}
		x.answer(x.state(stale), decision.Accepted, "")
		x.within(time.Minute, "what was thought of another plan fails", func(live.View) bool { return x.state(stale).State == decision.Failed })
		if d := x.state(stale); !strings.Contains(d.Steps[len(d.Steps)-1].Note, "in the meantime") {
			t.Errorf("%+v", d.Steps)
		}

		// The controllers fall silent: nothing is proposed that nobody could see in effect.
		x.kill()
		if _, err := x.s.ProposePlan(t.Context(), change, "Now", "Tarja"); err == nil {
			t.Error("proposed without a line to the controller")
		}
	})
}
