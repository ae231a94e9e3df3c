package decode

import (
	"sync"

	"polity/camera/frame"
)

// pool keeps frames of one size for reuse. Its zero value is ready. A frame that
// is never given back is left to the garbage collector.
type pool struct {
	mu   sync.Mutex
	free []*frame.Frame
}

const poolSize = 4

func (p *pool) get(width, height int) *frame.Frame {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.free) > 0 {
		f := p.free[len(p.free)-1]
		p.free = p.free[:len(p.free)-1]
		if f.Width == width && f.Height == height {
			return f
		}
	}
	return frame.New(width, height)
}

func (p *pool) put(f *frame.Frame) {
	if f == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.free) < poolSize {
		p.free = append(p.free, f)
	}
}
