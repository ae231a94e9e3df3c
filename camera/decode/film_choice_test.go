package decode_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"polity/camera/decode"
	"polity/camera/frame"
	"polity/internal/ffmpeg"
)

// showing is what a Film gave.
type showing struct {
	numbers []int
	frames  []*frame.Frame
	again   time.Time // Taken of the first frame of the next pass
}

func show(t *testing.T, path string, fps float64) showing {
	t.Helper()
	film, err := decode.OpenFilm(t.Context(), path, fps)
	if err != nil {
		t.Fatal(err)
	}
	defer film.Close()
	var s showing
	for {
		f, err := film.Next()
		switch {
		case errors.Is(err, io.EOF) && film.Pass() == 1:
			if err := film.Again(); err != nil {
				t.Fatal(err)
			}
		case err != nil:
			t.Fatalf("at %g, after %d frames: %v", fps, len(s.frames), err)
		case film.Pass() == 2:
			s.again = f.Taken
			return s
		default:
			s.numbers, s.frames = append(s.numbers, film.Number()), append(s.frames, f)
		}
	}
}

// spliced is a transport stream whose timestamps begin anew in the middle.
func spliced(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(testFilm(t, "a.ts", "-c:v", "libx264", "-bf", "0", "-g", "5"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "spliced.ts")
	if err := os.WriteFile(path, append(b, b...), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestFilmLeavesOutWhatTheRateDoes shows films of all kinds of timing whole, chooses
// among their frames, and expects a film at a rate to give just those.
func TestFilmLeavesOutWhatTheRateDoes(t *testing.T) {
	lossless := []string{"-c:v", "ffv1"}
	with := func(how string, codec ...string) []string {
		return append([]string{"-vf", how, "-fps_mode", "passthrough", "-enc_time_base", "1:90000"}, codec...)
	}
	h264 := []string{"-c:v", "libx264", "-qp", "0", "-bf", "0"}
	for name, path := range map[string]string{
		"steady":            testFilm(t, "a.mkv", lossless...),
		"25 a second":       testFilm(t, "25.mp4", with("setpts=N/25/TB", h264...)...),
		"29.97 a second":    testFilm(t, "2997.mp4", with("setpts=N*1001/30000/TB", h264...)...),
		"jitter":            testFilm(t, "jitter.mp4", with("setpts=(N+0.6*random(1))*0.1/TB", h264...)...),
		"frames that lack":  testFilm(t, "lack.mp4", with("select='gt(random(2),0.4)+eq(n,0)'", h264...)...),
		"gaps":              testFilm(t, "gaps.mp4", with("setpts='(N*0.1+11*floor(N/7))/TB'", h264...)...),
		"late start":        testFilm(t, "late.mp4", with("setpts='(1000+N*0.1)/TB'", h264...)...),
		"B-frames":          testFilm(t, "b.mp4", "-c:v", "libx264", "-qp", "0", "-bf", "3"),
		"full range":        testFilm(t, "full.mp4", "-vf", "scale=out_range=pc", "-c:v", "libx264", "-qp", "0", "-pix_fmt", "yuvj420p"),
		"4:4:4 in ten bits": testFilm(t, "444.mkv", "-vf", "scale=out_range=pc", "-c:v", "ffv1", "-pix_fmt", "yuv444p10le", "-color_range", "pc"),
		"of odd size":       testFilm(t, "odd.avi", "-vf", "scale=65:49", "-c:v", "mjpeg", "-q:v", "1"),
		"spliced":           spliced(t),
		"one frame":         testFilm(t, "one.mkv", "-frames:v", "1", "-c:v", "ffv1"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			whole := show(t, path, 0)
			var pts []time.Duration
			for _, f := range whole.frames {
				pts = append(pts, f.Taken.Sub(decode.FilmStart))
			}
			for _, rate := range []float64{0.3, 5, 7.3, 20} {
				chosen, got := decode.Chosen(rate, pts), show(t, path, rate)
				at := 0
				for i, want := range whole.frames {
					if !chosen[i] {
						continue
					}
					if at == len(got.frames) {
						t.Fatalf("at %g: only %d frames", rate, at)
					}
					f := got.frames[at]
					if got.numbers[at] != i || !f.Taken.Equal(want.Taken) {
						t.Fatalf("at %g, frame %d: number %d taken at %v, want %d at %v", rate, at, got.numbers[at], f.Taken, i, want.Taken)
					}
					if !bytes.Equal(f.Y, want.Y) || !bytes.Equal(f.U, want.U) || !bytes.Equal(f.V, want.V) {
						t.Fatalf("at %g, frame %d: another picture", rate, at)
					}
					at++
				}
				if at != len(got.frames) || !got.again.Equal(whole.again) {
					t.Errorf("at %g: %d frames, want %d; the next pass at %v, want %v", rate, len(got.frames), at, got.again, whole.again)
				}
			}
		})
	}
}

// TestFFmpegChoosesAsPace gives ffmpeg's filter and pace the same timestamps, also
// such as fall on the edges of intervals.
func TestFFmpegChoosesAsPace(t *testing.T) {
	for _, c := range []struct {
		timing string // of frame N, microseconds
		rates  []float64
	}{
		{"40000*N", []float64{0.2, 5, 7.3, 12.5, 20, 24.9, 25, 25.1, 1000}},
		{"floor(N*1001000/30000)", []float64{5, 10, 29.97, 1e-5}},
		{"floor(100000*(N+0.7*random(1)))", []float64{0.3, 5, 7.3, 10, 20}},
		{"4000000000+floor(100000*(1.3*N+1200*floor(N/100)+random(1)))", []float64{5, 7.3}},
	} {
		pts := timestamps(t, "setpts="+c.timing)
		if len(pts) != 2000 {
			t.Fatalf("%s: %d frames", c.timing, len(pts))
		}
		for _, rate := range c.rates {
			var want []time.Duration
			for i, taken := range decode.Chosen(rate, pts) {
				if taken {
					want = append(want, pts[i])
				}
			}
			got := timestamps(t, "setpts="+c.timing+",select='"+decode.Expression(rate)+"'")
			if !slices.Equal(got, want) {
				t.Errorf("%s at %g: %d frames, want %d", c.timing, rate, len(got), len(want))
			}
		}
	}
}

// timestamps runs 2000 small frames through filters and returns the times of those
// that come out.
func timestamps(t *testing.T, filters string) (pts []time.Duration) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "fatal", "-f", "lavfi", "-i", "color=s=16x16:r=10:d=200",
		"-vf", "settb=1/1000000,"+filters, "-fps_mode", "passthrough", "-enc_time_base", "1:1000000", "-c:v", "rawvideo", "-f", "nut", "-write_index", "0", "pipe:1").Output()
	if err != nil {
		t.Fatalf("ffmpeg: %v", err)
	}
	nut, err := ffmpeg.NewNUT(bytes.NewReader(out))
	for err == nil {
		var micros int64
		if micros, _, err = nut.Next(); err == nil {
			pts = append(pts, time.Duration(micros)*time.Microsecond)
		}
	}
	if !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return pts
}
