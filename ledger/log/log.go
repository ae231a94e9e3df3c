package log

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/transparency-dev/tessera"
	"golang.org/x/mod/sumdb/note"

	"polity/city"
	"polity/ledger/checkpoint"
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
	cfg     Config
	folder  *folder
	watched *watched
	sign    func(ctx context.Context, size uint64, root []byte) ([]byte, error) // by the log and a quorum
	cancel  context.CancelFunc
	closing chan struct{}
	queued  chan struct{} // something is in the queue
	grown   chan struct{} // something was written
	running sync.WaitGroup
	size    atomic.Int64 // entries on disk
	shown   atomic.Int64 // a size that is public

	public int64     // size of the newest checkpoint; of the one who publishes
	last   time.Time // when that was, by this machine; of the same

	mu      sync.Mutex
	closed  bool
	known   map[short]int64 // leaf hash, shortened, to index
	sure    bool            // what is known is on the disk
	flights map[short]*flight
	queue   []*flight
	away    error                  // why the folder cannot be used; nil if it can
	failure error                  // of what was written last, nil if it went well
	seen    *checkpoint.Checkpoint // the newest public one that was read
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
	cfg.Batch, cfg.Publish = or(cfg.Batch, gather), or(cfg.Publish, publish)
	cfg.Republish = max(or(cfg.Republish, republish), cfg.Publish)
	if cfg.Signer == nil || cfg.Signer.Name() != cfg.Roster.Log.Origin {
		return nil, city.Errorf(city.Invalid, "the log's private key is not that of %s in the roster", cfg.Roster.Log.Origin)
	}
	watched, group, err := witnesses(&cfg)
	if err != nil {
		return nil, err
	}
	l := &Log{cfg: cfg, watched: watched, closing: make(chan struct{}), queued: make(chan struct{}, 1), grown: make(chan struct{}, 1), flights: map[short]*flight{}}
	if err := makeFolder(cfg.Dir); err != nil {
		return nil, city.Errorf(city.Unavailable, "make the log's folder: %w", err)
	}
	f, known, err := openFolder(cfg.Dir, cfg.Roster, mounted)
	if err != nil {
		return nil, err
	}
	l.take(f, known)
	l.start(group)
	return l, nil
}

// take begins with a folder and what it holds.
func (l *Log) take(f *folder, known map[short]int64) {
	l.folder, l.known, l.sure = f, known, f.settled
	l.size.Store(f.tree.size())
	if c, err := own(l.cfg.Dir, l.cfg.Roster); err == nil {
		l.public = c.Size
	}
}

func or(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}

func (l *Log) start(group tessera.WitnessGroup) {
	quiet()
	options := tessera.NewAppendOptions().
		WithCheckpointSigner(l.cfg.Signer).
		WithWitnesses(group, &tessera.WitnessOptions{Timeout: witnessTimeout})
	l.sign = options.CheckpointPublisher(reader{l}, l.watched.client)
	var ctx context.Context
	ctx, l.cancel = context.WithCancel(context.Background())
	l.running.Go(l.writeAll)
	l.running.Go(func() { l.publishAll(ctx) })
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

// Close waits for what is being written and closes the log. What was acknowledged is on
// disk; what is not public yet is published when the log is opened again.
func (l *Log) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	l.mu.Unlock()
	close(l.closing)
	l.cancel()
	l.running.Wait()
	// Closing is not enough: a program that is just being started holds a copy of the descriptor,
	// and the lock with it, until it runs.
	return errors.Join(syscall.Flock(int(l.folder.lock.Fd()), syscall.LOCK_UN), l.folder.lock.Close())
}
