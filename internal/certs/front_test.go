package certs

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"polity/city"
)

// made writes a certificate for hosts, signed by itself, and its key.
func made(t *testing.T, dir string, from, until time.Time, hosts ...string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), NotBefore: from, NotAfter: until, DNSNames: hosts}
	der, err := x509.CreateCertificate(rand.Reader, c, c, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	text, err := keyPEM(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "hub.crt"), filepath.Join(dir, "hub.key")
	put(t, cert, string(certPEM(der)), 0o644)
	put(t, key, string(text), 0o600)
	return cert, key
}

func put(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// clock is one that a test sets.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

// shown is the certificate that a front shows now.
func shown(t *testing.T, f *Front) *x509.Certificate {
	t.Helper()
	pair, err := f.TLS().GetCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	return pair.Leaf
}

func TestFilesThatChange(t *testing.T) {
	var log strings.Builder
	now := &clock{time.Now()}
	dir := t.TempDir()
	cert, key := made(t, dir, now.at.Add(-time.Hour), now.at.Add(time.Hour), "hub.city.example")
	f, err := Open(Config{CertFile: cert, KeyFile: key}, Deps{Listen: "0.0.0.0:443", Now: now.now, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	first := shown(t, f)
	good, _ := os.ReadFile(cert)
	goodKey, _ := os.ReadFile(key)
	elsewhere := t.TempDir()
	otherCert, otherKey := made(t, elsewhere, now.at.Add(-2*time.Hour), now.at.Add(-time.Hour), "old.city.example")
	old, _ := os.ReadFile(otherCert)
	oldKey, _ := os.ReadFile(otherKey)
	futureCert, futureKey := made(t, elsewhere, now.at.Add(time.Hour), now.at.Add(2*time.Hour), "new.city.example")
	future, _ := os.ReadFile(futureCert)
	theirs, _ := os.ReadFile(futureKey)
	for name, c := range map[string]struct {
		cert, key string
		mode      os.FileMode
		want      string
	}{
		"half written":      {string(good[:100]), string(goodKey), 0o600, "hub.crt"},
		"empty":             {"", "", 0o600, "hub.crt"},
		"the key to come":   {string(future), string(goodKey), 0o600, "does not match"},
		"expired":           {string(old), string(oldKey), 0o600, "expired on"},
		"of the future":     {string(future), string(theirs), 0o600, "clock"},
		"everyone's key":    {string(good), string(goodKey), 0o644, "chmod 600"},
		"the key alone":     {string(goodKey), string(goodKey), 0o600, "hub.crt"},
		"key and no key":    {string(good), string(good), 0o600, "hub.key"},
		"no certificate":    {"hello", string(goodKey), 0o600, "hub.crt"},
		"certificate twice": {string(good) + string(good), string(goodKey), 0o600, ""}, // a chain, if an odd one
	} {
		log.Reset()
		put(t, cert, c.cert, 0o644)
		put(t, key, c.key, c.mode)
		for range 3 {
			_ = f.look()
		}
		if !shown(t, f).Equal(first) {
			t.Errorf("%s: another certificate is shown", name)
		}
		if n := strings.Count(log.String(), "needs care"); c.want != "" && (n != 1 || !strings.Contains(log.String(), c.want)) {
			t.Errorf("%s: told %d times: %s", name, n, log.String())
		}
	}
	if err := os.Remove(cert); err != nil {
		t.Fatal(err)
	}
	if err := f.look(); err == nil || !shown(t, f).Equal(first) {
		t.Errorf("without its file: %v", err)
	}
	log.Reset()
	cert, _ = made(t, dir, now.at.Add(-time.Hour), now.at.Add(2*time.Hour), "hub.city.example")
	_ = f.look()
	if shown(t, f).Equal(first) || strings.Count(log.String(), "have a certificate") != 1 {
		t.Errorf("a good new certificate is not taken: %s", log.String())
	}

	put(t, cert, "nothing", 0o644)
	if _, err := Open(Config{CertFile: cert, KeyFile: key}, Deps{Listen: "0.0.0.0:443"}); err == nil {
		t.Error("it opens without a certificate")
	}
	if _, err := Inspect(Config{CertFile: otherCert, KeyFile: otherKey}, "0.0.0.0:443", time.Now()); city.KindOf(err) != city.Invalid || !strings.Contains(err.Error(), "valid from") {
		t.Errorf("inspected: %v", err)
	}
}

// over opens a connection to a front's pages and asks for one.
func over(t *testing.T, f *Front, c *tls.Config) (*http.Response, error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{TLSConfig: f.TLS(), ReadHeaderTimeout: time.Minute, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0), Handler: f.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Proto)
	}))}
	go s.ServeTLS(l, "", "") //nolint:errcheck // ends with the test
	t.Cleanup(func() { s.Close() })
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{
		ForceAttemptHTTP2: true, TLSClientConfig: c,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", l.Addr().String())
		},
	}}
	t.Cleanup(client.CloseIdleConnections)
	return client.Get("https://" + c.ServerName + "/")
}

func TestConnectionsAreEncryptedWell(t *testing.T) {
	cert, key := made(t, t.TempDir(), time.Now().Add(-time.Hour), time.Now().Add(time.Hour), "hub.city.example")
	f, err := Open(Config{CertFile: cert, KeyFile: key}, Deps{Listen: "0.0.0.0:443"})
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(shown(t, f))
	for name, c := range map[string]struct {
		tls  *tls.Config
		good bool
	}{
		"today's browser":       {&tls.Config{}, true},
		"a device with TLS 1.2": {&tls.Config{MaxVersion: tls.VersionTLS12}, true},
		"TLS 1.1":               {&tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, false},
		"CBC alone":             {&tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA}}, false},
	} {
		c.tls.RootCAs, c.tls.ServerName = roots, "hub.city.example"
		res, err := over(t, f, c.tls)
		if (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil {
			continue
		}
		res.Body.Close()
		if res.Proto != "HTTP/2.0" || res.Header.Get("Strict-Transport-Security") != "max-age=31536000" {
			t.Errorf("%s: %s, %q", name, res.Proto, res.Header.Get("Strict-Transport-Security"))
		}
	}
}

func TestPlainHTTPLeadsOn(t *testing.T) {
	cert, key := made(t, t.TempDir(), time.Now().Add(-time.Hour), time.Now().Add(time.Hour), "hub.city.example")
	for _, c := range []struct {
		listen, method, host, path string
		status                     int
		to                         string
	}{
		{"0.0.0.0:443", "GET", "hub.city.example", "/cameras?x=1", 301, "https://hub.city.example/cameras?x=1"},
		{"0.0.0.0:8443", "GET", "HUB.city.example:80", "/", 301, "https://hub.city.example:8443/"},
		{"0.0.0.0:443", "HEAD", "hub.city.example", "//elsewhere.example/", 301, "https://hub.city.example//elsewhere.example/"},
		{"0.0.0.0:443", "GET", "elsewhere.example", "/", 421, ""},
		{"0.0.0.0:443", "GET", "hub.city.example.elsewhere.example", "/", 421, ""},
		{"0.0.0.0:443", "GET", "", "/", 421, ""},
		{"0.0.0.0:443", "POST", "hub.city.example", "/signin", 403, ""},
	} {
		f, err := Open(Config{CertFile: cert, KeyFile: key, Redirect: "0.0.0.0:80"}, Deps{Listen: c.listen})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(c.method, "http://x"+c.path, nil)
		r.Host = c.host
		w := httptest.NewRecorder()
		f.Redirect().ServeHTTP(w, r)
		if w.Code != c.status || w.Header().Get("Location") != c.to {
			t.Errorf("%s %s%s: %d to %q", c.method, c.host, c.path, w.Code, w.Header().Get("Location"))
		}
	}
}

func TestRunTakesWhatIsNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		cert, key := made(t, dir, time.Now().Add(-time.Hour), time.Now().Add(time.Hour), "hub.city.example")
		f, err := Open(Config{CertFile: cert, KeyFile: key}, Deps{Listen: "0.0.0.0:443"})
		if err != nil {
			t.Fatal(err)
		}
		first := shown(t, f)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go f.Run(ctx)
		synctest.Wait()
		made(t, dir, time.Now().Add(-time.Hour), time.Now().Add(time.Hour), "hub.city.example")
		if !shown(t, f).Equal(first) {
			t.Error("taken before its time")
		}
		time.Sleep(lookTime + time.Second)
		synctest.Wait()
		if shown(t, f).Equal(first) {
			t.Error("not taken within ten seconds")
		}
	})
}
