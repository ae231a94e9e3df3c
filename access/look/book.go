package look

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"polity/access"
	"polity/city"
	"polity/internal/groupcommit"
)

// Config is what Open needs.
type Config struct {
	Dir      string // is made if it is missing
	Zone     *time.Location
	Settings Settings
	Purposes []access.Purpose // nil: access.Purposes()
	Log      *slog.Logger     // nil: nothing is logged
	Now      func() time.Time // nil: time.Now
	// Flag hears of each flag once it is in the book. It must return at once. Nil: nobody
	// hears.
	Flag func(Flag)

	disk disk
}

// Book is the book of looks, open for writing. Its methods may be called by any goroutine.
type Book struct {
	cfg      Config
	calendar calendar
	log      *slog.Logger
	lock     *os.File
	queue    *groupcommit.Queue[*task]
	ticks    sync.WaitGroup

	mu     sync.Mutex
	chain  *chain
	today  *details
	recent []tally // of days that are over, the oldest first
	going  map[sameness]*going
	cams   map[string][]sighting // by person: cameras of the last hour
	broken error
	tell   []Flag // that are in the book, and nobody heard of yet

	clockRaw, clock time.Time // when the book's time was last asked, and what it was
}

// sameness is what makes two openings one look.
type sameness struct {
	session string
	do      access.Action
	on      access.ThingKind
	name    city.Slug
	purpose city.Slug
}

// going is a look that is not over for good.
type going struct {
	of     *Detail   // in the book
	day    string    // of that
	anew   bool      // its day is over and it is to begin again in the next
	open   int       // how often it is open
	ended  time.Time // when it was last closed, while open is 0
	noted  time.Time // in the book
	gone   chan struct{}
	isGone bool
}

// Opened is a look that was recorded. Whoever shows something calls Finish when it is no
// longer seen.
type Opened struct {
	book *Book
	of   *going
	gone chan struct{}
	once sync.Once
}

// grace is how long after its end a look can be continued, and how often what goes on is
// noted.
const grace = time.Minute

// task is what a commit does.
type task struct {
	look   *Look
	read   *read
	opened *going
	gone   chan struct{}
}

// Open opens the book in a folder, alone: a second writer is refused. It puts right what a
// crash left half done, and refuses a book that was altered. Close ends it.
func Open(cfg Config) (*Book, error) {
	if err := cfg.Settings.Check(); err != nil {
		return nil, city.Errorf(city.Invalid, "looks: %w", err)
	}
	cfg.Settings = cfg.Settings.withDefaults()
	if cfg.Zone == nil {
		cfg.Zone = time.UTC
	}
	if cfg.Purposes == nil {
		cfg.Purposes = access.Purposes()
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.disk == nil {
		cfg.disk = files{}
	}
	minutes, err := ends(cfg.Settings.DayEnds)
	if err != nil {
		return nil, err
	}
	b := &Book{cfg: cfg, calendar: calendar{cfg.Zone, minutes}, log: cfg.Log, going: map[sameness]*going{}, cams: map[string][]sighting{}}
	if err := os.MkdirAll(detailsDir(cfg.Dir), 0o700); err != nil {
		return nil, fmt.Errorf("book of looks: %w", err)
	}
	if b.lock, err = lock(filepath.Join(cfg.Dir, "lock")); err != nil {
		return nil, err
	}
	if err := b.load(); err != nil {
		b.lock.Close()
		return nil, err
	}
	b.queue = groupcommit.New(b.commit, func(error) bool { return false })
	if err := b.Tick(context.Background()); err != nil {
		b.queue.Close()
		b.lock.Close()
		return nil, err
	}
	b.ticks.Go(b.run)
	return b, nil
}

func lock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("book of looks: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, city.Errorf(city.Conflict, "another program writes the book of looks in %s; stop it first", filepath.Dir(path))
	}
	return f, nil
}

// Record writes a look down. When it returns nil the look is on the disk; after an error
// nothing may be shown.
func (b *Book) Record(ctx context.Context, l Look) (*Opened, error) {
	if err := l.check(b.cfg.Purposes); err != nil {
		return nil, err
	}
	t := &task{look: &l}
	if err := b.do(ctx, t); err != nil {
		return nil, err
	}
	return &Opened{book: b, of: t.opened, gone: t.gone}, nil
}

// Finish says that it is no longer seen. Within a minute it can be opened again.
func (o *Opened) Finish() {
	o.once.Do(func() {
		o.book.mu.Lock()
		defer o.book.mu.Unlock()
		if o.of.open--; o.of.open == 0 {
			o.of.ended = o.book.now()
		}
	})
}

// Gone is closed when the book can no longer note that this goes on: it must be seen no
// longer. Whoever wants to go on records it again.
func (o *Opened) Gone() <-chan struct{} { return o.gone }

func (b *Book) do(ctx context.Context, t *task) error {
	err := b.queue.Do(ctx, t)
	switch {
	case errors.Is(err, groupcommit.ErrClosed):
		return city.Errorf(city.Unavailable, "the book of looks is closed, so that nothing can be shown; the hub is stopping")
	case err == nil, ctx.Err() != nil, city.KindOf(err) != city.Internal:
		return err
	}
	return city.Errorf(city.Unavailable, "the book of looks cannot be written, so that nothing can be shown; see to the hub's disk: %w", err)
}

// Tick does what is due: it notes looks that go on or are over, publishes a day that is
// over, and removes details that are too old. The book does it each minute by itself.
func (b *Book) Tick(ctx context.Context) error {
	err := b.do(ctx, &task{})
	b.mu.Lock()
	defer b.mu.Unlock()
	b.endWhatIsNotNoted(err)
	return err
}

// endWhatIsNotNoted closes Gone of looks that were last noted two minutes ago.
func (b *Book) endWhatIsNotNoted(err error) {
	if err == nil {
		return
	}
	for _, g := range b.going {
		if !g.isGone && (b.broken != nil || b.now().Sub(g.noted) >= 2*grace) {
			g.isGone = true
			close(g.gone)
		}
	}
}

func (b *Book) run() {
	tick := time.NewTicker(grace)
	defer tick.Stop()
	for {
		select {
		case <-b.queue.Closing():
			return
		case <-tick.C:
			if err := b.Tick(context.Background()); err != nil && !b.queue.Closed() {
				b.log.Error("what is being looked at could not be noted; it ends if that goes on", slog.Any("error", err))
			}
		}
	}
}

// Close notes that all looks are over, and closes the book.
func (b *Book) Close() error {
	b.queue.Close()
	b.ticks.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	var err error
	if b.lock == nil {
		return nil
	}
	if b.broken == nil {
		err = b.endAll()
	}
	err = errors.Join(err, b.lock.Close())
	b.lock = nil
	return err
}

func (b *Book) endAll() error {
	now := b.now()
	for _, g := range b.going {
		if g.open > 0 {
			g.open, g.ended = 0, now
		}
		if !g.isGone {
			g.isGone = true
			close(g.gone)
		}
	}
	if err := b.turn(now); err != nil {
		return err
	}
	x := b.begin(now)
	for _, key := range b.keys() {
		x.over(key, b.going[key], b.going[key].ended, left)
	}
	return x.commit()
}

// now is the book's time: that of the clock, or where the clock went back, on from the
// last by what has passed since. It never falls.
func (b *Book) now() time.Time {
	raw := b.cfg.Now()
	t := raw.Round(0)
	if t.Before(b.clock) {
		t = b.clock
		if !b.clockRaw.IsZero() {
			t = t.Add(max(0, raw.Sub(b.clockRaw))) // by the monotonic clock, where raw has one
		}
	}
	b.clockRaw, b.clock = raw, t
	return at(t).Time
}

func newSalt() string {
	var s [16]byte
	_, _ = rand.Read(s[:]) // never fails
	return hex.EncodeToString(s[:])
}
