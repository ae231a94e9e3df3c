package waste

import (
	"fmt"
	"strings"
	"time"

	"polity/city"
	"polity/internal/strictyaml"
	"polity/services/waste/roads"
)

// fleetFile is a fleet as people write it.
type fleetFile struct {
	Currency string      `yaml:"currency"`
	Trucks   []truckFile `yaml:"trucks"`
	Sites    []siteFile  `yaml:"sites"`
}

type truckFile struct {
	ID        string     `yaml:"id"`
	Depot     city.Point `yaml:"depot"`
	Kilograms float64    `yaml:"kilograms"`
	Litres    float64    `yaml:"litres"` // of loose waste
	Fractions []Fraction `yaml:"fractions"`
	Kind      string     `yaml:"kind"` // refuse truck, narrow truck
	Shift     string     `yaml:"shift"`
	Break     string     `yaml:"break"`
	BreakMin  float64    `yaml:"break_minutes"`
	PerKm     float64    `yaml:"cost_per_km"`
	PerHour   float64    `yaml:"cost_per_hour"`
	PerDay    float64    `yaml:"cost_per_day"`
	CO2       float64    `yaml:"co2_g_per_km"`
	Out       bool       `yaml:"out_of_service"`
}

type siteFile struct {
	ID        string     `yaml:"id"`
	Place     city.Point `yaml:"place"`
	Fractions []Fraction `yaml:"fractions"`
	Open      string     `yaml:"open"`
	Closed    bool       `yaml:"closed"`
	Minutes   float64    `yaml:"unload_minutes"`
}

// ReadFleet decodes a fleet from YAML; see testdata/fleet.yaml. Unknown fields and
// impossible values are errors of kind city.Invalid.
func ReadFleet(text []byte, name string) (*Fleet, error) {
	var file fleetFile
	if err := strictyaml.Decode(name, text, &file); err != nil {
		return nil, err
	}
	f := &Fleet{Currency: strings.ToUpper(file.Currency)}
	if f.Currency != "" {
		if err := currency(f.Currency); err != nil {
			return nil, city.Errorf(city.Invalid, "%s: currency: %w", name, err)
		}
	}
	trucks, sites := map[string]bool{}, map[string]bool{}
	for i, t := range file.Trucks {
		truck, err := t.truck()
		if err == nil && trucks[t.ID] {
			err = city.Errorf(city.Invalid, "another truck has this id")
		}
		trucks[t.ID] = true
		if err != nil {
			return nil, city.Errorf(city.Invalid, "%s: truck %d (%s): %w", name, i+1, t.ID, err)
		}
		f.Trucks = append(f.Trucks, truck)
	}
	for i, s := range file.Sites {
		open, err := hours(s.Open)
		if err == nil {
			err = s.Place.Check()
		}
		if err == nil && (s.ID == "" || s.Minutes < 0 || s.Minutes > 600) {
			err = city.Errorf(city.Invalid, "it needs an id, and unload_minutes from 0 to 600")
		}
		if err == nil && sites[s.ID] {
			err = city.Errorf(city.Invalid, "another site has this id")
		}
		sites[s.ID] = true
		if err != nil {
			return nil, city.Errorf(city.Invalid, "%s: site %d (%s): %w", name, i+1, s.ID, err)
		}
		f.Sites = append(f.Sites, Site{ID: s.ID, Place: s.Place, Fractions: lower(s.Fractions), Open: open, Closed: s.Closed, Service: minutes(s.Minutes)})
	}
	return f, nil
}

var vehicleKinds = map[string]roads.Vehicle{"": roads.RefuseTruck, roads.RefuseTruck.Name: roads.RefuseTruck, roads.NarrowTruck.Name: roads.NarrowTruck}

// currency checks a currency's code.
func currency(code string) error {
	if len(code) != 3 || strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return city.Errorf(city.Invalid, "%q is no code of three letters, as in EUR (ISO 4217)", code)
	}
	return nil
}

// lower writes fractions as tables of containers are read: in small letters.
func lower(list []Fraction) (low []Fraction) {
	for _, f := range list {
		low = append(low, Fraction(strings.ToLower(string(f))))
	}
	return low
}

func minutes(m float64) time.Duration { return time.Duration(m * float64(time.Minute)) }

func (t *truckFile) truck() (Truck, error) {
	truck := Truck{
		ID: t.ID, Depot: t.Depot, Kilograms: t.Kilograms, Litres: t.Litres, Fractions: lower(t.Fractions), BreakLength: minutes(t.BreakMin),
		PerKm: t.PerKm, PerHour: t.PerHour, PerDay: t.PerDay, GramsCO2Km: t.CO2, Out: t.Out,
	}
	var ok bool
	if truck.Vehicle, ok = vehicleKinds[t.Kind]; !ok {
		return truck, city.Errorf(city.Invalid, "kind %q is neither %q nor %q", t.Kind, roads.RefuseTruck.Name, roads.NarrowTruck.Name)
	}
	if t.ID == "" || !(t.Kilograms > 0 && t.Kilograms < 1e6) || !(t.Litres > 0 && t.Litres < 1e8) {
		return truck, city.Errorf(city.Invalid, "it needs an id, and kilograms and litres above 0")
	}
	if t.PerKm < 0 || t.PerHour < 0 || t.PerDay < 0 || t.CO2 < 0 || t.BreakMin < 0 || t.BreakMin > 240 {
		return truck, city.Errorf(city.Invalid, "costs, co2_g_per_km and break_minutes must not be below 0, and a break at most 240 minutes")
	}
	if err := t.Depot.Check(); err != nil {
		return truck, err
	}
	var err error
	if truck.Shift, err = hours(t.Shift); err != nil {
		return truck, err
	}
	if truck.Shift == (Hours{}) {
		return truck, city.Errorf(city.Invalid, `it needs a shift, as in "06:00-14:00"`)
	}
	truck.Break, err = hours(t.Break)
	return truck, err
}

// hours reads "06:30-14:00"; nothing is the zero Hours.
func hours(text string) (Hours, error) {
	if text == "" {
		return Hours{}, nil
	}
	var fh, fm, th, tm int
	var rest string
	n, _ := fmt.Sscanf(text+" .", "%d:%d-%d:%d %s", &fh, &fm, &th, &tm, &rest)
	h := Hours{time.Duration(fh*60+fm) * time.Minute, time.Duration(th*60+tm) * time.Minute}
	if n != 5 || rest != "." || fh < 0 || fm < 0 || fm > 59 || tm < 0 || tm > 59 || th > 24 || h.To > 24*time.Hour || h.To <= h.From {
		return Hours{}, city.Errorf(city.Invalid, "%q is not a time of day as in 06:30-14:00", text)
	}
	return h, nil
}
