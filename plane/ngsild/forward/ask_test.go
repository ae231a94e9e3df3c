package forward

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// source is a context source that answers by a function.
func source(t *testing.T, answer http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	return s
}

func at(t *testing.T, s *httptest.Server, members string) *Registration {
	t.Helper()
	r := registered(t, "r", members)
	r.Endpoint = s.URL
	if r.timeout == 0 {
		r.timeout = maxTimeout // a busy machine fails no test
	}
	return r
}

func client(hosts ...string) *Client { return NewClient(hosts, "us", time.Now) }

func TestOnlyHostsThatAreNamedAreAsked(t *testing.T) {
	var asked atomic.Int32
	s := source(t, func(http.ResponseWriter, *http.Request) { asked.Add(1) })
	r := at(t, s, vehicles)
	host := strings.TrimPrefix(s.URL, "http://")
	for _, hosts := range [][]string{{"localhost"}, {"127.0.0.2"}, {"127.0.0.1:1"}} {
		if a := client(hosts...).AskAll(t.Context(), []Call{{To: r, Method: "GET", Path: "/entities"}})[0]; a.Err == nil || asked.Load() != 0 {
			t.Fatalf("with %v: %+v, asked %d times", hosts, a, asked.Load())
		}
	}
	for _, hosts := range [][]string{{"127.0.0.1"}, {host}} {
		if a := client(hosts...).AskAll(t.Context(), []Call{{To: r, Method: "GET", Path: "/entities"}})[0]; !a.OK() {
			t.Errorf("with %v: %v", hosts, a.Err)
		}
	}
	if client().On() {
		t.Error("a client without hosts is on")
	}
	for _, endpoint := range []string{"ftp://127.0.0.1/", "http://me:secret@127.0.0.1/", "urn:x:1", "http:///", "http://127.0.0.1:bad/"} {
		r.Endpoint = endpoint
		if a := client("127.0.0.1").AskAll(t.Context(), []Call{{To: r, Method: "GET", Path: "/entities"}})[0]; a.Err == nil || strings.Contains(a.Err.Error(), "secret") {
			t.Errorf("%s: %+v", endpoint, a)
		}
	}
}

// Clauses 5.2.9, 6.3.14 and 6.3.18.
func TestWhatGoesWithARequest(t *testing.T) {
	got := make(chan *http.Request, 1)
	s := source(t, func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || string(body) != `{"a":1}` {
			t.Errorf("the body is %s, %v", body, err)
		}
		got <- r
	})
	r := at(t, s, `"tenant":"theirs","management":{"localOnly":true},"contextSourceInfo":[{"key":"X-Key","value":"k"},{"key":"X-Trace","value":"urn:ngsi-ld:request"},{"key":"Authorization","value":"urn:ngsi-ld:request"},{"key":"jsonldContext","value":"http://c.example/"}],`+vehicles)
	r.Endpoint += "/base/ngsi-ld/v1/"
	came := http.Header{"Via": {"1.1 first, 1.1 second"}, "X-Trace": {"17"}, "Authorization": {"Bearer of-the-asker"}, "Ngsild-Tenant": {"ours"}}
	a := client("127.0.0.1").AskAll(t.Context(), []Call{{To: r, Method: "PATCH", Path: "/entities/urn:x:1", Query: "type=V", Body: []byte(`{"a":1}`), ContentType: "application/json", Link: "http://c.example/", Came: came}})[0]
	if !a.OK() {
		t.Fatal(a.Err)
	}
	q := <-got
	if q.Method != "PATCH" || q.URL.String() != "/base/ngsi-ld/v1/entities/urn:x:1?type=V&local=true" {
		t.Errorf("%s %s", q.Method, q.URL)
	}
	for name, want := range map[string]string{"X-Key": "k", "X-Trace": "17", "Authorization": "", "NGSILD-Tenant": "theirs", "Content-Type": "application/json", "Accept": "application/json", "JsonldContext": ""} {
		if q.Header.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, q.Header.Get(name), want)
		}
	}
	if path := Path(q.Header); strings.Join(path, " ") != "first second us" {
		t.Errorf("it came by %v", path)
	}
	if !strings.HasPrefix(q.Header.Get("Link"), "<http://c.example/>") {
		t.Errorf("Link is %s", q.Header.Get("Link"))
	}
}

func TestHostileAnswers(t *testing.T) {
	end := make(chan struct{})
	defer close(end)
	var elsewhere atomic.Int32
	other := source(t, func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) })
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		why    string
	}{
		"huge": {func(w http.ResponseWriter, _ *http.Request) {
			chunk := make([]byte, 1<<20)
			for range 12 {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		}, "more than"},
		"slow drip": {func(w http.ResponseWriter, r *http.Request) {
			for {
				_, _ = w.Write([]byte(" "))
				_ = http.NewResponseController(w).Flush()
				select {
				case <-r.Context().Done():
					return
				case <-end:
					return
				case <-time.After(10 * time.Millisecond):
				}
			}
		}, "did not answer within"},
		"broken off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("{"))
		}, "broke off"},
		"sent elsewhere": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, http.StatusFound) }, "redirects are not followed"},
	} {
		t.Run(name, func(t *testing.T) {
			management := `"management":{"timeout":30000},` // it is told why before that, however slow the machine
			if name == "slow drip" {
				management = `"management":{"timeout":300},`
			}
			r := at(t, source(t, c.answer), management+vehicles)
			a := client("127.0.0.1").AskAll(t.Context(), []Call{{To: r, Method: "GET", Path: "/entities"}})[0]
			if a.OK() || a.Err == nil || !strings.Contains(a.Err.Error(), c.why) {
				t.Errorf("%d %v, want %q", a.Status, a.Err, c.why)
			}
			if a.Err != nil && strings.Contains(a.Err.Error(), "127.0.0.1") {
				t.Errorf("%v tells the address of the source", a.Err)
			}
		})
	}
	if elsewhere.Load() != 0 {
		t.Error("a redirect was followed")
	}
}

func TestSourcesAreAskedSideBySide(t *testing.T) {
	var asked atomic.Int32
	meet := make(chan struct{})
	answer := func(http.ResponseWriter, *http.Request) {
		if asked.Add(1) == 2 {
			close(meet)
		}
		<-meet // answers once the other was asked too
	}
	a, b := at(t, source(t, answer), vehicles), at(t, source(t, answer), vehicles)
	for _, got := range client("127.0.0.1").AskAll(t.Context(), []Call{{To: a, Method: "GET", Path: "/entities"}, {To: b, Method: "GET", Path: "/entities"}}) {
		if !got.OK() {
			t.Error(got.Err)
		}
	}
}

// Clause 5.2.34.
func TestCooldown(t *testing.T) {
	var asked atomic.Int32
	s := source(t, func(http.ResponseWriter, *http.Request) {
		asked.Add(1)
		panic(http.ErrAbortHandler)
	})
	r := at(t, s, `"management":{"cooldown":60000},`+vehicles)
	clock := now
	c := NewClient([]string{"127.0.0.1"}, "us", func() time.Time { return clock })
	ask := func() error {
		return c.AskAll(t.Context(), []Call{{To: r, Method: "DELETE", Path: "/entities"}})[0].Err
	}
	if ask() == nil || asked.Load() != 1 {
		t.Fatal("a source that breaks off did not fail")
	}
	if err := ask(); err == nil || !strings.Contains(err.Error(), "left alone until") || asked.Load() != 1 {
		t.Errorf("%v, asked %d times", err, asked.Load())
	}
	clock = clock.Add(time.Minute)
	if ask() == nil || asked.Load() != 2 {
		t.Errorf("asked %d times after the pause", asked.Load())
	}
}

func TestTooManySources(t *testing.T) {
	var asked atomic.Int32
	s := source(t, func(http.ResponseWriter, *http.Request) { asked.Add(1) })
	r := at(t, s, vehicles)
	calls := make([]Call, maxSources+3)
	for i := range calls {
		calls[i] = Call{To: r, Method: "GET", Path: "/entities"}
	}
	answers := client("127.0.0.1").AskAll(t.Context(), calls)
	if asked.Load() != maxSources || answers[maxSources-1].Err != nil || answers[maxSources].Err == nil {
		t.Errorf("%d were asked", asked.Load())
	}
}

func TestAnswersTogetherAreBounded(t *testing.T) {
	body := strings.Repeat(" ", maxAnswer)
	s := source(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
	r := at(t, s, vehicles)
	calls := make([]Call, maxAnswers/maxAnswer+2)
	for i := range calls {
		calls[i] = Call{To: r, Method: "GET", Path: "/entities"}
	}
	kept := 0
	for _, a := range client("127.0.0.1").AskAll(t.Context(), calls) {
		kept += len(a.Body)
		if a.Err != nil && !strings.Contains(a.Err.Error(), "all sources") {
			t.Error(a.Err)
		}
	}
	if kept != maxAnswers {
		t.Errorf("%d bytes are kept, want %d", kept, maxAnswers)
	}
}

func TestWarningIsOneHeader(t *testing.T) {
	r := registered(t, "r", vehicles)
	if got, want := client().Warning(r, "it said \"no\"\r\nSet-Cookie: ä"), `199 us "urn:x:r: it said _no___Set-Cookie: _"`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestFailuresOfABatch(t *testing.T) {
	a := Answer{Body: []byte(`{"success":["urn:x:1"],"errors":[{"entityId":"urn:x:2","error":{"title":"no"}}]}`)}
	if got, ok := a.Failed(); !ok || len(got) != 1 || got["urn:x:2"] != "no" {
		t.Errorf("%v %v", got, ok)
	}
	for _, body := range []string{``, `[]`, `{"errors":7}`, `{`} {
		if _, ok := (&Answer{Body: []byte(body)}).Failed(); ok {
			t.Errorf("%q was taken for the result of a batch", body)
		}
	}
}
