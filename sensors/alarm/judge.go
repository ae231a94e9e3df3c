package alarm

import (
	"slices"
	"time"

	"polity/sensors/series"
)

// verdict is what a rule says of a sensor now.
type verdict struct {
	level   int       // 0: no alarm; i: Levels[i-1]
	since   time.Time // of the situation, if it begins now
	value   float64   // the newest sample
	at      time.Time
	sure    bool // the newest sample is fresh
	pending bool // a level is reached and not held for long enough yet
}

// judge applies a rule to samples, sorted by time, given the level that holds now. A sample
// that is older than stale says nothing of the present: the level stays as it is. Behind a
// gap of stale nothing has held. The newest sample speaks for the usual time between two
// of them, until now at most.
func judge(r *Rule, levels []Level, samples []series.Point, now time.Time, stale time.Duration, current int) verdict {
	v := verdict{level: current}
	if len(samples) == 0 {
		return v
	}
	last := samples[len(samples)-1]
	v.value, v.at = last.Value, last.At
	if v.sure = now.Sub(last.At) <= stale; !v.sure {
		return v
	}
	spoken := last.At.Add(series.Gap(samples))
	if spoken.After(now) {
		spoken = now
	}
	for i := len(levels); i > current; i-- {
		first, held := run(samples, stale, levels[i-1].raised)
		if !held {
			continue
		}
		if spoken.Sub(first) >= r.Hold {
			v.level, v.since = i, first
			return v
		}
		v.pending = true
	}
	for v.level > 0 {
		first, held := run(samples, stale, levels[v.level-1].cleared)
		if !held || last.At.Sub(first) < r.ClearHold {
			break
		}
		v.level--
	}
	return v
}

// run is when the run of samples began that ends with the newest and of which all hold.
func run(samples []series.Point, stale time.Duration, holds func(float64) bool) (first time.Time, held bool) {
	next := time.Time{}
	for _, s := range slices.Backward(samples) {
		if !holds(s.Value) || (held && next.Sub(s.At) > stale) {
			break
		}
		first, next, held = s.At, s.At, true
	}
	return first, held
}
