package transit

import (
	"cmp"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"polity/city"
)

// Config is one feed, as people write it.
type Config struct {
	Name      city.Slug `yaml:"name"`
	Timetable string    `yaml:"timetable"` // GTFS: a zip file, a folder, or an address
	// Addresses or files of GTFS-Realtime; one address may serve for all three.
	Trips    string `yaml:"trips"`
	Vehicles string `yaml:"vehicles"`
	Alerts   string `yaml:"alerts"`

	Every          time.Duration `yaml:"every"`           // between two looks at what is told now; 0: 20 s
	TimetableEvery time.Duration `yaml:"timetable_every"` // and at the timetable; 0: an hour
	Stale          time.Duration `yaml:"stale"`           // what is older does not count; 0: 3 minutes

	// On time is a departure from Early before to Late after its plan; 0: 1 and 5 minutes.
	Early time.Duration `yaml:"early"`
	Late  time.Duration `yaml:"late"`

	Insecure  bool `yaml:"insecure"`  // http to other machines is meant
	Simulated bool `yaml:"simulated"` // a model stands in for vehicles; every entity says so
}

// WithDefaults fills in what was left out.
func (c Config) WithDefaults() Config {
	c.Every = cmp.Or(c.Every, 20*time.Second)
	c.TimetableEvery = cmp.Or(c.TimetableEvery, time.Hour)
	c.Stale = cmp.Or(c.Stale, 3*time.Minute)
	c.Early = cmp.Or(c.Early, time.Minute)
	c.Late = cmp.Or(c.Late, 5*time.Minute)
	return c
}

// Check reports the first thing that is wrong, without opening anything.
func (c Config) Check() error {
	if err := c.Name.Check(); err != nil {
		return err
	}
	if c.Timetable == "" {
		return city.Errorf(city.Invalid, "%s: timetable is missing: a GTFS zip file, a folder, or an address", c.Name)
	}
	for key, where := range map[string]string{"timetable": c.Timetable, "trips": c.Trips, "vehicles": c.Vehicles, "alerts": c.Alerts} {
		if err := c.checkAddress(where); err != nil {
			return city.Errorf(city.Invalid, "%s: %s: %w", c.Name, key, err)
		}
	}
	d := c.WithDefaults()
	switch {
	case d.Every < time.Second || d.TimetableEvery < 10*time.Second:
		return city.Errorf(city.Invalid, "%s: every is a second or more, timetable_every ten", c.Name)
	case d.Stale < d.Every:
		return city.Errorf(city.Invalid, "%s: stale is shorter than every; everything would always be too old", c.Name)
	case d.Early < 0 || d.Late < 0:
		return city.Errorf(city.Invalid, "%s: early and late are not below 0", c.Name)
	}
	return nil
}

func (c Config) checkAddress(where string) error {
	if !isAddress(where) {
		return nil
	}
	u, err := url.Parse(where)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		return city.Errorf(city.Invalid, "%q is no address such as https://transit.city.example/gtfs.zip", where)
	}
	if u.Scheme == "http" && !c.Insecure && !loopback(u.Hostname()) {
		return city.Errorf(city.Invalid, "anybody on the way to %s could change what it says; use https, or say insecure: true", u.Host)
	}
	return nil
}

// Remote says whether the timetable is at an address.
func (c Config) Remote() bool { return isAddress(c.Timetable) }

func isAddress(where string) bool {
	return strings.HasPrefix(where, "http://") || strings.HasPrefix(where, "https://")
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

// Resolve makes relative paths relative to a folder.
func (c *Config) Resolve(dir string) {
	for _, p := range []*string{&c.Timetable, &c.Trips, &c.Vehicles, &c.Alerts} {
		if *p != "" && !isAddress(*p) && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
}
