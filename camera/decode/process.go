package decode

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"

	"polity/camera/frame"
	"polity/city"
	"polity/internal/sandbox"
)

// process is one running ffmpeg.
type process struct {
	*sandbox.Process
	said *tail
}

// output makes ffmpeg write raw planar YUV 4:2:0 with timestamps, each frame as
// soon as it is there.
func output() []string {
	return []string{
		"-map", "0:v:0", "-threads", "1", "-filter_threads", "1", "-flush_packets", "1",
		"-fps_mode", "passthrough", "-copyts", "-enc_time_base", "1:90000",
		"-pix_fmt", "yuv420p", "-c:v", "rawvideo", "-f", "nut", "-write_index", "0", "pipe:1",
	}
}

// startFFmpeg runs ffmpeg with input (its options and -i), which may read the
// files given and nothing else.
func startFFmpeg(ctx context.Context, input []string, files ...string) (*process, error) {
	program, err := exec.LookPath("ffmpeg")
	if err != nil {
		return nil, city.Errorf(city.Unavailable, "ffmpeg is not installed: run 'make build', or install your system's package ffmpeg")
	}
	said := &tail{}
	args := append([]string{"-v", "error", "-nostdin", "-hide_banner"}, input...)
	run, err := sandbox.Start(ctx, sandbox.Spec{
		Program: program, Args: append(args, output()...), Read: files, Memory: memory, Stderr: said,
	})
	if err != nil {
		return nil, fmt.Errorf("start ffmpeg: %w", err)
	}
	return &process{run, said}, nil
}

// memory bounds ffmpeg's address space. Decoding 8192 x 8192 with 16 reference
// pictures would take 1.6 GiB.
const memory = 2 << 30

// end kills ffmpeg if it still runs and returns the last line it said, or "".
func (p *process) end() string {
	p.Kill()
	p.In.Close()
	p.Out.Close()
	_ = p.Wait()
	return p.said.last()
}

// tail keeps the end of what ffmpeg says on stderr.
type tail struct {
	mu sync.Mutex
	b  []byte
}

const tailSize = 4 << 10

// Write keeps the last bytes.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, b...)
	if over := len(t.b) - tailSize; over > 0 {
		t.b = append(t.b[:0], t.b[over:]...)
	}
	return len(b), nil
}

func (t *tail) last() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(string(t.b)), "\n")
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, lines[len(lines)-1])
}

func frameBytes(width, height int) int {
	return width*height + 2*((width+1)/2)*((height+1)/2)
}

func readFrame(r io.Reader, f *frame.Frame) error {
	for _, plane := range [][]byte{f.Y, f.U, f.V} {
		if _, err := io.ReadFull(r, plane); err != nil {
			return noEOF(err)
		}
	}
	return nil
}
