package witness

import (
	"time"

	"polity/city"
)

// Clock is what a witness knows of the time. A cosignature says when it was made, and
// readers take the median of a quorum for the time: a wrong clock must not sign.
type Clock struct {
	Now     func() time.Time     // the machine's clock
	Running func() time.Duration // since the program started, whatever happens to the clock
}

// SystemClock is the machine's.
func SystemClock() Clock {
	start := time.Now()
	return Clock{
		Now:     func() time.Time { return time.Now().Round(0) },
		Running: func() time.Duration { return time.Since(start) },
	}
}

const (
	maxJump = 2 * time.Minute // of the clock against the time that passed, before nothing is signed
	maxBack = time.Second     // how far cosignatures of one log may lie behind one another
)

// notBefore is older than this program: a clock before it was never set.
var notBefore = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// watch tells a clock that was set while the program ran.
type watch struct {
	Clock
	began time.Time
}

func newWatch(c Clock) *watch { return &watch{c, c.Now().Add(-c.Running())} }

// time is now, or an error of kind Unavailable if the clock cannot be right: it was
// never set, somebody moved it, or it lies before what this witness signed already.
func (w *watch) time(last time.Time) (time.Time, error) {
	now := w.Now()
	off := now.Sub(w.began.Add(w.Running()))
	switch {
	case now.Before(notBefore):
		return now, city.Errorf(city.Unavailable, "this witness's clock stands at %s; its operator has to set it", now.UTC().Format(time.DateOnly))
	case off > maxJump || off < -maxJump:
		return now, city.Errorf(city.Unavailable, "this witness's clock was moved by %s while it ran; its operator has to see to it and start it again", off.Round(time.Second))
	case now.Before(last.Add(-maxBack)):
		return now, city.Errorf(city.Unavailable, "this witness's clock is %s behind its last cosignature; its operator has to set it", last.Sub(now).Round(time.Second))
	}
	return now, nil
}
