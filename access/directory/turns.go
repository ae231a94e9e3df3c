package directory

import (
	"context"
	"net/netip"
	"sync"

	"polity/city"
)

const (
	atOnce  = 16 // sign-ins that wait for the directory's answer at a time
	perPart = 4  // of them, from one address
)

// turns bounds how many sign-ins wait for the directory at a time, so that whoever begins
// many keeps neither the directory busy nor others waiting.
type turns struct {
	all chan struct{}

	mu sync.Mutex
	of map[netip.Prefix]int
}

func newTurns() *turns {
	return &turns{all: make(chan struct{}, atOnce), of: map[netip.Prefix]int{}}
}

// take waits for a turn, which done gives back.
func (t *turns) take(ctx context.Context, remoteAddr string) (done func(), err error) {
	part := partOf(remoteAddr)
	t.mu.Lock()
	if t.of[part] >= perPart {
		t.mu.Unlock()
		return nil, city.Errorf(city.Unavailable, "too many people sign in from your network at this moment; try again")
	}
	t.of[part]++
	t.mu.Unlock()
	leave := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.of[part]--; t.of[part] == 0 {
			delete(t.of, part)
		}
	}
	select {
	case t.all <- struct{}{}:
		return func() { <-t.all; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}

// partOf is the network that one subscriber has: an address, or of IPv6 64 bits.
func partOf(remoteAddr string) netip.Prefix {
	at, err := netip.ParseAddrPort(remoteAddr)
	if err != nil {
		return netip.Prefix{}
	}
	a, bits := at.Addr().Unmap().WithZone(""), 32
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits) // bits fit
	return p
}
