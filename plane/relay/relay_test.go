package relay_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"polity/city"
	"polity/plane"
	"polity/plane/relay"
	"polity/plane/sqlite"
)

// place is a store and a message server, each with files that outlive it.
type place struct {
	store  *sqlite.Store
	server *server.Server
	conn   *nats.Conn
	dir    string
}

func newPlace(t *testing.T) *place {
	t.Helper()
	p := &place{dir: t.TempDir()}
	p.openStore(t, "city.db")
	p.openServer(t)
	return p
}

func (p *place) openStore(t *testing.T, name string) {
	t.Helper()
	s, err := sqlite.Open(t.Context(), filepath.Join(p.dir, name), sqlite.Config{Feed: true})
	if err != nil {
		t.Fatal(err)
	}
	p.store = s
	t.Cleanup(func() { s.Close() })
}

func (p *place) openServer(t testing.TB) {
	t.Helper()
	s, err := server.NewServer(&server.Options{DontListen: true, JetStream: true, StoreDir: filepath.Join(p.dir, "nats"), NoSigs: true, NoLog: true, MaxPayload: 64 << 10})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the message server does not start")
	}
	p.server = s
	if p.conn, err = nats.Connect("", nats.InProcessServer(s)); err != nil {
		t.Fatal(err)
	}
	conn := p.conn
	t.Cleanup(func() { conn.Close(); s.Shutdown(); s.WaitForShutdown() })
}

func (p *place) closeServer() {
	p.conn.Close()
	p.server.Shutdown()
	p.server.WaitForShutdown()
}

// write changes entities n times and returns what the feed has of it.
func (p *place) write(t *testing.T, n int) {
	t.Helper()
	for i := range n {
		key := plane.Key{ID: fmt.Sprintf("urn:x:%d", i%7)}
		c := plane.Change{Key: key, Edit: func(old *plane.Entity) (*plane.Entity, error) {
			if old == nil {
				return &plane.Entity{Key: key, Types: []string{"T"}}, nil
			}
			if len(old.Attributes) > 3 {
				return nil, nil //nolint:nilnil // removes it
			}
			old.Set(plane.Attribute{Name: fmt.Sprintf("a%d", len(old.Attributes)), Kind: plane.Property, Value: json.RawMessage(fmt.Sprintf(`"<%d>"`, i))})
			return old, nil
		}}
		r, err := p.store.Write(t.Context(), &plane.Batch{Changes: []plane.Change{c}})
		if err := errors.Join(err, r.Err()); err != nil {
			t.Fatal(err)
		}
	}
}

// published is what the stream holds.
func (p *place) published(t *testing.T) []*relay.Change {
	t.Helper()
	js, err := jetstream.New(p.conn)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(t.Context(), relay.StreamName)
	if err != nil {
		t.Fatal(err)
	}
	info, err := stream.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var out []*relay.Change
	for n := uint64(1); n <= info.State.LastSeq; n++ {
		m, err := stream.GetMsg(t.Context(), n)
		if err != nil {
			t.Fatal(err)
		}
		c, err := relay.Decode(m.Data)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, c)
	}
	return out
}

// once checks that the events are those numbered 1 to n, each going on from the one
// before.
func once(t *testing.T, got []*relay.Change, n int) {
	t.Helper()
	now := map[string]*plane.Entity{}
	for i, c := range got {
		if c.Sequence != uint64(i+1) {
			t.Fatalf("event %d of %d has the number %d", i+1, len(got), c.Sequence)
		}
		if diff := cmp.Diff(now[c.ID], c.Before); diff != "" {
			t.Fatalf("event %d does not go on from the one before:\n%s", i+1, diff)
		}
		now[c.ID] = c.After
	}
	if len(got) != n {
		t.Fatalf("the stream has %d events of %d", len(got), n)
	}
}

// until waits for a condition, at most a minute.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not %s within a minute", what)
		}
	}
}

func (p *place) settled(t *testing.T) bool {
	t.Helper()
	left, err := p.store.Events(t.Context(), 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	return len(left) == 0
}

// run starts a relay; stop ends it and waits.
func run(t testing.TB, feed plane.Feed, to relay.Stream) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		relay.Run(ctx, feed, to, slog.New(slog.DiscardHandler))
	}()
	return func() { cancel(); <-ended }
}

func (p *place) stream(t testing.TB) *relay.JetStream {
	t.Helper()
	s, err := relay.NewJetStream(t.Context(), p.conn, relay.Bounds{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestEveryChangeIsPublishedOnce(t *testing.T) {
	p := newPlace(t)
	p.write(t, 30)
	stop := run(t, p.store, p.stream(t))
	defer stop()
	p.write(t, 300) // while it runs
	until(t, "published", func() bool { return p.settled(t) })
	once(t, p.published(t), 330)
}

// faults makes what it stands before fail at random points.
type faults struct {
	plane.Feed
	relay.Stream
	rng  *rand.Rand
	rate float64
}

var errFault = city.Errorf(city.Unavailable, "a fault that the test made")

func (f *faults) fails() bool { return f.rng.Float64() < f.rate }

// Publish fails before or after the event is stored.
func (f *faults) Publish(ctx context.Context, origin string, e *plane.Event) error {
	if f.fails() {
		return errFault
	}
	if err := f.Stream.Publish(ctx, origin, e); err != nil {
		return err
	}
	if f.fails() {
		return errFault
	}
	return nil
}

func (f *faults) Last(ctx context.Context, origin string) (uint64, error) {
	if f.fails() {
		return 0, errFault
	}
	return f.Stream.Last(ctx, origin)
}

// Settle fails before or after.
func (f *faults) Settle(ctx context.Context, upTo uint64) error {
	if f.fails() {
		return errFault
	}
	if err := f.Feed.Settle(ctx, upTo); err != nil {
		return err
	}
	if f.fails() {
		return errFault
	}
	return nil
}

func TestFaultsAtAnyStepLoseAndDoubleNothing(t *testing.T) {
	p := newPlace(t)
	rng := rand.New(rand.NewPCG(3, 4))
	written := 0
	for range 12 {
		n := 5 + rng.IntN(20)
		p.write(t, n)
		written += n
		f := &faults{Feed: p.store, Stream: p.stream(t), rng: rand.New(rand.NewPCG(rng.Uint64(), 1)), rate: 0.05}
		stop := run(t, f, f)
		time.Sleep(time.Duration(rng.IntN(60)) * time.Millisecond) // ends anywhere
		stop()
		if rng.IntN(3) == 0 {
			p.closeServer()
			p.openServer(t)
		}
	}
	stop := run(t, p.store, p.stream(t))
	defer stop()
	until(t, "published", func() bool { return p.settled(t) })
	once(t, p.published(t), written)
}

func TestAnAbsentServerDelaysOnly(t *testing.T) {
	p := newPlace(t)
	p.write(t, 10)
	s := p.stream(t)
	p.conn.Close()
	stop := run(t, p.store, s)
	p.write(t, 10)
	time.Sleep(50 * time.Millisecond)
	if p.settled(t) {
		t.Fatal("events were forgotten while nobody had them")
	}
	stop()
	p.closeServer()
	p.openServer(t)
	stop = run(t, p.store, p.stream(t))
	defer stop()
	until(t, "published", func() bool { return p.settled(t) })
	once(t, p.published(t), 20)
}

func TestTwoRelaysDoubleNothing(t *testing.T) {
	p := newPlace(t)
	one, two := run(t, p.store, p.stream(t)), run(t, p.store, p.stream(t))
	defer one()
	defer two()
	p.write(t, 200)
	until(t, "published", func() bool { return p.settled(t) })
	once(t, p.published(t), 200)
}

func TestAnotherStoreBeginsAnew(t *testing.T) {
	p := newPlace(t)
	p.write(t, 20)
	stop := run(t, p.store, p.stream(t))
	until(t, "published", func() bool { return p.settled(t) })
	stop()
	p.openStore(t, "other.db")
	p.write(t, 5)
	stop = run(t, p.store, p.stream(t))
	defer stop()
	until(t, "published", func() bool { return p.settled(t) })
	got := p.published(t)
	if len(got) != 25 {
		t.Fatalf("the stream has %d events of 25", len(got))
	}
	once(t, got[:20], 20)
	once(t, got[20:], 5)
	if got[19].Origin == got[20].Origin {
		t.Error("two stores have one origin")
	}
}

func TestLargeStatesAreCut(t *testing.T) {
	e := &plane.Entity{Key: plane.Key{Tenant: "t", ID: "urn:x:1"}, Types: []string{"T"}, Version: 1}
	e.Set(plane.Attribute{Name: "text", Kind: plane.Property, Value: json.RawMessage(`"` + strings.Repeat("x", 5000) + `"`)})
	event := &plane.Event{Sequence: 7, Key: e.Key, At: time.Unix(1000, 0).UTC(), After: e}
	for _, c := range []struct {
		most int
		cut  bool
	}{{10_000, false}, {2000, true}} {
		text, err := relay.Encode("o", event, c.most)
		if err != nil || len(text) > c.most {
			t.Fatalf("%d bytes, %v", len(text), err)
		}
		got, err := relay.Decode(text)
		if err != nil {
			t.Fatal(err)
		}
		if got.Cut != c.cut || got.Was || !got.Is || got.Sequence != 7 || got.Key != e.Key || (got.After == nil) != c.cut {
			t.Errorf("of at most %d bytes: %+v", c.most, got)
		}
	}
	for _, text := range []string{"", "{", "[]", `{"sequence":-1}`, `{"after":{"unknown":1}}`, `{"before":[]}`} {
		if _, err := relay.Decode([]byte(text)); city.KindOf(err) != city.Invalid {
			t.Errorf("%q: %v", text, err)
		}
	}
}
