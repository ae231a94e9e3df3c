package hub

import (
	"math"
	"strconv"
	"sync"
	"time"

	"polity/access"
	"polity/city"
)

// paced is what somebody does no faster than at a pace.
type paced uint8

const (
	handingIn paced = iota // submissions
	fetching               // requests to bodies, for which edges are asked
	bringing               // answers
)

// paces are how often each may be done: so many at once, and one more in every pause.
var paces = map[paced]struct {
	burst float64
	pause time.Duration
}{
	handingIn: {20, time.Minute},
	fetching:  {20, 15 * time.Second},
	bringing:  {20, 15 * time.Second},
}

const pacedMost = 4096 // accounts that are remembered

// pace is a token bucket for each account and thing that it does.
type pace struct {
	now func() time.Time

	mu   *sync.Mutex
	left map[pacedKey]pacedLeft
}

type pacedKey struct {
	what paced
	who  string
}

type pacedLeft struct {
	n  float64
	at time.Time
}

func newPace(now func() time.Time) pace {
	return pace{now: now, mu: &sync.Mutex{}, left: map[pacedKey]pacedLeft{}}
}

// tooMany is of kind Unavailable; its HTTP status is 429.
type tooMany struct{ wait time.Duration }

func (e *tooMany) seconds() string { return strconv.Itoa(int(math.Ceil(e.wait.Seconds()))) }

// Error says when to try again.
func (e *tooMany) Error() string {
	return "this was tried too often: try again in " + e.seconds() + " s"
}

// Unwrap gives it its kind.
func (e *tooMany) Unwrap() error { return city.Errorf(city.Unavailable, "%s", e.Error()) }

// take counts that somebody does something; the error says when it may be tried again.
func (p *pace) take(what paced, who access.Who) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	rate, now, key := paces[what], p.now(), pacedKey{what, who.ID}
	if len(p.left) > pacedMost {
		clear(p.left)
	}
	have, known := p.left[key]
	if !known {
		have = pacedLeft{rate.burst, now}
	}
	if passed := now.Sub(have.at); passed > 0 {
		have.n = min(rate.burst, have.n+float64(passed)/float64(rate.pause))
	}
	have.at = now
	if have.n < 1 {
		p.left[key] = have
		return &tooMany{time.Duration((1 - have.n) * float64(rate.pause))}
	}
	have.n--
	p.left[key] = have
	return nil
}
