package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"

	"polity/bench/harness"
	"polity/camera/decode"
	"polity/camera/detect"
	"polity/camera/detect/model"
	"polity/camera/frame"
	"polity/camera/layout"
	"polity/camera/measure"
	"polity/camera/wire"
	"polity/city"
)

// settings are everything that a count depends on.
type settings struct {
	film      string
	lines     []float64
	mirror    bool
	FPS       float64
	Tuning    detect.Tuning
	Attending detect.Attending
	Measure   measure.Config
}

func shippedSettings(film string, fps float64, lines []float64) settings {
	return settings{film: film, lines: lines, FPS: fps, Tuning: detect.DefaultTuning, Attending: detect.DefaultAttending, Measure: measure.DefaultConfig}
}

// hash names the configuration, network included.
func (s settings) hash() string {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // plain numbers
	}
	network := sha256.Sum256(model.ONNX)
	sum := sha256.Sum256(append(text, network[:]...))
	return hex.EncodeToString(sum[:6])
}

type crossing struct {
	line      int
	direction wire.Direction
}

// counted is what came of a film.
type counted struct {
	width   int
	frames  map[int]int // persons in view by number of the film's frame
	looks   int
	crossed map[crossing]int
}

// count runs a film through the pipeline.
func count(ctx context.Context, s settings) (counted, error) {
	out := counted{frames: map[int]int{}, crossed: map[crossing]int{}}
	worker, err := detect.StartWorker(ctx, "", nil, slog.Default())
	if err != nil {
		return out, err
	}
	defer func() { _ = worker.Stop() }()
	s.Tuning.Timeout *= 30 // a film waits; a camera would go on without an answer
	client := detect.NewClient(worker.Dial, s.Tuning)
	defer client.Close()
	film, err := decode.OpenFilm(ctx, s.film, s.FPS)
	if err != nil {
		return out, err
	}
	defer film.Close()
	out.width, _ = film.Size()
	meter, err := measure.New(s.Measure, layoutOf(s.lines))
	if err != nil {
		return out, err
	}
	attention := detect.NewAttention(client, s.Attending, false)
	last := decode.FilmStart
	for {
		f, err := film.Next()
		if errors.Is(err, io.EOF) {
			out.take(meter.Close(last))
			return out, nil
		}
		if err != nil {
			return out, err
		}
		if s.mirror {
			flip(f)
		}
		sight, err := attention.Look(ctx, f, meter.Expected())
		if err != nil {
			return out, err
		}
		if len(sight.Looked) > 0 {
			out.looks++
		}
		meter.See(sight, nil)
		out.frames[film.Number()] = meter.Counts()[wire.Person]
		out.take(meter.Take())
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
func vary(ctx context.Context, r *harness.Run, shipped settings, truth tracks) (harness.Figures, error) {
	var errs, worsts []float64
	try := func(name string, s settings, truth tracks) error {
		got, err := count(ctx, s)
		if err != nil {
			return err
		}
		v := compare(got, truth, s.lines)
		r.Say("%-28s error %.3f, crossings off by %d at most", name, v.error, v.worst)
		errs, worsts = append(errs, v.error), append(worsts, float64(v.worst))
		return nil
	}
	for _, v := range variations {
		s := shipped
		t := truth
		v.change(&s)
		if s.mirror {
			got, err := decode.OpenFilm(ctx, s.film, s.FPS)
			if err != nil {
				return nil, err
			}
			width, _ := got.Size()
			got.Close()
			t = truth.mirrored(float64(width))
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
	{"at 10 frames a second", func(s *settings) { s.FPS = 10 }},
	{"at 2.5 frames a second", func(s *settings) { s.FPS = 2.5 }},
	{"lines farther left", func(s *settings) { s.lines = shift(s.lines, -0.05) }},
	{"lines farther right", func(s *settings) { s.lines = shift(s.lines, 0.05) }},
	{"looking more seldom", func(s *settings) { s.Attending.Every = s.Attending.Every * 3 / 2 }},
	{"whole frame more seldom", func(s *settings) { s.Attending.Whole *= 2 }},
	{"smaller pictures", func(s *settings) { s.Tuning.Pixels = s.Tuning.Pixels * 3 / 4 }},
	{"begin lower", func(s *settings) { s.Measure.Tracking.Begin -= 0.05 }},
	{"begin higher", func(s *settings) { s.Measure.Tracking.Begin += 0.05 }},
	{"more proof", func(s *settings) { s.Measure.Tracking.Proof += 0.15 }},
	{"lost sooner", func(s *settings) { s.Measure.Tracking.Lost = s.Measure.Tracking.Lost * 2 / 3 }},
	{"lost later", func(s *settings) { s.Measure.Tracking.Lost = s.Measure.Tracking.Lost * 3 / 2 }},
}

func shift(lines []float64, by float64) []float64 {
	out := slices.Clone(lines)
	for i := range out {
		out[i] += by
	}
	return out
}
