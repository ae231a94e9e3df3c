package power_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"html"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"polity/access"
	"polity/city"
	"polity/console"
	"polity/console/consoletest"
	"polity/console/power"
	"polity/room/decision"
	"polity/service"
	"polity/services/power/live"
	"polity/services/power/sheet"
)

// desk is a power service with one fault.
type desk struct{ view live.View }

func (desk) Run(ctx context.Context) error { <-ctx.Done(); return nil }
func (d desk) State() service.State        { return service.State{Health: service.Well, Message: "title"} }
func (d desk) View() live.View             { return d.view }

func powerPages(t *testing.T, may ...access.Action) http.Handler {
	t.Helper()
	v := live.View{
		At: consoletest.Afternoon, Simulated: true, Customers: 320, Fed: 240, Stray: 1,
		Field:  live.FieldView{Configured: true, Stands: true, Since: consoletest.Afternoon, Switches: 2},
		Faults: []live.Fault{{ID: "x", Name: "branch.<10>", Found: consoletest.Afternoon, Customers: 80, Dark: 80, Probability: 0.9996, Others: []string{"branch.11"}, Waiting: "restore-x-1"}},
		Picture: live.Picture{
			LowestPU: 0.977,
			Lines:    []live.LineView{{Name: "branch.<10>", From: 0, To: 1, Faulty: true}, {Name: "tie.1", From: 1, To: 0, Tie: true}},
			Buses:    []live.BusView{{Name: "bus.1", Live: true, PU: 1}, {Name: "bus.2", Depth: 1}},
		},
	}
	return consoletest.ServicePages(t, "power", desk{v}, nil, may...)
}

// TestEveryoneSeesHowManyAndTheDeskSeesWhere: which line failed is the desk's.
func TestEveryoneSeesHowManyAndTheDeskSeesWhere(t *testing.T) {
	public := consoletest.Get(t, powerPages(t), "/services/power").Body.String()
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
	if w := consoletest.Get(t, powerPages(t), "/services/power/view.json"); w.Code != http.StatusForbidden {
		t.Errorf("the desk's picture for everyone: %d", w.Code)
	}
	page := consoletest.Get(t, powerPages(t, access.SeeAlerts), "/services/power").Body.String()
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
	pages := consoletest.ServicePages(t, "none", nil, nil, access.SeeAlerts)
	if page := consoletest.Get(t, pages, "/services/power").Body.String(); !strings.Contains(page, "hub.services.power") {
		t.Error("the page does not say how the service is switched on")
	}
}

// board is the example's network with a switch that is read, and what the desk asked of it.
type board struct {
	*live.Service
	asked []string
}

func (b *board) HangTag(by, line, reason string) error {
	b.asked = append(b.asked, by+" hangs "+line+": "+reason)
	return nil
}

func (b *board) NoteMended(_, fault string) error {
	return city.Errorf(city.Conflict, "%s is not cut out: nobody can have worked on it", fault)
}

// boardPages are the pages of somebody at the desk of a service with an outstation that does
// not answer, and its book.
func boardPages(t *testing.T, may ...access.Action) (http.Handler, *board, *decision.Book) {
	t.Helper()
	book, err := decision.Open(t.Context(), decision.Config{Path: filepath.Join(t.TempDir(), "decisions.db"), Decider: consoletest.AtDesk(may...), Now: func() time.Time { return consoletest.Afternoon }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { book.Close() })
	config := "places:\n  \"6\": [24.9426, 60.1718]\n  \"7\": [24.9443, 60.1722]\n  \"8\": [24.9452, 60.1731]\nfield:\n  address: 127.0.0.1:9\n  switches:\n    branch.7: {position: 1, command: 1001}\n    branch.33: {position: 2, command: 1002}\n"
	s, err := live.New([]byte(config), service.Deps{Decisions: book.For("power"), Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return consoletest.Afternoon }})
	if err != nil {
		t.Fatal(err)
	}
	b := &board{Service: s}
	return consoletest.ServicePages(t, "power", b, book, may...), b, book
}

// TestSwitchingIsTriedUndoneAndProposed: a trial stands in its address alone, and nothing is
// proposed that breaks a limit.
func TestSwitchingIsTriedUndoneAndProposed(t *testing.T) {
	pages, _, book := boardPages(t, access.SeeAlerts, access.Decide)
	page := func(path string) string {
		t.Helper()
		w := consoletest.Get(t, pages, path)
		if w.Code != http.StatusOK {
			t.Fatalf("%s: %d %s", path, w.Code, w.Body)
		}
		return html.UnescapeString(w.Body.String())
	}
	says := func(p string, words ...string) {
		t.Helper()
		for _, want := range words {
			if !strings.Contains(p, want) {
				t.Errorf("the page does not say %q", want)
			}
		}
	}
	begun := page("/services/power/try")
	says(begun, "Nothing is sent", "320 customers of 320 have power, as now", `value="open branch.7"`, `value="close branch.33"`, "202.7 kW")
	if strings.Contains(begun, `value="open branch.1"`) || strings.Contains(begun, "Propose") {
		t.Error("a line without a switch can be tried, or nothing be proposed")
	}
	dark := page("/services/power/try?step=open+branch.7")
	says(dark, "customers lose power", "buses without a source: 8, 9, 10", `href="/services/power/try?undone=open+branch.7"`, "Undo")
	undone := page("/services/power/try?undone=open+branch.7")
	says(undone, "as now", `href="/services/power/try?step=open+branch.7"`, "Do it again")
	loop := page("/services/power/try?step=close+branch.33")
	says(loop, "closes a loop", "These steps cannot be proposed")
	fine := page("/services/power/try?step=close+branch.33&step=open+branch.7&view=map") // a city without a map
	says(fine, "Within limits", "A loop until a later step", "Propose these steps", `class="oneline"`)
	says(page("/services/power/try?step=close+branch.33&step=close+branch.33"), "close branch.33: branch.33 is so already")
	if w := consoletest.Get(t, pages, "/services/power/try?step=burn+it"); w.Code != http.StatusBadRequest {
		t.Errorf("a move of none: %d", w.Code)
	}

	steps := url.Values{"step": {"close branch.33"}, "why": {"less is lost"}}
	if w := consoletest.Post(t, pages, "/services/power/try", steps); w.Code != http.StatusConflict || !strings.Contains(w.Body.String(), "a loop stays closed") {
		t.Errorf("a loop that stays: %d", w.Code)
	}
	steps.Add("step", "open branch.7")
	w := consoletest.Post(t, pages, "/services/power/try", steps)
	if w.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	says(page(w.Header().Get("Location")), "Nobody has agreed to it yet", "1. Close branch.33", "2. Open branch.7", "Tarja wrote it: less is lost", "has no key for sheets")
	list, _, err := book.Find(t.Context(), decision.Asker{Who: access.Who{Kind: access.Person, ID: "p9"}}, decision.Query{Services: []city.Slug{"power"}, Open: true})
	if err != nil || len(list) != 1 || list[0].Level != service.Confirm {
		t.Errorf("%v, %v", list, err)
	}
	says(page("/decisions"), "Its sheet, to print.")
}

func TestTheDeskHangsTagsAndHearsWhatIsRefused(t *testing.T) {
	pages, b, _ := boardPages(t, access.SeeAlerts, access.Decide)
	if w := consoletest.Post(t, pages, "/services/power/desk", url.Values{"act": {"hang"}, "line": {"branch.7"}, "why": {"a crew"}}); w.Code != http.StatusSeeOther || len(b.asked) != 1 || b.asked[0] != "Tarja hangs branch.7: a crew" {
		t.Errorf("%d %v", w.Code, b.asked)
	}
	if w := consoletest.Post(t, pages, "/services/power/desk", url.Values{"act": {"mended"}, "fault": {"f1"}}); w.Code != http.StatusConflict || !strings.Contains(w.Body.String(), "nobody can have worked on it") {
		t.Errorf("%d", w.Code)
	}
	if w := consoletest.Post(t, pages, "/services/power/desk", url.Values{"act": {"explode"}}); w.Code != http.StatusBadRequest {
		t.Errorf("%d", w.Code)
	}
	for range 12 { // ten homes are there
		if w := consoletest.Post(t, pages, "/services/power/desk", url.Values{"act": {"call"}, "bus": {"18"}}); w.Code != http.StatusSeeOther {
			t.Errorf("a call: %d", w.Code)
		}
	}
	if w := consoletest.Post(t, pages, "/services/power/desk", url.Values{"act": {"call"}, "bus": {"99"}}); w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "no home at bus 99") {
		t.Errorf("a call from nowhere: %d", w.Code)
	}
	looking, _, _ := boardPages(t, access.SeeAlerts)
	for _, path := range []string{"/services/power/desk", "/services/power/try"} {
		if w := consoletest.Post(t, looking, path, url.Values{"act": {"hang"}}); w.Code != http.StatusForbidden {
			t.Errorf("%s for somebody who only looks: %d", path, w.Code)
		}
	}
	if page := consoletest.Get(t, looking, "/services/power/try?step=close+branch.33&step=open+branch.7").Body.String(); strings.Contains(page, "Propose these") {
		t.Error("somebody who only looks may propose")
	}
	public := consoletest.ServicePages(t, "power", b, nil)
	for _, path := range []string{"/services/power/try", "/services/power/orders/x", "/services/power/orders/x/sheet.txt"} {
		if w := consoletest.Get(t, public, path); w.Code != http.StatusForbidden {
			t.Errorf("%s for everyone: %d", path, w.Code)
		}
	}
}

// TestASheetIsSignedAndChecked: what is printed is what the file says, and the file is
// checked with the public key alone.
func TestASheetIsSignedAndChecked(t *testing.T) {
	private, public, err := note.GenerateKey(rand.Reader, "helsinki/sheets")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	_, b, book := boardPages(t, access.SeeAlerts, access.Decide)
	world, err := consoletest.New(consoletest.Config{Now: func() time.Time { return consoletest.Afternoon }})
	if err != nil {
		t.Fatal(err)
	}
	pages, err := console.New(console.Config{
		City: world, Access: consoletest.AtDesk(access.SeeAlerts, access.Decide), Looks: &consoletest.Looks{}, Decisions: book, Services: map[city.Slug]service.Service{"power": b},
		Sheets: &power.Sheets{Signer: signer, Public: public}, Now: func() time.Time { return consoletest.Afternoon },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pages.Close)
	id, err := b.Write(t.Context(), "Pirjo", []live.Move{{Line: "branch.33", Close: true}, {Line: "branch.7"}}, "less is lost <b>")
	if err != nil {
		t.Fatal(err)
	}
	before := consoletest.Get(t, pages, "/services/power/orders/"+id+"/sheet.txt").Body.Bytes()
	consoletest.Post(t, pages, "/decisions/power/"+id, url.Values{"revision": {"1"}, "to": {"accepted"}, "note": {"go"}})
	file := consoletest.Get(t, pages, "/services/power/orders/"+id+"/sheet.txt").Body.Bytes()
	key := consoletest.Get(t, pages, "/services/power/sheets.key").Body.String()
	text, err := sheet.Open(file, key)
	if err != nil || bytes.Equal(before, file) {
		t.Fatalf("%v\n%s", err, file)
	}
	for _, want := range []string{"order " + id, "accepted by Tarja: go", "step 1 close branch.33", "step 2 open branch.7", "because As Pirjo tried it"} {
		if !strings.Contains(text, want) {
			t.Errorf("the sheet lacks %q:\n%s", want, text)
		}
	}
	page := consoletest.Get(t, pages, "/services/power/orders/"+id).Body.String()
	mark := strings.TrimSpace(strings.TrimPrefix(string(file), text))
	if !strings.Contains(html.UnescapeString(page), mark) || !strings.Contains(page, "--key helsinki/sheets") || strings.Contains(page, "<b>\"") {
		t.Errorf("the page does not carry the signature %s", mark)
	}
	if w := consoletest.Get(t, pages, "/services/power/orders/none"); w.Code != http.StatusNotFound {
		t.Errorf("an order of none: %d", w.Code)
	}
}
