package directory

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"polity/access"
	"polity/city"
	"polity/internal/strictyaml"
)

// Config is which directory there is and what its groups give.
type Config struct {
	Name             string        `yaml:"name"`               // as the sign-in page says it; empty: the issuer's host
	Issuer           string        `yaml:"issuer"`             // https://..., exactly as the directory writes it
	ClientID         string        `yaml:"client_id"`          // of the hub, as registered there
	ClientSecretFile string        `yaml:"client_secret_file"` // one line, mode 0600
	CAFile           string        `yaml:"ca_file"`            // the directory's certificate authority; empty: those that the machine trusts
	Scopes           []string      `yaml:"scopes"`             // beside openid and profile
	GroupsClaim      string        `yaml:"groups_claim"`       // empty: groups
	MaxAge           time.Duration `yaml:"max_age"`            // since when the directory may have known somebody; 0: 12 hours
	AnyAge           bool          `yaml:"any_age"`            // for a directory that does not say when (auth_time)
	Groups           []Group       `yaml:"groups"`
}

// Group is what a group of the directory gives.
type Group struct {
	Group   string        `yaml:"group"` // exactly as the directory writes it
	Body    city.Slug     `yaml:"body"`  // the organisation or department that its members work for
	Roles   []access.Role `yaml:"roles"`
	Areas   []city.Slug   `yaml:"areas"`   // where a role that looks may look; city: everywhere
	Cameras []city.Slug   `yaml:"cameras"` // single cameras beside
}

// Check reports everything that is wrong, each on a line of its own, without opening
// any file. Errors are of kind Invalid.
func (c Config) Check() error {
	var errs []error
	add := func(format string, args ...any) {
		errs = append(errs, city.Errorf(city.Invalid, format, args...))
	}
	if _, err := checkIssuer(c.Issuer); err != nil {
		add("issuer: %w", err)
	}
	if c.ClientID == "" {
		add("client_id is missing: the name under which the directory knows the hub")
	}
	if c.ClientSecretFile == "" {
		add("client_secret_file is missing: a file with the secret that the directory gave the hub")
	}
	if c.MaxAge != 0 && c.MaxAge < time.Minute {
		add("max_age: %s is too short to sign in; write at least 1m", c.MaxAge)
	}
	if c.MaxAge != 0 && c.AnyAge {
		add("max_age and any_age exclude each other")
	}
	for _, s := range c.Scopes {
		if s == "" || strings.ContainsAny(s, " \t\n\"\\") {
			add("scopes: %q is no scope", s)
		}
		if s == "offline_access" {
			add("scopes: offline_access asks for lasting access to the directory, which the hub has no use for; leave it out")
		}
	}
	if len(c.Groups) == 0 {
		add("groups is missing: which of the directory's groups give which roles; without any nobody can do anything")
	}
	seen := map[string]bool{}
	for i, g := range c.Groups {
		if seen[g.Group] {
			add("groups[%d]: the group %q stands there twice", i, g.Group)
		}
		seen[g.Group] = true
		if err := g.check(); err != nil {
			add("groups[%d]: %w", i, err)
		}
	}
	return errors.Join(errs...)
}

func (g Group) check() error {
	if strings.TrimSpace(g.Group) == "" {
		return errors.New("group is missing: its name, exactly as the directory writes it")
	}
	if g.Body == "" {
		return fmt.Errorf("%q: body is missing: the organisation that its members work for; looks are counted by it", g.Group)
	}
	if err := g.Body.Check(); err != nil {
		return fmt.Errorf("%q: body: %w", g.Group, err)
	}
	if len(g.Roles) == 0 {
		return fmt.Errorf("%q: roles is missing: what its members may do", g.Group)
	}
	for _, r := range g.Roles {
		if !r.Known() {
			return fmt.Errorf("%q: there is no role %q%s", g.Group, r, nearestRole(r))
		}
	}
	for _, s := range slices.Concat(g.Areas, g.Cameras) {
		if err := s.Check(); err != nil {
			return fmt.Errorf("%q: %w", g.Group, err)
		}
	}
	return alone(g.Roles, g.Areas, g.Cameras)
}

// CheckNames reports bodies and areas of groups that the city does not have;
// nil: any. Errors are of kind Invalid.
func (c Config) CheckNames(bodies, areas []city.Slug) error {
	var errs []error
	for i, g := range c.Groups {
		if bodies != nil && !slices.Contains(bodies, g.Body) {
			errs = append(errs, city.Errorf(city.Invalid, "groups[%d]: %q: the city has no body %q: name it in access.bodies, or write one of these", i, g.Group, g.Body))
		}
		for _, a := range g.Areas {
			if areas != nil && a != access.AllAreas && !slices.Contains(areas, a) {
				errs = append(errs, city.Errorf(city.Invalid, "groups[%d]: %q: the city has no area %q: name it in access.areas, or write city for everywhere", i, g.Group, a))
			}
		}
	}
	return errors.Join(errs...)
}

func nearestRole(r access.Role) string {
	var known []string
	for _, k := range access.Roles() {
		known = append(known, string(k))
	}
	if n := strictyaml.Nearest(string(r), known); n != "" {
		return fmt.Sprintf("; did you mean %q?", n)
	}
	return "; there are " + strings.Join(known, ", ")
}

// checkIssuer takes an issuer's address: https, or http on this machine itself, where
// nobody listens between.
func checkIssuer(text string) (*url.URL, error) {
	if text == "" {
		return nil, errors.New("the directory's address is missing, such as https://login.city.example/realms/city")
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%q is no issuer; write it as the directory does, such as https://login.city.example/realms/city", text)
	}
	if u.Scheme == "https" || (u.Scheme == "http" && loopback(u)) {
		return u, nil
	}
	return nil, fmt.Errorf("%q would be asked without encryption; write https://", text)
}

func loopback(u *url.URL) bool {
	a, err := netip.ParseAddr(u.Hostname())
	return err == nil && a.IsLoopback()
}

// Resolve makes relative paths relative to a folder.
func (c *Config) Resolve(dir string) {
	for _, p := range []*string{&c.ClientSecretFile, &c.CAFile} {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
}

func (c Config) withDefaults() Config {
	if c.GroupsClaim == "" {
		c.GroupsClaim = "groups"
	}
	if c.MaxAge == 0 {
		c.MaxAge = 12 * time.Hour
	}
	if u, err := url.Parse(c.Issuer); err == nil && c.Name == "" {
		c.Name = u.Hostname()
	}
	return c
}
