package waste

import (
	"io"
	"maps"
	"slices"
	"strings"

	"polity/city"
	"polity/service"
	"polity/services/waste/roads"
)

// PlacesPreview is what an import of depots, landfills and transfer stations would do.
type PlacesPreview struct {
	Depots  map[string]city.Point
	Sites   []Site
	Errors  []LineError
	Ignored []string
}

// TrucksPreview is what an import of trucks would do.
type TrucksPreview struct {
	Trucks   []Truck
	Currency string
	Errors   []LineError
	Ignored  []string
}

const maxFleet = 5000 // trucks, and places

var placeColumns = []column{
	{"id", []string{"name", "place"}, true},
	{"kind", []string{"type"}, true},
	{"lat", []string{"latitude", "y"}, true},
	{"lon", []string{"lng", "longitude", "x"}, true},
	{"fractions", []string{"fraction", "takes"}, false},
	{"open", []string{"hours"}, false},
	{"closed", nil, false},
	{"unload_minutes", nil, false},
}

var truckColumns = []column{
	{"id", []string{"truck", "vehicle", "name"}, true},
	{"depot", nil, true},
	{"kilograms", []string{"kg", "load_kg"}, true},
	{"litres", []string{"liters", "volume", "volume_l"}, true},
	{"shift", nil, true},
	{"fractions", []string{"fraction", "takes"}, false},
	{"kind", []string{"type"}, false},
	{"break", nil, false},
	{"break_minutes", nil, false},
	{"cost_per_km", nil, false},
	{"cost_per_hour", nil, false},
	{"cost_per_day", nil, false},
	{"currency", nil, false},
	{"co2_g_per_km", []string{"co2"}, false},
	{"out_of_service", []string{"out"}, false},
}

// ReadPlaces reads depots and sites from CSV. Columns id, kind (depot, landfill or transfer
// station), lat and lon are needed; fractions (mixed|paper; empty: all), open (06:30-18:00),
// closed (yes/no) and unload_minutes may be there.
func ReadPlaces(r io.Reader) (*PlacesPreview, error) {
	p := &PlacesPreview{Depots: map[string]city.Point{}}
	t := table{columns: placeColumns, example: "id,kind,lat,lon,open", most: maxFleet}
	t.row = func(l *line) {
		before := len(l.errors)
		s := Site{ID: l.id(), Place: l.place("lat", "lon"), Fractions: l.fractions("fractions"), Open: l.hours("open"), Closed: l.yes("closed"), Service: minutes(l.number("unload_minutes", 0, 600, 10))}
		kind := strings.ToLower(l.get("kind"))
		if !slices.Contains([]string{"depot", "landfill", "transfer station"}, kind) {
			l.fail("kind", "%q is none of depot, landfill, transfer station", l.get("kind"))
		}
		switch {
		case len(l.errors) > before:
		case kind == "depot":
			p.Depots[s.ID] = s.Place
		default:
			p.Sites = append(p.Sites, s)
		}
	}
	err := t.read(r)
	p.Errors, p.Ignored = t.errors, t.ignored
	if err != nil {
		return nil, err
	}
	return p, nil
}

// ReadTrucks reads trucks from CSV. Columns id, depot (one of the places), kilograms, litres
// (of loose waste) and shift (06:00-14:00) are needed; fractions (mixed|paper; empty: all),
// kind (refuse truck or narrow truck), break, break_minutes, cost_per_km, cost_per_hour,
// cost_per_day, currency, co2_g_per_km and out_of_service may be there.
func ReadTrucks(r io.Reader, depots map[string]city.Point) (*TrucksPreview, error) {
	p := &TrucksPreview{}
	t := table{columns: truckColumns, example: "id,depot,kilograms,litres,shift", most: maxFleet}
	t.row = func(l *line) {
		before := len(l.errors)
		depot, known := depots[l.get("depot")]
		if !known {
			l.fail("depot", "there is no depot %q in the table of places%s", l.get("depot"), has(depots))
		}
		truck := Truck{
			ID: l.id(), Depot: depot, Kilograms: l.number("kilograms", 1, 1e6, -1), Litres: l.number("litres", 1, 1e8, -1), Fractions: l.fractions("fractions"),
			Shift: l.hours("shift"), Break: l.hours("break"), BreakLength: minutes(l.number("break_minutes", 0, 240, 0)),
			PerKm: l.number("cost_per_km", 0, 1e6, 0), PerHour: l.number("cost_per_hour", 0, 1e6, 0), PerDay: l.number("cost_per_day", 0, 1e6, 0),
			GramsCO2Km: l.number("co2_g_per_km", 0, 1e6, 0), Out: l.yes("out_of_service"),
		}
		if l.get("shift") == "" {
			l.fail("shift", "it is empty; a shift is as in 06:00-14:00")
		}
		if truck.Vehicle, known = vehicleKinds[strings.ToLower(l.get("kind"))]; !known {
			l.fail("kind", "%q is neither %q nor %q", l.get("kind"), roads.RefuseTruck.Name, roads.NarrowTruck.Name)
		}
		if c := strings.ToUpper(l.get("currency")); c != "" {
			if err := currency(c); err != nil {
				l.fail("currency", "%s", err.Error())
			} else if p.Currency != "" && p.Currency != c {
				l.fail("currency", "%q, where a line before has %q: costs are compared, so all are in one", c, p.Currency)
			} else {
				p.Currency = c
			}
		}
		if len(l.errors) == before {
			p.Trucks = append(p.Trucks, truck)
		}
	}
	err := t.read(r)
	p.Errors, p.Ignored = t.errors, t.ignored
	if err != nil {
		return nil, err
	}
	return p, nil
}

func has(depots map[string]city.Point) string {
	if len(depots) == 0 {
		return ", which has none"
	}
	names := slices.Sorted(maps.Keys(depots))
	if len(names) > 5 {
		return ""
	}
	return "; it has " + service.List(names)
}
