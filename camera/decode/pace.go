package decode

import (
	"math"
	"time"
)

// pace chooses the frames of a rate out of those that come: of the frames that
// fall into one interval of 1/rate the first. It depends on timestamps alone, so
// the same stream gives the same choice.
type pace struct {
	rate float64 // frames a second; 0 takes every frame
	set  bool
	from time.Duration // timestamp that intervals are counted from
	seen time.Duration // timestamp of the last frame that came
	last int64         // interval of the last frame taken
}

const (
	// early is the share of the time between the frames that come by which one may
	// come too soon, so that a camera's jitter at just the wanted rate loses none.
	early = 0.25
	// gap is the time without frames after which a new stretch of film begins.
	gap = 10 * time.Second
)

func (p *pace) take(pts time.Duration) bool {
	if p.rate <= 0 {
		return true
	}
	step := pts - p.seen
	p.seen = pts
	if !p.set || step < 0 || step > gap {
		p.set, p.from, p.last = true, pts, 0
		return true
	}
	step = min(step, time.Duration(float64(time.Second)/p.rate))
	n := int64(math.Floor(((pts - p.from).Seconds() + early*step.Seconds()) * p.rate))
	if n <= p.last {
		return false
	}
	p.last = n
	return true
}
