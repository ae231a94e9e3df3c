package water

import (
	"crypto/rand"
	"crypto/sha256"
	"net/netip"
	"sync"
	"time"
)

// How often one address may tell something, and all together: so many at once, and one more
// in every pause.
const (
	tellBurst, tellPause = 4, 10 * time.Minute
	allBurst, allPause   = 60, 10 * time.Second
	tellForget           = time.Hour // behind which an address is not known again
	tellMost             = 4096      // addresses
)

// tellPace bounds how often the public tells something. No address is kept: it is hashed with
// a key that is in memory alone and changes every hour, when all are forgotten.
type tellPace struct {
	mu    sync.Mutex
	key   [32]byte
	since time.Time
	of    map[[sha256.Size]byte]tellLeft
	all   tellLeft
}

type tellLeft struct {
	n  float64
	at time.Time
}

func (l *tellLeft) fill(burst float64, pause time.Duration, now time.Time) {
	if l.at.IsZero() {
		l.n = burst
	} else if passed := now.Sub(l.at); passed > 0 {
		l.n = min(burst, l.n+float64(passed)/float64(pause))
	}
	l.at = now
}

// take counts that an address (host:port) tells something; more than zero: how long it has to
// wait first. Of IPv6 64 bits are one address.
func (p *tellPace) take(from string, now time.Time) time.Duration {
	part := "" // unknown ones share
	if at, err := netip.ParseAddrPort(from); err == nil {
		a, bits := at.Addr().Unmap().WithZone(""), 32
		if a.Is6() {
			bits = 64
		}
		prefix, _ := a.Prefix(bits) // bits fit
		part = prefix.String()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if age := now.Sub(p.since); p.of == nil || age > tellForget || age < 0 || len(p.of) >= tellMost {
		_, _ = rand.Read(p.key[:]) // never fails
		p.since, p.of = now, map[[sha256.Size]byte]tellLeft{}
	}
	key := sha256.Sum256(append(p.key[:], part...))
	one := p.of[key]
	one.fill(tellBurst, tellPause, now)
	p.all.fill(allBurst, allPause, now)
	defer func() { p.of[key] = one }()
	switch {
	case one.n < 1:
		return time.Duration((1 - one.n) * float64(tellPause))
	case p.all.n < 1:
		return time.Duration((1 - p.all.n) * float64(allPause))
	}
	one.n--
	p.all.n--
	return 0
}
