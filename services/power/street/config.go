package street

import (
	"crypto/tls"
	_ "embed"
	"fmt"
	"os"
	"time"
	_ "time/tzdata" // a machine may have none

	"polity/city"
	"polity/services/power/iec104"
	"polity/services/power/lighting"
)

// Config is hub.services.power.lighting of the configuration.
type Config struct {
	Lamps string `yaml:"lamps"` // file of groups and areas
	Zone  string `yaml:"zone"`  // of the cabinets' clocks, as in Europe/Helsinki
	// Simulate plays a town's lamps and its people in place of real ones: streets.
	Simulate string `yaml:"simulate"`
	Field    *Field `yaml:"field"` // nil: cabinets are heard and never told anything
	// Precision is that of a cabinet's meter and lamps together, as a part; 0: 0.02.
	Precision float64 `yaml:"precision"`
}

// Field is the outstation by which cabinets are told what the centre allows, over
// IEC 60870-5-104.
type Field struct {
	Address string `yaml:"address"` // host:port; 19998 with TLS, 2404 without
	Station uint16 `yaml:"station"`
	// CAFile, CertFile and KeyFile are for TLS (IEC 62351-3); all or none.
	CAFile   string `yaml:"ca_file"`
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
	// Cabinets is where each group's set point stands: percent of full light.
	Cabinets map[string]uint32 `yaml:"cabinets"`
}

// Streets is the value of Simulate.
const Streets = "streets"

//go:embed streets.yaml
var streets []byte

// town checks a configuration and reads its lamps.
func (c *Config) town() (*lighting.Town, *time.Location, error) {
	name, text := "streets.yaml", streets
	switch {
	case c.Simulate != "" && c.Simulate != Streets:
		return nil, nil, city.Errorf(city.Invalid, "simulate: %q is nothing that can be played; %q is", c.Simulate, Streets)
	case c.Simulate != "" && (c.Field != nil || c.Lamps != ""):
		return nil, nil, city.Errorf(city.Invalid, "simulate: made-up lamps never stand beside real ones; leave lamps and field out")
	case c.Simulate == "" && c.Lamps == "":
		return nil, nil, city.Errorf(city.Invalid, "lamps: name the file of groups and areas, or simulate: %s", Streets)
	case c.Simulate == "" && c.Zone == "":
		return nil, nil, city.Errorf(city.Invalid, "zone: name the time zone of the cabinets' clocks, as in Europe/Helsinki")
	case !(c.Precision >= 0 && c.Precision < 0.5):
		return nil, nil, city.Errorf(city.Invalid, "precision: %g is no part of a meter's value as in 0.02", c.Precision)
	}
	if c.Precision == 0 {
		c.Precision = 0.02
	}
	zone := c.Zone
	if zone == "" {
		zone = "Europe/Helsinki"
	}
	clock, err := time.LoadLocation(zone)
	if err != nil {
		return nil, nil, city.Errorf(city.Invalid, "zone: %q is no time zone as in Europe/Helsinki", zone)
	}
	if c.Lamps != "" {
		name = c.Lamps
		if text, err = os.ReadFile(c.Lamps); err != nil {
			return nil, nil, city.Errorf(city.Invalid, "lamps: %w", err)
		}
	}
	t, err := lighting.ReadTown(name, text)
	if err != nil {
		return nil, nil, err
	}
	if len(t.Groups) > groupsMost {
		return nil, nil, city.Errorf(city.TooLarge, "%s: %d groups; %d are the most", name, len(t.Groups), groupsMost)
	}
	return t, clock, c.Field.check(t)
}

const groupsMost = 5000

func (f *Field) check(t *lighting.Town) error {
	if f == nil {
		return nil
	}
	named := 0
	for _, name := range []string{f.CAFile, f.CertFile, f.KeyFile} {
		if name != "" {
			named++
		}
	}
	switch {
	case f.Address == "" || len(f.Cabinets) == 0:
		return city.Errorf(city.Invalid, "field: address and cabinets are needed")
	case named != 0 && named != 3:
		return city.Errorf(city.Invalid, "field: TLS needs ca_file, cert_file and key_file")
	}
	taken := map[uint32]string{}
	for name, at := range f.Cabinets {
		switch had, twice := taken[at]; {
		case t.Group(name) == nil:
			return city.Errorf(city.Invalid, "field.cabinets: there is no group %q", name)
		case twice:
			return city.Errorf(city.Invalid, "field.cabinets: %s and %s have the same set point %d", min(had, name), max(had, name), at)
		}
		taken[at] = name
	}
	return nil
}

func (f *Field) tls() (*tls.Config, error) {
	secure, err := iec104.ClientTLS(f.CAFile, f.CertFile, f.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("field: %w", err)
	}
	return secure, nil
}
