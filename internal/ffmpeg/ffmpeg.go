// Package ffmpeg runs the program ffmpeg inside a sandbox and reads what it
// writes as foreign bytes.
package ffmpeg

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"sync"

	"polity/city"
	"polity/internal/sandbox"
)

// Demuxers are the containers that a film may come in, as ffmpeg's option
// -format_whitelist takes them. Those that can name other files are left out.
const Demuxers = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,h264,hevc,mjpeg,flv,asf,ivf,ogg,nut"

// MaxPixels bounds a picture for ffmpeg's option -max_pixels: 8192 x 8192.
const MaxPixels = "67108864"

// memory bounds ffmpeg's address space. Decoding 8192 x 8192 with 16 reference
// pictures takes 1.6 GiB.
const memory = 2 << 30

// Process is a running ffmpeg: bytes go into In, and come out of Out.
type Process struct {
	*sandbox.Process
	said *tail
}

// Start runs ffmpeg with args. It may read the files given and nothing else; it
// has no network. ctx ends it.
func Start(ctx context.Context, args []string, files ...string) (*Process, error) {
	program, err := exec.LookPath("ffmpeg")
	if err != nil {
		return nil, city.Errorf(city.Unavailable, "ffmpeg is not installed: run 'make build', or install your system's package ffmpeg")
	}
	said := &tail{}
	run, err := sandbox.Start(ctx, sandbox.Spec{
		Program: program, Args: append([]string{"-v", "error", "-nostdin", "-hide_banner"}, args...),
		Read: files, Memory: memory, Stderr: said,
	})
	if err != nil {
		return nil, fmt.Errorf("start ffmpeg: %w", err)
	}
	return &Process{run, said}, nil
}

// End kills ffmpeg if it still runs and returns the last line that it said, or "".
func (p *Process) End() string {
	p.Kill()
	p.In.Close()
	p.Out.Close()
	_ = p.Wait()
	return p.said.last()
}

// Said returns the last line that ffmpeg has said so far, or "".
func (p *Process) Said() string { return p.said.last() }

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

// last returns the last line in printable ASCII: it is foreign text.
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
