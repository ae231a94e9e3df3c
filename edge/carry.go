package edge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"polity/camera/uplink"
	"polity/city"
	"polity/internal/durable"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/spine"
)

// carry brings statements into the public log by way of the hub: entries that lie in a
// folder until the hub says that they are in the log (docs/formats/uplink.md). It may be
// used by many goroutines.
type carry struct {
	dir   string
	log   *slog.Logger
	send  func(ctx context.Context, camera city.Slug, body []byte) error // into the store, durably
	quiet func(ctx context.Context) bool                                 // the line stands, and the hub has all that was sent
	up    func() bool                                                    // the line stands
	again time.Duration                                                  // until what is not in the log is sent again
	woken chan struct{}
	began time.Time

	mu    sync.Mutex
	files map[string]*statement // by the name of its file
	names map[canonical.Hash]string
}

// statement is an entry on its way.
type statement struct {
	id     canonical.Hash
	camera city.Slug // empty: of the edge
	body   []byte    // nil: it is in its file
	fresh  bool      // of this run
	sent   time.Time // zero: not in this run
	reason uplink.Unlogged
}

const (
	statementSuffix = ".entry"
	sendAgain       = 10 * time.Minute
	carryEvery      = 30 * time.Second
)

// openCarry makes the folder of statements.
func (e *edge) openCarry() error {
	c := newCarry(e.cfg.path("statements"))
	c.log, c.up = e.log, e.spine.Connected
	c.send = func(ctx context.Context, camera city.Slug, body []byte) error {
		return e.spine.Keep(ctx, spine.Statement, camera, body)
	}
	c.quiet = func(ctx context.Context) bool {
		if !e.spine.Connected() {
			return false
		}
		asking, stop := context.WithTimeout(ctx, reportEvery)
		defer stop()
		stock, err := e.spine.Stock(asking)
		return err == nil && stock.Waiting == 0
	}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return fmt.Errorf("make the folder of statements: %w", err)
	}
	e.carry = c
	return nil
}

func newCarry(dir string) *carry {
	return &carry{
		dir: dir, log: slog.New(slog.DiscardHandler), again: sendAgain, woken: make(chan struct{}, 1), began: time.Now(),
		files: map[string]*statement{}, names: map[canonical.Hash]string{},
	}
}

// put writes a statement down and has it sent. If the disk does not take it, it is kept in
// memory, and the error says so. The same name is the same statement.
func (c *carry) put(name string, s entry.Entry) error {
	body, err := entry.Encode(s)
	if err != nil {
		return err
	}
	err = durable.WriteFile(filepath.Join(c.dir, name), body, 0o600)
	c.mu.Lock()
	f := c.note(name, body)
	f.fresh = true
	if err != nil {
		f.body = body
	}
	c.mu.Unlock()
	c.wake()
	return err
}

// note lists a statement. The lock is held.
func (c *carry) note(name string, body []byte) *statement {
	f := &statement{id: entry.ID(body), camera: cameraOf(body)}
	if was := c.files[name]; was != nil {
		if was.id == f.id {
			return was
		}
		delete(c.names, was.id)
	}
	c.files[name], c.names[f.id] = f, name
	return f
}

// cameraOf is the camera that a statement is about, as far as it can be read.
func cameraOf(body []byte) city.Slug {
	s, err := uplink.DecodeStatement(body)
	if err != nil {
		return ""
	}
	switch s := s.(type) {
	case *entry.Segments:
		return s.Camera
	case *entry.Alarm:
		return s.Camera
	}
	return ""
}

func (c *carry) wake() {
	select {
	case c.woken <- struct{}{}:
	default:
	}
}

// run sends what waits until ctx ends.
func (c *carry) run(ctx context.Context) {
	tick := time.NewTicker(carryEvery)
	defer tick.Stop()
	for {
		if err := c.scan(); err != nil {
			c.log.Error("statements for the public log cannot be read; they stay where they are", slog.Any("error", err))
		}
		if err := c.sendDue(ctx); err != nil && ctx.Err() == nil {
			c.log.Error("a statement for the public log was not stored for the hub; it is tried again", slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-c.woken:
		}
	}
}

// scan lists files that an earlier run left.
func (c *carry) scan() error {
	files, err := os.ReadDir(c.dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), statementSuffix) {
			continue
		}
		c.mu.Lock()
		known := c.files[f.Name()] != nil
		c.mu.Unlock()
		if known {
			continue
		}
		body, err := os.ReadFile(filepath.Join(c.dir, f.Name()))
		if errors.Is(err, os.ErrNotExist) {
			continue // the log has it by now
		}
		if err != nil {
			return err
		}
		c.mu.Lock()
		s := c.note(f.Name(), body)
		if _, err := uplink.DecodeStatement(body); err != nil {
			s.reason = uplink.NotTaken
			c.log.Error("a file among the statements is none; move it away", slog.String("file", f.Name()), slog.Any("error", err))
		}
		c.mu.Unlock()
	}
	return nil
}

// sendDue stores what is to be sent. What this run wrote goes at once; everything else waits
// for a line that stands and a hub that has all there was, since it may be under way.
func (c *carry) sendDue(ctx context.Context) error {
	now := time.Now()
	var fresh, others []string
	c.mu.Lock()
	for name, f := range c.files {
		switch {
		case f.sent.IsZero() && f.fresh:
			fresh = append(fresh, name)
		case f.sent.IsZero() && f.reason == 0, !f.sent.IsZero() && now.Sub(f.sent) > c.again:
			others = append(others, name)
		}
	}
	late := now.Sub(c.began) > c.again && c.up()
	c.mu.Unlock()
	if len(others) > 0 && (late || c.quiet(ctx)) {
		fresh = append(fresh, others...)
	}
	slices.Sort(fresh)
	for _, name := range fresh {
		if err := c.sendOne(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

func (c *carry) sendOne(ctx context.Context, name string) error {
	c.mu.Lock()
	f := c.files[name]
	if f == nil {
		c.mu.Unlock()
		return nil // the log has it meanwhile
	}
	body := f.body
	c.mu.Unlock()
	if body == nil {
		var err error
		if body, err = os.ReadFile(filepath.Join(c.dir, name)); err != nil {
			return err
		}
	} else if durable.WriteFile(filepath.Join(c.dir, name), body, 0o600) == nil {
		c.mu.Lock()
		f.body = nil // the disk takes it by now
		c.mu.Unlock()
	}
	if err := c.send(ctx, f.camera, body); err != nil {
		return err
	}
	c.mu.Lock()
	f.sent = time.Now()
	c.mu.Unlock()
	return nil
}

// hear takes the hub's word on what became of a statement. Only what the log has goes from
// here.
func (c *carry) hear(_ city.Slug, body []byte) []byte {
	a, err := uplink.DecodeLogged(body)
	if err != nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	name, ok := c.names[canonical.Hash(a.Entry)]
	if !ok {
		return nil
	}
	f := c.files[name]
	if a.Reason != 0 {
		if f.reason != a.Reason {
			c.log.Warn("a statement is not taken into the public log; it stays here and is tried again", slog.String("file", name), slog.String("why", unloggedWords[a.Reason]))
		}
		f.reason, f.sent = a.Reason, time.Now()
		return nil
	}
	if err := os.Remove(filepath.Join(c.dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
		c.log.Error("a statement that is in the public log cannot be removed here", slog.String("file", name), slog.Any("error", err))
		return nil
	}
	delete(c.files, name)
	delete(c.names, f.id)
	return nil
}

// unloggedWords say why the hub does not take a statement, and what to do.
var unloggedWords = map[uplink.Unlogged]string{
	uplink.NoLog:         "the hub keeps no public log; set hub.ledger there",
	uplink.NotRegistered: "the camera has no register entry for this edge at the hub; put it into the hub's register",
	uplink.OtherRecorder: "the camera's register entry names another recorder, or none; register it with --recorder as 'polity edge recorder' prints it here",
	uplink.NotTaken:      "the log does not take it; the hub's log says why",
}

// waiting is how many statements are not in the public log, and how many of them were
// refused for each reason.
func (c *carry) waiting() (n int, refused map[uplink.Unlogged]int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	refused = map[uplink.Unlogged]int{}
	for _, f := range c.files {
		if f.reason != 0 {
			refused[f.reason]++
		}
	}
	return len(c.files), refused
}

// words are a line of the state page.
func (c *carry) words() string {
	n, refused := c.waiting()
	if n == 0 {
		return "Public log: it has all that this edge has said\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Public log: %d statements are not in it yet\n", n)
	for _, reason := range slices.SortedFunc(maps.Keys(refused), cmp.Compare[uplink.Unlogged]) {
		fmt.Fprintf(&b, "  %d of them: %s\n", refused[reason], unloggedWords[reason])
	}
	return b.String()
}
