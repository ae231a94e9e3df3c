package hub_test

import (
	"context"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"polity/access"
	"polity/access/account"
	"polity/city"
	"polity/console"
	"polity/hub"
)

// whole starts a hub with accounts and policies of its own.
func (w *town) whole(door *console.Door) (origin string, stop func()) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan hub.Started, 1), make(chan error, 1)
	go func() {
		done <- hub.Run(ctx, w.cfg, hub.Deps{Log: slog.New(slog.NewTextHandler(w.log, nil)), Door: door, Ready: func(s hub.Started) { ready <- s }})
	}()
	select {
	case s := <-ready:
		origin = "http://localhost" + s.Address[strings.LastIndex(s.Address, ":"):]
	case err := <-done:
		cancel()
		w.t.Fatalf("the hub did not start: %v", err)
	case <-time.After(time.Minute):
		cancel()
		w.t.Fatal("the hub did not start within a minute")
	}
	return origin, func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("the hub ended: %v", err)
		}
	}
}

// TestTheDoorIsInTheDemoAlone: with the demo's door somebody comes in from this machine and
// every page says so; the same data folder under a real hub knows no door, and whoever came
// in through it is nobody.
func TestTheDoorIsInTheDemoAlone(t *testing.T) {
	w := newTown(t)
	w.enter("square", "edge-1")
	door := &console.Door{As: []console.Persona{{
		Key: "safety", Name: "Aino", Rights: account.Rights{Body: "city", Roles: []access.Role{access.SafetyOperator}, Areas: []city.Slug{access.AllAreas}},
	}}}
	origin, stop := w.whole(door)
	v := newVisitor(t, origin)
	if _, text := v.page("/sign-in"); !strings.Contains(text, `action="/door"`) {
		t.Error("the sign-in page of the demo has no door")
	}
	far, err := http.NewRequestWithContext(t.Context(), http.MethodPost, origin+"/door", strings.NewReader("as=safety"))
	if err != nil {
		t.Fatal(err)
	}
	far.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	far.Header.Set("X-Forwarded-For", "192.0.2.7")
	if res, _ := v.read(v.http.Do(far)); res.StatusCode != http.StatusNotFound || len(res.Cookies()) > 0 {
		t.Errorf("through a proxy the door answers %s", res.Status)
	}
	if res, _ := v.send("/door", "application/x-www-form-urlencoded", "as=nobody"); res.StatusCode != http.StatusBadRequest {
		t.Errorf("for a persona that there is not: %s", res.Status)
	}
	if res, _ := v.send("/door", "application/x-www-form-urlencoded", "as=safety&then=%2Fcameras%2Fsquare"); res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/cameras/square" {
		t.Errorf("the door answers %s, to %q", res.Status, res.Header.Get("Location"))
	}
	for _, path := range []string{"/", "/cameras/square", "/account", "/room", "/people"} {
		if _, text := v.page(path); !strings.Contains(text, "No real hub has one.") {
			t.Errorf("%s does not say that somebody came in through the door", path)
		}
	}
	stop()

	w.cfg.Listen = strings.Replace(strings.TrimPrefix(origin, "http://"), "localhost", "127.0.0.1", 1) // the same cookie
	_, stop = w.whole(nil)
	defer stop()
	if res, text := v.page("/account"); res.StatusCode != http.StatusForbidden || strings.Contains(text, "Aino") {
		t.Errorf("who came in through the demo's door is somebody in a real hub: %s", res.Status)
	}
	if _, text := v.page("/sign-in"); strings.Contains(text, "/door") {
		t.Error("the sign-in page of a real hub shows a door")
	}
	res, _ := v.send("/door", "application/x-www-form-urlencoded", "as=safety")
	if res.StatusCode != http.StatusNotFound || len(res.Cookies()) > 0 {
		t.Errorf("a real hub's door answers %s with %v", res.Status, res.Cookies())
	}
}

// TestAuditorsSeeNobodysSessions: devices, networks and hours of colleagues are for whoever
// ends sessions or watches over that.
func TestAuditorsSeeNobodysSessions(t *testing.T) {
	door := &console.Door{}
	for key, role := range map[string]access.Role{"auditor": access.Auditor, "it": access.IT, "protection": access.DataProtection} {
		door.As = append(door.As, console.Persona{Key: key, Name: "The " + key, Rights: account.Rights{Body: "city", Roles: []access.Role{role}}})
	}
	origin, stop := newTown(t).whole(door)
	defer stop()
	address := regexp.MustCompile(`/people/[A-Za-z0-9_-]{6,}`)
	for key, sees := range map[string]bool{"it": true, "protection": true, "auditor": false} {
		v := newVisitor(t, origin)
		v.send("/door", "application/x-www-form-urlencoded", "as="+key)
		_, list := v.page("/people")
		seen := false
		for _, person := range address.FindAllString(list, -1) {
			res, text := v.page(person)
			if res.StatusCode != http.StatusOK {
				t.Errorf("%s: %s answers %s", key, person, res.Status)
			}
			seen = seen || strings.Contains(text, "this machine") // the network of a session
		}
		if seen != sees {
			t.Errorf("%s sees sessions of others: %v", key, seen)
		}
	}
}
