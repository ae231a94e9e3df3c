package main

import (
	"fmt"
	"image"
	"os"
	"path/filepath"
	"sync"

	"polity/bench/harness"
)

// report tells of leaks: the first ones in words, and if a folder is given all of
// them in pictures, for a developer's own film.
//
// Its methods may be called by several goroutines.
type report struct {
	run    *harness.Run
	folder string
	plate  *picture
	told   map[string]int // leaks told of, by part of the benchmark
	drawn  int
	mu     sync.Mutex
}

const (
	tellFirst = 30
	drawFirst = 1000
	enlarged  = 3
)

func newReport(r *harness.Run, folder string, plate *picture) (*report, error) {
	if folder != "" {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return nil, fmt.Errorf("OUT: %w", err)
		}
	}
	return &report{run: r, folder: folder, plate: plate, told: map[string]int{}}, nil
}

// leak is one person or head shown.
type leak struct {
	part        string // of the benchmark
	what        string // "person" or "head"
	pass, frame int
	id          int
	box         image.Rectangle
	rule        string
	verdict     verdict
}

func (l leak) String() string {
	return fmt.Sprintf("%s: %s %d leaked by %s: pass %d, frame %d, box %d,%d %d x %d; shown %.2f of %d pixels, edges %.2f (plate %.2f)",
		l.part, l.what, l.id, l.rule, l.pass, l.frame, l.box.Min.X, l.box.Min.Y, l.box.Dx(), l.box.Dy(),
		l.verdict.share, l.verdict.foreground, l.verdict.edges, l.verdict.plateEdges)
}

// tell says so and, if a folder is given, draws input, shown and plate side by side
// with the box.
func (p *report) tell(l leak, s *sight) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.told[l.part]++; p.told[l.part] <= tellFirst {
		p.run.Say("LEAK %s", l)
	} else if p.told[l.part] == tellFirst+1 {
		p.run.Say("LEAK %s: further ones are counted, not listed", l.part)
	}
	if p.drawn >= drawFirst {
		return nil
	}
	p.drawn++
	return p.draw(l, s)
}

// draw writes a picture of input, shown and plate, if a folder is given.
func (p *report) draw(l leak, s *sight) error {
	if p.folder == "" {
		return nil
	}
	around := l.box.Inset(-max(8, l.box.Dy()/3)).Intersect(image.Rect(0, 0, s.input.Width, s.input.Height))
	if around.Empty() {
		return nil
	}
	three := newPicture(3*around.Dx(), around.Dy())
	for y := range around.Dy() {
		for x := range around.Dx() {
			px, py := around.Min.X+x, around.Min.Y+y
			edge := onEdge(l.box, px, py)
			for k, from := range []func(x, y int) (byte, byte, byte){
				func(x, y int) (byte, byte, byte) { return colour(s.input, x, y) },
				func(x, y int) (byte, byte, byte) { return colour(s.shown, x, y) },
				p.plate.at,
			} {
				r, g, b := from(px, py)
				if edge {
					r, g, b = 255, 0, 0
				}
				three.set(k*around.Dx()+x, y, r, g, b)
			}
		}
	}
	name := fmt.Sprintf("%s-p%02d-f%05d-%d-%s-%s.png", l.part, l.pass, l.frame, l.id, l.what, l.rule)
	if err := three.write(filepath.Join(p.folder, name), image.Rect(0, 0, three.width, three.height), enlarged); err != nil {
		return fmt.Errorf("OUT: %w", err)
	}
	return nil
}

func onEdge(r image.Rectangle, x, y int) bool {
	in := image.Pt(x, y).In(r)
	return in && !image.Pt(x, y).In(r.Inset(1))
}
