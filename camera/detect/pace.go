package detect

import "time"

// Pace is how many frames a second are analysed: as many as configured, and fewer
// while the machine does not keep up. It is used by one goroutine.
type Pace struct {
	wanted, now float64
	busy        float64 // share of the time that analysing takes, a running mean
	calm        time.Duration
}

// NewPace returns a Pace at the wanted rate, frames a second.
func NewPace(wanted float64) *Pace { return &Pace{wanted: wanted, now: wanted} }

const (
	paceMean  = 0.1 // weight of the newest frame in the running mean
	paceFull  = 0.9 // share of the time above which the rate is lowered
	paceLess  = 0.75
	paceLeast = 0.5              // frames a second
	paceCalm  = 10 * time.Second // how long there must be room for more
	paceRoom  = 0.7              // share of the time that may be taken after raising it
)

// Took tells how long the analysis of a frame took, waiting for the detector
// included, and returns whether the rate changed by it.
func (p *Pace) Took(d time.Duration) bool {
	p.busy += paceMean * (d.Seconds()*p.now - p.busy)
	p.calm += time.Duration(float64(time.Second) / p.now)
	was := p.now
	switch {
	case p.busy > paceFull:
		p.set(max(paceLeast, p.now*paceLess))
	case p.busy/paceLess > paceRoom:
		p.calm = 0
	case p.calm >= paceCalm && p.now < p.wanted:
		p.set(min(p.wanted, p.now/paceLess))
	}
	return p.now != was
}

// set changes the rate; the share of the time changes with it.
func (p *Pace) set(rate float64) {
	p.busy *= rate / p.now
	p.now, p.calm = rate, 0
}

// Rate returns the frames a second that are to be analysed now, and those wanted.
func (p *Pace) Rate() (now, wanted float64) { return p.now, p.wanted }
