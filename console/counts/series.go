// Package counts turns single observations of cameras into series over time, and
// holds the rules by which counts become public.
package counts

import (
	"time"

	"polity/camera/wire"
	"polity/city"
)

// Query asks for counts in [From, To) in steps of Step. From is a multiple of Step
// after midnight in the city's time; Step divides an hour or is whole hours.
type Query struct {
	From, To time.Time
	Step     time.Duration
}

// Steps returns how many steps the query has.
func (q Query) Steps() int {
	if q.Step <= 0 || !q.To.After(q.From) {
		return 0
	}
	return int((q.To.Sub(q.From) + q.Step - 1) / q.Step)
}

// Series is one measured thing over the steps of a Query.
type Series struct {
	Metric    wire.Metric
	Class     wire.Class
	Where     city.Slug // the zone or line by its name, empty for the whole view
	Direction wire.Direction
	Points    []Point // a point per step, in order
}

// Point is one step. Covered of 0 means that nothing was measured; Value is then 0
// and says nothing.
type Point struct {
	Value     float64
	Covered   time.Duration               // how much of the step was really seen
	Histogram *[wire.HistogramBins]uint32 // Dwell and Speed only
}

// Observed is one stored observation with its zone or line by name.
type Observed struct {
	Where city.Slug
	wire.Observation
}
