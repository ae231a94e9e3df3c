package queue_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"polity/access"
	"polity/city"
	"polity/room/alert"
	"polity/room/queue"
)

// event is one of the feed.
type event struct{ name, id, data string }

func (e event) alerts(t *testing.T) []*alert.Alert {
	t.Helper()
	var v struct{ Alerts []*alert.Alert }
	if err := json.Unmarshal([]byte(e.data), &v); err != nil {
		t.Fatal(err)
	}
	return v.Alerts
}

// follower reads the feed over HTTP.
type follower struct {
	t      *testing.T
	lines  *bufio.Scanner
	stop   func()
	cursor string
}

// serve serves the feed, from ?from= on.
func serve(t *testing.T, r *room, w access.Who) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		feed, err := r.Feed(queue.Following{Cursor: in.URL.Query().Get("from"), Desks: func() []city.Slug { return r.Desks(w) }})
		if err != nil {
			http.Error(out, err.Error(), http.StatusBadRequest)
			return
		}
		_ = feed(in.Context(), out)
	}))
	t.Cleanup(s.Close)
	return s
}

func follow(t *testing.T, s *httptest.Server, from string) *follower {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	in, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/?from="+from, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := s.Client().Do(in)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { answer.Body.Close() })
	f := &follower{t: t, lines: bufio.NewScanner(answer.Body), stop: stop, cursor: from}
	f.lines.Buffer(nil, 16<<20)
	return f
}

// next returns the next event, or none when the feed ends.
func (f *follower) next() (e event) {
	for f.lines.Scan() {
		name, value, _ := strings.Cut(f.lines.Text(), ": ")
		switch name {
		case "event":
			e.name = value
		case "id":
			e.id, f.cursor = value, value
		case "data":
			e.data = value
		case "":
			if e.name != "" {
				return e
			}
		}
	}
	return event{}
}

func TestTheFeedGoesOnWhereItWas(t *testing.T) {
	r := newRoom(t)
	r.raise(5)
	s := serve(t, r, aino)
	f := follow(t, s, r.list(aino, queue.Query{}).Cursor)
	if e := f.next(); e.name != "hello" || !strings.Contains(e.data, `"safety"`) {
		t.Fatalf("%+v", e)
	}
	r.take(report(10))
	e := f.next()
	if list := e.alerts(t); e.name != "alerts" || len(list) != 1 || list[0].Key != report(10).Key {
		t.Fatalf("%+v", e)
	}
	f.stop()
	// While nobody listens, over a restart: one alert changes twice, one is raised.
	r.act(aino, request(alert.Acknowledge, r.one(0)))
	r.restart()
	r.act(aino, request(alert.Escalate, r.one(0)))
	r.take(report(11))
	f = follow(t, s, f.cursor)
	f.next()
	list := f.next().alerts(t)
	if len(list) != 2 || list[0].Key != report(0).Key || !list[0].Escalated || list[0].Revision != 3 || list[1].Key != report(11).Key {
		t.Errorf("%+v", list)
	}
}

func TestACursorThatCannotBeFollowed(t *testing.T) {
	r := newRoom(t)
	r.raise(3)
	old := r.list(aino, queue.Query{}).Cursor
	other := newRoom(t)
	other.raise(3)
	for name, cursor := range map[string]string{"another file's": other.Newest(), "of the future": strings.TrimSuffix(r.Newest(), "3") + "9999"} {
		f := follow(t, serve(t, r, aino), cursor)
		if e := f.next(); e.name != "reload" || e.data != `{"why":"old"}` {
			t.Errorf("%s: %+v", name, e)
		}
	}
	answer, err := http.Get(serve(t, r, aino).URL + "/?from=nonsense")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusBadRequest {
		t.Errorf("nonsense: %d", answer.StatusCode)
	}
	// What was forgotten cannot be told to who has it on the screen.
	ended := report(2)
	ended.Version, ended.End = 2, start.Add(time.Hour)
	r.take(ended)
	r.closeAs(alert.Useful, r.one(2))
	r.pass(200 * 24 * time.Hour)
	if err := r.Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	if e := follow(t, serve(t, r, aino), old).next(); e.name != "reload" {
		t.Errorf("forgotten: %+v", e)
	}
	r.restart()
	if e := follow(t, serve(t, r, aino), old).next(); e.name != "reload" {
		t.Errorf("forgotten, after a restart: %+v", e)
	}
	if e := follow(t, serve(t, r, aino), r.Newest()).next(); e.name != "hello" {
		t.Errorf("the newest: %+v", e)
	}
}

func TestTheFeedIsOfOnesOwnDesks(t *testing.T) {
	r := newRoom(t)
	f := follow(t, serve(t, r, tram), "")
	if e := f.next(); strings.Contains(e.data, "safety") || !strings.Contains(e.data, "traffic") {
		t.Fatalf("%+v", e)
	}
	mine := report(2)
	mine.Kind, mine.Desk, mine.Title = "traffic", access.Traffic, alert.TitleOf("traffic")
	r.take(report(1), mine)
	if list := f.next().alerts(t); len(list) != 1 || list[0].Key != mine.Key {
		t.Errorf("%+v", list)
	}
	if _, err := r.Feed(queue.Following{Desks: func() []city.Slug { return nil }}); city.KindOf(err) != city.Forbidden {
		t.Error(err)
	}
}

// TestRightsThatWentEndTheFeed: who lost a desk sees no more of it.
func TestRightsThatWentEndTheFeed(t *testing.T) {
	r := newRoom(t)
	var mu sync.Mutex
	asked := 0
	s := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		feed, err := r.Feed(queue.Following{Desks: func() []city.Slug {
			mu.Lock()
			defer mu.Unlock()
			if asked++; asked > 1 {
				return nil
			}
			return []city.Slug{access.Safety}
		}})
		if err == nil {
			err = feed(in.Context(), out)
		}
		if err != nil {
			t.Error(err)
		}
	}))
	defer s.Close()
	f := follow(t, s, "")
	f.next()
	if e := f.next(); e.name != "reload" || e.data != `{"why":"rights"}` {
		t.Errorf("%+v", e)
	}
	if e := f.next(); e.name != "" {
		t.Errorf("it goes on: %+v", e)
	}
}

// stuck is a reader that takes nothing after its first lines.
type stuck struct {
	header http.Header
	block  chan struct{}
	n      int
}

func (s *stuck) Header() http.Header { return s.header }
func (s *stuck) WriteHeader(int)     {}
func (s *stuck) Write(b []byte) (int, error) {
	if s.n++; s.n > 1 {
		<-s.block
	}
	return len(b), nil
}
func (s *stuck) Flush() {}

// TestASlowReaderDelaysNobody: it keeps nothing waiting, and is told to begin anew.
func TestASlowReaderDelaysNobody(t *testing.T) {
	r := newRoom(t)
	slow := &stuck{header: http.Header{}, block: make(chan struct{})}
	feed, err := r.Feed(queue.Following{Desks: func() []city.Slug { return r.Desks(aino) }})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- feed(t.Context(), slow) }()
	f := follow(t, serve(t, r, aino), "")
	f.next()
	for i := range 15 {
		r.take(report(i))
		for got := 0; got == 0; {
			got = len(f.next().alerts(t))
		}
	}
	close(slow.block)
	r.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestAReaderThatIsFarBehindBeginsAnew passes the bound of changes that are kept.
func TestAReaderThatIsFarBehindBeginsAnew(t *testing.T) {
	r := newRoom(t)
	r.cfg.Behind = 200
	r.restart()
	old := r.Newest()
	for i := range 5 {
		var list []queue.Report
		for n := range 100 {
			list = append(list, report(i*100+n))
		}
		r.take(list...)
	}
	if e := follow(t, serve(t, r, aino), old).next(); e.name != "reload" {
		t.Errorf("%.80s", e)
	}
	recent := r.list(aino, queue.Query{Limit: 1}).Cursor
	r.take(report(100_000))
	f := follow(t, serve(t, r, aino), recent)
	if f.next(); len(f.next().alerts(t)) != 1 {
		t.Error("the newest change is not told")
	}
}

// TestWhoeverFollowsHasWhatIsStored: operators and sources at once, readers that come and
// go; at the end every reader has each alert as it is, and each revision was given once.
func TestWhoeverFollowsHasWhatIsStored(t *testing.T) {
	r := newRoom(t)
	s := serve(t, r, aino)
	const alerts, operators = 60, 6
	var work sync.WaitGroup
	work.Go(func() {
		for i := range alerts {
			r.take(report(i))
		}
	})
	var mu sync.Mutex
	done := map[string]string{} // key and revision: by whom
	for n := range operators {
		w := who(fmt.Sprintf("p-%d", n), access.SafetyOperator)
		work.Go(func() {
			random := rand.New(rand.NewPCG(uint64(n), 1))
			for i := range 80 {
				p, err := r.List(t.Context(), w, queue.Query{Limit: 20})
				if err != nil || len(p.Alerts) == 0 {
					continue
				}
				a := p.Alerts[random.IntN(len(p.Alerts))]
				do := []alert.What{alert.Acknowledge, alert.Assign, alert.Renew, alert.Escalate}[random.IntN(4)]
				q := queue.Request{ID: fmt.Sprintf("op-%d-%04d", n, i), Operation: alert.Operation{Do: do}, Items: []queue.Item{{Key: a.Key, Revision: a.Revision}}}
				if do == alert.Assign {
					q.To = queue.Me
				}
				out, err := r.Act(t.Context(), w, q)
				if err != nil {
					t.Error(err)
					return
				}
				if out[0].Status == queue.Done {
					mu.Lock()
					step := fmt.Sprintf("%s %d", a.Key, a.Revision)
					if by, there := done[step]; there {
						t.Errorf("%s was changed by %s and by %s", step, by, w.ID)
					}
					done[step] = w.ID
					mu.Unlock()
				}
			}
		})
	}
	readers := make([]map[alert.Key]*alert.Alert, 3)
	var reading sync.WaitGroup
	over := make(chan struct{})
	for i := range readers {
		readers[i] = map[alert.Key]*alert.Alert{}
		first := r.list(aino, queue.Query{Limit: 500})
		for _, a := range first.Alerts {
			readers[i][a.Key] = a
		}
		reading.Go(func() {
			cursor := first.Cursor
			for lives := 0; ; lives++ {
				f := follow(t, s, cursor)
				for n := 0; n < 5*(i+1); n++ {
					e := f.next()
					if e.name == "reload" || e.name == "" {
						t.Errorf("reader %d: %+v", i, e)
						return
					}
					if e.name == "alerts" {
						for _, a := range e.alerts(t) {
							if had := readers[i][a.Key]; had == nil || had.Sequence < a.Sequence {
								readers[i][a.Key] = a
							}
						}
					}
					cursor = f.cursor
					select {
					case <-over:
						if cursor == r.Newest() {
							return
						}
					default:
					}
				}
				f.stop()
			}
		})
	}
	work.Wait()
	close(over)
	r.take(report(alerts)) // so that each reader hears something once more
	reading.Wait()
	changes := 0
	for i, had := range readers {
		for n := range alerts + 1 {
			want := r.one(n)
			if got := had[want.Key]; got == nil || got.Sequence != want.Sequence || got.Revision != want.Revision || got.State != want.State || got.Assignee != want.Assignee {
				t.Errorf("reader %d has %+v, stored is %+v", i, got, want)
			}
		}
	}
	for n := range alerts {
		changes += int(r.one(n).Revision) - 1
	}
	if changes != len(done) {
		t.Errorf("%d revisions for %d operations", changes, len(done))
	}
}

// TestTheQueueAgainstAModel plays random steps, restarts among them, beside a map.
func TestTheQueueAgainstAModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := newRoom(t)
		defer r.Close()
		model := map[alert.Key]alert.State{}
		for range rapid.IntRange(3, 12).Draw(rt, "steps") {
			n := rapid.IntRange(0, 5).Draw(rt, "alert")
			key := report(n).Key
			switch step := rapid.SampledFrom([]string{"raise", "acknowledge", "close", "reopen", "restart", "renew"}).Draw(rt, "step"); step {
			case "raise":
				r.take(report(n))
				if _, there := model[key]; !there {
					model[key] = alert.New
				}
			case "restart":
				r.restart()
			default:
				state, there := model[key]
				if !there {
					continue
				}
				q := request(alert.What(step), r.one(n))
				if step == "close" {
					q.Verdict = alert.Unclear
				}
				switch got := r.act(aino, q)[0].Status; {
				case state == alert.Closed && step != "reopen" && got != queue.Conflict:
					rt.Fatalf("%s of a closed one: %s", step, got)
				case got == queue.Done:
					model[key] = map[string]alert.State{"acknowledge": alert.Acknowledged, "close": alert.Closed, "reopen": alert.New, "renew": alert.New}[step]
				}
			}
			open := 0
			for k, state := range model {
				a, err := r.Lookup(t.Context(), k)
				if err != nil || a.State != state {
					rt.Fatalf("%s is %+v, %v; want %s", k, a, err, state)
				}
				if state != alert.Closed {
					open++
				}
			}
			if p := r.list(aino, queue.Query{}); p.Total != open {
				rt.Fatalf("%d open, want %d", p.Total, open)
			}
		}
	})
}
