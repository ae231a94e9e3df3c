package street

// tally counts by minutes, the last fifteen of them.
type tally struct {
	minutes [window]bucket
}

const window = 15

type bucket struct {
	minute  int
	n       int
	seconds float64
	longest float64
	stood   int
}

func (t *tally) add(now, seconds float64, stood bool) {
	m := int(now / 60)
	b := &t.minutes[m%window]
	if b.minute != m {
		*b = bucket{minute: m}
	}
	b.n++
	b.seconds += seconds
	b.longest = max(b.longest, seconds)
	if stood {
		b.stood++
	}
}

// Tally is what was counted in the last fifteen minutes.
type Tally struct {
	Count   int
	Mean    float64 // seconds
	Longest float64 // seconds
	Stopped float64 // share of Count
}

func (t *tally) sum(now float64) Tally {
	var out Tally
	seconds, stood := 0.0, 0
	for _, b := range t.minutes {
		if b.n == 0 || b.minute <= int(now/60)-window {
			continue
		}
		out.Count += b.n
		seconds += b.seconds
		stood += b.stood
		out.Longest = max(out.Longest, b.longest)
	}
	if out.Count > 0 {
		out.Mean = seconds / float64(out.Count)
		out.Stopped = float64(stood) / float64(out.Count)
	}
	return out
}

// Vehicle is one as a detector sees it: where it is, never who it is.
type Vehicle struct {
	Distance, Speed, Length float64 // to the stop line (m), m/s, m
	Bus                     bool
}

// Seen is what detectors with good sight see at one moment.
type Seen struct {
	Lanes                    [][]Vehicle // per lane, the first at the stop line first
	Passed, Inside, Standing []int       // per link
	Waiting                  [][]int     // people, per junction and crossing
}

// See returns what detectors see before stop lines and beyond junctions, so many metres.
func (s *Street) See(before, beyond float64) Seen {
	out := Seen{Passed: append([]int(nil), s.passed...), Inside: make([]int, len(s.inside)), Standing: make([]int, len(s.inside))}
	for i := range s.lanes {
		var list []Vehicle
		length := s.net.Lanes[i].Length
		for _, v := range s.lanes[i].queue {
			if v.at > before && length-v.at > beyond {
				continue
			}
			x := Vehicle{Distance: v.at, Speed: v.speed, Length: 4.5, Bus: v.bus}
			if v.bus {
				x.Length = 12
			}
			list = append(list, x)
		}
		out.Lanes = append(out.Lanes, list)
	}
	for l, list := range s.inside {
		out.Inside[l] = len(list)
		for _, v := range list {
			if v.leaves < s.now {
				out.Standing[l]++
			}
		}
	}
	for j := range s.crossings {
		var row []int
		for k := range s.crossings[j] {
			row = append(row, len(s.crossings[j][k].waiting))
		}
		out.Waiting = append(out.Waiting, row)
	}
	return out
}

// Approach is how a lane before a stop line is.
type Approach struct {
	Queue int // vehicles that stand, those outside the lane among them
	Tally     // delay of those who passed the stop line
}

// Approach tells of a lane.
func (s *Street) Approach(i int) Approach {
	a := Approach{Queue: len(s.lanes[i].outside), Tally: s.lanes[i].tally.sum(s.now)}
	for _, v := range s.lanes[i].queue {
		if v.speed < creep {
			a.Queue++
		}
	}
	return a
}

// Crossing tells how many wait at a junction's crossing, and of the waits of those who went.
func (s *Street) Crossing(j, k int) (waiting int, waits Tally) {
	x := &s.crossings[j][k]
	return len(x.waiting), x.tally.sum(s.now)
}

// Figures are those of the whole street.
type Figures struct {
	Trips Tally // delay of vehicles that left the street, in all of it
	Buses Tally
	Walks Tally // waits at crossings
	Held  int   // vehicles in it or waiting outside
}

// Figures sums up the last fifteen minutes.
func (s *Street) Figures() Figures {
	f := Figures{Trips: s.trips.sum(s.now), Buses: s.buses.sum(s.now)}
	seconds := 0.0
	for j := range s.crossings {
		for k := range s.crossings[j] {
			t := s.crossings[j][k].tally.sum(s.now)
			f.Walks.Count += t.Count
			f.Walks.Longest = max(f.Walks.Longest, t.Longest)
			seconds += t.Mean * float64(t.Count)
		}
	}
	if f.Walks.Count > 0 {
		f.Walks.Mean = seconds / float64(f.Walks.Count)
	}
	for i := range s.lanes {
		f.Held += len(s.lanes[i].queue) + len(s.lanes[i].outside)
	}
	for _, list := range s.inside {
		f.Held += len(list)
	}
	return f
}

// Tracks returns where vehicles were along the eastbound way in the last five minutes, and
// where on it each junction's stop line is, in metres, with the length of the way.
func (s *Street) Tracks() (tracks []Track, stops []float64, length float64) {
	for _, t := range s.tracks {
		x := *t
		for len(x) > 0 && x[0][0] < s.now-trackKeep {
			x = x[1:]
		}
		tracks = append(tracks, append(Track(nil), x...))
	}
	for i := range s.lanes {
		if l := &s.lanes[i]; l.start >= 0 {
			length = l.start + s.net.Lanes[i].Length
			if len(s.net.Lanes[i].Out) > 0 {
				stops = append(stops, length)
			}
		}
	}
	return tracks, stops, length
}
