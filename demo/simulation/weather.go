package simulation

import (
	"hash/fnv"
	"math"
	"strconv"
	"time"
)

// City is what happens in the simulated city. It has no state.
type City struct {
	Seed  uint64
	Start time.Time // the first storm comes soon after
	Zone  *time.Location
}

// uniform is a number in [0, 1) that belongs to a name and a number.
func (c *City) uniform(name string, n int64) float64 {
	h := fnv.New64a()
	_, _ = h.Write(strconv.AppendInt(append([]byte(name), 0), n, 10))
	x := h.Sum64() ^ c.Seed
	x ^= x >> 33 // the finalizer of MurmurHash3, so that neighbours are no neighbours
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	x ^= x >> 33
	return float64(x>>11) / (1 << 53)
}

// wave is noise in [-1, 1] that changes smoothly within a period.
func (c *City) wave(name string, t time.Time, period time.Duration) float64 {
	n := t.UnixNano() / int64(period)
	f := float64(t.UnixNano()%int64(period)) / float64(period)
	f = f * f * (3 - 2*f)
	a, b := c.uniform(name, n), c.uniform(name, n+1)
	return 2*(a+(b-a)*f) - 1
}

// hour is the time of day in the city, 0 to 24.
func (c *City) hour(t time.Time) float64 {
	h, m, s := t.In(c.Zone).Clock()
	return float64(h) + float64(m)/60 + float64(s)/3600
}

// bump is 1 at the middle and falls off within the width, hours, around the clock.
func bump(hour, middle, width float64) float64 {
	d := math.Mod(hour-middle+36, 24) - 12
	return math.Exp(-d * d / (2 * width * width))
}

// traffic is how busy the streets are, 0 to about 1.
func (c *City) traffic(t time.Time) float64 {
	h := c.hour(t)
	work := .55*bump(h, 8.2, 1.1) + .6*bump(h, 16.6, 1.5) + .45*bump(h, 12.5, 3.5)
	if d := t.In(c.Zone).Weekday(); d == time.Saturday || d == time.Sunday {
		work = .5*bump(h, 14.5, 3.5) + .2*bump(h, 20, 2)
	}
	return math.Max(0, .06+work+.08*c.wave("traffic", t, 20*time.Minute))
}

// Storms: one soon after the start, then about every three quarters of an hour; before
// the start, twice a day.
const (
	firstStorm  = 15 * time.Second
	stormEvery  = 45 * time.Minute
	stormBefore = 11 * time.Hour
	stormLasts  = 5 * time.Minute
	waterStays  = 14 * time.Minute // after the storm's beginning
)

// Storm returns how long ago the last storm began.
func (c *City) Storm(t time.Time) time.Duration {
	since := t.Sub(c.Start) - firstStorm
	every := stormEvery
	if since < 0 {
		every = stormBefore
	}
	n := int64(math.Floor(float64(since) / float64(every)))
	at := func(n int64) time.Duration {
		if n == 0 {
			return 0
		}
		return time.Duration(n)*every + time.Duration(c.uniform("storm", n)*float64(every)/4)
	}
	if at(n) > since {
		n--
	}
	return since - at(n)
}

// Stormy says whether a storm is over the city.
func (c *City) Stormy(t time.Time) bool { return c.Storm(t) < stormLasts }

// Rain is its intensity, mm/h.
func (c *City) Rain(t time.Time) float64 {
	drizzle := math.Max(0, c.wave("rain", t, 2*time.Hour)-.55) * 4
	if s := c.Storm(t); s < stormLasts {
		x := math.Sin(math.Pi * s.Seconds() / stormLasts.Seconds())
		return drizzle + 85*x*x
	}
	return drizzle
}

// Fallen is the rain of an interval that ends at t, mm.
func (c *City) Fallen(t time.Time, length time.Duration) float64 {
	const steps = 20
	sum := 0.0
	for i := range steps {
		sum += c.Rain(t.Add(-length + (2*time.Duration(i)+1)*length/(2*steps)))
	}
	return sum / steps * length.Hours()
}

// Level is the water in the underpass, metres above its floor: it rises faster than the
// pump works, and is gone a quarter of an hour after the storm began.
func (c *City) Level(t time.Time) float64 {
	level := .012 + .004*c.wave("level", t, time.Minute)
	s := c.Storm(t)
	const rise, full = 20 * time.Second, 110 * time.Second
	switch {
	case s < rise || s >= waterStays:
	case s < full:
		level += .44 * float64(s-rise) / float64(full-rise)
	case s < stormLasts:
		level += .44
	default:
		x := float64(s-stormLasts) / float64(waterStays-stormLasts)
		level += .44 * (1 - x) * (1 - x)
	}
	return level
}

// Temperature of the air, °C, as in a mild November.
func (c *City) Temperature(t time.Time) float64 {
	v := 4.5 + 2.2*math.Cos((c.hour(t)-14)*math.Pi/12) + 1.5*c.wave("temperature", t, 3*time.Hour)
	if s := c.Storm(t); s < waterStays {
		v -= 1.6 * (1 - s.Seconds()/waterStays.Seconds())
	}
	return v
}

// Humidity of the air, %.
func (c *City) Humidity(t time.Time) float64 {
	v := 79 - 6*math.Cos((c.hour(t)-14)*math.Pi/12) + 6*c.wave("humidity", t, 2*time.Hour)
	if c.Stormy(t) {
		v += 9
	}
	return math.Min(99, v)
}

// Air is what a station measures, µg/m³.
type Air struct{ PM25, PM10, NO2, O3, SO2 float64 }

// Air returns that of a place; near is how near its traffic is, 0 to 1.
func (c *City) Air(place string, near float64, t time.Time) Air {
	busy := c.traffic(t) * (.35 + .65*near)
	washed := 1.0
	if s := c.Storm(t); s < waterStays {
		washed = .55 + .45*s.Seconds()/waterStays.Seconds()
	}
	w := func(what string, period time.Duration) float64 { return c.wave(what+place, t, period) }
	a := Air{
		PM25: (5.5 + 7*busy + 3*c.wave("background", t, 5*time.Hour) + 1.2*w("pm25", 15*time.Minute)) * washed,
		NO2:  8 + 46*busy + 5*w("no2", 10*time.Minute),
		SO2:  1.6 + .8*w("so2", time.Hour),
	}
	a.PM10 = 1.5*a.PM25 + 5*busy*washed + 2*w("pm10", 15*time.Minute)
	a.O3 = 58 + 14*math.Cos((c.hour(t)-14)*math.Pi/12) - .45*a.NO2 + 6*w("o3", time.Hour)
	for _, v := range []*float64{&a.PM25, &a.PM10, &a.NO2, &a.O3, &a.SO2} {
		*v = math.Max(.3, *v)
	}
	return a
}

// Sound is levels, dB.
type Sound struct{ LAeq, LAmax, LA10, LA90 float64 }

// Sound returns that of a place; near as for Air.
func (c *City) Sound(place string, near float64, t time.Time) Sound {
	eq := 44 + 8*near + 10*math.Log10(1+20*c.traffic(t)*(.4+.6*near)) + 1.8*c.wave("sound"+place, t, time.Minute)
	if c.Stormy(t) {
		eq += 4.5
	}
	x := math.Abs(c.wave("peak"+place, t, 20*time.Second))
	return Sound{LAeq: eq, LAmax: eq + 7 + 9*x, LA10: eq + 2.8, LA90: eq - 6.5 + x}
}

// Parked says whether a bay is taken.
func (c *City) Parked(bay string, t time.Time) bool {
	stay := time.Duration(6+30*c.uniform("stay"+bay, 0)) * time.Minute
	slot := t.UnixNano() / int64(stay)
	h := c.hour(time.Unix(0, slot*int64(stay)))
	return c.uniform("bay"+bay, slot) < .25+.62*math.Min(1, bump(h, 12.5, 3.8)+.7*bump(h, 18.5, 2))
}

// Garage is how many of its spaces are taken.
func (c *City) Garage(spaces int, t time.Time) int {
	h := c.hour(t)
	share := .16 + .66*bump(h, 13, 3.6) + .25*bump(h, 19, 1.8) + .04*c.wave("garage", t, 10*time.Minute)
	return int(math.Round(math.Max(0, math.Min(1, share)) * float64(spaces)))
}

// Power is what a home takes, W.
func (c *City) Power(home string, t time.Time) float64 {
	h := c.hour(t)
	size := .6 + .9*c.uniform("home"+home, 0)
	base := 110 + 520*bump(h, 7.3, 1) + 900*bump(h, 19.2, 2.1) + 180*bump(h, 13, 3)
	return size * base * (.7 + .6*(c.wave("power"+home, t, 7*time.Minute)+1)/2)
}
