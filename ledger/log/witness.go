package log

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/transparency-dev/tessera"
	"k8s.io/klog/v2"

	"polity/city"
	"polity/ledger/roster"
)

const (
	witnessTimeout = 5 * time.Second
	maxAnswer      = 64 << 10 // of a witness, bytes
)

// witnesses are those of the roster that can be reached.
func witnesses(cfg *Config) (*watched, tessera.WitnessGroup, error) {
	w := &watched{states: map[string]*WitnessState{}, base: http.DefaultTransport}
	if cfg.Client != nil && cfg.Client.Transport != nil {
		w.base = cfg.Client.Transport
	}
	w.client = &http.Client{Transport: w, Timeout: witnessTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	var group tessera.WitnessGroup
	for _, at := range cfg.Witnesses {
		i := slices.IndexFunc(cfg.Roster.Witnesses, func(r roster.Witness) bool { return r.Name == at.Name })
		if i < 0 {
			return nil, group, city.Errorf(city.Invalid, "witness %s is not in roster %d", at.Name, cfg.Roster.Version)
		}
		u, err := url.Parse(at.URL)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil {
			return nil, group, city.Errorf(city.Invalid, "the address of witness %s is %q; write one such as https://witness.example", at.Name, at.URL)
		}
		witness, err := tessera.NewWitness(cfg.Roster.Witnesses[i].Key, u)
		if err != nil {
			return nil, group, city.Errorf(city.Invalid, "witness %s: %w", at.Name, err)
		}
		if w.states[witness.URL] != nil {
			return nil, group, city.Errorf(city.Invalid, "two witnesses have the address %s", at.URL)
		}
		w.states[witness.URL] = &WitnessState{Name: at.Name, Problem: "not asked yet"}
		group.Components = append(group.Components, witness)
	}
	if len(group.Components) < cfg.Roster.Quorum {
		return nil, group, city.Errorf(city.Invalid, "the log has the addresses of %d witnesses; %d must cosign before anything is public", len(group.Components), cfg.Roster.Quorum)
	}
	group.N = cfg.Roster.Quorum
	return w, group, nil
}

// watched sends requests to witnesses and notes what comes of each.
type watched struct {
	base   http.RoundTripper
	client *http.Client

	mu     sync.Mutex
	states map[string]*WitnessState // by address
}

// RoundTrip implements http.RoundTripper.
func (w *watched) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := w.base.RoundTrip(r)
	if err == nil {
		answer.Body = limited{io.LimitReader(answer.Body, maxAnswer), answer.Body}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.states[r.URL.String()]
	switch {
	case s == nil || r.Context().Err() != nil && err != nil && strings.Contains(err.Error(), "canceled"):
		// The quorum was there before this one answered.
	case err != nil:
		s.Problem = "does not answer"
	case answer.StatusCode == http.StatusOK:
		s.Problem, s.Answered, s.Remembers = "", time.Now(), 0
	case answer.StatusCode == http.StatusConflict && answer.Header.Get("Content-Type") == "text/x.tlog.size":
		s.Problem, s.Remembers = "knew another size of the log; it is asked again", remembered(answer)
	case answer.StatusCode == http.StatusConflict, answer.StatusCode == http.StatusUnprocessableEntity:
		s.Problem = "refuses: what it cosigned before does not fit this log"
	case answer.StatusCode == http.StatusNotFound, answer.StatusCode == http.StatusForbidden:
		s.Problem = "does not know this log or its key"
	default:
		s.Problem = "refuses with " + http.StatusText(answer.StatusCode)
	}
	return answer, err
}

// remembered is the size that a witness says it has cosigned; the answer can be read
// again.
func remembered(answer *http.Response) int64 {
	data, err := io.ReadAll(answer.Body)
	answer.Body = limited{bytes.NewReader(data), answer.Body}
	if err != nil {
		return 0
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

type limited struct {
	io.Reader
	io.Closer
}

func (w *watched) list() (all []WitnessState) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.states {
		all = append(all, *s)
	}
	slices.SortFunc(all, func(a, b WitnessState) int { return strings.Compare(string(a.Name), string(b.Name)) })
	return all
}

// quiet keeps tessera's own logging, which goes to the standard error, out of ours:
// State says what matters.
var quiet = sync.OnceFunc(func() {
	klog.LogToStderr(false)
	klog.SetOutput(io.Discard)
})
