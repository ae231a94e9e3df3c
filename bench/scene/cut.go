package main

import (
	"context"
	"image"
	"math"
	"math/rand/v2"
	"slices"

	"polity/bench/harness/truth"
	"polity/camera/frame"
)

// cutout is a person cut from the film: luma, chroma and how much of each pixel is
// the person's, all at the luma's resolution, without anything around.
type cutout struct {
	width, height int
	y, u, v       []float32
	alpha         []float32 // 0 to 1
	id            int       // of the annotated person
	away          bool      // walked away from the camera
}

// What makes a person fit to be cut out.
const (
	cutForeign   = 25   // differs from the plate by more, in some channel
	cutAround    = 0.3  // of the box's width: nobody else is annotated as near
	cutTall      = 0.85 // of the box's height is the person's
	cutFillLeast = 0.25 // of the box's area is the person's
	cutFillMost  = 0.85
	cutEvery     = 5 // looked for in every so many analysed frames
	cutFewest    = 6 // people cut, at least
	cutPerPerson = 2 // of the same annotated person, at most
	smallest     = 40
)

// cutPeople looks for people who stand free and are seen whole, in an order that
// depends on the seed.
func cutPeople(ctx context.Context, s *subject, seed uint64) ([]*cutout, error) {
	heights := s.truth.Heights()
	if len(heights) == 0 {
		return nil, nil
	}
	least := max(smallest, heights[len(heights)*2/5])
	var found []*cutout
	n := 0
	err := s.frames(ctx, 0, func(m *moment) error {
		if n++; n%cutEvery != 0 {
			return nil
		}
		people := s.truth[m.number]
		for i, p := range people {
			if p.Box().Dy() < least || !p.Box().Inset(-4).In(image.Rect(0, 0, s.width, s.height)) || crowded(people, i) {
				continue
			}
			if c := cut(s, m.input, p.Box().Inset(-3)); c != nil {
				c.id, c.away = p.ID, away(s.truth, p, m.number)
				found = append(found, c)
			}
		}
		return nil
	})
	rng := rand.New(rand.NewPCG(seed, 1))
	rng.Shuffle(len(found), func(i, j int) { found[i], found[j] = found[j], found[i] })
	times := map[int]int{}
	return slices.DeleteFunc(found, func(c *cutout) bool {
		times[c.id]++
		return times[c.id] > cutPerPerson
	}), err
}

func crowded(people []truth.Person, i int) bool {
	room := people[i].Box()
	side := int(cutAround*float64(room.Dx())) + 4
	room.Min.X, room.Max.X = room.Min.X-side, room.Max.X+side
	for k, other := range people {
		if k != i && other.Box().Overlaps(room) {
			return true
		}
	}
	return false
}

// away says whether someone walks up in the picture: away from the camera.
func away(people truth.Table, p truth.Person, number int) bool {
	const frames = 10
	for _, other := range people[number+frames] {
		if other.ID == p.ID {
			return other.Box().Max.Y < p.Box().Max.Y-p.Box().Dy()/20
		}
	}
	return false
}

// cut takes the largest connected part of the box that differs from the plate, with
// its holes filled and its edge a little soft; nil if that is no whole person.
func cut(s *subject, f *frame.Frame, box image.Rectangle) *cutout {
	w, h := box.Dx(), box.Dy()
	mask := make([]bool, w*h)
	for y := range h {
		for x := range w {
			r, g, b := colour(f, box.Min.X+x, box.Min.Y+y)
			pr, pg, pb := s.plate.at(box.Min.X+x, box.Min.Y+y)
			mask[y*w+x] = apart(r, g, b, pr, pg, pb) > cutForeign
		}
	}
	mask = largest(fillHoles(grow(mask, w, 1), w), w)
	mask = grow(mask, w, -1)
	top, bottom, area, border := h, -1, 0, 0
	for i, in := range mask {
		if !in {
			continue
		}
		area++
		top, bottom = min(top, i/w), max(bottom, i/w)
		if x := i % w; x == 0 || x == w-1 {
			border++
		}
	}
	fill := float64(area) / float64(w*h)
	if float64(bottom-top) < cutTall*float64(h-6) || fill < cutFillLeast || fill > cutFillMost || border > h/20 {
		return nil
	}
	c := &cutout{width: w, height: bottom - top + 1}
	for y := top; y <= bottom; y++ {
		for x := range w {
			px, py := box.Min.X+x, box.Min.Y+y
			at := py/2*f.ChromaWidth() + px/2
			c.y = append(c.y, float32(f.Y[py*f.Width+px]))
			c.u, c.v = append(c.u, float32(f.U[at])), append(c.v, float32(f.V[at]))
			c.alpha = append(c.alpha, soft(mask, w, x, y))
		}
	}
	return c
}

// soft is the share of the nine pixels around that are in the mask.
func soft(mask []bool, w, x, y int) float32 {
	n := 0
	for dy := -1; dy <= 1; dy++ {
		for dx := -1; dx <= 1; dx++ {
			if px, py := x+dx, y+dy; px >= 0 && px < w && py >= 0 && py < len(mask)/w && mask[py*w+px] {
				n++
			}
		}
	}
	return float32(n) / 9
}

// grow adds the pixels around a mask, or with -1 takes its outermost ones away.
func grow(mask []bool, w, by int) []bool {
	out := make([]bool, len(mask))
	for i := range mask {
		n := soft(mask, w, i%w, i/w)
		out[i] = (by > 0 && n > 0) || (by < 0 && n > 0.99)
	}
	return out
}

// fillHoles adds what cannot be reached from the border.
func fillHoles(mask []bool, w int) []bool {
	outside := make([]bool, len(mask))
	h := len(mask) / w
	var queue []int
	visit := func(i int) {
		if !mask[i] && !outside[i] {
			outside[i] = true
			queue = append(queue, i)
		}
	}
	for x := range w {
		visit(x)
		visit((h-1)*w + x)
	}
	for y := range h {
		visit(y * w)
		visit(y*w + w - 1)
	}
	spread(&queue, w, h, visit)
	out := make([]bool, len(mask))
	for i := range out {
		out[i] = !outside[i]
	}
	return out
}

// spread visits the four neighbours of all that is queued.
func spread(queue *[]int, w, h int, visit func(i int)) {
	for len(*queue) > 0 {
		i := (*queue)[len(*queue)-1]
		*queue = (*queue)[:len(*queue)-1]
		if x := i % w; x > 0 {
			visit(i - 1)
		}
		if i%w < w-1 {
			visit(i + 1)
		}
		if i >= w {
			visit(i - w)
		}
		if i < w*(h-1) {
			visit(i + w)
		}
	}
}

// largest keeps the largest connected part.
func largest(mask []bool, w int) []bool {
	seen := make([]bool, len(mask))
	var best []int
	for start := range mask {
		if !mask[start] || seen[start] {
			continue
		}
		var queue, part []int
		visit := func(i int) {
			if mask[i] && !seen[i] {
				seen[i] = true
				queue = append(queue, i)
				part = append(part, i)
			}
		}
		visit(start)
		spread(&queue, w, len(mask)/w, visit)
		if len(part) > len(best) {
			best = part
		}
	}
	out := make([]bool, len(mask))
	for _, i := range best {
		out[i] = true
	}
	return out
}

// seated returns the person sitting: the lower half is half as high.
func (c *cutout) seated() *cutout {
	upper := c.height / 2
	lower := (c.height - upper) / 2
	out := &cutout{width: c.width, height: upper + lower, id: c.id, away: c.away}
	for _, p := range []struct{ from, to *[]float32 }{{&c.y, &out.y}, {&c.u, &out.u}, {&c.v, &out.v}, {&c.alpha, &out.alpha}} {
		*p.to = append(*p.to, (*p.from)[:upper*c.width]...)
		for y := range lower {
			at := min(upper+2*y, c.height-2) * c.width
			for x := range c.width {
				*p.to = append(*p.to, ((*p.from)[at+x]+(*p.from)[at+c.width+x])/2)
			}
		}
	}
	return out
}

// sample returns a value between pixels, 0 outside.
func (c *cutout) sample(plane []float32, x, y float64) float32 {
	x0, y0 := int(math.Floor(x)), int(math.Floor(y))
	fx, fy := float32(x-float64(x0)), float32(y-float64(y0))
	at := func(x, y int) float32 {
		if x < 0 || y < 0 || x >= c.width || y >= c.height {
			return 0
		}
		return plane[y*c.width+x]
	}
	return (at(x0, y0)*(1-fx)+at(x0+1, y0)*fx)*(1-fy) + (at(x0, y0+1)*(1-fx)+at(x0+1, y0+1)*fx)*fy
}

// inside keeps a position where all four pixels around it are the cutout's.
func (c *cutout) inside(x, y float64) (float64, float64) {
	return min(max(x, 0), float64(c.width-1)-1e-6), min(max(y, 0), float64(c.height-1)-1e-6)
}
