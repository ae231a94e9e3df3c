package forecast

import (
	"fmt"
	"math"
	"time"
)

// Suspicion says that a sensor seems to lie, since when, and why, in words for
// the person who decides whether somebody goes and looks.
type Suspicion struct {
	Container string
	Kind      string // stuck, drifting
	Since     time.Time
	Why       string
}

// suspect looks for a sensor that says the same however much time and however
// many collections pass, or that reads more and more right after collections,
// when the container is empty.
func suspect(readings []Reading, emptied []time.Time) *Suspicion {
	if s := stuck(readings, emptied); s != nil {
		return s
	}
	return drifting(readings, emptied)
}

// stuck finds the run of equal readings at the end.
func stuck(readings []Reading, emptied []time.Time) *Suspicion {
	last := len(readings) - 1
	first := last
	for first > 0 && math.Abs(readings[first-1].Fill-readings[last].Fill) < 0.006 {
		first--
	}
	since, until := readings[first].At, readings[last].At
	days := until.Sub(since).Hours() / 24
	rounds := 0
	for _, e := range emptied {
		if e.After(since) && e.Before(until) {
			rounds++
		}
	}
	// An empty container may well stay empty, and a full one full, so either takes
	// a collection that should have shown.
	v := readings[last].Fill
	between := v > 0.05 && v < 0.95
	if last-first < 8 || !(rounds >= 2 || (rounds >= 1 && between && v > 0.1) || (between && days > 4)) {
		return nil
	}
	return &Suspicion{Kind: "stuck", Since: since, Why: fmt.Sprintf("it has said %.0f%% for %.1f days, over %d readings and %d collections", 100*v, days, last-first+1, rounds)}
}

// drifting compares what is read right after collections over time.
func drifting(readings []Reading, emptied []time.Time) *Suspicion {
	type after struct {
		at   time.Time
		fill float64
	}
	var lows []after
	i := 0
	for _, e := range emptied {
		for i < len(readings) && !readings[i].At.After(e) {
			i++
		}
		if i < len(readings) && readings[i].At.Sub(e) < 12*time.Hour {
			lows = append(lows, after{readings[i].At, readings[i].Fill})
		}
	}
	if len(lows) < 3 {
		return nil
	}
	// The trend must hold over the last collections: three in a row clearly above
	// empty, none lower than the usual.
	usual := 0.0
	before := lows[:len(lows)-3]
	for _, l := range before {
		usual += l.fill / float64(len(before))
	}
	tail := lows[len(lows)-3:]
	for _, l := range tail {
		if l.fill < usual+0.15 || l.fill < 0.2 {
			return nil
		}
	}
	since := tail[0].at
	for k := len(lows) - 4; k >= 0 && lows[k].fill > usual+0.08; k-- {
		since = lows[k].at
	}
	if len(before) == 0 {
		since = readings[0].At
	}
	return &Suspicion{Kind: "drifting", Since: since, Why: fmt.Sprintf("right after the last three collections it read %.0f%%, %.0f%% and %.0f%%; an emptied container should read about %.0f%%", 100*tail[0].fill, 100*tail[1].fill, 100*tail[2].fill, 100*min(usual, 0.1))}
}
