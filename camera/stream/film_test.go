package stream_test

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"polity/camera/stream"
	"polity/city"
	"polity/internal/sandbox"
)

func TestMain(m *testing.M) {
	sandbox.Stage()
	os.Exit(m.Run())
}

func TestFilmGivesUnits(t *testing.T) {
	for _, c := range []struct {
		name  string
		args  []string
		codec stream.Codec
		keys  string // which of the ten units are
	}{
		{"a.mp4", []string{"-c:v", "libx264", "-bf", "0", "-g", "5"}, stream.H264, "K----K----"},
		{"b-frames.mp4", []string{"-c:v", "libx264", "-bf", "2", "-g", "5", "-sc_threshold", "0"}, stream.H264, "K----K----"},
		{"a.mkv", []string{"-c:v", "libx265", "-x265-params", "bframes=0:keyint=5:log-level=error"}, stream.H265, "K----K----"},
		{"a.ts", []string{"-c:v", "libx264", "-bf", "0", "-g", "5"}, stream.H264, "K----K----"},
		{"a.avi", []string{"-c:v", "mjpeg"}, stream.MJPEG, "KKKKKKKKKK"},
		{"a.h264", []string{"-c:v", "libx264", "-bf", "0", "-g", "5"}, stream.H264, "K----K----"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := stream.OpenFilm(t.Context(), film(t, c.name, c.args...))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			var keys strings.Builder
			var latest time.Duration
			for {
				u, err := f.Next()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				latest = max(latest, u.PTS)
				if u.Codec != c.codec || u.Width != 64 || u.Height != 48 || u.Stream != 1 || u.Size() == 0 {
					t.Fatalf("%+v", u)
				}
				keys.WriteByte("-K"[btoi(u.Key)])
			}
			if keys.String() != c.keys {
				t.Errorf("keys %s, want %s", keys.String(), c.keys)
			}
			if c.name != "a.h264" && (latest-900*time.Millisecond).Abs() > 2*time.Millisecond { // a bare stream has no times
				t.Errorf("the last picture is at %v", latest)
			}
		})
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func film(t *testing.T, name string, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	cmd := exec.CommandContext(t.Context(), "ffmpeg", append(append([]string{"-v", "error", "-f", "lavfi", "-i", "testsrc=s=64x48:r=10:d=1", "-pix_fmt", "yuv420p"}, args...), path)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make a film: %v: %s", err, out)
	}
	return path
}

func TestFilmThatIsNone(t *testing.T) {
	for _, c := range []struct {
		path string
		kind city.Kind
		text string
	}{
		{"nowhere.mp4", city.NotFound, "there is no such file"},
		{"film.go", city.Invalid, "Invalid data found"},
		{film(t, "x.avi", "-c:v", "ffv1"), city.Invalid, `coded as "FFV1"; as a camera's stream only H.264`},
	} {
		if _, err := stream.OpenFilm(t.Context(), c.path); err == nil || city.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v", c.path, err)
		}
	}
}

func FuzzParameters(f *testing.F) {
	f.Add(byte(1), []byte{1, 100, 0, 30, 0xff, 0xe1, 0, 2, 0x67, 1, 1, 0, 1, 0x68})
	f.Add(byte(2), append(make([]byte, 22), 1, 32, 0, 1, 0, 2, 0x40, 1))
	f.Fuzz(func(t *testing.T, codec byte, b []byte) {
		sets, lengths, err := stream.ParametersOf(stream.Codec(codec%3+1), b)
		total := 0
		for _, s := range sets {
			total += len(s)
		}
		if err == nil && (total > len(b) || lengths < 0 || lengths > 4) {
			t.Fatalf("%d bytes of sets out of %d, lengths of %d", total, len(b), lengths)
		}
	})
}
