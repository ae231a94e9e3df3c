package certs

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"

	"polity/city"
)

const (
	lookTime = 10 * time.Second // between looks at the files
	acmeLook = time.Hour        // between looks whether ACME has a certificate for each host
)

// Deps is what a front needs of the program.
type Deps struct {
	Listen string // of the pages, host:port
	Log    *slog.Logger
	Now    func() time.Time // nil: time.Now
}

// Front is what stands before the pages. It is safe for concurrent use.
type Front struct {
	c     Config
	port  string
	acme  *autocert.Manager // nil: not by ACME
	from  source            // nil: no files, no authority
	pair  atomic.Pointer[tls.Certificate]
	said  string // the last problem, so that each is logged once
	now   func() time.Time
	log   *slog.Logger
	proxy map[netip.Addr]bool
}

// source is where a certificate comes from that is looked at now and then.
type source interface {
	// refresh returns the certificate to use now, nil if there is none; the error
	// says what is wrong, with or without one.
	refresh(now time.Time) (*tls.Certificate, error)
}

// Open prepares what a configuration that passed Check and CheckListen says. It is an
// error if there is no certificate to begin with; one by ACME is asked for later.
func Open(c Config, d Deps) (*Front, error) {
	if err := errors.Join(c.Check(), c.CheckListen(d.Listen)); err != nil {
		return nil, err
	}
	return open(c, d, false)
}

// open is Open; to look, it writes nothing.
func open(c Config, d Deps, look bool) (*Front, error) {
	f := &Front{c: c, now: d.Now, log: d.Log, proxy: map[netip.Addr]bool{}}
	if f.now == nil {
		f.now = time.Now
	}
	if f.log == nil {
		f.log = slog.New(slog.DiscardHandler)
	}
	_, f.port, _ = net.SplitHostPort(d.Listen)
	for _, a := range c.BehindProxy {
		f.proxy[a.Unmap()] = true
	}
	var err error
	switch {
	case c.ACME != nil:
		f.acme, err = c.ACME.manager()
		return f, err
	case c.Authority != nil:
		var a *local
		if a, err = openAuthority(*c.Authority); err == nil {
			a.look = look
			f.from = a
		}
	case c.CertFile != "":
		f.from = &files{cert: c.CertFile, key: c.KeyFile}
	}
	if err != nil || f.from == nil {
		return f, err
	}
	if err := f.look(); f.pair.Load() == nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	return f, nil
}

// look refreshes the certificate.
func (f *Front) look() error {
	pair, err := f.from.refresh(f.now())
	old := f.pair.Swap(pair)
	switch {
	case err == nil:
		f.said = ""
	case err.Error() != f.said:
		f.said = err.Error()
		f.log.Error("the certificate of the pages needs care", slog.String("why", f.said))
	}
	if pair != old && pair != nil {
		f.log.Info("the pages have a certificate", slog.Time("until", pair.Leaf.NotAfter), slog.Any("names", pair.Leaf.DNSNames))
	}
	return err
}

// Run keeps the certificate fresh until the context ends. By ACME it gets one for each
// host before somebody asks; the pages have to be served by then.
func (f *Front) Run(ctx context.Context) {
	pause, look := lookTime, func() { _ = f.look() } // look has logged it
	switch {
	case f.acme != nil:
		pause, look = acmeLook, f.order
		look()
	case f.from == nil:
		return
	}
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			look()
		}
	}
}

func (f *Front) order() {
	for _, h := range f.c.ACME.Hosts {
		if _, err := f.acme.GetCertificate(hello(h)); err != nil {
			f.log.Error("there is no certificate for a host of the pages yet", slog.String("host", h), slog.String("why", err.Error()))
		}
	}
}

// TLS is how connections are encrypted, nil where they are not: version 1.3, and 1.2 with
// forward secrecy and authenticated encryption for devices that know no later one.
func (f *Front) TLS() *tls.Config {
	c := &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
		CipherSuites: []uint16{
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		},
	}
	switch {
	case f.acme != nil:
		c.GetCertificate = f.acme.GetCertificate
		c.NextProtos = append(c.NextProtos, acme.ALPNProto)
	case f.from != nil:
		c.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return f.pair.Load(), nil }
	default:
		return nil
	}
	return c
}

// serves reports whether the pages have a certificate for a host.
func (f *Front) serves(host string) bool {
	if f.acme != nil {
		return slices.Contains(f.c.ACME.Hosts, host)
	}
	pair := f.pair.Load()
	return pair != nil && pair.Leaf.VerifyHostname(host) == nil
}

// Redirect answers plain HTTP: it leads on to the same page by HTTPS, for hosts that the
// certificate is for, and answers an ACME server's challenges. What was sent with
// anything but GET and HEAD has been sent in the clear and is refused.
func (f *Front) Redirect() http.Handler {
	var on http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := bare(r.Host)
		if !f.serves(host) {
			http.Error(w, "There is no such host here.", http.StatusMisdirectedRequest)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			http.Error(w, "This address is not encrypted and takes nothing: use https://.", http.StatusForbidden)
			return
		}
		if f.port != "443" {
			host = net.JoinHostPort(host, f.port)
		}
		w.Header().Set("Connection", "close")
		http.Redirect(w, r, "https://"+host+r.URL.RequestURI(), http.StatusMovedPermanently) //nolint:gosec // to a host of the certificate alone
	})
	if f.acme == nil {
		return on
	}
	challenges := f.acme.HTTPHandler(on)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/.well-known/acme-challenge/") {
			r = r.Clone(r.Context())
			r.Host = bare(r.Host) // the manager knows hosts without ports
		}
		challenges.ServeHTTP(w, r)
	})
}

// bare is a request's host in small letters and without a port.
func bare(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.ToLower(host)
}

// Inspect reads what a configuration names and says in words what there is; the error
// has everything that would keep pages from being served. It writes nothing.
func Inspect(c Config, listen string, now time.Time) (words string, err error) {
	if err := errors.Join(c.Check(), c.CheckListen(listen)); err != nil {
		return "", err
	}
	f, err := open(c, Deps{Listen: listen, Now: func() time.Time { return now }}, true)
	if err != nil {
		return "", err
	}
	if pair := f.pair.Load(); pair != nil {
		if err := valid(pair.Leaf, now); err != nil {
			return "", city.Errorf(city.Invalid, "tls: %w", err)
		}
		return fmt.Sprintf("The certificate of the pages is for %s, valid until %s.\n", strings.Join(pair.Leaf.DNSNames, ", "), pair.Leaf.NotAfter.UTC().Format(time.DateOnly)), nil
	}
	return "", nil
}
