package main

import (
	"context"
	"image"
	"math"
	"math/rand/v2"
	"time"

	"polity/bench/harness"
	"polity/camera/decode"
	"polity/camera/detect"
	"polity/camera/frame"
)

// blinkered are eyes that do not see the people who stand: boxes over them are left
// out, others told.
type blinkered struct {
	detect.Eyes
	people []*stander
}

// coveredBy is the share of a box, or of a person, from which a box is one over him.
const coveredBy = 0.5

func (b *blinkered) Detect(ctx context.Context, f *frame.Frame, region image.Rectangle, threshold float32) ([]detect.Box, error) {
	boxes, err := b.Eyes.Detect(ctx, f, region, threshold)
	return b.without(boxes), err
}

func (b *blinkered) DetectIn(ctx context.Context, f *frame.Frame, regions []image.Rectangle, threshold float32) ([]detect.Box, bool, error) {
	boxes, asked, err := b.Eyes.DetectIn(ctx, f, regions, threshold)
	return b.without(boxes), asked, err
}

func (b *blinkered) without(boxes []detect.Box) []detect.Box {
	var out []detect.Box
	for _, box := range boxes {
		over := false
		for _, p := range b.people {
			both := area(box.Bounds().Intersect(p.box))
			over = over || (both > 0 && (both > coveredBy*area(box.Bounds()) || both > coveredBy*area(p.box)))
		}
		if !over {
			out = append(out, box)
		}
	}
	return out
}

func area(r image.Rectangle) float64 { return float64(r.Dx()) * float64(r.Dy()) }

// outcome is how it went with one person who stood.
type outcome struct {
	judge         *judge
	tried, leaked int                  // frames
	before        map[image.Point]byte // what was shown of the place when he came
	gone, back    float64              // seconds; back is when all of it was shown again
	extra         []float64            // area unknown because of him, by frame of his stay
	known         float64              // when the place behind was first known after he left
	drawn         bool
}

// standing measures with people who stand still. Films are made from the clip in
// memory, frame by frame; nothing of them is kept.
func (b *bench) standing(ctx context.Context) (harness.Figures, error) {
	const seed = 1
	cuts, err := cutPeople(ctx, b.subject, seed)
	if err != nil {
		return nil, err
	}
	if len(cuts) < cutFewest {
		b.run.Say("standing: only %d people stand free enough to be cut out of the film, %d are needed: no figures", len(cuts), cutFewest)
		return harness.Figures{
			{Name: "standing_people"}, {Name: "standing_people_leaked"}, {Name: "standing_place_back_s"}, {Name: "standing_unknown_to_person_area"},
		}, nil
	}
	client, stop, err := detector(ctx)
	if err != nil {
		return nil, err
	}
	defer stop()
	noise, err := b.subject.noise(ctx)
	if err != nil {
		return nil, err
	}
	b.run.Say("standing: %d people cut out; the film's noise is %.1f of 255", len(cuts), noise)
	alone, err := b.alone(ctx, client)
	if err != nil {
		return nil, err
	}
	var sum standSum
	for i, people := range plan(b.subject, cuts, seed) {
		if err := b.standFilm(ctx, client, i+1, people, noise, alone, &sum); err != nil {
			return nil, err
		}
	}
	return sum.figures(), nil
}

// standFrames is how many analysed frames a film has.
func (b *bench) standFrames() int { return int(standSeconds * b.subject.fps) }

// alone is what is shown over time when nobody is put into the film: which of the
// sampled pixels, by analysed frame.
func (b *bench) alone(ctx context.Context, client *detect.Client) ([]sampling, error) {
	var out []sampling
	err := b.subject.watch(ctx, client, math.MaxInt, b.standFrames(), nil, func(m *moment) error {
		out = append(out, newSampling(&m.sight))
		return nil
	})
	return out, err
}

// sampling is where something is shown, a bit for every fourth pixel of every fourth
// row.
type sampling struct {
	width int // samples in a row
	bits  []uint64
}

func newSampling(s *sight) sampling {
	out := sampling{width: s.input.Width / sampled}
	height := s.input.Height / sampled
	out.bits = make([]uint64, (out.width*height+63)/64)
	for y := range height {
		for x := range out.width {
			if s.visible(x*sampled, y*sampled) {
				i := y*out.width + x
				out.bits[i/64] |= 1 << (i % 64)
			}
		}
	}
	return out
}

// at says whether something is shown at a pixel whose place is a multiple of sampled.
func (s sampling) at(x, y int) bool {
	i := y/sampled*s.width + x/sampled
	return i/64 < len(s.bits) && s.bits[i/64]>>(i%64)&1 == 1
}

// noise is how much luma changes from frame to frame where nothing moves, divided by
// the root of two: root of the mean square, from the median change of the film's
// first frames.
func (s *subject) noise(ctx context.Context) (float64, error) {
	var last []byte
	var counts [256]int
	n := 0
	err := s.frames(ctx, 20, func(m *moment) error {
		for i, v := range last {
			counts[difference(v, m.input.Y[i])]++
			n++
		}
		last = append(last[:0], m.input.Y...)
		return nil
	})
	below := 0
	for v, c := range counts {
		if below += c; below > n/2 {
			share := float64(below-n/2) / float64(c) // within the median's step
			return 1.4826 * max(0, float64(v)+0.5-share) / math.Sqrt2, err
		}
	}
	return 0, err
}

func (b *bench) standFilm(ctx context.Context, client *detect.Client, film int, people []*stander, noise float64, alone []sampling, sum *standSum) error {
	eyes := &blinkered{Eyes: client, people: people}
	around := &scenery{plate: &b.subject.plate, noise: noise, randoms: rand.New(rand.NewPCG(uint64(film), 3)), before: frame.New(b.subject.width, b.subject.height)}
	outcomes := make([]outcome, len(people))
	for i := range outcomes {
		outcomes[i].judge = newJudge(b.subject.plate)
	}
	seconds := func(at time.Time) float64 { return at.Sub(decode.FilmStart).Seconds() }
	prepare := func(f *frame.Frame, number int) {
		copy(around.before.Y, f.Y)
		copy(around.before.U, f.U)
		copy(around.before.V, f.V)
		for _, p := range people {
			around.nearer = around.nearer[:0]
			for _, other := range b.subject.truth[number] {
				if float64(other.Box().Max.Y) > p.y {
					around.nearer = append(around.nearer, other.Box())
				}
			}
			p.draw(f, around, seconds(f.Taken))
		}
	}
	err := b.subject.watch(ctx, eyes, math.MaxInt, b.standFrames(), prepare, func(m *moment) error {
		for i, p := range people {
			if err := b.follow(m, film, p, &outcomes[i], alone, seconds(m.input.Taken)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i, p := range people {
		sum.add(b.run, film, p, &outcomes[i], b.subject.fps)
	}
	return nil
}

// follow notes how it goes with one person after one frame.
func (b *bench) follow(m *moment, film int, p *stander, o *outcome, alone []sampling, t float64) error {
	if !p.box.Empty() {
		v := o.judge.try(&m.sight, p.box, p.own)
		if v.counted {
			o.tried++
		}
		if v.leaked() {
			if o.leaked++; o.leaked%100 == 1 {
				rule := "a"
				if !v.byPixels() {
					rule = "b"
				}
				part := "standing"
				if err := b.report.tell(leak{part: part, what: "person", pass: film, frame: m.count, id: p.name, box: p.box, rule: rule, verdict: v}, &m.sight); err != nil {
					return err
				}
			}
		}
	}
	box := p.standing()
	switch {
	case t < p.arrives-walkSeconds:
		if t > p.arrives-walkSeconds-1 && o.before == nil {
			o.before = shownIn(&m.sight, box)
		}
	case p.stands(t):
		if half := (max(0, p.arrives) + p.goes) / 2; t >= half && !o.drawn {
			o.drawn = true
			if err := b.report.draw(leak{part: "standing", what: "stander", rule: "none", pass: film, frame: m.count, id: p.name, box: p.box}, &m.sight); err != nil {
				return err
			}
		}
		o.extra = append(o.extra, unknownFor(&m.sight, alone[m.count-1], box)/area(box))
	case t > p.goes+walkSeconds:
		if o.gone == 0 {
			o.gone, o.back, o.known = t, -1, -1
		}
		if o.back < 0 && again(&m.sight, o.before) {
			o.back = t
		}
		if o.known < 0 && len(shownIn(&m.sight, box))*sampled*sampled*10 > 9*int(area(box)) {
			o.known = t
		}
	}
	return nil
}

// shownIn returns the luma of the sampled pixels of a box in which something is shown.
func shownIn(s *sight, box image.Rectangle) map[image.Point]byte {
	out := map[image.Point]byte{}
	samples(box, s.input, func(x, y int) {
		if s.visible(x, y) {
			out[image.Pt(x, y)] = s.shown.Y[y*s.shown.Width+x]
		}
	})
	return out
}

func samples(box image.Rectangle, f *frame.Frame, each func(x, y int)) {
	box = box.Intersect(image.Rect(0, 0, f.Width, f.Height))
	for y := (box.Min.Y + sampled - 1) / sampled * sampled; y < box.Max.Y; y += sampled {
		for x := (box.Min.X + sampled - 1) / sampled * sampled; x < box.Max.X; x += sampled {
			each(x, y)
		}
	}
}

// asBefore is the share of what was shown that must be shown again.
const asBefore = 0.98

// again says whether what was shown before is shown again.
func again(s *sight, before map[image.Point]byte) bool {
	n := 0
	for at, luma := range before {
		if s.visible(at.X, at.Y) && difference(s.shown.Y[at.Y*s.shown.Width+at.X], luma) <= alike {
			n++
		}
	}
	return float64(n) >= asBefore*float64(len(before))
}

// unknownFor returns the area, in pixels, in and around a box (by its height on all
// sides) in which nothing is shown although something is at that time in the film
// without him.
func unknownFor(s *sight, alone sampling, box image.Rectangle) float64 {
	n := 0
	samples(box.Inset(-box.Dy()), s.input, func(x, y int) {
		if !s.visible(x, y) && alone.at(x, y) {
			n++
		}
	})
	return float64(n * sampled * sampled)
}

// standSum is over all people who stood.
type standSum struct {
	people, leaked int
	back           any
	unknown        float64
}

// unknownOver is the time over which the unknown area is averaged.
const unknownOver = 10

func (s *standSum) add(r *harness.Run, film int, p *stander, o *outcome, fps float64) {
	if o.tried > 0 {
		s.people++
	}
	if o.leaked > 0 {
		s.leaked++
	}
	worst := 0.0
	for over := max(1, int(unknownOver*fps)); len(o.extra) >= over; o.extra = o.extra[1:] {
		mean := 0.0
		for _, v := range o.extra[:over] {
			mean += v / float64(over)
		}
		worst = max(worst, mean)
	}
	s.unknown = max(s.unknown, worst)
	posture, facing := "stands", ""
	if p.seated {
		posture = "sits"
	}
	if p.cut.away {
		facing = ", facing away"
	}
	came := "from the first frame"
	back := "the place behind was not known before"
	if p.arrives > 0 {
		came = "after " + time.Duration(p.arrives*float64(time.Second)).Round(time.Second).String()
		if len(o.before) > 0 {
			late := o.back - o.gone
			back = "the place was back " + seconds(late) + " after"
			if o.back < 0 {
				late = standSeconds - o.gone
				back = "the place was not back by the end of the film, " + seconds(late) + " after"
			}
			if worst, ok := s.back.(float64); !ok || late > worst {
				s.back = round(late)
			}
		}
	}
	known := "not known by the end"
	if o.known >= 0 {
		known = "known " + seconds(o.known-o.gone) + " after"
	}
	r.Say("standing: film %d, person %d at %.0f,%.0f %s %s%s, %s, sway %.2f pixels: leaked in %d of %d frames; unknown for it %.2f of its area; %s; behind: %s",
		film, p.name, p.x, p.y, posture, seconds(p.goes-max(0, p.arrives)), facing, came, p.swayTop*p.metre(), o.leaked, o.tried, worst, back, known)
}

func seconds(s float64) string {
	return time.Duration(s * float64(time.Second)).Round(100 * time.Millisecond).String()
}

func (s *standSum) figures() harness.Figures {
	return harness.Figures{
		{Name: "standing_people", Value: s.people},
		{Name: "standing_people_leaked", Value: s.leaked},
		{Name: "standing_place_back_s", Value: s.back},
		{Name: "standing_unknown_to_person_area", Value: round(s.unknown)},
	}
}
