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
//   - change.go looks every day for a change that a leak's signature explains, over
//     windows of one to many days: a burst shows in short ones, a slow leak in long.
//   - track.go keeps the leaks that are known, with their size over time: a new one
//     is what they do not explain, a repair is one that leaves.
//   - locate.go turns the fit of all pipes into probabilities and a radius.
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
	Hours        []int   // of the day that are compared with the model
	NightBefore  int     // hours before this one are night
	Reference    float64 // m³/h, the leak that signatures are computed with
	Windows      []int   // days of a change
	Baseline     int     // days, at most, that a change is measured against
	LeastDays    int     // of baseline
	Evidence     float64 // log likelihood ratio that a change must reach
	Smallest     float64 // m³/h
	Largest      float64 // m³/h
	Same         float64 // log likelihood ratio by which another place must beat a known leak's
	Mass         float64 // probability within Radius that an alarm needs
	Certain      float64 // evidence at which an alarm is given with MassLate
	MassLate     float64
	Radius       float64 // m along pipes within which a place must be sure
	Refit        int     // days after its start during which a leak's size and place are fitted anew
	DriftPerRoot float64 // by how much rows wander, in parts of their day-to-day spread, per √day
	FloorP       float64 // m, least spread of a pressure row
	FloorQ       float64 // m³/h, least spread of a flow row
	ModelError   float64 // relative error of signatures
	Wait         int     // days between a leak's start and its alarm
	AlarmFlow    float64 // m³/h, below which a leak gives no alarm yet
	Growth       float64 // m³/h since the last alarm that give another
	Burst        float64 // m³/h, a growth by more is taken for another leak
	RepairWithin float64 // m between a known repair and the leak that it ended, at most
	Audit        int     // days between looks at whether a leak is still there
	Merge        float64 // m, a new place nearer than this to a known leak may be that leak
}

// Default is the shipped configuration.
func Default() Config {
	return Config{
		Hours: []int{2, 4, 7, 9, 12, 15, 18, 21}, NightBefore: 6, Reference: 8,
		Windows: []int{1, 2, 3, 5, 8, 13, 21, 34}, Baseline: 28, LeastDays: 5,
		Evidence: 14, Smallest: 1.2, Largest: 60, Same: 6, Mass: 0.6, Certain: 25, MassLate: 0.35, Radius: 230,
		Refit: 14, DriftPerRoot: 0.25, FloorP: 0.01, FloorQ: 0.1, ModelError: 0.15, Wait: 2, AlarmFlow: 3.5, Growth: 5, Burst: 3, Audit: 14, RepairWithin: 1200, Merge: 500,
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
