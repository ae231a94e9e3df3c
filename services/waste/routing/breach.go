package routing

// Breach is a constraint that a vehicle's day does not keep.
type Breach struct {
	Kind Kind
	Stop int32 // index, for Late and Unfit
	Trip int   // from 0, for Load and Closed
	Dim  int   // of the load
	By   int64 // seconds too late, or load too much
}

// Kind is a kind of constraint.
type Kind int

// The constraints.
const (
	Load   Kind = iota // a trip carries more than the vehicle takes
	Late               // a stop's window has closed
	Closed             // the station's window has closed
	Unfit              // the vehicle may not serve the stop
	Over               // the vehicle comes home after its shift
	Trips              // more trips than it makes
)

// Breaches drives one vehicle's trips and lists what does not hold: none where Evaluate
// says that all does.
func (p *Problem) Breaches(vehicle int, trips []Trip) (list []Breach) {
	if len(trips) == 0 {
		return nil
	}
	v := &p.Vehicles[vehicle]
	m := &p.Profiles[v.Profile]
	now, at := v.Early, v.Start
	if v.MaxTrips > 0 && len(trips) > int(v.MaxTrips) {
		list = append(list, Breach{Kind: Trips, By: int64(len(trips)) - int64(v.MaxTrips)})
	}
	pause := NewPausing(v)
	drive := func(to, early, late, service int32) (over int64) {
		now = pause.Visit(now, m.Time[int(at)*p.Locations+int(to)], early, service)
		at = to
		return int64(now-service) - int64(late)
	}
	for i, trip := range trips {
		load := [Dims]int64{}
		for _, c := range trip.Stops {
			s := &p.Stops[c]
			for d := range load {
				load[d] += int64(s.Load[d])
			}
			now = max(now, s.Release)
			if s.Needs&^v.Has != 0 {
				list = append(list, Breach{Kind: Unfit, Stop: c})
			}
		}
		for d := range load {
			if over := load[d] - int64(v.Capacity[d]); over > 0 {
				list = append(list, Breach{Kind: Load, Trip: i, Dim: d, By: over})
			}
		}
		for _, c := range trip.Stops {
			s := &p.Stops[c]
			if over := drive(s.Location, s.Early, s.Late, s.Service); over > 0 {
				list = append(list, Breach{Kind: Late, Stop: c, By: over})
			}
		}
		s := &p.Stations[trip.Station]
		if over := drive(s.Location, s.Early, s.Late, s.Service); over > 0 {
			list = append(list, Breach{Kind: Closed, Trip: i, By: over})
		}
	}
	if over := int64(pause.End(now, m.Time[int(at)*p.Locations+int(v.End)])) - int64(v.Late); over > 0 {
		list = append(list, Breach{Kind: Over, By: over})
	}
	return list
}
