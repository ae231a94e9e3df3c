// Package ffmpeg runs the program ffmpeg inside a sandbox and reads what it
// writes as foreign bytes.
package ffmpeg

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"time"

	"polity/city"
	"polity/internal/sandbox"
)

// Demuxers are the containers that a film may come in, as ffmpeg's option
// -format_whitelist takes them. Those that can name other files are left out.
const Demuxers = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,h264,hevc,mjpeg,flv,asf,ivf,ogg,nut"

// MaxPixels bounds a picture for ffmpeg's option -max_pixels: 8192 x 8192.
const MaxPixels = "67108864"

// ErrMissing is returned by Start where ffmpeg is not installed.
var ErrMissing = city.Errorf(city.Unavailable, "ffmpeg is not installed: run 'make build', or install your system's package ffmpeg")

// Limits bounds a process.
type Limits struct {
	// Memory is what it may fill, in bytes; 0 means 2 GiB. Decoding 8192 x 8192 with
	// 16 reference pictures takes 1.6 GiB.
	Memory uint64
}

// Process is a running ffmpeg: bytes go into In, and come out of Out.
type Process struct {
	*sandbox.Process
	said *tail
}

// Start runs ffmpeg with args. It may read the files given and nothing else; it
// has no network. ctx ends it.
func Start(ctx context.Context, limits Limits, args []string, files ...string) (*Process, error) {
	program, err := exec.LookPath("ffmpeg")
	if err != nil {
		return nil, ErrMissing
	}
	said := &tail{}
	run, err := sandbox.Start(ctx, sandbox.Spec{
		Program: program, Args: append([]string{"-v", "error", "-nostdin", "-hide_banner"}, args...),
		Read: files, Memory: limits.Memory, Stderr: said,
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

// Ended waits for the end of an ffmpeg that has closed its output, for a second at
// most, and returns how it ended.
func (p *Process) Ended() error {
	late := time.AfterFunc(time.Second, p.Kill)
	defer late.Stop()
	return p.Wait()
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

// noise is what a library says at every start when it may lock no memory.
const noise = "Warning: using insecure memory!"

// last returns the last line in printable ASCII: it is foreign text.
func (t *tail) last() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := strings.TrimSpace(strings.ReplaceAll(string(t.b), noise, ""))
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, text[strings.LastIndexByte(text, '\n')+1:])
}
