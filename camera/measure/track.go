package measure

import (
	"math"
	"slices"
	"time"

	"polity/camera/detect"
	"polity/camera/wire"
)

// Tracking is how boxes become things that last from frame to frame.
type Tracking struct {
	// Begin is the score from which a box may be a new thing, Keep the score from
	// which it is enough for a thing already known.
	Begin float32 `yaml:"begin"`
	Keep  float32 `yaml:"keep"`
	// Vehicle is by how much these two are lower for a vehicle: seen from a mast a car
	// is no sure thing, but few other things look like one and move.
	Vehicle float32 `yaml:"vehicle"`
	// Still is the score from which a box counts as a thing that never moved: a post
	// looks like a person in every frame, but seldom a sure one.
	Still float32 `yaml:"still"`
	// Proof is how much score above Begin (above Still, if it never moved) has to
	// come together until a thing counts.
	Proof float64 `yaml:"proof"`
	// Moved is how far it has to come, in its own heights, to count as moving.
	Moved float64 `yaml:"moved"`
	// Lost is how long a thing counts that is not found any more, Hidden how long if
	// another stands before it.
	Lost   time.Duration `yaml:"lost"`
	Hidden time.Duration `yaml:"hidden"`
}

// DefaultTracking is what Polity ships.
var DefaultTracking = Tracking{
	Begin: 0.4, Keep: 0.25, Vehicle: 0.15, Still: 0.55, Proof: 0.3, Moved: 0.35,
	Lost: 1200 * time.Millisecond, Hidden: 5 * time.Second,
}

// ease is by how much the scores asked of a class are lower.
func (k *Tracking) ease(c detect.Class) float32 {
	if c == detect.Vehicle {
		return k.Vehicle
	}
	return 0
}

// track is one thing while it is in view. It lives in memory only and has no
// number that could be told: what leaves this package are counts and positions.
type track struct {
	x, y    axis    // middle and lower edge of the box, pixels
	w, h    float64 // its size
	votes   [4]float64
	first   detect.Box // where it began
	found   int        // how often it was found
	proof   float64    // of a thing that moves
	still   float64    // of a thing that stands
	trust   float64    // mean score of late
	far     float64    // the farthest it came from where it began, heights
	counted bool
	born    time.Time
	seen    time.Time // when it was found last
	missed  int       // looks since then that did not find it
	riding  int       // how often of late it moved along with a vehicle around it
	places  places
}

// Bounds of what is tracked at once: the surest are kept.
const (
	mostTracks = 200
	mostBoxes  = 200
)

// Variances, in box heights so that they hold at any distance. A walker is about
// 1.7 m high: 0.6 heights/s^2 is 1 m/s^2.
const (
	placeError   = 0.08 // standard deviation of a box's edge
	acceleration = 0.8
	firstSpeed   = 1.0
	// A vehicle may be this many of its lengths a second fast: 4.5 m each, 65 km/h.
	firstDrive = 4.0
)

func newTrack(b detect.Box, at time.Time) *track {
	w, h := float64(b.X1-b.X0), float64(b.Y1-b.Y0)
	scale := math.Max(h, w/2)
	e2, s2, a2 := sq(placeError*scale), sq(firstSpeed*scale), sq(acceleration*scale)
	if b.Class == detect.Vehicle {
		s2 = sq(firstDrive * w / 2)
	}
	x, y := b.Foot()
	return &track{first: b, x: newAxis(float64(x), e2, s2, a2), y: newAxis(float64(y), e2, s2/4, a2/4), w: w, h: h, born: at, seen: at}
}

func sq(v float64) float64 { return v * v }

// box is where the thing is now.
func (t *track) box() detect.Box {
	return detect.Box{
		Class: t.detected(), X0: float32(t.x.at - t.w/2), Y0: float32(t.y.at - t.h),
		X1: float32(t.x.at + t.w/2), Y1: float32(t.y.at),
	}
}

func (t *track) detected() detect.Class {
	best := detect.Person
	for c, v := range t.votes {
		if v > t.votes[best] {
			best = detect.Class(c)
		}
	}
	return best
}

func (t *track) class() wire.Class {
	c, _ := t.detected().Wire()
	return c
}

// take corrects the track by a box that was found.
func (r *tracker) take(t *track, b detect.Box) {
	at, k := r.now, &r.k
	w, h := float64(b.X1-b.X0), float64(b.Y1-b.Y0)
	e2 := sq(placeError * math.Max(t.h, t.w/2))
	x, foot := b.Foot()
	bottom := float64(foot)
	if h < 0.8*t.h && math.Abs(float64(b.Y0)-(t.y.at-t.h)) < 0.2*t.h {
		bottom = float64(b.Y0) + t.h // its feet are hidden
		e2 *= 4
	} else {
		t.h += 0.3 * (h - t.h)
		t.w += 0.3 * (w - t.w)
	}
	t.x.correct(float64(x), e2)
	t.y.correct(bottom, e2)
	t.votes[b.Class] += float64(b.Score)
	t.seen, t.missed = at, 0
	t.found++
	t.trust += 0.2 * (float64(b.Score+k.ease(b.Class)) - t.trust)
	t.far = math.Max(t.far, t.come(b, r.size[0], r.size[1]))
	if t.counted {
		return
	}
	t.proof += math.Max(0, float64(b.Score-k.Begin+k.ease(b.Class)))
	t.still += math.Max(0, float64(b.Score-k.Still))
	t.counted = t.still >= k.Proof || t.proof >= k.Proof && t.far >= k.Moved
	if t.rooted() {
		t.x.speed, t.y.speed = 0, 0
	}
}

// come is how far the thing is from where it began, in its heights. It counts only
// as far as opposite edges of its box went the same way, so that a box that grows,
// or jumps between a post and its upper half, goes nowhere. An edge that the frame
// cuts off says nothing: then the other counts alone.
func (t *track) come(b detect.Box, width, height float64) float64 {
	went := func(low, high, low0, high0 float32, end float64) float64 {
		const near = 2
		a, z := float64(low-low0), float64(high-high0)
		cutLow, cutHigh := min(low, low0) < near, float64(max(high, high0)) > end-near
		switch {
		case cutLow && cutHigh:
			return 0
		case cutLow:
			return math.Abs(z)
		case cutHigh:
			return math.Abs(a)
		case (a > 0) != (z > 0):
			return 0
		}
		return math.Min(math.Abs(a), math.Abs(z))
	}
	return math.Hypot(went(b.X0, b.X1, t.first.X0, t.first.X1, width), went(b.Y0, b.Y1, t.first.Y0, t.first.Y1, height)) / t.h
}

// doubtful says whether a thing that counts has not been found surely enough of late
// to go on counting. One that came far may be hidden for a while; one that never
// left its place may be a shadow on a post.
func (t *track) doubtful() bool {
	if t.far < 1 {
		return t.counted && t.trust < 0.35
	}
	return t.counted && t.trust < 0.2
}

// counts says whether the thing counts: it is proven, and no rider, who counts as
// what is ridden.
func (t *track) counts() bool { return t.counted && t.riding < ridingProof }

// sure says whether the thing was found surely enough to say where it is.
func (t *track) sure() bool { return t.trust >= 0.25 }

// rooted says whether this is something that stands since it was first seen and is
// no sure thing: a post, a statue, a parked bicycle. It is remembered, so that it is
// not taken for those who pass it.
func (t *track) rooted() bool { return !t.counted && t.found >= 4 && t.far < rootedReach }

// rootedReach is how far, in heights, a thing's box may tremble while it stands,
// rootedTrust the mean score of late below which it is forgotten.
const (
	rootedReach = 0.2
	rootedTrust = 0.04
)

// tracker follows all things of one view.
type tracker struct {
	k      Tracking
	tracks []*track
	now    time.Time
	size   [2]float64
}

// step moves the tracks on to the sight's time, takes in what was found, and returns
// the tracks that ended.
func (r *tracker) step(s *detect.Sight) (ended []*track) {
	dt := s.At.Sub(r.now).Seconds()
	r.now, r.size = s.At, [2]float64{float64(s.Size.X), float64(s.Size.Y)}
	for _, t := range r.tracks {
		t.x.predict(dt)
		t.y.predict(dt)
	}
	free := make([]int, 0, len(s.Boxes))
	for i, b := range s.Boxes {
		if _, told := b.Class.Wire(); told && b.Score >= r.k.Keep-r.k.ease(b.Class) && len(free) < mostBoxes {
			free = append(free, i)
		}
	}
	begins := func(i int) bool { return s.Boxes[i].Score >= r.k.Begin-r.k.ease(s.Boxes[i].Class) }
	sure := slices.DeleteFunc(slices.Clone(free), func(i int) bool { return !begins(i) })
	weak := slices.DeleteFunc(free, begins)
	waiting := slices.Clone(r.tracks)
	waiting, sure = r.match(s, waiting, sure, 1)
	waiting, _ = r.match(s, waiting, weak, 0.7)
	for _, t := range waiting {
		if s.Covers(t.box()) {
			t.missed++
			if !r.hidden(t) {
				t.trust *= 0.8
			}
		}
	}
	for _, i := range sure {
		r.begin(s, i)
	}
	r.tracks = slices.DeleteFunc(r.tracks, func(t *track) bool {
		over := r.over(t)
		if over {
			ended = append(ended, t)
		}
		return over
	})
	return ended
}

// match pairs tracks with boxes and returns what is left of both. reach scales how
// far a box may be from where its track is expected.
func (r *tracker) match(s *detect.Sight, tracks []*track, boxes []int, reach float64) ([]*track, []int) {
	if len(tracks) == 0 || len(boxes) == 0 {
		return tracks, boxes
	}
	cost := make([][]float64, len(tracks))
	for i, t := range tracks {
		cost[i] = make([]float64, len(boxes))
		for j, b := range boxes {
			cost[i][j] = t.distance(s.Boxes[b], s.At, reach)
		}
	}
	var left []*track
	used := make([]bool, len(boxes))
	for i, j := range assign(cost) {
		if j < 0 {
			left = append(left, tracks[i])
			continue
		}
		used[j] = true
		b := boxes[j]
		r.take(tracks[i], s.Boxes[b])
	}
	var rest []int
	for j, b := range boxes {
		if !used[j] {
			rest = append(rest, b)
		}
	}
	return left, rest
}

// distance is how badly a box fits the track: 0 the very same, from apart on never.
// It is the distance between the centres and the lack of overlap; how far off a box
// may be grows with the time since the thing was seen.
func (t *track) distance(b detect.Box, at time.Time, reach float64) float64 {
	own := t.box()
	scale := math.Max(t.h, t.w)
	unseen := math.Min(2, at.Sub(t.seen).Seconds())
	gate := reach * scale * (0.4 + 0.45*unseen)
	if t.found == 1 && t.detected() == detect.Vehicle { // its speed is not known yet
		gate = reach * scale * (0.4 + firstDrive*unseen)
	}
	if t.rooted() && detect.Overlap(own, b) < 0.5 {
		return apart
	}
	dx := float64(b.X0+b.X1-own.X0-own.X1) / 2
	dy := float64(b.Y0+b.Y1-own.Y0-own.Y1) / 2
	off := math.Hypot(dx, dy) / gate
	if off >= 1 {
		return apart
	}
	ratio := math.Abs(math.Log(float64(b.Y1-b.Y0+1) / (t.h + 1)))
	if ratio > 1.1 {
		return apart
	}
	cost := 0.5*off + 0.35*(1-float64(detect.Overlap(own, b))) + 0.1*ratio
	if b.Class != t.detected() {
		cost += 0.15
	}
	return cost
}

// begin starts a track for a box that belongs to none, unless the box is a part or
// a double of a thing already known.
func (r *tracker) begin(s *detect.Sight, i int) {
	b := s.Boxes[i]
	for _, t := range r.tracks {
		if t.detected() == b.Class && covered(b, t.box()) > 0.7 && t.seen.Equal(s.At) {
			return
		}
	}
	if len(r.tracks) >= mostTracks {
		return
	}
	t := newTrack(b, s.At)
	t.trust = float64(b.Score + r.k.ease(b.Class))
	r.take(t, b)
	r.tracks = append(r.tracks, t)
}

// covered is the share of a that b covers.
func covered(a, b detect.Box) float64 {
	w, h := min(a.X1, b.X1)-max(a.X0, b.X0), min(a.Y1, b.Y1)-max(a.Y0, b.Y0)
	if w <= 0 || h <= 0 || a.Area() == 0 {
		return 0
	}
	return float64(w * h / a.Area())
}

// fewestMisses is how many looks must have missed a thing before it is lost, however
// few looks there are.
const fewestMisses = 3

// over says whether a track has ended: the thing left the view, or was not found
// for too long.
func (r *tracker) over(t *track) bool {
	unseen := r.now.Sub(t.seen)
	if unseen == 0 {
		return t.doubtful()
	}
	out := math.Max(math.Max(-(t.x.at-t.w/2), t.x.at+t.w/2-r.size[0])/t.w, math.Max(-(t.y.at-t.h), t.y.at-r.size[1])/t.h)
	switch {
	case out > 0.4:
		return true
	case t.missed == 0:
		return unseen > time.Minute
	case t.rooted():
		return unseen > 20*time.Second || t.trust < rootedTrust
	case !t.counted:
		return t.missed >= 2 || unseen > time.Second
	case t.doubtful():
		return true
	case out > 0:
		return unseen > r.k.Lost/3
	case r.hidden(t):
		return unseen > r.k.Hidden
	}
	return unseen > r.k.Lost && t.missed >= fewestMisses
}

// hidden says whether another thing stands before this one.
func (r *tracker) hidden(t *track) bool {
	own := t.box()
	for _, o := range r.tracks {
		if o != t && o.counted && o.y.at > t.y.at-0.1*t.h && o.missed == 0 && covered(own, o.box()) > 0.25 {
			return true
		}
	}
	return false
}
