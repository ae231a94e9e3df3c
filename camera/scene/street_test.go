package scene_test

import (
	"context"
	"image"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"polity/camera/detect"
	"polity/camera/frame"
	"polity/camera/scene"
	"polity/city"
)

// street is a made-up place with people in it: ground with texture, and upright
// figures that sway about their feet.
type street struct {
	t      *testing.T
	model  *scene.Model
	rng    *rand.Rand
	ground []float64 // luma
	width  int
	height int
	now    time.Duration
	gain   float64
	shift  [2]int // of the camera, pixels
	people []figure
	boxes  []detect.Box // what the detector says
	failed error
	cover  bool
	stream int
	eyes   detector
}

// figure is a person: x is the middle of the feet, in pixels.
type figure struct {
	x, y, high float64
	luma       float64
	sway       float64 // root of the mean square at the head, pixels
	from, to   time.Duration
}

// detector answers every close look with boxes.
type detector struct {
	boxes []detect.Box
	looks int
}

func (d *detector) Detect(context.Context, *frame.Frame, image.Rectangle, float32) ([]detect.Box, error) {
	d.looks++
	return d.boxes, nil
}

const (
	streetWidth  = 320
	streetHeight = 240
	step         = 200 * time.Millisecond
)

func newStreet(t *testing.T) *street {
	t.Helper()
	s := &street{t: t, rng: rand.New(rand.NewPCG(1, 2)), width: streetWidth, height: streetHeight, gain: 1, stream: 1}
	model, err := scene.New(scene.DefaultConfig, &s.eyes)
	if err != nil {
		t.Fatal(err)
	}
	s.model = model
	s.ground = texture(s.rng, s.width+64, s.height+64)
	return s
}

// texture is paving: slabs of slightly different grey with joints, and grain.
func texture(rng *rand.Rand, w, h int) []float64 {
	out := make([]float64, w*h)
	slabs := map[int]float64{}
	for y := range h {
		for x := range w {
			k := y/16*1000 + x/20
			if _, ok := slabs[k]; !ok {
				slabs[k] = 110 + 30*rng.Float64()
			}
			v := slabs[k]
			if y%16 < 2 || x%20 < 2 {
				v -= 35
			}
			out[y*w+x] = v + 6*rng.NormFloat64()
		}
	}
	return out
}

// run plays the street for a while.
func (s *street) run(d time.Duration) {
	s.t.Helper()
	for end := s.now + d; s.now < end; s.now += step {
		f := s.frame()
		sight := detect.Sight{At: f.Taken, Stream: f.Stream, Size: image.Pt(f.Width, f.Height), Looked: []image.Rectangle{image.Rect(0, 0, f.Width, f.Height)}, Boxes: s.boxes}
		if s.failed != nil {
			sight = detect.Sight{At: f.Taken, Stream: f.Stream, Size: sight.Size}
		}
		s.model.See(context.Background(), f, sight, s.failed)
	}
}

func (s *street) frame() *frame.Frame {
	f := frame.New(s.width, s.height)
	f.Taken, f.Stream = time.Unix(1000, 0).Add(s.now), s.stream
	stride := s.width + 64
	for y := range s.height {
		for x := range s.width {
			v := s.ground[(y+32+s.shift[1])*stride+x+32+s.shift[0]]
			if s.cover {
				v = 30
			}
			f.Y[y*s.width+x] = clamp(16 + (v-16)*s.gain + 0.8*s.rng.NormFloat64())
		}
	}
	for i := range f.U {
		f.U[i], f.V[i] = 128, 128
	}
	if !s.cover {
		for i := range s.people {
			s.draw(f, &s.people[i], i)
		}
	}
	return f
}

// draw puts a person into the frame, with soft edges, leaning about the feet.
func (s *street) draw(f *frame.Frame, p *figure, seed int) {
	if s.now < p.from || s.now >= p.to {
		return
	}
	t := s.now.Seconds()
	lean := 0.0
	for k := 1; k <= 5; k++ {
		lean += math.Sin(2*math.Pi*0.11*float64(k)*t*(1+0.07*float64(seed)) + float64(k*k))
	}
	lean *= p.sway * math.Sqrt(2.0/5)
	half := p.high / 6
	for y := int(p.y - p.high); y < int(p.y); y++ {
		up := (p.y - float64(y)) / p.high
		middle := p.x + lean*up
		for x := int(middle - half - 3); x <= int(middle+half+3); x++ {
			if x < 0 || y < 0 || x >= s.width || y >= s.height {
				continue
			}
			cover := math.Min(1, math.Max(0, half+0.5-math.Abs(float64(x)-middle)))
			cloth := p.luma + 12*math.Sin(float64(y)/5) + 8*math.Sin((float64(x)-middle)/3)
			at := y*s.width + x
			f.Y[at] = clamp(float64(f.Y[at])*(1-cover) + (16+(cloth-16)*s.gain)*cover)
		}
	}
}

func clamp(v float64) byte { return byte(math.Max(16, math.Min(235, math.Round(v)))) }

// shown returns the share of a person's body over which the picture shows something
// that is closer to the person than to the ground.
func (s *street) shown(p figure) float64 {
	n, like := 0, 0
	shown := s.model.Shown()
	for y := int(p.y - p.high + 2); y < int(p.y); y++ {
		for x := int(p.x - p.high/6 + 2); x < int(p.x+p.high/6-2); x++ {
			n++
			v := float64(shown.Y[y*s.width+x])
			ground := s.ground[(y+32)*(s.width+64)+x+32]
			if s.model.Known(x, y) && math.Abs(v-p.luma) < math.Abs(v-ground) && math.Abs(v-ground) > 25 {
				like++
			}
		}
	}
	return float64(like) / float64(n)
}

// known is the share of a rectangle of the picture that is shown.
func (s *street) known(x0, y0, x1, y1 int) float64 {
	n, known := 0, 0
	for y := y0; y < y1; y++ {
		for x := x0; x < x1; x++ {
			n++
			if s.model.Known(x, y) {
				known++
			}
		}
	}
	return float64(known) / float64(n)
}

var errGone = city.Errorf(city.Unavailable, "no detector")
