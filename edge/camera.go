package edge

import (
	"context"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"polity/camera/canvas"
	"polity/camera/layout"
	"polity/camera/link"
	"polity/camera/uplink"
	"polity/camera/wire"
	"polity/register"
	"polity/spine"
)

const (
	checkEvery = time.Second     // an entry is checked so often
	retryAfter = 5 * time.Second // after a fault that is not the entry's
	stateEvery = 5 * time.Second // a camera's state goes to the hub so often while nobody looks
)

// camera is one camera of the edge, whether its process may run or not.
type camera struct {
	e        *edge
	cfg      Camera
	password string
	link     *link.Camera
	log      *slog.Logger
	open     *openEvents

	mu       sync.Mutex
	entry    *register.Signed // the last that was read and sound
	refused  error            // why it does not run; nil: it may
	unsealed string           // why it is not recorded although it is configured to be; empty: it is
	layout   layout.Layout
	state    wire.State
	told     time.Time // when the hub was last told the state
	watched  time.Time // somebody looks until then
	place    canvas.Canvas
	pending  pending // of the archive
	dropped  uint64  // events that the entry does not allow
	asked    time.Time
	badPlace time.Time
}

func newCamera(e *edge, cfg Camera, password string) (*camera, error) {
	c := &camera{e: e, cfg: cfg, password: password, log: e.log.With(slog.String("camera", string(cfg.Name)))}
	c.layout = c.loadLayout()
	var err error
	if c.open, err = loadOpenEvents(e.cfg.path("events", string(cfg.Name)+".frames")); err != nil {
		return nil, err
	}
	program := e.cfg.CameraProcess
	if len(program) == 0 {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		program = []string{self, "camera-process"}
	}
	c.link = link.NewCamera(link.Config{
		Program: program, Env: environment(), Spool: e.cfg.path("spool", string(cfg.Name)+".spool"),
		Assignment: c.assignment, Live: c.live, Store: c.store, Record: c.record, Log: e.log,
	})
	return c, nil
}

// run runs the camera's process whenever its entry lets it, until ctx ends.
func (c *camera) run(ctx context.Context) {
	for ctx.Err() == nil {
		if _, err := c.check(); err != nil {
			wait(ctx, checkEvery)
			continue
		}
		if err := c.whileValid(ctx); err != nil && ctx.Err() == nil && register.ReasonOf(err) == 0 {
			c.log.Error("the camera's process cannot be run", slog.Any("error", err))
			wait(ctx, retryAfter)
		}
	}
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// check reads the entry anew and says whether the camera may run now. It is the
// wall that nothing passes: each start and each second of running asks it.
func (c *camera) check() (*register.Signed, error) {
	entry, err := c.e.folder.Load(c.cfg.Name)
	if err == nil {
		err = entry.For(c.cfg.Name, c.e.cfg.Name, c.e.now())
	}
	if c.judge(entry, err) {
		c.report() // the hub is told at once
	}
	return entry, err
}

// judge notes what the check came to and says whether that is new.
func (c *camera) judge(entry *register.Signed, err error) (changed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err != nil && (c.refused == nil || c.refused.Error() != err.Error()):
		changed = true
		c.told = time.Time{}
		c.log.Warn("the camera may not run", slog.String("reason", register.ReasonOf(err).String()), slog.Any("error", err))
	case err == nil && (c.entry == nil || c.refused != nil):
		changed = true
		c.log.Info("the camera may run", slog.String("decision", entry.Decision.Reference), slog.Time("until", entry.Until))
	}
	if c.refused = err; entry != nil {
		c.entry = entry
	}
	return changed
}

// whileValid runs the process until its entry ends, is changed or withdrawn, or
// ctx ends.
func (c *camera) whileValid(ctx context.Context) error {
	running, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- c.link.Run(running) }()
	c.mu.Lock()
	before := string(c.entry.Text)
	c.mu.Unlock()
	tick := time.NewTicker(checkEvery)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			c.closeEvents(ctx)
			if register.ReasonOf(err) != 0 {
				c.entryEnded()
			}
			return err
		case <-tick.C:
		}
		entry, err := c.check()
		if err == nil && string(entry.Text) == before {
			continue
		}
		stop()
		ended := <-done
		c.closeEvents(ctx)
		if err != nil {
			c.entryEnded()
		}
		return ended
	}
}

// entryEnded tells the city that a camera which ran was stopped by its entry.
func (c *camera) entryEnded() {
	now := c.e.now().UTC().Truncate(time.Millisecond)
	c.mu.Lock()
	revision := c.layout.Revision
	c.state.Condition = wire.Refused
	c.mu.Unlock()
	ctx, stop := context.WithTimeout(context.Background(), retryAfter)
	defer stop()
	if err := c.keep(ctx, &wire.Event{Kind: wire.EntryEnded, Layout: revision, Start: now, End: now}); err != nil {
		c.log.Error("that the entry ended could not be stored", slog.Any("error", err))
	}
}

// assignment is asked before each start of the process.
func (c *camera) assignment() (link.Assignment, error) {
	entry, err := c.check()
	if err != nil {
		return link.Assignment{}, err
	}
	c.closeEvents(context.Background())
	c.mu.Lock()
	defer c.mu.Unlock()
	a := link.Assignment{
		Camera: c.cfg.Name, Source: link.Source{Address: c.cfg.Source, User: c.cfg.User, Password: c.password, Transport: c.cfg.Transport},
		PerSecond: c.cfg.PerSecond, Until: entry.Until, Events: uplink.Allowed(&entry.Entry), Layout: within(c.layout, &entry.Entry),
		AllowUnencryptedSwap: c.e.cfg.AllowUnencryptedSwap, Record: c.recordOf(&entry.Entry),
	}
	if c.e.detector != nil {
		a.Detector = c.e.socket()
	}
	return a, nil
}

// live takes what is not stored: it never waits.
func (c *camera) live(m wire.Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	looked := time.Now().Before(c.watched)
	switch m := m.(type) {
	case *wire.State:
		changed := m.Condition != c.state.Condition
		if c.state = *m; looked || changed || time.Since(c.told) >= stateEvery {
			c.told = time.Now()
			c.tell(spine.LiveState, m)
		}
	case *wire.Marks:
		if looked {
			c.tell(spine.LiveMarks, m)
		}
	case *wire.Place:
		c.takePlace(m, looked)
	}
}

func (c *camera) tell(channel spine.Channel, m wire.Message) {
	if err := c.e.spine.Tell(channel, c.cfg.Name, wire.Append(nil, m)); err != nil {
		c.log.Warn("a live message was not sent", slog.String("channel", channel.String()), slog.Any("error", err))
	}
}

// takePlace draws a change of the place on the edge's own canvas. What goes on
// from here was encoded here: a picture that came with anything hidden in it does
// not leave the machine.
func (c *camera) takePlace(p *wire.Place, looked bool) {
	if !p.Whole && p.Sequence != c.place.Sequence()+1 {
		c.askWhole()
		return
	}
	if err := c.place.Apply(p); err != nil {
		if time.Since(c.badPlace) > time.Minute {
			c.badPlace = time.Now()
			c.log.Error("the camera's process sent a place that cannot be used", slog.Any("error", err))
		}
		c.askWhole()
		return
	}
	c.pending.note(p)
	if looked {
		c.sendPlace(p)
	}
}

func (c *camera) sendPlace(p *wire.Place) {
	tiles := p.Tiles
	if p.Whole {
		tiles = nil
	}
	clean, err := c.place.Tiles(tiles, p.Sequence)
	if err != nil {
		c.log.Error("the place cannot be encoded", slog.Any("error", err))
		return
	}
	c.tell(spine.LivePlace, clean)
}

// askWhole asks the process for the whole place, once a second at most.
func (c *camera) askWhole() {
	if time.Since(c.asked) >= time.Second {
		c.asked = time.Now()
		c.link.Whole()
	}
}

// watch notes that somebody looks for a while.
func (c *camera) watch(d time.Duration, whole bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watched = time.Now().Add(d)
	c.link.Watch(true)
	if whole && !c.place.Empty() {
		c.sendPlace(&wire.Place{Whole: true, Sequence: c.place.Sequence()})
	}
}

// endWatch tells the process that nobody looks any more.
func (c *camera) endWatch() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !time.Now().Before(c.watched) {
		c.link.Watch(false)
	}
}

// store makes an observation or event durable; it is the link's.
func (c *camera) store(ctx context.Context, m wire.Message) error {
	if event, ok := m.(*wire.Event); ok {
		if !c.allowed(event.Kind) {
			return nil
		}
		clean := *event
		clean.Place = c.cleanPicture(event.Place)
		if err := c.open.note(&clean); err != nil {
			c.log.Warn("which events are under way could not be written down", slog.Any("error", err))
		}
		m = &clean
	}
	return c.keep(ctx, m)
}

func (c *camera) keep(ctx context.Context, m wire.Message) error {
	channel := spine.Observation
	if _, ok := m.(*wire.Event); ok {
		channel = spine.Event
	}
	err := c.e.spine.Keep(ctx, channel, c.cfg.Name, wire.Append(nil, m))
	if err != nil && ctx.Err() == nil {
		// Only what the closed list does not know ends here, and wire.Read has
		// already refused that.
		c.log.Error("a message was not stored", slog.Any("error", err))
		return nil
	}
	return err
}

// allowed holds the process to its entry.
func (c *camera) allowed(kind wire.EventKind) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entry != nil && slices.Contains(uplink.Allowed(&c.entry.Entry), kind) {
		return true
	}
	if c.dropped++; c.dropped == 1 {
		c.log.Warn("the camera's process raised an event that its entry does not allow; such are dropped", slog.Int("kind", int(kind)))
	}
	return false
}

const thumbnail = 640 // pixels, the longest side of an event's picture

func (c *camera) cleanPicture(p wire.Picture) wire.Picture {
	if len(p) == 0 {
		return nil
	}
	clean, err := canvas.Clean(p, thumbnail)
	if err != nil {
		c.log.Warn("an event's picture was left out", slog.Any("error", err))
		return nil
	}
	return clean
}

// closeEvents ends the events that a process which is gone had begun: nobody else
// would.
func (c *camera) closeEvents(ctx context.Context) {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), retryAfter)
	defer stop()
	for _, event := range c.open.endAll(c.e.now()) {
		if err := c.keep(ctx, event); err != nil {
			c.log.Error("the end of an event could not be stored; it is tried again at the next start", slog.Any("error", err))
			return
		}
	}
	if err := c.open.clear(); err != nil {
		c.log.Warn("which events are under way could not be written down", slog.Any("error", err))
	}
}
