package edge

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"polity/city"
	"polity/internal/authority"
	"polity/internal/secretfile"
	"polity/internal/size"
	"polity/register"
	"polity/spine"
)

// Config is the section "edge" of the configuration.
type Config struct {
	Name city.Slug `yaml:"name"`
	Data string    `yaml:"data"` // folder for everything that the edge keeps
	Hub  Hub       `yaml:"hub"`
	// Listen is where the edge shows its state and metrics, on loopback only.
	Listen string `yaml:"listen"`

	CityKeys []string `yaml:"city_keys"` // public keys whose register entries count
	Register string   `yaml:"register"`  // folder with the entries, CAMERA.entry

	Disk     Disk       `yaml:"disk"`
	Record   *Recording `yaml:"record"` // nil: nothing is recorded
	Detector Detector   `yaml:"detector"`
	Cameras  []Camera   `yaml:"cameras"`

	// AllowUnencryptedSwap lets the processes that hold raw frames run although the
	// machine could write their memory to an unencrypted disk.
	AllowUnencryptedSwap bool `yaml:"allow_unencrypted_swap"`
	// ArchiveEvery is how often a changed place is archived at most.
	ArchiveEvery time.Duration `yaml:"archive_every"`
	// CameraProcess is the program that runs once per camera; empty is this
	// program's own camera-process.
	CameraProcess []string `yaml:"camera_process"`
}

// Hub is how to reach the hub.
type Hub struct {
	Address string `yaml:"address"`  // tls://host:7422; nats-leaf://127.0.0.1:7422 on the same machine; empty: alone
	KeyFile string `yaml:"key_file"` // made by 'polity edge key'
	CAFile  string `yaml:"ca_file"`  // authority of the hub's certificate; empty: the system's
}

// Disk bounds what the edge keeps.
type Disk struct {
	Limit    size.Bytes `yaml:"limit"`
	KeepFree size.Bytes `yaml:"keep_free"`
}

// Detector is the process that finds people and vehicles for all cameras.
type Detector struct {
	Off bool `yaml:"off"` // scenes then freeze
}

// Camera is one camera of the edge.
type Camera struct {
	Name         city.Slug `yaml:"name"`
	Source       string    `yaml:"source"` // rtsp://, rtsps://, or the path of a film
	User         string    `yaml:"user"`
	PasswordFile string    `yaml:"password_file"`
	Transport    string    `yaml:"transport"`  // "tcp" or "udp"
	PerSecond    float64   `yaml:"per_second"` // analysed frames
	Record       *Record   `yaml:"record"`     // nil: nothing of it is kept
}

// WithDefaults fills in what was left out.
func (c Config) WithDefaults() Config {
	if c.Listen == "" {
		c.Listen = "127.0.0.1:8081"
	}
	if c.Disk.Limit == 0 {
		c.Disk.Limit = 8 << 30
	}
	if c.Disk.KeepFree == 0 {
		c.Disk.KeepFree = 512 << 20
	}
	if c.ArchiveEvery == 0 {
		c.ArchiveEvery = time.Minute
	}
	for i := range c.Cameras {
		if c.Cameras[i].PerSecond == 0 {
			c.Cameras[i].PerSecond = 5
		}
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
	add("edge.name", c.Name.Check())
	if c.Data == "" {
		add("edge.data", errors.New("the folder for the edge's data is missing"))
	}
	if c.Register == "" {
		add("edge.register", errors.New("the folder with the register entries is missing; without entries no camera runs"))
	}
	_, err := register.ParseKeys(c.CityKeys)
	add("edge.city_keys", err)
	add("edge.listen", checkLoopback(c.Listen))
	add("edge.hub.address", c.Hub.check())
	if c.ArchiveEvery < 0 || (c.ArchiveEvery > 0 && c.ArchiveEvery < time.Second) {
		add("edge.archive_every", fmt.Errorf("%v is too short; a second is the least", c.ArchiveEvery))
	}
	if c.Disk.Limit > 0 && c.Disk.Limit < 16<<20 {
		add("edge.disk.limit", fmt.Errorf("%v is too little; 16MiB is the least", c.Disk.Limit))
	}
	add("edge.record", c.Record.check())
	seen := map[city.Slug]bool{}
	for i, cam := range c.Cameras {
		where := fmt.Sprintf("edge.cameras[%d]", i)
		add(where, cam.check())
		if cam.Record != nil && c.Record == nil {
			add(where, fmt.Errorf("camera %s is to be recorded, but edge.record does not say where", cam.Name))
		}
		if seen[cam.Name] {
			add(where, fmt.Errorf("the name %s is used twice", cam.Name))
		}
		seen[cam.Name] = true
	}
	return errors.Join(errs...)
}

func (h Hub) check() error {
	if h.Address == "" {
		return nil // alone
	}
	u, err := url.Parse(h.Address)
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "tls" && u.Scheme != "nats-leaf"):
		return fmt.Errorf("%q is not an address; write tls://host:7422, or nats-leaf://127.0.0.1:7422 on the hub's own machine", h.Address)
	case u.Scheme == "nats-leaf" && checkLoopback(u.Host) != nil:
		return fmt.Errorf("%q is not encrypted; use tls://", h.Address)
	case h.KeyFile == "":
		return errors.New("key_file is missing; 'polity edge key' makes the edge's key")
	}
	return nil
}

func (c Camera) check() error {
	if err := c.Name.Check(); err != nil {
		return err
	}
	switch {
	case c.Source == "":
		return fmt.Errorf("camera %s: source is missing: an rtsp:// or rtsps:// address, or the path of a film", c.Name)
	case c.Transport != "" && c.Transport != "tcp" && c.Transport != "udp":
		return fmt.Errorf(`camera %s: transport is %q; it is "tcp" or "udp"`, c.Name, c.Transport)
	case c.PerSecond < 0 || c.PerSecond > 60:
		return fmt.Errorf("camera %s: per_second is %g; up to 60 analysed frames a second are possible", c.Name, c.PerSecond)
	}
	if r := c.Record; r != nil {
		if err := r.Class.Check(); err != nil {
			return fmt.Errorf("camera %s: record.class: %w", c.Name, err)
		}
		if err := noSecret(c.Name, r.Source); err != nil {
			return err
		}
	}
	return noSecret(c.Name, c.Source)
}

// noSecret refuses an address with a name or password in it.
func noSecret(name city.Slug, address string) error {
	if u, err := url.Parse(address); err == nil && u.User != nil {
		return fmt.Errorf("camera %s: the source may not hold a name or password, since configuration is read by many; use user and password_file", name)
	}
	return nil
}

// checkLoopback holds an address to this machine.
func checkLoopback(listen string) error {
	host, port, err := net.SplitHostPort(listen)
	if err != nil || port == "" {
		return fmt.Errorf("%q is not host:port, such as 127.0.0.1:8081", listen)
	}
	if host == "localhost" {
		return nil
	}
	if a, err := netip.ParseAddr(host); err != nil || !a.IsLoopback() {
		return fmt.Errorf("%q can be reached from outside; only loopback is allowed, such as 127.0.0.1:%s", listen, port)
	}
	return nil
}

// secrets are what the configuration names by file.
type secrets struct {
	seed      string
	tls       *tls.Config
	passwords map[city.Slug]string
}

func (c Config) readSecrets() (s secrets, err error) {
	s.passwords = map[city.Slug]string{}
	if c.Hub.Address != "" {
		if s.seed, err = secretfile.Line(c.Hub.KeyFile); err != nil {
			return s, fmt.Errorf("edge.hub.key_file: %w", err)
		}
		if _, err := spine.PublicKey(s.seed); err != nil {
			return s, fmt.Errorf("edge.hub.key_file %s: %w", c.Hub.KeyFile, err)
		}
	}
	if c.Hub.CAFile != "" {
		pool, err := authority.Read(c.Hub.CAFile)
		if err != nil {
			return s, fmt.Errorf("edge.hub.ca_file: %w", err)
		}
		s.tls = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}
	}
	for _, cam := range c.Cameras {
		if cam.PasswordFile == "" {
			continue
		}
		if s.passwords[cam.Name], err = secretfile.Line(cam.PasswordFile); err != nil {
			return s, fmt.Errorf("camera %s: password_file: %w", cam.Name, err)
		}
	}
	return s, nil
}

func (c Config) path(parts ...string) string {
	return filepath.Join(append([]string{c.Data}, parts...)...)
}

// Resolve makes relative paths relative to a folder, that of the configuration's
// file.
func (c *Config) Resolve(dir string) {
	paths := []*string{&c.Data, &c.Register, &c.Hub.KeyFile, &c.Hub.CAFile}
	if r := c.Record; r != nil {
		paths = append(paths, &r.Roster, &r.Keys, &r.Folder)
		if r.Copy != nil {
			paths = append(paths, &r.Copy.Folder, &r.Copy.SecretFile)
		}
	}
	for i := range c.Cameras {
		if r := c.Cameras[i].Record; r != nil && !strings.Contains(r.Source, "://") {
			paths = append(paths, &r.Source)
		}
		paths = append(paths, &c.Cameras[i].PasswordFile)
		if !strings.Contains(c.Cameras[i].Source, "://") {
			paths = append(paths, &c.Cameras[i].Source)
		}
	}
	for _, p := range paths {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
}

// Inspect opens the files that a configuration names and says of each camera
// whether its entry lets it run now.
func Inspect(c Config) (words string, err error) {
	keys, err := register.ParseKeys(c.CityKeys)
	if err != nil {
		return "", err
	}
	if _, err := c.readSecrets(); err != nil {
		return "", err
	}
	folder := register.Folder{Dir: c.Register, Keys: keys}
	var b strings.Builder
	refused := 0
	for _, cam := range c.Cameras {
		entry, err := folder.Load(cam.Name)
		if err == nil {
			err = entry.For(cam.Name, c.Name, time.Now())
		}
		if err != nil {
			refused++
			fmt.Fprintf(&b, "Camera %s would not run, %s: %v\n", cam.Name, register.ReasonOf(err), err)
			continue
		}
		fmt.Fprintf(&b, "Camera %s may run until %s (%s).\n", cam.Name, entry.Until.Format("2 January 2006"), entry.Decision.Reference)
	}
	if refused > 0 {
		return b.String(), fmt.Errorf("%d of %d cameras would not run", refused, len(c.Cameras))
	}
	return b.String(), nil
}
