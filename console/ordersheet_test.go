package console_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"polity/city"
	"polity/console"
	"polity/console/consoletest"
	"polity/room/order"
	"polity/service"
)

// TestACrewOpensTheSheetOfItsOwnOrder: without any right at the desk, and of no other order.
func TestACrewOpensTheSheetOfItsOwnOrder(t *testing.T) {
	desk, crew := deskOf(), crewOf()
	now := func() time.Time { return afternoon }
	book, err := consoletest.NewOrders(t.TempDir(), byPerson{desk, crew}, now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = book.Close() })
	world, err := consoletest.New(consoletest.Config{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	runs := consoletest.NewWater(afternoon)
	pages, err := console.New(console.Config{City: world, Access: crew, Looks: &consoletest.Looks{}, Orders: book, Services: map[city.Slug]service.Service{"water": runs}, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pages.Close)
	asked := func(id, pipe string) order.Order {
		d := service.Decision{ID: id, Service: "water", Level: service.Confirm, Algorithm: "leak-search", Reason: "More flows in.", At: afternoon, Inputs: []service.Input{{Entity: "urn:ngsi-ld:Pipe:1", Attribute: "leakFlow", Value: "6", At: afternoon}}}
		o, err := book.FromService(t.Context(), d, order.Content{Kind: "valve", Task: "Close V7.", Asset: "urn:ngsi-ld:Pipe:" + pipe, Priority: order.Urgent}, order.Assignee{})
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	ours, other := asked("isolate-1", "P3"), asked("isolate-2", "P3")
	give := func(o order.Order, to order.Assignee) {
		if _, err := book.Decide(t.Context(), order.Asker{Who: desk.As}, "a-key-of-the-test-"+o.ID, o.ID, o.Revision, order.Given, to); err != nil {
			t.Fatal(err)
		}
	}
	give(ours, order.Assignee{Crew: consoletest.Crew})
	give(other, order.Assignee{Crew: "signals"})
	path := "/orders/" + ours.ID + "/sheet.pdf"
	if page := get(t, pages, "/orders/mine").Body.String(); strings.Count(page, `"sheet":"`+path+`"`) != 1 || strings.Contains(page, other.ID) || strings.Count(page, `href="`+path+`"`) != 1 {
		t.Error("the crew's page has not the way to one sheet")
	}
	if page := get(t, pages, "/orders/"+ours.ID).Body.String(); !strings.Contains(page, `href="`+path+`"`) {
		t.Error("the order's page has not the way to its sheet")
	}
	if w := get(t, pages, path); w.Code != http.StatusOK || !strings.HasPrefix(w.Body.String(), "%PDF-") {
		t.Errorf("its sheet: %d", w.Code)
	}
	for what, path := range map[string]string{"another crew's": "/orders/" + other.ID + "/sheet.pdf", "the desk's": "/services/water/sheet.pdf?pipe=P3"} {
		if w := get(t, pages, path); w.Code != http.StatusForbidden && w.Code != http.StatusNotFound {
			t.Errorf("%s sheet: %d", what, w.Code)
		}
	}
}
