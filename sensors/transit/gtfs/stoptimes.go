package gtfs

import (
	"cmp"
	"encoding/binary"
	"hash/maphash"
	"slices"
	"strconv"
)

// raw is a record of stop_times.txt.
type raw struct {
	call
	arrival, departure int32 // -1: not said
	line               int32
}

// stopTimes keeps no record: calls of a trip become a pattern and a timing, which many
// trips share. Feeds are grouped by trip nearly always; what comes apart is put
// together at the end.
type stopTimes struct {
	*table
	feed     *Feed
	patterns interned
	timings  interned
	current  int32
	rows     []raw
	done     []bool
	apart    map[int32][]raw
	flexible int
}

func (r *reading) stopTimes(f *Feed) {
	t := r.table("stop_times.txt", true, "trip_id", "stop_id", "stop_sequence")
	if t == nil {
		return
	}
	defer t.close()
	t.most = r.limits.Rows
	s := &stopTimes{table: t, feed: f, current: -1, done: make([]bool, len(f.trips)), apart: map[int32][]raw{}, patterns: newInterned(), timings: newInterned()}
	s.read()
	s.flush()
	s.gather()
	empty := 0
	for i := range f.trips {
		if f.trips[i].pattern < 0 {
			empty++
		}
	}
	if empty > 0 {
		r.note("%d trips have fewer than two calls; they are passed over", empty)
	}
	if s.flexible > 0 {
		r.note("%d records of stop_times.txt are of areas that are served on demand; they are passed over", s.flexible)
	}
}

func (s *stopTimes) read() {
	trip, stop, sequence := s.column("trip_id"), s.column("stop_id"), s.column("stop_sequence")
	arrival, departure := s.column("arrival_time"), s.column("departure_time")
	pickup, drop, exact := s.column("pickup_type"), s.column("drop_off_type"), s.column("timepoint")
	for s.next() {
		k, ok := s.feed.tripIndex[s.at(trip)]
		if !ok {
			s.bad("there is no trip %q", shorten(s.at(trip)))
			continue
		}
		id := s.at(stop)
		if id == "" && (s.at(s.column("location_group_id")) != "" || s.at(s.column("location_id")) != "") {
			s.flexible++
			continue
		}
		x := raw{arrival: s.seconds(arrival), departure: s.seconds(departure), line: int32(s.line())}
		if x.stop, ok = s.feed.stopIndex[id]; !ok {
			s.bad("there is no stop %q", shorten(id))
			continue
		}
		if kind := s.feed.Stops[x.stop].Kind; kind != 0 {
			s.bad("the trip calls at %q, which is no stop but of location_type %d", shorten(id), kind)
			continue
		}
		n, err := strconv.ParseUint(s.at(sequence), 10, 31)
		if err != nil {
			s.bad("stop_sequence is %q; a whole number from 0 is expected", shorten(s.at(sequence)))
			continue
		}
		x.sequence = uint32(n)
		x.flags = flag(s.at(pickup) == "1", noPickup) | flag(s.at(drop) == "1", noDropOff) | flag(s.at(exact) == "0", estimated)
		if k != s.current {
			s.flush()
			s.current = k
		}
		s.rows = append(s.rows, x)
	}
}

func flag(on bool, f uint8) uint8 {
	if on {
		return f
	}
	return 0
}

// flush makes the trip of what was read of it; if part of it came before, all of it
// waits for the end.
func (s *stopTimes) flush() {
	if s.current < 0 || len(s.rows) == 0 {
		return
	}
	k := s.current
	if before, waits := s.apart[k]; waits || s.done[k] {
		if !waits {
			before = s.unmake(k)
		}
		s.apart[k] = append(before, s.rows...)
	} else {
		s.done[k] = true
		s.make(k, s.rows)
	}
	s.rows = s.rows[:0]
}

// gather makes the trips that came apart.
func (s *stopTimes) gather() {
	ids := make([]int32, 0, len(s.apart))
	for k := range s.apart {
		ids = append(ids, k)
	}
	slices.Sort(ids)
	for _, k := range ids {
		s.make(k, s.apart[k])
	}
}

// unmake gives the records of a trip back.
func (s *stopTimes) unmake(k int32) []raw {
	t := &s.feed.trips[k]
	if t.pattern < 0 {
		return nil
	}
	var rows []raw
	timing := s.feed.timings[t.timing]
	for i, c := range s.feed.patterns[t.pattern].calls {
		rows = append(rows, raw{call: c, arrival: t.start + timing[2*i], departure: t.start + timing[2*i+1]})
	}
	t.pattern, t.timing = -1, -1
	return rows
}

// make turns the records of a trip into its pattern and timing.
func (s *stopTimes) make(k int32, rows []raw) {
	bySequence := func(a, b raw) int { return cmp.Compare(a.sequence, b.sequence) }
	if !slices.IsSortedFunc(rows, bySequence) {
		slices.SortStableFunc(rows, bySequence)
	}
	id := s.feed.trips[k].id
	for i := range rows {
		x := &rows[i]
		if i > 0 && rows[i-1].sequence == x.sequence {
			s.fail("stop_times.txt:%d: the trip %s has stop_sequence %d twice", x.line, shorten(id), x.sequence)
			return
		}
		if x.arrival < 0 {
			x.arrival = x.departure
		}
		if x.departure < 0 {
			x.departure = x.arrival
		}
	}
	if len(rows) < 2 || rows[0].arrival < 0 || rows[len(rows)-1].arrival < 0 {
		if s.done[k] && s.apart[k] == nil {
			// The missing part may still come: gather says so if it does not.
			s.apart[k] = slices.Clone(rows)
			return
		}
		if len(rows) < 2 {
			return // told with those that call nowhere
		}
		s.fail("stop_times.txt:%d: the trip %s has no time at its first or last stop", rows[0].line, shorten(id))
		return
	}
	between(rows)
	for i := range rows {
		if x := rows[i]; x.departure < x.arrival || i > 0 && x.arrival < rows[i-1].departure {
			s.fail("stop_times.txt:%d: the trip %s goes back in time at stop_sequence %d", x.line, shorten(id), x.sequence)
			return
		}
	}
	t := &s.feed.trips[k]
	t.start = rows[0].departure
	t.pattern, t.timing = s.pattern(rows), s.timing(rows, t.start)
}

// between fills in times that are not said, evenly from call to call.
func between(rows []raw) {
	for i := 1; i < len(rows); i++ {
		if rows[i].arrival >= 0 {
			continue
		}
		j := i
		for rows[j].arrival < 0 {
			j++
		}
		from, to := rows[i-1].departure, rows[j].arrival
		for k := i; k < j; k++ {
			v := from + int32(int64(to-from)*int64(k-i+1)/int64(j-i+1))
			rows[k].arrival, rows[k].departure = v, v
			rows[k].flags |= estimated
		}
		i = j
	}
}

func (s *stopTimes) pattern(rows []raw) int32 {
	b := s.patterns.scratch[:0]
	for _, x := range rows {
		b = binary.LittleEndian.AppendUint32(b, uint32(x.stop))
		b = binary.LittleEndian.AppendUint32(b, x.sequence)
		b = append(b, x.flags)
	}
	s.patterns.scratch = b
	return s.patterns.find(b, func(i int32) bool {
		calls := s.feed.patterns[i].calls
		return len(calls) == len(rows) && !slices.ContainsFunc(rows, func(x raw) bool {
			at, ok := slices.BinarySearchFunc(calls, x.sequence, func(c call, q uint32) int { return cmp.Compare(c.sequence, q) })
			return !ok || calls[at] != x.call
		})
	}, func() int32 {
		calls := make([]call, len(rows))
		for i, x := range rows {
			calls[i] = x.call
		}
		s.feed.patterns = append(s.feed.patterns, pattern{calls: calls})
		return int32(len(s.feed.patterns) - 1)
	})
}

func (s *stopTimes) timing(rows []raw, start int32) int32 {
	b := s.timings.scratch[:0]
	times := make([]int32, 0, 2*len(rows))
	for _, x := range rows {
		times = append(times, x.arrival-start, x.departure-start)
		b = binary.LittleEndian.AppendUint32(b, uint32(x.arrival-start))
		b = binary.LittleEndian.AppendUint32(b, uint32(x.departure-start))
	}
	s.timings.scratch = b
	return s.timings.find(b, func(i int32) bool { return slices.Equal(s.feed.timings[i], times) }, func() int32 {
		s.feed.timings = append(s.feed.timings, times)
		return int32(len(s.feed.timings) - 1)
	})
}

// interned finds equal sequences by their hash; of two that share one, the second is
// kept apart.
type interned struct {
	seed    maphash.Seed
	byHash  map[uint64]int32
	scratch []byte
}

func newInterned() interned { return interned{seed: maphash.MakeSeed(), byHash: map[uint64]int32{}} }

func (n *interned) find(b []byte, same func(int32) bool, add func() int32) int32 {
	h := maphash.Bytes(n.seed, b)
	i, ok := n.byHash[h]
	if ok && same(i) {
		return i
	}
	j := add()
	if !ok {
		n.byHash[h] = j
	}
	return j
}
