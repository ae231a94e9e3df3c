package main

import (
	"context"
	"fmt"
	"image"
	"math"
	"path/filepath"
	"sync"

	"polity/bench/harness/truth"
)

// What the second detector is given.
const (
	personPixels = 130.0 // height that people are enlarged to: its own window is 128 high
	plainScale   = 1.5   // enlargement where the height of people is not known
	changedShare = 0.12  // of a tile's pixels: it is looked at again
	changedBy    = 15    // of luma
	mostWindows  = 0.6   // of the picture: beyond, it is looked at as a whole
	trifle       = 0.2   // of a person's box: less change than this in all is not looked at
	everySeconds = 4.0   // least time between two looks
)

// examiner decides when the second detector looks at what is shown, and where, and
// finds out whom that shows.
type examiner struct {
	bench  *bench
	second *second
	tall   int // median height of people, pixels
	every  int // frames between looks

	lastSeen []byte
	due      int // frame count
	asked    int
	moments  []examined // of the run, in order

	mu    sync.Mutex
	finds []answer
	wins  [][]image.Rectangle
	holes int
	err   error
}

// examined is one analysed frame and the last question asked by then.
type examined struct {
	pass, number, question int
}

func (b *bench) newExaminer(ctx context.Context) (*examiner, error) {
	e := &examiner{bench: b, every: max(1, int(everySeconds*b.subject.fps)), tall: b.subject.tall()}
	var err error
	e.second, err = startSecond(ctx, b.subject, b.subject.enlargement(), e.answered)
	return e, err
}

// tall is the median height of people, in pixels.
func (s *subject) tall() int {
	if h := s.truth.Heights(); len(h) > 0 {
		return max(16, h[len(h)/2])
	}
	return int(math.Round(personPixels / plainScale))
}

// enlargement is what makes people as high as the second detector wants them.
func (s *subject) enlargement() float64 {
	return min(max(personPixels/float64(s.tall()), 0.5), 3)
}

func (e *examiner) answered(q question, a answer) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.finds, e.wins, e.holes = append(e.finds, a), append(e.wins, q.windows), e.holes+a.Holes
	for _, f := range a.Found {
		e.bench.run.Say("second detector: picture %d: a %s at %v, score %.2f, that the plate does not show", q.number, f.kind, f.box, f.score)
		if e.bench.report.folder == "" {
			continue
		}
		name := fmt.Sprintf("second-%05d-%s-%d-%d.png", q.number, f.kind, f.box.Min.X, f.box.Min.Y)
		if err := q.shown.write(filepath.Join(e.bench.report.folder, name), f.box.Inset(-e.tall/2), enlarged); err != nil {
			e.err = err
		}
	}
}

// see takes in one moment of the run.
func (e *examiner) see(ctx context.Context, m *moment) error {
	defer func() { e.moments = append(e.moments, examined{m.pass, m.number, e.asked - 1}) }()
	if m.count < e.due {
		return nil
	}
	windows := e.windows(m)
	if len(windows) == 0 {
		return nil
	}
	e.due = m.count + e.every
	q := newQuestion(e.asked, &m.sight, windows)
	e.asked++
	return e.second.put(ctx, q)
}

func newQuestion(number int, s *sight, windows []image.Rectangle) question {
	q := question{number: number, windows: windows, shown: newPicture(s.shown.Width, s.shown.Height), visible: make([]byte, len(s.shown.Y))}
	q.shown.convert(s.shown)
	for i := range q.visible {
		if s.visible(i%s.shown.Width, i/s.shown.Width) {
			q.visible[i] = 1
		}
	}
	return q
}

// windows returns where what is shown has changed since it was looked at last, with
// room for a person around; nil for a trifle.
func (e *examiner) windows(m *moment) []image.Rectangle {
	w, h := m.input.Width, m.input.Height
	if e.lastSeen == nil {
		e.lastSeen = make([]byte, w*h)
		for i := range e.lastSeen {
			e.lastSeen[i] = unknownLuma
		}
	}
	side := max(8, e.tall/4)
	all := image.Rect(0, 0, w, h)
	var changed []image.Rectangle
	sum := 0
	for y := 0; y < h; y += side {
		for x := 0; x < w; x += side {
			tile := image.Rect(x, y, x+side, y+side).Intersect(all)
			if n := e.changes(m, tile); float64(n) > changedShare*area(tile) {
				sum += n
				changed = append(changed, tile)
			}
		}
	}
	if float64(sum) < trifle*float64(e.tall*e.tall)*0.35 {
		return nil
	}
	var out []image.Rectangle
	for _, tile := range changed {
		for y := tile.Min.Y; y < tile.Max.Y; y++ {
			copy(e.lastSeen[y*w+tile.Min.X:y*w+tile.Max.X], m.shown.Y[y*w+tile.Min.X:y*w+tile.Max.X])
		}
		out = append(out, tile.Inset(-e.tall).Intersect(all))
	}
	out = joined(out)
	covered := 0.0
	for _, r := range out {
		covered += area(r)
	}
	if covered > mostWindows*area(all) {
		return []image.Rectangle{all}
	}
	return out
}

func (e *examiner) changes(m *moment, tile image.Rectangle) int {
	n, w := 0, m.input.Width
	for y := tile.Min.Y; y < tile.Max.Y; y++ {
		for x := tile.Min.X; x < tile.Max.X; x++ {
			if difference(e.lastSeen[y*w+x], m.shown.Y[y*w+x]) > changedBy {
				n++
			}
		}
	}
	return n
}

// joined joins rectangles that overlap.
func joined(in []image.Rectangle) []image.Rectangle {
	for again := true; again; {
		again = false
		for i := 0; i < len(in); i++ {
			for j := i + 1; j < len(in); j++ {
				if in[i].Overlaps(in[j]) {
					in[i] = in[i].Union(in[j])
					in[j] = in[len(in)-1]
					in = in[:len(in)-1]
					again = true
					j--
				}
			}
		}
	}
	return in
}

// finish waits for the answers and adds to the tally whom they show: everyone
// annotated at that place while the picture was shown so, or, where nobody is
// annotated, one person for each one found.
func (e *examiner) finish(t *tally) error {
	if err := e.second.drain(); err != nil {
		return err
	}
	if e.err != nil {
		return e.err
	}
	var shown []found
	next, strangers := 0, 0
	for _, m := range e.moments {
		for ; next <= m.question; next++ {
			shown = e.replace(shown, next)
			for _, f := range e.finds[next].Found {
				if !e.someone(m.number, f) {
					strangers++
				}
			}
		}
		for _, p := range e.bench.subject.truth[m.number] {
			for _, f := range shown {
				if key := (boxKey{m.pass, m.number, p.ID}); at(p, f) && !t.counted[key] {
					t.counted[key] = true
					t.people++
					t.second++
				}
			}
		}
	}
	t.people += strangers
	t.second += strangers
	e.bench.run.Say("second detector: looked at %d pictures, found %d whom the plate does not show, %d of them where nobody is annotated then; %d more are holes that look like someone",
		len(e.finds), e.total(), strangers, e.holes)
	return nil
}

func (e *examiner) total() int {
	n := 0
	for _, a := range e.finds {
		n += len(a.Found)
	}
	return n
}

// replace forgets whom a new answer's windows would show, and adds whom they do.
func (e *examiner) replace(shown []found, number int) []found {
	var out []found
	for _, f := range shown {
		inside := false
		for _, w := range e.wins[number] {
			inside = inside || middle(f.box).In(w)
		}
		if !inside {
			out = append(out, f)
		}
	}
	return append(out, e.finds[number].Found...)
}

func (e *examiner) someone(number int, f found) bool {
	for _, p := range e.bench.subject.truth[number] {
		if at(p, f) {
			return true
		}
	}
	return false
}

// at says whether someone found may be the annotated person: a face's middle lies
// in his box, or a body's box covers a good part of his.
func at(p truth.Person, f found) bool {
	if f.kind == "face" {
		return middle(f.box).In(p.Box())
	}
	both := area(p.Box().Intersect(f.box))
	return both > 0.3*(area(p.Box())+area(f.box)-both)
}

func middle(r image.Rectangle) image.Point { return r.Min.Add(r.Max).Div(2) }

// acuity says how many of the annotated people the second detector finds in the
// film itself, so that one knows what its silence is worth.
func (b *bench) acuity(ctx context.Context) error {
	const looks = 6
	if len(b.subject.truth) == 0 {
		return nil
	}
	seen, all, asked := 0, 0, 0
	d, err := startSecond(ctx, b.subject, b.subject.enlargement(), func(q question, a answer) {
		for _, p := range q.people {
			all++
			for _, f := range a.Found {
				if at(p, f) {
					seen++
					break
				}
			}
		}
	})
	if err != nil {
		return err
	}
	step := max(1, len(b.subject.truth)/looks/2)
	err = b.subject.frames(ctx, 0, func(m *moment) error {
		people := b.subject.truth[m.number]
		if m.count%step != 0 || asked == looks || len(people) == 0 {
			return nil
		}
		m.shown, m.visible = m.input, func(int, int) bool { return true }
		q := newQuestion(asked, &m.sight, []image.Rectangle{image.Rect(0, 0, b.subject.width, b.subject.height)})
		q.people = people
		asked++
		return d.put(ctx, q)
	})
	if ended := d.drain(); err == nil {
		err = ended
	}
	b.run.Say("second detector: finds %d of %d annotated people in %d frames of the film itself", seen, all, asked)
	return err
}
