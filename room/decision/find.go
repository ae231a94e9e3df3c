package decision

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"polity/access"
	"polity/city"
	"polity/service"
)

type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func (b *Book) list(ctx context.Context, q querier, where string, args ...any) ([]*Decision, error) {
	rows, err := q.QueryContext(ctx, "SELECT number, revision, state, proposal, made, closed FROM decision "+where, args...)
	if err != nil {
		return nil, kind(err)
	}
	defer rows.Close()
	var list []*Decision
	for rows.Next() {
		d, err := scan(rows)
		if err != nil {
			return nil, kind(err)
		}
		list = append(list, d)
	}
	return list, kind(rows.Err())
}

func scan(row interface{ Scan(into ...any) error }) (*Decision, error) {
	var d Decision
	var text string
	var made int64
	var closed sql.NullInt64
	if err := row.Scan(&d.Number, &d.Revision, &d.State, &text, &made, &closed); err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(text), &d.Proposal); err != nil {
		return nil, fmt.Errorf("decision %d in the book: %w", d.Number, err)
	}
	d.Made = time.UnixMilli(made).UTC()
	if closed.Valid {
		d.Closed = time.UnixMilli(closed.Int64).UTC()
	}
	return &d, nil
}

func load(ctx context.Context, q querier, of city.Slug, id string) (*Decision, error) {
	d, err := scan(q.QueryRowContext(ctx, "SELECT number, revision, state, proposal, made, closed FROM decision WHERE service = ? AND id = ?", of, id))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, unknown()
	}
	if err != nil {
		return nil, err
	}
	rows, err := q.QueryContext(ctx, "SELECT at, state, person, name, note FROM step WHERE number = ? ORDER BY n", d.Number)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		s, err := scanStep(rows)
		if err != nil {
			return nil, err
		}
		d.Steps = append(d.Steps, s)
	}
	return d, rows.Err()
}

// unknown is the answer for what does not exist and for what is not for the one who
// asks: nobody learns which.
func unknown() error { return city.Errorf(city.NotFound, "there is no such decision for you") }

func (b *Book) sees(by Asker, of city.Slug) bool {
	return b.cfg.Decider.Decide(by.Who, access.SeeAlerts, access.Service(of), by.At).Allowed
}

// May reports whether somebody decides for a service.
func (b *Book) May(by Asker, of city.Slug) bool {
	return b.cfg.Decider.Decide(by.Who, access.Decide, access.Service(of), by.At).Allowed
}

// One returns a decision with its steps. What is not for the one who asks is NotFound.
func (b *Book) One(ctx context.Context, by Asker, of city.Slug, id string) (*Decision, error) {
	if !b.sees(by, of) {
		return nil, unknown()
	}
	d, err := load(ctx, b.read, of, id)
	return d, kind(err)
}

// Query says which decisions are wanted.
type Query struct {
	Services []city.Slug // those of which decisions are wanted
	Open     bool        // those alone that are not closed
	Steps    bool        // each with what happened to it
	Limit    int         // at most 200; 0: 50
}

// Find returns decisions that the asker may see, the newest first. More says that there
// are others.
func (b *Book) Find(ctx context.Context, by Asker, q Query) (list []*Decision, more bool, err error) {
	if q.Limit <= 0 {
		q.Limit = 50
	}
	q.Limit = min(q.Limit, 200)
	for _, of := range q.Services {
		if !b.sees(by, of) {
			continue
		}
		where := "WHERE service = ?"
		if q.Open {
			where += " AND closed IS NULL"
		}
		some, err := b.list(ctx, b.read, where+" ORDER BY number DESC LIMIT ?", of, q.Limit+1)
		if err != nil {
			return nil, false, err
		}
		list = append(list, some...)
	}
	newestFirst(list)
	if len(list) > q.Limit {
		list, more = list[:q.Limit], true
	}
	if q.Steps {
		err = b.withSteps(ctx, list)
	}
	return list, more, err
}

// withSteps fills in what happened to each of a list.
func (b *Book) withSteps(ctx context.Context, list []*Decision) error {
	if len(list) == 0 {
		return nil
	}
	of, numbers := map[int64]*Decision{}, make([]any, 0, len(list))
	for _, d := range list {
		of[d.Number] = d
		numbers = append(numbers, d.Number)
	}
	rows, err := b.read.QueryContext(ctx, "SELECT number, at, state, person, name, note FROM step WHERE number IN (?"+strings.Repeat(", ?", len(list)-1)+") ORDER BY n", numbers...) //nolint:gosec // question marks alone
	if err != nil {
		return kind(err)
	}
	defer rows.Close()
	for rows.Next() {
		var number int64
		s, err := scanStep(rows, &number)
		if err != nil {
			return kind(err)
		}
		of[number].Steps = append(of[number].Steps, s)
	}
	return kind(rows.Err())
}

// scanStep reads a step, behind what else the row begins with.
func scanStep(rows *sql.Rows, first ...any) (s Step, err error) {
	var at int64
	err = rows.Scan(append(first, &at, &s.State, &s.Person, &s.Name, &s.Note)...)
	s.At = time.UnixMilli(at).UTC()
	return s, err
}

// Logged is a step as the public log takes it.
type Logged struct {
	N       int64 // counts the steps of the book, rising
	At      time.Time
	Service city.Slug
	ID      string
	Reason  string
	State   State
	Person  bool // it was a person's
	Salt    [32]byte
}

// Log returns at most limit steps behind the n-th, in their order.
func (b *Book) Log(ctx context.Context, n int64, limit int) ([]Logged, error) {
	rows, err := b.read.QueryContext(ctx, `SELECT step.n, step.at, step.state, step.person <> '', step.salt, decision.proposal
		FROM step JOIN decision USING (number) WHERE step.n > ? ORDER BY step.n LIMIT ?`, n, limit)
	if err != nil {
		return nil, kind(err)
	}
	defer rows.Close()
	var list []Logged
	for rows.Next() {
		var l Logged
		var at int64
		var salt []byte
		var text string
		if err := rows.Scan(&l.N, &at, &l.State, &l.Person, &salt, &text); err != nil {
			return nil, kind(err)
		}
		var p service.Proposal
		if err := json.Unmarshal([]byte(text), &p); err != nil {
			return nil, fmt.Errorf("step %d in the book of decisions: %w", l.N, err)
		}
		copy(l.Salt[:], salt)
		l.At, l.Service, l.ID, l.Reason = time.UnixMilli(at).UTC(), p.Service, p.ID, p.Reason
		list = append(list, l)
	}
	return list, kind(rows.Err())
}
