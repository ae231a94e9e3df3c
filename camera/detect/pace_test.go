package detect

import (
	"testing"
	"time"
)

// after runs frames that take d each for so many seconds of their own pace, and
// returns the rate.
func (p *Pace) after(seconds float64, d time.Duration) float64 {
	for t := 0.0; t < seconds; {
		p.Took(d)
		t += 1 / p.now
	}
	return p.now
}

func TestPace(t *testing.T) {
	p := NewPace(5)
	if got := p.after(60, 50*time.Millisecond); got != 5 {
		t.Fatalf("a quarter of the time is taken, and it went to %g", got)
	}
	slow := p.after(60, 400*time.Millisecond) // 2.5 a second is all there is time for
	if slow > 2.5 || slow < 1 {
		t.Fatalf("400 ms a frame: %g a second", slow)
	}
	if got := p.after(300, 400*time.Millisecond); got > 2.5 || got < slow-1e-9 {
		t.Fatalf("and later: %g a second", got)
	}
	if got := p.after(300, time.Minute); got != paceLeast {
		t.Fatalf("stuck: %g a second", got)
	}
	if got := p.after(300, 20*time.Millisecond); got != 5 {
		t.Fatalf("the load is gone: %g a second", got)
	}
	if now, wanted := p.Rate(); now != 5 || wanted != 5 {
		t.Errorf("%g of %g", now, wanted)
	}
}
