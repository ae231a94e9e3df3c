package decode

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"time"

	"polity/camera/frame"
	"polity/city"
)

// Film decodes a film file as fast as its frames are asked for. The same file at
// the same rate gives the same frames with the same times, always.
//
// A Film is used by one goroutine; Release may be called by any.
type Film struct {
	ctx    context.Context
	path   string
	pace   pace
	run    *process
	nut    *nutReader
	pool   pool
	base   time.Time // Taken of a frame with timestamp first
	first  int64     // timestamp of the first frame of this pass, microseconds
	last   int64     // of the last frame read
	step   int64     // between the last two
	number int       // of the last frame read
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

// demuxers are the containers that a film may come in. It leaves out those that
// can name other files.
const demuxers = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,h264,hevc,mjpeg,flv,asf,ivf,ogg,nut"

func (f *Film) start() error {
	run, err := startFFmpeg(f.ctx, []string{
		"-threads", "1", "-max_pixels", "67108864",
		"-protocol_whitelist", "file", "-format_whitelist", demuxers,
		"-i", "file:" + f.path,
	}, f.path)
	if err != nil {
		return fmt.Errorf("film %s: %w", f.path, err)
	}
	nut, err := newNUTReader(run.Out)
	if err == nil {
		err = checkSize(nut.width, nut.height)
	}
	if err != nil {
		why := run.end()
		if why == "" || !errors.Is(err, io.EOF) {
			why = err.Error()
		}
		return city.Errorf(city.Invalid, "film %s: no picture can be decoded: %s", f.path, why)
	}
	f.run, f.nut, f.number, f.passes = run, nut, -1, f.passes+1
	f.first, f.step = math.MinInt64, 0
	f.pace.set = false
	return nil
}

// Size returns the width and height of every frame in pixels.
func (f *Film) Size() (width, height int) { return f.nut.width, f.nut.height }

// Number returns which of the film's frames Next returned last, from 0.
func (f *Film) Number() int { return f.number }

// Pass returns which showing of the film this is, from 1.
func (f *Film) Pass() int { return f.passes }

// Next returns the next frame at the film's rate, and io.EOF after the last. The
// caller may keep the frame, or give it to Release. A film that is broken in the
// middle gives what ffmpeg makes of it, without an error.
func (f *Film) Next() (*frame.Frame, error) {
	for {
		micros, size, err := f.nut.next()
		if errors.Is(err, io.EOF) && f.ctx.Err() == nil {
			return nil, io.EOF
		}
		if err == nil && size != frameBytes(f.nut.width, f.nut.height) {
			err = fmt.Errorf("%w: a frame of %d bytes", errNUT, size)
		}
		if err != nil {
			return nil, f.broken(err)
		}
		f.number++
		if f.first == math.MinInt64 {
			f.first = micros
		} else {
			f.step = micros - f.last
		}
		f.last = micros
		pts := time.Duration(micros-f.first) * time.Microsecond
		if !f.pace.take(pts) {
			if _, err := f.nut.r.Discard(size); err != nil {
				return nil, f.broken(err)
			}
			continue
		}
		got := f.pool.get(f.nut.width, f.nut.height)
		if err := readFrame(f.nut.r, got); err != nil {
			return nil, f.broken(err)
		}
		got.Taken, got.Stream = f.base.Add(pts), 1
		return got, nil
	}
}

func (f *Film) broken(err error) error {
	if f.ctx.Err() != nil {
		return f.ctx.Err()
	}
	if why := f.run.end(); why != "" {
		err = fmt.Errorf("%w: %s", err, why)
	}
	return fmt.Errorf("film %s after frame %d: %w", f.path, f.number, err)
}

// Again starts the film from its first frame. Times go on: the first frame is
// taken one frame interval after the last.
func (f *Film) Again() error {
	f.run.end()
	f.base = f.base.Add(time.Duration(f.last-f.first+f.step) * time.Microsecond)
	return f.start()
}

// Release takes a frame back for reuse; the caller must not touch it again.
// Giving frames back is not needed but spares memory.
func (f *Film) Release(got *frame.Frame) { f.pool.put(got) }

// Close ends the decoder.
func (f *Film) Close() error {
	f.run.end()
	return nil
}
