package hub_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"polity/access"
	"polity/access/account"
	"polity/access/account/accounttest"
	"polity/access/directory"
	"polity/access/directory/directorytest"
	"polity/city"
	"polity/hub"
)

// visitor is a browser at the hub and at the directory, each of which it knows by name.
type visitor struct {
	t      *testing.T
	http   *http.Client
	origin string
}

func newVisitor(t *testing.T, origin string) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &visitor{t: t, origin: origin, http: &http.Client{
		Jar: jar, Timeout: time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// page opens an address, of the hub if it is a path, and returns the answer's page.
func (v *visitor) page(address string) (*http.Response, string) {
	v.t.Helper()
	if strings.HasPrefix(address, "/") {
		address = v.origin + address
	}
	res, err := v.http.Get(address)
	return v.read(res, err)
}

// send posts to the hub as its own pages do.
func (v *visitor) send(path, contentType, body string) (*http.Response, string) {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), http.MethodPost, v.origin+path, strings.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("Origin", v.origin)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return v.read(v.http.Do(r))
}

func (v *visitor) read(res *http.Response, err error) (*http.Response, string) {
	v.t.Helper()
	if err != nil {
		v.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return res, string(text)
}

// signIn signs in through the directory as somebody and returns the hub's answer.
func (v *visitor) signIn(name string) (*http.Response, string) {
	v.t.Helper()
	res, page := v.send("/sign-in/directory", "application/x-www-form-urlencoded", "then=%2Faccount")
	_, at, ok := strings.Cut(res.Header.Get("Refresh"), "url=")
	if !ok {
		v.t.Fatalf("the hub leads to no directory: %s\n%s", res.Status, page)
	}
	for range 10 {
		res, page = v.page(at)
		next, err := res.Location()
		if err != nil {
			v.t.Fatalf("%s answers %s and leads nowhere\n%s", at, res.Status, page)
		}
		if strings.HasPrefix(next.String(), v.origin) {
			return v.page(next.String())
		}
		if strings.HasPrefix(next.Path, "/interaction/") {
			next.RawQuery = url.Values{"login": {name}}.Encode()
		}
		at = next.String()
	}
	v.t.Fatal("the directory leads round and round")
	return nil, ""
}

// enrol uses a code up.
func (v *visitor) enrol(code, name string) {
	v.t.Helper()
	sent, _ := json.Marshal(map[string]string{"code": code, "name": name})
	res, options := v.send("/enrol/begin", "application/json", string(sent))
	if res.StatusCode != http.StatusOK {
		v.t.Fatalf("the code is answered with %s: %s", res.Status, options)
	}
	made, err := (&accounttest.Authenticator{Origin: v.origin}).Create([]byte(options))
	if err != nil {
		v.t.Fatal(err)
	}
	if res, text := v.send("/enrol/finish", "application/json", string(bytes.TrimSpace(made))); res.StatusCode != http.StatusOK {
		v.t.Fatalf("the passkey is answered with %s: %s", res.Status, text)
	}
}

// TestSigningInThroughTheDirectory plays it over HTTP: a hub, a real provider, and
// browsers.
func TestSigningInThroughTheDirectory(t *testing.T) {
	t.Parallel()
	provider := directorytest.Start(t, "0", "http://localhost:1/back", "http://localhost:1/")
	provider.People(map[string]directorytest.Person{
		"carla": {Name: "Carla Control", Groups: []string{"control-room"}},
		"nemo":  {Name: "Nemo Nobody", Groups: []string{"chess"}},
		"both":  {Name: "Both", Groups: []string{"control-room", "computers"}},
	})
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(directorytest.Secret), 0o600); err != nil {
		t.Fatal(err)
	}
	w := newTown(t)
	w.cfg.Access.Bodies = []account.Body{{Name: "city", Title: "The city"}, {Name: "police", Title: "Police"}}
	w.cfg.Access.Directory = &directory.Config{
		Name: "Town Hall", Issuer: provider.Issuer, ClientID: directorytest.ClientID, ClientSecretFile: secret, Scopes: []string{"groups"},
		Groups: []directory.Group{
			{Group: "control-room", Body: "police", Roles: []access.Role{access.SafetyOperator}, Areas: []city.Slug{"city"}},
			{Group: "computers", Body: "police", Roles: []access.Role{access.IT}},
		},
	}
	if err := w.cfg.WithDefaults().Check(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ready, done := make(chan hub.Started, 1), make(chan error, 1)
	go func() {
		done <- hub.Run(ctx, w.cfg, hub.Deps{Log: slog.New(slog.NewTextHandler(w.log, nil)), Ready: func(s hub.Started) { ready <- s }})
	}()
	defer func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("the hub ended: %v", err)
		}
	}()
	var started hub.Started
	select {
	case started = <-ready:
	case err := <-done:
		done <- err
		t.Fatalf("the hub did not start: %v", err)
	}
	origin := strings.TrimSuffix(started.First.At, "/enrol")
	provider.LeadBack(origin+"/sign-in/directory/back", origin+"/")

	// Before the first administrator nobody comes in.
	if res, page := newVisitor(t, origin).signIn("carla"); res.StatusCode == http.StatusOK || strings.Contains(page, "Carla") {
		t.Errorf("before the first administrator: %s\n%s", res.Status, page)
	}
	first := newVisitor(t, origin)
	first.enrol(started.First.Code, "Ada First")

	carla := newVisitor(t, origin)
	if _, page := carla.page("/sign-in"); !strings.Contains(page, "Town Hall") {
		t.Errorf("the page to sign in does not name the directory:\n%s", page)
	}
	if res, page := carla.page("/account"); res.StatusCode == http.StatusOK {
		t.Errorf("nobody has an account: %s\n%s", res.Status, page)
	}
	res, page := carla.signIn("carla")
	if res.StatusCode != http.StatusOK || !strings.HasSuffix(res.Header.Get("Refresh"), "url=/account") {
		t.Fatalf("signed in: %s, on to %q\n%s", res.Status, res.Header.Get("Refresh"), page)
	}
	if res, page := carla.page("/account"); res.StatusCode != http.StatusOK || !strings.Contains(page, "Carla Control") {
		t.Errorf("her account: %s\n%s", res.Status, page)
	}
	if res, _ := carla.page("/people"); res.StatusCode != http.StatusForbidden {
		t.Errorf("the control room sees who has which rights: %s", res.Status)
	}
	if _, page := first.page("/people"); !strings.Contains(page, "Carla Control") {
		t.Errorf("administrators do not see her:\n%s", page)
	}

	for name, want := range map[string]string{"nemo": "no task", "both": "exclude each other"} {
		v := newVisitor(t, origin)
		if res, page := v.signIn(name); res.StatusCode != http.StatusForbidden || !strings.Contains(page, want) {
			t.Errorf("%s: %s\n%s", name, res.Status, page)
		}
		if res, _ := v.page("/account"); res.StatusCode == http.StatusOK {
			t.Errorf("%s is signed in", name)
		}
	}

	// Signing out leads on to the directory whoever came through it, and nobody else.
	again := newVisitor(t, origin)
	again.signIn("carla")
	if res, _ := again.send("/sign-out", "application/x-www-form-urlencoded", ""); !strings.Contains(res.Header.Get("Refresh"), "url="+provider.Issuer+"/session/end?client_id=polity") {
		t.Errorf("she signs out: %s, on to %q", res.Status, res.Header.Get("Refresh"))
	}
	if res, _ := again.page("/account"); res.StatusCode == http.StatusOK {
		t.Error("she is signed in after signing out")
	}

	// What the directory takes away is gone with the next sign-in, wherever.
	provider.People(map[string]directorytest.Person{"carla": {Name: "Carla Control"}})
	if res, page := newVisitor(t, origin).signIn("carla"); res.StatusCode != http.StatusForbidden {
		t.Errorf("without a group: %s\n%s", res.Status, page)
	}
	if res, _ := carla.page("/account"); res.StatusCode == http.StatusOK {
		t.Error("her earlier session goes on")
	}

	// Without the directory passkeys go on, and the page that begins says so.
	provider.Stop()
	if res, _ := first.page("/account"); res.StatusCode != http.StatusOK {
		t.Errorf("the administrator without the directory: %s", res.Status)
	}
	if res, _ := first.send("/sign-out", "application/x-www-form-urlencoded", ""); res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/" {
		t.Errorf("the administrator signs out: %s, on to %q", res.Status, res.Header.Get("Location"))
	}
}
