package console

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Viewer is what the one who asks may do. The zero Viewer is the public: place,
// counts and public events, late and suppressed.
type Viewer struct {
	Look    bool // live scenes with marks, counts of this minute, all events
	Edit    bool // zones, lines and ground
	Operate bool // the system page
}

// Public reports whether the viewer has no right beyond anyone's.
func (v Viewer) Public() bool { return v == Viewer{} }

// OnLoopback gives all rights to who sits at the machine itself, and none to
// anybody else: the rule until sign-in exists. It asks that the connection comes
// from loopback, that the page was asked for by a loopback name (else a web page
// could have its own name resolve to 127.0.0.1), and that no proxy stands between.
func OnLoopback(r *http.Request) Viewer {
	addr, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !addr.Addr().Unmap().IsLoopback() || !loopbackName(r.Host) {
		return Viewer{}
	}
	for _, h := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via"} {
		if r.Header.Get(h) != "" {
			return Viewer{}
		}
	}
	return Viewer{Look: true, Edit: true, Operate: true}
}

func loopbackName(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && ip.IsLoopback()
}
