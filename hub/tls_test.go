package hub_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"polity/internal/certs"
)

// TestPagesAreEncrypted asks a hub with a certificate of its own authority, as polity hub
// init makes it.
func TestPagesAreEncrypted(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	folder := filepath.Join(w.dir, "authority")
	ca, err := certs.NewAuthority(folder, "Town", []string{"hub.town.example"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	w.cfg.TLS = certs.Config{Authority: &certs.Local{Folder: folder, Hosts: []string{"hub.town.example"}}}
	w.start()
	address, encrypted := strings.CutPrefix(w.started.Address, "https://")
	if !encrypted {
		t.Fatalf("its pages are at %s", w.started.Address)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{
		ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: roots},
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", address)
		},
	}}
	defer client.CloseIdleConnections()
	res, err := client.Get("https://hub.town.example/")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK || res.Header.Get("Strict-Transport-Security") == "" || res.Proto != "HTTP/2.0" {
		t.Errorf("%s by %s, HSTS %q", res.Status, res.Proto, res.Header.Get("Strict-Transport-Security"))
	}
	if res, err := client.Get("https://elsewhere.example/"); err == nil {
		res.Body.Close()
		t.Error("it passes for another host")
	}
	if res, err := http.Get("http://" + address + "/"); err == nil {
		res.Body.Close()
		if res.StatusCode == http.StatusOK {
			t.Error("it answers in the clear")
		}
	}
	if log := w.log.String(); strings.Contains(log, "handshake") {
		t.Errorf("the log tells of readers: %s", log)
	}
}

// TestWhatAProxyAsksForIsNotThisMachine has a proxy on the hub's own machine, where
// everything may be done without it.
func TestWhatAProxyAsksForIsNotThisMachine(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.cfg.TLS.BehindProxy = []netip.Addr{netip.MustParseAddr("127.0.0.1")}
	w.start()
	for _, c := range []struct {
		path      string
		forwarded string
		want      int
	}{
		{"/", "203.0.113.9", http.StatusOK},
		{"/metrics", "203.0.113.9", http.StatusUnauthorized},
		{"/metrics", "127.0.0.1", http.StatusBadRequest}, // the proxy's own
		{"/metrics", "", http.StatusBadRequest},
		{"/", "", http.StatusBadRequest},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.started.Address+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Forwarded-Proto", "https")
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-For", c.forwarded)
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != c.want {
			t.Errorf("%s for %q: %s", c.path, c.forwarded, res.Status)
		}
	}
}

func TestAHubIsNotReachedInTheClear(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	for listen, good := range map[string]bool{"127.0.0.1:0": true, "0.0.0.0:0": false, "[::]:0": false} {
		c := w.cfg.WithDefaults()
		c.Listen = listen
		if err := c.Check(); (err == nil) != good || (err != nil && !strings.Contains(err.Error(), "hub.listen: people would reach")) {
			t.Errorf("%s: %v", listen, err)
		}
	}
}
