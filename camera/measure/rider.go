package measure

import (
	"math"

	"polity/camera/detect"
)

// ridingProof is how often a person must be seen on the same moving bicycle or in
// the same vehicle to be its rider, ridingMost how long that is remembered.
const (
	ridingProof = 3
	ridingMost  = 6
)

// findRiders finds the persons that ride. A cyclist is found twice, as a person and
// as a bicycle, and counts once, as traffic counts have it: as a bicycle.
func (r *tracker) findRiders() {
	for _, t := range r.tracks {
		if t.detected() != detect.Person || !t.seen.Equal(r.now) {
			continue
		}
		if r.mount(t) != nil {
			t.riding = min(ridingMost, t.riding+1)
		} else {
			t.riding = max(0, t.riding-1)
		}
	}
}

// mount returns what a person rides, or nil.
func (r *tracker) mount(t *track) *track {
	for _, o := range r.tracks {
		class := o.detected()
		if !o.counted || class != detect.Bicycle && class != detect.Vehicle {
			continue
		}
		moves := math.Hypot(o.x.speed, o.y.speed) > 0.3*t.h
		along := math.Hypot(o.x.speed-t.x.speed, o.y.speed-t.y.speed) < 0.5*math.Hypot(o.x.speed, o.y.speed)
		over := math.Abs(o.x.at-t.x.at) < o.w/2 && t.y.at > o.y.at-o.h && t.y.at < o.y.at+0.15*t.h
		if moves && along && over {
			return o
		}
	}
	return nil
}
