package ffmpeg_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"testing"

	"polity/internal/ffmpeg"
)

// written runs ffmpeg outside any sandbox: what it writes is the subject here.
func written(t testing.TB, args ...string) []byte {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "ffmpeg", append(append([]string{"-v", "error", "-f", "lavfi", "-i"}, args...), "-f", "nut", "-write_index", "0", "pipe:1")...).Output()
	if err != nil {
		t.Fatalf("ffmpeg: %v", err)
	}
	return out
}

func TestReadsWhatFFmpegWrites(t *testing.T) {
	for _, c := range []struct {
		name          string
		args          []string
		fourCC        string
		width, height int
		size          int // of each packet, where all are alike
	}{
		{"raw", []string{"testsrc=s=64x48:r=10:d=1", "-pix_fmt", "yuv420p", "-c:v", "rawvideo"}, "I420", 64, 48, 64 * 48 * 3 / 2},
		{"raw and small, with elided headers allowed", []string{"testsrc=s=16x16:r=10:d=1", "-pix_fmt", "yuv420p", "-c:v", "rawvideo"}, "I420", 16, 16, 384},
		{"of odd size", []string{"testsrc=s=65x49:r=10:d=1", "-pix_fmt", "yuv420p", "-c:v", "rawvideo"}, "I420", 65, 49, 65*49 + 2*33*25},
		{"H.264", []string{"testsrc=s=64x48:r=10:d=1", "-c:v", "libx264", "-bf", "0"}, "H264", 64, 48, 0},
		{"MPEG-4, whose headers are elided", []string{"testsrc=s=64x48:r=10:d=1", "-c:v", "mpeg4"}, "FMP4", 64, 48, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			all := written(t, c.args...)
			n, err := ffmpeg.NewNUT(bytes.NewReader(all))
			if err != nil {
				t.Fatal(err)
			}
			if n.Width != c.width || n.Height != c.height || n.FourCC != c.fourCC {
				t.Errorf("%d x %d, %s", n.Width, n.Height, n.FourCC)
			}
			for i := range int64(10) {
				micros, size, err := n.Next()
				if err != nil {
					t.Fatalf("packet %d: %v", i, err)
				}
				if micros != i*100_000 {
					t.Errorf("packet %d at %d us", i, micros)
				}
				if c.size != 0 && size != c.size {
					t.Errorf("packet %d of %d bytes", i, size)
				}
				if i%3 == 0 {
					continue // a packet that is not read is skipped
				}
				packet, err := io.ReadAll(n)
				if err != nil || len(packet) != size {
					t.Fatalf("packet %d: %d of %d bytes: %v", i, len(packet), size, err)
				}
				if c.fourCC == "FMP4" && !bytes.HasPrefix(packet, []byte{0, 0, 1}) {
					t.Errorf("packet %d begins with % x: the elided header is missing", i, packet[:4])
				}
			}
			if _, _, err := n.Next(); !errors.Is(err, io.EOF) {
				t.Errorf("at the end: %v", err)
			}
		})
	}
}

// TestTwoStreams reads pictures of every second frame beside a corner of each.
func TestTwoStreams(t *testing.T) {
	n, err := ffmpeg.NewNUT(bytes.NewReader(written(t, "testsrc=s=64x48:r=10:d=20", "-filter_complex",
		"[0]split[a][b];[a]select='not(mod(n,2))'[even];[b]crop=16:16[each]", "-map", "[even]", "-map", "[each]",
		"-fps_mode", "passthrough", "-pix_fmt", "yuv420p", "-c:v", "rawvideo")))
	if err != nil {
		t.Fatal(err)
	}
	if n.Width != 64 || n.Height != 48 {
		t.Errorf("%d x %d", n.Width, n.Height)
	}
	var frames [2]int
	for {
		micros, size, err := n.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		want := [2]int64{200_000, 100_000}[n.Stream()] * int64(frames[n.Stream()])
		if micros != want || size != [2]int{64 * 48 * 3 / 2, 16 * 16 * 3 / 2}[n.Stream()] {
			t.Fatalf("stream %d, frame %d: %d bytes at %d us, want %d", n.Stream(), frames[n.Stream()], size, micros, want)
		}
		frames[n.Stream()]++
	}
	if frames != [2]int{100, 200} {
		t.Errorf("%d frames", frames)
	}
}

// TestSizeThatChanges is foreign bytes: ffmpeg repeats a header as it was.
func TestSizeThatChanges(t *testing.T) {
	small := written(t, "testsrc=s=16x16:r=10:d=0.2", "-pix_fmt", "yuv420p", "-c:v", "rawvideo")
	large := written(t, "testsrc=s=32x32:r=10:d=0.2", "-pix_fmt", "yuv420p", "-c:v", "rawvideo")
	header := large[len("nut/multimedia container\x00"):]
	if _, err := drain(append(small, header...)); !errors.Is(err, ffmpeg.ErrNUT) {
		t.Errorf("%v", err)
	}
}

func TestCutShort(t *testing.T) {
	all := written(t, "testsrc=s=16x16:r=10:d=0.3", "-pix_fmt", "yuv420p", "-c:v", "rawvideo")
	for size := range all {
		whole, err := drain(all[:size])
		if whole > 3 || err == nil {
			t.Fatalf("cut at %d of %d: %d packets, %v", size, len(all), whole, err)
		}
	}
}

// drain reads all packets and returns how many were whole.
func drain(b []byte) (whole int, err error) {
	n, err := ffmpeg.NewNUT(bytes.NewReader(b))
	if err != nil {
		return 0, err
	}
	for {
		_, size, err := n.Next()
		if err != nil {
			return whole, err
		}
		read, err := io.Copy(io.Discard, n)
		if err != nil {
			return whole, err
		}
		if read != int64(size) {
			return whole, errors.New("a packet of another size than was said")
		}
		whole++
	}
}

func FuzzNUT(f *testing.F) {
	f.Add(written(f, "testsrc=s=16x16:r=10:d=0.2", "-pix_fmt", "yuv420p", "-c:v", "rawvideo"))
	f.Add(written(f, "testsrc=s=32x32:r=10:d=0.2", "-c:v", "mpeg4"))
	f.Add(written(f, "testsrc=s=32x32:r=10:d=0.2", "-map", "0:v", "-map", "0:v", "-pix_fmt", "yuv420p", "-c:v", "rawvideo"))
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := ffmpeg.NewNUT(bytes.NewReader(b))
		if err != nil {
			return
		}
		if n.Width < 1 || n.Height < 1 || n.Width > 8192 || n.Height > 8192 {
			t.Fatalf("%d x %d", n.Width, n.Height)
		}
		for {
			_, size, err := n.Next()
			if err != nil {
				return
			}
			if size < 0 || size > ffmpeg.MaxPacket {
				t.Fatalf("a packet of %d bytes", size)
			}
		}
	})
}

func TestMain(m *testing.M) {
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		println("ffmpeg is missing: run 'make build'")
		os.Exit(1)
	}
	os.Exit(m.Run())
}
