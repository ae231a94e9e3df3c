// Package lighting lights streets: when lamps burn, how bright by the class of the
// street and by how many people are there, what that saves, and which lamps are
// broken.
//
// A cabinet decides alone, from its clock, its place and its configuration, with
// counts where it has them; no centre is needed. Without counts it burns as bright as
// the street's class asks: when anything fails there is more light, never less.
package lighting

import (
	"math"
	"time"

	"polity/city"
)

// Sun is the day of the sun at one place.
type Sun struct {
	Rise, Set time.Time // zero where it does not on that day
	Up        bool      // without rise and set: whether it is up all day
}

// Heights of the sun's centre above the horizon, in degrees.
const (
	Horizon = -0.833 // its upper edge touches the horizon, refraction included
	Civil   = -6.0   // end of civil twilight
)

// SunOn returns when the sun passes a height on the day of t, in t's location.
// Accuracy is about a minute up to 65 degrees of latitude (Meeus, "Astronomical
// Algorithms", 2nd edition, chapters 25, 28 and 15, in the low-precision form that
// NOAA's solar calculator uses).
func SunOn(t time.Time, at city.Point, height float64) Sun {
	year, month, day := t.Date()
	noon := time.Date(year, month, day, 12, 0, 0, 0, t.Location())
	var s Sun
	s.Rise, s.Up = passing(noon, at, height, -1)
	s.Set, _ = passing(noon, at, height, 1)
	return s
}

// passing finds the moment before (-1) or after (1) noon; zero where there is none,
// with whether the sun is above the height then.
func passing(noon time.Time, at city.Point, height, side float64) (time.Time, bool) {
	t := noon
	for range 5 { // the sun moves on meanwhile
		declination, equation := position(t)
		transit := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
		transit = transit.Add(minutes(720 - 4*at.Lon - equation))
		for transit.Sub(noon) > 12*time.Hour {
			transit = transit.Add(-24 * time.Hour)
		}
		for noon.Sub(transit) > 12*time.Hour {
			transit = transit.Add(24 * time.Hour)
		}
		latitude := radians(at.Lat)
		c := (math.Sin(radians(height)) - math.Sin(latitude)*math.Sin(declination)) / (math.Cos(latitude) * math.Cos(declination))
		if c < -1 || c > 1 {
			return time.Time{}, c < -1
		}
		t = transit.Add(minutes(side * 4 * degrees(math.Acos(c))))
	}
	return t.In(noon.Location()).Round(time.Second), false
}

// Height is the sun's height above the horizon in degrees, without refraction.
func Height(t time.Time, at city.Point) float64 {
	declination, equation := position(t)
	u := t.UTC()
	clock := float64(u.Hour()*60+u.Minute()) + float64(u.Second())/60
	hour := radians((clock+equation+4*at.Lon)/4 - 180)
	latitude := radians(at.Lat)
	return degrees(math.Asin(math.Sin(latitude)*math.Sin(declination) + math.Cos(latitude)*math.Cos(declination)*math.Cos(hour)))
}

// position returns the sun's declination (radians) and the equation of time
// (minutes).
func position(t time.Time) (declination, equation float64) {
	days := t.Sub(time.Date(2000, 1, 1, 12, 0, 0, 0, time.UTC)).Hours() / 24
	c := days / 36525 // Julian centuries; Meeus 25.1
	mean := radians(math.Mod(280.46646+c*(36000.76983+c*0.0003032), 360))
	anomaly := radians(math.Mod(357.52911+c*(35999.05029-c*0.0001537), 360))
	eccentricity := 0.016708634 - c*(0.000042037+c*0.0000001267)
	centre := math.Sin(anomaly)*(1.914602-c*(0.004817+c*0.000014)) + math.Sin(2*anomaly)*(0.019993-c*0.000101) + math.Sin(3*anomaly)*0.000289
	node := radians(125.04 - 1934.136*c)
	longitude := mean + radians(centre-0.00569-0.00478*math.Sin(node))
	obliquity := radians(23.439291 - c*0.0130042 + 0.00256*math.Cos(node))
	declination = math.Asin(math.Sin(obliquity) * math.Sin(longitude))
	y := math.Pow(math.Tan(obliquity/2), 2) // Meeus 28.3
	equation = 4 * degrees(y*math.Sin(2*mean)-2*eccentricity*math.Sin(anomaly)+4*eccentricity*y*math.Sin(anomaly)*math.Cos(2*mean)-
		y*y/2*math.Sin(4*mean)-1.25*eccentricity*eccentricity*math.Sin(2*anomaly))
	return declination, equation
}

func radians(d float64) float64 { return d * math.Pi / 180 }
func degrees(r float64) float64 { return r * 180 / math.Pi }

func minutes(m float64) time.Duration { return time.Duration(m * float64(time.Minute)) }
