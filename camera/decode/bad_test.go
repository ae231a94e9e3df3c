package decode_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"polity/camera/decode"
)

// badFFmpeg puts a program that misbehaves in ffmpeg's place.
func badFFmpeg(t *testing.T, how string) {
	t.Helper()
	dir := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-ldflags=-X main.how="+how, "-o", filepath.Join(dir, "ffmpeg"), "./testdata/badffmpeg")
	// In as little address space as a decoder gets, a Go program whose heap begins anywhere
	// does not start now and then.
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOEXPERIMENT=norandomizedheapbase64")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v: %s", err, out)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

// TestDecoderThatIsTakenOver replaces ffmpeg by programs that a hostile stream
// could turn it into. Each is ended, started again with growing pauses, and said
// to fail; and once ffmpeg is itself again, frames come.
func TestDecoderThatIsTakenOver(t *testing.T) {
	units := unitsOf(t, testFilm(t, "a.mp4", "-c:v", "libx264", "-bf", "0", "-g", "5"))
	for how, why := range map[string]string{
		"hang": "gave no frame in time", "deaf": "gave no frame in time", "babble": "not NUT", "zero": "not NUT", "linger": "the decoder ended",
	} {
		t.Run(how, func(t *testing.T) {
			good := os.Getenv("PATH")
			badFFmpeg(t, how)
			// Patience is long enough for a real ffmpeg to start on a machine with much
			// else to do, and two of them are waited for in vain.
			d := start(t, decode.Config{Patience: 2 * time.Second, FirstWait: 20 * time.Millisecond, LastWait: 100 * time.Millisecond})
			n := 0
			push := func() {
				d.Push(units[n%20])
				n++
				time.Sleep(5 * time.Millisecond) // as a camera would, only faster
			}
			waitFor(t, "two restarts", func() bool { push(); return d.State().Restarts >= 2 })
			if s := d.State(); !s.Failing || !strings.Contains(s.Reason, why) || s.Decoded != 0 {
				t.Errorf("%+v", s)
			}
			t.Setenv("PATH", good)
			waitFor(t, "frames", func() bool { push(); return d.State().Decoded > 3 })
			if s := d.State(); s.Failing {
				t.Errorf("%+v", s)
			}
		})
	}
}

// TestSilentCameraIsNoHang: a decoder that holds a unit back and is given nothing
// more is left alone.
func TestSilentCameraIsNoHang(t *testing.T) {
	units := unitsOf(t, testFilm(t, "a.mp4", "-c:v", "libx264", "-bf", "3", "-b_strategy", "0", "-g", "20", "-sc_threshold", "0"))
	d := start(t, decode.Config{Patience: 2 * time.Second})
	for _, u := range units[:8] {
		d.Push(u)
	}
	waitFor(t, "the frames that can come", func() bool { return d.State().Decoded >= 4 })
	quiet := time.NewTimer(3 * time.Second) // longer than it takes to give up
	defer quiet.Stop()
	<-quiet.C
	if s := d.State(); s.Restarts != 0 || s.Failing {
		t.Errorf("%+v", s)
	}
}

func TestNoFFmpegAtAll(t *testing.T) {
	units := unitsOf(t, testFilm(t, "a.mp4", "-c:v", "libx264", "-bf", "0"))
	t.Setenv("PATH", t.TempDir())
	d := decode.New(decode.Config{})
	d.Push(units[0])
	if err := d.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "ffmpeg is not installed: run 'make build'") {
		t.Errorf("%v", err)
	}
	if _, err := decode.OpenFilm(t.Context(), testdataFilm, 5); err == nil || !strings.Contains(err.Error(), "ffmpeg is not installed") {
		t.Errorf("%v", err)
	}
}

const testdataFilm = "film.go" // any file
