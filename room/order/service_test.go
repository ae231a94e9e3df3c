package order_test

import (
	"testing"
	"time"

	"polity/city"
	"polity/room/order"
	"polity/service"
)

// TestAServiceAsksAndHearsBack: the order of a decision is made once, the desk gives it, and
// the service hears how the crew ended it. Another service sees nothing of it.
func TestAServiceAsksAndHearsBack(t *testing.T) {
	b, _ := newBook(t)
	at := afternoon
	d := service.Decision{ID: "isolate-3-1", Service: "water", Level: service.Confirm, Algorithm: "leak-search", At: at, Reason: "The night flow of zone 3 rose.", Inputs: []service.Input{{Entity: "urn:x", At: at}}}
	w := service.Work{Kind: "valve", Task: "Close V12.", Asset: "urn:ngsi-ld:Pipe:P3", Priority: "urgent", Due: at.Add(time.Hour)}
	orders := b.For("water")
	changed := orders.Changed()
	first, err := orders.Ask(t.Context(), d, w)
	if err != nil || first.State != string(order.Draft) || first.Number == 0 || first.Crew != "" {
		t.Fatalf("%+v, %v", first, err)
	}
	select {
	case <-changed:
	default:
		t.Error("an order was made, and nobody heard")
	}
	if again, err := orders.Ask(t.Context(), d, w); err != nil || again.ID != first.ID {
		t.Errorf("asked twice: %+v, %v", again, err)
	}
	_, err = b.For("power").Of(t.Context(), d.ID)
	kind(t, "another service's order", err, city.NotFound)
	_, err = b.For("power").Ask(t.Context(), d, w)
	kind(t, "an order for another service", err, city.Invalid)
	w.Kind = "tram"
	d.ID = "isolate-3-2"
	_, err = orders.Ask(t.Context(), d, w)
	kind(t, "a kind that the desk has not", err, city.Invalid)
	o, err := b.Get(t.Context(), water, first.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Decide(t.Context(), water, key(), o.ID, o.Revision, order.Given, toAnna); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Do(t.Context(), anna, key(), o.ID, order.Step{To: order.Cannot, Reason: "no-access"}); err != nil {
		t.Fatal(err)
	}
	if got, err := orders.Of(t.Context(), "isolate-3-1"); err != nil || got.State != service.WorkCannot || got.Reason != "no-access" || got.Crew == "" {
		t.Errorf("%+v, %v", got, err)
	}
	for what, word := range map[order.State]string{order.Done: service.WorkDone, order.Cannot: service.WorkCannot, order.Cancelled: service.WorkCancelled} {
		if string(what) != word {
			t.Errorf("%q is %q for services", what, word)
		}
	}
}
