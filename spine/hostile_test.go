package spine_test

import (
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"polity/city"
	"polity/spine"
)

// rawLeaf is an edge machine that somebody has taken over: a plain NATS server
// with the edge's key, and a client that says what it likes.
func rawLeaf(t *testing.T, hub, seed string) (*server.Server, *nats.Conn) {
	t.Helper()
	u, err := url.Parse("nats-leaf://" + hub)
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.NewServer(&server.Options{
		ServerName: "raw", DontListen: true, NoSigs: true, NoLog: true,
		LeafNode: server.LeafNodeOpts{ReconnectInterval: 200 * time.Millisecond, Remotes: []*server.RemoteLeafOpts{{URLs: []*url.URL{u}, Nkey: seed}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(time.Minute) {
		t.Fatal("not ready")
	}
	nc, err := nats.Connect("", nats.InProcessServer(s))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return s, nc
}

func TestTakenOverEdgeSpeaksOnlyUnderItsOwnName(t *testing.T) {
	t.Parallel()
	a, b := newKey(t), newKey(t)
	h := startHub(t, t.TempDir(), "127.0.0.1:0", map[city.Slug]keys{"edge-a": a, "edge-b": b})
	eb := startEdge(t, t.TempDir(), h.Listen(), "edge-b", b, nil)
	var sb sink
	draw(t, h, "edge-b", &sb)
	var mu sync.Mutex
	heard := map[city.Slug][]spine.Message{}
	for _, name := range []city.Slug{"edge-a", "edge-b"} {
		l, err := h.Line(name)
		if err != nil {
			t.Fatal(err)
		}
		stop, err := l.Listen(func(m spine.Message) { mu.Lock(); heard[name] = append(heard[name], m); mu.Unlock() })
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
	}
	s, nc := rawLeaf(t, h.Listen(), a.seed)
	eventually(t, "the raw server is connected", func() bool { return s.NumLeafNodes() == 1 && eb.Connected() })
	spied, err := nc.SubscribeSync(">")
	if err != nil {
		t.Fatal(err)
	}
	say := func(subject, text string) {
		if err := nc.Publish(subject, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	say("polity.edge-b.up.square.marks", "marks 666")                // another's name
	say("polity.edge-b.taken.square.observation", "observation 666") // into another's store
	say("_INBOX.edge-b.guess", "observation 666")                    // into the hub's inbox for another
	say("$JS.ACK.edge-b_taken.hub.1.1.1.1.0", "+ACK")                // another's observations as if the hub had them
	say("polity.edge-a.up.square.watch", "watch 1")                  // its own name, a channel that is not its
	say("polity.edge-a.up.square.marks.more", "marks 1")             // not a subject of the list
	say("polity.edge-a.up.SQUARE.marks", "marks 1")                  // not a camera's name
	say("polity.edge-a.up.square.marks", "a face")                   // a body that the channel may not carry
	keep(t, eb, spine.Observation, "square", 0, 10)
	if err := eb.Tell(spine.LiveMarks, "square", body(spine.LiveMarks, 5)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a proper message of the same edge arrives", func() bool {
		say("polity.edge-a.up.square.marks", "marks 7")
		mu.Lock()
		defer mu.Unlock()
		return len(heard["edge-a"]) > 0
	})
	eventually(t, "edge-b is not disturbed", func() bool { return sb.count() == 10 })
	mu.Lock()
	for name, list := range heard {
		for _, m := range list {
			if strings.Contains(string(m.Body), "666") || m.Camera != "square" || m.Channel != spine.LiveMarks || string(m.Body) == "a face" {
				t.Errorf("%s: %+v (%s) came out of its line", name, m, m.Body)
			}
		}
	}
	mu.Unlock()
	for key := range sb.got {
		if strings.Contains(key, "666") {
			t.Errorf("a forged message was stored: %s", key)
		}
	}
	for {
		m, err := spied.NextMsg(300 * time.Millisecond)
		if err != nil {
			break
		}
		if strings.HasPrefix(m.Subject, "polity.edge-b") || strings.Contains(m.Subject, "edge-b") && !strings.HasPrefix(m.Subject, "_INBOX.edge-b.guess") && !strings.HasPrefix(m.Subject, "$JS.ACK") {
			if !strings.Contains(string(m.Data), "666") { // its own words come back to it
				t.Errorf("it overheard %s", m.Subject)
			}
		}
	}
}

func TestUnknownKeyStaysOut(t *testing.T) {
	t.Parallel()
	a := newKey(t)
	h := startHub(t, t.TempDir(), "127.0.0.1:0", map[city.Slug]keys{"edge-a": a})
	stranger, _ := rawLeaf(t, h.Listen(), newKey(t).seed)
	known, _ := rawLeaf(t, h.Listen(), a.seed)
	eventually(t, "the known edge is connected", func() bool { return known.NumLeafNodes() == 1 })
	if stranger.NumLeafNodes() != 0 {
		t.Error("a key that the hub does not know was let in")
	}
}

// TestTakenOverHubCannotChangeAnEdgesStore plays a hub whose owner wants what an
// edge has observed to disappear.
func TestTakenOverHubCannotChangeAnEdgesStore(t *testing.T) {
	t.Parallel()
	k := newKey(t)
	opts := &server.Options{
		ServerName: "raw-hub", DontListen: true, NoSigs: true, NoLog: true, JetStream: true, StoreDir: t.TempDir(), JetStreamDomain: "hub",
		LeafNode: server.LeafNodeOpts{Host: "127.0.0.1", Port: server.RANDOM_PORT},
		Nkeys:    []*server.NkeyUser{{Nkey: k.public}}, // no bounds at all
		Users:    []*server.User{{Username: "hub", Password: "secret"}},
	}
	s, err := server.NewServer(opts)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	nc, err := nats.Connect("", nats.InProcessServer(s), nats.UserInfo("hub", "secret"))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	e := startEdge(t, t.TempDir(), strings.Replace(opts.LeafNode.Host+":"+itoa(opts.LeafNode.Port), "0.0.0.0", "127.0.0.1", 1), "edge-1", k, nil)
	keep(t, e, spine.Observation, "square", 0, 20)
	js, err := jetstream.NewWithDomain(nc, "edge_edge-1", jetstream.WithDefaultTimeout(2*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the hub can draw, as it should", func() bool {
		_, err := js.Consumer(t.Context(), "edge-1_taken", "hub")
		return err == nil
	})
	ctx := t.Context()
	for what, try := range map[string]func() error{
		"delete the stream": func() error { return js.DeleteStream(ctx, "edge-1_taken") },
		"read its settings": func() error { _, err := js.Stream(ctx, "edge-1_taken"); return err },
		"make a new stream": func() error {
			_, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "x", Subjects: []string{"x"}})
			return err
		},
		"delete its consumer": func() error { return js.DeleteConsumer(ctx, "edge-1_taken", "hub") },
		"make a consumer": func() error {
			_, err := js.CreateConsumer(ctx, "edge-1_taken", jetstream.ConsumerConfig{Durable: "mine"})
			return err
		},
	} {
		if try() == nil {
			t.Errorf("the hub could %s", what)
		}
	}
	for _, s := range []string{"polity.edge-1.taken.square.observation", "polity.edge-1.archive.square.archive"} {
		if err := nc.Publish(s, []byte("observation 666")); err != nil {
			t.Fatal(err)
		}
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond) // for a message that must not arrive
	waits(t, e, 20)
	if stock, err := e.Stock(ctx); err != nil || stock.Archive != 0 {
		t.Errorf("%+v, %v", stock, err)
	}
}
