package hub

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"polity/city"
	"polity/internal/size"
	"polity/plane"
	"polity/plane/ngsild"
	"polity/plane/relay"
	"polity/spine"
)

// Changes is the stream of all changes of the city's data, for services and for
// programs of the city's own (docs/formats/changes.md).
type Changes struct {
	Publish bool          `yaml:"publish"`
	Keep    time.Duration `yaml:"keep"` // so long a reader may be away; 0: a week
	Size    size.Bytes    `yaml:"size"` // of the stream at most; 0: 1GiB
	// Listen is where programs on this machine read it, host:port; empty: nowhere. With
	// a NATS cluster of the city's own they read it there.
	Listen       string `yaml:"listen"`
	PasswordFile string `yaml:"password_file"` // of the user "programs": one line, mode 0600
}

func (c *Changes) check(cluster bool) error {
	switch {
	case c.Keep < 0 || c.Keep > 0 && c.Keep < time.Minute:
		return fmt.Errorf("keep: %v; give a minute at least, or leave it out for a week", c.Keep)
	case c.Size > 0 && c.Size < 1<<20:
		return fmt.Errorf("size: %v; give 1MiB at least, or leave it out for 1GiB", c.Size)
	case c.Listen == "" && c.PasswordFile == "":
		return nil
	case !c.Publish:
		return errors.New("listen: there is nothing to read without publish: true")
	case cluster:
		return errors.New("listen: with a NATS cluster programs read the stream there; leave listen and password_file out")
	case c.Listen == "" || c.PasswordFile == "":
		return errors.New("listen and password_file belong together")
	}
	loopback, err := host(c.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	if !loopback {
		return fmt.Errorf("listen: programs would read from %s without encryption; give a loopback address, or use a NATS cluster (edges.cluster)", c.Listen)
	}
	return nil
}

// programs is who may read the stream at the embedded server.
func (c *Changes) programs() (*spine.Programs, error) {
	if c.Listen == "" {
		return nil, nil //nolint:nilnil // nobody
	}
	password, err := os.ReadFile(c.PasswordFile)
	if err != nil {
		return nil, city.Errorf(city.Invalid, "hub.changes.password_file: %w", err)
	}
	p := &spine.Programs{Listen: c.Listen, Password: strings.TrimSpace(string(password)), Stream: relay.StreamName}
	if err := p.Check(); err != nil {
		return nil, city.Errorf(city.Invalid, "hub.changes: %w", err)
	}
	return p, nil
}

// changes is what runs of it.
type changes struct {
	shared    *relay.Shared // nil where nobody can ask for changes
	stream    plane.Feed    // the stream's reader; nil: none
	asks      atomic.Pointer[ngsild.Server]
	published atomic.Uint64
	failed    atomic.Uint64
}

// wantsChanges says whether changes are to be noted: for the stream, or while there are
// subscriptions.
func (h *Hub) wantsChanges() bool {
	if h.cfg.Changes.Publish {
		return true
	}
	if h.cfg.NGSILD.Off {
		return false
	}
	s := h.changes.asks.Load()
	return s == nil || s.Wanted() // nil: that is not known yet
}

// readsChanges says whether anything ever reads the store's feed.
func (h *Hub) readsChanges() bool {
	return h.cfg.Changes.Publish || !h.cfg.NGSILD.Off || !h.cfg.Room.Off
}

// alwaysNoted are types whose changes the control room reads.
func (h *Hub) alwaysNoted() []string {
	if h.cfg.Room.Off {
		return nil
	}
	return alertTypes()
}

// openFeed shares the store's feed among those who read it.
func (h *Hub) openFeed(ctx context.Context) error {
	if !h.readsChanges() {
		return nil
	}
	feed, ok := h.store.(plane.Feed)
	if !ok {
		return city.Errorf(city.Internal, "the store notes no changes")
	}
	h.changes.shared = relay.Share(feed, h.log)
	if h.cfg.Changes.Publish {
		h.changes.stream = h.changes.shared.Reader()
	}
	if !h.cfg.Room.Off {
		h.alertReader = h.changes.shared.Reader()
	}
	forgetting, stop := context.WithCancel(context.WithoutCancel(ctx))
	var work sync.WaitGroup
	work.Go(func() { h.changes.shared.Run(forgetting) })
	h.closers = append(h.closers, func() error { stop(); work.Wait(); return nil })
	return nil
}

// publishChanges carries changes to their stream until ctx ends.
func (h *Hub) publishChanges(ctx context.Context, work *sync.WaitGroup) error {
	if h.changes.stream == nil {
		return nil
	}
	nc, err := h.spine.Connect("changes")
	if err != nil {
		return err
	}
	to := &countedStream{changes: &h.changes, open: func(ctx context.Context) (relay.Stream, error) {
		return relay.NewJetStream(ctx, nc, relay.Bounds{Age: h.cfg.Changes.Keep, Bytes: int64(h.cfg.Changes.Size)})
	}}
	work.Go(func() {
		defer nc.Close()
		relay.Run(ctx, h.changes.stream, to, h.log)
	})
	return nil
}

// countedStream opens the stream when it is first needed, because a cluster may be away
// at the start, and counts what passes.
type countedStream struct {
	changes *changes
	open    func(context.Context) (relay.Stream, error)
	relay.Stream
}

func (s *countedStream) Last(ctx context.Context, origin string) (uint64, error) {
	if s.Stream == nil {
		to, err := s.open(ctx)
		if err != nil {
			s.changes.failed.Add(1)
			return 0, err
		}
		s.Stream = to
	}
	return s.Stream.Last(ctx, origin)
}

func (s *countedStream) Publish(ctx context.Context, origin string, e *plane.Event) error {
	err := s.Stream.Publish(ctx, origin, e)
	if err != nil {
		s.changes.failed.Add(1)
		return err
	}
	s.changes.published.Add(1)
	return nil
}

// collect gives the numbers of changes and notifications to Prometheus.
func (c *changes) collect(out chan<- prometheus.Metric) {
	counter := func(name, help string, value uint64) {
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, nil, nil), prometheus.CounterValue, float64(value))
	}
	gauge := func(name, help string, value int64) {
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, nil, nil), prometheus.GaugeValue, float64(value))
	}
	if c.stream != nil {
		counter("polity_changes_published_total", "Changes published to the stream since the start.", c.published.Load())
		counter("polity_changes_failed_total", "Attempts to publish that failed.", c.failed.Load())
		gauge("polity_changes_spread", "How many changes, about, the store keeps for the slower of those who read them.", int64(c.shared.Spread()))
	}
	s := c.asks.Load()
	if s == nil {
		return
	}
	n, ok := s.NotificationCounts()
	if !ok {
		return
	}
	counter("polity_notifications_attempts_total", "Attempts to deliver a notification since the start.", n.Sent)
	counter("polity_notifications_failed_total", "Attempts that failed.", n.Failed)
	counter("polity_notifications_dead_total", "Notifications that became dead letters since the start.", n.Killed)
	counter("polity_notifications_dropped_total", "Dead letters that were dropped since the start, by a person or a bound.", n.Dropped)
	gauge("polity_notifications_waiting", "Notifications that wait for their receivers.", n.Waiting)
	gauge("polity_notifications_dead_letters", "Dead letters that are kept.", n.Dead)
	gauge("polity_notifications_bytes", "Bytes of notifications kept on disk.", n.Bytes)
	gauge("polity_notifications_receivers_failing", "Subscriptions whose last attempt failed.", n.Failing)
}
