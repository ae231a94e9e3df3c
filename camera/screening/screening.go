// Package screening runs a film through the shipped pipeline and writes what people
// would be shown, so that anyone can judge a camera before it is bought, with tools
// of their own.
package screening

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"time"

	"polity/camera/decode"
	"polity/camera/detect"
	"polity/camera/frame"
	"polity/camera/layout"
	"polity/camera/pipeline"
	"polity/camera/wire"
	"polity/city"
)

// Options is what a screening needs.
type Options struct {
	Film   string
	Rate   float64 // analysed frames a second
	Passes int     // how often the film is shown, one after another
	// Shown takes the film of what people would be shown (Matroska, FFV1, lossless,
	// a picture per analysed frame, unknown in grey, without marks), Table the
	// numbers beside it (CSV). Either may be nil.
	Shown, Table io.Writer
	// Progress is called after each frame, if set.
	Progress func(Progress)
	// Eyes looks at frames; nil starts the detector that is installed.
	Eyes detect.Eyes
	Log  *slog.Logger
}

// Progress is how far a screening is.
type Progress struct {
	Pass, Frames int // frames analysed so far, of all passes
	Film         int // number of the film's frame, from 0
	Unknown      float64
	Counts       [wire.Vehicle + 1]int
}

// Columns are those of the table: the number of the film's frame (from 0), its time
// since the first (seconds, going on over passes), the pass (from 1), how many of
// each class are in view, and the share of the picture that is not shown (0 to 1).
var Columns = []string{"film_frame", "time", "pass", "persons", "bicycles", "vehicles", "unknown"}

// patience is by how much a film waits longer for the detector than a camera does.
const patience = 30

// Run shows the film. It returns the progress after the last frame; errors name the
// film or the output.
func Run(ctx context.Context, o Options) (Progress, error) {
	config := pipeline.DefaultConfig
	if o.Passes < 1 || !(o.Rate > 0 && o.Rate <= 60) {
		return Progress{}, city.Errorf(city.Invalid, "a film is shown at least once, at up to 60 analysed frames a second; %d times at %g were asked for", o.Passes, o.Rate)
	}
	film, err := decode.OpenFilm(ctx, o.Film, o.Rate)
	if err != nil {
		return Progress{}, err
	}
	defer film.Close()
	eyes, stop, err := o.eyes(ctx, config)
	if err != nil {
		return Progress{}, err
	}
	defer stop()
	watch, err := pipeline.New(config, eyes, layout.Layout{}, false)
	if err != nil {
		return Progress{}, err
	}
	s := &show{o: o, film: film, watch: watch}
	if err := s.open(ctx); err != nil {
		return Progress{}, err
	}
	err = s.play(ctx)
	return s.progress, errors.Join(err, s.close())
}

func (o *Options) eyes(ctx context.Context, config pipeline.Config) (detect.Eyes, func(), error) {
	if o.Eyes != nil {
		return o.Eyes, func() {}, nil
	}
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	worker, err := detect.StartWorker(ctx, "", nil, log)
	if err != nil {
		return nil, nil, err
	}
	config.Tuning.Timeout *= patience
	client := detect.NewClient(worker.Dial, config.Tuning)
	return client, func() {
		_ = client.Close()
		_ = worker.Stop()
	}, nil
}

type show struct {
	o        Options
	film     *decode.Film
	watch    *pipeline.Pipeline
	writer   *lossless
	table    *csv.Writer
	progress Progress
}

func (s *show) open(ctx context.Context) (err error) {
	if s.o.Table != nil {
		s.table = csv.NewWriter(s.o.Table)
		if err := s.table.Write(Columns); err != nil {
			return fmt.Errorf("write the table: %w", err)
		}
	}
	if s.o.Shown != nil {
		width, height := s.film.Size()
		s.writer, err = newLossless(ctx, s.o.Shown, width, height, s.o.Rate)
	}
	return err
}

func (s *show) close() error {
	var errs []error
	if s.writer != nil {
		errs = append(errs, s.writer.close())
	}
	if s.table != nil {
		s.table.Flush()
		if err := s.table.Error(); err != nil {
			errs = append(errs, fmt.Errorf("write the table: %w", err))
		}
	}
	return errors.Join(errs...)
}

func (s *show) play(ctx context.Context) error {
	for s.progress.Pass = 1; ; {
		f, err := s.film.Next()
		switch {
		case errors.Is(err, io.EOF) && s.progress.Frames == 0:
			return city.Errorf(city.Invalid, "film %s: it has no picture", s.o.Film)
		case errors.Is(err, io.EOF) && s.progress.Pass == s.o.Passes:
			return nil
		case errors.Is(err, io.EOF):
			if err := s.film.Again(); err != nil {
				return err
			}
			s.progress.Pass++
			continue
		case err != nil:
			return err
		}
		if err := s.frame(ctx, f); err != nil {
			return err
		}
		s.film.Release(f)
	}
}

func (s *show) frame(ctx context.Context, f *frame.Frame) error {
	s.watch.See(ctx, f)
	s.watch.Take()
	if err := s.watch.Failed(); err != nil && ctx.Err() == nil {
		return fmt.Errorf("film %s at frame %d: a camera's picture would freeze here, but a film is to be judged with a detector that works: %w", s.o.Film, s.film.Number(), err)
	}
	s.progress.Frames++
	s.progress.Film, s.progress.Unknown, s.progress.Counts = s.film.Number(), s.watch.Scene().Unknown(), s.watch.Meter().Counts()
	if s.writer != nil {
		if err := s.writer.write(s.watch.Scene().Shown()); err != nil {
			return err
		}
	}
	if s.table != nil {
		if err := s.table.Write(s.row(f.Taken.Sub(decode.FilmStart))); err != nil {
			return fmt.Errorf("write the table: %w", err)
		}
	}
	if s.o.Progress != nil {
		s.o.Progress(s.progress)
	}
	return ctx.Err()
}

func (s *show) row(at time.Duration) []string {
	p := &s.progress
	return []string{
		strconv.Itoa(p.Film), strconv.FormatFloat(at.Seconds(), 'f', 3, 64), strconv.Itoa(p.Pass),
		strconv.Itoa(p.Counts[wire.Person]), strconv.Itoa(p.Counts[wire.Bicycle]), strconv.Itoa(p.Counts[wire.Vehicle]),
		strconv.FormatFloat(p.Unknown, 'f', 4, 64),
	}
}
