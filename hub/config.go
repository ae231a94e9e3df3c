package hub

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"polity/city"
	"polity/console"
	"polity/internal/authority"
	"polity/internal/certs"
	"polity/plane/postgres"
	"polity/plane/retention"
	"polity/register"
	"polity/room/notice"
	"polity/spine"
)

// Config is the section "hub" of the configuration.
type Config struct {
	City   string `yaml:"city"`   // its name, at the head of every page
	Zone   string `yaml:"zone"`   // IANA name of its time zone, such as Europe/Helsinki
	Data   string `yaml:"data"`   // folder for everything that the hub keeps
	Listen string `yaml:"listen"` // of the pages
	// Store is the address of a PostgreSQL database with PostGIS for the city's data,
	// postgres://USER@HOST/NAME; empty: an SQLite file in Data.
	Store string `yaml:"store"`

	CityKeys []string `yaml:"city_keys"` // public keys whose register entries count
	Register string   `yaml:"register"`  // folder with the entries, CAMERA.entry

	Edges   Edges    `yaml:"edges"`
	Sensors *Sensors `yaml:"sensors"`
	Alarms  Alarms   `yaml:"alarms"`
	Transit Transit  `yaml:"transit"`
	Map     Map      `yaml:"map"`
	// Retention is how long history is kept, by type and attribute; left out:
	// retention.Default. Cameras' history is kept as their register entries say.
	Retention retention.Rules `yaml:"retention"`

	REST     REST     `yaml:"rest"`
	OpenData OpenData `yaml:"open_data"`

	TLS    certs.Config `yaml:"tls"` // how the pages are encrypted
	Access Access       `yaml:"access"`
	Room   Room         `yaml:"room"`
	// Notices tell staff of the room's alerts (docs/formats/notices.md).
	Notices notice.Config `yaml:"notices"`
	Orders  Orders        `yaml:"orders"`

	NGSILD  NGSILD  `yaml:"ngsi_ld"`
	Changes Changes `yaml:"changes"`

	Ledger *Ledger `yaml:"ledger"` // the public log; nil: off
	// Services are the services that run, each with its own settings.
	Services Services `yaml:"services"`
}

// Edges is how edges reach the hub, and which.
type Edges struct {
	Listen   string  `yaml:"listen"` // host:port
	CertFile string  `yaml:"cert_file"`
	KeyFile  string  `yaml:"key_file"`
	Known    []Known `yaml:"known"`
	// Cluster is a NATS cluster of the city's own, to which edges connect in place
	// of the hub.
	Cluster Cluster `yaml:"cluster"`
}

// Known is an edge that may connect.
type Known struct {
	Name city.Slug `yaml:"name"`
	Key  string    `yaml:"key"` // as 'polity edge key' prints it
}

// Cluster is a NATS cluster.
type Cluster struct {
	Servers []string `yaml:"servers"`
	KeyFile string   `yaml:"key_file"` // the hub's nkey seed in it
	CAFile  string   `yaml:"ca_file"`
}

// Map is what the map begins with.
type Map struct {
	Layers    string     `yaml:"layers"` // folder of NAME.geojson.gz files
	Centre    city.Point `yaml:"centre"`
	SouthWest city.Point `yaml:"south_west"`
	NorthEast city.Point `yaml:"north_east"`
	Zoom      float64    `yaml:"zoom"`
	Credit    string     `yaml:"credit"`
	CreditURL string     `yaml:"credit_url"`
}

// WithDefaults fills in what was left out.
func (c Config) WithDefaults() Config {
	if c.City == "" {
		c.City = "City"
	}
	if c.Zone == "" {
		c.Zone = "UTC"
	}
	if c.Listen == "" {
		c.Listen = "127.0.0.1:8080"
	}
	if c.Edges.Listen == "" {
		c.Edges.Listen = "127.0.0.1:7422"
	}
	if c.Map.Zoom == 0 {
		c.Map.Zoom = 13
	}
	if c.Retention == nil {
		c.Retention = retention.Default()
	}
	return c
}

// Check reports everything that is wrong, in words for who wrote it, without
// opening any file. Errors are of kind Invalid.
func (c Config) Check() error {
	var errs []error
	add := func(where string, err error) {
		if err != nil {
			errs = append(errs, city.Errorf(city.Invalid, "%s: %w", where, err))
		}
	}
	// each is add for checks that find several things wrong, a line each that begins with
	// the setting's own name.
	each := func(section string, err error) {
		if err == nil {
			return
		}
		for line := range strings.SplitSeq(err.Error(), "\n") {
			errs = append(errs, city.Errorf(city.Invalid, "%s.%s", section, line))
		}
	}
	if c.Data == "" {
		add("hub.data", errors.New("the folder for the hub's data is missing"))
	}
	if c.Store != "" {
		add("hub.store", postgres.Check(c.Store))
	}
	if c.Register == "" {
		add("hub.register", errors.New("the folder with the register entries is missing; without them no camera is shown"))
	}
	if _, err := time.LoadLocation(c.Zone); err != nil {
		add("hub.zone", fmt.Errorf("%q is no time zone; write one such as Europe/Helsinki", c.Zone))
	}
	_, err := register.ParseKeys(c.CityKeys)
	add("hub.city_keys", err)
	_, err = host(c.Listen)
	add("hub.listen", err)
	add("hub.edges", c.Edges.check())
	add("hub.sensors", c.Sensors.check())
	add("hub.retention", c.Retention.Check())
	add("hub.alarms", c.Alarms.check())
	add("hub.room", c.Room.check())
	add("hub.notices", c.Notices.Check())
	add("hub.orders", c.Orders.check())
	add("hub.transit", c.Transit.check())
	add("hub.access", c.Access.check())
	if c.Access.Directory != nil {
		each("hub.access.directory", c.Access.Directory.Check())
		each("hub.access.directory", c.Access.Directory.CheckNames(c.Access.names()))
	}
	if tls := c.TLS.Check(); tls != nil {
		each("hub.tls", tls)
	} else if err == nil {
		add("hub.listen", c.TLS.CheckListen(c.Listen))
		add("hub.access.origin", c.TLS.CheckOrigin(c.Access.Origin))
	}
	add("hub.ngsi_ld", c.NGSILD.check())
	add("hub.changes", c.Changes.check(len(c.Edges.Cluster.Servers) > 0))
	for _, p := range []city.Point{c.Map.Centre, c.Map.SouthWest, c.Map.NorthEast} {
		add("hub.map", p.Check())
	}
	add("hub.open_data", c.OpenData.check())
	add("hub.ledger", c.Ledger.check())
	return errors.Join(errs...)
}

func (e Edges) check() error {
	seen := map[city.Slug]bool{}
	for i, k := range e.Known {
		if err := k.Name.Check(); err != nil {
			return fmt.Errorf("known[%d]: %w", i, err)
		}
		if err := spine.CheckPublicKey(k.Key); err != nil {
			return fmt.Errorf("edge %s: %w", k.Name, err)
		}
		if seen[k.Name] {
			return fmt.Errorf("the edge %s stands there twice", k.Name)
		}
		seen[k.Name] = true
	}
	if len(e.Cluster.Servers) > 0 {
		if e.Cluster.KeyFile == "" {
			return errors.New("cluster.key_file is missing: the hub's key in the NATS cluster")
		}
		return nil
	}
	loopback, err := host(e.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	if !loopback && (e.CertFile == "" || e.KeyFile == "") {
		return fmt.Errorf("listen: edges would reach %s without encryption; give cert_file and key_file", e.Listen)
	}
	if (e.CertFile == "") != (e.KeyFile == "") {
		return errors.New("cert_file and key_file belong together")
	}
	return nil
}

// host says whether an address is on loopback only.
func host(listen string) (loopback bool, err error) {
	h, port, err := net.SplitHostPort(listen)
	if err != nil || port == "" || h == "" {
		return false, fmt.Errorf("%q is not host:port, such as 127.0.0.1:8080", listen)
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

// spine is the configuration of the message spine, with its files read.
func (c Config) spine() (spine.HubConfig, error) {
	s := spine.HubConfig{Listen: c.Edges.Listen}
	for _, k := range c.Edges.Known {
		s.Edges = append(s.Edges, spine.EdgeKey{Name: k.Name, Public: k.Key})
	}
	if len(c.Edges.Cluster.Servers) > 0 {
		return s, c.cluster(&s)
	}
	if c.Edges.CertFile != "" {
		cert, err := tls.LoadX509KeyPair(c.Edges.CertFile, c.Edges.KeyFile)
		if err != nil {
			return s, city.Errorf(city.Invalid, "hub.edges: %w", err)
		}
		s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS13}
	}
	return s, nil
}

func (c Config) cluster(s *spine.HubConfig) error {
	x := c.Edges.Cluster
	seed, err := os.ReadFile(x.KeyFile)
	if err != nil {
		return fmt.Errorf("hub.edges.cluster.key_file: %w", err)
	}
	s.External = &spine.External{Servers: x.Servers, Seed: strings.TrimSpace(string(seed))}
	if x.CAFile == "" {
		return nil
	}
	pool, err := authority.Read(x.CAFile)
	if err != nil {
		return fmt.Errorf("hub.edges.cluster.ca_file: %w", err)
	}
	s.External.TLS = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}
	return nil
}

// about is what the pages say of the city.
func (c Config) about() (console.About, error) {
	zone, err := time.LoadLocation(c.Zone)
	if err != nil {
		return console.About{}, err
	}
	a := console.About{Name: c.City, Zone: zone, Map: console.Map{
		Centre: c.Map.Centre, Zoom: c.Map.Zoom, Bounds: [2]city.Point{c.Map.SouthWest, c.Map.NorthEast}, Credit: c.Map.Credit, CreditURL: c.Map.CreditURL,
	}}
	if c.Map.Layers != "" {
		a.Map.Layers = os.DirFS(c.Map.Layers)
	}
	return a, nil
}

// Resolve makes relative paths relative to a folder, that of the configuration's
// file.
func (c *Config) Resolve(dir string) {
	c.Transit.resolve(dir)
	c.TLS.Resolve(dir)
	c.Notices.Resolve(dir)
	if c.Access.Directory != nil {
		c.Access.Directory.Resolve(dir)
	}
	for _, p := range append(append(c.Sensors.paths(), c.Ledger.paths()...), &c.Changes.PasswordFile, &c.Data, &c.Register, &c.Access.Policies, &c.Edges.CertFile, &c.Edges.KeyFile, &c.Edges.Cluster.KeyFile, &c.Edges.Cluster.CAFile, &c.Map.Layers) {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
}
