package delivery

import (
	"context"
	"database/sql"
	_ "embed" // schema.sql
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"polity/city"
	"polity/internal/groupcommit"
	"polity/internal/sqlitefile"
)

//go:embed schema.sql
var schema string

// applicationID marks the file as one of this package (PRAGMA application_id), form is
// its form (PRAGMA user_version).
const (
	applicationID = 0x506c794e // "PlyN"
	form          = 1
)

// Queue is all receivers' notifications. It is safe for concurrent use.
type Queue struct {
	cfg    Config
	limits Limits
	log    *slog.Logger
	now    func() time.Time

	write *sql.DB // one connection
	conn  *sql.Conn
	read  *sql.DB
	stmts statements

	commits *groupcommit.Queue[*op]

	sending    context.Context // ends when nothing more is to be sent
	stop       context.CancelFunc
	attempts   context.Context // ends a moment later
	give       context.CancelFunc
	senders    sync.WaitGroup
	fast, slow chan struct{}

	mu        sync.Mutex
	receivers map[Receiver]*receiver
	touched   []*receiver // whose rows are behind
	bytes     int64       // of all that is kept
	counts    Counts
	closed    bool
}

// receiver is one of them, and what is known of its queue. Its fields are under
// Queue.mu.
type receiver struct {
	Receiver
	r       int64 // its row; 0: none yet
	state   State
	dirty   bool          // the row is behind
	running bool          // a goroutine sends
	more    bool          // something was added since that last looked
	rewind  bool          // letters were put back before what was sent
	flight  int64         // the note under way; 0: none
	slow    bool          // it was lately
	next    time.Time     // not before
	hurries int           // how often a pause was ended
	told    time.Time     // when the log last heard of its dead letters
	wake    chan struct{} // ends a pause
}

// Open opens the file and begins to send what it holds.
func Open(ctx context.Context, cfg Config) (*Queue, error) {
	if err := cfg.Limits.Check(); err != nil {
		return nil, err
	}
	q := &Queue{
		cfg: cfg, limits: cfg.Limits.withDefaults(), log: cfg.Log, now: cfg.Now,
		fast: make(chan struct{}, fastLane), slow: make(chan struct{}, slowLane), receivers: map[Receiver]*receiver{},
	}
	if q.log == nil {
		q.log = slog.New(slog.DiscardHandler)
	}
	if q.now == nil {
		q.now = time.Now
	}
	if q.cfg.Command == "" {
		q.cfg.Command = "polity notifications"
	}
	q.attempts, q.give = context.WithCancel(context.WithoutCancel(ctx))
	q.sending, q.stop = context.WithCancel(q.attempts)
	if err := q.open(ctx); err != nil {
		q.give()
		return nil, fmt.Errorf("open the notifications in %s: %w", cfg.Path, errors.Join(err, q.shut()))
	}
	q.commits = groupcommit.New(q.commit, func(error) bool { return true })
	q.senders.Go(q.sweep)
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, x := range q.receivers {
		if x.state.Waiting > 0 {
			q.begin(x)
		}
	}
	return q, nil
}

// FULL with a write-ahead log syncs every commit: what Put acknowledged survives a loss
// of power.
func (q *Queue) open(ctx context.Context) error {
	if err := sqlitefile.Private(q.cfg.Path); err != nil {
		return err
	}
	var err error
	if q.write, err = sql.Open("sqlite", sqlitefile.Address(q.cfg.Path, "rw", "journal_mode(WAL)", "synchronous(FULL)", "busy_timeout(10000)", "journal_size_limit(16777216)")); err != nil {
		return err
	}
	q.write.SetMaxOpenConns(1)
	if q.conn, err = q.write.Conn(ctx); err != nil {
		return err
	}
	if err := q.form(ctx); err != nil {
		return err
	}
	if q.read, err = sql.Open("sqlite", sqlitefile.Address(q.cfg.Path, "ro", "query_only(ON)", "busy_timeout(10000)")); err != nil {
		return err
	}
	q.read.SetMaxOpenConns(4)
	q.read.SetMaxIdleConns(4)
	if err := q.prepare(ctx); err != nil {
		return err
	}
	return q.load(ctx)
}

// form makes the tables, or checks that they are this package's.
func (q *Queue) form(ctx context.Context) error {
	f, err := sqlitefile.ReadForm(ctx, q.conn)
	switch {
	case err != nil:
		return err
	case f.Version == form && f.Application == applicationID:
		return nil
	case f.Version > form && f.Application == applicationID:
		return city.Errorf(city.Conflict, "a newer Polity wrote this file (its form is %d, this program knows %d): update Polity", f.Version, form)
	case f.Tables > 0:
		return city.Errorf(city.Conflict, "this is an SQLite file, but not one of notifications")
	}
	_, err = q.conn.ExecContext(ctx, fmt.Sprintf("BEGIN IMMEDIATE; %s; PRAGMA user_version = %d; PRAGMA application_id = %d; COMMIT", schema, form, applicationID))
	return err
}

// load reads what is known of the receivers, in place of what was.
func (q *Queue) load(ctx context.Context) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	rows, err := q.conn.QueryContext(ctx, `SELECT r, tenant, id, sent, failed, last, success, failure, reason, in_row, dropped,
		(SELECT count(*) FROM waiting w WHERE w.r = receiver.r), (SELECT coalesce(sum(length(body)), 0) FROM waiting w WHERE w.r = receiver.r),
		(SELECT count(*) FROM dead d WHERE d.r = receiver.r), (SELECT coalesce(sum(length(body)), 0) FROM dead d WHERE d.r = receiver.r) FROM receiver`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for _, x := range q.receivers {
		x.r, x.state, x.dirty = 0, State{}, false
	}
	q.touched, q.bytes = nil, 0
	for rows.Next() {
		var key Receiver
		var r, last, success, failure int64
		var s State
		if err := rows.Scan(&r, &key.Tenant, &key.ID, &s.Sent, &s.Failed, &last, &success, &failure, &s.Reason, &s.InRow, &s.Dropped,
			&s.Waiting, &s.WaitingBytes, &s.Dead, &s.DeadBytes); err != nil {
			return err
		}
		s.Last, s.Success, s.Failure = instant(last), instant(success), instant(failure)
		x := q.receiver(key)
		x.r, x.state = r, s
		q.bytes += s.WaitingBytes + s.DeadBytes
	}
	return rows.Err()
}

// receiver finds one, or makes it. The caller holds mu.
func (q *Queue) receiver(key Receiver) *receiver {
	x := q.receivers[key]
	if x == nil {
		x = &receiver{Receiver: key, wake: make(chan struct{}, 1)}
		q.receivers[key] = x
	}
	return x
}

func instant(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// grace is what attempts under way have at the end: a receiver that has just taken a
// notification would get it again.
const grace = 5 * time.Second

// Close ends sending; what waits is sent after the next Open.
func (q *Queue) Close() error {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.stop()
	end := time.AfterFunc(grace, q.give)
	q.senders.Wait()
	end.Stop()
	q.give()
	q.commits.Close()
	return q.shut()
}

func (q *Queue) shut() error {
	var errs []error
	if q.read != nil {
		errs = append(errs, q.read.Close())
	}
	if q.conn != nil {
		errs = append(errs, q.stmts.close())
		if err := q.conn.Close(); err != nil && !errors.Is(err, sql.ErrConnDone) {
			errs = append(errs, err)
		}
	}
	if q.write != nil {
		errs = append(errs, q.write.Close())
	}
	return errors.Join(errs...)
}
