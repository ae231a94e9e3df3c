package directory_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"polity/access"
	"polity/access/directory"
	"polity/access/directory/directorytest"
)

// Where the hub under test would be. Nothing is there: the tests take the request that
// the browser would make.
const (
	back   = "http://127.0.0.1:8081/signin/directory/back"
	out    = "http://127.0.0.1:8081/"
	secret = directorytest.Secret
)

// browser is one with cookies, which follows nothing by itself.
func browser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar, Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// walk follows a sign-in through the provider's pages as a browser would, answers the
// sign-in page with answer (such as login=alice), and returns the request that leads back
// to the hub with the hub's cookie.
func walk(t *testing.T, b *http.Client, start directory.Start, answer string) *http.Request {
	t.Helper()
	at := start.URL
	for range 10 {
		res, err := b.Get(at)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(io.LimitReader(res.Body, 4096))
		res.Body.Close()
		next, err := res.Location()
		if err != nil {
			t.Fatalf("%s answers %s and leads nowhere:\n%s", at, res.Status, text)
		}
		if strings.HasPrefix(next.String(), back) {
			return returning(t, next.String(), start.Cookie)
		}
		if strings.HasPrefix(next.Path, "/interaction/") {
			next.RawQuery = answer
		}
		at = next.String()
	}
	t.Fatal("the provider leads round and round")
	return nil
}

func returning(t *testing.T, at string, cookie *http.Cookie) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at, nil)
	if err != nil {
		t.Fatal(err)
	}
	if cookie != nil {
		r.AddCookie(cookie)
	}
	return r
}

func config(t *testing.T, issuer string) directory.Config {
	t.Helper()
	return directory.Config{
		Name: "the city's directory", Issuer: issuer, ClientID: "polity", ClientSecretFile: file(t, secret+"\n", 0o600), Scopes: []string{"groups"},
		Groups: []directory.Group{
			{Group: "safety", Body: "police", Roles: []access.Role{"safety-operator"}, Areas: slugs("centre"), Cameras: slugs("square")},
			{Group: "harbour", Body: "police", Roles: []access.Role{"safety-operator"}, Areas: slugs("harbour")},
			{Group: "evidence", Body: "police", Roles: []access.Role{"evidence-officer"}},
			{Group: "computers", Body: "city-it", Roles: []access.Role{"it"}},
			{Group: "police-computers", Body: "police", Roles: []access.Role{"it"}},
		},
	}
}

func open(t *testing.T, c directory.Config, now func() time.Time) *directory.Directory {
	t.Helper()
	d, err := directory.Open(c, directory.Deps{Back: back, Out: out, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func begin(t *testing.T, d *directory.Directory, next string) directory.Start {
	t.Helper()
	s, err := d.Begin(t.Context(), next)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func param(t *testing.T, address, name string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query().Get(name)
}
