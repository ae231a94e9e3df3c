package decode

import "time"

// choice says whether it can be told before decoding which units' frames the rate
// takes: while units come in order of time and each wanted one has given one frame
// with its time. The others' frames then stay in ffmpeg. Where it cannot (B-frames,
// fields, damage, a decoder that holds frames back) all frames come out, and the
// choice is made among them.
//
// The lowest bit of a unit's timestamp tells ffmpeg; a microsecond is less than any
// camera's clock is worth.
type choice struct {
	ahead bool
	calm  int       // frames in a row that came as they should
	last  int64     // greatest timestamp fed, microseconds
	taken time.Time // latest of the units fed
	left  int       // units left out since the last that was not
}

const (
	wanted = 1
	// leaveOut is a filter that drops the frames of units that are not wanted, and
	// keeps one that has no timestamp.
	leaveOut = "select='mod(pts,2)',"
	// calmAfter is more than the pictures that a codec may put out of order (16, H.264
	// and H.265 alike), so that a stream with B-frames has shown them by then.
	calmAfter = 32
	// mostAhead is how many frames may be awaited; more means that units give none.
	mostAhead = 16
)

// fed takes note of a unit that goes in while waiting frames are awaited. It
// returns the unit's timestamp, not wanted, and whether the rate is to be asked
// now, about the time c.taken: that of the latest picture.
func (c *choice) fed(micros int64, taken time.Time, waiting int) (int64, bool) {
	micros &^= wanted
	if micros <= c.last || waiting > mostAhead {
		c.ahead, c.calm = false, 0
	}
	c.last = max(c.last, micros)
	if taken.After(c.taken) {
		c.taken = taken
	}
	// Only with none on the way is the pace asked about each frame once, and in order.
	c.ahead = c.ahead || c.calm >= calmAfter && waiting == 0
	return micros, c.ahead
}

// came takes note of a frame: asExpected if it is that of the first unit awaited.
func (c *choice) came(asExpected bool) {
	if asExpected {
		c.calm++
	} else {
		c.ahead, c.calm = false, 0
	}
}
