package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"polity/city"
	"polity/internal/delivery"
)

// office is a queue, and receivers that do as a test says.
type office struct {
	t     *testing.T
	queue *delivery.Queue
	path  string
	cfg   delivery.Config

	mu     sync.Mutex
	got    map[string][]string                               // by receiver, what it took
	answer map[string]func(ctx context.Context, n int) error // by receiver; n counts its attempts
	tries  map[string]int
}

func newOffice(t *testing.T, limits delivery.Limits) *office {
	t.Helper()
	if limits.Pauses == nil {
		limits.Pauses = []time.Duration{10 * time.Millisecond, 20 * time.Millisecond}
	}
	o := &office{t: t, path: filepath.Join(t.TempDir(), "notifications.db"), got: map[string][]string{}, answer: map[string]func(context.Context, int) error{}, tries: map[string]int{}}
	o.cfg = delivery.Config{Path: o.path, Send: o.send, Limits: limits}
	o.open()
	t.Cleanup(o.close)
	return o
}

func (o *office) open() {
	o.t.Helper()
	var err error
	if o.queue, err = delivery.Open(o.t.Context(), o.cfg); err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) close() {
	if o.queue == nil {
		return
	}
	if err := o.queue.Close(); err != nil {
		o.t.Error(err)
	}
	o.queue = nil
}

func (o *office) send(ctx context.Context, to delivery.Receiver, body []byte) error {
	o.mu.Lock()
	o.tries[to.ID]++
	n, answer := o.tries[to.ID], o.answer[to.ID]
	o.mu.Unlock()
	if answer != nil {
		if err := answer(ctx, n); err != nil {
			return err
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.got[to.ID] = append(o.got[to.ID], string(body))
	return nil
}

func (o *office) answers(id string, f func(ctx context.Context, n int) error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.answer[id] = f
}

func (o *office) has(id string) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Join(o.got[id], " ")
}

func (o *office) attempts(id string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.tries[id]
}

func to(id string) delivery.Receiver { return delivery.Receiver{ID: id} }

func (o *office) put(id string, bodies ...string) {
	o.t.Helper()
	var notes []delivery.Note
	for _, b := range bodies {
		notes = append(notes, delivery.Note{To: to(id), Body: []byte(b)})
	}
	if err := o.queue.Put(o.t.Context(), nil, notes); err != nil {
		o.t.Fatal(err)
	}
}

// until waits for a condition.
func (o *office) until(what string, is func() bool) {
	o.t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			o.t.Fatalf("not within a minute: %s", what)
		}
	}
}

func (o *office) untilState(id, what string, is func(delivery.State) bool) {
	o.t.Helper()
	o.until(what, func() bool { return is(o.queue.State(to(id))) })
}

var errDown = errors.New("it is down")

func down(context.Context, int) error { return errDown }

func numbers(from, to int) (list []string) {
	for n := from; n < to; n++ {
		list = append(list, fmt.Sprint(n))
	}
	return list
}

func TestEachGetsItsOwnInOrder(t *testing.T) {
	o := newOffice(t, delivery.Limits{})
	for n := range 50 {
		o.put("a", fmt.Sprint(n))
		o.put("b", fmt.Sprint(n), fmt.Sprint(-n))
	}
	o.untilState("a", "all are sent", func(s delivery.State) bool { return s.Waiting == 0 })
	o.untilState("b", "all are sent", func(s delivery.State) bool { return s.Waiting == 0 })
	if got, want := o.has("a"), strings.Join(numbers(0, 50), " "); got != want {
		t.Errorf("a got %s", got)
	}
	if n := len(strings.Fields(o.has("b"))); n != 100 {
		t.Errorf("b got %d of 100", n)
	}
	if s := o.queue.State(to("a")); s.Sent != 50 || s.Failed != 0 || s.Failing() || s.WaitingBytes != 0 || s.Success.IsZero() {
		t.Errorf("%+v", s)
	}
}

// TestOthersAreNotDelayed holds more receivers in endless attempts than may be under
// way at once; another one's notifications pass them all the same.
func TestOthersAreNotDelayed(t *testing.T) {
	o := newOffice(t, delivery.Limits{Pauses: []time.Duration{time.Hour}})
	hold := make(chan struct{})
	held := make(chan struct{}, 1000)
	for n := range 300 {
		id := fmt.Sprintf("slow-%d", n)
		o.answers(id, func(ctx context.Context, n int) error {
			if n == 1 {
				return &delivery.Later{Err: errDown, For: time.Nanosecond} // known to fail
			}
			held <- struct{}{}
			select {
			case <-hold:
			case <-ctx.Done():
			}
			return errDown
		})
		o.put(id, "1")
	}
	o.until("each failed once", func() bool { return o.queue.Counts().Failing == 300 })
	for n := range 300 {
		o.queue.Hurry(to(fmt.Sprintf("slow-%d", n)))
	}
	<-held
	for n := range 20 {
		o.put("live", fmt.Sprint(n))
	}
	o.until("the other has its own", func() bool { return o.has("live") == strings.Join(numbers(0, 20), " ") })
	close(hold)
}

func TestRetriesThenADeadLetterThenReplay(t *testing.T) {
	o := newOffice(t, delivery.Limits{})
	o.answers("x", func(_ context.Context, n int) error {
		if n <= 3 {
			return errDown
		}
		return nil
	})
	o.put("x", "first", "second")
	o.until("the second passes", func() bool { return o.has("x") == "second" })
	o.untilState("x", "it is noted", func(s delivery.State) bool { return s.Sent == 4 })
	s := o.queue.State(to("x"))
	if s.Failed != 3 || s.Dead != 1 || s.Waiting != 0 || s.Failing() || s.Reason != errDown.Error() {
		t.Errorf("%+v", s)
	}
	o.close() // a dead letter outlives the program
	o.open()
	if s := o.queue.State(to("x")); s.Dead != 1 || s.Sent != 4 || s.Failed != 3 || s.DeadBytes != 5 {
		t.Errorf("after a restart %+v", s)
	}
	letters, err := o.queue.Letters(t.Context(), delivery.Which{}, 0, 10, true)
	if err != nil || len(letters) != 1 || string(letters[0].Body) != "first" || letters[0].Attempts != 3 || letters[0].Reason != errDown.Error() || letters[0].To != to("x") {
		t.Fatalf("%+v, %v", letters, err)
	}
	if n, err := o.queue.Replay(t.Context(), delivery.Which{Number: letters[0].Number + 7}); n != 0 || city.KindOf(err) != city.NotFound {
		t.Errorf("a letter that is none: %d, %v", n, err)
	}
	other := to("other")
	if n, err := o.queue.Replay(t.Context(), delivery.Which{To: &other}); n != 0 || err != nil {
		t.Errorf("letters of another: %d, %v", n, err)
	}
	if n, err := o.queue.Replay(t.Context(), delivery.Which{Number: letters[0].Number}); n != 1 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	o.until("it arrives", func() bool { return o.has("x") == "second first" })
}

// TestReplayGoesBeforeWhatWaits puts a letter back while later ones are on their way.
func TestReplayGoesBeforeWhatWaits(t *testing.T) {
	o := newOffice(t, delivery.Limits{Pauses: []time.Duration{10 * time.Millisecond}})
	gate := make(chan struct{})
	o.answers("x", func(ctx context.Context, n int) error {
		if n <= 2 {
			return errDown
		}
		select {
		case <-gate:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	o.put("x", "0")
	o.untilState("x", "it is dead", func(s delivery.State) bool { return s.Dead == 1 })
	o.put("x", "1", "2", "3")
	o.until("the next is under way", func() bool { return o.attempts("x") == 3 })
	me := to("x")
	if n, err := o.queue.Replay(t.Context(), delivery.Which{To: &me}); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	close(gate)
	o.until("all arrive", func() bool { return len(strings.Fields(o.has("x"))) == 4 })
	if got := o.has("x"); got != "1 0 2 3" {
		t.Errorf("in the order %s", got)
	}
}

func TestDropForgetsLetters(t *testing.T) {
	o := newOffice(t, delivery.Limits{Pauses: []time.Duration{10 * time.Millisecond}})
	o.answers("x", down)
	o.put("x", "1")
	o.untilState("x", "it is dead", func(s delivery.State) bool { return s.Dead == 1 })
	me := to("x")
	if n, err := o.queue.Drop(t.Context(), delivery.Which{To: &me}); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if s := o.queue.State(me); s.Dead != 0 || s.DeadBytes != 0 || s.Dropped != 1 {
		t.Errorf("%+v", s)
	}
	if _, err := o.queue.Drop(t.Context(), delivery.Which{Number: 1}); city.KindOf(err) != city.NotFound {
		t.Errorf("again: %v", err)
	}
}

// TestBoundsKeepTheNewest: what waits behind too many becomes dead letters, and the
// oldest of too many of those are dropped and counted.
func TestBoundsKeepTheNewest(t *testing.T) {
	o := newOffice(t, delivery.Limits{Pauses: []time.Duration{time.Hour}, Waiting: 10, Dead: 20})
	o.answers("x", down)
	o.put("x", numbers(0, 100)...)
	s := o.queue.State(to("x"))
	if s.Waiting != 10 || s.Dead != 20 || s.Dropped != 70 {
		t.Errorf("%+v", s)
	}
	letters, err := o.queue.Letters(t.Context(), delivery.Which{}, 0, 100, true)
	if err != nil || len(letters) != 20 || string(letters[19].Body) != "89" || !strings.Contains(letters[19].Reason, "too many") {
		t.Errorf("%d letters, the last %+v, %v", len(letters), letters[len(letters)-1], err)
	}
	o.answers("x", nil)
	o.queue.Hurry(to("x"))
	o.untilState("x", "the rest is sent", func(s delivery.State) bool { return s.Waiting == 0 })
	if got := o.has("x"); !strings.HasSuffix(got, strings.Join(numbers(91, 100), " ")) {
		t.Errorf("it got %s", got)
	}
}

func TestBytesAndDiskAreBounded(t *testing.T) {
	o := newOffice(t, delivery.Limits{Pauses: []time.Duration{time.Hour}, Bytes: 10_000, Disk: 30_000})
	body := strings.Repeat("x", 1000)
	for n := range 5 {
		id := fmt.Sprintf("r%d", n)
		o.answers(id, down)
		for range 30 {
			o.put(id, body)
		}
		if s := o.queue.State(to(id)); s.WaitingBytes > 10_000 || s.DeadBytes > 10_000 || s.Waiting == 0 {
			t.Errorf("%s: %+v", id, s)
		}
	}
	if c := o.queue.Counts(); c.Bytes > 30_000 || c.Bytes < 10_000 || c.Dropped == 0 {
		t.Errorf("%+v", c)
	}
	var lost uint64
	for _, s := range o.queue.Receivers() {
		lost += uint64(s.Dropped)
	}
	if c := o.queue.Counts(); lost != c.Dropped || c.Waiting+c.Dead+int64(lost) != 150 {
		t.Errorf("%d were dropped by receiver; all: %+v", lost, c)
	}
}

func TestOldLettersAreDropped(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	var mu sync.Mutex
	clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	o := newOffice(t, delivery.Limits{Pauses: []time.Duration{10 * time.Millisecond}, Keep: 24 * time.Hour})
	o.close()
	o.cfg.Now = clock
	o.open()
	o.answers("x", down)
	o.put("x", "1")
	o.untilState("x", "it is dead", func(s delivery.State) bool { return s.Dead == 1 })
	o.close()
	mu.Lock()
	now = now.Add(25 * time.Hour)
	mu.Unlock()
	o.open()
	o.untilState("x", "it is dropped", func(s delivery.State) bool { return s.Dead == 0 && s.Dropped == 1 })
}

func TestAReceiverSaysHowLongToWait(t *testing.T) {
	o := newOffice(t, delivery.Limits{})
	o.answers("x", func(_ context.Context, n int) error {
		if n == 1 {
			return &delivery.Later{Err: errDown, For: time.Hour}
		}
		return nil
	})
	o.put("x", "1")
	o.untilState("x", "it failed", func(s delivery.State) bool { return s.Failing() })
	time.Sleep(100 * time.Millisecond) // longer than the pauses
	if n := o.attempts("x"); n != 1 {
		t.Errorf("%d attempts within an hour", n)
	}
	o.queue.Hurry(to("x"))
	o.until("it arrives", func() bool { return o.has("x") == "1" })
}

func TestWhoIsGoneIsForgotten(t *testing.T) {
	o := newOffice(t, delivery.Limits{Pauses: []time.Duration{time.Hour}})
	o.answers("gone", func(context.Context, int) error { return delivery.ErrGone })
	o.put("gone", "1", "2")
	o.untilState("gone", "nothing waits", func(s delivery.State) bool { return s.Waiting == 0 })
	o.answers("x", down)
	o.put("x", "1", "2")
	o.untilState("x", "it failed", func(s delivery.State) bool { return s.Failing() })
	if err := errors.Join(o.queue.Forget(t.Context(), to("x")), o.queue.Forget(t.Context(), to("nobody"))); err != nil {
		t.Fatal(err)
	}
	if s := o.queue.State(to("x")); s != (delivery.State{}) {
		t.Errorf("%+v", s)
	}
	o.answers("x", nil)
	o.put("x", "3") // another of the same name
	o.queue.Hurry(to("x"))
	o.until("it gets its own, and nothing is left", func() bool {
		c := o.queue.Counts()
		return o.has("x") == "3" && c.Waiting+c.Dead == 0
	})
}

// TestAStopLosesAndDoublesNothing ends the program in order, with attempts under way.
func TestAStopLosesAndDoublesNothing(t *testing.T) {
	o := newOffice(t, delivery.Limits{})
	var cut atomic.Int64
	o.answers("x", func(ctx context.Context, n int) error {
		time.Sleep(time.Duration(n%7) * time.Millisecond)
		if ctx.Err() != nil {
			cut.Add(1) // a receiver would have it, and get it again
		}
		return nil
	})
	o.put("x", numbers(0, 100)...)
	for n := range 15 {
		time.Sleep(time.Duration(n) * time.Millisecond)
		o.close()
		o.open()
	}
	o.untilState("x", "all are sent", func(s delivery.State) bool { return s.Waiting == 0 })
	if got, want := o.has("x"), strings.Join(numbers(0, 100), " "); got != want {
		t.Errorf("it got %s", got)
	}
	if s := o.queue.State(to("x")); s.Sent != 100 || s.Failed != 0 || cut.Load() != 0 {
		t.Errorf("%+v, %d attempts were cut off", s, cut.Load())
	}
}

// TestACrashLosesNothing copies the files as a crash at that moment would leave them,
// and goes on from the copy: everything that Put acknowledged before is in it, unless
// its receiver has it, and what was put comes in order.
func TestACrashLosesNothing(t *testing.T) {
	o := newOffice(t, delivery.Limits{Pauses: []time.Duration{10 * time.Millisecond, 10 * time.Millisecond, 10 * time.Millisecond, 10 * time.Millisecond, 10 * time.Millisecond, 10 * time.Millisecond}})
	o.answers("x", func(_ context.Context, n int) error {
		if n%3 == 0 {
			return errDown
		}
		return nil
	})
	const rounds, each = 12, 15
	for round := range rounds {
		for n := range each {
			o.put("x", fmt.Sprint(round*each+n))
		}
		if err := o.queue.Put(t.Context(), &delivery.Position{Origin: "store", Sequence: uint64(round + 1)}, nil); err != nil {
			t.Fatal(err)
		}
		o.crash()
		if at, err := o.queue.Position(t.Context()); err != nil || at != (delivery.Position{Origin: "store", Sequence: uint64(round + 1)}) {
			t.Fatalf("after a crash the place is %+v, %v", at, err)
		}
	}
	o.untilState("x", "all are sent", func(s delivery.State) bool { return s.Waiting == 0 })
	if s := o.queue.State(to("x")); s.Dead != 0 {
		t.Fatalf("%+v", s)
	}
	got, next := strings.Fields(o.has("x")), 0
	for _, n := range got {
		if n == fmt.Sprint(next) {
			next++
		}
	}
	if next != rounds*each {
		t.Errorf("after %d of %d one is missing: %v", next, rounds*each, got)
	}
	if doubled := len(got) - rounds*each; doubled > rounds*3 {
		t.Errorf("%d came twice in %d crashes", doubled, rounds)
	}
}

// crash lets the program go on with the files as they were, in another folder.
func (o *office) crash() {
	o.t.Helper()
	dir := o.t.TempDir()
	o.mu.Lock() // no receiver takes anything between the copy and the end
	for _, end := range []string{"", "-wal"} {
		text, err := os.ReadFile(o.path + end)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			o.t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "notifications.db"+end), text, 0o600); err != nil {
			o.t.Fatal(err)
		}
	}
	old := o.queue
	dead := o.got
	o.got = map[string][]string{}
	for k, v := range dead {
		o.got[k] = append([]string(nil), v...)
	}
	o.mu.Unlock()
	if err := old.Close(); err != nil { // what it still does is of no account
		o.t.Fatal(err)
	}
	o.path = filepath.Join(dir, "notifications.db")
	o.cfg.Path = o.path
	o.open()
}

func TestForeignFilesAreRefused(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("not a database. ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	if q, err := delivery.Open(t.Context(), delivery.Config{Path: path}); err == nil {
		q.Close()
		t.Error("a file that is no database is taken")
	}
	if text, err := os.ReadFile(path); err != nil || !strings.HasPrefix(string(text), "not a database. ") {
		t.Errorf("it was changed: %v", err)
	}
	for _, bad := range []delivery.Limits{{Pauses: []time.Duration{0}}, {Pauses: []time.Duration{48 * time.Hour}}, {Waiting: -1}, {Pauses: make([]time.Duration, 30)}} {
		if q, err := delivery.Open(t.Context(), delivery.Config{Path: filepath.Join(dir, "y.db"), Limits: bad}); city.KindOf(err) != city.Invalid {
			q.Close()
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

func TestOthersCannotReadTheFiles(t *testing.T) {
	o := newOffice(t, delivery.Limits{})
	o.answers("x", down)
	o.put("x", "1")
	for _, end := range []string{"", "-wal"} {
		info, err := os.Stat(o.path + end)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s%s: %v, %v", o.path, end, info, err)
		}
	}
}

func TestAfterCloseNothingIsTaken(t *testing.T) {
	o := newOffice(t, delivery.Limits{})
	q := o.queue
	o.close()
	if err := q.Put(t.Context(), nil, []delivery.Note{{To: to("x"), Body: []byte("1")}}); city.KindOf(err) != city.Unavailable {
		t.Error(err)
	}
}
