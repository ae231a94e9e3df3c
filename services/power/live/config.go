package live

import (
	"crypto/tls"
	"fmt"
	"slices"
	"time"

	"polity/city"
	"polity/internal/strictyaml"
	"polity/services/power"
	"polity/services/power/example"
	"polity/services/power/grid"
	"polity/services/power/iec104"
	"polity/services/power/storm"
	"polity/services/power/switching"
)

// Config is hub.services.power of the configuration.
type Config struct {
	// Network is the file of the network (OpenDSS, pandapower, MATPOWER, CIM); empty: the
	// example, 33 buses.
	Network string `yaml:"network"`
	// Simulate plays an evening in place of a real network's field: storm.
	Simulate string `yaml:"simulate"`
	// Pace is how many times as fast as usual that evening goes; 0: once.
	Pace float64 `yaml:"pace"`
	// Places are where buses are on the city's map: longitude and latitude (WGS 84) by name.
	Places map[string][2]float64 `yaml:"places"`
	Field  *Field                `yaml:"field"`
	// Meters names the loads whose meter sends a last gasp: of those silence counts. All
	// stands for every load.
	Meters []string `yaml:"meters"`
	// Protection are breakers, reclosers and fuses by their line, with the current (A) above
	// which each trips: no order may leave one that trips on load, or does not see a fault.
	Protection map[string]float64 `yaml:"protection"`
}

// All is every load, in Meters.
const All = "all"

// Field is the outstation whose switches are seen and operated, over IEC 60870-5-104.
type Field struct {
	Address string `yaml:"address"` // host:port; 19998 with TLS, 2404 without
	Station uint16 `yaml:"station"`
	// CAFile, CertFile and KeyFile are for TLS (IEC 62351-3); all or none.
	CAFile   string `yaml:"ca_file"`
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
	// Switches names the lines with a switch, and where its position is read and it is
	// operated.
	Switches map[string]Switch `yaml:"switches"`
}

// Switch is where a line's switch stands in the outstation.
type Switch struct {
	Position uint32 `yaml:"position"` // double point
	Command  uint32 `yaml:"command"`  // double command
}

// Storm is the value of Simulate.
const Storm = "storm"

// CheckConfig says what is wrong with a configuration, and opens no file that it names.
func CheckConfig(text []byte) error {
	_, err := read(text)
	return err
}

func read(text []byte) (c Config, err error) {
	if len(text) == 0 {
		return c, nil
	}
	if err := strictyaml.Decode("services.power", text, &c); err != nil {
		return c, city.Errorf(city.Invalid, "%w", err)
	}
	switch {
	case c.Simulate != "" && c.Simulate != Storm:
		return c, city.Errorf(city.Invalid, "simulate: %q is no evening that can be played; %q is", c.Simulate, Storm)
	case c.Simulate != "" && c.Field != nil:
		return c, city.Errorf(city.Invalid, "simulate and field: a made-up evening never stands beside a real outstation")
	case c.Pace != 0 && (c.Simulate == "" || !(c.Pace >= 0.1 && c.Pace <= 100)):
		return c, city.Errorf(city.Invalid, "pace: a made-up evening goes 0.1 to 100 times as fast as usual; %g is none of these, or nothing is made up", c.Pace)
	case c.Simulate != "" && len(c.Meters) > 0:
		return c, city.Errorf(city.Invalid, "meters: a made-up evening has made-up meters; leave meters out")
	case c.Simulate == Storm && c.Network != "":
		return c, city.Errorf(city.Invalid, "simulate: the storm is that of the example; leave network out")
	}
	if f := c.Field; f != nil {
		named := 0
		for _, name := range []string{f.CAFile, f.CertFile, f.KeyFile} {
			if name != "" {
				named++
			}
		}
		switch {
		case f.Address == "" || len(f.Switches) == 0:
			return c, city.Errorf(city.Invalid, "field: address and switches are needed")
		case named != 0 && named != 3:
			return c, city.Errorf(city.Invalid, "field: TLS needs ca_file, cert_file and key_file")
		}
	}
	return c, nil
}

func (c *Config) network() (*grid.Network, error) {
	if c.Network == "" {
		return example.Town()
	}
	return power.Read(c.Network)
}

// metered says which loads have a meter that sends a last gasp; nil: none is known to.
func (c *Config) metered(net *grid.Network) (func(int) bool, error) {
	switch {
	case c.Simulate == Storm:
		return storm.Metered, nil
	case len(c.Meters) == 0:
		return nil, nil //nolint:nilnil // none
	case slices.Equal(c.Meters, []string{All}):
		return func(int) bool { return true }, nil
	}
	known, has := map[string]int{}, make([]bool, len(net.Loads))
	for i := range net.Loads {
		known[net.Loads[i].Name] = i
	}
	for _, name := range c.Meters {
		i, is := known[name]
		if !is {
			return nil, city.Errorf(city.Invalid, "meters: the network has no load %s", name)
		}
		has[i] = true
	}
	return func(load int) bool { return has[load] }, nil
}

// devices are the protective devices of a network, by line.
func (c *Config) devices(net *grid.Network) (list []switching.Device, err error) {
	for i := range net.Lines {
		if pickup, has := c.Protection[net.Lines[i].Name]; has {
			list = append(list, switching.Device{Line: i, Pickup: pickup})
			if !(pickup > 0) {
				return nil, city.Errorf(city.Invalid, "protection: %s trips above %g A: it must be more than none", net.Lines[i].Name, pickup)
			}
		}
	}
	for name := range c.Protection {
		if lineOf(net, name) < 0 {
			return nil, city.Errorf(city.Invalid, "protection: the network has no line %s", name)
		}
	}
	return list, nil
}

// placed are the places of a network's buses.
func (c *Config) placed(net *grid.Network) ([]*city.Point, error) {
	list := make([]*city.Point, len(net.Buses))
	known := map[string]int{}
	for i := range net.Buses {
		known[net.Buses[i].Name] = i
	}
	for name, at := range c.Places {
		i, has := known[name]
		if !has {
			return nil, city.Errorf(city.Invalid, "places: the network has no bus %s", name)
		}
		p := city.Point{Lon: at[0], Lat: at[1]}
		if err := p.Check(); err != nil {
			return nil, city.Errorf(city.Invalid, "places: bus %s: %w", name, err)
		}
		list[i] = &p
	}
	return list, nil
}

func (f *Field) tls() (*tls.Config, error) {
	secure, err := iec104.ClientTLS(f.CAFile, f.CertFile, f.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("field: %w", err)
	}
	return secure, nil
}

// How an evening goes that is played: lines break at these times.
var (
	stormRepair = 90 * time.Second
	stormFaults = []struct {
		after time.Duration
		line  int
	}{{20 * time.Second, 9}, {80 * time.Second, 25}, {4 * time.Minute, 19}}
)
