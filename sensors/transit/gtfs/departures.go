package gtfs

import (
	"slices"
	"time"
)

// At calls each with every run that calls at a stop with a planned departure in
// [from, to), with the position of the call. The order is that of nothing.
func (f *Feed) At(stop int, from, to time.Time, each func(r Run, position int)) {
	near := f.near(from, to)
	for _, pc := range f.callsAt[stop] {
		p := &f.patterns[pc.pattern]
		days(p, near, from, to, func(d Date, low, high int32) {
			for _, t := range f.between(p, low, high) {
				f.runs(t, d, func(r Run) {
					if dep := f.departure(r, int(pc.position)); !dep.Before(from) && dep.Before(to) {
						each(r, int(pc.position))
					}
				})
			}
		})
	}
}

// Running calls each with every run that is under way at some moment of [from, to).
func (f *Feed) Running(from, to time.Time, each func(r Run)) {
	near := f.near(from, to)
	for i := range f.patterns {
		p := &f.patterns[i]
		days(p, near, from, to, func(d Date, low, high int32) {
			for _, t := range f.between(p, low, high) {
				f.runs(t, d, func(r Run) {
					if f.departure(r, 0).Before(to) && !f.arrival(r, len(p.calls)-1).Before(from) {
						each(r)
					}
				})
			}
		})
	}
}

// serviceDay is one and when its times begin to count.
type serviceDay struct {
	date  Date
	start time.Time
}

// near lists the service days whose times may reach [from, to).
func (f *Feed) near(from, to time.Time) (list []serviceDay) {
	last := DateOf(to.In(f.Zone)) + 1 // one more: noon minus twelve hours may be the day before
	for d := DateOf(from.In(f.Zone)) - Date(f.reach/86400) - 1; d <= last; d++ {
		list = append(list, serviceDay{d, d.Start(f.Zone)})
	}
	return list
}

// days calls each with those days on which trips of a pattern may be in [from, to), with
// the bounds of their starts in seconds of that day.
func days(p *pattern, near []serviceDay, from, to time.Time, each func(d Date, low, high int32)) {
	for _, d := range near {
		low, high := from.Sub(d.start)/time.Second-time.Duration(p.latest), to.Sub(d.start)/time.Second-time.Duration(p.earliest)+1
		if high < 0 || low > maxHours*3600+3600 {
			continue
		}
		each(d.date, int32(max(low, -1)), int32(min(high, 1<<30)))
	}
}

// between returns the trips of a pattern that start in [low, high], and those that run
// by headways, whose start says nothing.
func (f *Feed) between(p *pattern, low, high int32) []int32 {
	by := func(t, second int32) int { return int(f.trips[t].start - second) }
	i, _ := slices.BinarySearchFunc(p.trips, low, by)
	j, _ := slices.BinarySearchFunc(p.trips, high+1, by)
	if len(f.headways) == 0 {
		return p.trips[i:j]
	}
	out := slices.Clone(p.trips[i:j])
	for k, t := range p.trips {
		if f.trips[t].headways >= 0 && (k < i || k >= j) {
			out = append(out, t)
		}
	}
	return out
}

// runs calls each with the runs of a trip on a day.
func (f *Feed) runs(t int32, d Date, each func(Run)) {
	k := &f.trips[t]
	if !f.services[k.service].active(d) {
		return
	}
	if k.headways < 0 {
		each(Run{t, d, -1})
		return
	}
	for _, h := range f.headways[k.headways:] {
		if h.trip != t {
			return
		}
		for s := h.from; s < h.to; s += h.spread {
			each(Run{t, d, s})
		}
	}
}

// Runs calls each with the runs of a trip on a day.
func (f *Feed) Runs(t int32, d Date, each func(Run)) { f.runs(t, d, each) }

func (f *Feed) departure(r Run, n int) time.Time {
	return f.startOf(r).Add(time.Duration(f.timings[f.trips[r.Trip].timing][2*n+1]) * time.Second)
}

func (f *Feed) arrival(r Run, n int) time.Time {
	return f.startOf(r).Add(time.Duration(f.timings[f.trips[r.Trip].timing][2*n]) * time.Second)
}
