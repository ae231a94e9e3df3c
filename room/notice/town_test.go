package notice

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"polity/access"
	"polity/city"
	"polity/room/notice/webhook"
)

const secretText = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// say stands in for the texts of the pages.
type say struct{}

func (say) Say(key string, values ...any) string {
	return strings.TrimSpace(key + " " + strings.TrimSpace(fmt.Sprintln(values...)))
}

// source is alerts as a test wants them.
type source struct {
	mu   sync.Mutex
	open map[string]Alert
	tell func([]Alert) error
}

func (s *source) Follow(ctx context.Context, tell func([]Alert) error) error {
	s.mu.Lock()
	s.tell = tell
	list := make([]Alert, 0, len(s.open))
	for _, a := range s.open {
		list = append(list, a)
	}
	err := tell(list)
	s.mu.Unlock()
	if err != nil {
		return err
	}
	<-ctx.Done()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tell = nil
	return ctx.Err()
}

func (s *source) set(list ...Alert) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range list {
		if a.Open {
			s.open[a.Key] = a
		} else {
			delete(s.open, a.Key)
		}
	}
	if s.tell != nil {
		_ = s.tell(list)
	}
}

// staff are people with accounts, each with the desks whose alerts they may see.
type staff struct {
	mu  sync.Mutex
	may map[string][]city.Slug
}

func (s *staff) Person(_ context.Context, id string) (access.Who, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, there := s.may[id]
	return access.Who{Kind: access.Person, ID: id}, there, nil
}

func (s *staff) Decide(who access.Who, do access.Action, on access.Thing, _ access.Circumstances) access.Decision {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.may[who.ID] {
		if do == access.SeeAlerts && on.Kind == access.AService && on.ID == string(d) {
			return access.Decision{Allowed: true}
		}
	}
	return access.Decision{}
}

func (s *staff) set(id string, desks ...city.Slug) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.may[id] = desks
}

// hook is a receiver of webhooks.
type hook struct {
	*httptest.Server
	mu     sync.Mutex
	got    []Message
	bad    []string
	status int // 0: 200
	block  chan struct{}
}

func newHook(t *testing.T) *hook {
	t.Helper()
	h := &hook{}
	secret, err := webhook.ParseSecret(secretText)
	if err != nil {
		t.Fatal(err)
	}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		h.mu.Lock()
		status, block := h.status, h.block
		h.mu.Unlock()
		if block != nil {
			select {
			case <-block:
			case <-r.Context().Done():
			}
		}
		if status != 0 {
			w.WriteHeader(status)
			return
		}
		var m Message
		err := json.Unmarshal(body, &m)
		h.mu.Lock()
		defer h.mu.Unlock()
		switch {
		case err != nil:
			h.bad = append(h.bad, err.Error())
		case webhook.Verify(secret, r.Header, body, stamped(r.Header)) != nil || r.Header.Get("Webhook-Id") != m.ID:
			h.bad = append(h.bad, "the signature is wrong")
		}
		h.got = append(h.got, m)
	}))
	t.Cleanup(h.Close)
	return h
}

// stamped is the time that a message names: the clocks of tests run ahead.
func stamped(h http.Header) time.Time {
	seconds, _ := strconv.ParseInt(h.Get("Webhook-Timestamp"), 10, 64)
	return time.Unix(seconds, 0)
}

func (h *hook) answers(status int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status = status
}

func (h *hook) all() []Message {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]Message(nil), h.got...)
}

func (h *hook) keys() string {
	var out []string
	for _, m := range h.all() {
		switch m.Type {
		case typeBundle:
			out = append(out, fmt.Sprintf("bundle:%d", m.Data.Count))
		default:
			out = append(out, strings.TrimPrefix(m.Type, "alert.")+":"+m.Data.Key)
		}
	}
	return strings.Join(out, " ")
}

// town is notices with a clock that a test moves.
type town struct {
	t      *testing.T
	dir    string
	cfg    Config
	source *source
	staff  *staff
	n      *Notices
	logged *bytes.Buffer
	stop   func()

	mu  sync.Mutex
	now time.Time
}

func newTown(t *testing.T, channels ...Channel) *town {
	t.Helper()
	v := &town{t: t, dir: t.TempDir(), source: &source{open: map[string]Alert{}}, staff: &staff{may: map[string][]city.Slug{}}, logged: &bytes.Buffer{}, now: time.Now().UTC().Truncate(time.Second)}
	v.cfg = Config{Address: "https://polity.city.example", Hosts: []string{"127.0.0.1", "localhost"}, Channels: channels, Retries: []time.Duration{20 * time.Millisecond, 20 * time.Millisecond}}
	if err := os.WriteFile(filepath.Join(v.dir, "secret"), []byte(secretText+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range v.cfg.Channels {
		if w := v.cfg.Channels[i].Webhook; w != nil && w.SecretFile == "" {
			w.SecretFile = filepath.Join(v.dir, "secret")
		}
	}
	t.Cleanup(v.close)
	return v
}

func to(h *hook, name city.Slug) Channel { return Channel{Name: name, Webhook: &Webhook{URL: h.URL}} }

func (v *town) clock() time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.now
}

func (v *town) pass(d time.Duration) {
	v.mu.Lock()
	v.now = v.now.Add(d)
	v.mu.Unlock()
}

// openFiles opens notices and tells them what is open; rounds are the test's own.
func (v *town) open() {
	v.t.Helper()
	var err error
	v.n, err = Open(v.t.Context(), v.cfg, Deps{Folder: v.dir, Source: v.source, People: v.staff, Decide: v.staff, Words: say{}, Log: slog.New(slog.NewTextHandler(&lockedWriter{b: v.logged}, nil)), Now: v.clock})
	if err != nil {
		v.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(v.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = v.source.Follow(ctx, v.n.take)
	}()
	v.until("the source is followed", func() bool { v.source.mu.Lock(); defer v.source.mu.Unlock(); return v.source.tell != nil })
	v.stop = func() { stop(); <-done }
}

func (v *town) close() {
	if v.n == nil {
		return
	}
	v.stop()
	if err := v.n.Close(); err != nil {
		v.t.Error(err)
	}
	v.n = nil
}

func (v *town) restart() { v.close(); v.open() }

func (v *town) round() { v.n.round(v.t.Context()) }

// tell sets alerts and makes a round.
func (v *town) tell(list ...Alert) {
	v.source.set(list...)
	v.round()
}

// sent waits until nothing waits any more.
func (v *town) sent() {
	v.t.Helper()
	v.until("everything is sent", func() bool { return v.n.Counts().Waiting == 0 })
}

func (v *town) until(what string, is func() bool) {
	v.t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			v.t.Fatalf("not within a minute: %s", what)
		}
	}
}

func (v *town) alert(key string, change ...func(*Alert)) Alert {
	a := Alert{Key: key, Desk: access.Water, Kind: "flood", Title: "Flooding", Priority: 2, Place: "Underpass", At: v.clock(), Open: true, New: true}
	for _, f := range change {
		f(&a)
	}
	return a
}

func priority(p int) func(*Alert)     { return func(a *Alert) { a.Priority = p } }
func atDesk(d city.Slug) func(*Alert) { return func(a *Alert) { a.Desk = d } }
func acknowledged(a *Alert)           { a.New = false }
func closed(a *Alert)                 { a.Open, a.New = false, false }

// lockedWriter lets goroutines write to a buffer.
type lockedWriter struct {
	mu sync.Mutex
	b  *bytes.Buffer
}

func (w *lockedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}
