package live

import (
	"context"
	"os"
	"strings"
	"time"

	"polity/city"
	"polity/internal/strictyaml"
	"polity/services/waste"
	"polity/services/waste/example"
	"polity/services/waste/roads"
)

// Config is hub.services.waste of the configuration.
type Config struct {
	Containers string `yaml:"containers"` // table (CSV) of containers; empty: they are imported on the page
	Fleet      string `yaml:"fleet"`      // trucks and sites (YAML); empty: they are imported on the page
	Map        string `yaml:"map"`        // OpenStreetMap extract (.osm.pbf or .osm)
	Zone       string `yaml:"zone"`       // of days and shifts, as in Europe/Helsinki; empty: this machine's
	// Simulate plays made-up days in the example town: day.
	Simulate string  `yaml:"simulate"`
	Pace     float64 `yaml:"pace"` // seconds that pass there in one; 0: 60
	// Seconds of CPU time that the search for a day's tours has; 0: 10, or 1.5 where made up.
	Seconds float64 `yaml:"seconds"`
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
	case c.Simulate == "" && c.Map == "":
		return c, city.Errorf(city.Invalid, "map is needed, with containers and fleet or without (then they are imported on the page), or simulate: %s", Day)
	case c.Seconds != 0 && !(c.Seconds >= 0.1 && c.Seconds <= 3600):
		return c, city.Errorf(city.Invalid, "seconds: %g is not from 0.1 to 3600", c.Seconds)
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

// town reads what is collected, by whom, and along which streets. Tables that were taken
// over stand in place of those of the configuration. had are streets that are there already.
func (c *Config) town(ctx context.Context, imported string, had waste.Streets) (*example.Town, error) {
	if c.Simulate == Day {
		return example.Read(ctx, containersMost)
	}
	tables, err := readTables(imported)
	if err != nil {
		return nil, err
	}
	t := &example.Town{}
	if t.Containers, err = c.containers(tables.Containers); err != nil {
		return nil, err
	}
	if t.Fleet, err = c.fleet(&tables); err != nil {
		return nil, err
	}
	if t.Streets, err = c.networks(ctx, had, &t.Fleet); err != nil {
		return nil, city.Errorf(city.Invalid, "map: %w", err)
	}
	return t, nil
}

func (c *Config) containers(imported string) ([]waste.Container, error) {
	name := "the table taken over"
	if imported == "" {
		if c.Containers == "" {
			return nil, nil
		}
		text, err := os.ReadFile(c.Containers)
		if err != nil {
			return nil, city.Errorf(city.Invalid, "containers: %w", err)
		}
		name, imported = c.Containers, string(text)
	}
	preview, err := waste.ReadContainers(strings.NewReader(imported))
	switch {
	case err != nil:
		return nil, city.Errorf(city.Invalid, "containers: %w", err)
	case len(preview.Errors) > 0:
		return nil, city.Errorf(city.Invalid, "containers: %s: %w, and %d more; polity waste plan --preview lists them all", name, preview.Errors[0], len(preview.Errors)-1)
	case len(preview.Containers) == 0:
		return nil, city.Errorf(city.Invalid, "containers: %s has none", name)
	}
	return preview.Containers, nil
}

func (c *Config) fleet(imported *Tables) (waste.Fleet, error) {
	if imported.Places != "" {
		places, err := waste.ReadPlaces(strings.NewReader(imported.Places))
		if err != nil {
			return waste.Fleet{}, city.Errorf(city.Invalid, "places taken over: %w", err)
		}
		trucks, err := waste.ReadTrucks(strings.NewReader(imported.Trucks), places.Depots)
		if err != nil {
			return waste.Fleet{}, city.Errorf(city.Invalid, "trucks taken over: %w", err)
		}
		return waste.Fleet{Trucks: trucks.Trucks, Sites: places.Sites, Currency: trucks.Currency}, nil
	}
	if c.Fleet == "" {
		return waste.Fleet{}, nil
	}
	text, err := os.ReadFile(c.Fleet)
	if err != nil {
		return waste.Fleet{}, city.Errorf(city.Invalid, "fleet: %w", err)
	}
	fleet, err := waste.ReadFleet(text, c.Fleet)
	switch {
	case err != nil:
		return waste.Fleet{}, city.Errorf(city.Invalid, "fleet: %w", err)
	case len(fleet.Trucks) == 0:
		return waste.Fleet{}, city.Errorf(city.Invalid, "fleet: %s has no truck", c.Fleet)
	}
	return *fleet, nil
}

// networks are the streets for a fleet's kinds of vehicle, of which some may be there already.
// Without trucks they are those of the usual kind, so that places can be looked up.
func (c *Config) networks(ctx context.Context, had waste.Streets, fleet *waste.Fleet) (waste.Streets, error) {
	kinds := []roads.Vehicle{roads.RefuseTruck}
	if len(fleet.Trucks) > 0 {
		kinds = nil
	}
	for i := range fleet.Trucks {
		kinds = append(kinds, fleet.Trucks[i].Vehicle)
	}
	streets := waste.Streets{}
	var m *roads.Map
	for _, v := range kinds {
		if streets[v.Name] != nil {
			continue
		}
		if streets[v.Name] = had[v.Name]; streets[v.Name] != nil {
			continue
		}
		var err error
		if m == nil {
			if m, err = roads.ReadFile(ctx, c.Map); err != nil {
				return nil, err
			}
		}
		if streets[v.Name], err = m.Build(v); err != nil {
			return nil, err
		}
	}
	return streets, nil
}

// How a made-up collection goes.
var (
	tick         = time.Second
	planSeconds  = 1.5  // CPU seconds for the search of a day's tours
	realSeconds  = 10.0 // and of a real one's
	whatSeconds  = 0.4  // and of what they would be with a truck fewer
	breaks       = "truck-1"
	breaksAt     = 7 * time.Hour
	blockedShare = 0.05
)

// searchFor is how many CPU seconds the search for a day's tours has.
func (s *Service) searchFor() float64 {
	switch {
	case s.cfg.Seconds > 0:
		return s.cfg.Seconds
	case s.world != nil:
		return planSeconds
	}
	return realSeconds
}
