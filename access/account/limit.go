package account

import (
	"container/list"
	"net/netip"
	"sync"
	"time"
)

// What is limited.
type tried uint8

const (
	tryCode tried = iota
	tryBegin
	tryFinish
	tryAccount // finish, for one account from one address
	tries
)

// rate is a token bucket: so many at once, and one more in every pause.
type rate struct {
	burst int
	pause time.Duration
}

// A code has 75 bits: what these bounds protect is the machine. A control room behind one
// address signs in together at the beginning of a shift.
var (
	perAddress = [tries]rate{tryCode: {30, 10 * time.Second}, tryBegin: {60, time.Second}, tryFinish: {40, 2 * time.Second}, tryAccount: {10, 10 * time.Second}}
	forAll     = [tries]rate{tryCode: {200, 50 * time.Millisecond}, tryBegin: {1000, 10 * time.Millisecond}, tryFinish: {500, 20 * time.Millisecond}}
)

// rememberMost bounds how many addresses are remembered; the one that tried the longest ago
// is forgotten first.
const rememberMost = 8192

type limits struct {
	now func() time.Time

	mu      sync.Mutex
	buckets map[bucketKey]*list.Element // of *bucket, the last used in front
	order   *list.List
	all     [tries]bucket
	trusted map[netip.Addr]bool
}

type bucketKey struct {
	what   tried
	from   netip.Addr
	person string
}

type bucket struct {
	key  bucketKey
	left float64
	at   time.Time
}

func newLimits(now func() time.Time) *limits {
	return &limits{now: now, buckets: map[bucketKey]*list.Element{}, order: list.New(), trusted: map[netip.Addr]bool{}}
}

// network is what counts as one address: whoever has an IPv6 line has a /64 of them.
func network(addr netip.Addr) netip.Addr {
	if addr.Is6() {
		return netip.PrefixFrom(addr, 64).Masked().Addr()
	}
	return addr
}

// take says whether another try is within bounds, and counts it.
func (l *limits) take(what tried, from netip.Addr, person string) error {
	from = network(from)
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if !l.bucket(bucketKey{what, from, person}, now).take(perAddress[what], now) {
		return ErrTooMany
	}
	if all := forAll[what]; all.burst > 0 && !l.trusted[from] && !l.all[what].take(all, now) {
		return ErrTooMany
	}
	return nil
}

// trust frees an address from which somebody signed in of the bound for all, so that a
// flood from elsewhere does not lock out those who work here.
func (l *limits) trust(from netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.trusted) < rememberMost {
		l.trusted[network(from)] = true
	}
}

func (l *limits) bucket(k bucketKey, now time.Time) *bucket {
	if e := l.buckets[k]; e != nil {
		l.order.MoveToFront(e)
		return e.Value.(*bucket)
	}
	if l.order.Len() >= rememberMost {
		oldest := l.order.Back()
		delete(l.buckets, oldest.Value.(*bucket).key)
		l.order.Remove(oldest)
	}
	b := &bucket{key: k, at: now, left: float64(perAddress[k.what].burst)}
	l.buckets[k] = l.order.PushFront(b)
	return b
}

func (b *bucket) take(r rate, now time.Time) bool {
	if b.at.IsZero() {
		b.left = float64(r.burst)
	} else if passed := now.Sub(b.at); passed > 0 {
		b.left = min(float64(r.burst), b.left+float64(passed)/float64(r.pause))
	}
	b.at = now
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}
