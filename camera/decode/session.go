package decode

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"polity/camera/stream"
	"polity/internal/ffmpeg"
)

// errMissing is why no decoder will ever start.
var errMissing = ffmpeg.ErrMissing

// session is one ffmpeg: the units of one stream go in, as IVF, and frames come
// out, as NUT. IVF is used since it delimits access units by itself, with their
// timestamps: the decoder need not wait for the next unit to know that one is
// whole, and each frame comes out with the timestamp of its own unit.
type session struct {
	d      *Decoder
	codec  stream.Codec
	stream int
	frames int
	over   atomic.Bool // all units of the stream have gone in

	mu      sync.Mutex
	waiting []stamp // units that went in and whose frames are wanted and did not come out
	choice  choice
	since   time.Time // when the first of them went in, or a frame came after it
	fed     time.Time // when the last unit began to go in, or the input was closed
	feeding bool      // a unit is going in
	closed  bool      // the input is closed: what is left must come out
	hangs   atomic.Bool
}

// stamp is a unit's timestamp in microseconds and what it means.
type stamp struct {
	micros int64
	taken  time.Time
	// chosen says that the rate takes its frame; otherwise that is to be asked when
	// the frame comes. before is how many units before it were left out.
	chosen bool
	before int
}

// maxWaiting bounds the stamps kept of units that gave no frame.
const maxWaiting = 512

// decoders are ffmpeg's names.
func decoderOf(c stream.Codec) string {
	switch c {
	case stream.H264:
		return "h264"
	case stream.H265:
		return "hevc"
	case stream.MJPEG:
		return "mjpeg"
	}
	return "none"
}

// run decodes from first until the stream ends in favour of another (nil), the
// decoder ends or must be ended (why), or ctx ends.
func (s *session) run(ctx context.Context, first *stream.Unit) error {
	if pixels := first.Width * first.Height; pixels > s.d.cfg.MaxPixels {
		s.d.queue.restart()
		return fmt.Errorf("pictures of %d x %d are larger than %d pixels", first.Width, first.Height, s.d.cfg.MaxPixels)
	}
	pixels := s.mostPixels(first)
	run, err := ffmpeg.Start(ctx, ffmpeg.Limits{Memory: memoryFor(pixels)}, append([]string{
		// -probesize keeps ffmpeg from collecting seconds of video to look at first.
		"-threads", "1", "-probesize", "32", "-max_pixels", strconv.Itoa(pixels), "-noautorotate",
		"-c:v", decoderOf(s.codec), "-f", "ivf", "-i", "pipe:0",
	}, output(leaveOut)...))
	if err != nil {
		return err
	}
	s.d.started(run)
	inside, cancel := context.WithCancel(ctx)
	defer cancel()
	var feeding sync.WaitGroup
	feeding.Go(func() {
		s.feed(inside, run, first)
		s.mu.Lock()
		s.closed, s.fed = true, time.Now()
		s.mu.Unlock()
		run.In.Close() // ffmpeg gives out what it holds, and ends
	})
	feeding.Go(func() { s.watch(inside, run) })
	err = s.read(run)
	var exit error
	if errors.Is(err, errEnded) {
		exit = run.Ended()
	}
	cancel()
	said := run.End()
	feeding.Wait()
	switch {
	case errors.Is(err, errChanged):
		return nil
	case said != "":
		return fmt.Errorf("%w: %s", err, said)
	case exit != nil:
		return fmt.Errorf("%w: %w", err, exit)
	}
	return err
}

// mostPixels is as much as this stream's pictures may have: what it says of itself,
// and the blocks that codecs add at the edges.
func (s *session) mostPixels(first *stream.Unit) int {
	const block = 64 // the largest, of H.265
	if first.Width == 0 || first.Height == 0 {
		return s.d.cfg.MaxPixels
	}
	return (first.Width + 2*block) * (first.Height + 2*block)
}

// memoryFor bounds a decoder's memory: what it fills without a picture (40 MiB was
// measured), and 24 pictures (16 references and some in flight).
func memoryFor(pixels int) uint64 { return 256<<20 + 24*uint64(pixels)*3/2 }

var (
	errChanged = errors.New("another stream begins")
	errEnded   = errors.New("the decoder ended")
	errHangs   = errors.New("the decoder gave no frame in time")
)

// feed writes units until the stream changes.
func (s *session) feed(ctx context.Context, run *ffmpeg.Process, first *stream.Unit) {
	header := make([]byte, 32)
	copy(header, "DKIF")
	binary.LittleEndian.PutUint16(header[6:], uint16(len(header)))
	copy(header[8:], "H264") // not looked at: the decoder is named
	binary.LittleEndian.PutUint16(header[12:], uint16(first.Width))
	binary.LittleEndian.PutUint16(header[14:], uint16(first.Height))
	binary.LittleEndian.PutUint32(header[16:], 1_000_000) // timestamps are microseconds
	binary.LittleEndian.PutUint32(header[20:], 1)
	buf := header
	for {
		u, err := s.d.queue.peek(ctx)
		if err != nil {
			return
		}
		if u.Stream != s.stream || u.Codec != s.codec {
			s.over.Store(true)
			return
		}
		if !s.d.queue.take(u) {
			continue
		}
		micros := s.expect((u.PTS + ptsBase).Microseconds(), u.Taken)
		buf = slices.Grow(buf, 12+u.Size()) // so that nothing of it is left behind on the way
		at := len(buf)
		buf = append(buf, make([]byte, 12)...)
		binary.LittleEndian.PutUint64(buf[at+4:], uint64(micros))
		buf = u.AppendAnnexB(buf)
		s.d.queue.spent(u)
		binary.LittleEndian.PutUint32(buf[at:], uint32(len(buf)-at-12))
		_, err = run.In.Write(buf)
		clear(buf)
		s.mu.Lock()
		s.feeding = false
		s.mu.Unlock()
		if err != nil {
			return // it has ended; the reader knows why
		}
		buf = buf[:0]
	}
}

// ptsBase keeps timestamps above zero, also those of B-frames before the first.
const ptsBase = time.Minute

// expect takes note of a unit that goes in and returns the timestamp to give it.
func (s *session) expect(micros int64, taken time.Time) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fed, s.feeding = time.Now(), true
	if s.since.IsZero() || len(s.waiting) == 0 {
		s.since = s.fed
	}
	micros, ahead := s.choice.fed(micros, taken, len(s.waiting))
	if ahead {
		taken = s.choice.taken
		if !s.d.wants(taken) {
			s.choice.left++
			return micros
		}
	}
	if len(s.waiting) == maxWaiting {
		s.waiting = append(s.waiting[:0], s.waiting[1:]...)
	}
	micros |= wanted
	s.waiting = append(s.waiting, stamp{micros: micros, taken: taken, chosen: ahead, before: s.choice.left})
	s.choice.left = 0
	return micros
}

// came finds the unit of the frame with a timestamp and forgets it and those
// before: frames come in order of time. The stamp's before counts all that were
// left out; ok is false for a frame of no unit.
func (s *session) came(micros int64) (found stamp, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.since = time.Now()
	best, left, passed := int64(-1), 0, 0
	kept := s.waiting[:0]
	for _, w := range s.waiting {
		if w.micros > micros {
			kept = append(kept, w)
			continue
		}
		passed++
		left += w.before
		if w.micros > best {
			best, found, ok = w.micros, w, true
		}
	}
	s.waiting = kept
	found.before = left
	s.choice.came(passed == 1 && best == micros)
	return found, ok
}

// overdue says that the decoder hangs: units have gone in for long without a frame,
// or one does not go in, or it does not end. A camera that sends nothing more is no
// fault of the decoder.
func (s *session) overdue() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	limit := s.d.cfg.Patience
	if s.feeding || s.closed {
		return time.Since(s.fed) > limit && time.Since(s.since) > limit
	}
	return len(s.waiting) > 0 && s.fed.Sub(s.since) > limit
}

// watch kills a decoder that hangs.
func (s *session) watch(ctx context.Context, run *ffmpeg.Process) {
	for sleep(ctx, s.d.cfg.Patience/4) {
		if s.overdue() {
			s.hangs.Store(true)
			run.Kill()
			return
		}
	}
}

// read takes frames until there are no more and says why.
func (s *session) read(run *ffmpeg.Process) error {
	nut, err := ffmpeg.NewNUT(run.Out)
	if err == nil {
		err = checkSize(nut.Width, nut.Height)
	}
	for err == nil {
		var micros int64
		var size int
		if micros, size, err = nut.Next(); err != nil {
			break
		}
		if size != frameBytes(nut.Width, nut.Height) {
			return fmt.Errorf("%w: a frame of %d bytes", ffmpeg.ErrNUT, size)
		}
		f := s.d.pool.get(nut.Width, nut.Height)
		if err = readFrame(nut, f); err != nil {
			break
		}
		unit, ok := s.came(micros)
		if !ok {
			s.d.pool.put(f)
			continue
		}
		s.frames += 1 + unit.before
		s.d.deliver(f, s.stream, unit)
	}
	switch {
	case s.hangs.Load():
		return errHangs
	case errors.Is(err, io.EOF) && s.over.Load():
		return errChanged
	case errors.Is(err, io.EOF):
		return errEnded
	}
	return err
}
