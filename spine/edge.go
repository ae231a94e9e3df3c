package spine

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"polity/city"
)

// EdgeConfig is what StartEdge needs.
type EdgeConfig struct {
	Name  city.Slug
	Data  string      // folder of the store
	Hub   string      // nats-leaf://host:port or tls://host:port; empty: the edge is alone
	Seed  string      // the edge's key
	TLS   *tls.Config // for tls://; nil: the system's authorities
	Check Check
	Log   *slog.Logger

	// MaxStore bounds the store, bytes: half for observations and events, half for
	// the archive; in each the oldest make room. 0 is 8 GiB.
	MaxStore int64
	// KeepFree is how much of the disk the store leaves free, bytes: below it the
	// archive shrinks and then stops; below a quarter of it nothing is written
	// until there is room. 0 is 512 MiB.
	KeepFree int64
	// MaxAge is how long events, statements and places stay although the hub has them,
	// so that a hub that lost its own can have them again, and observations that it has
	// not. 0 is 30 days.
	MaxAge time.Duration
	// Free tells the bytes that are free on the disk of Data. Nil asks the system.
	Free func() (int64, error)
}

// Edge is the edge's end. It is safe for concurrent use.
type Edge struct {
	cfg    EdgeConfig
	server *server.Server
	conn   *nats.Conn
	js     jetstream.JetStream
	stop   context.CancelFunc
	work   sync.WaitGroup

	mu    sync.Mutex
	space Space
	room  chan struct{} // closed and made anew when there is room again
	wrong error         // of the last attempt to store
}

// Space is the state of an edge's disk.
type Space uint8

// The states of the disk.
const (
	Roomy       Space = iota // all is stored
	Shrinking                // little is free: the oldest of the archive is given up
	Full                     // nothing can be written: observations wait in the camera processes
	StoreBroken              // the store fails for another reason; see the log
)

// StartEdge starts the embedded server with its store. It does not wait for the
// hub. Errors say which setting to look at.
func StartEdge(cfg EdgeConfig) (*Edge, error) {
	if cfg.Check == nil {
		return nil, errors.New("spine: an edge needs the check of its channels")
	}
	cfg = cfg.withDefaults()
	if err := cfg.Name.Check(); err != nil {
		return nil, err
	}
	o := baseOptions(domain(cfg.Name), domain(cfg.Name), cfg.Data)
	o.JetStreamMaxStore, o.JetStreamMaxMemory = cfg.MaxStore+64<<20, 1<<20
	o.LeafNode.ReconnectInterval = time.Second
	if cfg.Hub != "" {
		remote, err := cfg.remote()
		if err != nil {
			return nil, err
		}
		o.LeafNode.Remotes = []*server.RemoteLeafOpts{remote}
	}
	s, err := start(o, cfg.Log)
	if err != nil {
		return nil, fmt.Errorf("start the edge's store in %s: %w", cfg.Data, err)
	}
	e := &Edge{cfg: cfg, server: s, room: make(chan struct{})}
	if err := e.open(); err != nil {
		e.Close()
		return nil, fmt.Errorf("open the edge's store in %s: %w", cfg.Data, err)
	}
	ctx, stop := context.WithCancel(context.Background())
	e.stop = stop
	e.work.Go(func() { e.mind(ctx) })
	return e, nil
}

func (c EdgeConfig) withDefaults() EdgeConfig {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.MaxStore == 0 {
		c.MaxStore = 8 << 30
	}
	if c.KeepFree == 0 {
		c.KeepFree = 512 << 20
	}
	if c.MaxAge == 0 {
		c.MaxAge = 30 * 24 * time.Hour
	}
	if c.Free == nil {
		c.Free = func() (int64, error) { return freeBytes(c.Data) }
	}
	return c
}

// remote is the hub, and what it may not ask of this edge's store: to change it.
func (c EdgeConfig) remote() (*server.RemoteLeafOpts, error) {
	u, err := url.Parse(c.Hub)
	if err != nil || u.Host == "" || (u.Scheme != "nats-leaf" && u.Scheme != "tls") {
		return nil, city.Errorf(city.Invalid, "the hub's address is %q; it is tls://host:port, or nats-leaf://host:port on loopback", c.Hub)
	}
	if u.Scheme != "tls" && !isLoopback(u.Hostname()) {
		return nil, city.Errorf(city.Invalid, "the hub's address %q is not encrypted: use tls://", c.Hub)
	}
	if u.User != nil {
		return nil, city.Errorf(city.Invalid, "the hub's address may not hold a name or password; the edge's key is its own setting")
	}
	if _, err := PublicKey(c.Seed); err != nil {
		return nil, err
	}
	tlsConfig := c.TLS
	if u.Scheme == "tls" && tlsConfig == nil {
		tlsConfig = &tls.Config{MinVersion: tls.VersionTLS13}
	}
	api := "$JS." + domain(c.Name) + ".API."
	return &server.RemoteLeafOpts{
		URLs: []*url.URL{u}, Nkey: c.Seed, TLS: u.Scheme == "tls", TLSConfig: tlsConfig, TLSTimeout: 5, DialTimeout: 3 * time.Second,
		DenyImports: []string{
			api + "STREAM.>", api + "META.>", api + "SERVER.>", api + "ACCOUNT.>", api + "DIRECT.>",
			api + "CONSUMER.CREATE.>", api + "CONSUMER.DURABLE.>", api + "CONSUMER.DELETE.>", api + "CONSUMER.PAUSE.>", api + "CONSUMER.RESET.>",
			api + "CONSUMER.LEADER.>", api + "CONSUMER.UNPIN.>",
			"polity." + string(c.Name) + "." + taken + ".>", "polity." + string(c.Name) + "." + archive + ".>",
		},
	}, nil
}

func (e *Edge) open() error {
	var err error
	if e.conn, err = nats.Connect("", nats.InProcessServer(e.server), nats.Name("edge"), nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond)); err != nil {
		return err
	}
	if e.js, err = jetstream.New(e.conn); err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(context.Background(), startTime)
	defer stop()
	half := e.cfg.MaxStore / 2
	for _, s := range []struct {
		name    string
		persist jetstream.PersistModeType
		pending int
	}{{taken, jetstream.DefaultPersistMode, 8 * batch}, {archive, jetstream.AsyncPersistMode, 1}} {
		stream, err := e.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
			Name: streamName(e.cfg.Name, s.name), Subjects: []string{"polity." + string(e.cfg.Name) + "." + s.name + ".>"},
			Storage: jetstream.FileStorage, Discard: jetstream.DiscardOld, MaxBytes: half, MaxAge: e.cfg.MaxAge, PersistMode: s.persist,
		})
		if err != nil {
			return fmt.Errorf("stream %s: %w", s.name, err)
		}
		// The wait is short: a batch that a killed hub had taken comes again soon.
		if _, err := stream.CreateOrUpdateConsumer(ctx, jetstream.ConsumerConfig{
			Durable: consumer, AckPolicy: jetstream.AckExplicitPolicy, AckWait: 5 * time.Second, MaxAckPending: s.pending,
		}); err != nil {
			return fmt.Errorf("the hub's place in %s: %w", s.name, err)
		}
	}
	return nil
}

// Tell sends a live message. It goes nowhere when the hub is away or does not
// listen.
func (e *Edge) Tell(c Channel, camera city.Slug, body []byte) error {
	if !c.live() {
		return fmt.Errorf("%s is not a live channel", c)
	}
	if err := e.cfg.Check(c, body); err != nil {
		return err
	}
	return e.conn.Publish(subject(e.cfg.Name, camera, c), body)
}

// maxWaiting bounds questions about recordings that wait; more are forgotten.
const maxWaiting = 64

// Serve calls hear with every message of a channel from the hub, one at a time.
// What it returns, if anything, is the answer.
func (e *Edge) Serve(c Channel, hear func(camera city.Slug, body []byte) (answer []byte)) error {
	if !c.down() {
		return fmt.Errorf("the hub does not speak on %s", c)
	}
	sub, err := e.conn.Subscribe("polity."+string(e.cfg.Name)+".down.*."+c.String(), func(m *nats.Msg) {
		camera, got, ok := parseSubject(e.cfg.Name, m.Subject)
		if !ok || got != c {
			return
		}
		if err := e.cfg.Check(c, m.Data); err != nil {
			e.cfg.Log.Warn("the hub sent a message that its channel may not carry", slog.String("subject", m.Subject), slog.Any("error", err))
			return
		}
		answer := hear(camera, m.Data)
		if answer == nil || m.Reply == "" {
			return
		}
		if err := e.cfg.Check(answers[c], answer); err != nil {
			e.cfg.Log.Error("an answer to the hub was not sent: it is not of the closed form", slog.Any("error", err))
			return
		}
		if err := m.Respond(answer); err != nil {
			e.cfg.Log.Warn("an answer to the hub was not sent", slog.Any("error", err))
		}
	})
	if err != nil || c != Handout {
		return err
	}
	return sub.SetPendingLimits(maxWaiting, maxBody)
}

// Connected says whether the line to the hub stands.
func (e *Edge) Connected() bool { return e.server.NumLeafNodes() > 0 }

// Close ends the line and closes the store.
func (e *Edge) Close() {
	if e.stop != nil {
		e.stop()
		e.work.Wait()
	}
	if e.conn != nil {
		e.conn.Close()
	}
	e.server.Shutdown()
	e.server.WaitForShutdown()
}

func (e *Edge) storeDir() string { return filepath.Clean(e.cfg.Data) }
