package live

import (
	"fmt"
	"io"
	"os"
	"time"

	"polity/city"
	"polity/internal/parts"
	"polity/internal/strictyaml"
	"polity/services/water/example"
	"polity/services/water/isolation"
	"polity/services/water/leaks"
	"polity/services/water/network"
	"polity/services/water/season"
)

// Config is hub.services.water of the configuration.
type Config struct {
	Network string `yaml:"network"` // EPANET file (.inp)
	// Tables (CSV) of isolating valves, of hydrants, of streets, and of the price of a kWh by
	// hour; empty: none are known.
	Valves   string `yaml:"valves"`
	Hydrants string `yaml:"hydrants"`
	Streets  string `yaml:"streets"`
	Tariff   string `yaml:"tariff"`
	// Measurements and History are folders in the form of services/water/scada: the time
	// that is watched, whose tables grow, and an earlier time to learn from.
	Measurements string `yaml:"measurements"`
	History      string `yaml:"history"`
	// Learn is the first day (YYYY-MM-DD, UTC) of those in the city's data that are learnt
	// from, in place of History: only with Instruments.
	Learn string `yaml:"learn"`
	// Instruments are in place of Measurements: entities of the city's data.
	Instruments Instruments `yaml:"instruments"`
	// Simulate plays made-up days: season in the example network, l-town in the network of
	// that name, which set-up puts among the parts.
	Simulate string `yaml:"simulate"`
	// Day is how long a played day takes; 0: 6s of season, 24s of l-town.
	Day time.Duration `yaml:"day"`
}

// What Simulate may be.
const (
	Season = "season"
	LTown  = "l-town"
)

// LTownFile is the part with the network L-TOWN.
const LTownFile = "L-TOWN.inp"

// played is how made-up days go.
type played struct {
	takes        time.Duration // a day
	days, before int           // before they begin anew; measured before the first
	leaks        []season.Leak
	judges       leaks.Config
	network      func() (*network.Network, []isolation.Valve, error)
}

// plays lists what can be played. L-TOWN's days are fewer and longer: looking at a day costs
// up to a second there, the more the more days there are.
var plays = map[string]*played{
	Season: {
		takes: 6 * time.Second, days: 150, before: 30, network: exampleTown, judges: leaks.Default(),
		leaks: []season.Leak{{Pipe: "P34", Day: 3, Grows: 14, Diameter: 0.018}, {Pipe: "P11", Day: 60, Diameter: 0.016}, {Pipe: "P51", Day: 105, Grows: 10, Diameter: 0.018}},
	},
	LTown: {
		takes: 24 * time.Second, days: 40, before: 30, network: lTown, judges: leaks.Default(),
		leaks: []season.Leak{{Pipe: "p257", Day: 1, Grows: 5, Diameter: 0.02}},
	},
}

func exampleTown() (*network.Network, []isolation.Valve, error) {
	n, err := example.Town()
	if err != nil {
		return nil, nil, err
	}
	valves, err := example.Valves(n)
	return n, valves, err
}

// lTown has valves that are drawn: the network carries none.
func lTown() (*network.Network, []isolation.Valve, error) {
	path, err := parts.Find(LTownFile)
	if err != nil {
		return nil, nil, city.Errorf(city.Invalid, "simulate: %s: %w; simulate: %s needs no part", LTown, err, Season)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	n, err := network.Read(LTownFile, text)
	if err != nil {
		return nil, nil, err
	}
	return n, isolation.Draw(n, 1, 0.8), nil
}

func read(text []byte) (c Config, err error) {
	if err := strictyaml.Decode("services.water", text, &c); err != nil {
		return c, city.Errorf(city.Invalid, "%w", err)
	}
	ofReal := c.Network != "" || c.Valves != "" || c.Hydrants != "" || c.Streets != "" || c.Tariff != "" || c.Measurements != "" || c.History != "" || c.Learn != "" || !c.Instruments.empty()
	switch {
	case c.Simulate != "" && plays[c.Simulate] == nil:
		return c, city.Errorf(city.Invalid, "simulate: %q is nothing that can be played; %s and %s are", c.Simulate, Season, LTown)
	case c.Simulate != "" && ofReal:
		return c, city.Errorf(city.Invalid, "simulate: made-up days never stand beside a real network; leave network, valves, hydrants, streets, tariff, measurements, instruments, history and learn out")
	case c.Day != 0 && (c.Simulate == "" || c.Day < 50*time.Millisecond || c.Day > time.Hour):
		return c, city.Errorf(city.Invalid, "day is %v: a played day takes 50ms to 1h, and a real one as long as it takes", c.Day)
	case c.Simulate == "" && (c.Network == "" || c.Measurements == "" && c.Instruments.empty() || c.History == "" && c.Learn == ""):
		return c, city.Errorf(city.Invalid, "network, history, and measurements or instruments are needed, or simulate: %s; instruments may have learn in place of history", Season)
	case c.Learn != "" && (c.History != "" || c.Instruments.empty()):
		return c, city.Errorf(city.Invalid, "learn is in place of history, and takes days of instruments in the city's data")
	case c.Measurements != "" && !c.Instruments.empty():
		return c, city.Errorf(city.Invalid, "measurements come from tables or from instruments in the city's data: leave one of them out")
	case !c.Instruments.empty():
		if err := c.Instruments.check(); err != nil {
			return c, err
		}
	}
	if _, err := c.learnFrom(); err != nil {
		return c, err
	}
	if c.Day == 0 && c.Simulate != "" {
		c.Day = plays[c.Simulate].takes
	}
	return c, nil
}

func (c *Config) network() (n *network.Network, valves []isolation.Valve, hydrants []isolation.Hydrant, err error) {
	if c.Simulate != "" {
		if n, valves, err = plays[c.Simulate].network(); err != nil {
			return nil, nil, nil, err
		}
		return n, valves, isolation.DrawHydrants(n, hydrantsApart), nil
	}
	text, err := os.ReadFile(c.Network)
	if err != nil {
		return nil, nil, nil, city.Errorf(city.Invalid, "network: %w", err)
	}
	if n, err = network.Read(c.Network, text); err != nil {
		return nil, nil, nil, fmt.Errorf("network: %w", err)
	}
	if c.Valves != "" {
		if valves, err = table("valves", c.Valves, n, isolation.ReadValves); err != nil {
			return nil, nil, nil, err
		}
	}
	if c.Hydrants != "" {
		hydrants, err = table("hydrants", c.Hydrants, n, isolation.ReadHydrants)
	}
	return n, valves, hydrants, err
}

// streets are those that residents name.
func (c *Config) streets(n *network.Network) ([]Street, error) {
	switch {
	case c.Simulate != "":
		return drawStreets(n), nil
	case c.Streets == "":
		return nil, nil
	}
	return table("streets", c.Streets, n, readStreets)
}

// hydrantsApart is the distance of drawn hydrants, m.
const hydrantsApart = 150

// table reads one of a network's tables.
func table[T any](key, name string, n *network.Network, read func(string, io.Reader, *network.Network) ([]T, error)) ([]T, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, city.Errorf(city.Invalid, "%s: %w", key, err)
	}
	defer file.Close()
	return read(name, file, n)
}
