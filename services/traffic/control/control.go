// Package control holds what can decide about signals: fixed plans by time of day,
// actuated control, greedy and max-pressure control as they are known from the
// literature, and Polity's own adaptive control. All stand behind one interface,
// see the same detectors, and only ever wish: package safety has the last word.
package control

import (
	"time"

	"polity/services/traffic/network"
	"polity/services/traffic/safety"
)

// Controller decides about all junctions of one network. It serves one goroutine.
type Controller interface {
	// Name is the controller's name on reports.
	Name() string
	// Decide is called once a second with what the detectors saw and what the signals
	// show (one entry per junction). It writes one decision per junction into out.
	Decide(now time.Duration, seen *Reading, shown []safety.Aspects, out []Decision)
}

// Decision is what a controller wishes one junction to show, and why.
type Decision struct {
	Want   network.Set
	Reason string // one sentence
	// Presumed are groups for which somebody may wait whom no detector has told of. The
	// guard takes them for demanded.
	Presumed network.Set
	// Instead says what decides because detectors cannot be believed: actuated control or
	// the fixed plan; empty: whoever is meant to decide does.
	Instead Instead
}

// Instead is what decides where detectors cannot be believed.
type Instead string

// What decides.
const (
	ByActuated Instead = "actuated"
	ByPlan     Instead = "fixed"
)

// Class is what a detector can tell of a vehicle.
type Class byte

// The classes.
const (
	Car Class = iota
	Bus
	Emergency
)

// Vehicle is one vehicle as a detector sees it: where it is, never who it is.
type Vehicle struct {
	Distance float64 // from its front to the end of the lane, metres
	Speed    float64 // metres per second
	Length   float64
	Class    Class
}

// Reading is what all detectors of a network saw at one moment.
type Reading struct {
	At time.Duration // when it was measured; late detectors give old readings
	// Lanes holds per lane of the network the vehicles in sight, the first at the stop
	// line first.
	Lanes [][]Vehicle
	// Passed counts per link the vehicles that have entered it since the start.
	Passed []int
	// Inside counts per link the vehicles on it, inside the junction; Standing those of
	// them that stand or crawl.
	Inside, Standing []int
	// Waiting counts per junction and crossing the people who wait to cross.
	Waiting [][]int
}

// Sight says how far detectors see, in metres along the street.
type Sight struct {
	Before float64 // upstream of a stop line
	Beyond float64 // downstream of a junction
}
