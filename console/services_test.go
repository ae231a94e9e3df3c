package console_test

import (
	"net/http"
	"testing"
	"time"

	"polity/access"
	"polity/city"
	"polity/console"
	"polity/console/consoletest"
	"polity/room/decision"
	"polity/service"
)

// servicePages are the pages of a city in which one service runs, for somebody with some
// rights; book may be nil.
func servicePages(t *testing.T, name city.Slug, runs service.Service, book *decision.Book, may ...access.Action) http.Handler {
	t.Helper()
	now := func() time.Time { return afternoon }
	world, err := consoletest.New(consoletest.Config{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	pages, err := console.New(console.Config{City: world, Access: atDesk(may...), Looks: &consoletest.Looks{}, Decisions: book, Services: map[city.Slug]service.Service{name: runs}, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pages.Close)
	return pages
}

// atDesk is somebody at a service's desk.
func atDesk(may ...access.Action) *consoletest.Access {
	return &consoletest.Access{As: access.Who{Kind: access.Person, ID: "p9", Name: "Tarja"}, May: may}
}
