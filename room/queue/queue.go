// Package queue keeps the alerts of the control room and serves them: what sources raise,
// what people do about it, lists, and a feed of changes (docs/formats/alerts.md). Every
// change is on disk before anybody is told of it.
package queue

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"polity/access"
	"polity/city"
	"polity/internal/bell"
	"polity/room/alert"
	"polity/room/store"
	"polity/room/verdict"
)

// Config is what Open needs besides the folder.
type Config struct {
	Kinds   alert.Kinds    // nil: alert.Shipped
	Decider access.Decider // who may see and handle which desk; needed
	// Keep is how long closed alerts are kept; 0: DefaultKeep. Then counts by day stay.
	Keep time.Duration
	// Words puts a title into words, for the search; nil: its key and values.
	Words func(alert.Title) string
	// Name is what colleagues call the person of an ID; nil, or "": the ID stands there.
	Name func(id string) string
	// MayHandle says whether alerts of a desk can be assigned to the person of an ID; nil:
	// nobody is asked.
	MayHandle func(ctx context.Context, id string, desk city.Slug) error
	// Behind is how many changes a reader may be behind before it has to fetch the list
	// again; 0: DefaultBehind.
	Behind int
	Log    *slog.Logger
	Now    func() time.Time
}

// DefaultKeep is how long closed alerts are kept where nothing else is said.
const DefaultKeep = 90 * 24 * time.Hour

// DefaultBehind is how many changes a reader may be behind where nothing else is said.
const DefaultBehind = 20_000

// Queue is the alerts. Its methods may be called by any goroutine.
type Queue struct {
	db   *store.DB
	cfg  Config
	bell bell.Bell

	// The writer's own.
	sequence uint64

	mu    sync.RWMutex
	open  map[alert.Key]*held
	log   []*held // alerts that changed, by sequence, each once: older states are nil
	at    map[alert.Key]int
	base  int    // index in log of log[0], counted since the start
	floor uint64 // all changes behind it are in log
	last  uint64 // sequence of the newest change
	quiet map[verdict.Place]time.Time

	dirty map[city.Slug]bool // kinds with new verdicts
	wake  time.Time          // no snoozed alert wakes before; zero: that is not known

	counts Counts
	settle chan struct{} // something is to be settled (keep.go)
}

// held is an alert as it is now, ready to be sent and searched.
type held struct {
	alert *alert.Alert
	body  []byte // JSON
	text  string // lower case
}

// Counts is what happened since the start.
type Counts struct {
	Raised, Changed, Refused, Operations, Conflicts, Repeated uint64
	Open, Quiet                                               int // now
	Readers                                                   int // of the feed, now
}

// Open opens room.db in a folder. Run must follow.
func Open(ctx context.Context, folder string, cfg Config) (*Queue, error) {
	if cfg.Decider == nil {
		return nil, city.Errorf(city.Internal, "the queue of alerts needs a Decider")
	}
	if cfg.Kinds == nil {
		cfg.Kinds = alert.Shipped()
	}
	if cfg.Keep == 0 {
		cfg.Keep = DefaultKeep
	}
	if cfg.Behind == 0 {
		cfg.Behind = DefaultBehind
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Words == nil {
		cfg.Words = plainWords
	}
	db, err := store.Open(ctx, filepath.Join(folder, store.File))
	if err != nil {
		return nil, err
	}
	q := &Queue{db: db, cfg: cfg, open: map[alert.Key]*held{}, at: map[alert.Key]int{}, quiet: map[verdict.Place]time.Time{}, dirty: map[city.Slug]bool{}, settle: make(chan struct{}, 1)}
	if err := q.load(ctx); err != nil {
		return nil, fmt.Errorf("read the alerts: %w", joinClose(store.Kind(err), db))
	}
	return q, nil
}

func joinClose(err error, db *store.DB) error {
	if closing := db.Close(); closing != nil {
		return fmt.Errorf("%w; and %w", err, closing)
	}
	return err
}

// Close ends the writer and closes the file.
func (q *Queue) Close() error {
	defer q.bell.Ring() // readers of the feed end
	return q.db.Close()
}

// DB is the file, which incidents and handovers share.
func (q *Queue) DB() *store.DB { return q.db }

// Kinds are those that apply.
func (q *Queue) Kinds() alert.Kinds { return q.cfg.Kinds }

func plainWords(t alert.Title) string {
	words := []string{t.Text}
	for _, v := range t.Values {
		if v.Number != nil {
			words = append(words, fmt.Sprint(*v.Number))
		} else {
			words = append(words, string(v.Word))
		}
	}
	return strings.Join(words, " ")
}

func (q *Queue) hold(a *alert.Alert, body []byte) *held {
	return &held{a, body, strings.ToLower(strings.Join([]string{q.cfg.Words(a.Title), string(a.Kind), string(a.Key), string(a.Camera), string(a.Zone), string(a.Asset)}, " "))}
}

// load reads what is open, and the newest changes.
func (q *Queue) load(ctx context.Context) error {
	var floor, highest uint64
	if err := q.db.Read().QueryRowContext(ctx, "SELECT coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'floor'), 0), coalesce((SELECT max(seq) FROM alert), 0)").Scan(&floor, &highest); err != nil {
		return err
	}
	q.sequence = max(floor, highest)
	q.last, q.floor = q.sequence, floor
	var from uint64
	if err := q.db.Read().QueryRowContext(ctx, "SELECT coalesce((SELECT seq FROM alert ORDER BY seq DESC LIMIT 1 OFFSET ?), 0)", q.cfg.Behind).Scan(&from); err != nil {
		return err
	}
	q.floor = max(q.floor, from)
	rows, err := q.db.Read().QueryContext(ctx, "SELECT body FROM alert WHERE closed = 0 OR seq > ? ORDER BY seq", q.floor)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var body []byte
		if err := rows.Scan(&body); err != nil {
			return err
		}
		a, err := read(body)
		if err != nil {
			return err
		}
		q.place(q.hold(a, body))
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return q.loadQuiet(ctx)
}

func read(body []byte) (*alert.Alert, error) {
	a := new(alert.Alert)
	if err := json.Unmarshal(body, a); err != nil {
		return nil, fmt.Errorf("an alert as stored: %w", err)
	}
	return a, nil
}

// place puts an alert that changed where readers find it. The caller holds mu.
func (q *Queue) place(h *held) {
	key := h.alert.Key
	if h.alert.Open() {
		q.open[key] = h
		if h.alert.State == alert.Snoozed && h.alert.Until.Before(q.wake) {
			q.wake = h.alert.Until
		}
	} else {
		delete(q.open, key)
	}
	if h.alert.Sequence <= q.floor {
		return
	}
	if i, there := q.at[key]; there {
		q.log[i-q.base] = nil
	}
	q.at[key] = q.base + len(q.log)
	q.log = append(q.log, h)
	q.last = max(q.last, h.alert.Sequence)
	if len(q.log) > 2*q.cfg.Behind {
		q.shorten()
	}
}

// shorten forgets the oldest changes and those that were overtaken.
func (q *Queue) shorten() {
	rest := make([]*held, 0, 2*q.cfg.Behind)
	for _, h := range q.log {
		if h != nil {
			rest = append(rest, h)
		}
	}
	if over := len(rest) - q.cfg.Behind; over > 0 {
		for _, h := range rest[:over] {
			delete(q.at, h.alert.Key)
			q.floor = h.alert.Sequence
		}
		rest = rest[over:]
	}
	q.base, q.log = 0, rest
	for i, h := range rest {
		q.at[h.alert.Key] = i
	}
}

// Counts returns what happened since the start.
func (q *Queue) Counts() Counts {
	q.mu.RLock()
	defer q.mu.RUnlock()
	c := q.counts
	c.Open = len(q.open)
	for _, h := range q.open {
		if h.alert.Quiet {
			c.Quiet++
		}
	}
	return c
}

func (q *Queue) count(f func(*Counts)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	f(&q.counts)
}

// Desks are those whose alerts somebody may see.
func (q *Queue) Desks(who access.Who) []city.Slug {
	var out []city.Slug
	for _, d := range access.Desks() {
		if q.may(who, access.SeeAlerts, d).Allowed {
			out = append(out, d)
		}
	}
	return out
}

func (q *Queue) may(who access.Who, do access.Action, desk city.Slug) access.Decision {
	return q.cfg.Decider.Decide(who, do, access.Service(desk), access.Circumstances{})
}

// forbidden says which right is missing.
func forbidden(d access.Decision) error {
	why := d.Why
	if why == "" {
		why = "the policies do not allow it"
	}
	return city.Errorf(city.Forbidden, "%s", why)
}
