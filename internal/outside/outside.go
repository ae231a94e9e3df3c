// Package outside connects to other machines that somebody else named: receivers of
// notifications, @contexts, push services. It reaches addresses of the internet at large,
// and those of this machine or a private network only where the configuration lists their
// host. What a name leads to is looked at when the connection is made, so that no name can
// lead inside whatever it resolved to before; a proxy is never used.
package outside

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

// AnswerMost is how many bytes of an answer's head are read, and how many of its body
// should be.
const AnswerMost = 64 << 10

// ErrInside is in the chain of the error where a host leads to an address that is not
// allowed.
var ErrInside = errors.New("an address of this machine or a private network")

// Dial returns a function that connects to addresses that are allowed: public ones, and
// those of hosts, which are names or addresses as they stand in what is dialled.
func Dial(hosts []string, timeout time.Duration) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		listed := slices.Contains(hosts, host)
		d := net.Dialer{Timeout: timeout, Control: func(_, address string, _ syscall.RawConn) error {
			if listed {
				return nil
			}
			a, err := netip.ParseAddrPort(address)
			if err != nil || !Public(a.Addr()) {
				return fmt.Errorf("%s is %w; list the host in the configuration to allow it", host, ErrInside)
			}
			return nil
		}}
		return d.DialContext(ctx, network, address)
	}
}

// Transport is for HTTP over Dial. Answers' heads are bounded by AnswerMost.
func Transport(hosts []string, timeout time.Duration) *http.Transport {
	return &http.Transport{
		DialContext: Dial(hosts, timeout), MaxIdleConns: 50, MaxIdleConnsPerHost: 4, IdleConnTimeout: 30 * time.Second,
		TLSHandshakeTimeout: timeout, MaxResponseHeaderBytes: AnswerMost,
	}
}

// inside are the blocks that are not of the internet at large, or that stand for addresses
// of the other version of IP, by which inner ones could be written: IANA's registries of
// special-purpose addresses (RFC 6890).
var inside = prefixes(
	"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
	"::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fec0::/10",
)

func prefixes(texts ...string) (out []netip.Prefix) {
	for _, t := range texts {
		out = append(out, netip.MustParsePrefix(t))
	}
	return out
}

// Public says whether an address is one of the internet at large.
func Public(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return a.IsGlobalUnicast() && !a.IsPrivate() && !a.IsLoopback() && !a.IsLinkLocalUnicast() &&
		!slices.ContainsFunc(inside, func(p netip.Prefix) bool { return p.Contains(a) })
}
