// Package balance draws up the water balance of a district in the terms of the
// International Water Association: what was put in, what was used, what was lost and
// how, and how far from unavoidable the losses are.
//
// Sources: H. Alegre et al., "Performance Indicators for Water Supply Services", 3rd
// edition, IWA 2016 (terms and the order of the balance); A. Lambert et al., "A review
// of performance indicators for real losses from water supply systems", AQUA 48(6),
// 1999 (UARL and ILI); J. May, "Pressure dependent leakage", World Water and
// Environmental Engineering, October 1994 (leakage as a power of pressure, N1).
package balance

import (
	"math"

	"polity/city"
	"polity/internal/strictyaml"
)

// FewestConnections is below how many a balance would tell about single homes.
const FewestConnections = 10

// Amount is a volume over the period with the half width of its 95% interval in per
// cent of it.
type Amount struct {
	M3      float64 `yaml:"m3"`
	PlusPct float64 `yaml:"plus_minus_pct"`
}

// District is what is known of one, over a period.
type District struct {
	Name string  `yaml:"district"`
	Days float64 `yaml:"days"`
	// Mains are its pipes without service connections, Private the pipes between the
	// edge of the street and the meter, all together.
	MainsKm     float64 `yaml:"mains_km"`
	Connections int     `yaml:"connections"`
	PrivateKm   float64 `yaml:"private_pipes_km"`
	PressureM   float64 `yaml:"pressure_m"` // mean over district and day
	// Input is the system input volume, what is exported already taken off.
	Input             Amount `yaml:"input"`
	BilledMetered     Amount `yaml:"billed_metered"`
	BilledUnmetered   Amount `yaml:"billed_unmetered"`
	UnbilledMetered   Amount `yaml:"unbilled_metered"`
	UnbilledUnmetered Amount `yaml:"unbilled_unmetered"`
	Unauthorised      Amount `yaml:"unauthorised"`
	MeterErrors       Amount `yaml:"meter_errors"` // under-registration and mistakes in handling data
	Night             *Night `yaml:"night"`
}

// Estimate is a volume with the half width of its 95% interval, both in m³.
type Estimate struct{ M3, Plus float64 }

// Balance is what follows.
type Balance struct {
	Authorised, Revenue, NonRevenue         Estimate // Revenue is the billed part
	WaterLosses, ApparentLosses, RealLosses Estimate
	RealLitresPerConnectionDay              float64
	UnavoidableM3                           float64  // UARL over the period
	ILI                                     Estimate // real over unavoidable losses, no unit
	// NightLosses are real losses by the night's flow, over the period; only where
	// District.Night is given.
	NightLosses *Estimate
}

// Read decodes a district. Errors are city.Invalid and name file and line.
func Read(name string, text []byte) (*District, error) {
	var d District
	if err := strictyaml.Decode(name, text, &d); err != nil {
		return nil, city.Errorf(city.Invalid, "%w", err)
	}
	if err := d.check(); err != nil {
		return nil, city.Errorf(city.Invalid, "%s: %w", name, err)
	}
	return &d, nil
}

func (d *District) check() error {
	for _, x := range []struct {
		name  string
		value float64
		least float64
	}{
		{"days", d.Days, 1}, {"mains_km", d.MainsKm, 0}, {"private_pipes_km", d.PrivateKm, 0}, {"pressure_m", d.PressureM, 1},
	} {
		if !(x.value >= x.least) || math.IsInf(x.value, 0) {
			return city.Errorf(city.Invalid, "%s is %g; at least %g is needed", x.name, x.value, x.least)
		}
	}
	if d.Connections < FewestConnections {
		return city.Errorf(city.Invalid, "connections is %d; a balance of fewer than %d would tell about single homes", d.Connections, FewestConnections)
	}
	for _, x := range []struct {
		name string
		a    Amount
	}{
		{"input", d.Input},
		{"billed_metered", d.BilledMetered},
		{"billed_unmetered", d.BilledUnmetered},
		{"unbilled_metered", d.UnbilledMetered},
		{"unbilled_unmetered", d.UnbilledUnmetered},
		{"unauthorised", d.Unauthorised},
		{"meter_errors", d.MeterErrors},
	} {
		if !(x.a.M3 >= 0) || math.IsInf(x.a.M3, 0) || !(x.a.PlusPct >= 0 && x.a.PlusPct <= 100) {
			return city.Errorf(city.Invalid, "%s is %g m³ ± %g%%; a volume is not below 0 and its interval from 0 to 100%%", x.name, x.a.M3, x.a.PlusPct)
		}
	}
	if d.Night != nil {
		return d.Night.check()
	}
	return nil
}

// sum adds amounts that are independent of each other: half widths add as squares.
func sum(all ...Amount) Estimate {
	var e Estimate
	square := 0.0
	for _, a := range all {
		e.M3 += a.M3
		plus := a.M3 * a.PlusPct / 100
		square += plus * plus
	}
	e.Plus = math.Sqrt(square)
	return e
}

func (e Estimate) less(other Estimate) Estimate {
	return Estimate{e.M3 - other.M3, math.Hypot(e.Plus, other.Plus)}
}

// Draw draws up the balance. It is city.Invalid where more was used than put in by
// more than the intervals allow: then a meter or a boundary valve is wrong.
func (d *District) Draw() (*Balance, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	input := sum(d.Input)
	b := &Balance{
		Authorised:     sum(d.BilledMetered, d.BilledUnmetered, d.UnbilledMetered, d.UnbilledUnmetered),
		Revenue:        sum(d.BilledMetered, d.BilledUnmetered),
		ApparentLosses: sum(d.Unauthorised, d.MeterErrors),
	}
	b.NonRevenue, b.WaterLosses = input.less(b.Revenue), input.less(b.Authorised)
	b.RealLosses = b.WaterLosses.less(b.ApparentLosses)
	if b.RealLosses.M3 < -b.RealLosses.Plus {
		return nil, city.Errorf(city.Invalid, "%s: %.0f m³ more were used than put in, beyond the intervals given (± %.0f m³): a meter, a volume's unit, or a valve at the boundary is wrong",
			d.Name, -b.RealLosses.M3, b.RealLosses.Plus)
	}
	b.RealLitresPerConnectionDay = b.RealLosses.M3 * 1000 / float64(d.Connections) / d.Days
	b.UnavoidableM3 = Unavoidable(d.MainsKm, float64(d.Connections), d.PrivateKm, d.PressureM) / 1000 * d.Days
	b.ILI = Estimate{b.RealLosses.M3 / b.UnavoidableM3, b.RealLosses.Plus / b.UnavoidableM3}
	if d.Night != nil {
		night := d.Night.losses(d)
		b.NightLosses = &night
	}
	return b, nil
}

// Unavoidable returns the unavoidable annual real losses (UARL) in litres a day: of
// mains (km), service connections (number) and private pipes (km) at a mean pressure
// (m). Lambert et al. 1999: (18·Lm + 0.8·Nc + 25·Lp)·P. It was found for systems of
// more than 3,000 connections and pressures above 25 m; below, it is a rough guide.
func Unavoidable(mainsKm, connections, privateKm, pressure float64) float64 {
	return (18*mainsKm + 0.8*connections + 25*privateKm) * pressure
}
