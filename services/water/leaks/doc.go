// Package leaks finds leaks in a water network from the instruments that exist: a
// few pressures, the metered flows, tank levels, and meters of some homes.
//
// How it works, in the order of the files:
//
//   - zones.go cuts the network at its flow meters. What flows into a zone and does
//     not stay in its tanks is used there or lost.
//   - twin.go lets EPANET follow the measured boundary for some hours of every day
//     and compares pressures and flows with the measured ones.
//   - signature.go computes how a leak at each pipe would show at each instrument.
//   - noise.go says how these numbers wander from day to day when nothing happens, and
//     filters that out; course.go says how a leak runs over the days.
//   - fit.go compares what the days show with the signature of every pipe, along a
//     course, all leaks that are known being taken off and doubted by the model's error.
//   - track.go keeps the leaks that are known: each is fitted anew, with its course and
//     place, while the others stand; a new one is what they do not explain; the end of
//     one, or a sensor that drifts, competes with it. A time that is over is fitted as a
//     whole, with the repairs that are known.
//   - locate.go turns the fit of all pipes into probabilities and a radius.
//   - committee.go lets several detectors that believe the model more or less go
//     through the days, and council.go tells a leak where they together find one likely
//     enough.
//
// The model need not be exact: constant errors of pressure fall out, because only
// changes count, and the spread of the differences between days tells how far a
// change must go to mean anything.
package leaks

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
)

// Config is how the detector judges. One configuration serves everything.
type Config struct {
	Hours         []int   // of the day that are compared with the model
	NightBefore   int     // hours before this one are night
	Reference     float64 // m³/h, the leak that signatures are computed with
	Ages          []int   // days since the start of leaks that are looked for
	LeastDays     int     // before anything is said
	Wander        float64 // by how much the level of a row follows each day's value
	WanderBalance float64 // the same for the balances of zones
	Evidence      float64 // log likelihood ratio that a leak must reach
	Keep          float64 // that it must keep
	Repair        float64 // by which its end must be likelier than its going on
	RepairPart    float64 // the same, in parts of the leak's evidence
	Smallest      float64 // m³/h
	Largest       float64 // m³/h
	Mass          float64 // probability within Radius at which a member is convinced of a leak
	Certain       float64 // evidence at which it is with MassLate
	MassLate      float64
	Radius        float64  // m along pipes
	Refit         int      // days after its start during which a leak is fitted anew every day
	Longest       int      // days that a repaired leak has run, at most
	Slowest       int      // days from a leak's start until it is full, at most
	Temper        float64  // what evidence of places is divided by
	Stable        int      // days that a place must have held
	Members       []Member // of the committee
	Quorum        int      // members that must agree that a sensor is at fault
	Sure          float64  // probability that a leak is within Near, at which it is told
	Near          float64  // m within which a place is right: the competition's
	Span          int      // days before the start of a repaired leak from which on one beside it is what is left of it
	One           int      // days between beginnings of what is one leak near a place
	OneOld        int      // the same of leaks that are older than the data
	FaultMargin   float64  // evidence by which a sensor's fault must beat a leak
	Off           float64  // m, the least fault of a sensor that is looked at
	FloorP        float64  // m, least spread of a pressure row
	FloorQ        float64  // m³/h, least spread of a flow row
	ModelError    float64  // relative error of what a leak shows at each instrument
	GainError     float64  // relative error of all that it shows in pressures
	Wait          int      // days between a leak's start and its alarm
	AlarmFlow     float64  // m³/h, below which a leak gives no alarm yet
}

// Member is how one of the committee believes the model.
type Member struct {
	ModelError, GainError, Wander float64
}

// Default is the shipped configuration.
func Default() Config {
	return Config{
		Hours: []int{2, 4, 7, 9, 12, 15, 18, 21}, NightBefore: 6, Reference: 8,
		Ages: []int{2, 3, 4, 6, 8, 11, 15, 20, 27, 35, 45, 60}, LeastDays: 5, Wander: 0.05, WanderBalance: 0.15,
		Evidence: 20, Keep: 7, Repair: 15, RepairPart: 0.4, Smallest: 1.2, Largest: 60, Mass: 0.6, Certain: 25, MassLate: 0.35, Radius: 230,
		Refit: 30, Longest: 90, Slowest: 120, Quorum: 4, Sure: 0.45, Near: 300, Span: 25, One: 10, OneOld: 125,
		Members: []Member{{0.25, 0.2, 0.05}, {0.25, 0.3, 0.05}, {0.2, 0.2, 0.05}, {0.2, 0.3, 0.08}, {0.3, 0.2, 0.05}, {0.3, 0.25, 0.08}, {0.25, 0.2, 0.03}, {0.2, 0.25, 0.03}, {0.25, 0.15, 0.08}},
		Temper:  2, Stable: 2, FaultMargin: 5, Off: 0.08, FloorP: 0.01, FloorQ: 0.1, ModelError: 0.25, GainError: 0.2, Wait: 2, AlarmFlow: 4,
	}
}

// Hash names a configuration.
func (c Config) Hash() string {
	b, err := json.Marshal(c)
	if err != nil {
		panic(err) // numbers only
	}
	return fmt.Sprintf("%x", sha256.Sum256(b))[:12]
}
