package decode_test

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"polity/camera/decode"
	"polity/city"
	"polity/internal/sandbox"
)

func TestMain(m *testing.M) {
	sandbox.Stage()
	os.Exit(m.Run())
}

// testFilm makes a small film: 64 x 48, 10 frames a second, two seconds, and its
// luma rises with time. The same film is made once.
func testFilm(t testing.TB, name string, args ...string) string {
	t.Helper()
	films.Lock()
	defer films.Unlock()
	path := filepath.Join(t.TempDir(), name)
	key := name + fmt.Sprint(args)
	if b := films.made[key]; b != nil {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	base := []string{"-v", "error", "-y", "-f", "lavfi", "-i", "color=gray:s=64x48:r=10:d=2,geq=lum='16+10*N':cb=128:cr=128"}
	cmd := exec.CommandContext(t.Context(), "ffmpeg", append(append(base, args...), path)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make the test film: %v: %s", err, out)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	films.made[key] = b
	return path
}

var films = struct {
	sync.Mutex
	made map[string][]byte
}{made: map[string][]byte{}}

func TestFilmGivesEveryFrameWithItsTime(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
	}{
		{"lossless.avi", []string{"-c:v", "ffv1"}},
		{"h264.mp4", []string{"-c:v", "libx264", "-qp", "0", "-bf", "0"}},
		{"b-frames.mp4", []string{"-c:v", "libx264", "-qp", "0", "-bf", "3"}},
		{"full-range.mp4", []string{"-vf", "scale=out_range=pc", "-c:v", "libx264", "-qp", "0", "-pix_fmt", "yuvj420p"}},
		{"4-4-4.mkv", []string{"-c:v", "libx264", "-qp", "0", "-pix_fmt", "yuv444p"}},
		{"ten-bit.mkv", []string{"-c:v", "libx265", "-x265-params", "lossless=1:log-level=error", "-pix_fmt", "yuv420p10le"}},
		{"h265.mkv", []string{"-c:v", "libx265", "-x265-params", "lossless=1:log-level=error"}},
		{"mjpeg.avi", []string{"-c:v", "mjpeg", "-q:v", "1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			film, err := decode.OpenFilm(t.Context(), testFilm(t, c.name, c.args...), 0)
			if err != nil {
				t.Fatal(err)
			}
			defer film.Close()
			for n := range 20 {
				f, err := film.Next()
				if err != nil {
					t.Fatalf("frame %d: %v", n, err)
				}
				if f.Width != 64 || f.Height != 48 || len(f.Y) != 64*48 || len(f.U) != 32*24 || film.Number() != n {
					t.Fatalf("frame %d: %d x %d, number %d", n, f.Width, f.Height, film.Number())
				}
				if got, want := int(f.Y[64*24+32]), 16+10*n; max(got-want, want-got) > 2 {
					t.Errorf("frame %d: luma %d, want %d", n, got, want)
				}
				if got, want := f.Taken.Sub(decode.FilmStart), time.Duration(n)*100*time.Millisecond; (got - want).Abs() > time.Millisecond {
					t.Errorf("frame %d: taken at %v, want %v", n, got, want)
				}
				film.Release(f)
			}
			if _, err := film.Next(); !errors.Is(err, io.EOF) {
				t.Fatalf("after the last frame: %v", err)
			}
		})
	}
}

func TestFilmAtARateIsDeterministic(t *testing.T) {
	path := testFilm(t, "a.mp4", "-c:v", "libx264", "-bf", "0")
	read := func(fps float64) (numbers []int, sum uint64) {
		film, err := decode.OpenFilm(t.Context(), path, fps)
		if err != nil {
			t.Fatal(err)
		}
		defer film.Close()
		h := fnv.New64()
		for {
			f, err := film.Next()
			if errors.Is(err, io.EOF) {
				return numbers, h.Sum64()
			}
			if err != nil {
				t.Fatal(err)
			}
			numbers = append(numbers, film.Number())
			h.Write(f.Y)
			h.Write([]byte(f.Taken.String()))
		}
	}
	for _, c := range []struct {
		fps  float64
		want int
		step int
	}{{5, 10, 2}, {10, 20, 1}, {30, 20, 1}, {1, 2, 10}, {2.5, 5, 4}} {
		numbers, sum := read(c.fps)
		if len(numbers) != c.want || numbers[1]-numbers[0] != c.step {
			t.Errorf("at %g: frames %v", c.fps, numbers)
		}
		if _, again := read(c.fps); again != sum {
			t.Errorf("at %g: a second reading differs", c.fps)
		}
	}
}

func TestFilmGoesOnWithTheNextPass(t *testing.T) {
	film, err := decode.OpenFilm(t.Context(), testFilm(t, "a.mp4", "-c:v", "libx264", "-bf", "0"), 5)
	if err != nil {
		t.Fatal(err)
	}
	defer film.Close()
	var last time.Time
	for pass := 1; pass <= 3; pass++ {
		if film.Pass() != pass {
			t.Fatalf("pass %d, want %d", film.Pass(), pass)
		}
		for n := range 10 {
			f, err := film.Next()
			if err != nil {
				t.Fatal(err)
			}
			if !last.IsZero() && (f.Taken.Sub(last)-200*time.Millisecond).Abs() > time.Millisecond {
				t.Fatalf("pass %d, frame %d: %v after the one before", pass, n, f.Taken.Sub(last))
			}
			last = f.Taken
		}
		if _, err := film.Next(); !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		if err := film.Again(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFilmThatIsNone(t *testing.T) {
	for _, c := range []struct {
		path string
		fps  float64
		kind city.Kind
		text string
	}{
		{"testdata/missing.mp4", 5, city.NotFound, "no such file"},
		{".", 5, city.Invalid, "not a file"},
		{"film.go", 5, city.Invalid, "no picture can be decoded: "},
		{"film.go", math.NaN(), city.Invalid, "0 (every frame)"},
	} {
		_, err := decode.OpenFilm(t.Context(), c.path, c.fps)
		if err == nil || city.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v (%v)", c.path, err, city.KindOf(err))
		}
	}
}
