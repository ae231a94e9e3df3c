package corridor

import (
	"polity/services/traffic/network"
	"polity/services/traffic/street"
)

// Where the detector logics of the simulated controllers (RSMP, S0002) are felt, in metres
// before the stop line: one at it, one further up the lane.
const (
	Before     = 150.0
	atStopLine = 3.0
	length     = 14.0 // of the upper one: as far as a vehicle comes in a second
)

// Numbering is how a junction's controller numbers its detector logics, from 1.
type Numbering struct {
	Stop    map[string]int // by lane: at the stop line
	Before  map[string]int // by lane: so many metres before it
	Walkers map[string]int // by crossing: whether somebody waits
	count   int
}

// Logics numbers a junction's detector logics.
func Logics(n *network.Network, junction int) Numbering {
	x := Numbering{Stop: map[string]int{}, Before: map[string]int{}, Walkers: map[string]int{}}
	next := func(m map[string]int, id string) {
		if m[id] == 0 {
			x.count++
			m[id] = x.count
		}
	}
	j := n.Junctions[junction]
	for g := range j.Groups {
		for _, l := range j.Groups[g].Lanes {
			next(x.Stop, n.Lanes[l].ID)
			next(x.Before, n.Lanes[l].ID)
		}
	}
	for k := range j.Crossings {
		next(x.Walkers, j.Crossings[k].ID)
	}
	return x
}

// feel writes what the detector logics of a junction feel in one second.
func (x *Numbering) feel(n *network.Network, junction int, seen *street.Seen) string {
	letters := make([]byte, x.count)
	for i := range letters {
		letters[i] = '0'
	}
	mark := func(m map[string]int, lane string, from, to float64) {
		for _, v := range seen.Lanes[n.Lane(lane)] {
			if v.Distance >= from && v.Distance < to {
				letters[m[lane]-1] = '1'
			}
		}
	}
	for lane := range x.Stop {
		mark(x.Stop, lane, 0, atStopLine)
		mark(x.Before, lane, Before-length/2, Before+length/2)
	}
	for k, c := range n.Junctions[junction].Crossings {
		if seen.Waiting[junction][k] > 0 {
			letters[x.Walkers[c.ID]-1] = '1'
		}
	}
	return string(letters)
}
