package console_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"polity/access"
	"polity/service"
	power "polity/services/power/live"
)

// desk is a power service with one fault.
type desk struct{ view power.View }

func (desk) Run(ctx context.Context) error { <-ctx.Done(); return nil }
func (d desk) State() service.State        { return service.State{Health: service.Well, Message: "title"} }
func (d desk) View() power.View            { return d.view }

func powerPages(t *testing.T, may ...access.Action) http.Handler {
	t.Helper()
	v := power.View{
		At: afternoon, Simulated: true, Customers: 320, Fed: 240, Stray: 1, LowestPU: 0.977,
		Field:  power.FieldView{Configured: true, Stands: true, Switches: 2},
		Faults: []power.Fault{{ID: "x", Name: "branch.<10>", Found: afternoon, Customers: 80, Dark: 80, Probability: 0.9996, Others: []string{"branch.11"}, Waiting: "restore-x-1"}},
		Lines:  []power.LineView{{Name: "branch.<10>", From: 0, To: 1, Faulty: true}, {Name: "tie.1", From: 1, To: 0, Tie: true}},
		Buses:  []power.BusView{{Name: "bus.1", Live: true, PU: 1}, {Name: "bus.2", Depth: 1}},
	}
	return servicePages(t, "power", desk{v}, nil, may...)
}

// TestEveryoneSeesHowManyAndTheDeskSeesWhere: which line failed is the desk's.
func TestEveryoneSeesHowManyAndTheDeskSeesWhere(t *testing.T) {
	public := get(t, powerPages(t), "/services/power").Body.String()
	for _, want := range []string{"80 of 320 customers are without power", "simulated", "how to give power back is being decided"} {
		if !strings.Contains(public, want) {
			t.Errorf("the public page does not say %q", want)
		}
	}
	for _, not := range []string{"branch.", "bus.2", "An order waits", "<svg class=\"oneline\""} {
		if strings.Contains(public, not) {
			t.Errorf("the public page says %q", not)
		}
	}
	if w := get(t, powerPages(t), "/services/power/view.json"); w.Code != http.StatusForbidden {
		t.Errorf("the desk's picture for everyone: %d", w.Code)
	}
	page := get(t, powerPages(t, access.SeeAlerts), "/services/power").Body.String()
	for _, want := range []string{"branch.&lt;10&gt;, over 99 % sure", "It could also be branch.11", "An order waits", `<svg class="oneline"`, "97.7 %", "1 report of darkness"} {
		if !strings.Contains(page, want) {
			t.Errorf("the desk's page does not say %q", want)
		}
	}
	if strings.Contains(page, "<10>") {
		t.Error("a name is not escaped")
	}
}

func TestAServiceThatDoesNotRunSaysSo(t *testing.T) {
	pages, _ := newPages(t, everything)
	if page := get(t, pages, "/services/power").Body.String(); !strings.Contains(page, "hub.services.power") {
		t.Error("the page does not say how the service is switched on")
	}
}
