package outage

import (
	"math"
	"slices"
	"time"

	"polity/city"
)

// Interruption is one part of an outage: customers who lost power together and got
// it back together. An outage that is restored in steps is several of them.
type Interruption struct {
	Start, End time.Time
	Customers  int
	Planned    bool
}

// sustained is the least duration of an interruption that SAIDI and SAIFI count
// (IEEE Std 1366-2012, 3.20: more than five minutes).
const sustained = 5 * time.Minute

// Indices are the usual figures of reliability (IEEE Std 1366-2012, 4.2 and 4.4).
type Indices struct {
	SAIDI float64 // minutes without power per customer
	SAIFI float64 // sustained interruptions per customer
	CAIDI float64 // minutes per sustained interruption; 0 without any
	MAIFI float64 // momentary interruptions per customer
	ASAI  float64 // part of the time with power
}

// Reliability sums interruptions that began from from to (exclusive) to, of a network
// with so many customers. Planned ones count where planned says so.
func Reliability(list []Interruption, from, to time.Time, customers int, planned bool) (Indices, error) {
	var x Indices
	if customers <= 0 || !to.After(from) {
		return x, city.Errorf(city.Invalid, "reliability needs customers (%d) and a period (%s to %s)", customers, from.Format(time.DateOnly), to.Format(time.DateOnly))
	}
	minutes, times, short := 0.0, 0, 0
	for _, i := range list {
		switch {
		case i.End.Before(i.Start) || i.Customers < 0:
			return x, city.Errorf(city.Invalid, "an interruption of %d customers ends at %s, before it began at %s", i.Customers, i.End.Format(time.RFC3339), i.Start.Format(time.RFC3339))
		case i.Start.Before(from) || !i.Start.Before(to) || (i.Planned && !planned):
		case i.End.Sub(i.Start) <= sustained:
			short += i.Customers
		default:
			minutes += i.End.Sub(i.Start).Minutes() * float64(i.Customers)
			times += i.Customers
		}
	}
	n := float64(customers)
	x.SAIDI, x.SAIFI, x.MAIFI = minutes/n, float64(times)/n, float64(short)/n
	if times > 0 {
		x.CAIDI = minutes / float64(times)
	}
	x.ASAI = 1 - x.SAIDI/to.Sub(from).Minutes()
	return x, nil
}

// MajorDay is the SAIDI of a day (minutes) above which it counts as a major event
// day, from the SAIDI of the days of the last years: exp(α+2.5β), with mean and
// standard deviation of the logarithms of days that had any (IEEE Std 1366-2012,
// 5.2: the 2.5 beta method). It is +Inf for fewer than two such days.
func MajorDay(saidi []float64) float64 {
	var logs []float64
	for _, d := range saidi {
		if d > 0 {
			logs = append(logs, math.Log(d))
		}
	}
	if len(logs) < 2 {
		return math.Inf(1)
	}
	slices.Sort(logs) // the sum does not depend on the order of days
	alpha, beta := 0.0, 0.0
	for _, x := range logs {
		alpha += x / float64(len(logs))
	}
	for _, x := range logs {
		beta += (x - alpha) * (x - alpha) / float64(len(logs)-1)
	}
	return math.Exp(alpha + 2.5*math.Sqrt(beta))
}
