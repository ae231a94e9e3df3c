package decode

import (
	"syscall"
	"time"
)

// KillDecoder kills the running ffmpeg.
func (d *Decoder) KillDecoder() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.current != nil {
		d.current.Kill()
	}
}

// HangDecoder stops the running ffmpeg, which then neither reads nor writes.
func (d *Decoder) HangDecoder() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return syscall.Kill(d.current.Pid(), syscall.SIGSTOP)
}

// Chosen says which of the frames with the timestamps pts a rate takes.
func Chosen(rate float64, pts []time.Duration) []bool {
	p := pace{rate: rate}
	taken := make([]bool, len(pts))
	for i, at := range pts {
		taken[i] = p.take(at)
	}
	return taken
}

// Expression is what makes ffmpeg choose so.
func Expression(rate float64) string { return (&pace{rate: rate}).expression() }
