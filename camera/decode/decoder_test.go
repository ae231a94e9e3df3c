package decode_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"polity/camera/decode"
	"polity/camera/frame"
	"polity/camera/stream"
	"polity/camera/wire"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// unitsOf reads a test film and gives each unit its time.
func unitsOf(t testing.TB, path string) []*stream.Unit {
	t.Helper()
	film, err := stream.OpenFilm(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer film.Close()
	var units []*stream.Unit
	for {
		u, err := film.Next()
		if errors.Is(err, io.EOF) {
			return units
		}
		if err != nil {
			t.Fatal(err)
		}
		u.Taken = noon.Add(u.PTS)
		units = append(units, u)
	}
}

// start runs a decoder until the test's end.
func start(t testing.TB, cfg decode.Config) *decode.Decoder {
	t.Helper()
	d := decode.New(cfg)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the decoder ended: %v", err)
		}
	})
	return d
}

// next waits for a frame; the time only bounds a failure.
func next(t testing.TB, d *decode.Decoder) *frame.Frame {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	f, err := d.Next(ctx)
	if err != nil {
		t.Fatalf("no frame: %v; %+v", err, d.State())
	}
	return f
}

func lumaIs(t testing.TB, f *frame.Frame, n int) {
	t.Helper()
	if got, want := int(f.Y[len(f.Y)/2+f.Width/2]), 16+10*n; max(got-want, want-got) > 3 {
		t.Errorf("frame %d: luma %d, want %d", n, got, want)
	}
}

// TestNoFrameOfDelay gives a unit only after the frame of the one before came out.
func TestNoFrameOfDelay(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
	}{
		{"h264.mp4", []string{"-c:v", "libx264", "-bf", "0", "-g", "10"}},
		{"h264-slices.mp4", []string{"-c:v", "libx264", "-bf", "0", "-g", "10", "-slices", "4"}},
		{"h265.mkv", []string{"-c:v", "libx265", "-x265-params", "bframes=0:keyint=10:log-level=error"}},
		{"full-range.mp4", []string{"-vf", "scale=out_range=pc", "-c:v", "libx264", "-qp", "0", "-bf", "0", "-pix_fmt", "yuvj420p"}},
		{"mjpeg.avi", []string{"-c:v", "mjpeg", "-q:v", "1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := start(t, decode.Config{})
			for n, u := range unitsOf(t, testFilm(t, c.name, c.args...)) {
				d.Push(u)
				f := next(t, d)
				lumaIs(t, f, n)
				if !f.Taken.Equal(u.Taken) || f.Stream != 1 || f.Width != 64 || f.Height != 48 {
					t.Fatalf("frame %d: %d x %d, stream %d, taken %v, want %v", n, f.Width, f.Height, f.Stream, f.Taken, u.Taken)
				}
				d.Release(f)
			}
			s := d.State()
			if s.Decoded != 20 || s.Handed != 20 || s.Restarts != 0 || s.Failing || s.Shields&wire.Seccomp == 0 || s.Shields&wire.MemoryBounded == 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestBFramesComeInOrderOfTime(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
	}{
		{"h264.mp4", []string{"-c:v", "libx264", "-bf", "3", "-b_strategy", "0", "-g", "20", "-sc_threshold", "0"}},
		{"h265.mkv", []string{"-c:v", "libx265", "-x265-params", "bframes=3:keyint=20:log-level=error"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			units := unitsOf(t, testFilm(t, c.name, c.args...))
			d := start(t, decode.Config{})
			reordered, last := false, -1
			for i, u := range units {
				reordered = reordered || i > 0 && u.PTS < units[i-1].PTS
				d.Push(u)
				if i < 4 { // as many may stay in the decoder
					continue
				}
				f := next(t, d) // frames come in bursts: some are left out
				n := int((f.Taken.Sub(noon) + 50*time.Millisecond) / (100 * time.Millisecond))
				lumaIs(t, f, n)
				if n <= last || f.Taken.Sub(noon.Add(time.Duration(n)*100*time.Millisecond)).Abs() > 2*time.Millisecond {
					t.Errorf("frame %d after %d, taken at %v", n, last, f.Taken.Sub(noon))
				}
				if last = n; n >= 16 {
					break
				}
			}
			if !reordered {
				t.Error("the test film has no B-frames")
			}
		})
	}
}

func TestRateIsKept(t *testing.T) {
	units := unitsOf(t, testFilm(t, "a.mp4", "-c:v", "libx264", "-bf", "0"))
	d := start(t, decode.Config{Rate: 5})
	for n, u := range units {
		d.Push(u)
		if n%2 == 0 {
			f := next(t, d)
			lumaIs(t, f, n)
		}
	}
	waitFor(t, "all units", func() bool { return d.State().Decoded == 20 })
	if s := d.State(); s.Handed != 10 || s.Late != 0 {
		t.Errorf("%+v", s)
	}
}

func waitFor(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// TestOldestFrameGivesWay has a taker that comes late.
func TestOldestFrameGivesWay(t *testing.T) {
	units := unitsOf(t, testFilm(t, "a.mp4", "-c:v", "libx264", "-bf", "0"))
	d := start(t, decode.Config{})
	for n, u := range units {
		d.Push(u)
		waitFor(t, "a frame", func() bool { return d.State().Decoded == uint64(n+1) })
	}
	lumaIs(t, next(t, d), 18)
	lumaIs(t, next(t, d), 19)
	if s := d.State(); s.Late != 18 {
		t.Errorf("%+v", s)
	}
}

// TestQueueIsBounded pushes faster than anything could decode.
func TestQueueIsBounded(t *testing.T) {
	units := unitsOf(t, testFilm(t, "a.mp4", "-c:v", "libx264", "-bf", "0", "-g", "10"))
	d := decode.New(decode.Config{}) // does not run: nothing is decoded
	for n := range 100_000 {
		d.Push(units[n%20])
	}
	if s := d.State(); s.Skipped < 99_900 {
		t.Errorf("%+v", s)
	}
}

func TestSizeAndCodecChange(t *testing.T) {
	small := unitsOf(t, testFilm(t, "a.mp4", "-c:v", "libx264", "-bf", "0"))
	large := unitsOf(t, testFilm(t, "b.mp4", "-vf", "scale=128:96", "-c:v", "libx264", "-bf", "0"))
	other := unitsOf(t, testFilm(t, "c.avi", "-c:v", "mjpeg", "-q:v", "1"))
	d := start(t, decode.Config{})
	at := noon
	for part, units := range [][]*stream.Unit{small, large, other, large} {
		for n, u := range units[:10] {
			u := *u
			u.Stream, u.Taken = part+1, at
			at = at.Add(100 * time.Millisecond)
			d.Push(&u)
			f := next(t, d)
			lumaIs(t, f, n)
			if f.Stream != part+1 || f.Width != u.Width || !f.Taken.Equal(u.Taken) {
				t.Fatalf("part %d, frame %d: stream %d, %d x %d", part, n, f.Stream, f.Width, f.Height)
			}
		}
	}
	if s := d.State(); s.Restarts != 0 {
		t.Errorf("%+v", s)
	}
}

func TestTooLargeIsRefused(t *testing.T) {
	units := unitsOf(t, testFilm(t, "a.mp4", "-c:v", "libx264", "-bf", "0"))
	d := start(t, decode.Config{MaxPixels: 64*48 - 1, FirstWait: time.Millisecond})
	d.Push(units[0])
	waitFor(t, "the refusal", func() bool { return d.State().Failing })
	if s := d.State(); s.Reason != "pictures of 64 x 48 are larger than 3071 pixels" || s.Decoded != 0 {
		t.Errorf("%+v", s)
	}
}

// TestKilledDecoderIsStartedAgain kills ffmpeg, as the kernel does when memory is
// short.
func TestKilledDecoderIsStartedAgain(t *testing.T) {
	units := unitsOf(t, testFilm(t, "a.mp4", "-c:v", "libx264", "-bf", "0", "-g", "5"))
	d := start(t, decode.Config{FirstWait: time.Millisecond, LastWait: 10 * time.Millisecond})
	n := 0
	frames := func(what string) {
		from := d.State().Decoded
		waitFor(t, what, func() bool {
			d.Push(units[n%20])
			n++
			return d.State().Decoded >= from+3
		})
	}
	for range 5 {
		frames("frames before it")
		before := d.State().Restarts
		d.KillDecoder()
		waitFor(t, "the restart's count", func() bool { return d.State().Restarts == before+1 })
		if why := d.State().Reason; why != "the decoder ended: signal: killed" {
			t.Errorf("reason %q", why)
		}
	}
	frames("frames after it")
	if s := d.State(); s.Failing || s.Reason != "" || s.Restarts != 5 {
		t.Errorf("%+v", s)
	}
}

// corpus makes hostile streams out of a good one.
func corpus(t testing.TB, r *rand.Rand) map[string][]*stream.Unit {
	good := unitsOf(t, testFilm(t, "a.mp4", "-c:v", "libx264", "-bf", "0", "-g", "5"))
	other := unitsOf(t, testFilm(t, "b.mp4", "-vf", "scale=320:240", "-c:v", "libx264", "-bf", "2", "-g", "5"))
	hevc := unitsOf(t, testFilm(t, "c.mkv", "-c:v", "libx265", "-x265-params", "keyint=5:log-level=error"))
	each := func(units []*stream.Unit, change func(n int, nal []byte) []byte) []*stream.Unit {
		var out []*stream.Unit
		for n, u := range units {
			c := *u
			c.NALs = nil
			for _, nal := range u.NALs {
				c.NALs = append(c.NALs, change(n, append([]byte(nil), nal...)))
			}
			out = append(out, &c)
		}
		return out
	}
	flips := func(share float64, from int) func(int, []byte) []byte {
		return func(_ int, nal []byte) []byte {
			for i := from; i < len(nal); i++ {
				if r.Float64() < share {
					nal[i] ^= 1 << r.IntN(8)
				}
			}
			return nal
		}
	}
	noise := func(_ int, nal []byte) []byte {
		b := make([]byte, 1+r.IntN(5000))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		b[0] = nal[0]
		return b
	}
	spliced := append([]*stream.Unit(nil), good...)
	for i := range spliced {
		if i%3 == 1 {
			c := *other[i] // claims nothing of its size
			c.Stream, c.Width, c.Height = 1, 64, 48
			spliced[i] = &c
		}
	}
	// A huge picture: an SPS of 8192 x 8192 that the unit does not tell.
	huge := each(good, func(_ int, nal []byte) []byte {
		if nal[0]&0x1f == 7 {
			return []byte{0x67, 0x42, 0x00, 0x33, 0xf8, 0x04, 0x00, 0x10, 0x00, 0x08} // baseline, 512 x 512 macroblocks
		}
		return nal
	})
	return map[string][]*stream.Unit{
		"few bits flipped":  each(good, flips(.0005, 1)),
		"many bits flipped": each(good, flips(.02, 0)),
		"slices' bits flipped": each(good, func(n int, nal []byte) []byte {
			if k := nal[0] & 0x1f; k == 7 || k == 8 {
				return nal
			}
			return flips(.01, 4)(n, nal)
		}),
		"H.265 bits flipped":  each(hevc, flips(.01, 2)),
		"truncated":           each(good, func(_ int, nal []byte) []byte { return nal[:1+r.IntN(len(nal))] }),
		"parameter sets only": each(good, func(int, []byte) []byte { return []byte{0x67 | byte(r.IntN(2)), 1, 2, 3} }),
		"noise":               each(good, noise),
		"H.265 noise":         each(hevc, noise),
		"spliced":             spliced,
		"huge":                huge,
		"empty":               each(good, func(int, []byte) []byte { return nil }),
		"start codes":         each(good, func(int, []byte) []byte { return make([]byte, 3000) }),
	}
}

// corpora counts the corpora made, so that -count=N tries N of them.
var corpora atomic.Uint64

// TestHostileStreams feeds the corpus. The decoder may die; we go on, within
// bounds, and good video after it is decoded again.
func TestHostileStreams(t *testing.T) {
	seed := 20261122 + corpora.Add(1)
	good := unitsOf(t, testFilm(t, "good.mp4", "-c:v", "libx264", "-bf", "0", "-g", "5"))
	for name, units := range corpus(t, rand.New(rand.NewPCG(seed, 0))) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := start(t, decode.Config{
				MaxPixels: 1 << 20, FirstWait: 50 * time.Millisecond, LastWait: 200 * time.Millisecond, Patience: 5 * time.Second,
			})
			var frames []*frame.Frame
			take := func() {
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
				defer cancel()
				if f, err := d.Next(ctx); err == nil {
					frames = append(frames, f)
				}
			}
			began := time.Now()
			for round := range 5 {
				for _, u := range units {
					c := *u
					c.Taken = noon.Add(time.Duration(round)*2*time.Second + u.PTS)
					d.Push(&c)
					take()
				}
			}
			if most := uint32(time.Since(began)/(45*time.Millisecond)) + 1; d.State().Restarts > most {
				t.Errorf("%d restarts", d.State().Restarts)
			}
			before := d.State()
			n := 0
			waitFor(t, "good frames after it", func() bool {
				c := *good[n%20]
				c.Stream, c.Taken = 2, noon.Add(time.Minute+time.Duration(n)*100*time.Millisecond)
				n++
				d.Push(&c)
				take()
				return len(frames) > 0 && frames[len(frames)-1].Taken.After(noon.Add(time.Minute))
			})
			var last *frame.Frame
			for i, f := range frames {
				if f.Width < 16 || f.Height < 16 || f.Width*f.Height > 1<<20 || len(f.Y) != f.Width*f.Height {
					t.Fatalf("frame %d: %d x %d", i, f.Width, f.Height)
				}
				if last != nil && f.Stream == last.Stream && f.Taken.Before(last.Taken) {
					t.Fatalf("frame %d was taken before the one before it", i)
				}
				last = f
			}
			if good := frames[len(frames)-1]; good.Width != 64 || good.Height != 48 {
				t.Errorf("recovered to %d x %d", good.Width, good.Height)
			}
			t.Logf("%d units: %d frames, %d restarts; last reason %q", 5*len(units), before.Decoded, before.Restarts, before.Reason)
		})
	}
}

// TestNoiseAsACameraSendsIt puts noise under the headers of good NAL units through
// the same assembler as a camera's, and sees frames once it ends.
func TestNoiseAsACameraSendsIt(t *testing.T) {
	units := unitsOf(t, testFilm(t, "a.mp4", "-c:v", "libx264", "-bf", "0", "-g", "5"))
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(seed, 1))
		a := stream.NewAssembler(stream.H264, 0)
		d := start(t, decode.Config{FirstWait: 20 * time.Millisecond, LastWait: 200 * time.Millisecond, Patience: time.Second})
		n := 0
		feed := func(noise bool) {
			var nals [][]byte
			for _, nal := range units[n%20].NALs {
				nal = append([]byte(nil), nal...)
				for i := 1; noise && i < len(nal); i++ {
					nal[i] = byte(r.Uint32())
				}
				nals = append(nals, nal)
			}
			at := time.Duration(n) * 100 * time.Millisecond
			n++
			got, err := a.Add(nals, at, noon.Add(at))
			if err != nil && !errors.Is(err, stream.ErrBad) {
				t.Fatal(err)
			}
			for _, u := range got {
				u.Taken = noon.Add(at)
				d.Push(u)
			}
		}
		for range 100 {
			feed(true)
		}
		from := d.State().Decoded
		waitFor(t, "frames after the noise", func() bool { feed(false); return d.State().Decoded >= from+10 })
	}
}
