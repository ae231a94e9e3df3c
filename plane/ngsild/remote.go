package ngsild

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"polity/internal/outside"
)

// Remote says which other machines may be asked or told something.
type Remote struct {
	Off   bool     // none
	Hosts []string // names or addresses that are allowed though they are of this machine or a private network
}

const remoteTime = 5 * time.Second

// client returns an HTTP client that reaches public addresses, and others only if
// their host is listed (package outside).
func (m Remote) client(timeout time.Duration) *http.Client {
	return &http.Client{
		Timeout:   timeout,
		Transport: outside.Transport(m.Hosts, timeout),
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
	return outside.Dial(m.Hosts, timeout)
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
