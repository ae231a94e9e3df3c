package scenario

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"os/exec"
	"slices"
	"sync"
	"testing"
)

// judge knows the film that the camera shows and says whether a picture shows any of
// its people. It looks by itself, with nothing of the product: what moves in a frame
// is what differs from the film's temporal median.
type judge struct {
	width, height int
	frames        [][]byte // rgb24, every tenth of the film
	plate         []byte   // median of them by byte
	movers        [][]mover
}

// mover is a connected thing in a frame that the empty place does not have.
type mover struct {
	frame  int
	pixels []int // their numbers in rows
}

const (
	differs  = 40  // a pixel that differs by more in some channel is no plate
	same     = 15  // one that differs by no more in any is shown as it was
	smallest = 200 // pixels; people in this film have 600 and more
	leaked   = 0.1 // share of a mover's pixels that may be shown by chance
)

var newJudge = sync.OnceValues(func() (*judge, error) {
	j := &judge{width: 768, height: 576}
	out, err := exec.CommandContext(context.Background(), "ffmpeg", "-v", "error", "-i", square(), "-vf", "select=not(mod(n\\,10))", "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24", "-").Output()
	if err != nil {
		return nil, fmt.Errorf("decode the film: %w", err)
	}
	size := j.width * j.height * 3
	for ; len(out) >= size; out = out[size:] {
		j.frames = append(j.frames, out[:size])
	}
	j.plate = make([]byte, size)
	column := make([]byte, len(j.frames))
	for i := range j.plate {
		for k, f := range j.frames {
			column[k] = f[i]
		}
		slices.Sort(column)
		j.plate[i] = column[len(column)/2]
	}
	for k := range j.frames {
		j.movers = append(j.movers, j.find(k))
	}
	return j, nil
})

func theJudge(t *testing.T) *judge {
	t.Helper()
	j, err := newJudge()
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// far says by how much two pixels differ in their worst channel.
func far(a, b []byte, i int) int {
	worst := 0
	for c := range 3 {
		worst = max(worst, int(a[3*i+c])-int(b[3*i+c]), int(b[3*i+c])-int(a[3*i+c]))
	}
	return worst
}

// find lists the things that a frame has and the plate has not.
func (j *judge) find(k int) (all []mover) {
	there := make([]bool, j.width*j.height)
	for i := range there {
		there[i] = far(j.frames[k], j.plate, i) > differs
	}
	for i := range there {
		if !there[i] {
			continue
		}
		m := mover{frame: k}
		there[i] = false
		for front := []int{i}; len(front) > 0; front = front[1:] {
			p := front[0]
			m.pixels = append(m.pixels, p)
			x := p % j.width
			for _, q := range []int{p - j.width, p + j.width, p - 1, p + 1} {
				if q >= 0 && q < len(there) && there[q] && (q%j.width-x)*(q%j.width-x) <= 1 {
					there[q] = false
					front = append(front, q)
				}
			}
		}
		if len(m.pixels) >= smallest {
			all = append(all, m)
		}
	}
	return all
}

// shown is a picture of the place; pixels that are not shown are not known.
type shown struct {
	rgb   []byte
	known []bool
}

// look takes a picture of the film's size; known nil: all of it.
func (j *judge) look(picture image.Image, known func(x, y int) bool) (shown, error) {
	b := picture.Bounds()
	if b.Dx() != j.width || b.Dy() != j.height {
		return shown{}, fmt.Errorf("a picture of %d x %d", b.Dx(), b.Dy())
	}
	s := shown{rgb: make([]byte, 0, 3*j.width*j.height), known: make([]bool, j.width*j.height)}
	for y := range j.height {
		for x := range j.width {
			r, g, bl, _ := picture.At(b.Min.X+x, b.Min.Y+y).RGBA()
			s.rgb = append(s.rgb, byte(r>>8), byte(g>>8), byte(bl>>8))
			s.known[y*j.width+x] = known == nil || known(x, y)
		}
	}
	return s, nil
}

// people counts the things that moved in the film and are seen in the picture, and
// says where the worst is.
func (j *judge) people(s shown) (n int, worst string) {
	most := 0.0
	for _, list := range j.movers {
		for _, m := range list {
			seen := 0
			for _, p := range m.pixels {
				if s.known[p] && far(s.rgb, j.frames[m.frame], p) <= same && far(s.rgb, j.plate, p) > differs-same {
					seen++
				}
			}
			share := float64(seen) / float64(len(m.pixels))
			if share > leaked {
				n++
			}
			if share > most {
				most = share
				p := m.pixels[len(m.pixels)/2]
				worst = fmt.Sprintf("%.0f%% of what was at %d, %d in frame %d", 100*share, p%j.width, p/j.width, 10*m.frame)
			}
		}
	}
	return n, worst
}

// TestTheJudgeSeesPeople: whoever finds nobody must be able to find somebody.
func TestTheJudgeSeesPeople(t *testing.T) {
	t.Parallel()
	j := theJudge(t)
	found := 0
	for k, f := range j.frames {
		all := make([]bool, j.width*j.height)
		for i := range all {
			all[i] = true
		}
		n, _ := j.people(shown{f, all})
		if n < len(j.movers[k]) {
			t.Errorf("frame %d: %d things move, %d are found", 10*k, len(j.movers[k]), n)
		}
		found += len(j.movers[k])
	}
	if found < 3*len(j.frames) {
		t.Errorf("only %d things move in %d frames", found, len(j.frames))
	}
	empty := shown{bytes.Clone(j.plate), make([]bool, j.width*j.height)}
	for i := range empty.known {
		empty.known[i] = true
	}
	if n, worst := j.people(empty); n != 0 {
		t.Errorf("%d people in the empty place: %s", n, worst)
	}
}
