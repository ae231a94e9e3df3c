// Package directorytest runs a real OpenID Connect provider for tests: oidc-provider, a
// process of Node.js on loopback.
package directorytest

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	_ "embed" // the script
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

//go:embed provider.mjs
var script string

// What the provider knows the hub by.
const (
	ClientID = "polity"
	Secret   = "a secret that both know" //nolint:gosec // of tests
)

// Person is somebody of the provider, by name of sign-in in Provider.People.
type Person struct {
	Name     string   `json:"name,omitempty"`
	Username string   `json:"preferred_username,omitempty"`
	Groups   []string `json:"groups,omitempty"`
}

// Provider is one provider.
type Provider struct {
	Issuer string // http://127.0.0.1:...

	t   testing.TB
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// Start starts one that leads back to an address; port "0" is a free one. The test is
// skipped where set-up has not been run.
func Start(t testing.TB, port, back, out string) *Provider {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("no Node.js here: run 'setup/setup test' first")
	}
	root := repository(t)
	if _, err := os.Stat(filepath.Join(root, "node_modules/oidc-provider")); err != nil {
		t.Skip("the web parts are not set up: run 'setup/setup test' first")
	}
	p := &Provider{t: t, cmd: exec.CommandContext(t.Context(), node, "--no-warnings", "--input-type=module", "--eval", script, "--", port, ClientID, Secret)} //nolint:gosec // of tests
	p.cmd.Dir = root                                                                                                                                          // from there the script finds its packages
	said := &words{}
	p.cmd.Stderr = said
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the provider says:\n%s", said)
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
	p.Issuer = p.line()
	t.Cleanup(p.Stop)
	p.set(map[string]any{"keys": []any{NewKey(t, "first")}, "back": back, "out": out})
	return p
}

// repository is its folder.
func repository(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("the test does not run in the repository")
		}
		dir = filepath.Dir(dir)
	}
}

// Stop ends the provider.
func (p *Provider) Stop() {
	p.in.Close()
	_ = p.cmd.Wait() // ends when its input does
}

func (p *Provider) line() string {
	p.t.Helper()
	line, err := p.out.ReadString('\n')
	if err != nil {
		p.t.Fatalf("the provider ended: %v", err)
	}
	return strings.TrimSpace(line)
}

func (p *Provider) set(what map[string]any) {
	p.t.Helper()
	if err := json.NewEncoder(p.in).Encode(what); err != nil {
		p.t.Fatal(err)
	}
	if line := p.line(); line != "ok" {
		p.t.Fatalf("the provider says %q", line)
	}
}

// People are those who can sign in from now on.
func (p *Provider) People(list map[string]Person) {
	p.t.Helper()
	p.set(map[string]any{"people": list})
}

// Keys are those by which it signs from now on, by the first.
func (p *Provider) Keys(keys ...jose.JSONWebKey) {
	p.t.Helper()
	p.set(map[string]any{"keys": keys})
}

// InToken says whether groups stand in the ID token or at UserInfo alone.
func (p *Provider) InToken(is bool) {
	p.t.Helper()
	p.set(map[string]any{"inToken": is})
}

// LeadBack changes where it leads back to.
func (p *Provider) LeadBack(back, out string) {
	p.t.Helper()
	p.set(map[string]any{"back": back, "out": out})
}

// NewKey is a private key for ES256.
func NewKey(t testing.TB, id string) jose.JSONWebKey {
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
