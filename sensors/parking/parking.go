// Package parking says which bays and garages have room. It knows spaces, never vehicles.
package parking

import (
	"math"
	"time"

	"polity/sensors/series"
)

// State is how a bay is.
type State string

// The states, the words of the Smart Data Models' ParkingSpot.
const (
	Free     State = "free"
	Occupied State = "occupied"
	Closed   State = "closed"
	Unknown  State = "unknown"
)

// Bay is a bay's state: the word of its status, or, where it sends none, whether it is
// occupied (has says whether it sends that). What is older than stale is unknown, and so is
// a word that is none of the states; a closed bay stays closed however old that is.
func Bay(status string, occupied, has bool, age, stale time.Duration) State {
	s := State(status)
	switch s {
	case Closed:
		return Closed
	case Free, Occupied, Unknown:
	case "":
		if s = Unknown; has {
			s = Free
			if occupied {
				s = Occupied
			}
		}
	default:
		s = Unknown
	}
	if age > stale {
		return Unknown
	}
	return s
}

// Room is how many spaces of a garage are free.
type Room struct {
	Total, Free int
	// Drift is by how many vehicles the garage's own count is impossible: above 0 more
	// than fit are in it, below 0 fewer than none. Loops at entries miss vehicles, and
	// what is missed adds up until somebody counts.
	Drift int
}

// Occupied is how many are taken.
func (r Room) Occupied() int { return r.Total - r.Free }

// Share is the part that is taken, 0 to 1.
func (r Room) Share() float64 { return float64(r.Occupied()) / float64(r.Total) }

// Garage is the room of a garage from what it says: its spaces, and either how many are
// occupied or how many are available; NaN is not said. If it says both, what is occupied
// counts. It says none if the spaces are not a number above 0, or neither is said.
func Garage(total, occupied, available float64) (Room, bool) {
	if !(total >= 1) || total > 1e6 {
		return Room{}, false
	}
	r := Room{Total: int(math.Round(total))}
	if math.IsNaN(occupied) {
		occupied = float64(r.Total) - available
	}
	if math.IsNaN(occupied) || math.Abs(occupied) > 1e9 {
		return Room{}, false
	}
	in := int(math.Round(occupied))
	clamped := min(max(in, 0), r.Total)
	r.Free, r.Drift = r.Total-clamped, in-clamped
	return r, true
}

// Hour is the share of an hour of the day for which spaces were taken, over some days.
type Hour struct {
	Share   float64 // 0 to 1; NaN if nothing is known
	Covered time.Duration
}

// ByHour is how full it was by the hour of the day in zone, over [from, to). Points are
// shares from 0 to 1, each true until the next one, for most at longest.
func ByHour(points []series.Point, from, to time.Time, most time.Duration, zone *time.Location) [24]Hour {
	var sums [24]float64
	var covered [24]time.Duration
	for i, p := range points {
		begin, end := p.At, p.At.Add(most)
		if i+1 < len(points) && points[i+1].At.Before(end) {
			end = points[i+1].At
		}
		if begin.Before(from) {
			begin = from
		}
		if end.After(to) {
			end = to
		}
		for begin.Before(end) {
			local := begin.In(zone)
			next := begin.Add(time.Hour - time.Duration(local.Minute())*time.Minute - time.Duration(local.Second())*time.Second - time.Duration(local.Nanosecond()))
			if next.After(end) {
				next = end
			}
			d := next.Sub(begin)
			sums[local.Hour()] += p.Value * d.Seconds()
			covered[local.Hour()] += d
			begin = next
		}
	}
	var out [24]Hour
	for h := range out {
		out[h] = Hour{math.NaN(), covered[h]}
		if covered[h] > 0 {
			out[h].Share = sums[h] / covered[h].Seconds()
		}
	}
	return out
}
