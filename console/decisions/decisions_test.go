package decisions_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"polity/access"
	"polity/console/consoletest"
	"polity/room/decision"
	"polity/service"
)

// deciding are the pages of somebody with some rights, and the book behind them.
func deciding(t *testing.T, may ...access.Action) (http.Handler, *decision.Book) {
	t.Helper()
	book, err := consoletest.NewDecisions(t.TempDir(), consoletest.AtDesk(may...), func() time.Time { return consoletest.Afternoon })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { book.Close() })
	return consoletest.ServicePages(t, "traffic", sleeper{}, book, may...), book
}

// sleeper is a service that does nothing.
type sleeper struct{}

func (sleeper) Run(ctx context.Context) error { <-ctx.Done(); return nil }

func (sleeper) State() service.State {
	return service.State{Health: service.Trouble, Message: "title", Simulated: true}
}

func TestServicesSayHowTheyAre(t *testing.T) {
	pages, _ := deciding(t)
	page := consoletest.Get(t, pages, "/services").Body.String()
	for _, want := range []string{`href="/services/traffic"`, "Needs a look", "simulated"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

func TestADecisionIsAgreedTo(t *testing.T) {
	pages, book := deciding(t, access.SeeAlerts, access.Decide)
	page := consoletest.Get(t, pages, "/decisions").Body.String()
	for _, want := range []string{"2 decisions are open", "Switch the junction Kaisaniemi to plan 3.", "The queue on the northern arm", "12 s less delay", "612 vehicles/h", "Agree: the service does it", "Followed", "Undo", "In effect, inside registered limits"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	w := consoletest.Post(t, pages, "/decisions/traffic/plan-a-17", url.Values{"revision": {"1"}, "to": {"accepted"}, "note": {"Seen on site"}})
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/decisions?said=accepted" {
		t.Fatalf("%d %s", w.Code, w.Header().Get("Location"))
	}
	if due, err := book.For("traffic").Due(t.Context()); err != nil || len(due) != 1 {
		t.Errorf("%d due, %v", len(due), err)
	}
	if page := consoletest.Get(t, pages, "/decisions?said=accepted").Body.String(); !strings.Contains(page, "You agreed.") || !strings.Contains(page, "Seen on site") {
		t.Error("the page does not say what was done")
	}
	w = consoletest.Post(t, pages, "/decisions/traffic/plan-a-17", url.Values{"revision": {"1"}, "to": {"refused"}})
	if w.Code != http.StatusConflict || !strings.Contains(w.Body.String(), "changed meanwhile") {
		t.Errorf("an answer to what changed: %d", w.Code)
	}
	w = consoletest.Post(t, pages, "/decisions/power/dim-9", url.Values{"revision": {"3"}, "to": {"overridden"}})
	if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "say why") {
		t.Errorf("undone without a reason: %d", w.Code)
	}
	w = consoletest.Post(t, pages, "/decisions/power/dim-9", url.Values{"revision": {"3"}, "to": {"overridden"}, "note": {"A concert"}})
	if due, err := book.For("power").Due(t.Context()); w.Code != http.StatusSeeOther || err != nil || len(due) != 1 || !due[0].Undo {
		t.Errorf("%d, %+v, %v", w.Code, due, err)
	}
}

func TestWhoOnlySeesDecidesNothing(t *testing.T) {
	pages, book := deciding(t, access.SeeAlerts)
	if page := consoletest.Get(t, pages, "/decisions").Body.String(); strings.Contains(page, "<button class=\"first\" name=\"to\"") || !strings.Contains(page, "Kaisaniemi") {
		t.Error("the page offers what is refused, or shows nothing")
	}
	if w := consoletest.Post(t, pages, "/decisions/traffic/plan-a-17", url.Values{"revision": {"1"}, "to": {"accepted"}}); w.Code != http.StatusForbidden {
		t.Errorf("%d", w.Code)
	}
	if due, err := book.For("traffic").Due(t.Context()); err != nil || len(due) != 0 {
		t.Errorf("%d due, %v", len(due), err)
	}
	var list struct {
		Decisions []struct {
			ID, Do, State string
			Revision      int64
		}
	}
	if err := json.Unmarshal(consoletest.Get(t, pages, "/decisions.json").Body.Bytes(), &list); err != nil || len(list.Decisions) != 2 || list.Decisions[1].ID != "plan-a-17" {
		t.Errorf("%+v, %v", list, err)
	}
}
