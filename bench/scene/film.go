package main

import (
	"context"
	"errors"
	"image"
	"io"
	"log/slog"

	"polity/bench/harness/truth"
	"polity/camera/decode"
	"polity/camera/detect"
	"polity/camera/frame"
	"polity/camera/layout"
	"polity/camera/pipeline"
	"polity/camera/scene"
	"polity/city"
)

// subject is the film that is looked at, and what is known of it.
type subject struct {
	path          string
	fps           float64
	truth         truth.Table // empty: nobody is annotated
	plate         picture
	width, height int
}

// moment is what there is to see after one analysed frame.
type moment struct {
	sight
	pass, number int // showing of the film from 1, the film's frame from 0
	count        int // analysed frames so far, this one included
}

// watch runs the film through the shipped pipeline for so many passes, or until so
// many frames are analysed (0: no limit), and calls each after every analysed frame. prepare, if
// given, may change a frame before the pipeline sees it; number is the film's frame.
func (s *subject) watch(ctx context.Context, eyes detect.Eyes, passes, frames int, prepare func(f *frame.Frame, number int), each func(m *moment) error) error {
	p, err := pipeline.New(pipeline.DefaultConfig, eyes, layout.Layout{Revision: 1}, false)
	if err != nil {
		return err
	}
	film, err := decode.OpenFilm(ctx, s.path, s.fps)
	if err != nil {
		return err
	}
	defer film.Close()
	m := moment{}
	for {
		f, err := film.Next()
		if errors.Is(err, io.EOF) {
			if film.Pass() >= passes {
				return nil
			}
			if err := film.Again(); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		m.count++
		if prepare != nil {
			prepare(f, film.Number())
		}
		p.See(ctx, f)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		m.pass, m.number = film.Pass(), film.Number()
		m.sight = sight{input: f, shown: p.Scene().Shown(), visible: visible(p.Scene())}
		if err := each(&m); err != nil {
			return err
		}
		film.Release(f)
		if m.count == frames {
			return nil
		}
	}
}

// visible says where something is shown: where the scene says so, or where the
// picture is not of the grey of the unknown.
func visible(s *scene.Model) func(x, y int) bool {
	shown := s.Shown()
	return func(x, y int) bool {
		return s.Known(x, y) || shown.Y[y*shown.Width+x] != unknownLuma
	}
}

// frames gives the analysed frames of one pass, as many as the limit allows (0: no
// limit), without a pipeline: shown and visible are to be filled in.
func (s *subject) frames(ctx context.Context, limit int, each func(m *moment) error) error {
	film, err := decode.OpenFilm(ctx, s.path, s.fps)
	if err != nil {
		return err
	}
	defer film.Close()
	m := moment{pass: 1}
	for limit == 0 || m.count < limit {
		f, err := film.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		m.count++
		m.number, m.sight = film.Number(), sight{input: f}
		if err := each(&m); err != nil {
			return err
		}
		film.Release(f)
	}
	return nil
}

// detector starts a detector of its own and hands out a client.
func detector(ctx context.Context) (client *detect.Client, stop func(), err error) {
	worker, err := detect.StartWorker(ctx, "", nil, slog.Default())
	if err != nil {
		return nil, nil, err
	}
	tuning := pipeline.DefaultConfig.Tuning
	tuning.Timeout *= 30 // a film waits; a camera would go on without an answer
	client = detect.NewClient(worker.Dial, tuning)
	return client, func() {
		client.Close()
		_ = worker.Stop()
	}, nil
}

// seesNobody is a detector that answers at once that there is nobody.
type seesNobody struct{}

func (seesNobody) Detect(context.Context, *frame.Frame, image.Rectangle, float32) ([]detect.Box, error) {
	return nil, nil
}

func (seesNobody) DetectIn(context.Context, *frame.Frame, []image.Rectangle, float32) ([]detect.Box, bool, error) {
	return nil, true, nil
}

// fails is a detector that never answers.
type fails struct{}

func (fails) Detect(context.Context, *frame.Frame, image.Rectangle, float32) ([]detect.Box, error) {
	return nil, city.Errorf(city.Unavailable, "the benchmark's detector fails")
}

func (fails) DetectIn(context.Context, *frame.Frame, []image.Rectangle, float32) ([]detect.Box, bool, error) {
	return nil, false, city.Errorf(city.Unavailable, "the benchmark's detector fails")
}
