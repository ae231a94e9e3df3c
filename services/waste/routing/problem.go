// Package routing plans tours of vehicles: which vehicle visits which stop, in
// which order, and when it unloads, so that the cost is low.
//
// The search is ruin and recreate under simulated annealing (see anneal.go); it
// keeps every constraint at every step, so that what it returns is drivable at
// any time it is stopped. Nothing here knows streets or bins: a problem is
// matrices, stops and vehicles, in whole units that the caller chooses.
package routing

import (
	"math"

	"polity/city"
)

// Dims is how many kinds of load a stop and a vehicle have; package waste uses
// weight and volume.
const Dims = 2

// Must is the prize of a stop that has to be served.
const Must = math.MaxInt64

// Forever is the end of a time window that never closes.
const Forever = math.MaxInt32 / 4

// Problem is what is to be planned. Indices count from 0.
type Problem struct {
	Locations int
	Profiles  []Profile
	Stops     []Stop
	Vehicles  []Vehicle
	Stations  []Station
}

// Profile holds cost and time of driving between locations for one kind of
// vehicle, Locations x Locations, row by row: from row to column. Neither may be
// negative; Blocked says that there is no way.
type Profile struct {
	Cost, Time []int32
}

// Blocked as cost or time says that no way leads there. Matrices hold nothing
// larger.
const Blocked = math.MaxInt32 / 16

// Stop is a place to be served once.
type Stop struct {
	Location    int32
	Load        [Dims]int32
	Service     int32
	Early, Late int32  // service begins within
	Release     int32  // the trip that serves it starts no earlier
	Prize       int64  // cost of leaving it out; Must
	Needs       uint64 // what its vehicle must have, a bit each
	Home        int32  // 1 + index of the vehicle that should keep it; 0: any
	Move        int32  // cost of another vehicle than Home
}

// Station is where vehicles unload.
type Station struct {
	Location    int32
	Service     int32
	Early, Late int32 // unloading begins within
}

// Vehicle starts its day at Start, makes trips that each end at a station, and
// ends at End.
type Vehicle struct {
	Start, End  int32
	Capacity    [Dims]int32
	Early, Late int32 // leaves Start at Early or later, is at End by Late
	Profile     int32
	Stations    []int32
	MaxTrips    int32 // 0: no bound
	Fixed       int64 // cost of using it at all
	Has         uint64
	Pause       Pause
}

// Pause is a rest that begins within a window, between two stops. Length 0: none.
type Pause struct {
	Early, Late, Length int32
}

// Trip is what a vehicle collects between two unloadings; Stops are indices.
type Trip struct {
	Stops   []int32
	Station int32
}

// Plan holds, for every vehicle, its trips in order, and the stops left out.
type Plan struct {
	Days    [][]Trip
	LeftOut []int32
	Cost    int64 // driving, fixed costs, moves, and the prizes of optional stops left out
}

// Complete says whether every stop that must be served is.
func (p *Problem) Complete(plan *Plan) bool {
	for _, s := range plan.LeftOut {
		if p.Stops[s].Prize == Must {
			return false
		}
	}
	return true
}

// Validate reports the first thing about p that is not a problem at all: an index
// or size that is off. Whether it can be solved is another question.
func (p *Problem) Validate() error {
	n := p.Locations
	for i, m := range p.Profiles {
		if len(m.Cost) != n*n || len(m.Time) != n*n {
			return city.Errorf(city.Invalid, "profile %d: its matrices are not %d x %d", i, n, n)
		}
	}
	place := func(l int32) bool { return l >= 0 && int(l) < n }
	for i, s := range p.Stops {
		if !place(s.Location) || s.Service < 0 || s.Early > s.Late || s.Late > Forever || s.Prize < 0 || s.Move < 0 || s.Home < 0 || int(s.Home) > len(p.Vehicles) {
			return city.Errorf(city.Invalid, "stop %d: its location, service, window, prize or home is out of range", i)
		}
		for _, q := range s.Load {
			if q < 0 {
				return city.Errorf(city.Invalid, "stop %d: its load is below 0", i)
			}
		}
	}
	for i, s := range p.Stations {
		if !place(s.Location) || s.Service < 0 || s.Early > s.Late || s.Late > Forever {
			return city.Errorf(city.Invalid, "station %d: its location, service or window is out of range", i)
		}
	}
	for i, v := range p.Vehicles {
		if !place(v.Start) || !place(v.End) || v.Early > v.Late || v.Late > Forever || int(v.Profile) >= len(p.Profiles) || v.Profile < 0 || len(v.Stations) == 0 {
			return city.Errorf(city.Invalid, "vehicle %d: its places, shift, profile or stations are out of range", i)
		}
		for _, s := range v.Stations {
			if s < 0 || int(s) >= len(p.Stations) {
				return city.Errorf(city.Invalid, "vehicle %d: station %d does not exist", i, s)
			}
		}
		if v.Pause.Length < 0 || v.Pause.Early > v.Pause.Late {
			return city.Errorf(city.Invalid, "vehicle %d: its pause is out of range", i)
		}
	}
	return nil
}
