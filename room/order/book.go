package order

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base32"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"polity/access"
	"polity/city"
)

// Config is what Open needs.
type Config struct {
	Path    string // of the SQLite file
	Decider access.Decider
	Roster  Roster           // nil: there is nobody to give orders to
	Now     func() time.Time // nil: time.Now
	Log     *slog.Logger     // nil: nothing is logged
	// How long photos and orders are kept behind the end of an order; 0: 30 days, a year.
	KeepPhotos, KeepOrders time.Duration
	Open                   int           // the most orders that are not at their end; 0: 10,000
	Shift                  time.Duration // the longest that a crew's position is held; 0: 12 h
}

// Book is the book of work orders. It is safe for concurrent use. What a method
// acknowledged is on disk.
type Book struct {
	cfg       Config
	file      *file
	now       func() time.Time
	log       *slog.Logger
	positions *Positions
	encoding  chan struct{} // photos that are being decoded at once

	mu      sync.Mutex
	changed chan struct{} // closed at the next change
}

// keepKeys is how long a request is known as one that was done.
const keepKeys = 30 * 24 * time.Hour

// Open opens the book, makes it if it is not there, and brings it up to date. One that
// a later version of Polity wrote is refused.
func Open(ctx context.Context, cfg Config) (*Book, error) {
	if cfg.Decider == nil {
		return nil, city.Errorf(city.Invalid, "the book of orders needs a Decider")
	}
	for what, d := range map[*time.Duration]time.Duration{&cfg.KeepPhotos: 30 * 24 * time.Hour, &cfg.KeepOrders: 365 * 24 * time.Hour, &cfg.Shift: 12 * time.Hour} {
		if *what == 0 {
			*what = d
		}
		if *what < 0 {
			return nil, city.Errorf(city.Invalid, "orders: a time to keep things may not be negative")
		}
	}
	if cfg.Open == 0 {
		cfg.Open = 10_000
	}
	b := &Book{cfg: cfg, now: cfg.Now, log: cfg.Log, encoding: make(chan struct{}, 2), changed: make(chan struct{})}
	if b.now == nil {
		b.now = time.Now
	}
	if b.log == nil {
		b.log = slog.New(slog.DiscardHandler)
	}
	b.positions = &Positions{now: b.now, shift: cfg.Shift, held: map[string]*position{}}
	var err error
	b.file, err = openFile(ctx, cfg.Path)
	return b, err
}

// Close closes the file and forgets every position.
func (b *Book) Close() error {
	b.positions.clear()
	return b.file.close()
}

// Asker is who asks, and how.
type Asker struct {
	Who access.Who
	At  access.Circumstances
}

func (b *Book) allows(by Asker, do access.Action, desk city.Slug) access.Decision {
	return b.cfg.Decider.Decide(by.Who, do, access.Service(desk), by.At)
}

func (b *Book) may(by Asker, do access.Action, desk city.Slug) bool {
	return b.allows(by, do, desk).Allowed
}

func (b *Book) crewsOf(who access.Who) []city.Slug {
	if b.cfg.Roster == nil {
		return nil
	}
	return b.cfg.Roster.CrewsOf(who)
}

// own reports whether an order was given to the one who asks, who may do orders.
func (b *Book) own(by Asker, o *Order) bool {
	if by.Who.ID == "" || o.State == Draft || !b.may(by, access.DoOrder, o.Desk) {
		return false
	}
	if o.Assigned.Person != "" {
		return o.Assigned.Person == by.Who.ID
	}
	return slices.Contains(b.crewsOf(by.Who), o.Assigned.Crew)
}

// seesAll reports whether the one who asks sees all orders of a desk. A crew has
// see-orders too, for its own: whoever does a desk's orders and gives none is one.
func (b *Book) seesAll(by Asker, desk city.Slug) bool {
	return b.may(by, access.SeeOrders, desk) && (b.may(by, access.GiveOrder, desk) || !b.may(by, access.DoOrder, desk))
}

func (b *Book) sees(by Asker, o *Order) bool { return b.seesAll(by, o.Desk) || b.own(by, o) }

// unknown is the answer for what does not exist and for what is not for the one who
// asks: nobody learns which.
func unknown() error {
	return city.Errorf(city.NotFound, "there is no such work order for you")
}

func newID(prefix string) string {
	var b [10]byte
	_, _ = rand.Read(b[:]) // never fails
	return prefix + strings.ToLower(base32.StdEncoding.EncodeToString(b[:]))
}

// request is one change that a client asks for.
type request struct {
	by     Asker
	key    string
	digest [sha256.Size]byte
}

func newRequest(by Asker, key string, parts ...any) (request, error) {
	r := request{by: by, key: key}
	if by.Who.ID == "" {
		return r, city.Errorf(city.Forbidden, "sign in to change work orders")
	}
	if err := checkRequestKey(key); err != nil {
		return r, err
	}
	text, err := digestable(parts...)
	if err != nil {
		return r, err
	}
	r.digest = sha256.Sum256(text)
	return r, nil
}

// inOne runs a transaction, and commits it if do has no error.
func (b *Book) inOne(ctx context.Context, do func(tx *sql.Tx) error) error {
	tx, err := b.file.write.BeginTx(ctx, nil)
	if err != nil {
		return kindOf(err)
	}
	if err := do(tx); err != nil {
		if failed := tx.Rollback(); failed != nil && !errors.Is(failed, sql.ErrTxDone) {
			err = errors.Join(err, failed)
		}
		return kindOf(err)
	}
	err = tx.Commit()
	b.mu.Lock()
	close(b.changed)
	b.changed = make(chan struct{})
	b.mu.Unlock()
	return kindOf(err)
}

// repeated returns the order that the request made or changed earlier, or nil.
func (b *Book) repeated(ctx context.Context, tx *sql.Tx, r *request) (*Order, error) {
	var digest []byte
	var number int64
	err := tx.QueryRowContext(ctx, "SELECT digest, number FROM request WHERE who = ? AND key = ?", r.by.Who.ID, r.key).Scan(&digest, &number)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(digest, r.digest[:]) {
		return nil, city.Errorf(city.Conflict, "this key was used for another change: make a new one for each change")
	}
	o, err := byNumber(ctx, tx, number)
	if err == nil && !b.sees(r.by, o) {
		o = &Order{ID: o.ID, Number: o.Number} // it was done, and is somebody else's by now
	}
	return o, err
}

func (r *request) note(ctx context.Context, tx *sql.Tx, number int64, at time.Time) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO request (who, key, digest, number, at) VALUES (?, ?, ?, ?, ?)", r.by.Who.ID, r.key, r.digest[:], number, at.Unix())
	return err
}

// change changes one order that the one who asks may see, once. What edit adds to the
// timeline is kept with it.
func (b *Book) change(ctx context.Context, r request, id string, edit func(tx *sql.Tx, o *Order, now time.Time) error) (Order, error) {
	var result *Order
	err := b.inOne(ctx, func(tx *sql.Tx) error {
		done, err := b.repeated(ctx, tx, &r)
		if err != nil || done != nil {
			result = done
			return err
		}
		o, err := byID(ctx, tx, id)
		if err != nil {
			return err
		}
		if o == nil || !b.sees(r.by, o) {
			return unknown()
		}
		now, had := b.now().UTC().Truncate(time.Second), len(o.Timeline)
		if err := edit(tx, o, now); err != nil {
			return err
		}
		if len(o.Timeline) > entriesMax {
			return city.Errorf(city.TooLarge, "the order's timeline is full (%d entries): make a new order", entriesMax)
		}
		o.Revision++
		o.Changed = now
		result = o
		return errors.Join(updateOrder(ctx, tx, o), insertEntries(ctx, tx, o, had), r.note(ctx, tx, o.Number, now))
	})
	if err != nil {
		return Order{}, err
	}
	if result.State != OnTheWay {
		b.positions.drop(result.ID)
	}
	return *result, nil
}

func (b *Book) entry(by Asker, what string, now time.Time) Entry {
	return Entry{At: now, Who: by.Who.ID, Name: nameOf(by.Who), What: what}
}

func nameOf(w access.Who) string {
	if w.Name != "" {
		return w.Name
	}
	return w.ID
}
