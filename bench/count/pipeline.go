package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"

	"polity/bench/harness"
	"polity/bench/harness/truth"
	"polity/camera/decode"
	"polity/camera/detect"
	"polity/camera/frame"
	"polity/camera/layout"
	"polity/camera/pipeline"
	"polity/camera/wire"
	"polity/city"
)

// settings are everything that a count depends on.
type settings struct {
	film   string
	fps    float64 // analysed frames a second
	lines  []float64
	mirror bool
	config pipeline.Config
}

type crossing struct {
	line      int
	direction wire.Direction
}

// counted is what came of a film.
type counted struct {
	width, height int         // of the film,
	film          int         // and how many frames it has
	frames        map[int]int // persons in view by number of the film's frame
	looks         int
	crossed       map[crossing]int
}

// count runs a film through the pipeline.
func count(ctx context.Context, s settings) (counted, error) {
	out := counted{frames: map[int]int{}, crossed: map[crossing]int{}}
	worker, err := detect.StartWorker(ctx, "", nil, slog.Default())
	if err != nil {
		return out, err
	}
	defer func() { _ = worker.Stop() }()
	s.config.Tuning.Timeout *= 30 // a film waits; a camera would go on without an answer
	client := detect.NewClient(worker.Dial, s.config.Tuning)
	defer client.Close()
	film, err := decode.OpenFilm(ctx, s.film, s.fps)
	if err != nil {
		return out, err
	}
	defer film.Close()
	out.width, out.height = film.Size()
	watch, err := pipeline.New(s.config, client, layoutOf(s.lines), false)
	if err != nil {
		return out, err
	}
	last := decode.FilmStart
	for {
		f, err := film.Next()
		if errors.Is(err, io.EOF) {
			out.take(watch.Close(last))
			out.looks, out.film = int(watch.Looks()), film.Number()+1
			return out, nil
		}
		if err != nil {
			return out, err
		}
		if s.mirror {
			flip(f)
		}
		watch.See(ctx, f)
		if err := watch.Failed(); err != nil {
			return out, err
		}
		out.frames[film.Number()] = watch.Meter().Counts()[wire.Person]
		out.take(watch.Take())
		last = f.Taken
		film.Release(f)
	}
}

func (c *counted) take(messages []wire.Message) {
	for _, m := range messages {
		if o, ok := m.(*wire.Observation); ok && o.Metric == wire.Crossings && o.Class == wire.Person {
			c.crossed[crossing{int(o.Where), o.Direction}] += int(o.Value)
		}
	}
}

// layoutOf draws upright lines seen from below, so that right is right.
func layoutOf(lines []float64) layout.Layout {
	l := layout.Layout{Revision: 1}
	for i, x := range lines {
		l.Lines = append(l.Lines, layout.Line{Name: city.Slug(fmt.Sprintf("line-%d", i+1)), From: layout.Point{X: x, Y: 1}, To: layout.Point{X: x, Y: 0}})
	}
	return l
}

// flip mirrors a frame.
func flip(f *frame.Frame) {
	rows := func(plane []byte, width int) {
		for at := 0; at+width <= len(plane); at += width {
			slices.Reverse(plane[at : at+width])
		}
	}
	rows(f.Y, f.Width)
	rows(f.U, f.ChromaWidth())
	rows(f.V, f.ChromaWidth())
}

// vary counts again with everything a little different: what holds only for one
// film at one setting does not hold.
func vary(ctx context.Context, r *harness.Run, shipped settings, people truth.Table) (harness.Figures, error) {
	var errs, worsts []float64
	try := func(name string, s settings, people truth.Table) error {
		got, err := count(ctx, s)
		if err != nil {
			return err
		}
		v := compare(got, people, s.lines)
		r.Say("%-28s error %.3f, crossings off by %d at most", name, v.error, v.worst)
		errs, worsts = append(errs, v.error), append(worsts, float64(v.worst))
		return nil
	}
	for _, v := range variations {
		s := shipped
		t := people
		v.change(&s)
		if s.mirror {
			got, err := decode.OpenFilm(ctx, s.film, s.fps)
			if err != nil {
				return nil, err
			}
			width, _ := got.Size()
			got.Close()
			t = people.Mirrored(float64(width))
		}
		if err := try(v.name, s, t); err != nil {
			return nil, err
		}
	}
	mean := 0.0
	for _, e := range errs {
		mean += e / float64(len(errs))
	}
	return harness.Figures{
		{Name: "varied_runs", Value: len(errs)},
		{Name: "varied_occupancy_mae_mean", Value: round(mean)},
		{Name: "varied_occupancy_mae_worst", Value: round(slices.Max(errs))},
		{Name: "varied_crossings_off_worst", Value: slices.Max(worsts)},
	}, nil
}

var variations = []struct {
	name   string
	change func(*settings)
}{
	{"mirrored", func(s *settings) { s.mirror = true }},
	{"at 10 frames a second", func(s *settings) { s.fps = 10 }},
	{"at 2.5 frames a second", func(s *settings) { s.fps = 2.5 }},
	{"lines farther left", func(s *settings) { s.lines = shift(s.lines, -0.05) }},
	{"lines farther right", func(s *settings) { s.lines = shift(s.lines, 0.05) }},
	{"looking more seldom", func(s *settings) { s.config.Attending.Every = s.config.Attending.Every * 3 / 2 }},
	{"whole frame more seldom", func(s *settings) { s.config.Attending.Whole *= 2 }},
	{"smaller pictures", func(s *settings) { s.config.Tuning.Pixels = s.config.Tuning.Pixels * 3 / 4 }},
	{"begin lower", func(s *settings) { s.config.Measure.Tracking.Begin -= 0.05 }},
	{"begin higher", func(s *settings) { s.config.Measure.Tracking.Begin += 0.05 }},
	{"more proof", func(s *settings) { s.config.Measure.Tracking.Proof += 0.15 }},
	{"lost sooner", func(s *settings) { s.config.Measure.Tracking.Lost = s.config.Measure.Tracking.Lost * 2 / 3 }},
	{"lost later", func(s *settings) { s.config.Measure.Tracking.Lost = s.config.Measure.Tracking.Lost * 3 / 2 }},
}

func shift(lines []float64, by float64) []float64 {
	out := slices.Clone(lines)
	for i := range out {
		out[i] += by
	}
	return out
}
