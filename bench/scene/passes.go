package main

import (
	"context"
	"errors"
	"fmt"
	"image"
	"math"

	"polity/bench/harness"
	"polity/bench/harness/truth"
)

// quickFrames is how many frames QUICK=1 looks at.
const quickFrames = 300

// passes shows the film several times with the detector.
func (b *bench) passes(ctx context.Context) (harness.Figures, error) {
	passes, err := b.run.Number("PASSES")
	if err != nil {
		return nil, err
	}
	if passes < 1 {
		return nil, fmt.Errorf("PASSES=%g: the film is shown once at least", passes)
	}
	frames := 0
	if b.run.Quick {
		passes, frames = 1, quickFrames
	}
	client, stop, err := detector(ctx)
	if err != nil {
		return nil, err
	}
	defer stop()
	var second *examiner
	if !b.run.Quick {
		if err := b.acuity(ctx); err != nil {
			return nil, err
		}
		if second, err = b.newExaminer(ctx); err != nil {
			return nil, err
		}
	}
	t := tally{part: "film", judge: newJudge(b.subject.plate), counted: map[boxKey]bool{}}
	var u unknown
	err = b.subject.watch(ctx, client, int(passes), frames, nil, func(m *moment) error {
		u.add(b.run, m, &t)
		if second != nil {
			if err := second.see(ctx, m); err != nil {
				return err
			}
		}
		return b.people(&t, m)
	})
	if second != nil {
		err = errors.Join(err, second.finish(&t))
	}
	if err != nil {
		return nil, err
	}
	u.end(b.run, &t)
	t.say(b.run)
	if b.run.Quick {
		u.ends = nil // not the end of a pass
	}
	people := b.annotated(t.people)
	if t.second > 0 {
		people = t.people // whoever was found was shown, annotated or not
	}
	return harness.Figures{
		{Name: "boxes", Value: b.annotated(t.firstBoxes)},
		{Name: "people_leaked", Value: people},
		{Name: "heads_leaked", Value: b.annotated(t.heads)},
		{Name: "unknown_one_pass_pct", Value: u.after(1)},
		{Name: "unknown_ten_passes_pct", Value: u.after(10)},
		{Name: "unknown_mean_pct", Value: u.mean()},
	}, nil
}

// tally counts people and heads over a run.
type tally struct {
	part                  string
	judge                 *judge
	quiet                 bool // leaks are counted only
	firstBoxes            int  // that count, in the first pass
	boxes, tried          int  // that count, heads that count; all passes
	people, heads         int  // leaked
	pixels, edges, second int  // people leaked by (a), (b), (c)
	alone, all, patch     int  // that (b) would call leaked, taken otherwise
	shownMost             float64
	counted               map[boxKey]bool // whose leak is counted; nil where nobody asks
}

// boxKey is one annotated box in one showing of the film.
type boxKey struct{ pass, number, id int }

// annotated is a count of annotated people or heads, null where nobody is annotated.
func (b *bench) annotated(n int) any {
	if len(b.subject.truth) == 0 {
		return nil
	}
	return n
}

// people tries everyone annotated in the frame.
func (b *bench) people(t *tally, m *moment) error {
	for _, p := range b.subject.truth[m.number] {
		v := t.judge.try(&m.sight, p.Box(), nil)
		if !v.counted {
			continue
		}
		t.boxes++
		if m.pass == 1 {
			t.firstBoxes++
		}
		t.shownMost = max(t.shownMost, v.share)
		if v.byEdgesAlone() {
			t.alone++
		}
		if v.allEdges {
			t.all++
		}
		if v.patchEdges {
			t.patch++
		}
		if v.leaked() {
			t.people++
			if t.counted != nil {
				t.counted[boxKey{m.pass, m.number, p.ID}] = true
			}
			if err := b.leaked(t, m, p, "person", p.Box(), v); err != nil {
				return err
			}
		}
		h := t.judge.try(&m.sight, head(p.Box()), nil)
		if h.counted {
			t.tried++
		}
		if h.leaked() {
			t.heads++
			if err := b.leaked(t, m, p, "head", head(p.Box()), h); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *bench) leaked(t *tally, m *moment, p truth.Person, what string, box image.Rectangle, v verdict) error {
	rule := "a"
	if v.byPixels() && v.byEdges() {
		rule = "ab"
	} else if v.byEdges() {
		rule = "b"
	}
	if what == "person" {
		if v.byPixels() {
			t.pixels++
		}
		if v.byEdges() {
			t.edges++
		}
	}
	if t.quiet {
		return nil
	}
	return b.report.tell(leak{part: t.part, what: what, pass: m.pass, frame: m.number, id: p.ID, box: box, rule: rule, verdict: v}, &m.sight)
}

func (t *tally) say(r *harness.Run) {
	r.Say("%s: of %d people %d leaked (%d by pixels, %d by edges, %d by the second detector), of %d heads %d; most of anyone shown %.3f",
		t.part, t.boxes, t.people, t.pixels, t.edges, t.second, t.tried, t.heads, t.shownMost)
	r.Say("%s: people leaked by edges without asking whether it is their own that are alike: %d; if the grey of the unknown counted as a picture: %d; if only pixels that are shown counted, however few: %d", t.part, t.alone, t.all, t.patch)
}

// unknown is the share of the picture that is not shown, over time.
type unknown struct {
	pass   int
	last   float64
	ends   []float64 // at the end of each pass
	sum, n float64   // over the first pass
}

func (u *unknown) add(r *harness.Run, m *moment, t *tally) {
	if m.pass != u.pass && u.pass > 0 {
		u.end(r, t)
	}
	u.pass, u.last = m.pass, m.unknown()
	if m.pass == 1 {
		u.sum += u.last
		u.n++
	}
}

func (u *unknown) end(r *harness.Run, t *tally) {
	u.ends = append(u.ends, u.last)
	r.Say("%s: pass %d ends with %.2f%% unknown; people leaked so far: %d, heads %d", t.part, u.pass, 100*u.last, t.people, t.heads)
}

// after returns the percentage at the end of a pass, or nil without one.
func (u *unknown) after(pass int) any {
	if len(u.ends) < pass {
		return nil
	}
	return round(100 * u.ends[pass-1])
}

func (u *unknown) mean() float64 { return round(100 * u.sum / max(1, u.n)) }

func round(v float64) float64 { return math.Round(v*100) / 100 }

// sampled is the distance of pixels that the unknown share is counted by.
const sampled = 4

// unknown returns the share of the picture in which nothing is shown.
func (m *moment) unknown() float64 {
	n, all := 0, 0
	for y := sampled / 2; y < m.input.Height; y += sampled {
		for x := sampled / 2; x < m.input.Width; x += sampled {
			all++
			if !m.visible(x, y) {
				n++
			}
		}
	}
	return float64(n) / float64(max(1, all))
}
