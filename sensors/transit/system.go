package transit

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"polity/city"
	"polity/internal/durable"
	"polity/plane"
	"polity/sensors/transit/gtfs"
	"polity/sensors/transit/realtime"
)

// System keeps all feeds of a city.
type System struct {
	feeds []*keeper
	store plane.Store
	log   *slog.Logger
	now   func() time.Time
}

// Deps is what New needs.
type Deps struct {
	Feeds []Config
	Store plane.Store
	Data  string // folder for the last good timetables and the hours that are not over
	Log   *slog.Logger
	Now   func() time.Time // nil: time.Now
}

// New begins with what is on disk of before. Run must follow.
func New(d Deps) (*System, error) {
	s := &System{store: d.Store, log: d.Log, now: d.Now}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	if err := os.MkdirAll(d.Data, 0o700); err != nil {
		return nil, city.Errorf(city.Invalid, "the folder of timetables: %w", err)
	}
	client := newClient()
	for _, cfg := range d.Feeds {
		if err := cfg.Check(); err != nil {
			return nil, err
		}
		k := &keeper{
			System: s, Board: NewBoard(cfg), dir: d.Data, timetable: source{where: cfg.Timetable, client: client},
			static: ledger{store: d.Store, feed: cfg.Name, types: []string{TypeAgency, TypeStop, TypeStation, TypeRoute}},
			moving: ledger{store: d.Store, feed: cfg.Name, types: []string{TypeVehicle}}, newsOf: ledger{store: d.Store, feed: cfg.Name, types: []string{TypeAlert}},
		}
		for _, x := range []struct {
			kind  kind
			where string
		}{{trips, cfg.Trips}, {positions, cfg.Vehicles}, {alerts, cfg.Alerts}} {
			if x.where != "" {
				k.add(x.kind, x.where, client)
			}
		}
		k.begin()
		s.feeds = append(s.feeds, k)
	}
	return s, nil
}

// Run keeps the feeds until ctx ends.
func (s *System) Run(ctx context.Context) {
	var work sync.WaitGroup
	for _, k := range s.feeds {
		work.Go(func() { k.keepTimetable(ctx) })
		work.Go(func() { k.keepNow(ctx) })
	}
	work.Wait()
}

// Boards are the feeds, in the order of the configuration.
func (s *System) Boards() []*Board {
	out := make([]*Board, len(s.feeds))
	for i, k := range s.feeds {
		out[i] = k.Board
	}
	return out
}

// Board is a feed by its name, or NotFound.
func (s *System) Board(name city.Slug) (*Board, error) {
	for _, k := range s.feeds {
		if k.Name() == name {
			return k.Board, nil
		}
	}
	return nil, city.Errorf(city.NotFound, "there is no timetable of that name")
}

// Now is the clock that counts.
func (s *System) Now() time.Time { return s.now() }

// keeper keeps one feed.
type keeper struct {
	*System
	*Board
	dir       string
	timetable source
	streams   []*stream

	static, moving, newsOf ledger
	stored                 *gtfs.Feed // whose stops and lines are entities
	unstored               bool       // the last round could not be stored
}

// stream is an address of GTFS-Realtime and what of it counts.
type stream struct {
	source
	kinds []kind
	next  time.Time
}

func (k *keeper) add(of kind, where string, client *http.Client) {
	for _, s := range k.streams {
		if s.where == where {
			s.kinds = append(s.kinds, of)
			return
		}
	}
	k.streams = append(k.streams, &stream{source: source{where: where, client: client}, kinds: []kind{of}})
}

func (k *keeper) path(ext string) string { return filepath.Join(k.dir, string(k.Name())+ext) }

// begin takes the last good timetable and the open hours from disk.
func (k *keeper) begin() {
	if isAddress(k.timetable.where) {
		if f, err := gtfs.Open(k.path(".zip"), gtfs.DefaultLimits()); err == nil {
			k.SetTimetable(f, k.now())
		}
	}
	text, err := os.ReadFile(k.path(".hours.json"))
	if err == nil {
		err = k.restore(text)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		k.log.Warn("the punctuality of the hour before the restart is lost", slog.String("feed", string(k.Name())), slog.Any("error", err))
	}
}

// keepTimetable looks for a new timetable now and then. A broken one changes nothing
// but what is said about it.
func (k *keeper) keepTimetable(ctx context.Context) {
	for {
		err := k.readTimetable(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			k.timetable.failures++
			k.failTimetable(err.Error())
			k.log.Warn("the timetable cannot be used; the one before still counts", slog.String("feed", string(k.Name())), slog.Any("error", err))
		} else {
			k.timetable.failures = 0
			k.failTimetable("")
		}
		wait := k.cfg.TimetableEvery
		if err != nil {
			wait = min(wait, k.timetable.backOff(firstBackOff))
		}
		if !sleep(ctx, wait) {
			return
		}
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// readTimetable takes a new timetable if there is one.
func (k *keeper) readTimetable(ctx context.Context) error {
	f, accept, err := k.newTimetable(ctx)
	if err != nil || f == nil {
		return err
	}
	k.SetTimetable(f, k.now())
	accept()
	k.log.Info("a timetable counts from now on", slog.String("feed", string(k.Name())), slog.Int("stops", len(f.Stops)), slog.Int("routes", len(f.Routes)), slog.Int("trips", f.Trips()))
	return nil
}

// newTimetable reads what stands there; nil if it has not changed. A download takes
// the place of the last good one only when it has been read whole.
func (k *keeper) newTimetable(ctx context.Context) (f *gtfs.Feed, accept func(), err error) {
	where := k.timetable.where
	if info, err := os.Stat(where); err == nil && info.IsDir() {
		stamp, err := folderStamp(where)
		if err != nil || stamp == k.timetable.stamp {
			return nil, nil, err
		}
		f, err = gtfs.Open(where, gtfs.DefaultLimits())
		return f, func() { k.timetable.stamp = stamp }, err
	}
	fresh := k.path(".new.zip")
	changed, accept, err := k.timetable.download(ctx, fresh)
	if err != nil || !changed {
		return nil, nil, err
	}
	if f, err = gtfs.Open(fresh, gtfs.DefaultLimits()); err != nil {
		return nil, nil, errors.Join(err, os.Remove(fresh))
	}
	if err := errors.Join(os.Rename(fresh, k.path(".zip")), durable.SyncDir(k.dir)); err != nil {
		return nil, nil, err
	}
	return f, accept, nil
}

// keepNow asks for what is told now, and stores what follows from it.
func (k *keeper) keepNow(ctx context.Context) {
	for {
		k.round(ctx)
		wait := k.cfg.Every
		if k.current() == nil {
			wait = min(wait, time.Second)
		}
		if !sleep(ctx, wait) {
			k.end(ctx)
			return
		}
	}
}

// end removes vehicles from the store: when the hub does not run, nobody knows where
// they are.
func (k *keeper) end(ctx context.Context) {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer stop()
	if err := k.moving.put(ctx, nil); err != nil {
		k.log.Warn("vehicles stay in the city's data until the next start", slog.String("feed", string(k.Name())), slog.Any("error", err))
	}
}

const endTime = 3 * time.Second

// round is one look at everything.
func (k *keeper) round(ctx context.Context) {
	for _, s := range k.streams {
		if now := k.now(); now.Before(s.next) {
			continue
		}
		err := k.ask(ctx, s)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			s.failures = 0
			s.next = time.Time{}
			continue
		}
		s.failures++
		s.next = k.now().Add(s.backOff(0))
		for _, of := range s.kinds {
			k.fail(of, err.Error())
		}
		if s.failures == 1 {
			k.log.Warn("what vehicles say cannot be used; it is asked again, ever more seldom", slog.String("feed", string(k.Name())), slog.Any("error", err))
		}
	}
	now := k.now()
	k.Measure(now)
	err := k.keep(ctx, now)
	if err != nil && ctx.Err() == nil && !k.unstored {
		k.log.Warn("what vehicles say is not stored; it is tried again", slog.String("feed", string(k.Name())), slog.Any("error", err))
	}
	k.unstored = err != nil
}

func (k *keeper) ask(ctx context.Context, s *stream) error {
	b, accept, err := s.bytes(ctx, realtime.MaxBytes)
	if err != nil || b == nil {
		return err
	}
	m, err := realtime.Decode(b)
	if err != nil {
		return err
	}
	now := k.now()
	for _, of := range s.kinds {
		k.Apply(of, m, now)
	}
	if k.current() != nil { // else it is needed again when there is a timetable
		accept()
	}
	return nil
}

// current is the timetable that counts, nil if there is none.
func (b *Board) current() *gtfs.Feed {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.feed
}

// keep stores stops and lines of a new timetable, vehicles, alerts, and hours that are
// over.
func (k *keeper) keep(ctx context.Context, now time.Time) error {
	if f := k.current(); f != k.stored {
		entities, err := k.Board.timetable(f)
		if err == nil {
			err = k.static.put(ctx, entities)
		}
		if err != nil {
			return err
		}
		k.stored = f
	}
	state := k.State(now)
	vehicles, err := k.Board.moving(state.Vehicles)
	if err == nil {
		err = k.moving.put(ctx, vehicles)
	}
	news, newsErr := k.news(state.Alerts, now)
	if newsErr == nil {
		newsErr = k.newsOf.put(ctx, news)
	}
	err = errors.Join(err, newsErr, k.storeHours(ctx, k.store, now))
	if text, snapErr := k.snapshot(); snapErr != nil || text != nil {
		err = errors.Join(err, snapErr, durable.WriteFile(k.path(".hours.json"), text, 0o600))
	}
	return err
}
