package console_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"polity/access"
	"polity/city"
	"polity/console"
	"polity/console/consoletest"
	"polity/room/alert"
)

// soon is four minutes behind an event whose place is public ten minutes behind it.
var soon = time.Date(2026, 11, 24, 10, 25, 0, 0, time.UTC)

const (
	newEvent = "/cameras/square/events/e4.jpg"
	oldEvent = "/cameras/square/events/e1.jpg"
)

func pagesSoon(t *testing.T, may *consoletest.Access, looks *consoletest.Looks) *console.Console {
	t.Helper()
	now := func() time.Time { return soon }
	world, err := consoletest.New(consoletest.Config{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	room, err := consoletest.NewRoom(t.TempDir(), may, now)
	if err != nil {
		t.Fatal(err)
	}
	pages, err := console.New(console.Config{City: world, Access: may, Looks: looks, Alerts: room.Queue, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		pages.Close()
		if err := room.Close(); err != nil {
			t.Error(err)
		}
	})
	return pages
}

// TestTheNewPlaceOfAnEventIsALook: the right to events is no way around the right to see
// the place as it is now, nor around the book of looks.
func TestTheNewPlaceOfAnEventIsALook(t *testing.T) {
	looks := &consoletest.Looks{}
	person := access.Who{Kind: access.Person, ID: "p2", Session: "s2"}
	department := pagesSoon(t, &consoletest.Access{As: person, May: []access.Action{access.SeeCounts, access.SeeAlerts}}, looks)
	if w := get(t, department, newEvent); w.Code != http.StatusForbidden {
		t.Errorf("a department's picture of a new event: status %d", w.Code)
	}
	if w := get(t, department, oldEvent); w.Code != http.StatusOK {
		t.Errorf("a department's picture of an old event: status %d", w.Code)
	}
	if page := get(t, department, "/cameras/square").Body.String(); strings.Contains(page, newEvent) || !strings.Contains(page, oldEvent) {
		t.Error("a department's page of the camera holds pictures that it may not see, or not those that it may")
	}
	if all, _ := looks.All(); len(all) != 0 {
		t.Errorf("the book holds %+v", all)
	}
	operator := pagesSoon(t, everything, looks)
	if w := get(t, operator, newEvent); w.Code != http.StatusOK || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("an operator's picture: status %d, %s", w.Code, w.Header().Get("Cache-Control"))
	}
	if all, ended := looks.All(); len(all) != 1 || ended != 1 || all[0].Do != access.LookBack || all[0].On.ID != "square" {
		t.Errorf("the book holds %+v", all)
	}
	full := pagesSoon(t, everything, &consoletest.Looks{Err: city.Errorf(city.Unavailable, "the disk is full")})
	if w := get(t, full, newEvent); w.Code != http.StatusServiceUnavailable {
		t.Errorf("with a book that cannot be written: status %d", w.Code)
	}
}

// TestAnAlertShowsNoNewPlaceByItself: whoever goes through the queue has not looked yet.
func TestAnAlertShowsNoNewPlaceByItself(t *testing.T) {
	looks := &consoletest.Looks{}
	pages := pagesSoon(t, everything, looks)
	page := get(t, pages, "/room/alert?key="+string(alert.NewKey("camera", "square:e4"))).Body.String()
	if strings.Contains(page, `src="`+newEvent) || !strings.Contains(page, `href="`+newEvent) {
		t.Errorf("the place is not behind a link: %s", page)
	}
	if old := get(t, pages, "/room/alert?key=camera:square:e1").Body.String(); !strings.Contains(old, `src="`+oldEvent) {
		t.Error("the place that is public is not shown")
	}
	if all, _ := looks.All(); len(all) != 0 {
		t.Errorf("the book holds %+v", all)
	}
}

// TestWhatIsNotPublicIsNotKept: whoever uses the machine next finds no picture in the
// browser's store that they may not see.
func TestWhatIsNotPublicIsNotKept(t *testing.T) {
	pages := newGated(t, everything, &consoletest.Looks{})
	if got := get(t, pages, "/cameras/square/place.jpg").Header().Get("Cache-Control"); got != "no-store" {
		t.Errorf("the newest place: %q", got)
	}
	if got := get(t, newGated(t, nobody, nil), "/cameras/square/place.jpg").Header().Get("Cache-Control"); got != "private, no-cache" {
		t.Errorf("the public's place: %q", got)
	}
}
