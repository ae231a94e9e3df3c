package certs

import (
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"polity/city"
)

// Config is where the certificate comes from: files, an ACME server, or a local
// authority. The zero value is none, for pages on this machine alone.
type Config struct {
	CertFile string `yaml:"cert_file"` // PEM, the authority's intermediate certificates behind it
	KeyFile  string `yaml:"key_file"`  // PEM

	ACME      *ACME  `yaml:"acme"`
	Authority *Local `yaml:"authority"`

	// Redirect is an address, host:port, at which plain HTTP leads on to HTTPS; empty:
	// none.
	Redirect string `yaml:"redirect"`
	// BehindProxy are the addresses of reverse proxies that encrypt in place of the
	// hub. Nobody else but this machine itself is answered then.
	BehindProxy []netip.Addr `yaml:"behind_proxy"`
}

// ACME is a certificate from a server that speaks ACME.
type ACME struct {
	Hosts      []string `yaml:"hosts"`     // names that the certificate is for
	Directory  string   `yaml:"directory"` // of the server; empty: Let's Encrypt
	Email      string   `yaml:"email"`     // to which the server writes when something is wrong; may be empty
	AgreeTerms bool     `yaml:"agree_terms"`
	Folder     string   `yaml:"folder"`  // for keys and certificates
	CAFile     string   `yaml:"ca_file"` // the server's own authority; empty: those that the machine trusts
}

// Local is a certificate of the city's own authority.
type Local struct {
	Folder string   `yaml:"folder"` // as polity hub init made it
	Hosts  []string `yaml:"hosts"`  // names that the certificate is for
}

// Check reports everything that is wrong, each on a line of its own, without opening any
// file. Errors are of kind Invalid.
func (c Config) Check() error {
	var errs []error
	add := func(where string, err error) {
		if err != nil {
			errs = append(errs, city.Errorf(city.Invalid, "%s%w", where, err))
		}
	}
	if (c.CertFile == "") != (c.KeyFile == "") {
		add("", errors.New("cert_file and key_file belong together"))
	}
	if sources := btoi(c.CertFile != "" || c.KeyFile != "") + btoi(c.ACME != nil) + btoi(c.Authority != nil); sources > 1 {
		add("", errors.New("cert_file, acme and authority exclude each other: say where the one certificate comes from"))
	}
	if c.ACME != nil {
		add("acme.", c.ACME.check())
	}
	if c.Authority != nil {
		add("authority.", c.Authority.check())
	}
	if c.Redirect != "" {
		if !c.encrypts() {
			add("redirect: ", errors.New("there is no HTTPS to lead on to; give cert_file and key_file, acme or authority"))
		}
		_, err := onLoopback(c.Redirect)
		add("redirect: ", err)
	}
	for _, a := range c.BehindProxy {
		if !a.IsValid() || a.IsUnspecified() || a.IsMulticast() || a.Zone() != "" {
			add("behind_proxy: ", fmt.Errorf("%v is no address of one proxy, such as 10.0.0.5", a))
		}
	}
	return errors.Join(errs...)
}

// CheckListen reports whether pages may be served at an address, host:port: beyond this
// machine only encrypted or behind a proxy that encrypts. Errors are of kind Invalid.
func (c Config) CheckListen(listen string) error {
	loopback, err := onLoopback(listen)
	if err != nil {
		return city.Errorf(city.Invalid, "%w", err)
	}
	if loopback || c.encrypts() || len(c.BehindProxy) > 0 {
		return nil
	}
	return city.Errorf(city.Invalid, "people would reach %s without encryption; say in tls where a certificate comes from (cert_file and key_file, acme, or authority), or name in tls.behind_proxy the proxy that encrypts", listen)
}

// CheckOrigin reports whether pages are served at the address that browsers know them by,
// such as https://hub.city.example; an empty one is any. Errors are of kind Invalid.
func (c Config) CheckOrigin(origin string) error {
	u, err := url.Parse(origin)
	if origin == "" || err != nil {
		return nil //nolint:nilerr // whoever reads it says what is wrong with it
	}
	if u.Scheme == "https" && !c.encrypts() && len(c.BehindProxy) == 0 {
		return city.Errorf(city.Invalid, "%s is encrypted and the hub has no certificate; give it one in tls, or name in tls.behind_proxy the proxy that encrypts", origin)
	}
	if u.Scheme == "http" && c.encrypts() {
		return city.Errorf(city.Invalid, "%s is not encrypted and the pages are; write https://", origin)
	}
	var hosts []string
	switch {
	case c.ACME != nil:
		hosts = c.ACME.Hosts
	case c.Authority != nil:
		hosts = c.Authority.Hosts
	}
	if len(hosts) > 0 && len(c.BehindProxy) == 0 && !slices.Contains(hosts, strings.ToLower(u.Hostname())) {
		return city.Errorf(city.Invalid, "browsers would refuse %s: the certificate is for %s; make the two the same", origin, strings.Join(hosts, ", "))
	}
	return nil
}

// encrypts reports whether there is a certificate.
func (c Config) encrypts() bool { return c.CertFile != "" || c.ACME != nil || c.Authority != nil }

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (a *ACME) check() error {
	if err := checkHosts(a.Hosts); err != nil {
		return err
	}
	for _, h := range a.Hosts {
		if !strings.Contains(h, ".") {
			return fmt.Errorf("hosts: %q is no name of the internet; for a name of your own network use authority", h)
		}
	}
	if u, err := url.Parse(a.Directory); a.Directory != "" && (err != nil || u.Scheme != "https" || u.Host == "") {
		return fmt.Errorf("directory: %q is no address of an ACME server, such as https://acme-v02.api.letsencrypt.org/directory", a.Directory)
	}
	if _, err := mail.ParseAddress(a.Email); a.Email != "" && err != nil {
		return fmt.Errorf("email: %q is no address of mail", a.Email)
	}
	if !a.AgreeTerms {
		return errors.New("agree_terms: read the server's terms of service and write true; without it no server gives a certificate")
	}
	if a.Folder == "" {
		return errors.New("folder is missing: where keys and certificates are kept")
	}
	return nil
}

func (l *Local) check() error {
	if l.Folder == "" {
		return errors.New("folder is missing: the one that polity hub init made")
	}
	return checkHosts(l.Hosts)
}

func checkHosts(hosts []string) error {
	if len(hosts) == 0 {
		return errors.New("hosts is missing: the names under which people reach the hub")
	}
	for i, h := range hosts {
		if err := CheckHost(h); err != nil {
			return fmt.Errorf("hosts: %w", err)
		}
		if slices.Contains(hosts[:i], h) {
			return fmt.Errorf("hosts: %q stands there twice", h)
		}
	}
	return nil
}

// CheckHost takes the name of a host as a certificate and a passkey can be for it: a
// domain name in lower case, no address (WebAuthn Level 2, 5.1.3 wants a domain).
func CheckHost(h string) error {
	if _, err := netip.ParseAddr(h); err == nil {
		return fmt.Errorf("%q is an address; passkeys need a name, such as hub.city.example", h)
	}
	if len(h) == 0 || len(h) > 253 {
		return fmt.Errorf("%q is no name of a host, such as hub.city.example", h)
	}
	for label := range strings.SplitSeq(h, ".") {
		if len(label) == 0 || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return fmt.Errorf("%q is no name of a host; write it in small letters without port, such as hub.city.example", h)
		}
	}
	return nil
}

// onLoopback says whether an address is on loopback only.
func onLoopback(listen string) (bool, error) {
	h, port, err := net.SplitHostPort(listen)
	if err != nil || port == "" || h == "" {
		return false, fmt.Errorf("%q is not host:port, such as 0.0.0.0:443", listen)
	}
	if h == "localhost" {
		return true, nil
	}
	a, err := netip.ParseAddr(h)
	if err != nil {
		return false, fmt.Errorf("%q: give the host as an IP address, such as 0.0.0.0 for all", listen)
	}
	return a.IsLoopback(), nil
}

// Resolve makes relative paths relative to a folder.
func (c *Config) Resolve(dir string) {
	paths := []*string{&c.CertFile, &c.KeyFile}
	if c.ACME != nil {
		paths = append(paths, &c.ACME.Folder, &c.ACME.CAFile)
	}
	if c.Authority != nil {
		paths = append(paths, &c.Authority.Folder)
	}
	for _, p := range paths {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
}
