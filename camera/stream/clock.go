package stream

import "time"

// Clock puts the timestamps of a camera on our own clock. A picture's arrival
// tells when it was taken, but for the network's jitter; its timestamp tells the
// time between pictures, but on a clock that drifts, jumps, or is nonsense. The
// Clock takes the least delay seen in some seconds as the offset between the two,
// as NTP's clock filter does (RFC 5905, section 10).
//
// It is used by one goroutine; its zero value is ready.
type Clock struct {
	begun bool

	// The camera's clock: raw timestamps, and those without jumps.
	lastRaw    time.Duration
	lastPTS    time.Duration // greatest so far
	lastLocal  time.Duration
	shift      time.Duration // PTS minus raw timestamp
	offset     time.Duration // local time minus PTS: what is applied
	least      [2]time.Duration
	windowFrom time.Duration // local time at which least[1] began

	// Does the camera's clock go at the rate of ours?
	rateLocal, ratePTS time.Duration
	wrong              int
	distrusted         bool

	// The wall clock may be set while we run.
	wall      time.Time // at local time wallLocal
	wallLocal time.Duration
}

const (
	// reorder is how far a timestamp may lie before the one that came before it:
	// three B-frames at five frames a second.
	reorder = 800 * time.Millisecond
	// leap is how much more than the time that passed a timestamp may go forward.
	leap = 5 * time.Second
	// window is how long the least delay counts; up to two of them.
	window = 10 * time.Second
	// slew is the share by which offsets that grow are followed: faster than any
	// clock's drift (100 ppm), slow enough not to show in speeds.
	slew = 20 // one part of
	// rateOff is the share by which a camera's clock may go wrong.
	rateOff = 10 // one part of
	// wallStep is how far the wall clock may be ahead before it is followed at
	// once, and wallBack how far behind before nothing about time holds.
	wallStep = time.Second
	wallBack = 10 * time.Second
)

// Time is one unit's place in time.
type Time struct {
	PTS   time.Duration
	Taken time.Time
	// Anew says that our wall clock was set back by much: times before it cannot be
	// compared with those from here on.
	Anew bool
}

// At takes a unit's timestamp on the camera's clock, and when it arrived: on a
// clock that never jumps (local) and on the wall's.
func (c *Clock) At(raw, local time.Duration, wall time.Time) Time {
	wall = wall.Round(0)
	if !c.begun {
		*c = Clock{
			begun: true, lastRaw: raw, lastLocal: local, shift: -raw, offset: local, least: [2]time.Duration{local, local},
			windowFrom: local, rateLocal: local, wall: wall, wallLocal: local,
		}
		return Time{Taken: wall}
	}
	anew := c.followWall(local, wall)
	passed := local - c.lastLocal
	if step := raw - c.lastRaw; step < -reorder || step > passed+leap {
		c.shift = c.lastPTS + passed - raw // the camera's clock was set
		c.rateLocal, c.ratePTS = local, raw+c.shift
	}
	pts := raw + c.shift
	c.lastRaw, c.lastLocal = raw, local
	c.checkRate(pts, local)
	if c.distrusted {
		pts = max(local-c.offset, c.lastPTS)
		c.lastPTS = pts
		return Time{PTS: pts, Taken: c.wallAt(local), Anew: anew}
	}
	c.lastPTS = max(c.lastPTS, pts)
	c.follow(local-pts, passed, local)
	return Time{PTS: pts, Taken: c.wallAt(min(pts+c.offset, local)), Anew: anew}
}

// follow moves the offset to the least delay of the last windows: down at once,
// for a picture cannot arrive before it is taken, and up slowly.
func (c *Clock) follow(delay, passed, local time.Duration) {
	if local-c.windowFrom > window {
		c.least[0], c.least[1] = c.least[1], delay
		c.windowFrom = local
	}
	c.least[1] = min(c.least[1], delay)
	target := min(c.least[0], c.least[1])
	if target < c.offset {
		c.offset = target
		return
	}
	c.offset += min(target-c.offset, max(passed, 0)/slew)
}

// checkRate distrusts a camera whose timestamps go faster or slower than time by
// more than one part in rateOff for two windows on end: some send the wrong clock
// rate, or the same timestamp always.
func (c *Clock) checkRate(pts, local time.Duration) {
	passed := local - c.rateLocal
	if c.distrusted || passed < window {
		return
	}
	if off := (pts - c.ratePTS) - passed; off.Abs() > passed/rateOff {
		c.wrong++
	} else {
		c.wrong = 0
	}
	c.rateLocal, c.ratePTS = local, pts
	if c.wrong >= 2 {
		c.distrusted = true
		c.offset = local - c.lastPTS
	}
}

// Distrusted says that the camera's timestamps are not used, only arrival times.
func (c *Clock) Distrusted() bool { return c.distrusted }

// followWall keeps our wall time close to the machine's when that is set, without
// going backwards unless it is set back by much.
func (c *Clock) followWall(local time.Duration, wall time.Time) (anew bool) {
	ahead := wall.Sub(c.wallAt(local)) // how far the machine's is ahead of ours
	now := c.wallAt(local)
	switch most := max(local-c.wallLocal, 0) / slew; {
	case ahead < -wallBack:
		now, anew = wall, true
	case ahead > wallStep:
		now = wall
	case ahead >= 0:
		now = now.Add(min(ahead, most))
	default:
		now = now.Add(max(ahead, -most))
	}
	c.wall, c.wallLocal = now, local
	return anew
}

func (c *Clock) wallAt(local time.Duration) time.Time { return c.wall.Add(local - c.wallLocal) }
