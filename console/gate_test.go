package console_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"polity/access"
	"polity/city"
	"polity/console"
	"polity/console/consoletest"
	"polity/console/frame"
)

func newGated(t *testing.T, who frame.Access, looks console.Looks) *console.Console {
	t.Helper()
	now := func() time.Time { return afternoon }
	world, err := consoletest.New(consoletest.Config{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	cfg := console.Config{City: world, Access: who, Now: now}
	if looks != nil {
		cfg.Looks = looks
	}
	pages, err := console.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pages.Close)
	return pages
}

// TestWhatIsNotPublicIsWrittenDownFirst asks for the newest place as somebody who may
// look, with a book, with one that cannot be written, and without one.
func TestWhatIsNotPublicIsWrittenDownFirst(t *testing.T) {
	const newest = "/cameras/square/place.jpg"
	looks := &consoletest.Looks{}
	if w := get(t, newGated(t, everything, looks), newest); w.Code != http.StatusOK {
		t.Fatalf("status %d", w.Code)
	}
	all, ended := looks.All()
	if len(all) != 1 || ended != 1 || all[0].Do != access.LookBack || all[0].On.ID != "square" || all[0].Who.ID != everything.As.ID {
		t.Errorf("the book holds %+v", all)
	}
	full := &consoletest.Looks{Err: city.Errorf(city.Unavailable, "the disk is full")}
	for _, path := range []string{newest, "/live?cameras=square", "/cameras/square"} {
		if w := get(t, newGated(t, everything, full), path); w.Code != http.StatusServiceUnavailable {
			t.Errorf("%s with a full book: status %d", path, w.Code)
		}
	}
	late := get(t, newGated(t, nobody, nil), newest).Body.String()
	if got := get(t, newGated(t, everything, nil), newest).Body.String(); got != late {
		t.Error("without a book more is shown than to everyone")
	}
}

func TestThePublicsPlaceIsNoLook(t *testing.T) {
	looks := &consoletest.Looks{}
	for _, path := range []string{"/cameras/square/place.jpg?as=public", "/cameras/square?as=public", "/cameras/square/place.jpg?at=1795510000000", "/"} {
		if w := get(t, newGated(t, everything, looks), path); w.Code != http.StatusOK {
			t.Errorf("%s: status %d", path, w.Code)
		}
	}
	if all, _ := looks.All(); len(all) != 0 {
		t.Errorf("the book holds %+v", all)
	}
}

// TestDepartmentsGetCountsAndNoScene is the rule that a person sees what their task needs.
func TestDepartmentsGetCountsAndNoScene(t *testing.T) {
	looks := &consoletest.Looks{}
	department := newGated(t, &consoletest.Access{As: access.Who{Kind: access.Person, ID: "p2"}, May: []access.Action{access.SeeCounts}}, looks)
	late := get(t, newGated(t, nobody, nil), "/cameras/square/place.jpg").Body.String()
	if got := get(t, department, "/cameras/square/place.jpg").Body.String(); got != late {
		t.Error("a department sees a newer place than everyone")
	}
	if w := get(t, department, "/live?cameras=square"); w.Code != http.StatusForbidden {
		t.Errorf("live: status %d", w.Code)
	}
	page := get(t, department, "/cameras/square").Body.String()
	if strings.Contains(page, `"live":true`) || !strings.Contains(page, `"public":false`) {
		t.Error("the page of a department is not one with its counts and without a live scene")
	}
	if all, _ := looks.All(); len(all) != 0 {
		t.Errorf("the book holds %+v", all)
	}
}

type unsure struct{ *consoletest.Access }

func (unsure) Who(*http.Request) (access.Who, error) {
	return access.Who{}, city.Errorf(city.Unavailable, "the accounts cannot be read")
}

// TestWhoCannotBeToldSeesNothing would else show the public's pages to a thief of a
// revoked session while the accounts are away.
func TestWhoCannotBeToldSeesNothing(t *testing.T) {
	now := func() time.Time { return afternoon }
	world, err := consoletest.New(consoletest.Config{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	pages, err := console.New(console.Config{City: world, Access: unsure{everything}, Looks: &consoletest.Looks{Err: errors.New("unused")}, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	defer pages.Close()
	for _, path := range []string{"/live?cameras=square", "/system", "/cameras/square/edit"} {
		if w := get(t, pages, path); w.Code != http.StatusServiceUnavailable {
			t.Errorf("%s: status %d", path, w.Code)
		}
	}
}

func TestRefusalOffersToSignIn(t *testing.T) {
	w := get(t, newGated(t, nobody, nil), "/cameras/square/edit?x=1")
	if !strings.Contains(w.Body.String(), `href="/sign-in?then=%2Fcameras%2Fsquare%2Fedit%3Fx%3D1"`) {
		t.Errorf("the page does not offer to sign in: %s", w.Body.String())
	}
}

// TestALiveSceneEndsWithTheSignIn: what is open closes when the sign-in is revoked, and the
// look is over.
func TestALiveSceneEndsWithTheSignIn(t *testing.T) {
	looks, who := &consoletest.Looks{}, consoletest.Everything()
	server := httptest.NewServer(newGated(t, who, looks))
	defer server.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/live?cameras=square", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if _, err := answer.Body.Read(make([]byte, 1)); err != nil {
		t.Fatalf("the scene does not begin: %v", err)
	}
	if all, ended := looks.All(); len(all) != 1 || ended != 0 || all[0].Do != access.LookLive {
		t.Errorf("while it is open: %+v, %d ended", all, ended)
	}
	who.Revoke()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		t.Errorf("the scene ends with %v", err)
	}
	server.Close() // waits for the answer's end
	if _, ended := looks.All(); ended != 1 {
		t.Errorf("%d looks ended", ended)
	}
}
