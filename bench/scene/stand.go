package main

import (
	"image"
	"math"
	"math/rand/v2"

	"polity/camera/frame"
)

// stander is a cut-out person who comes, stands and goes.
type stander struct {
	cut            *cutout
	name           int     // from 1
	x, y           float64 // of the feet, pixels
	scale          float64 // of the cut-out
	seated         bool
	arrives, goes  float64 // seconds: stands from the first to the second
	from           float64 // -1 or 1: the side that he comes from
	sway           [swayWaves]wave
	sigh           wave
	swayTop        float64 // root of the mean square at the head, pixels
	mask, apparent []bool  // of the frame's pixels in box: his; his and visibly so
	box            image.Rectangle
}

// A wave is a sine of time.
type wave struct{ share, hertz, phase float64 }

func (w wave) at(t float64) float64 { return w.share * math.Sin(2*math.Pi*w.hertz*t+w.phase) }

// How people stand and walk. The centre of pressure of someone who stands quietly
// wanders by 3 to 6 mm (root of the mean square), almost all of it below 1 Hz
// (Prieto et al., IEEE Trans. Biomed. Eng. 43(9), 1996, 956-966; Winter, Gait &
// Posture 3, 1995, 193-214); the body leans as an inverted pendulum about the
// ankles, so that the head moves most. Over minutes people shift their weight by a
// centimetre or more (Duarte and Zatsiorsky, Motor Control 3, 1999, 12-27).
const (
	bodyMetres    = 1.7   // height of a person
	swayLeast     = 0.003 // metres at the head, root of the mean square: from this
	swayMost      = 0.015 // to this
	swayWaves     = 10
	swaySlowest   = 0.03 // hertz
	swayFastest   = 0.9
	breathHertz   = 0.25
	breathShare   = 0.0015 // of the height that a breath adds
	walkMetres    = 3.0    // way that is walked in view
	walkSeconds   = 2.5
	walkStepHertz = 1.8
	walkStepShare = 0.01 // of the height that a step lifts
)

// newStander gives a person a sway of his own.
func newStander(rng *rand.Rand, c *cutout) *stander {
	s := &stander{cut: c, from: 1}
	if rng.IntN(2) == 0 {
		s.from = -1
	}
	sum := 0.0
	for i := range s.sway {
		hertz := swaySlowest * math.Pow(swayFastest/swaySlowest, (float64(i)+rng.Float64())/swayWaves)
		s.sway[i] = wave{share: 1 / math.Sqrt(hertz), hertz: hertz, phase: 2 * math.Pi * rng.Float64()}
		sum += s.sway[i].share * s.sway[i].share / 2
	}
	for i := range s.sway {
		s.sway[i].share /= math.Sqrt(sum)
	}
	s.sigh = wave{share: breathShare, hertz: breathHertz * (0.8 + 0.4*rng.Float64()), phase: 2 * math.Pi * rng.Float64()}
	s.swayTop = swayLeast * math.Pow(swayMost/swayLeast, rng.Float64())
	return s
}

// height is the person's in pixels as standing upright would be: what a metre is.
func (s *stander) metre() float64 {
	h := float64(s.cut.height) * s.scale
	if s.seated {
		h /= 0.75
	}
	return h / bodyMetres
}

// place returns where the feet are, how far the head leans beyond them in pixels,
// and by how much he is stretched; false if he is not in view.
func (s *stander) place(t float64) (x, y, lean, stretch float64, in bool) {
	x, y, stretch = s.x, s.y, 1+s.sigh.at(t)
	away := 0.0
	switch {
	case t < s.arrives-walkSeconds || t > s.goes+walkSeconds:
		return 0, 0, 0, 0, false
	case t < s.arrives:
		away = (s.arrives - t) / walkSeconds
	case t > s.goes:
		away = (t - s.goes) / walkSeconds
	}
	if away > 0 {
		x += s.from * away * walkMetres * s.metre()
		y -= math.Abs(math.Sin(math.Pi*walkStepHertz*t)) * walkStepShare * float64(s.cut.height) * s.scale
	}
	for _, w := range s.sway {
		lean += w.at(t) * s.swayTop * s.metre()
	}
	return x, y, lean, stretch, true
}

// stands says whether he is there and does not walk.
func (s *stander) stands(t float64) bool { return t >= s.arrives && t <= s.goes }

// standing returns his box while he stands.
func (s *stander) standing() image.Rectangle {
	return s.bounds(s.x, s.y)
}

func (s *stander) bounds(x, y float64) image.Rectangle {
	w, h := float64(s.cut.width)*s.scale, float64(s.cut.height)*s.scale
	return image.Rect(int(math.Floor(x-w/2)), int(math.Floor(y-h)), int(math.Ceil(x+w/2)), int(math.Ceil(y)))
}

// scenery is what a person stands in: the film's frame before he was put there,
// the plate, and whoever is nearer to the camera.
type scenery struct {
	before  *frame.Frame
	plate   *picture
	nearer  []image.Rectangle // boxes of the film's people
	noise   float64           // of the film, root of the mean square of luma
	randoms *rand.Rand
}

// draw puts the person into the frame at the time t and notes which pixels are his.
func (s *stander) draw(f *frame.Frame, around *scenery, t float64) {
	x, y, lean, stretch, in := s.place(t)
	s.box = image.Rectangle{}
	if !in {
		return
	}
	whole := s.bounds(x, y).Inset(-2)
	s.box = whole.Intersect(image.Rect(0, 0, f.Width, f.Height))
	if s.box.Empty() {
		return
	}
	s.mask = resized(s.mask, s.box)
	s.apparent = resized(s.apparent, s.box)
	source := func(px, py float64) (float64, float64) {
		up := (y - py) / (s.scale * stretch)
		share := up / float64(s.cut.height)
		return (px-x-lean*share)/s.scale + float64(s.cut.width)/2 - 0.5, float64(s.cut.height) - 0.5 - up
	}
	for py := s.box.Min.Y; py < s.box.Max.Y; py++ {
		for px := s.box.Min.X; px < s.box.Max.X; px++ {
			if around.hides(px, py) {
				continue
			}
			sx, sy := source(float64(px)+0.5, float64(py)+0.5)
			a := s.cut.sample(s.cut.alpha, sx, sy)
			if a <= 0.02 {
				continue
			}
			s.mask[s.at(px, py)] = a > 0.5
			sx, sy = s.cut.inside(sx, sy)
			luma := s.cut.sample(s.cut.y, sx, sy) + float32(around.noise*around.randoms.NormFloat64())
			blend(&f.Y[py*f.Width+px], luma, a)
			if px&1 == 0 && py&1 == 0 {
				at := py/2*f.ChromaWidth() + px/2
				blend(&f.U[at], s.cut.sample(s.cut.u, sx, sy), a)
				blend(&f.V[at], s.cut.sample(s.cut.v, sx, sy), a)
			}
		}
	}
	for py := s.box.Min.Y; py < s.box.Max.Y; py++ {
		for px := s.box.Min.X; px < s.box.Max.X; px++ {
			i := s.at(px, py)
			r, g, b := colour(f, px, py)
			br, bg, bb := colour(around.before, px, py)
			s.apparent[i] = s.mask[i] && apart(r, g, b, br, bg, bb) > foreign
		}
	}
}

func (s *stander) at(x, y int) int { return (y-s.box.Min.Y)*s.box.Dx() + x - s.box.Min.X }

// own says whether a pixel is visibly his.
func (s *stander) own(x, y int) bool { return image.Pt(x, y).In(s.box) && s.apparent[s.at(x, y)] }

func blend(to *byte, v, a float32) {
	*to = byte(min(max(float32(*to)*(1-a)+v*a+0.5, 0), 255))
}

func resized(mask []bool, box image.Rectangle) []bool {
	n := box.Dx() * box.Dy()
	if cap(mask) < n {
		return make([]bool, n)
	}
	mask = mask[:n]
	clear(mask)
	return mask
}

// hides says whether someone nearer to the camera is in front of a pixel.
func (s *scenery) hides(x, y int) bool {
	for _, box := range s.nearer {
		if image.Pt(x, y).In(box) {
			r, g, b := colour(s.before, x, y)
			pr, pg, pb := s.plate.at(x, y)
			return apart(r, g, b, pr, pg, pb) > cutForeign
		}
	}
	return false
}
