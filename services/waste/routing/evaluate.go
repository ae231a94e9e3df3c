package routing

// Evaluate drives one vehicle's trips and returns their cost, moves and fixed
// cost included, and whether every constraint holds. It is the plain definition
// of what a day costs, for what-if questions; the search has its own, faster one.
func (p *Problem) Evaluate(vehicle int, trips []Trip) (cost int64, holds bool) {
	if len(trips) == 0 {
		return 0, true
	}
	v := &p.Vehicles[vehicle]
	m := &p.Profiles[v.Profile]
	now, at := v.Early, v.Start
	holds = v.MaxTrips == 0 || len(trips) <= int(v.MaxTrips)
	cost = v.Fixed
	pause := NewPausing(v)
	drive := func(to, early, late, service int32) {
		i := int(at)*p.Locations + int(to)
		cost += int64(m.Cost[i])
		now = pause.Visit(now, m.Time[i], early, service)
		holds = holds && now-service <= late
		at = to
	}
	for _, trip := range trips {
		load := [Dims]int64{}
		for _, c := range trip.Stops {
			s := &p.Stops[c]
			for i := range load {
				load[i] += int64(s.Load[i])
			}
			now = max(now, s.Release)
			holds = holds && s.Needs&^v.Has == 0
			if s.Home != 0 && s.Home != int32(vehicle)+1 {
				cost += int64(s.Move)
			}
		}
		for i := range load {
			holds = holds && load[i] <= int64(v.Capacity[i])
		}
		for _, c := range trip.Stops {
			s := &p.Stops[c]
			drive(s.Location, s.Early, s.Late, s.Service)
		}
		s := &p.Stations[trip.Station]
		drive(s.Location, s.Early, s.Late, s.Service)
	}
	i := int(at)*p.Locations + int(v.End)
	cost += int64(m.Cost[i])
	return cost, holds && pause.End(now, m.Time[i]) <= v.Late
}
