package transit

import (
	"time"

	"polity/sensors/transit/gtfs"
	"polity/sensors/transit/realtime"
)

// Expected is what is expected of one call of a run.
type Expected struct {
	Known              bool // Arrival and Departure are expectations
	Skipped            bool // the vehicle does not call
	Arrival, Departure time.Time
}

// Predict carries what is told of some calls along the run, as the GTFS-Realtime
// reference says (Trip Updates, Stop Time Updates): a delay holds until the next call
// that says otherwise; before the first one nothing is known, but for the delay of the
// whole run; a skipped call changes no delay; behind NO_DATA nothing is known.
// Unmatched is how many calls were told that the run does not have.
func Predict(f *gtfs.Feed, r gtfs.Run, u *realtime.TripUpdate) (calls []Expected, unmatched int) {
	n := f.Calls(r.Trip)
	calls = make([]Expected, n)
	told, unmatched := place(f, r.Trip, u)
	delay, known := u.Delay, u.Has
	for i := range calls {
		plan := f.Call(r, i)
		c := told[i]
		switch {
		case c == nil:
		case c.Relation == realtime.Skipped:
			calls[i].Skipped = true
			continue
		case c.Relation == realtime.NoData:
			known = false
			continue
		case c.Arrival.Given() || c.Departure.Given():
			arrive, depart := delay, delay
			if c.Arrival.Given() {
				arrive = lateness(c.Arrival, plan.Arrival)
			}
			depart = arrive
			if c.Departure.Given() {
				depart = lateness(c.Departure, plan.Departure)
				if !c.Arrival.Given() && !known {
					arrive = depart
				}
			}
			if arrive.Abs() > maxLateness || depart.Abs() > maxLateness { // of another day
				known = false
				unmatched++
				continue
			}
			a, d := plan.Arrival.Add(arrive), plan.Departure.Add(depart)
			if d.Before(a) {
				if c.Departure.Given() && !c.Arrival.Given() {
					a = d // an older arrival gives way to what is told
				} else {
					d = a
				}
			}
			calls[i] = Expected{Known: true, Arrival: a, Departure: d}
			delay, known = d.Sub(plan.Departure), true
			continue
		}
		if known {
			calls[i] = Expected{Known: true, Arrival: plan.Arrival.Add(delay), Departure: plan.Departure.Add(delay)}
		}
	}
	return calls, unmatched
}

const maxLateness = 48 * time.Hour

func lateness(e realtime.Event, plan time.Time) time.Duration {
	if !e.Time.IsZero() {
		return e.Time.Sub(plan)
	}
	return e.Delay
}

// place finds the call of each that is told; they come in the order of the run.
func place(f *gtfs.Feed, trip int32, u *realtime.TripUpdate) (told []*realtime.CallUpdate, unmatched int) {
	told = make([]*realtime.CallUpdate, f.Calls(trip))
	last := -1
	for i := range u.Calls {
		c := &u.Calls[i]
		p := -1
		if c.BySequence {
			p = f.PositionOf(trip, c.Sequence)
		}
		if p < 0 && c.Stop != "" {
			p = f.NextAt(trip, c.Stop, last+1)
		}
		if p <= last {
			unmatched++
			continue
		}
		told[p], last = c, p
	}
	return told, unmatched
}
