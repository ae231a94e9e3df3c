package live

import (
	"fmt"
	"os"
	"time"

	"polity/city"
	"polity/internal/strictyaml"
	"polity/services/water/example"
	"polity/services/water/isolation"
	"polity/services/water/network"
	"polity/services/water/season"
)

// Config is hub.services.water of the configuration.
type Config struct {
	Network string `yaml:"network"` // EPANET file (.inp)
	Valves  string `yaml:"valves"`  // table (CSV) of isolating valves; empty: none are known
	// Measurements and History are folders in the form of services/water/scada: the time
	// that is watched, whose tables grow, and an earlier time to learn from.
	Measurements string `yaml:"measurements"`
	History      string `yaml:"history"`
	// Simulate plays made-up days in the example network: season.
	Simulate string `yaml:"simulate"`
	// Day is how long a played day takes; 0: 6s.
	Day time.Duration `yaml:"day"`
}

// Season is the value of Simulate.
const Season = "season"

func read(text []byte) (c Config, err error) {
	if err := strictyaml.Decode("services.water", text, &c); err != nil {
		return c, city.Errorf(city.Invalid, "%w", err)
	}
	ofReal := c.Network != "" || c.Valves != "" || c.Measurements != "" || c.History != ""
	switch {
	case c.Simulate != "" && c.Simulate != Season:
		return c, city.Errorf(city.Invalid, "simulate: %q is nothing that can be played; %q is", c.Simulate, Season)
	case c.Simulate != "" && ofReal:
		return c, city.Errorf(city.Invalid, "simulate: made-up days never stand beside a real network; leave network, valves, measurements and history out")
	case c.Day != 0 && (c.Simulate == "" || c.Day < 50*time.Millisecond || c.Day > time.Hour):
		return c, city.Errorf(city.Invalid, "day is %v: a played day takes 50ms to 1h, and a real one as long as it takes", c.Day)
	case c.Simulate == "" && (c.Network == "" || c.Measurements == "" || c.History == ""):
		return c, city.Errorf(city.Invalid, "network, measurements and history are needed, or simulate: %s", Season)
	}
	if c.Day == 0 {
		c.Day = dayTakes
	}
	return c, nil
}

func (c *Config) network() (n *network.Network, valves []isolation.Valve, err error) {
	if c.Simulate == Season {
		if n, err = example.Town(); err != nil {
			return nil, nil, err
		}
		valves, err = example.Valves(n)
		return n, valves, err
	}
	text, err := os.ReadFile(c.Network)
	if err != nil {
		return nil, nil, city.Errorf(city.Invalid, "network: %w", err)
	}
	if n, err = network.Read(c.Network, text); err != nil {
		return nil, nil, fmt.Errorf("network: %w", err)
	}
	if c.Valves == "" {
		return n, nil, nil
	}
	file, err := os.Open(c.Valves)
	if err != nil {
		return nil, nil, city.Errorf(city.Invalid, "valves: %w", err)
	}
	defer file.Close()
	valves, err = isolation.ReadValves(c.Valves, file, n)
	return n, valves, err
}

// How a season goes that is played. A day passes in dayTakes.
var (
	dayTakes     = 6 * time.Second
	seasonDays   = 150
	seasonBefore = 30
	seasonLeaks  = []season.Leak{{Pipe: "P34", Day: 3, Grows: 14, Diameter: 0.018}, {Pipe: "P11", Day: 60, Diameter: 0.016}, {Pipe: "P51", Day: 105, Grows: 10, Diameter: 0.018}}
)
