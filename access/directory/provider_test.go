package directory_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"polity/access"
	"polity/access/directory"
)

// Where the hub under test would be. Nothing is there: the tests take the request that
// the browser would make.
const (
	back   = "http://127.0.0.1:8081/signin/directory/back"
	out    = "http://127.0.0.1:8081/"
	secret = "a secret that both know"
)

// person is somebody of the real provider.
type person struct {
	Name     string   `json:"name,omitempty"`
	Username string   `json:"preferred_username,omitempty"`
	Groups   []string `json:"groups,omitempty"`
}

// provider is a real OpenID Connect provider, a process of its own.
type provider struct {
	t      *testing.T
	issuer string
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
}

// startProvider starts one; port 0 is a free one.
func startProvider(t *testing.T, port string) *provider {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("no Node.js here: run 'setup/setup test' first")
	}
	if _, err := os.Stat("../../node_modules/oidc-provider"); err != nil {
		t.Skip("the web parts are not set up: run 'setup/setup test' first")
	}
	p := &provider{t: t, cmd: exec.CommandContext(t.Context(), node, "testdata/provider.mjs", port, "polity", secret, back, out)}
	p.cmd.Env = append(os.Environ(), "NODE_OPTIONS=--no-warnings")
	words := &words{}
	p.cmd.Stderr = words
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the provider says:\n%s", words)
		}
	})
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	pipe, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.out = bufio.NewReader(pipe)
	p.issuer = p.line()
	t.Cleanup(p.stop)
	p.set(map[string]any{"keys": []any{newKey(t, "first")}})
	return p
}

func (p *provider) stop() {
	p.in.Close()
	_ = p.cmd.Wait() // ends when its input does
}

func (p *provider) line() string {
	p.t.Helper()
	line, err := p.out.ReadString('\n')
	if err != nil {
		p.t.Fatalf("the provider ended: %v", err)
	}
	return strings.TrimSpace(line)
}

func (p *provider) set(what map[string]any) {
	p.t.Helper()
	if err := json.NewEncoder(p.in).Encode(what); err != nil {
		p.t.Fatal(err)
	}
	if line := p.line(); line != "ok" {
		p.t.Fatalf("the provider says %q", line)
	}
}

func (p *provider) people(list map[string]person) {
	p.t.Helper()
	p.set(map[string]any{"people": list})
}

// newKey is a private key as JWK, ES256 and RS256 being what providers use.
func newKey(t *testing.T, id string) jose.JSONWebKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return jose.JSONWebKey{Key: key, KeyID: id, Use: "sig", Algorithm: "ES256"}
}

type words struct {
	mu   sync.Mutex
	text strings.Builder
}

func (w *words) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(p)
}

func (w *words) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// browser is one with cookies, which follows nothing by itself.
func browser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar, Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
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
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return directory.Config{
		Name: "the city's directory", Issuer: issuer, ClientID: "polity", ClientSecretFile: file, Scopes: []string{"groups"},
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
