package forward

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"polity/plane/ngsild/jsontext"
)

// Bounds of what a source is given and of what it says.
const (
	defaultTimeout = 4 * time.Second  // unless the registration has its own
	maxTimeout     = 10 * time.Second // whatever the registration says
	maxAnswer      = 4 << 20          // bytes of a body
	maxAnswers     = 16 << 20         // bytes of all bodies that answer one request
	maxSources     = 64               // asked for one request
	atOnce         = 16
)

// Client asks sources. It is safe for concurrent use.
type Client struct {
	hosts []string
	alias string
	now   func() time.Time
	http  *http.Client

	mu   sync.Mutex
	cool map[string]time.Time // by registration: not to be asked before
}

// NewClient makes a client that asks the hosts named, as "host" or "host:port", and no
// others. Alias is this broker's name in the header Via.
func NewClient(hosts []string, alias string, now func() time.Time) *Client {
	return &Client{hosts: hosts, alias: alias, now: now, cool: map[string]time.Time{}, http: &http.Client{
		Transport: &http.Transport{
			DialContext: (&net.Dialer{Timeout: defaultTimeout}).DialContext, MaxIdleConns: 100, MaxIdleConnsPerHost: 8, IdleConnTimeout: 30 * time.Second,
			TLSHandshakeTimeout: defaultTimeout, MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// On says whether anyone may be asked at all.
func (c *Client) On() bool { return len(c.hosts) > 0 }

// Alias is this broker's name in the header Via.
func (c *Client) Alias() string { return c.alias }

// Call is one request to one source.
type Call struct {
	To          *Registration
	Method      string
	Path        string // below the API's root, percent-encoded
	Query       string // percent-encoded
	Body        []byte // nil: none
	ContentType string
	Link        string      // address of the @context; empty: the core one
	Came        http.Header // of the request that is passed on
}

// Answer is what a source said. Err says why nothing of it can be used.
type Answer struct {
	Status int
	Body   []byte
	Err    error
}

// OK says whether the source did what it was asked.
func (a *Answer) OK() bool { return a.Err == nil && a.Status >= 200 && a.Status < 300 }

// AskAll asks sources side by side and returns their answers in the order of calls.
func (c *Client) AskAll(ctx context.Context, calls []Call) []Answer {
	out := make([]Answer, len(calls))
	var wait sync.WaitGroup
	var size atomic.Int64
	room := make(chan struct{}, atOnce)
	for i := range calls {
		if i >= maxSources {
			out[i].Err = fmt.Errorf("%d sources are registered for this; %d are asked", len(calls), maxSources)
			continue
		}
		wait.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			if out[i] = c.ask(ctx, &calls[i]); size.Add(int64(len(out[i].Body))) > maxAnswers {
				out[i] = Answer{Err: fmt.Errorf("the answers of all sources have more than %d bytes", maxAnswers)}
			}
		})
	}
	wait.Wait()
	return out
}

func (c *Client) ask(ctx context.Context, call *Call) Answer {
	if until := c.cooling(call.To.ID); !until.IsZero() {
		return Answer{Err: fmt.Errorf("it failed and is left alone until %s", until.UTC().Format(time.RFC3339))}
	}
	a := c.exchange(ctx, call)
	if a.Err != nil && call.To.cooldown > 0 {
		c.mu.Lock()
		c.cool[call.To.ID] = c.now().Add(call.To.cooldown)
		c.mu.Unlock()
	}
	return a
}

// cooling returns until when a source is left alone; zero if it is not.
func (c *Client) cooling(id string) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	until, ok := c.cool[id]
	if !ok || !until.After(c.now()) {
		delete(c.cool, id)
		return time.Time{}
	}
	return until
}

func (c *Client) exchange(ctx context.Context, call *Call) Answer {
	timeout := defaultTimeout
	if call.To.timeout > 0 {
		timeout = min(call.To.timeout, maxTimeout)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := c.request(ctx, call)
	if err != nil {
		return Answer{Err: err}
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return Answer{Err: plain(err, timeout)}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return Answer{Err: plain(err, timeout)}
	case len(body) > maxAnswer:
		return Answer{Err: fmt.Errorf("its answer has more than %d bytes", maxAnswer)}
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		return Answer{Err: fmt.Errorf("it answered %d; redirects are not followed", resp.StatusCode)}
	}
	return Answer{Status: resp.StatusCode, Body: body}
}

// plain leaves the address out of an error: who asked need not know it.
func plain(err error, timeout time.Duration) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("it did not answer within %v", timeout)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return errors.New("it broke off")
	}
	if _, ok := errors.AsType[*net.OpError](err); ok {
		return errors.New("it cannot be reached")
	}
	return err
}

func (c *Client) request(ctx context.Context, call *Call) (*http.Request, error) {
	u, err := call.To.at(call.Path)
	if err != nil {
		return nil, errors.New("its endpoint is no address")
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return nil, errors.New("its endpoint is no address http:// or https://")
	}
	if !slices.Contains(c.hosts, u.Hostname()) && !slices.Contains(c.hosts, u.Host) {
		return nil, fmt.Errorf("the host %s is not one that the configuration allows (hub.ngsi_ld.sources.hosts)", u.Hostname())
	}
	u.RawQuery = call.Query
	if call.To.localOnly {
		u.RawQuery = strings.TrimPrefix(u.RawQuery+"&local=true", "&")
	}
	req, err := http.NewRequestWithContext(ctx, call.Method, u.String(), bytes.NewReader(call.Body))
	if err != nil {
		return nil, errors.New("its endpoint is no address")
	}
	c.setHeaders(req.Header, call)
	return req, nil
}

// asGiven is the value of a registered header that stands for that of the request.
const asGiven = "urn:ngsi-ld:request"

// secret are headers by which those who ask say who they are. They are the hub's
// business and never passed on, whatever a registration says.
var secret = []string{"Authorization", "Cookie", "Proxy-Authorization"}

func (c *Client) setHeaders(h http.Header, call *Call) {
	for _, x := range call.To.headers {
		value := x.value
		if value == asGiven {
			if value = call.Came.Get(x.name); value == "" || slices.Contains(secret, x.name) {
				continue
			}
		}
		h.Set(x.name, value)
	}
	h.Set("Accept", "application/json")
	if call.ContentType != "" {
		h.Set("Content-Type", call.ContentType)
	}
	if call.Link != "" {
		h.Set("Link", "<"+call.Link+`>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"`)
	}
	if call.To.Tenant != "" {
		h.Set("NGSILD-Tenant", call.To.Tenant)
	}
	h.Set("Via", strings.Join(append(slices.Clone(call.Came.Values("Via")), "1.1 "+c.alias), ", "))
}

// Path lists the names in the headers Via, in the order in which the request came by
// them (RFC 9110, section 7.6.3).
func Path(h http.Header) []string {
	var out []string
	for _, line := range h.Values("Via") {
		for part := range strings.SplitSeq(line, ",") {
			if f := strings.Fields(part); len(f) > 1 {
				out = append(out, f[1])
			}
		}
	}
	return out
}

// Warning is the value of a header NGSILD-Warning (clause 6.3.17): what of an answer is
// missing, and why.
func (c *Client) Warning(r *Registration, why string) string {
	clean := func(s string) string {
		return strings.Map(func(x rune) rune {
			if x < ' ' || x > '~' || x == '"' || x == '\\' {
				return '_'
			}
			return x
		}, s)
	}
	return "199 " + clean(c.alias) + ` "` + clean(r.ID+": "+why) + `"`
}

// Failed lists the entities that a source's answer to a batch says it could not do,
// with its reasons (clause 5.2.16). It says false for an answer that is none.
func (a *Answer) Failed() (map[string]string, bool) {
	o, ok := jsontext.Parse(a.Body)
	if !ok || jsontext.Valid(a.Body) != nil {
		return nil, false
	}
	list, ok := jsontext.List(o.Get("errors"))
	if !ok {
		return nil, false
	}
	out := map[string]string{}
	for _, item := range list {
		e, _ := jsontext.Parse(item)
		id, _ := e.Text("entityId")
		p, _ := jsontext.Parse(e.Get("error"))
		why, _ := p.Text("title")
		out[id] = why
	}
	return out, true
}
