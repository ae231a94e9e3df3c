package certs

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	acmeca "github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"golang.org/x/net/dns/dnsmessage"
)

// pebble is Let's Encrypt's ACME server for tests, on loopback, where every name leads.
type pebble struct {
	directory, caFile string
	roots             *x509.CertPool // of what it signs
}

func startPebble(t *testing.T, httpPort, tlsPort int) pebble {
	t.Helper()
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")
	t.Setenv("PEBBLE_WFE_NONCEREJECT", "0")
	quiet := log.New(io.Discard, "", 0)
	store := db.NewMemoryStore()
	signer := acmeca.New(quiet, store, "", "ecdsa", 0, 1, map[string]acmeca.Profile{"default": {Description: "for tests"}})
	front := wfe.New(quiet, store, va.New(quiet, httpPort, tlsPort, true, names(t), store), signer, nil, true, false, 0, 0)
	server := httptest.NewTLSServer(front.Handler())
	t.Cleanup(server.Close)
	p := pebble{directory: server.URL + wfe.DirectoryPath, caFile: filepath.Join(t.TempDir(), "ca.pem"), roots: x509.NewCertPool()}
	put(t, p.caFile, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})), 0o644)
	root, err := x509.ParseCertificate(signer.GetRootCert(0).DER)
	if err != nil {
		t.Fatal(err)
	}
	p.roots.AddCert(root)
	return p
}

// names is a server of names (RFC 1035, over TCP) to which each is 127.0.0.1.
func names(t *testing.T) string {
	t.Helper()
	l, _ := listen(t)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // the test has ended
			}
			go func() {
				defer conn.Close()
				for answerName(conn) == nil {
				}
			}()
		}
	}()
	return l.Addr().String()
}

func answerName(conn net.Conn) error {
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return err
	}
	question := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(conn, question); err != nil {
		return err
	}
	var m dnsmessage.Message
	if err := m.Unpack(question); err != nil {
		return err
	}
	m.Response, m.Additionals = true, nil
	if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
		m.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}, Body: &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}}}}
	}
	answer, err := m.AppendPack([]byte{0, 0})
	if err != nil {
		return err
	}
	binary.BigEndian.PutUint16(answer, uint16(len(answer)-2))
	_, err = conn.Write(answer)
	return err
}

func listen(t *testing.T) (net.Listener, int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l, l.Addr().(*net.TCPAddr).Port
}

func TestACertificateByACME(t *testing.T) {
	for _, challenge := range []string{"tls-alpn-01", "http-01"} {
		t.Run(challenge, func(t *testing.T) {
			pages, tlsPort := listen(t)
			plain, httpPort := listen(t)
			unused, closed := listen(t)
			unused.Close()
			known := tlsPort
			if challenge == "http-01" {
				known = closed // so that the other way fails
			}
			p := startPebble(t, httpPort, known)
			c := Config{Redirect: plain.Addr().String(), ACME: &ACME{Hosts: []string{"hub.city.example"}, Directory: p.directory, CAFile: p.caFile, AgreeTerms: true, Folder: filepath.Join(t.TempDir(), "acme"), Email: "it@city.example"}}
			words := &strings.Builder{}
			f, err := Open(c, Deps{Listen: pages.Addr().String(), Log: slog.New(slog.NewTextHandler(words, nil))})
			if err != nil {
				t.Fatal(err)
			}
			quiet := slog.NewLogLogger(slog.DiscardHandler, 0)
			s := &http.Server{TLSConfig: f.TLS(), Handler: f.Handler(http.NotFoundHandler()), ReadHeaderTimeout: time.Minute, ErrorLog: quiet}
			go s.ServeTLS(pages, "", "") //nolint:errcheck // ends with the test
			t.Cleanup(func() { s.Close() })
			r := &http.Server{Handler: f.Redirect(), ReadHeaderTimeout: time.Minute, ErrorLog: quiet}
			go r.Serve(plain) //nolint:errcheck // ends with the test
			t.Cleanup(func() { r.Close() })

			f.order()
			if words.Len() > 0 {
				t.Fatalf("no certificate: %s", words)
			}
			conn, err := tls.Dial("tcp", pages.Addr().String(), &tls.Config{RootCAs: p.roots, ServerName: "hub.city.example"})
			if err != nil {
				t.Fatal(err)
			}
			first := conn.ConnectionState().PeerCertificates[0]
			conn.Close()
			if _, err := tls.Dial("tcp", pages.Addr().String(), &tls.Config{RootCAs: p.roots, ServerName: "elsewhere.example"}); err == nil {
				t.Error("it had a certificate made for another host")
			}

			// Kept over a restart, readable by the hub alone.
			again, err := Open(c, Deps{Listen: pages.Addr().String()})
			if err != nil {
				t.Fatal(err)
			}
			if pair, err := again.TLS().GetCertificate(hello("hub.city.example")); err != nil || !pair.Leaf.Equal(first) {
				t.Errorf("after a restart: %v", err)
			}
			if list, err := os.ReadDir(c.ACME.Folder); err != nil || len(list) < 2 {
				t.Errorf("kept: %v, %v", list, err)
			} else {
				for _, e := range list {
					if info, err := e.Info(); err != nil || info.Mode().Perm()&0o077 != 0 {
						t.Errorf("%s has mode %v, %v", e.Name(), info.Mode(), err)
					}
				}
			}
			w := httptest.NewRecorder()
			f.Redirect().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://hub.city.example/.well-known/acme-challenge/unknown", nil))
			if w.Code != http.StatusNotFound {
				t.Errorf("an unknown challenge is answered with %d", w.Code)
			}
		})
	}
}

// A server that is away, or will not, keeps no page from being served later.
func TestWithoutACertificateByACME(t *testing.T) {
	gone, _ := listen(t)
	gone.Close()
	words := &strings.Builder{}
	c := Config{ACME: &ACME{Hosts: []string{"hub.city.example"}, Directory: "https://" + gone.Addr().String() + "/dir", AgreeTerms: true, Folder: t.TempDir()}}
	f, err := Open(c, Deps{Listen: "0.0.0.0:443", Log: slog.New(slog.NewTextHandler(words, nil))})
	if err != nil {
		t.Fatal(err)
	}
	f.order()
	if !strings.Contains(words.String(), "hub.city.example") || !strings.Contains(words.String(), "connection refused") {
		t.Errorf("it says %q", words)
	}
}
