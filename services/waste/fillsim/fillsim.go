// Package fillsim simulates how containers fill, are emptied, and how their
// sensors report it. No public data set has fill, collections and faults
// together, so what this package makes stands in for one; everything shown from
// it has to be labelled simulated.
//
// The model, for each container: people bring single bags at random (a Poisson
// process of bags whose sizes are gamma distributed). The process's intensity is a
// base rate times a profile over the hours of the day, the weekday (by kind of
// place), the season, holidays and market days, the day's own luck (log-normal,
// partly shared by the whole city as weather is), and a slow random walk. Crews
// come on fixed weekdays, sometimes late or not at all, and leave a little behind.
// Ultrasonic sensors report at irregular times with noise, whole percents, missed
// messages, false echoes, and now and then a fault for good: stuck or drifting.
// Package forecast shares none of this code and knows none of these parameters.
package fillsim

import (
	"math"
	"math/rand/v2"
	"time"
)

// Kind is a kind of place.
type Kind string

// The kinds of place.
const (
	Homes  Kind = "homes"
	Shops  Kind = "shops"
	Park   Kind = "park"
	Market Kind = "market"
)

// Fault is what is wrong with a sensor.
type Fault string

// The faults.
const (
	Sound    Fault = ""
	Stuck    Fault = "stuck"
	Drifting Fault = "drifting"
)

// Reading is what a sensor said.
type Reading struct {
	At   time.Time
	Fill float64 // 0 to 1
}

// Container is one container's history and, for judging forecasts, the truth.
type Container struct {
	ID       string
	Kind     Kind
	Readings []Reading
	Emptied  []time.Time
	Fault    Fault
	FaultAt  time.Time
	// Level and Brought are the truth at each full hour from City.From: the share
	// filled (above 1: beside the container), and all that was brought so far, so
	// that the level without a collection can be told.
	Level   []float64
	Brought []float64
}

// City is a simulated city.
type City struct {
	From       time.Time
	Hours      int
	Containers []Container
	Holidays   []time.Time
}

// Shift gives all that happened another date.
func (c *City) Shift(later time.Duration) {
	c.From = c.From.Add(later)
	for i := range c.Holidays {
		c.Holidays[i] = c.Holidays[i].Add(later)
	}
	for i := range c.Containers {
		x := &c.Containers[i]
		for k := range x.Readings {
			x.Readings[k].At = x.Readings[k].At.Add(later)
		}
		for k := range x.Emptied {
			x.Emptied[k] = x.Emptied[k].Add(later)
		}
		if !x.FaultAt.IsZero() {
			x.FaultAt = x.FaultAt.Add(later)
		}
	}
}

// Params says what to simulate.
type Params struct {
	Seed       uint64
	Containers int
	Days       int
	From       time.Time
	Faulty     float64 // share of sensors with a fault
}

var weekday = map[Kind][7]float64{ // from Sunday
	Homes:  {1.25, 1.15, 0.9, 0.85, 0.9, 0.95, 1.1},
	Shops:  {0.25, 1.0, 1.0, 1.05, 1.15, 1.5, 1.35},
	Park:   {1.9, 0.6, 0.6, 0.65, 0.7, 1.1, 1.8},
	Market: {0.4, 0.7, 0.8, 0.9, 0.9, 1.2, 1.6},
}

var holiday = map[Kind]float64{Homes: 1.35, Shops: 0.2, Park: 1.9, Market: 0.4}

// hour is the share of a day's waste in an hour: little at night, a peak in the
// morning and one in the evening.
func hour(kind Kind, h int) float64 {
	x := float64(h)
	bump := func(at, width float64) float64 { return math.Exp(-(x - at) * (x - at) / (2 * width * width)) }
	switch kind {
	case Homes:
		return 0.15 + bump(8, 1.5) + 1.4*bump(19, 2.5)
	case Park:
		return 0.05 + bump(15, 3.5)
	default:
		return 0.05 + bump(12, 3) + 1.2*bump(18, 1.8)
	}
}

// Simulate makes a city.
func Simulate(p Params) *City {
	rng := rand.New(rand.NewPCG(p.Seed, 0x66696c6c))
	city := &City{From: p.From.Truncate(24 * time.Hour), Hours: p.Days * 24}
	off := map[int]bool{}
	for d := 5 + rng.IntN(12); d < p.Days; d += 9 + rng.IntN(24) {
		off[d] = true
		city.Holidays = append(city.Holidays, city.From.AddDate(0, 0, d))
	}
	weather := make([]float64, p.Days)
	for d := range weather {
		weather[d] = 0.12 * rng.NormFloat64()
		if d > 0 {
			weather[d] += 0.5 * weather[d-1]
		}
	}
	kinds := []Kind{Homes, Homes, Homes, Homes, Shops, Shops, Park, Market}
	for i := range p.Containers {
		one := rand.New(rand.NewPCG(p.Seed, uint64(i)+1))
		c := Container{ID: "c" + itoa(i+1), Kind: kinds[one.IntN(len(kinds))]}
		fill(&c, city, off, weather, one)
		sense(&c, city, p, one)
		city.Containers = append(city.Containers, c)
	}
	return city
}

func itoa(i int) string {
	s := ""
	for ; i > 0; i /= 10 {
		s = string(rune('0'+i%10)) + s
	}
	return s
}

// fill brings waste and crews, hour by hour.
func fill(c *Container, city *City, off map[int]bool, weather []float64, rng *rand.Rand) {
	perDay := 0.06 + 0.22*rng.ExpFloat64()*0.6 // of the container's volume
	bag := 0.004 + 0.012*rng.Float64()
	own := [7]float64{}
	for d := range own {
		own[d] = math.Exp(0.15 * rng.NormFloat64())
	}
	whole := 0.0
	for h := range 24 {
		whole += hour(c.Kind, h)
	}
	// As many rounds a week as keep it below about four fifths on average.
	rounds := min(6, max(1, int(math.Ceil(perDay*7/0.8))))
	first := rng.IntN(7)
	level, brought, walk, luck := rng.Float64()*0.5, 0.0, 0.0, 1.0
	late, crew := 0, 6
	for h := range city.Hours {
		at := city.From.Add(time.Duration(h) * time.Hour)
		day := h / 24
		if h%24 == 0 {
			walk += 0.015 * rng.NormFloat64()
			luck = math.Exp(0.25*rng.NormFloat64() + weather[day] - 0.035)
		}
		d := int(at.Weekday())
		rate := perDay * luck * math.Exp(walk) * weekday[c.Kind][d] * own[d] * hour(c.Kind, h%24) / whole
		rate *= 1 + 0.15*math.Sin(2*math.Pi*float64(at.YearDay())/365)
		if off[day] {
			rate *= holiday[c.Kind]
		}
		if c.Kind == Market && (d == 3 || d == 6) {
			rate *= 1.6
		}
		for range poisson(rng, rate/bag) {
			in := bag * gamma2(rng)
			level += in
			brought += in
		}
		if h%24 == 0 {
			crew = 6 + rng.IntN(5)
		}
		due := h%24 == crew && ((day+first)*rounds)%7 < rounds
		if due && rng.Float64() < 0.1 {
			due, late = false, 24+rng.IntN(12)
		}
		if late > 0 {
			late--
			due = due || late == 0
		}
		if due && level > 0.1 {
			level = 0.03 * rng.Float64()
			c.Emptied = append(c.Emptied, at.Add(30*time.Minute))
		}
		c.Level, c.Brought = append(c.Level, level), append(c.Brought, brought)
	}
}

// sense reports levels as a sensor would.
func sense(c *Container, city *City, p Params, rng *rand.Rand) {
	every := 3 + 9*rng.Float64() // hours
	noise := 0.01 + 0.02*rng.Float64()
	faultAt := math.MaxInt
	if rng.Float64() < p.Faulty {
		c.Fault = []Fault{Stuck, Drifting}[rng.IntN(2)]
		faultAt = city.Hours/2 + rng.IntN(city.Hours/3)
		c.FaultAt = city.From.Add(time.Duration(faultAt) * time.Hour)
	}
	stuck := -1.0
	for t := every * rng.Float64(); int(t) < city.Hours; t += every * (0.5 + rng.ExpFloat64()/2) {
		if rng.Float64() < 0.004 { // the radio is down for a day or so
			t += 12 + 36*rng.Float64()
			continue
		}
		h := int(t)
		v := c.Level[h] + noise*rng.NormFloat64()
		if rng.Float64() < 0.008 { // a false echo
			v = rng.Float64()
		}
		if h >= faultAt {
			switch c.Fault {
			case Stuck:
				if stuck < 0 {
					stuck = v
				}
				v = stuck
			case Drifting:
				v += 0.02 * float64(h-faultAt) / 24
			case Sound:
			}
		}
		v = math.Round(100*min(1, max(0, v))) / 100
		c.Readings = append(c.Readings, Reading{city.From.Add(time.Duration(t * float64(time.Hour))), v})
	}
}

func poisson(rng *rand.Rand, mean float64) int {
	if mean > 30 {
		return max(0, int(math.Round(mean+math.Sqrt(mean)*rng.NormFloat64())))
	}
	limit, k, p := math.Exp(-mean), 0, 1.0
	for {
		if p *= rng.Float64(); p <= limit {
			return k
		}
		k++
	}
}

// gamma2 is a gamma draw of shape 2 and mean 1.
func gamma2(rng *rand.Rand) float64 { return (rng.ExpFloat64() + rng.ExpFloat64()) / 2 }
