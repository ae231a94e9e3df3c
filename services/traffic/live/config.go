package live

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"polity/city"
	"polity/internal/strictyaml"
	"polity/services/traffic"
	"polity/services/traffic/corridor"
	"polity/services/traffic/network"
	"polity/services/traffic/street"
	"polity/services/traffic/streetmap"
)

// Config is hub.services.traffic of the configuration.
type Config struct {
	// Simulate plays a made-up street in place of real junctions: corridor.
	Simulate string `yaml:"simulate"`
	// Network is the file of the junctions (.json, .net.xml).
	Network string `yaml:"network"`
	RSMP    *RSMP  `yaml:"rsmp"`
	// Detectors say, by lane of the network, where in the city's data it stands how many
	// vehicles wait before the stop line or are felt there; Walkers, by crossing, how many
	// people wait.
	Detectors map[string]Detector `yaml:"detectors"`
	Walkers   map[string]Detector `yaml:"walkers"`
	Transit   *Transit            `yaml:"transit"` // nil: public transport waits as all do
}

// Detector is where something is counted: an attribute of an entity, a number with the time
// when it was observed; or a detector logic of the junction's own controller (RSMP, S0002), by
// its number from 1, which tells whether somebody is there.
type Detector struct {
	Entity    string `yaml:"entity"`
	Attribute string `yaml:"attribute"`
	Logic     int    `yaml:"logic"`
	// Before is a second logic of the same controller, further up the lane; nil: there is none.
	Before *Upstream `yaml:"before"`
}

// check says what a detector lacks; empty: nothing.
func (d *Detector) check() string {
	switch {
	case d.Logic == 0 && (d.Entity == "" || d.Attribute == ""):
		return "entity and attribute are needed, or the number of a logic of the controller"
	case d.Logic != 0 && (d.Entity != "" || d.Attribute != ""):
		return "it is either an entity's attribute or a logic of the controller"
	case d.Before != nil && (d.Logic == 0 || d.Before.Logic < 1 || d.Before.Logic > mostLogics || d.Before.Logic == d.Logic):
		return "before is another logic of the controller beside the one at the stop line"
	case d.Before != nil && !(d.Before.Metres >= 100 && d.Before.Metres <= 300):
		return fmt.Sprintf("before: %g metres from the stop line; from 100 to 300 tell in time who comes", d.Before.Metres)
	case d.Logic < 0 || d.Logic > mostLogics:
		return fmt.Sprintf("logic %d: controllers number theirs from 1 to %d", d.Logic, mostLogics)
	}
	return ""
}

const mostLogics = 255

// RSMP is where the junctions' controllers connect. A site's id is its junction's.
type RSMP struct {
	Listen string `yaml:"listen"` // host:port; 12111 is usual
	// CAFile signs the controllers' certificates; CertFile and KeyFile are the supervisor's.
	CAFile   string `yaml:"ca_file"`
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
	Name     string `yaml:"name"`      // the supervisor's own site id; empty: polity
	CodeFile string `yaml:"code_file"` // security code 2 of the controllers
}

// Corridor is the value of Simulate.
const Corridor = "corridor"

func read(text []byte) (c Config, err error) {
	if err := strictyaml.Decode("services.traffic", text, &c); len(text) > 0 && err != nil {
		return c, city.Errorf(city.Invalid, "%w", err)
	}
	switch {
	case c.Simulate != "" && c.Simulate != Corridor:
		return c, city.Errorf(city.Invalid, "simulate: %q is no street that can be played; %q is", c.Simulate, Corridor)
	case c.Simulate != "" && (c.Network != "" || c.RSMP != nil || len(c.Detectors) > 0 || len(c.Walkers) > 0 || c.Transit != nil):
		return c, city.Errorf(city.Invalid, "simulate stands alone: a made-up street never runs beside real junctions; leave network, rsmp, detectors, walkers and transit out")
	case c.Simulate == "" && (c.Network == "" || c.RSMP == nil):
		return c, city.Errorf(city.Invalid, "name the junctions' network and rsmp, or simulate: %s", Corridor)
	}
	if c.Transit != nil {
		if err := c.Transit.check(); err != nil {
			return c, err
		}
	}
	if r := c.RSMP; r != nil && (r.Listen == "" || r.CAFile == "" || r.CertFile == "" || r.KeyFile == "" || r.CodeFile == "") {
		return c, city.Errorf(city.Invalid, "rsmp: listen, ca_file, cert_file, key_file and code_file are needed: signals are never steered without TLS")
	}
	return c, nil
}

func (c *Config) network() (*network.Network, error) {
	if c.Simulate == Corridor {
		return street.Corridor("Harbour Street", "Mill Lane", "Church Lane", "Market Lane", "Station Lane")
	}
	n, err := traffic.Open(context.Background(), c.Network, streetmap.Area{})
	if err == nil && len(n.Junctions) == 0 {
		err = city.Errorf(city.Invalid, "network: %s has no junction with signals", c.Network)
	}
	return n, err
}

func (r *RSMP) secure() (*tls.Config, string, error) {
	pair, err := tls.LoadX509KeyPair(r.CertFile, r.KeyFile)
	authorities, readErr := os.ReadFile(r.CAFile)
	code, codeErr := os.ReadFile(r.CodeFile)
	if err = errors.Join(err, readErr, codeErr); err != nil {
		return nil, "", fmt.Errorf("rsmp: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(authorities) {
		return nil, "", city.Errorf(city.Invalid, "rsmp: ca_file %s has no certificate", r.CAFile)
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert}
	return c, strings.TrimSpace(string(code)), nil
}

// How the played street goes: detectors fail for a while, and everyone can see what follows.
var (
	playedFaults = []corridor.Fault{
		{Lane: "north-2", After: 4 * time.Minute, For: 3 * time.Minute},
		{Lane: "east-3", After: 25 * time.Minute, For: 4 * time.Minute},
	}
	playedSilences = []corridor.Silence{{After: 12 * time.Minute, For: 90 * time.Second}}
)
