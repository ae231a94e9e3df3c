package access

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// OnLoopback reports whether a request comes from this machine itself: the connection
// comes from loopback, the page was asked for by a loopback name (else a web page could
// have its own name resolve to 127.0.0.1), and no proxy says that it stands between. One
// that says nothing speaks HTTP/1.0 as a rule, as nginx does with nothing but a proxy_pass,
// and names itself by loopback: what asks so is nobody's browser, and is not believed.
func OnLoopback(r *http.Request) bool {
	addr, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !addr.Addr().Unmap().IsLoopback() || !loopbackName(r.Host) || r.ProtoMajor == 1 && r.ProtoMinor == 0 {
		return false
	}
	for name := range r.Header { // an empty value is a proxy's, too
		if strings.HasPrefix(name, "X-Forwarded-") || slices.Contains(ofProxies, name) {
			return false
		}
	}
	return true
}

var ofProxies = []string{"Forwarded", "X-Real-Ip", "Via", "Cf-Connecting-Ip", "True-Client-Ip"}

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
