package decode

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"polity/camera/frame"
	"polity/city"
	"polity/internal/ffmpeg"
)

// Film decodes a film file as fast as its frames are asked for. The same file at
// the same rate gives the same frames with the same times, always.
//
// A Film is used by one goroutine; Release may be called by any.
type Film struct {
	ctx    context.Context
	path   string
	pace   pace
	run    *ffmpeg.Process
	nut    *ffmpeg.NUT
	pool   pool
	base   time.Time // Taken of a frame with timestamp first
	first  int64     // timestamp of the first frame of this pass, microseconds
	last   int64     // of the last frame counted
	step   int64     // between the last two
	count  int       // frames counted, those that the rate leaves out included
	number int       // of the last frame returned
	passes int
}

// FilmStart is when the first frame of a film counts as taken. Films tell no such
// time that could be relied upon.
var FilmStart = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// OpenFilm starts decoding a film (anything that ffmpeg reads: mp4, mkv, avi) and
// returns when its first frame is decoded. fps is the number of frames a second
// that Next returns; 0 returns every frame. ctx ends it.
func OpenFilm(ctx context.Context, path string, fps float64) (*Film, error) {
	if fps < 0 || math.IsNaN(fps) || fps > 1000 {
		return nil, city.Errorf(city.Invalid, "film %s: %g frames a second; give 0 (every frame) to 1000", path, fps)
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("film %s: %w", path, err)
	}
	info, err := os.Stat(absolute)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, city.Errorf(city.NotFound, "film %s: there is no such file", path)
	case err != nil:
		return nil, fmt.Errorf("film %s: %w", path, err)
	case !info.Mode().IsRegular():
		return nil, city.Errorf(city.Invalid, "film %s: not a file", path)
	}
	f := &Film{ctx: ctx, path: absolute, pace: pace{rate: fps}, base: FilmStart}
	if err := f.start(); err != nil {
		return nil, err
	}
	return f, nil
}

func (f *Film) start() error {
	run, err := ffmpeg.Start(f.ctx, ffmpeg.Limits{}, append([]string{
		"-threads", "1", "-max_pixels", ffmpeg.MaxPixels,
		"-protocol_whitelist", "file", "-format_whitelist", ffmpeg.Demuxers, "-i", "file:" + f.path,
	}, filmOutput(f.pace)...), f.path)
	if err != nil {
		return fmt.Errorf("film %s: %w", f.path, err)
	}
	nut, err := ffmpeg.NewNUT(run.Out)
	if err == nil {
		err = checkSize(nut.Width, nut.Height)
	}
	if err != nil {
		why := run.End()
		if why == "" || !errors.Is(err, io.EOF) {
			why = err.Error()
		}
		return city.Errorf(city.Invalid, "film %s: no picture can be decoded: %s", f.path, why)
	}
	f.run, f.nut, f.count, f.number, f.passes = run, nut, 0, -1, f.passes+1
	f.step = 0
	return nil
}

// Size returns the width and height of every frame in pixels.
func (f *Film) Size() (width, height int) { return f.nut.Width, f.nut.Height }

// Number returns which of the film's frames Next returned last, from 0.
func (f *Film) Number() int { return f.number }

// Pass returns which showing of the film this is, from 1.
func (f *Film) Pass() int { return f.passes }

// Next returns the next frame at the film's rate, and io.EOF after the last. The
// caller may keep the frame, or give it to Release. A film that is broken in the
// middle gives what ffmpeg makes of it, without an error.
func (f *Film) Next() (*frame.Frame, error) {
	for {
		micros, size, err := f.nut.Next()
		if errors.Is(err, io.EOF) && f.ctx.Err() == nil {
			return nil, f.ended()
		}
		if err == nil && f.nut.Stream() == pictures && size != frameBytes(f.nut.Width, f.nut.Height) {
			err = fmt.Errorf("%w: a frame of %d bytes", ffmpeg.ErrNUT, size)
		}
		if err != nil {
			return nil, f.broken(err)
		}
		if f.count == 0 {
			f.first = micros
		}
		if f.nut.Stream() == ticks {
			f.counted(micros)
			continue
		}
		got := f.pool.get(f.nut.Width, f.nut.Height)
		if err := readFrame(f.nut, got); err != nil {
			return nil, f.broken(err)
		}
		f.number = f.count // its tick comes after it
		if f.pace.rate <= 0 {
			f.counted(micros)
		}
		got.Taken, got.Stream = f.base.Add(time.Duration(micros-f.first)*time.Microsecond), 1
		return got, nil
	}
}

// counted takes note of one more frame of the film.
func (f *Film) counted(micros int64) {
	if f.count > 0 {
		f.step = micros - f.last
	}
	f.last = micros
	f.count++
}

// ended tells the film's end from the decoder's.
func (f *Film) ended() error {
	if ended, ok := errors.AsType[*exec.ExitError](f.run.Ended()); ok && !ended.Exited() {
		return f.broken(fmt.Errorf("the decoder was killed: %s", ended.ProcessState))
	}
	return io.EOF
}

func (f *Film) broken(err error) error {
	if f.ctx.Err() != nil {
		return f.ctx.Err()
	}
	if why := f.run.End(); why != "" {
		err = fmt.Errorf("%w: %s", err, why)
	}
	return fmt.Errorf("film %s after frame %d: %w", f.path, f.count-1, err)
}

// Again starts the film from its first frame. Times go on: the first frame is
// taken one frame interval after the last.
func (f *Film) Again() error {
	f.run.End()
	f.base = f.base.Add(time.Duration(f.last-f.first+f.step) * time.Microsecond)
	return f.start()
}

// Release takes a frame back for reuse; the caller must not touch it again.
// Giving frames back is not needed but spares memory.
func (f *Film) Release(got *frame.Frame) { f.pool.put(got) }

// Close ends the decoder.
func (f *Film) Close() error {
	f.run.End()
	return nil
}
