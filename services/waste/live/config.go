package live

import (
	"context"
	"os"
	"time"

	"polity/city"
	"polity/internal/strictyaml"
	"polity/services/waste"
	"polity/services/waste/example"
	"polity/services/waste/roads"
)

// Config is hub.services.waste of the configuration.
type Config struct {
	Containers string `yaml:"containers"` // table (CSV) of containers
	Fleet      string `yaml:"fleet"`      // trucks and sites (YAML)
	Map        string `yaml:"map"`        // OpenStreetMap extract (.osm.pbf or .osm)
	Zone       string `yaml:"zone"`       // of days and shifts, as in Europe/Helsinki; empty: this machine's
	// Simulate plays made-up days in the example town: day.
	Simulate string  `yaml:"simulate"`
	Pace     float64 `yaml:"pace"` // seconds that pass there in one; 0: 60
}

// Day is the value of Simulate.
const Day = "day"

func read(text []byte) (c Config, err error) {
	if err := strictyaml.Decode("services.waste", text, &c); err != nil {
		return c, city.Errorf(city.Invalid, "%w", err)
	}
	ofReal := c.Containers != "" || c.Fleet != "" || c.Map != "" || c.Zone != ""
	switch {
	case c.Simulate != "" && c.Simulate != Day:
		return c, city.Errorf(city.Invalid, "simulate: %q is nothing that can be played; %q is", c.Simulate, Day)
	case c.Simulate != "" && ofReal:
		return c, city.Errorf(city.Invalid, "simulate: made-up days never stand beside real containers; leave containers, fleet, map and zone out")
	case c.Simulate == "" && c.Pace != 0:
		return c, city.Errorf(city.Invalid, "pace: only a made-up day has another pace than the world's; leave it out")
	case c.Simulate == "" && (c.Containers == "" || c.Fleet == "" || c.Map == ""):
		return c, city.Errorf(city.Invalid, "containers, fleet and map are needed, or simulate: %s", Day)
	case c.Pace != 0 && !(c.Pace >= 1 && c.Pace <= 100_000):
		return c, city.Errorf(city.Invalid, "pace: %g is not from 1 to 100000", c.Pace)
	}
	if c.Pace == 0 {
		c.Pace = 60
	}
	return c, nil
}

func (c *Config) zone() (*time.Location, error) {
	if c.Zone == "" {
		return time.Local, nil
	}
	zone, err := time.LoadLocation(c.Zone)
	if err != nil {
		return nil, city.Errorf(city.Invalid, "zone: %q is no time zone as in Europe/Helsinki", c.Zone)
	}
	return zone, nil
}

// containersMost is as many as the example has.
const containersMost = 240

// town reads what is collected, by whom, and along which streets.
func (c *Config) town(ctx context.Context) (*example.Town, error) {
	if c.Simulate == Day {
		return example.Read(ctx, containersMost)
	}
	file, err := os.Open(c.Containers)
	if err != nil {
		return nil, city.Errorf(city.Invalid, "containers: %w", err)
	}
	defer file.Close()
	preview, err := waste.ReadContainers(file)
	switch {
	case err != nil:
		return nil, city.Errorf(city.Invalid, "containers: %w", err)
	case len(preview.Errors) > 0:
		return nil, city.Errorf(city.Invalid, "containers: %s: %w, and %d more; polity waste plan --preview lists them all", c.Containers, preview.Errors[0], len(preview.Errors)-1)
	case len(preview.Containers) == 0:
		return nil, city.Errorf(city.Invalid, "containers: %s has none", c.Containers)
	}
	text, err := os.ReadFile(c.Fleet)
	if err != nil {
		return nil, city.Errorf(city.Invalid, "fleet: %w", err)
	}
	fleet, err := waste.ReadFleet(text, c.Fleet)
	if err != nil {
		return nil, city.Errorf(city.Invalid, "fleet: %w", err)
	}
	t := &example.Town{Streets: waste.Streets{}, Fleet: *fleet, Containers: preview.Containers}
	m, err := roads.ReadFile(ctx, c.Map)
	if err != nil {
		return nil, city.Errorf(city.Invalid, "map: %w", err)
	}
	for _, truck := range fleet.Trucks {
		if t.Streets[truck.Vehicle.Name] == nil {
			if t.Streets[truck.Vehicle.Name], err = m.Build(truck.Vehicle); err != nil {
				return nil, city.Errorf(city.Invalid, "map: %w", err)
			}
		}
	}
	if len(t.Streets) == 0 {
		return nil, city.Errorf(city.Invalid, "fleet: %s has no truck", c.Fleet)
	}
	return t, nil
}

// How a made-up collection goes.
var (
	tick         = time.Second
	planSeconds  = 1.5 // CPU seconds for the search of a day's tours
	whatSeconds  = 0.4 // and of what they would be with a truck fewer
	breaks       = "truck-1"
	breaksAt     = 7 * time.Hour
	blockedShare = 0.05
)
