package ngsild_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"polity/internal/delivery"
	"polity/plane"
)

// quick are pauses for tests.
var quick = delivery.Limits{Pauses: []time.Duration{10 * time.Millisecond, 10 * time.Millisecond}}

// write stores changes as another part of Polity does: not through the API.
func (a *api) write(changes ...plane.Change) {
	a.t.Helper()
	r, err := a.store.Write(a.t.Context(), &plane.Batch{Changes: changes})
	if err == nil {
		err = r.Err()
	}
	if err != nil {
		a.t.Fatal(err)
	}
}

func put(id string, n int) plane.Change {
	return plane.Put(&plane.Entity{Key: plane.Key{ID: id}, Types: []string{"Room"}, Attributes: []plane.Attribute{{Name: "n", Kind: plane.Property, Value: json.RawMessage(fmt.Sprint(n))}}})
}

// roomSubscription is one to Room at a receiver.
func roomSubscription(id, uri, more string) string {
	return `{"id":"` + id + `","type":"Subscription","entities":[{"type":"Room"}],` + more + `"notification":{"format":"keyValues","endpoint":{"uri":"` + uri + `"}}}`
}

// until waits for a condition.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

func TestEveryWriterNotifies(t *testing.T) {
	r := newReceiver(t)
	a := newAPI(t)
	r.subscribe(a, "", "")
	a.write(put("urn:polity:camera:1", 1)) // one of Polity's own, that the API refuses to write
	data, _ := r.next(t)
	same(t, data, `[{"id":"urn:polity:camera:1","type":"Room","n":1}]`)
	a.write(put("urn:x:1", 1), put("urn:x:2", 2), put("urn:x:1", 3)) // one commit
	data, _ = r.next(t)
	same(t, data, `[{"id":"urn:x:1","type":"Room","n":1},{"id":"urn:x:2","type":"Room","n":2}]`)
	data, _ = r.next(t) // no entity stands in a notification twice
	same(t, data, `[{"id":"urn:x:1","type":"Room","n":3}]`)
	for n := range 40 {
		a.write(put("urn:x:1", 100+n))
	}
	for n := range 40 { // each change, in order
		data, _ = r.next(t)
		same(t, data, fmt.Sprintf(`[{"id":"urn:x:1","type":"Room","n":%d}]`, 100+n))
	}
}

// TestSubscriptionsMeetWhatComesBehindThem: a change notifies whoever had subscribed
// when it was committed, and nobody else, however late it is looked at.
func TestSubscriptionsMeetWhatComesBehindThem(t *testing.T) {
	r := newReceiver(t)
	a := newAPI(t)
	for n := range 20 {
		id := fmt.Sprintf("urn:x:s%d", n)
		a.write(put("urn:x:1", 1000+n))
		a.must(201, "POST", "/subscriptions", roomSubscription(id, r.URL, ""))
		a.write(put("urn:x:1", 2000+n))
		data, _ := r.next(t)
		same(t, data, fmt.Sprintf(`[{"id":"urn:x:1","type":"Room","n":%d}]`, 2000+n))
		a.must(204, "DELETE", "/subscriptions/"+id, "")
	}
	if a.Wanted() {
		t.Error("changes are wanted although nobody subscribed")
	}
}

// TestACrashAtAnyStepNotifiesAll ends the program at each step between a change and its
// notification, and goes on with the files as they were then.
func TestACrashAtAnyStepNotifiesAll(t *testing.T) {
	r := newReceiver(t)
	r.got = make(chan delivered, 10_000)
	a := newAPI(t)
	a.close()
	a.limits = quick
	c := &crashing{a: a}
	a.through = func(f plane.Feed) plane.Feed { c.Feed = f; return c }
	a.open()
	a.must(201, "POST", "/subscriptions", roomSubscription("urn:x:s", r.URL, ""))
	written, crashes := 0, 0
	for round := range 40 {
		c.in.Store(int64(1 + round))
		for range 20 {
			c.mu.Lock()
			dead := c.dir != ""
			if !dead {
				a.write(put("urn:x:1", written))
				written++
			}
			c.mu.Unlock()
			if dead {
				crashes++
				break
			}
		}
		a.close()
		c.in.Store(0) // never
		if c.dir != "" {
			a.path, c.dir = filepath.Join(c.dir, "city.db"), ""
		}
		a.open()
	}
	next, doubled := 0, 0
	for next < written {
		data, _ := r.next(t)
		var got []struct{ N int }
		if err := json.Unmarshal([]byte(data), &got); err != nil || len(got) != 1 {
			t.Fatal(data, err)
		}
		switch {
		case got[0].N == next:
			next++
		case got[0].N > next:
			t.Fatalf("%d came, and %d never did", got[0].N, next)
		default:
			doubled++
		}
	}
	if crashes < 5 || doubled > 20*crashes {
		t.Errorf("%d came twice in %d crashes", doubled, crashes)
	}
}

// crashing is a feed whose reader dies at a step: the files are copied, and nothing
// more happens.
type crashing struct {
	plane.Feed
	a  *api
	in atomic.Int64 // so many steps from now

	mu  sync.Mutex // held by who writes, and while the files are copied
	dir string     // of the copy
}

func (c *crashing) step(ctx context.Context) {
	if c.in.Add(-1) != 0 {
		return
	}
	c.mu.Lock()
	dir := c.a.t.TempDir()
	for _, name := range []string{"notifications.db", "notifications.db-wal", "city.db", "city.db-wal"} {
		text, err := os.ReadFile(filepath.Join(filepath.Dir(c.a.path), name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), text, 0o600)
		}
		if err != nil {
			c.a.t.Error(err)
		}
	}
	c.dir = dir
	c.mu.Unlock()
	<-ctx.Done()
}

func (c *crashing) Await(ctx context.Context, after uint64) error {
	c.step(ctx)
	return c.Feed.Await(ctx, after)
}

func (c *crashing) Events(ctx context.Context, after uint64, limit int) ([]plane.Event, error) {
	c.step(ctx)
	return c.Feed.Events(ctx, after, limit)
}

func (c *crashing) Settle(ctx context.Context, upTo uint64) error {
	c.step(ctx) // what was made is kept, and the feed does not know
	if err := c.Feed.Settle(ctx, upTo); err != nil {
		return err
	}
	c.step(ctx)
	return nil
}

// TestAnOlderStoreStillNotifies lets notifications meet a store from before, as a backup
// brings it back.
func TestAnOlderStoreStillNotifies(t *testing.T) {
	r := newReceiver(t)
	a := newAPI(t)
	a.must(201, "POST", "/subscriptions", roomSubscription("urn:x:s", r.URL, ""))
	a.close()
	backup, err := os.ReadFile(a.path)
	if err != nil {
		t.Fatal(err)
	}
	a.open()
	for n := range 30 {
		a.write(put("urn:x:1", n))
		r.next(t)
	}
	a.close()
	if err := os.WriteFile(a.path, backup, 0o600); err != nil {
		t.Fatal(err)
	}
	a.open()
	a.write(put("urn:x:1", 77)) // with a number that was used before
	data, _ := r.next(t)
	same(t, data, `[{"id":"urn:x:1","type":"Room","n":77}]`)
}

// TestADeadReceiverBecomesDeadLetters, its state says failed, and recovers.
func TestADeadReceiverBecomesDeadLetters(t *testing.T) {
	live, dead := newReceiver(t), newReceiver(t)
	a := newAPI(t)
	a.close()
	a.limits = quick
	a.open()
	dead.down.Store(true)
	a.must(201, "POST", "/subscriptions", roomSubscription("urn:x:live", live.URL, ""))
	a.must(201, "POST", "/subscriptions", roomSubscription("urn:x:dead", dead.URL, ""))
	for n := range 5 {
		a.write(put("urn:x:1", n))
		data, _ := live.next(t)
		same(t, data, fmt.Sprintf(`[{"id":"urn:x:1","type":"Room","n":%d}]`, n))
	}
	operations := a.Operations("/hub/notifications")
	ask := func(method, path, body, kind string) (int, string) {
		t.Helper()
		req := httptest.NewRequestWithContext(t.Context(), method, "/hub/notifications"+path, strings.NewReader(body))
		req.Header.Set("Content-Type", kind)
		w := httptest.NewRecorder()
		operations.ServeHTTP(w, req)
		if w.Code != 200 && w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %s: %d in %s", method, path, w.Code, w.Header().Get("Content-Type"))
		}
		return w.Code, w.Body.String()
	}
	until(t, "all are dead letters", func() bool {
		_, body := ask("GET", "", "", "")
		return strings.Contains(body, `"waiting":0,"waitingBytes":0,"dead":5,`)
	})
	got := a.must(200, "GET", "/subscriptions/urn:x:dead", "").body
	for _, want := range []string{`"status":"failed"`, `"timesSent":15`, `"timesFailed":15`, `"lastFailure":"`, `"lastNotification":"`} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is not in %s", want, got)
		}
	}
	if strings.Contains(got, "lastSuccess") {
		t.Error(got)
	}
	if _, body := ask("GET", "/dead?limit=2&bodies=true", "", ""); strings.Count(body, `"notification":{`) != 2 || !strings.Contains(body, `"next":`) || !strings.Contains(body, "503") {
		t.Error(body)
	}
	for _, bad := range [][3]string{
		{"GET", "/dead?limit=0", ""},
		{"GET", "/dead?tenant=x", ""},
		{"GET", "/dead?unknown=1", ""},
		{"GET", "?x=1", ""},
		{"POST", "/replay", `{}`},
		{"POST", "/replay", `{"all":true,"number":1}`},
		{"POST", "/replay", `{"all":true} {}`},
		{"POST", "/replay", `{"al":true}`},
		{"POST", "/replay", `[`},
		{"POST", "/drop", `{"number":-1}`},
		{"POST", "/drop", `{"tenant":"x","all":true}`},
	} {
		if status, body := ask(bad[0], bad[1], bad[2], "application/json"); status != 400 {
			t.Errorf("%v: %d %s", bad, status, body)
		}
	}
	if status, _ := ask("POST", "/drop", `{"all":true}`, "text/plain"); status != 415 {
		t.Errorf("a page of another origin could drop them: %d", status)
	}
	if status, _ := ask("POST", "/replay", `{"number":123456}`, "application/json"); status != 404 {
		t.Errorf("a letter that is none: %d", status)
	}
	if status, _ := ask("GET", "/other", "", ""); status != 404 {
		t.Errorf("a path that is none: %d", status)
	}
	dead.down.Store(false)
	if _, body := ask("POST", "/replay", `{"subscription":"urn:x:dead"}`, "application/json"); body != `{"letters":5}` {
		t.Error(body)
	}
	for n := range 5 {
		data, _ := dead.next(t)
		same(t, data, fmt.Sprintf(`[{"id":"urn:x:1","type":"Room","n":%d}]`, n))
	}
	until(t, "the state recovers", func() bool {
		got := a.must(200, "GET", "/subscriptions/urn:x:dead", "").body
		return strings.Contains(got, `"status":"ok"`) && strings.Contains(got, "lastSuccess")
	})
	a.must(204, "DELETE", "/subscriptions/urn:x:dead", "")
	until(t, "it is forgotten", func() bool { _, body := ask("GET", "", "", ""); return !strings.Contains(body, "urn:x:dead") })
}

// TestHostileReceivers: none of them gets what it is after, and each fails in bounded
// time.
func TestHostileReceivers(t *testing.T) {
	private := newReceiver(t) // must never hear anything
	stop := make(chan struct{})
	serve := func(f func(w http.ResponseWriter, r *http.Request)) string {
		s := httptest.NewServer(http.HandlerFunc(f))
		t.Cleanup(s.Close)
		return s.URL
	}
	inside := strings.Replace(private.URL, "127.0.0.1", "127.0.0.2", 1) // an address that is not listed
	hostile := map[string]struct{ uri, why string }{
		"an address inside": {inside, "private network"},
		"a redirect": {serve(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, private.URL, http.StatusTemporaryRedirect)
		}), "307"},
		"a redirect inside": {serve(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, inside, http.StatusPermanentRedirect)
		}), "308"},
		"a redirect to get": {serve(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, private.URL, http.StatusFound) }), "302"},
		"endless headers":   {endless(t, stop), "header"},
		"no answer": {serve(func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-stop:
			case <-r.Context().Done():
			}
		}), "no answer within"},
	}
	t.Cleanup(func() { close(stop) }) // before the servers wait for their handlers
	for name, c := range hostile {
		t.Run(name, func(t *testing.T) {
			timeout := 30_000 // ms: it is told why before that, however slow the machine
			if name == "no answer" {
				timeout = 200
			}
			a := newAPI(t)
			a.close()
			a.limits = quick
			a.open()
			a.must(201, "POST", "/subscriptions", `{"id":"urn:x:s","type":"Subscription","entities":[{"type":"Room"}],"notification":{"endpoint":{"uri":"`+c.uri+`","timeout":`+strconv.Itoa(timeout)+`}}}`)
			a.write(put("urn:x:1", 1))
			w := httptest.NewRecorder()
			until(t, "it failed", func() bool {
				w = httptest.NewRecorder()
				a.Operations("/n").ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/n", nil))
				return strings.Contains(w.Body.String(), `"delivery":"failed"`)
			})
			if !strings.Contains(w.Body.String(), c.why) {
				t.Errorf("the reason is not %q: %s", c.why, w.Body)
			}
		})
	}
	if n := len(private.got); n > 0 {
		t.Errorf("somebody inside heard %d times", n)
	}
}

// endless sends headers for ever.
func endless(t *testing.T, stop chan struct{}) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				if _, err := http.ReadRequest(bufio.NewReader(c)); err != nil {
					return
				}
				_, _ = c.Write([]byte("HTTP/1.1 200 OK\r\n"))
				for line := []byte("X: " + strings.Repeat("y", 8000) + "\r\n"); ; {
					select {
					case <-stop:
						return
					default:
						if _, err := c.Write(line); err != nil {
							return
						}
					}
				}
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

// TestAnEndlessBodyEnds: the answer counts, its body is read for a bounded time and
// length, and the next notification comes.
func TestAnEndlessBodyEnds(t *testing.T) {
	var heard atomic.Int64
	stop := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		heard.Add(1)
		for line := []byte(strings.Repeat("y", 8000)); ; {
			select {
			case <-stop:
				return
			case <-r.Context().Done():
				return
			default:
				if _, err := w.Write(line); err != nil {
					return
				}
			}
		}
	}))
	t.Cleanup(s.Close)
	t.Cleanup(func() { close(stop) })
	a := newAPI(t)
	a.must(201, "POST", "/subscriptions", roomSubscription("urn:x:s", s.URL, ""))
	a.write(put("urn:x:1", 1))
	a.write(put("urn:x:1", 2))
	until(t, "both are heard", func() bool { return heard.Load() == 2 })
}

// TestNotificationsOfAnEarlierVersion are taken over from where that kept them.
func TestNotificationsOfAnEarlierVersion(t *testing.T) {
	r := newReceiver(t)
	a := newAPI(t)
	a.must(201, "POST", "/subscriptions", roomSubscription("urn:x:s", r.URL, ""))
	a.write(plane.Put(&plane.Entity{Key: plane.Key{Tenant: "/outbox", ID: "urn:polity:outbox:1"}, Types: []string{"Outbox"}, Attributes: []plane.Attribute{
		{Name: "n0000", Kind: plane.JSON, Value: json.RawMessage(`{"s":"urn:x:s","b":{"id":"urn:x:n","type":"Notification","subscriptionId":"urn:x:s","data":[{"id":"urn:x:old"}]}}`)},
	}}))
	a.close()
	a.open()
	data, _ := r.next(t)
	same(t, data, `[{"id":"urn:x:old"}]`)
	a.close()
	a.open()
	a.write(put("urn:x:1", 1))
	data, _ = r.next(t) // and not the old one again
	same(t, data, `[{"id":"urn:x:1","type":"Room","n":1}]`)
}

func TestThrottling(t *testing.T) {
	r := newReceiver(t)
	a := newAPI(t)
	a.must(201, "POST", "/subscriptions", roomSubscription("urn:x:s", r.URL, `"throttling":3600,`))
	a.must(201, "POST", "/subscriptions", roomSubscription("urn:x:all", r.URL, ""))
	for n := range 5 {
		a.write(put("urn:x:1", n))
	}
	heard := map[string]int{}
	for range 6 {
		d := r.take(t)
		for _, id := range []string{"urn:x:s", "urn:x:all"} {
			if strings.Contains(d.body, `"subscriptionId":"`+id+`"`) {
				heard[id]++
			}
		}
	}
	if heard["urn:x:s"] != 1 || heard["urn:x:all"] != 5 {
		t.Errorf("%v", heard)
	}
}

// TestReceiversSayHowLongToWait: Retry-After and an endpoint's cooldown hold back more
// attempts than the pauses would.
func TestReceiversSayHowLongToWait(t *testing.T) {
	for name, c := range map[string]struct{ retryAfter, endpoint string }{
		"Retry-After": {"3600", ""},
		"cooldown":    {"", `"cooldown":3600000,`},
	} {
		t.Run(name, func(t *testing.T) {
			var heard atomic.Int64
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				heard.Add(1)
				if c.retryAfter != "" {
					w.Header().Set("Retry-After", c.retryAfter)
				}
				w.WriteHeader(http.StatusTooManyRequests)
			}))
			t.Cleanup(s.Close)
			a := newAPI(t)
			a.close()
			a.limits = quick
			a.open()
			a.must(201, "POST", "/subscriptions", `{"id":"urn:x:s","type":"Subscription","entities":[{"type":"Room"}],"notification":{"endpoint":{`+c.endpoint+`"uri":"`+s.URL+`"}}}`)
			a.write(put("urn:x:1", 1))
			until(t, "it is noted", func() bool {
				return strings.Contains(a.must(200, "GET", "/subscriptions/urn:x:s", "").body, `"status":"failed"`)
			})
			time.Sleep(100 * time.Millisecond) // several pauses
			if n := heard.Load(); n != 1 {
				t.Errorf("it was asked %d times", n)
			}
		})
	}
}
