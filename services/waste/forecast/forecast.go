// Package forecast foretells how full containers will be, and how surely, from
// irregular sensor readings, collections and a calendar.
//
// What is brought to a container in an hour is taken to be its rate, times
// factors of the day (weekday, holiday, market day) and of the hour, learnt from
// all containers of its group together and, as far as its own readings allow, for
// it alone. The factors come from sharing each rise between two readings among
// the hours between them in proportion to what is expected of each (Dempster,
// Laird and Rubin 1977 for a Poisson mean known only in sums). The level now is a
// Kalman filter's. Spread grows with what is expected to come; its size and the
// shape of its tails are those of the model's own past errors, so that a
// probability of 20% comes true in 20% of cases.
package forecast

import (
	"math"
	"time"
)

// Reading is a sensor's message: the share of the container that is full.
type Reading struct {
	At   time.Time
	Fill float64
}

// History is what is known of one container, in order of time.
type History struct {
	ID       string
	Group    string // containers that fill alike: the kind of place
	Readings []Reading
	Emptied  []time.Time
}

// Calendar says what is special about days; functions may be nil.
type Calendar struct {
	Holiday func(day time.Time) bool
	Market  func(day time.Time) bool
	Zone    *time.Location // of days and hours; nil: UTC
}

// Day factors: Sunday to Saturday, then holidays and market days, which stand in
// place of their weekday's.
const (
	holidayFactor = 7
	marketFactor  = 8 // for market days that are Sunday to Saturday: 8 to 14
	dayFactors    = 15
	hourFactors   = 24
)

// group is what containers of one kind have in common.
type group struct {
	day    [dayFactors]float64
	hour   [hourFactors]float64
	perMu  float64   // variance for each unit expected
	perMu2 float64   // variance for each squared unit expected within a day
	errors []float64 // standardised past errors, sorted
}

// fitted is one container's model.
type fitted struct {
	group    *group
	rate     float64             // share of the container in a mean day
	rateVar  float64             // uncertainty of rate
	day      [dayFactors]float64 // own factors, shrunk to the group's
	noise    float64             // variance of a reading
	level    float64             // at time
	levelVar float64
	at       time.Time
	clean    []Reading
	emptied  []time.Time
	suspect  *Suspicion
}

// Model is what Fit learnt. It does not change; any number of goroutines may ask
// it.
type Model struct {
	calendar   Calendar
	containers map[string]*fitted
	// Suspicions lists sensors that seem to lie, by container.
	Suspicions []Suspicion
}

// Outlook is the forecast for one moment if nobody empties the container.
type Outlook struct {
	At        time.Time
	Fill      float64 // expected; above 1 is beside the container
	Low, High float64 // nine of ten outcomes lie between
	Overflow  float64 // probability that it is full by then
}

func (c *Calendar) zone() *time.Location {
	if c.Zone == nil {
		return time.UTC
	}
	return c.Zone
}

// factor returns which day factor holds at t.
func (c *Calendar) factor(t time.Time) int {
	t = t.In(c.zone())
	switch {
	case c.Holiday != nil && c.Holiday(t):
		return holidayFactor
	case c.Market != nil && c.Market(t):
		return marketFactor + int(t.Weekday())
	}
	return int(t.Weekday())
}

// Forecast returns the outlook for a container at moments after the last fit.
// ok is false for a container without usable readings.
func (m *Model) Forecast(id string, moments ...time.Time) (outlooks []Outlook, ok bool) {
	f := m.containers[id]
	if f == nil {
		return nil, false
	}
	for _, at := range moments {
		outlooks = append(outlooks, m.outlook(f, f.level, f.levelVar, f.at, at))
	}
	return outlooks, true
}

// left is what a crew leaves in a container that it empties, and leftVar how sure that is.
const left, leftVar = 0.015, 0.0002

// ForecastEmptied is Forecast for a container that will be emptied at a moment before those.
func (m *Model) ForecastEmptied(id string, emptied time.Time, moments ...time.Time) (outlooks []Outlook, ok bool) {
	f := m.containers[id]
	if f == nil {
		return nil, false
	}
	for _, at := range moments {
		outlooks = append(outlooks, m.outlook(f, left, leftVar, emptied, at))
	}
	return outlooks, true
}

func (m *Model) outlook(f *fitted, level, levelVar float64, from, at time.Time) Outlook {
	mean, spread := m.coming(f, from, at)
	sd := math.Sqrt(levelVar + spread)
	o := Outlook{At: at, Fill: level + mean}
	z := f.group.errors
	o.Low = max(level, o.Fill+sd*quantile(z, 0.05))
	o.High = max(level, o.Fill+sd*quantile(z, 0.95))
	o.Overflow = above(z, (1-o.Fill)/sd)
	return o
}

// coming returns mean and variance of what is brought between two moments.
func (m *Model) coming(f *fitted, from, to time.Time) (mean, variance float64) {
	days := 0.0
	day, inDay := -1, 0.0
	total := 0.0
	m.hours(from, to, func(t time.Time, factor, hour int, share float64) {
		mu := share / 24 * f.day[factor] * f.group.hour[hour]
		if d := t.YearDay(); d != day {
			variance += f.group.perMu2 * inDay * inDay
			day, inDay = d, 0
		}
		inDay += f.rate * mu
		days += mu
		total += f.rate * mu
	})
	variance += f.group.perMu2*inDay*inDay + f.group.perMu*total + f.rateVar*days*days
	return total, variance
}

// hours calls each for every hour, or part of one, between two moments.
func (m *Model) hours(from, to time.Time, each func(t time.Time, factor, hour int, share float64)) {
	zone := m.calendar.zone()
	factor, day := 0, -1
	for t := from.In(zone); t.Before(to); {
		next := t.Truncate(time.Hour).Add(time.Hour)
		if next.After(to) {
			next = to
		}
		if d := t.Year()*1000 + t.YearDay(); d != day {
			day, factor = d, m.calendar.factor(t)
		}
		each(t, factor, t.Hour(), next.Sub(t).Hours())
		t = next.In(zone)
	}
}

// quantile returns the q-quantile of sorted values, interpolated.
func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	x := q * float64(len(sorted)-1)
	i := min(int(x), len(sorted)-2)
	if i < 0 {
		return sorted[0]
	}
	return sorted[i] + (x-float64(i))*(sorted[i+1]-sorted[i])
}

// above returns the share of sorted values above x, smoothed at the ends so that
// nothing is certain.
func above(sorted []float64, x float64) float64 {
	lo, hi := 0, len(sorted)
	for lo < hi {
		mid := (lo + hi) / 2
		if sorted[mid] > x {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	n := float64(len(sorted))
	return (n - float64(lo) + 0.5) / (n + 1)
}
