package main

import (
	"context"
	"errors"
	"io"
	"log/slog"

	"polity/camera/canvas"
	"polity/camera/decode"
	"polity/camera/detect"
	"polity/camera/layout"
	"polity/camera/pipeline"
	"polity/camera/wire"
)

// updates is how many analysed frames there are a second.
const updates = 5

// recording is what a camera sent after it had learnt the place.
type recording struct {
	hash    string
	first   *wire.Place // whole, at the start
	steps   [][]wire.Message
	changes int
	unknown float64
}

// record shows the film twice and returns what is sent during the second showing.
// limit is how many frames of each are shown; 0 shows all.
func record(ctx context.Context, path string, limit int) (*recording, error) {
	config := pipeline.DefaultConfig
	worker, err := detect.StartWorker(ctx, "", nil, slog.Default())
	if err != nil {
		return nil, err
	}
	defer func() { _ = worker.Stop() }()
	tuning := config.Tuning
	tuning.Timeout *= 30 // a film waits; a camera would go on without an answer
	client := detect.NewClient(worker.Dial, tuning)
	defer client.Close()
	p, err := pipeline.New(config, client, layout.Layout{Revision: 1}, false)
	if err != nil {
		return nil, err
	}
	film, err := decode.OpenFilm(ctx, path, updates)
	if err != nil {
		return nil, err
	}
	defer film.Close()
	out := &recording{hash: config.Hash()}
	e := edge{pipeline: p}
	for n := 0; ; n++ {
		f, err := film.Next()
		if errors.Is(err, io.EOF) || (err == nil && limit > 0 && n == limit) {
			if film.Pass() == 2 {
				return out, nil
			}
			if err := film.Again(); err != nil {
				return nil, err
			}
			n = -1
			continue
		}
		if err != nil {
			return nil, err
		}
		p.See(ctx, f)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		place, err := e.take()
		if err != nil {
			return nil, err
		}
		if film.Pass() == 2 {
			if err := out.add(&e, place, p.Meter().Marks(f.Taken), n); err != nil {
				return nil, err
			}
		}
		film.Release(f)
	}
}

// edge does with places what an edge does: it draws them and encodes them anew.
type edge struct {
	pipeline *pipeline.Pipeline
	place    canvas.Canvas
}

// take returns the change of the place as it leaves the edge; nil for none.
func (e *edge) take() (*wire.Place, error) {
	p, err := e.pipeline.Scene().Update(false)
	if p == nil || err != nil {
		return nil, err
	}
	if err := e.place.Apply(p); err != nil {
		return nil, err
	}
	if p.Whole {
		return e.place.Tiles(nil, p.Sequence)
	}
	return e.place.Tiles(p.Tiles, p.Sequence)
}

// add records one frame: marks, the place if it changed, and a state each second.
func (r *recording) add(e *edge, place *wire.Place, marks *wire.Marks, n int) error {
	var err error
	step := []wire.Message{}
	r.unknown = e.pipeline.Scene().Unknown()
	if r.first == nil {
		if r.first, err = e.place.Tiles(nil, e.place.Sequence()); err != nil {
			return err
		}
	} else if place != nil {
		step = append(step, place)
		r.changes++
	}
	step = append(step, marks)
	if n%updates == 0 {
		step = append(step, &wire.State{
			At: marks.At, Condition: wire.Live, Decoded: uint64(2 * n), Analysed: uint64(n), Detected: e.pipeline.Looks(),
			PerSecond: updates, Wanted: updates, Unknown: float32(r.unknown),
		})
	}
	r.steps = append(r.steps, step)
	return nil
}
