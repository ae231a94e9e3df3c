package balance

import (
	"math"

	"polity/city"
)

// Night is what flows into a district when few use water, usually from 2 to 4 in the
// morning.
type Night struct {
	FlowM3h float64 `yaml:"flow_m3h"` // mean of the least hour of many nights
	PlusPct float64 `yaml:"plus_minus_pct"`
	// UseLitres is what a connection uses in that hour, in L; 1.7 in British homes
	// (Managing Leakage, report E, WRc 1994). LargeM3h is what large users take.
	UseLitres float64 `yaml:"use_litres_per_connection_hour"`
	LargeM3h  float64 `yaml:"large_users_m3h"`
	PressureM float64 `yaml:"pressure_m"` // in that hour
	// HourlyM is the mean pressure of each of the day's 24 hours.
	HourlyM []float64 `yaml:"hourly_pressure_m"`
	// N1 is the power of pressure that leaks follow: 0.5 where holes are fixed, 1.5
	// where they open, 1.0 where nothing is known (May 1994).
	N1 float64 `yaml:"n1"`
}

func (n *Night) check() error {
	if !(n.FlowM3h >= 0) || !(n.UseLitres >= 0) || !(n.LargeM3h >= 0) || !(n.PlusPct >= 0 && n.PlusPct <= 100) {
		return city.Errorf(city.Invalid, "night: flows are not below 0 and plus_minus_pct from 0 to 100")
	}
	if !(n.PressureM > 0) || len(n.HourlyM) != 24 {
		return city.Errorf(city.Invalid, "night: pressure_m above 0 and 24 values of hourly_pressure_m are needed; there are %d", len(n.HourlyM))
	}
	for h, p := range n.HourlyM {
		if !(p >= 0) || math.IsInf(p, 0) {
			return city.Errorf(city.Invalid, "night: hourly_pressure_m of hour %d is %g; it is not below 0", h, p)
		}
	}
	if !(n.N1 >= 0.5 && n.N1 <= 2.5) {
		return city.Errorf(city.Invalid, "night: n1 is %g; leaks follow pressure with a power of 0.5 to 2.5, 1.0 where nothing is known", n.N1)
	}
	return nil
}

// HoursADay is by how many night hours a day's leakage is made: the sum over the day
// of (P/Pnight)^N1; 24 where pressure is constant.
func (n *Night) HoursADay() float64 {
	hours := 0.0
	for _, p := range n.HourlyM {
		hours += math.Pow(p/n.PressureM, n.N1)
	}
	return hours
}

// losses are the real losses over the period by the night's flow.
func (n *Night) losses(d *District) Estimate {
	scale := n.HoursADay() * d.Days
	return Estimate{
		M3:   max(0, n.FlowM3h-n.LargeM3h-n.UseLitres*float64(d.Connections)/1000) * scale,
		Plus: n.FlowM3h * n.PlusPct / 100 * scale,
	}
}
