package ngsild

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Remote says which other machines may be asked or told something.
type Remote struct {
	Off   bool     // none
	Hosts []string // names or addresses that are allowed though they are of this machine or a private network
}

const remoteTime = 5 * time.Second

// client returns an HTTP client that reaches public addresses, and others only if
// their host is listed. What a name leads to is looked at when the connection is
// made, so that no name can lead inside; a proxy is never used.
func (m Remote) client(timeout time.Duration) *http.Client {
	return &http.Client{
		Timeout:   timeout,
		Transport: &http.Transport{DialContext: m.dial(timeout), MaxIdleConns: 50, MaxIdleConnsPerHost: 4, IdleConnTimeout: 30 * time.Second, TLSHandshakeTimeout: timeout, MaxResponseHeaderBytes: 64 << 10},
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > 3 {
				return errors.New("more than three redirects")
			}
			return checkAddress(r.URL)
		},
	}
}

// dial connects to addresses that are allowed.
func (m Remote) dial(timeout time.Duration) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		listed := slices.Contains(m.Hosts, host)
		d := net.Dialer{Timeout: timeout, Control: func(_, address string, _ syscall.RawConn) error {
			if listed {
				return nil
			}
			a, err := netip.ParseAddrPort(address)
			if err != nil || !public(a.Addr()) {
				return fmt.Errorf("%s is an address of this machine or a private network; list the host in the configuration to allow it", host)
			}
			return nil
		}}
		return d.DialContext(ctx, network, address)
	}
}

// public says whether an address is one of the internet at large.
func public(a netip.Addr) bool {
	a = a.Unmap()
	return a.IsGlobalUnicast() && !a.IsPrivate() && !a.IsLoopback() && !a.IsLinkLocalUnicast() &&
		!netip.MustParsePrefix("100.64.0.0/10").Contains(a) && !netip.MustParsePrefix("64:ff9b::/96").Contains(a)
}

func checkAddress(u *url.URL) error {
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return fmt.Errorf("%q is not an address http:// or https://", u.Redacted())
	}
	return nil
}

// get reads what is at an address, at most limit bytes.
func (m Remote) get(ctx context.Context, client *http.Client, address string, limit int64) ([]byte, error) {
	if m.Off {
		return nil, errors.New("the configuration allows no fetching")
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	if err := checkAddress(u); err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", strings.Join([]string{ldType, jsonType}, ", "))
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answered %s", resp.Status)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(body)) > limit {
		return nil, fmt.Errorf("it has more than %d bytes", limit)
	}
	return body, nil
}
