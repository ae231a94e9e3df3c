package log

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"polity/city"
	"polity/ledger/entry"
	"polity/ledger/roster"
)

// Witness is where a witness of the roster is reached.
type Witness struct {
	Name city.Slug
	URL  string // add-checkpoint is below it (C2SP tlog-witness)
}

// Config is what Open needs.
type Config struct {
	Dir       string // is made if it is missing
	Signer    note.Signer
	Roster    *roster.Signed
	Witnesses []Witness // at least the roster's quorum
	// Names says whether a name is registered; an entry with one that is not is refused.
	// Nil: only the names of the roster are checked.
	Names  func(entry.Named) error
	Client *http.Client // to reach witnesses; nil: one with a limit of time
	Log    *slog.Logger // nil: nothing is logged

	Batch     time.Duration // how long entries gather; 0: 20 ms
	Publish   time.Duration // at most so often; 0: 1 s
	Republish time.Duration // at least so often, though nothing was appended; 0: 1 min
}

// Log is the log, open for appending, by one process. Its methods may be called by any
// goroutine.
type Log struct {
	cfg      Config
	appender *tessera.Appender
	reader   tessera.LogReader
	cancel   context.CancelFunc
	lock     *os.File
	watched  *watched
	closing  chan struct{}
	running  sync.WaitGroup
	shown    atomic.Int64 // a size that is public

	mu      sync.Mutex
	closed  bool
	known   map[short]int64 // leaf hash, shortened, to index
	flight  map[short]*flight
	failure error // of the last append, nil if it went well
}

// short is the first half of a leaf hash: no two entries that anyone can make share it.
type short [16]byte

type flight struct {
	done  chan struct{}
	index int64
	err   error
}

const (
	batchSize = 256
	gather    = 20 * time.Millisecond
	publish   = time.Second
	republish = time.Minute
)

// Open opens the log in a folder, alone: a second process is refused, and so is a
// folder that does not fit its own checkpoint, such as one from an older backup.
func Open(cfg Config) (*Log, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	cfg.Batch, cfg.Publish, cfg.Republish = or(cfg.Batch, gather), or(cfg.Publish, publish), or(cfg.Republish, republish)
	if cfg.Signer == nil || cfg.Signer.Name() != cfg.Roster.Log.Origin {
		return nil, city.Errorf(city.Invalid, "the log's private key is not that of %s in the roster", cfg.Roster.Log.Origin)
	}
	watched, group, err := witnesses(&cfg)
	if err != nil {
		return nil, err
	}
	lock, err := alone(cfg.Dir)
	if err != nil {
		return nil, err
	}
	l := &Log{cfg: cfg, lock: lock, watched: watched, closing: make(chan struct{}), flight: map[short]*flight{}}
	if err = sweep(cfg.Dir); err == nil {
		l.known, err = recall(cfg.Dir, cfg.Roster)
	}
	if err == nil {
		err = l.start(group)
	}
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return l, nil
}

func or(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}

// alone locks the folder: what is known of duplicates holds for one process only.
func alone(dir string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Join(dir, ".state"), 0o755); err != nil { //nolint:gosec // the log is public
		return nil, fmt.Errorf("make the log's folder: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, ".state", "alone.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the log: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(city.Errorf(city.Conflict, "the log in %s is open in another process; only one may append", dir), lock.Close())
	}
	return lock, nil
}

func (l *Log) start(group tessera.WitnessGroup) error {
	quiet()
	driver, err := posix.New(context.Background(), posix.Config{Path: l.cfg.Dir, HTTPClient: l.watched.client})
	if err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	options := tessera.NewAppendOptions().
		WithCheckpointSigner(l.cfg.Signer).
		WithBatching(batchSize, l.cfg.Batch).
		WithCheckpointInterval(l.cfg.Publish).
		WithCheckpointRepublishInterval(max(l.cfg.Republish, l.cfg.Publish)).
		WithWitnesses(group, &tessera.WitnessOptions{Timeout: witnessTimeout})
	ctx, cancel := context.WithCancel(context.Background())
	l.appender, _, l.reader, err = tessera.NewAppender(ctx, driver, options)
	if err != nil {
		// The first start of a log publishes the empty one and fails without a quorum; its
		// folder is made then, and the second one goes on without.
		cancel()
		ctx, cancel = context.WithCancel(context.Background())
		if l.appender, _, l.reader, err = tessera.NewAppender(ctx, driver, options); err != nil {
			cancel()
			return fmt.Errorf("open the log: %w", err)
		}
	}
	l.cancel = cancel
	l.running.Go(l.tend)
	return nil
}

// Append puts an entry into the log. When it returns nil the entry is on disk at that
// index, for ever; it is public with a later checkpoint. The same entry again gives the
// same index. After an error the entry may or may not be in the log: append it again.
// Errors of kind Invalid say what is wrong with the entry, and that nothing was written.
func (l *Log) Append(ctx context.Context, e entry.Entry) (int64, error) {
	index, err := l.AppendAll(ctx, []entry.Entry{e})
	if err != nil {
		return 0, err
	}
	return index[0], nil
}

// AppendAll appends entries in their order, and waits for the disk once. If one is
// wrong, none is written.
func (l *Log) AppendAll(ctx context.Context, list []entry.Entry) ([]int64, error) {
	data := make([][]byte, len(list))
	for i, e := range list {
		var err error
		if data[i], err = l.accept(e); err != nil {
			return nil, err
		}
	}
	flights := make([]*flight, len(data))
	for i, d := range data {
		var err error
		if flights[i], err = l.add(d); err != nil {
			return nil, err
		}
	}
	indexes := make([]int64, len(data))
	for i, f := range flights {
		select {
		case <-f.done:
		case <-ctx.Done():
			return nil, city.Errorf(city.Unavailable, "the log's disk did not answer in time: %w; append it again", ctx.Err())
		}
		if f.err != nil {
			return nil, f.err
		}
		indexes[i] = f.index
	}
	return indexes, nil
}

// accept checks what enters the log: the form, that every name in it is registered, and
// whoever signed it.
func (l *Log) accept(e entry.Entry) ([]byte, error) {
	data, err := entry.Encode(e)
	if err != nil {
		return nil, err
	}
	for _, n := range entry.Names(e) {
		if err := l.registered(n); err != nil {
			return nil, city.Errorf(city.Invalid, "entry %s: %w", entry.TypeOf(e), err)
		}
	}
	if r, ok := e.(*entry.Roster); ok && !bytes.Equal(r.Roster, l.cfg.Roster.File()) {
		if _, err := l.cfg.Roster.Next(r.Roster); err != nil {
			return nil, city.Errorf(city.Invalid, "entry roster: %w", err)
		}
	}
	if s, ok := e.(entry.Signed); ok {
		if err := entry.Verify(s, &l.cfg.Roster.Roster); err != nil {
			return nil, err
		}
	}
	return data, nil
}

// registered says whether a name may stand in the log. What the roster lists is asked of
// it, the rest of whoever has the registers. The error does not repeat the name.
func (l *Log) registered(n entry.Named) error {
	r := &l.cfg.Roster.Roster
	switch n.Kind {
	case entry.Class:
		if _, ok := r.Class(n.Name); !ok {
			return city.Errorf(city.Invalid, "its class of retention is not in roster %d", r.Version)
		}
		return nil
	case entry.Owner:
		if roster.IsBody(n.Name) || r.IsOffice(n.Name) {
			return nil
		}
		return city.Errorf(city.Invalid, "its body is not in roster %d", r.Version)
	case entry.Device:
		return nil // its signature is checked against the roster
	}
	if l.cfg.Names == nil {
		return nil
	}
	if err := l.cfg.Names(n); err != nil {
		return city.Errorf(city.Invalid, "its %s is not registered", n.Kind)
	}
	return nil
}

// add hands bytes to the log, unless they are in it or on their way.
func (l *Log) add(data []byte) (*flight, error) {
	hash := tlog.RecordHash(data)
	key := short(hash[:16])
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, city.Errorf(city.Unavailable, "the log is closed")
	}
	if index, ok := l.known[key]; ok {
		f := &flight{done: make(chan struct{}), index: index}
		close(f.done)
		return f, nil
	}
	if f, ok := l.flight[key]; ok {
		return f, nil
	}
	f := &flight{done: make(chan struct{})}
	l.flight[key] = f
	future := l.appender.Add(context.Background(), tessera.NewEntry(data))
	l.running.Go(func() {
		index, err := future()
		l.landed(key, f, int64(index.Index), err) //nolint:gosec // indexes stay below 2^48
	})
	return f, nil
}

func (l *Log) landed(key short, f *flight, index int64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.flight, key)
	if l.failure = err; err != nil {
		f.err = city.Errorf(city.Unavailable, "the log could not write the entry: %w; nothing is lost, append it again once the disk is well", err)
	} else {
		f.index = index
		l.known[key] = index
	}
	close(f.done)
}

// Close waits for what is being written and closes the log. What was acknowledged is on
// disk; what is not public yet is published when the log is opened again.
func (l *Log) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	waiting := make([]*flight, 0, len(l.flight))
	for _, f := range l.flight {
		waiting = append(waiting, f)
	}
	l.mu.Unlock()
	for _, f := range waiting {
		<-f.done
	}
	close(l.closing)
	l.cancel()
	l.running.Wait()
	return l.lock.Close()
}
