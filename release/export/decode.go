package export

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"polity/city"
	"polity/internal/ffmpeg"
	"polity/recording/segment"
)

// decoding is how a segment's film becomes pictures: as they come, none invented where
// something is damaged, brightness 16 to 235, sides even.
var decoding = []string{
	"-threads", "1", "-max_pixels", ffmpeg.MaxPixels, "-protocol_whitelist", "pipe", "-format_whitelist", "mov,mp4,m4a,3gp,3g2,mj2",
	"-err_detect", "explode", "-flags", "-output_corrupt", "-noautorotate", "-ignore_editlist", "1", "-f", "mp4", "-i", "pipe:0",
	"-map", "0:v:0", "-filter_threads", "1", "-vf", "crop=trunc(iw/2)*2:trunc(ih/2)*2:0:0,scale=out_range=tv", "-pix_fmt", "yuv420p",
	"-threads", "1", "-fps_mode", "passthrough", "-copyts", "-enc_time_base", "1:1000000", "-c:v", "rawvideo", "-f", "nut", "-write_index", "0", "pipe:1",
}

// shot is a picture that a segment holds.
type shot struct {
	ms     int64 // when it was taken, since 1970
	micros int64 // in the segment's own film
	key    bool
	until  int64 // ms at which it ends
}

// reel is what is in an opened segment.
type reel struct {
	film  *Film
	bytes []byte
	shots []shot // in the order in which they are shown
}

// errUnreadable is why a segment is grey.
var errUnreadable = errors.New("the segment does not open")

// unreel reads a segment's plaintext and lists its pictures.
func unreel(s *Segment) (*reel, error) {
	if s.Open == nil {
		return nil, errUnreadable
	}
	from, err := s.Open()
	if err != nil {
		return nil, errors.Join(errUnreadable, err)
	}
	defer from.Close()
	r := &reel{}
	r.bytes, err = io.ReadAll(io.LimitReader(from, segment.MaxSize+1))
	cut := err != nil // what came before is genuine, but it is not all
	if len(r.bytes) > segment.MaxSize || (cut && s.Trailer.State != segment.Cut) {
		r.wipe()
		return nil, errors.Join(errUnreadable, err)
	}
	var samples []Sample
	r.film, err = Inspect(bytes.NewReader(r.bytes), func(one Sample) error {
		samples = append(samples, one)
		return nil
	})
	if len(samples) == 0 || (err != nil && s.Trailer.State != segment.Cut) {
		r.wipe()
		return nil, errors.Join(errUnreadable, err)
	}
	if r.film == nil { // of a cut segment, up to where it was cut
		r.film, err = Inspect(bytes.NewReader(head(r.bytes)), nil)
	}
	if err != nil || r.film.Width > 8192 || r.film.Height > 8192 {
		r.wipe()
		return nil, errors.Join(errUnreadable, err)
	}
	slices.SortStableFunc(samples, func(a, b Sample) int { return cmp.Compare(a.Shown, b.Shown) })
	first, start, scale := samples[0].Shown, s.Header.Start.UnixMilli(), r.film.TimeScale
	for _, one := range samples {
		r.shots = append(r.shots, shot{
			ms: start + (one.Shown-first)*1000/scale, micros: one.Shown * 1_000_000 / scale, key: one.Key,
			until: start + (one.Shown-first+one.Duration)*1000/scale,
		})
	}
	return r, nil
}

// head is a film's beginning, before its first fragment.
func head(film []byte) []byte {
	b := boxes(film)
	for range 2 {
		if _, _, err := b.next(); err != nil {
			return film
		}
	}
	return film[:len(film)-len(b)]
}

// wipe overwrites the plaintext.
func (r *reel) wipe() {
	clear(r.bytes[:cap(r.bytes)])
	r.bytes = nil
}

// patience is how long decoding one segment may take before what is left of it is grey:
// some hundred times what a segment of six seconds needs.
const patience = 10 * time.Minute

// tolerance is how much decoding may move a time by rounding, microseconds.
const tolerance = 1000

// play decodes a reel and hands on each of its pictures in order: nil for one that does
// not decode, or that comes after such a one and before the next that stands by itself.
// It says whether all decoded. The picture is good until each returns.
func (r *reel) play(ctx context.Context, each func(s shot, p *picture) error) (all bool, err error) {
	inside, stop := context.WithTimeout(ctx, patience)
	defer stop()
	run, err := ffmpeg.Start(inside, ffmpeg.Limits{}, decoding)
	if err != nil {
		return false, err
	}
	var feeding sync.WaitGroup
	feeding.Go(func() {
		_, _ = run.In.Write(r.bytes) // an ffmpeg that has ended: its pictures are missing then
		run.In.Close()
	})
	defer feeding.Wait()
	defer run.End()
	p := newPicture(r.film.Width&^1, r.film.Height&^1)
	next, sound, all := 0, true, true
	missed := func(until int) error {
		for ; next < until; next++ {
			sound, all = false, false
			if err := each(r.shots[next], nil); err != nil {
				return err
			}
		}
		return nil
	}
	nut, err := ffmpeg.NewNUT(run.Out)
	if err == nil && (nut.Width != p.width || nut.Height != p.height) {
		err = fmt.Errorf("pictures of %d x %d", nut.Width, nut.Height)
	}
	for err == nil && next < len(r.shots) {
		var micros int64
		var size int
		if micros, size, err = nut.Next(); err != nil {
			break
		}
		at := next
		for at < len(r.shots) && r.shots[at].micros < micros-tolerance {
			at++
		}
		if at == len(r.shots) || r.shots[at].micros > micros+tolerance || size != len(p.data) {
			continue // it belongs to no time
		}
		if _, err = io.ReadFull(nut, p.data); err != nil {
			break
		}
		if err := missed(at); err != nil {
			return false, err
		}
		sound = sound || r.shots[at].key
		shown := p
		if !sound {
			shown = nil
		}
		if err := each(r.shots[at], shown); err != nil {
			return false, err
		}
		next = at + 1
	}
	clear(p.data)
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	return all, missed(len(r.shots))
}

// version asks ffmpeg for the first line of what it says of itself.
func version(ctx context.Context) (string, error) {
	run, err := ffmpeg.Start(ctx, ffmpeg.Limits{}, []string{"-version"})
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(io.LimitReader(run.Out, 64<<10))
	run.End()
	line, _, _ := strings.Cut(string(text), "\n")
	line, _, _ = strings.Cut(line, " Copyright")
	if line = printable(line); err != nil || line == "" {
		return "", city.Errorf(city.Unavailable, "ffmpeg does not say which version it is: install your system's package ffmpeg anew")
	}
	return line, nil
}

// printable keeps the printable ASCII of foreign text, 200 characters at most.
func printable(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, text)
	return text[:min(len(text), 200)]
}
