package queue_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"polity/access"
	"polity/city"
	"polity/room/alert"
	"polity/room/queue"
	"polity/room/store"
)

// rules is a Decider: operators of a desk see and handle it, auditors see all, IT the
// system's.
type rules struct{}

func (rules) Decide(who access.Who, do access.Action, on access.Thing, _ access.Circumstances) access.Decision {
	desk := map[access.Role]city.Slug{access.SafetyOperator: access.Safety, access.TrafficOperator: access.Traffic, access.IT: access.System}
	for _, r := range who.Roles {
		if string(desk[r]) == on.ID && (do == access.SeeAlerts || do == access.Handle) || r == access.Auditor && do == access.SeeAlerts {
			return access.Decision{Allowed: true}
		}
	}
	return access.Decision{Why: "only operators of the desk " + on.ID + " may"}
}

func who(id string, roles ...access.Role) access.Who {
	return access.Who{Kind: access.Person, ID: id, Roles: roles}
}

var (
	aino  = who("p-aino", access.SafetyOperator)
	bo    = who("p-bo", access.SafetyOperator)
	tram  = who("p-tram", access.TrafficOperator)
	audit = who("p-audit", access.Auditor)
	start = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
)

type room struct {
	*queue.Queue
	t      *testing.T
	folder string
	cfg    queue.Config

	mu sync.Mutex
	at time.Time
}

func (r *room) now() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.at
}

func (r *room) pass(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at = r.at.Add(d)
}

func newRoom(t *testing.T) *room {
	t.Helper()
	r := &room{t: t, folder: t.TempDir(), at: start}
	r.cfg = queue.Config{Decider: rules{}, Now: r.now}
	r.open()
	t.Cleanup(func() { r.Close() })
	return r
}

func (r *room) open() {
	r.t.Helper()
	q, err := queue.Open(r.t.Context(), r.folder, r.cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	r.Queue = q
}

func (r *room) restart() {
	r.t.Helper()
	if err := r.Close(); err != nil {
		r.t.Fatal(err)
	}
	r.open()
}

func report(n int) queue.Report {
	return queue.Report{Version: 1, Situation: alert.Situation{
		Key: alert.NewKey("test", fmt.Sprintf("%05d", n)), Kind: "crowding", Desk: access.Safety, Priority: 1 + n%4, Title: alert.TitleOf("crowding"),
		Camera: "square", Start: start.Add(time.Duration(n) * time.Second),
	}}
}

func (r *room) take(reports ...queue.Report) {
	r.t.Helper()
	if err := r.Take(r.t.Context(), "test", reports, ""); err != nil {
		r.t.Fatal(err)
	}
}

func (r *room) raise(n int) {
	r.t.Helper()
	var list []queue.Report
	for i := range n {
		list = append(list, report(i))
	}
	r.take(list...)
}

func (r *room) list(w access.Who, s queue.Query) queue.Page {
	r.t.Helper()
	p, err := r.List(r.t.Context(), w, s)
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

func (r *room) one(n int) *alert.Alert {
	r.t.Helper()
	a, err := r.Lookup(r.t.Context(), report(n).Key)
	if err != nil {
		r.t.Fatal(err)
	}
	return a
}

var requests int

func request(do alert.What, items ...*alert.Alert) queue.Request {
	requests++
	r := queue.Request{ID: fmt.Sprintf("request-%d", requests), Operation: alert.Operation{Do: do}}
	for _, a := range items {
		r.Items = append(r.Items, queue.Item{Key: a.Key, Revision: a.Revision})
	}
	return r
}

func (r *room) act(w access.Who, q queue.Request) []queue.Outcome {
	r.t.Helper()
	out, err := r.Act(r.t.Context(), w, q)
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}

func (r *room) closeAs(v alert.Verdict, list ...*alert.Alert) {
	r.t.Helper()
	q := request(alert.Close, list...)
	q.Verdict = v
	for _, o := range r.act(aino, q) {
		if o.Status != queue.Done {
			r.t.Fatalf("%+v", o)
		}
	}
}

func TestRaisedTwiceIsOnce(t *testing.T) {
	r := newRoom(t)
	r.take(report(1), report(1))
	r.take(report(1))
	r.restart()
	r.take(report(1))
	a := r.one(1)
	if p := r.list(aino, queue.Query{}); p.Total != 1 || a.Sequence != 1 || a.Revision != 1 {
		t.Errorf("%d alerts, %+v", p.Total, a)
	}
	ended := report(1)
	ended.Version, ended.End = 3, start.Add(time.Minute)
	r.take(ended)
	r.take(report(1)) // of before
	if a := r.one(1); a.End.IsZero() || a.State != alert.New || a.Last.What != alert.Ended {
		t.Errorf("ended: %+v", a)
	}
	d, err := r.Alert(t.Context(), aino, report(1).Key)
	if err != nil || len(d.Timeline) != 2 || d.Timeline[0].What != alert.Raised || d.Timeline[1].What != alert.Ended {
		t.Errorf("%+v, %v", d.Timeline, err)
	}
}

func TestNonsenseStopsNothing(t *testing.T) {
	r := newRoom(t)
	bad := report(1)
	bad.Title.Text = "a man in a red jacket"
	if err := r.Take(t.Context(), "test", []queue.Report{bad, report(2)}, "7"); err != nil {
		t.Fatal(err)
	}
	if p := r.list(aino, queue.Query{}); p.Total != 1 || p.Alerts[0].Key != report(2).Key || r.Counts().Refused != 1 {
		t.Errorf("%+v", p)
	}
	if c, err := r.Cursor(t.Context(), "test"); c != "7" || err != nil {
		t.Errorf("read until %q, %v", c, err)
	}
}

// TestAPlaceIsKeptWithItsAlerts: either both are there after a crash or neither.
func TestAPlaceIsKeptWithItsAlerts(t *testing.T) {
	r := newRoom(t)
	if err := r.Take(t.Context(), "test", []queue.Report{report(1)}, "1"); err != nil {
		t.Fatal(err)
	}
	// As after a kill: a copy of the files, without a close.
	for i := range 3 {
		copied := t.TempDir()
		for _, name := range []string{store.File, store.File + "-wal"} {
			b, err := os.ReadFile(filepath.Join(r.folder, name))
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(name, "-wal") && i > 0 { // torn behind the first commits
				b = b[:len(b)-i*4096]
			}
			if err := os.WriteFile(filepath.Join(copied, name), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		q, err := queue.Open(t.Context(), copied, r.cfg)
		if err != nil {
			t.Fatal(err)
		}
		c, err := q.Cursor(t.Context(), "test")
		if err != nil {
			t.Fatal(err)
		}
		p, err := q.List(t.Context(), aino, queue.Query{})
		if err != nil {
			t.Fatal(err)
		}
		if there := p.Total == 1; there != (c == "1") || i == 0 && !there {
			t.Errorf("torn %d: %d alerts, read until %q", i, p.Total, c)
		}
		q.Close()
	}
}

func TestWorseWakesWhatWasPutOff(t *testing.T) {
	r := newRoom(t)
	r.raise(3)
	q := request(alert.Snooze, r.one(2))
	q.Until = start.Add(time.Hour)
	r.act(aino, q)
	worse := report(2)
	worse.Version, worse.Priority = 2, 1
	r.take(worse)
	if a := r.one(2); a.State != alert.New || a.Priority != 1 || a.Last.What != alert.Woke {
		t.Errorf("%+v", a)
	}
	again := request(alert.Snooze, r.one(2))
	again.Until = start.Add(time.Hour)
	r.act(aino, again)
	eased := report(2)
	eased.Version, eased.Priority = 3, 4
	r.take(eased)
	if a := r.one(2); a.State != alert.Snoozed || a.Last.What != alert.Eased {
		t.Errorf("%+v", a)
	}
	r.restart() // wakes that were due are found again
	r.pass(2 * time.Hour)
	if err := r.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a := r.one(2); a.State != alert.New || !a.Until.IsZero() {
		t.Errorf("awake: %+v", a)
	}
}

func TestTheSecondIsToldWhoWasFaster(t *testing.T) {
	r := newRoom(t)
	r.raise(1)
	seen := r.one(0)
	r.act(aino, request(alert.Acknowledge, seen))
	o := r.act(bo, request(alert.Acknowledge, seen))[0]
	if o.Status != queue.Conflict || o.Alert.Last.By != "p-aino" || o.Alert.Last.What != alert.Acknowledge || o.Why == "" {
		t.Errorf("%+v", o)
	}
	note := request(alert.Note, seen)
	note.Text, note.Items[0].Revision = "the steps are wet", 0
	if o := r.act(bo, note)[0]; o.Status != queue.Done || o.Alert.Notes != 1 || o.Alert.Last.Text != "" {
		t.Errorf("a note meets no conflict: %+v", o)
	}
	r.closeAs(alert.Useful, r.one(0))
	if o := r.act(bo, request(alert.Escalate, r.one(0)))[0]; o.Status != queue.Conflict || !strings.Contains(o.Why, "closed") {
		t.Errorf("%+v", o)
	}
}

func TestWhoMayNotLearnsNothing(t *testing.T) {
	r := newRoom(t)
	r.raise(2)
	a := r.one(0)
	missing := r.act(tram, request(alert.Acknowledge, a, &alert.Alert{Situation: alert.Situation{Key: "test:none"}, Revision: 1}))
	if missing[0].Status != queue.Missing || missing[1].Status != queue.Missing || missing[0].Why != missing[1].Why || missing[0].Alert != nil {
		t.Errorf("what is not theirs differs from what is not there: %+v", missing)
	}
	if o := r.act(audit, request(alert.Acknowledge, a))[0]; o.Status != queue.Forbidden || !strings.Contains(o.Why, "operators") {
		t.Errorf("%+v", o)
	}
	if _, err := r.Alert(t.Context(), tram, a.Key); city.KindOf(err) != city.NotFound {
		t.Errorf("one: %v", err)
	}
	if p := r.list(tram, queue.Query{}); p.Total != 0 || len(p.Counts.Kind) != 0 {
		t.Errorf("list: %+v", p)
	}
	for _, w := range []access.Who{{}, who("p-none"), {Kind: access.Program, ID: "t-1"}} {
		if _, err := r.List(t.Context(), w, queue.Query{}); city.KindOf(err) != city.Forbidden {
			t.Errorf("%+v: %v", w, err)
		}
	}
	if _, err := r.Act(t.Context(), access.Who{}, request(alert.Acknowledge, a)); city.KindOf(err) != city.Forbidden {
		t.Errorf("the public: %v", err)
	}
	if r.one(0).State != alert.New {
		t.Error("it was changed")
	}
}

func TestARequestThatIsSentAgain(t *testing.T) {
	r := newRoom(t)
	r.raise(3)
	q := request(alert.Note, r.one(0), r.one(1))
	q.Text = "once"
	first := r.act(aino, q)
	r.restart()
	again := r.act(aino, q)
	if len(again) != 2 || again[0].Status != first[0].Status || r.one(0).Notes != 1 || again[0].Alert == nil {
		t.Errorf("%+v", again)
	}
	other := q
	other.Text = "twice"
	if _, err := r.Act(t.Context(), aino, other); city.KindOf(err) != city.Conflict {
		t.Errorf("another under the same word: %v", err)
	}
	if o := r.act(bo, q); o[0].Status != queue.Done || r.one(0).Notes != 2 { // another's word
		t.Errorf("%+v", o)
	}
	for name, spoil := range map[string]func(*queue.Request){
		"no word": func(q *queue.Request) { q.ID = "" }, "no items": func(q *queue.Request) { q.Items = nil },
		"twice": func(q *queue.Request) { q.Items = append(q.Items, q.Items[0]) },
		"too many": func(q *queue.Request) {
			for i := range queue.MaxItems {
				q.Items = append(q.Items, queue.Item{Key: alert.Key(fmt.Sprintf("x:%d", i)), Revision: 1})
			}
		},
		"no revision": func(q *queue.Request) { q.Do, q.Text, q.Items[0].Revision = alert.Acknowledge, "", 0 },
	} {
		bad := request(alert.Note, r.one(0))
		bad.Text = "x"
		spoil(&bad)
		if _, err := r.Act(t.Context(), aino, bad); city.KindOf(err) != city.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBulk(t *testing.T) {
	r := newRoom(t)
	r.raise(queue.MaxItems)
	var all []*alert.Alert
	for i := range queue.MaxItems {
		all = append(all, r.one(i))
	}
	r.act(bo, request(alert.Acknowledge, all[7]))
	out := r.act(aino, request(alert.Acknowledge, all...))
	done, conflict := 0, 0
	for _, o := range out {
		switch o.Status {
		case queue.Done:
			done++
		case queue.Conflict:
			conflict++
		}
	}
	if done != queue.MaxItems-1 || conflict != 1 || out[7].Status != queue.Conflict {
		t.Errorf("%d done, %d conflicts", done, conflict)
	}
}

func TestAssigningAsksWhetherTheyHandleTheDesk(t *testing.T) {
	r := newRoom(t)
	r.cfg.MayHandle = func(_ context.Context, id string, desk city.Slug) error {
		if id != "p-bo" || desk != access.Safety {
			return city.Errorf(city.Invalid, "%s does not handle %s", id, desk)
		}
		return nil
	}
	r.restart()
	r.raise(1)
	q := request(alert.Assign, r.one(0))
	q.To = "p-tram"
	if _, err := r.Act(t.Context(), aino, q); city.KindOf(err) != city.Invalid {
		t.Error(err)
	}
	q = request(alert.Assign, r.one(0))
	q.To = "p-bo"
	if o := r.act(aino, q)[0]; o.Alert.Assignee != "p-bo" || o.Alert.State != alert.Assigned {
		t.Errorf("%+v", o)
	}
	q = request(alert.Assign, r.one(0))
	q.To = queue.Me
	if o := r.act(aino, q)[0]; o.Alert.Assignee != "p-aino" {
		t.Errorf("%+v", o)
	}
	q = request(alert.Assign, r.one(0))
	if o := r.act(aino, q)[0]; o.Alert.Assignee != "" || o.Alert.State != alert.Acknowledged {
		t.Errorf("to nobody: %+v", o)
	}
}

func TestPagesHoldEachOnce(t *testing.T) {
	r := newRoom(t)
	r.raise(95)
	seen := map[alert.Key]bool{}
	rank, after, pages := 0, "", 0
	for {
		p := r.list(aino, queue.Query{Limit: 10, After: after})
		for _, a := range p.Alerts {
			if seen[a.Key] || a.Rank() < rank {
				t.Fatalf("%s comes twice or out of order", a.Key)
			}
			seen[a.Key], rank = true, a.Rank()
		}
		if pages++; pages == 3 { // those that come and go meanwhile move no others
			r.take(report(1000), report(1001))
			r.closeAs(alert.Useful, p.Alerts[0], p.Alerts[9])
		}
		if after = p.Next; after == "" {
			break
		}
	}
	for i := range 95 {
		if !seen[report(i).Key] {
			t.Errorf("%d was left out", i)
		}
	}
	closed := r.list(aino, queue.Query{States: []alert.State{alert.Closed}, Limit: 1})
	if len(closed.Alerts) != 1 || closed.Next == "" {
		t.Fatalf("%+v", closed)
	}
	if p := r.list(aino, queue.Query{States: []alert.State{alert.Closed}, After: closed.Next}); len(p.Alerts) != 1 || p.Next != "" || p.Alerts[0].Key == closed.Alerts[0].Key {
		t.Errorf("%+v", p)
	}
}

func TestNarrowing(t *testing.T) {
	r := newRoom(t)
	r.raise(8)
	other := report(100)
	other.Kind, other.Desk, other.Title, other.Camera, other.Zone = "traffic", access.Traffic, alert.TitleOf("traffic"), "bridge", "lane-2"
	r.take(other)
	both := who("p-both", access.SafetyOperator, access.TrafficOperator)
	for _, c := range []struct {
		s    queue.Query
		want int
	}{
		{queue.Query{}, 9},
		{queue.Query{Desks: []city.Slug{access.Traffic}}, 1},
		{queue.Query{Kinds: []city.Slug{"crowding"}}, 8},
		{queue.Query{Priorities: []int{1, 2}}, 5},
		{queue.Query{Text: "LANE-2 traffic"}, 1},
		{queue.Query{Text: "lane-2 crowding"}, 0},
		{queue.Query{Quiet: "only"}, 0},
		{queue.Query{Assignee: "p-bo"}, 0},
	} {
		if p := r.list(both, c.s); p.Total != c.want {
			t.Errorf("%+v: %d, want %d", c.s, p.Total, c.want)
		}
	}
	c := r.list(both, queue.Query{}).Counts
	if c.Kind["crowding"] != 8 || c.Desk[access.Traffic] != 1 || c.State[alert.New] != 9 || c.Priority[1] != 3 {
		t.Errorf("%+v", c)
	}
	for _, bad := range []queue.Query{{Desks: []city.Slug{"police"}}, {States: []alert.State{"old"}}, {States: []alert.State{alert.New, alert.Closed}}, {Priorities: []int{9}}, {Limit: 501}, {After: "?"}, {Quiet: "maybe"}, {Text: strings.Repeat("x", 201)}} {
		if _, err := r.List(t.Context(), both, bad); city.KindOf(err) != city.Invalid {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

func TestFiles(t *testing.T) {
	r := newRoom(t)
	r.raise(1)
	path := filepath.Join(r.folder, store.File)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := r.DB().Do(t.Context(), func(tx *store.Tx) error { return tx.Exec("PRAGMA user_version = 99") }); err != nil {
		t.Fatal(err)
	}
	r.Close()
	if _, err := queue.Open(t.Context(), r.folder, r.cfg); city.KindOf(err) != city.Conflict || !strings.Contains(err.Error(), "newer Polity") {
		t.Errorf("a newer file: %v", err)
	}
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, store.File), []byte(strings.Repeat("no database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := queue.Open(t.Context(), other, r.cfg); err == nil || !strings.Contains(err.Error(), "damaged or no database") {
		t.Errorf("no database: %v", err)
	}
}
