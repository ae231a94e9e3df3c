package main

import (
	"context"
	"fmt"
	"image"
	"slices"

	"polity/bench/harness"
	"polity/camera/detect"
)

// The common method, for comparison: what a detector finds is blurred, everything
// else is shown. Boxes at this score are blurred with this margin around them.
const (
	blurScore  = 0.2
	blurMargin = 0.15
)

// blur measures the common method on one pass: the same detector looks at every
// analysed frame as a whole. Only what is left sharp counts as shown, however weak
// the blur would be: a person is leaked by being missed.
func (b *bench) blur(ctx context.Context) (harness.Figures, error) {
	client, stop, err := detector(ctx)
	if err != nil {
		return nil, err
	}
	defer stop()
	t := tally{part: "blur", judge: newJudge(b.subject.plate), quiet: true}
	frames := 0
	if b.run.Quick {
		frames = quickFrames
	}
	err = b.subject.frames(ctx, frames, func(m *moment) error {
		boxes, err := client.Detect(ctx, m.input, image.Rect(0, 0, m.input.Width, m.input.Height), blurScore)
		if err != nil {
			return err
		}
		var hidden []image.Rectangle
		for _, box := range boxes {
			if box.Class == detect.Person || box.Class == detect.Animal {
				r := box.Bounds()
				hidden = append(hidden, image.Rect(
					r.Min.X-int(blurMargin*float64(r.Dx())), r.Min.Y-int(blurMargin*float64(r.Dy())),
					r.Max.X+int(blurMargin*float64(r.Dx())), r.Max.Y+int(blurMargin*float64(r.Dy()))))
			}
		}
		m.shown = m.input
		m.visible = func(x, y int) bool {
			return !slices.ContainsFunc(hidden, image.Pt(x, y).In)
		}
		return b.people(&t, m)
	})
	if err != nil {
		return nil, err
	}
	t.say(b.run)
	return harness.Figures{
		{Name: "blur_people_leaked", Value: b.annotated(t.people)},
		{Name: "blur_heads_leaked", Value: b.annotated(t.heads)},
	}, nil
}

// blindPasses is how many showings of the film a blind detector gets.
const blindPasses = 3

// blind measures with a detector that answers at once that there is nobody, and with
// one that fails always, with which nothing may ever be shown.
func (b *bench) blind(ctx context.Context) (harness.Figures, error) {
	passes, frames := blindPasses, 0
	if b.run.Quick {
		passes, frames = 1, quickFrames
	}
	off := tally{part: "detector-off", judge: newJudge(b.subject.plate)}
	var u unknown
	err := b.subject.watch(ctx, seesNobody{}, passes, frames, nil, func(m *moment) error {
		u.add(b.run, m, &off)
		return b.people(&off, m)
	})
	if err != nil {
		return nil, err
	}
	u.end(b.run, &off)
	off.say(b.run)
	failing := tally{part: "detector-fails", judge: newJudge(b.subject.plate)}
	shown := 0
	err = b.subject.watch(ctx, fails{}, passes, frames, nil, func(m *moment) error {
		if m.unknown() < 1 {
			shown++
		}
		return b.people(&failing, m)
	})
	if err != nil {
		return nil, err
	}
	b.run.Say("detector-fails: %d people leaked; something shown after %d frames (0 is right)", failing.people, shown)
	if shown > 0 {
		return nil, fmt.Errorf("with a detector that fails always something was shown after %d frames", shown)
	}
	return harness.Figures{
		{Name: "detector_off_people_leaked", Value: b.annotated(off.people)},
	}, nil
}
