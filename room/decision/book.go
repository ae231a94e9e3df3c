package decision

import (
	"context"
	"crypto/rand"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"polity/access"
	"polity/city"
	"polity/internal/bell"
	"polity/internal/sqlitefile"
	"polity/service"
)

//go:embed migrations/*.sql
var migrations embed.FS

// applicationID marks the file as a book of decisions (PRAGMA application_id).
const applicationID = 0x506c7944 // "PlyD"

// Config is what Open needs.
type Config struct {
	Path    string // of the SQLite file
	Decider access.Decider
	Now     func() time.Time // nil: time.Now
	Open    int              // the most open decisions of a service; 0: 1,000
	Keep    time.Duration    // how long closed ones are kept; 0: a year
}

// Book is the book of decisions. It is safe for concurrent use. What a method
// acknowledged is on disk.
type Book struct {
	cfg         Config
	write, read *sql.DB

	mu    sync.Mutex
	bells map[city.Slug]*bell.Bell // by service; "" for all
}

// Decision is one as it stands.
type Decision struct {
	service.Proposal
	Number   int64
	Revision int64
	State    State
	Made     time.Time
	Closed   time.Time // zero: it is open
	Steps    []Step    // the oldest first
}

// Step is what happened to a decision.
type Step struct {
	At     time.Time
	State  State
	Person string // id of the account; empty: a program
	Name   string // of the person or the service
	Note   string
}

// Asker is who asks, and how.
type Asker struct {
	Who access.Who
	At  access.Circumstances
}

var (
	writePragmas = []string{"journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(ON)", "busy_timeout(10000)", "secure_delete(ON)", "journal_size_limit(0)", "temp_store(MEMORY)"}
	readPragmas  = []string{"query_only(ON)", "busy_timeout(10000)", "temp_store(MEMORY)"}
)

// Open opens the book, makes it if it is not there, and brings it up to date. One that
// a later version of Polity wrote is refused.
func Open(ctx context.Context, cfg Config) (*Book, error) {
	if cfg.Decider == nil {
		return nil, city.Errorf(city.Invalid, "the book of decisions needs a Decider")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Open == 0 {
		cfg.Open = 1000
	}
	if cfg.Keep == 0 {
		cfg.Keep = 365 * 24 * time.Hour
	}
	b := &Book{cfg: cfg, bells: map[city.Slug]*bell.Bell{}}
	if err := b.open(ctx); err != nil {
		return nil, fmt.Errorf("open the book of decisions in %s: %w", cfg.Path, kind(errors.Join(err, b.Close())))
	}
	return b, nil
}

func (b *Book) open(ctx context.Context) (err error) {
	if err = sqlitefile.Private(b.cfg.Path); err != nil {
		return err
	}
	if b.write, err = sql.Open("sqlite", sqlitefile.Address(b.cfg.Path, "rw", writePragmas...)); err != nil {
		return err
	}
	b.write.SetMaxOpenConns(1)
	conn, err := b.write.Conn(ctx)
	if err != nil {
		return err
	}
	err = sqlitefile.Migrate(ctx, conn, migrations, applicationID, "this is an SQLite file, but no book of decisions")
	if err = errors.Join(err, conn.Close()); err != nil {
		return err
	}
	if b.read, err = sql.Open("sqlite", sqlitefile.Address(b.cfg.Path, "ro", readPragmas...)); err != nil {
		return err
	}
	b.read.SetMaxOpenConns(4)
	return b.read.PingContext(ctx)
}

// Close closes the file.
func (b *Book) Close() error {
	var errs []error
	for _, db := range []*sql.DB{b.read, b.write} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

func kind(err error) error {
	return sqlitefile.Kind(err, sqlitefile.Words{
		Full: "the disk is full, nothing of the change was kept: make room", Busy: "another program holds the book of decisions: try again",
		Failing: "the disk or machine fails", Damaged: "the book of decisions is damaged or no database: restore it from a backup",
	})
}

// in runs a change in one transaction and wakes who waits for one of a service.
func (b *Book) in(ctx context.Context, of city.Slug, change func(tx *sql.Tx) (changed bool, err error)) error {
	tx, err := b.write.BeginTx(ctx, nil)
	if err != nil {
		return kind(err)
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to roll back
	changed, err := change(tx)
	if err != nil || !changed {
		return kind(err)
	}
	if err := tx.Commit(); err != nil {
		return kind(err)
	}
	b.ring(of)
	return nil
}

func (b *Book) ring(of city.Slug) {
	b.bell(of).Ring()
	b.bell("").Ring()
}

// Changed is closed at the next change of a decision of a service; "": of any.
func (b *Book) Changed(of city.Slug) <-chan struct{} { return b.bell(of).Wait() }

func (b *Book) bell(of city.Slug) *bell.Bell {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.bells[of] == nil {
		b.bells[of] = &bell.Bell{}
	}
	return b.bells[of]
}

func (b *Book) propose(ctx context.Context, name city.Slug, p service.Proposal) error {
	p.At, p.Until = p.At.UTC(), p.Until.UTC()
	if err := p.Check(); err != nil {
		return err
	}
	if p.Service != name {
		return city.Errorf(city.Forbidden, "decision %s: %s proposes for itself alone, not for %s", p.ID, name, p.Service)
	}
	now := b.now()
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return b.in(ctx, name, func(tx *sql.Tx) (bool, error) {
		var had string
		switch err := tx.QueryRowContext(ctx, "SELECT proposal FROM decision WHERE service = ? AND id = ?", name, p.ID).Scan(&had); {
		case err == nil:
			return false, same(had, &p)
		case !errors.Is(err, sql.ErrNoRows):
			return false, err
		}
		if !p.Until.After(now) {
			return false, city.Errorf(city.Invalid, "decision %s: its time is over already", p.ID)
		}
		var open int
		if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM decision WHERE service = ? AND closed IS NULL", name).Scan(&open); err != nil {
			return false, err
		}
		if open >= b.cfg.Open {
			return false, city.Errorf(city.Unavailable, "%s has %d open decisions: people answer or the service withdraws some first", name, open)
		}
		r, err := tx.ExecContext(ctx, "INSERT INTO decision (id, service, revision, state, level, proposal, until, made) VALUES (?, ?, 1, ?, ?, ?, ?, ?)",
			p.ID, name, Proposed, p.Level, string(text), p.Until.UnixMilli(), now.UnixMilli())
		if err != nil {
			return false, err
		}
		d := &Decision{Proposal: p, Revision: 1, State: Proposed}
		if d.Number, err = r.LastInsertId(); err != nil {
			return false, err
		}
		if err := note(ctx, tx, d.Number, Step{At: now, State: Proposed, Name: string(name)}); err != nil || p.Level != service.Bounded {
			return true, err
		}
		return true, b.step(ctx, tx, d, Step{At: now, State: Accepted, Name: string(name), Note: "inside its registered limits"})
	})
}

// same reports another decision under an id that is taken.
func same(had string, p *service.Proposal) error {
	var old service.Proposal
	if err := json.Unmarshal([]byte(had), &old); err != nil {
		return fmt.Errorf("decision %s in the book: %w", p.ID, err)
	}
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	var again service.Proposal
	if err := json.Unmarshal(text, &again); err != nil {
		return err
	}
	if !reflect.DeepEqual(old, again) {
		return city.Errorf(city.Conflict, "decision %s is in the book with another content: a new decision needs a new id", p.ID)
	}
	return nil
}

// step moves a decision on, in a transaction.
func (b *Book) step(ctx context.Context, tx *sql.Tx, d *Decision, s Step) error {
	if !d.State.may(s.State) {
		return city.Errorf(city.Conflict, "decision %s is %s: it cannot become %s", d.ID, d.State, s.State)
	}
	d.State = s.State
	d.Revision++
	var closed any
	if !d.State.Open() || (d.State == Accepted && d.Level == service.Advice) {
		closed = s.At.UnixMilli()
	}
	if _, err := tx.ExecContext(ctx, "UPDATE decision SET revision = ?, state = ?, closed = ? WHERE number = ?", d.Revision, d.State, closed, d.Number); err != nil {
		return err
	}
	return note(ctx, tx, d.Number, s)
}

func note(ctx context.Context, tx *sql.Tx, number int64, s Step) error {
	salt := make([]byte, 32)
	_, _ = rand.Read(salt) // never fails
	_, err := tx.ExecContext(ctx, "INSERT INTO step (number, at, state, person, name, note, salt) VALUES (?, ?, ?, ?, ?, ?, ?)",
		number, s.At.UnixMilli(), s.State, s.Person, s.Name, s.Note, salt)
	return err
}

func (b *Book) now() time.Time { return b.cfg.Now().UTC().Truncate(time.Millisecond) }

// Answer is what a person says to a decision.
type Answer struct {
	Service  city.Slug
	ID       string
	Revision int64 // that they saw
	To       State // Accepted, Refused, Overridden
	Note     string
}

const noteMax = 500

// Answer takes a person's answer. Whoever may not decide for the service is Forbidden;
// if the decision changed since the revision, or is over, Conflict.
func (b *Book) Answer(ctx context.Context, by Asker, a Answer) (*Decision, error) {
	switch {
	case a.To != Accepted && a.To != Refused && a.To != Overridden:
		return nil, city.Errorf(city.Invalid, "an answer is %s, %s or %s", Accepted, Refused, Overridden)
	case utf8.RuneCountInString(a.Note) > noteMax || !utf8.ValidString(a.Note) || strings.ContainsFunc(a.Note, func(r rune) bool { return unicode.IsControl(r) && r != '\n' }):
		return nil, city.Errorf(city.Invalid, "a note is text of at most %d characters", noteMax)
	case a.To == Overridden && strings.TrimSpace(a.Note) == "":
		return nil, city.Errorf(city.Invalid, "say why it is to be undone")
	}
	if d := b.cfg.Decider.Decide(by.Who, access.Decide, access.Service(a.Service), by.At); !d.Allowed {
		return nil, city.Errorf(city.Forbidden, "%s", orElse(d.Why, "you have no right to decide for this service"))
	}
	now := b.now()
	var d *Decision
	err := b.in(ctx, a.Service, func(tx *sql.Tx) (_ bool, err error) {
		if d, err = load(ctx, tx, a.Service, a.ID); err != nil {
			return false, err
		}
		switch {
		case d.Revision != a.Revision:
			return false, city.Errorf(city.Conflict, "the decision changed meanwhile, it is %s: look at it as it is now", d.State)
		case a.To == Accepted && !d.Until.After(now):
			return false, city.Errorf(city.Conflict, "it is too late to agree: it was open until %s", d.Until.Format(time.RFC3339))
		case a.To == Overridden && d.Level == service.Advice:
			return false, city.Errorf(city.Conflict, "advice is carried out by people: there is nothing that the service could undo")
		}
		s := Step{At: now, State: a.To, Person: by.Who.ID, Name: by.Who.Name, Note: strings.TrimSpace(a.Note)}
		if err := b.step(ctx, tx, d, s); err != nil {
			return false, err
		}
		d.Steps = append(d.Steps, s)
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	return d, nil
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// Tend ends what nobody agreed to in time, and forgets what is past its keeping.
func (b *Book) Tend(ctx context.Context) error {
	now := b.now()
	late, err := b.list(ctx, b.read, "WHERE state = 'proposed' AND until <= ? ORDER BY number LIMIT 1000", now.UnixMilli())
	if err != nil {
		return err
	}
	for _, d := range late {
		err := b.in(ctx, d.Service, func(tx *sql.Tx) (bool, error) {
			d, err := load(ctx, tx, d.Service, d.ID)
			if err != nil || d.State != Proposed {
				return false, err
			}
			return true, b.step(ctx, tx, d, Step{At: now, State: Expired, Name: string(d.Service)})
		})
		if err != nil {
			return err
		}
	}
	_, err = b.write.ExecContext(ctx, "DELETE FROM decision WHERE closed < ?", now.Add(-b.cfg.Keep).UnixMilli())
	return kind(err)
}
