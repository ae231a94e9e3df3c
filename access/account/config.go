package account

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"polity/access"
	"polity/city"
)

// Settings is the section "hub.access" of the configuration. All of it may be left out.
type Settings struct {
	// Origin is the address by which browsers reach the pages, https://hub.city.example.
	// Passkeys belong to it: another host later makes all of them useless. Left out:
	// http://localhost and the port of hub.listen.
	Origin   string           `yaml:"origin"`
	Bodies   []Body           `yaml:"bodies"`   // organisations and departments; left out: the city alone
	Purposes []access.Purpose `yaml:"purposes"` // what looks may be for; left out: access.Purposes
	Sessions Lifetimes        `yaml:"sessions"`
	Tokens   time.Duration    `yaml:"tokens"` // so long a token lasts at most; 0: 90 days
}

// Body is an organisation or department that people work for.
type Body struct {
	Name  city.Slug `yaml:"name"`
	Title string    `yaml:"title"` // as pages say it
}

// Lifetimes is how long a session lasts.
type Lifetimes struct {
	Most time.Duration `yaml:"most"` // from the sign-in; 0: 12h
	Idle time.Duration `yaml:"idle"` // from the last request; 0: 1h
}

const (
	day         = 24 * time.Hour
	sessionMost = 12 * time.Hour
	sessionIdle = time.Hour
	tokenMost   = 90 * day
)

// WithDefaults fills in what was left out, origin apart.
func (s Settings) WithDefaults() Settings {
	if len(s.Bodies) == 0 {
		s.Bodies = []Body{{"city", "The city"}}
	}
	if len(s.Purposes) == 0 {
		s.Purposes = access.Purposes()
	}
	if s.Sessions.Most == 0 {
		s.Sessions.Most = sessionMost
	}
	if s.Sessions.Idle == 0 {
		s.Sessions.Idle = sessionIdle
	}
	if s.Tokens == 0 {
		s.Tokens = tokenMost
	}
	return s
}

// Check reports everything that is wrong, in words for who wrote it. Errors are of kind
// Invalid.
func (s Settings) Check() error {
	var errs []error
	add := func(where string, err error) {
		if err != nil {
			errs = append(errs, city.Errorf(city.Invalid, "%s: %w", where, err))
		}
	}
	if s.Origin != "" {
		_, err := parseOrigin(s.Origin)
		add("origin", err)
	}
	names, titles := []city.Slug{}, []string{}
	for _, b := range s.Bodies {
		names, titles = append(names, b.Name), append(titles, b.Title)
	}
	add("bodies", listed(names, titles))
	names, titles = nil, nil
	for _, p := range s.Purposes {
		names, titles = append(names, p.Name), append(titles, p.Title)
	}
	add("purposes", listed(names, titles))
	full := s.WithDefaults()
	if full.Sessions.Idle < time.Minute || full.Sessions.Most < full.Sessions.Idle || full.Sessions.Most > 7*day {
		add("sessions", fmt.Errorf("idle (%s) is 1m at least, most (%s) is no less than idle and 168h at most", full.Sessions.Idle, full.Sessions.Most))
	}
	if full.Tokens < time.Hour || full.Tokens > 366*day {
		add("tokens", fmt.Errorf("%s: between 1h and 8784h, a year", full.Tokens))
	}
	return errors.Join(errs...)
}

func listed(names []city.Slug, titles []string) error {
	seen := map[city.Slug]bool{}
	for i, n := range names {
		if err := n.Check(); err != nil {
			return err
		}
		if _, err := named(titles[i]); err != nil {
			return fmt.Errorf("the title of %s: %w", n, err)
		}
		if seen[n] {
			return fmt.Errorf("%s stands there twice", n)
		}
		seen[n] = true
	}
	return nil
}

// Config is what Open needs.
type Config struct {
	Path string // of access.db
	City string // its name, which browsers show beside a passkey; empty: Polity
	Settings
	// Decider bounds what a token may be for by what its maker may do; nil: it is not
	// bounded, for tests.
	Decider access.Decider
	// Door lets SignInDoor work: of the demo alone.
	Door bool
	// Address is where a request comes from; nil: its RemoteAddr. Whoever knows a proxy in
	// front says here what it reports.
	Address func(*http.Request) netip.Addr
	Now     func() time.Time // nil: time.Now
	Log     *slog.Logger     // nil: nothing is logged
}

// origin is the address by which browsers reach the hub.
type origin struct {
	text   string // https://hub.city.example:8443
	host   string // with port, where it is not the scheme's
	rp     string // relying party ID
	secure bool
	suffix string // of names of cookies, which are shared by all ports
}

// parseOrigin says what is wrong with an origin, in words for who wrote it.
func parseOrigin(text string) (*origin, error) {
	u, err := url.Parse(strings.TrimSuffix(text, "/"))
	if err != nil || u.Host == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.ForceQuery {
		return nil, city.Errorf(city.Invalid, "%q is no origin such as https://hub.city.example", text)
	}
	name := strings.ToLower(u.Hostname())
	if net.ParseIP(name) != nil {
		return nil, city.Errorf(city.Invalid, "%q: passkeys need a name, not an IP address (WebAuthn, relying party ID); on this machine write http://localhost%s", text, portOf(u))
	}
	local := name == "localhost" || strings.HasSuffix(name, ".localhost")
	switch {
	case u.Scheme == "https":
	case u.Scheme == "http" && local:
	case u.Scheme == "http":
		return nil, city.Errorf(city.Invalid, "%q: browsers give passkeys to https alone, and to http://localhost", text)
	default:
		return nil, city.Errorf(city.Invalid, "%q is no origin such as https://hub.city.example", text)
	}
	o := &origin{host: strings.ToLower(u.Host), rp: name, secure: u.Scheme == "https"}
	o.text = u.Scheme + "://" + o.host
	if !o.secure {
		o.suffix = "-80"
		if u.Port() != "" {
			o.suffix = "-" + u.Port()
		}
	}
	return o, nil
}

func portOf(u *url.URL) string {
	if u.Port() == "" {
		return ""
	}
	return ":" + u.Port()
}
