package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"polity/access"
	"polity/access/account"
	"polity/access/policy"
	"polity/city"
	"polity/console"
	"polity/console/consoletest"
	"polity/console/frame"
)

// latencies are what requests took.
type latencies struct {
	with, without, gate []time.Duration
	half, tail          []float64 // what the gate adds to median and 99th percentile, ms, by round
}

// trial is the same pages twice: behind the gate, and behind its answers from a map.
type trial struct {
	dir      string
	live     *policy.Live
	people   *account.Accounts
	consoles [2]*console.Console
	servers  [2]*http.Server
	roots    [2]string
	gate     *gate
	cookies  map[string][]*http.Cookie // by the name of who asks
	rng      *rand.Rand
	http     *http.Client
	asked    []request
}

// request is who asks for what, and the status that they get.
type request struct {
	who, path string
	status    int
}

// requests are pages of which some are everyone's and some are not; some ask for one
// decision, a camera's for several.
var requests = []request{
	{"", "/check", 200},
	{"", "/cameras/square/state", 200},
	{"", "/system", 403},
	{"safety", "/cameras/square/state", 200},
	{"safety", "/check", 200},
	{"safety", "/system", 403},
	{"safety", "/cameras/square/layout", 403},
	{"traffic", "/cameras/square/state", 200},
	{"traffic", "/cameras.csv", 200},
	{"it", "/cameras/square/layout", 200},
	{"it", "/cameras/square/state", 200},
	{"it", "/system", 200},
}

func newTrial(ctx context.Context, seed uint64) (_ *trial, err error) {
	t := &trial{rng: rand.New(rand.NewPCG(seed, 1)), cookies: map[string][]*http.Cookie{}, asked: requests} //nolint:gosec // the same each time
	t.http = &http.Client{Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer func() {
		if err != nil {
			t.close()
		}
	}()
	if t.dir, err = os.MkdirTemp("", "polity-bench-authz-"); err != nil {
		return nil, err
	}
	if t.live, err = policy.Open(policy.Config{Folder: filepath.Join(t.dir, "policies"), Book: filepath.Join(t.dir, "policies.jsonl")}); err != nil {
		return nil, err
	}
	// The demo's door is a way in without a person at an authenticator; sessions are the same.
	t.people, err = account.Open(ctx, account.Config{Path: filepath.Join(t.dir, "access.db"), Decider: t.live, Door: true, Settings: account.Settings{Origin: "http://localhost:8080"}})
	if err != nil {
		return nil, err
	}
	if err := t.people.SetOrigin("http://localhost:8080"); err != nil {
		return nil, err
	}
	for name, role := range map[string]access.Role{"safety": access.SafetyOperator, "traffic": access.TrafficOperator, "it": access.IT} {
		if err := t.signIn(ctx, name, role); err != nil {
			return nil, fmt.Errorf("sign in %s: %w", name, err)
		}
	}
	t.gate = &gate{Accounts: t.people, Live: t.live}
	for i, a := range []frame.Access{t.gate, &remembered{gate: t.gate, who: map[string]access.Who{}, answers: map[string]access.Decision{}}} {
		if err := t.serve(ctx, i, a); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func (t *trial) signIn(ctx context.Context, name string, role access.Role) error {
	rights := account.Rights{Body: "city", Roles: []access.Role{role}}
	if role == access.SafetyOperator {
		rights.Areas = []city.Slug{access.AllAreas}
	}
	w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodPost, "http://localhost:8080/", nil)
	r.RemoteAddr = "127.0.0.1:1"
	who, err := t.people.SignInDoor(w, r, name, rights)
	if err != nil {
		return err
	}
	t.cookies[name] = w.Result().Cookies()
	if role == access.SafetyOperator {
		return t.people.SetPurpose(ctx, who, "incident")
	}
	return nil
}

func (t *trial) serve(ctx context.Context, i int, a frame.Access) error {
	town, err := consoletest.New(consoletest.Config{})
	if err != nil {
		return err
	}
	if t.consoles[i], err = console.New(console.Config{City: town, Data: consoletest.NewData(nil), Access: a}); err != nil {
		return err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	t.roots[i] = "http://" + l.Addr().String()
	t.servers[i] = &http.Server{Handler: t.consoles[i], ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = t.servers[i].Serve(l) }()
	return nil
}

func (t *trial) close() {
	for i := range t.servers {
		if t.servers[i] != nil {
			_ = t.servers[i].Close()
		}
		if t.consoles[i] != nil {
			t.consoles[i].Close()
		}
	}
	if t.people != nil {
		_ = t.people.Close()
	}
	if t.live != nil {
		_ = t.live.Close()
	}
	if t.dir != "" {
		_ = os.RemoveAll(t.dir)
	}
}

// round asks n times each way.
func (t *trial) round(ctx context.Context, n int, l *latencies) error {
	var took [2][]time.Duration
	for range n {
		q := t.asked[t.rng.IntN(len(t.asked))]
		first := t.rng.IntN(2)
		for _, i := range []int{first, 1 - first} {
			if i == 0 {
				t.gate.begin()
			}
			d, err := t.ask(ctx, i, q)
			if err != nil {
				return err
			}
			if i == 0 {
				l.gate = append(l.gate, t.gate.end())
			}
			took[i] = append(took[i], d)
		}
	}
	l.with, l.without = append(l.with, took[0]...), append(l.without, took[1]...)
	l.half = append(l.half, percentile(took[0], 0.5)-percentile(took[1], 0.5))
	l.tail = append(l.tail, percentile(took[0], 0.99)-percentile(took[1], 0.99))
	return nil
}

// ask returns how long an answer took, read to its end.
func (t *trial) ask(ctx context.Context, i int, q request) (time.Duration, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, t.roots[i]+q.path, nil)
	if err != nil {
		return 0, err
	}
	for _, c := range t.cookies[q.who] {
		r.AddCookie(c)
	}
	start := time.Now()
	resp, err := t.http.Do(r)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return 0, err
	}
	took := time.Since(start)
	if resp.StatusCode != q.status {
		return 0, fmt.Errorf("%s as %q: %d, not %d", q.path, q.who, resp.StatusCode, q.status)
	}
	return took, nil
}

// gate is who asks and what they may do, as the hub has it, with a stopwatch.
type gate struct {
	*account.Accounts
	*policy.Live

	mu   sync.Mutex
	took time.Duration
}

var _ frame.Access = (*gate)(nil)

func (g *gate) Who(r *http.Request) (access.Who, error) {
	defer g.add(time.Now())
	return g.Accounts.Who(r)
}

func (g *gate) Decide(who access.Who, do access.Action, on access.Thing, at access.Circumstances) access.Decision {
	defer g.add(time.Now())
	return g.Live.Decide(who, do, on, at)
}

func (g *gate) add(start time.Time) {
	d := time.Since(start)
	g.mu.Lock()
	g.took += d
	g.mu.Unlock()
}

func (g *gate) begin() {
	g.mu.Lock()
	g.took = 0
	g.mu.Unlock()
}

func (g *gate) end() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.took
}

// remembered gives the gate's answers from maps: what the pages would do without a gate.
type remembered struct {
	*gate

	mu      sync.Mutex
	who     map[string]access.Who
	answers map[string]access.Decision
}

func (m *remembered) Who(r *http.Request) (access.Who, error) {
	key := r.Header.Get("Cookie")
	m.mu.Lock()
	defer m.mu.Unlock()
	if who, ok := m.who[key]; ok {
		return who, nil
	}
	who, err := m.Accounts.Who(r)
	if err == nil {
		m.who[key] = who
	}
	return who, err
}

func (m *remembered) Decide(who access.Who, do access.Action, on access.Thing, at access.Circumstances) access.Decision {
	key := who.ID + "|" + string(do) + "|" + string(on.Kind) + "|" + on.ID
	if at.Loopback {
		key += "|here"
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if d, ok := m.answers[key]; ok {
		return d
	}
	d := m.Live.Decide(who, do, on, at)
	m.answers[key] = d
	return d
}

// percentile is of durations, in milliseconds.
func percentile(d []time.Duration, p float64) float64 {
	sorted := slices.Sorted(slices.Values(d))
	return float64(sorted[min(int(p*float64(len(sorted))), len(sorted)-1)]) / float64(time.Millisecond)
}

func median(v []float64) float64 {
	sorted := slices.Sorted(slices.Values(v))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
