package alarm

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"polity/city"
	"polity/plane"
	"polity/sensors"
)

// Watch looks at the sensors round by round. Its methods are safe for concurrent use.
type Watch struct {
	store plane.Store
	cfg   Config
	log   *slog.Logger
	now   func() time.Time
	rules []Rule

	rounds sync.Mutex          // one at a time; what follows is the rounds' own
	known  map[string]*watched // changed with mu held; so are memos and told
	active map[situation]*Alarm
	peaked map[situation]time.Time // when an alarm was last stored
	dirty  map[string]Alarm        // alarms that are not stored as they are, by id
	loaded bool
	pruned time.Time // when alarms that are long over were last looked for

	round uint64

	mu       sync.Mutex
	counts   Counts
	roundFor time.Duration
}

// situation is what an alarm is about.
type situation struct {
	sensor string
	rule   city.Slug
}

// watched is a sensor between rounds.
type watched struct {
	memo    *memo   // what was last found of it
	told    []Alarm // those that go on, for pages
	next    int64   // Unix milliseconds: when time alone may change what is said of it
	round   uint64  // in which it was last there
	changed bool    // since it was last looked at
	gone    bool
}

// looked is a sensor that is being looked at.
type looked struct {
	sensor sensors.Sensor
	next   time.Time
}

// New makes a watch. Run or Round must follow.
func New(store plane.Store, cfg Config, log *slog.Logger, now func() time.Time) *Watch {
	w := &Watch{store: store, cfg: cfg, log: log, now: now, rules: cfg.rules(), known: map[string]*watched{}, active: map[situation]*Alarm{}, dirty: map[string]Alarm{}, peaked: map[situation]time.Time{}}
	if w.cfg.Every == 0 {
		w.cfg.Every = DefaultEvery
	}
	if w.cfg.Keep == 0 {
		w.cfg.Keep = DefaultKeep
	}
	if w.log == nil {
		w.log = slog.New(slog.DiscardHandler)
	}
	if w.now == nil {
		w.now = time.Now
	}
	return w
}

// With very many sensors, or a slow store, rounds are further apart, so that they take a
// twentieth of one processor; but never more than most, however busy the machine is.
const (
	share = 20
	most  = 15 * time.Second
)

// Run keeps rounds until ctx ends.
func (w *Watch) Run(ctx context.Context) {
	failing := false
	for {
		round, stop := context.WithTimeout(ctx, time.Minute)
		err := w.Round(round)
		stop()
		if ctx.Err() != nil {
			return
		}
		if err != nil && !failing {
			w.log.Error("the sensors could not be looked at; it is tried again", slog.Any("error", err))
		}
		failing = err != nil
		wait := time.NewTimer(max(w.cfg.Every, min(most, share*w.LastRound())))
		select {
		case <-ctx.Done():
			wait.Stop()
			return
		case <-wait.C:
		}
	}
}

// Round looks once at every sensor that changed, or of which time alone may have changed
// what is to be said, and stores what comes of it.
func (w *Watch) Round(ctx context.Context) (err error) {
	w.rounds.Lock()
	defer w.rounds.Unlock()
	begun := time.Now()
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.roundFor = time.Since(begun)
		w.counts.Rounds++
		if err != nil {
			w.counts.Failed++
		}
	}()
	if !w.loaded {
		if err := w.load(ctx); err != nil {
			return err
		}
		w.loaded = true
	}
	if err := w.scan(ctx); err != nil {
		return err
	}
	return errors.Join(w.look(ctx), w.prune(ctx))
}

// load fetches the alarms that go on, so that a restart raises none twice.
func (w *Watch) load(ctx context.Context) error {
	q := plane.Query{
		From: Prefix, To: Prefix + "~", Types: []string{Type}, Limit: plane.MaxLimit,
		Match: func(e *plane.Entity) bool { return e.Attribute("validTo") == nil },
	}
	return w.each(ctx, q, func(e *plane.Entity) {
		a, err := Read(e)
		if err != nil {
			w.log.Warn("what is stored of an alarm cannot be used; it is left as it is", slog.Any("error", err))
			return
		}
		key := situation{a.Sensor, a.Rule}
		if other := w.active[key]; other != nil && other.Start.After(a.Start) {
			return // the newer one is the one that goes on
		}
		w.active[key] = &a
	})
}

func (w *Watch) each(ctx context.Context, q plane.Query, do func(*plane.Entity)) error {
	for {
		page, err := w.store.Find(ctx, q)
		if err != nil {
			return err
		}
		for _, e := range page.Entities {
			do(e)
			q.After = e.ID
		}
		if !page.More {
			return nil
		}
	}
}

// scan finds what sensors there are and which of them changed. Nothing is copied out of the
// store: what is to be looked at is read when it is.
func (w *Watch) scan(ctx context.Context) error {
	w.round++
	q := plane.Query{Types: sensors.Types(), Match: func(e *plane.Entity) bool {
		x := w.known[e.ID]
		if x == nil {
			x = w.add(strings.Clone(e.ID))
		}
		x.round = w.round
		if x.gone || x.memo.version != e.Version || x.memo.modified != e.Modified.UnixMilli() {
			x.changed, x.gone = true, false
		}
		return false
	}}
	if _, err := w.store.Find(ctx, q); err != nil {
		return err
	}
	for _, x := range w.known {
		if x.round != w.round && !x.gone {
			x.gone, x.changed = true, true
		}
	}
	for key := range w.active { // of sensors that were removed while nobody looked
		if w.known[key.sensor] == nil {
			w.add(key.sensor).gone = true
		}
	}
	return nil
}

func (w *Watch) add(id string) *watched {
	x := &watched{memo: &memo{}, changed: true}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.known[id] = x
	return x
}

// look judges what is due, and stores alarms.
func (w *Watch) look(ctx context.Context) error {
	now := w.now().UTC().Truncate(time.Millisecond)
	var errs []error
	count := uint64(0)
	for id, x := range w.known {
		if !x.changed && now.UnixMilli() < x.next {
			continue
		}
		count++
		if x.gone {
			w.end(id, now)
			w.mu.Lock()
			delete(w.known, id)
			w.mu.Unlock()
			continue
		}
		err := w.lookAt(ctx, id, x, now)
		if err != nil {
			errs = append(errs, err) // looked at again in the next round
			if ctx.Err() != nil || city.KindOf(err) == city.Unavailable {
				break
			}
			continue
		}
	}
	w.mu.Lock()
	w.counts.Looked += count
	w.mu.Unlock()
	return errors.Join(append(errs, w.save(ctx))...)
}

// end ends the alarms of a sensor that is no more.
func (w *Watch) end(id string, now time.Time) {
	for key, a := range w.active {
		if key.sensor == id {
			a.End, a.Gone = now, true
			w.keep(a)
			w.settle(key)
		}
	}
}

// settle forgets an alarm that is over.
func (w *Watch) settle(key situation) {
	delete(w.active, key)
	delete(w.peaked, key)
}

// keep notes that an alarm is to be stored.
func (w *Watch) keep(a *Alarm) { w.dirty[a.ID] = *a }

// placeOf is the location of a sensor; nil where there is none, or it is gone.
func (w *Watch) placeOf(ctx context.Context, sensor string) *plane.Attribute {
	e, err := w.store.Entity(ctx, plane.Key{ID: sensor})
	if err != nil {
		return nil
	}
	return place(e)
}

// batchSize is how many alarms one commit has.
const batchSize = 200

// save stores the alarms that are not stored as they are. What cannot be stored now is
// tried again in the next round; until then the pages show it all the same.
func (w *Watch) save(ctx context.Context) error {
	for ids := range slices.Chunk(slices.Sorted(maps.Keys(w.dirty)), batchSize) {
		var b plane.Batch
		for _, id := range ids {
			a := w.dirty[id]
			change, err := a.change(w.placeOf(ctx, a.Sensor))
			if err != nil {
				return err
			}
			b.Changes = append(b.Changes, change)
		}
		result, err := w.store.Write(ctx, &b)
		if err != nil {
			w.mu.Lock()
			w.counts.Unstored += uint64(len(ids))
			w.mu.Unlock()
			return err
		}
		for i, id := range ids {
			if i < len(result.Refused) && result.Refused[i] != nil {
				w.log.Error("the city's data refuses an alarm", slog.String("alarm", id), slog.Any("error", result.Refused[i]))
			}
			delete(w.dirty, id)
		}
	}
	return nil
}
