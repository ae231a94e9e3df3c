package docket

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/recording/share"
	"polity/release/token"
)

// Case is where an office's case for footage stands, by the store and the public log.
type Case struct {
	ID              canonical.Hash // of the token
	Code            string         // as two people say it
	Account         string         // who submitted it
	Body            city.Slug      // the office
	Purpose         entry.Word
	Cameras         []city.Slug
	From, To        time.Time
	Submitted       time.Time
	Expires         time.Time
	DetailsPublicOn canonical.Day
	Index           int64 // of its entry in the log; -1: the log has not taken it yet
	Public          bool
	Answers         map[share.Body]Answer // of both bodies
	Opened          bool                  // an office's machine said so, in the log
	Disclosed       bool                  // its details are public
}

// State is where a body's answer stands.
type State string

// The states.
const (
	Waiting  State = "waiting"
	Approved State = "approved"
	Refused  State = "refused"
)

// Answer is what a body said, or what it was asked.
type Answer struct {
	State  State
	Reason entry.Word // of a refusal
	At     time.Time  // by the witnesses' clocks
	Count  int64      // of shares
	Index  int64      // of its entry in the log; -1: it is not in it
	Public bool
	Words  string // of its file; empty: the file is not here

	Requested string    // words of the request file that was made last; empty: none was
	Made      time.Time // when that was
}

// Granted says whether both approvals are public: only then anything is handed out.
func (c *Case) Granted() bool {
	for _, b := range share.Bodies {
		if a := c.Answers[b]; a.State != Approved || !a.Public {
			return false
		}
	}
	return true
}

// row is an ask as it is stored.
type row struct {
	id         canonical.Hash
	account    string
	received   time.Time
	submission *token.Submission
	file       []byte // of the submission
	token      *entry.ReleaseRequested
	logged     int64 // -1: not yet
}

// kept is an answer as it is stored.
type kept struct {
	body   share.Body
	sum    [32]byte
	entry  entry.Signed
	logged int64
}

// Cases returns all, the newest first.
func (d *Docket) Cases(ctx context.Context) ([]Case, error) {
	d.writing.Lock()
	defer d.writing.Unlock()
	return d.cases(ctx)
}

// cases are all. The lock is held.
func (d *Docket) cases(ctx context.Context) ([]Case, error) {
	public, err := d.follow(ctx)
	if err != nil {
		return nil, err
	}
	var ids []canonical.Hash
	err = d.each(ctx, "SELECT id FROM ask ORDER BY received DESC, id", nil, func(scan func(...any) error) error {
		var id []byte
		if err := scan(&id); err != nil {
			return err
		}
		ids = append(ids, canonical.Hash(id))
		return nil
	})
	if err != nil {
		return nil, err
	}
	list := make([]Case, 0, len(ids))
	for _, id := range ids {
		c, _, err := d.load(ctx, id, public)
		if err != nil {
			return nil, err
		}
		list = append(list, *c)
	}
	return list, nil
}

// Case returns one, or NotFound.
func (d *Docket) Case(ctx context.Context, id canonical.Hash) (*Case, error) {
	d.writing.Lock()
	defer d.writing.Unlock()
	c, _, err := d.now(ctx, id)
	return c, err
}

// now reads the log on and loads a case. The lock is held.
func (d *Docket) now(ctx context.Context, id canonical.Hash) (*Case, *row, error) {
	public, err := d.follow(ctx)
	if err != nil {
		return nil, nil, err
	}
	return d.load(ctx, id, public)
}

// load puts a case together; public is how many entries of the log are.
func (d *Docket) load(ctx context.Context, id canonical.Hash, public int64) (*Case, *row, error) {
	r, err := d.row(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	c := &Case{
		ID: id, Code: token.Code(id), Account: r.account, Body: r.token.Body, Purpose: r.token.Purpose,
		Cameras: r.submission.Cameras, From: r.submission.From.Time(), To: r.submission.To.Time(), Submitted: r.received,
		Expires: r.token.Expires.Time(), DetailsPublicOn: r.token.DetailsPublicOn,
		Index: r.logged, Public: r.logged >= 0 && r.logged < public, Answers: map[share.Body]Answer{},
	}
	for _, b := range share.Bodies {
		c.Answers[b] = Answer{State: Waiting, Index: -1}
	}
	if err := d.loadRequests(ctx, c); err != nil {
		return nil, nil, err
	}
	if err := d.loadSaid(ctx, c, r, public); err != nil {
		return nil, nil, err
	}
	return c, r, d.loadAnswers(ctx, c)
}

func (d *Docket) row(ctx context.Context, id canonical.Hash) (*row, error) {
	r := &row{id: id, logged: -1}
	var text []byte
	var received int64
	var logged sql.NullInt64
	err := d.db.QueryRowContext(ctx, "SELECT account, received, submission, entry, logged FROM ask WHERE id = ?", id[:]).Scan(&r.account, &received, &r.file, &text, &logged)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, city.Errorf(city.NotFound, "there is no case %s here", token.Code(id))
	}
	if err != nil {
		return nil, kind(err)
	}
	if logged.Valid {
		r.logged = logged.Int64
	}
	r.received = time.UnixMilli(received).UTC()
	if r.submission, err = token.ParseSubmission(r.file); err != nil {
		return nil, city.Errorf(city.Internal, "a case as stored: %w", err)
	}
	e, err := entry.Decode(text)
	asked, ok := e.(*entry.ReleaseRequested)
	if err != nil || !ok {
		return nil, city.Errorf(city.Internal, "a case as stored has no token: %w", err)
	}
	r.token = asked
	return r, nil
}

func (d *Docket) loadRequests(ctx context.Context, c *Case) error {
	return d.each(ctx, "SELECT body, sum, made FROM request WHERE ask = ?", []any{c.ID[:]}, func(scan func(...any) error) error {
		var body string
		var sum []byte
		var made int64
		if err := scan(&body, &sum, &made); err != nil {
			return err
		}
		a := c.Answers[share.Body(body)]
		a.Requested, a.Made = token.Words([32]byte(sum)), time.UnixMilli(made).UTC()
		c.Answers[share.Body(body)] = a
		return nil
	})
}

// loadSaid takes what the log says. Of several answers of a body the first counts.
func (d *Docket) loadSaid(ctx context.Context, c *Case, r *row, public int64) error {
	return d.each(ctx, "SELECT logged, entry FROM said WHERE token = ? ORDER BY logged", []any{c.ID[:]}, func(scan func(...any) error) error {
		var index int64
		var text []byte
		if err := scan(&index, &text); err != nil {
			return err
		}
		e, err := entry.Decode(text)
		if err != nil {
			return err
		}
		switch e := e.(type) {
		case *entry.ReleaseApproved:
			c.answered(share.Body(e.Body), e, index, index < public)
		case *entry.ReleaseRefused:
			c.answered(share.Body(e.Body), e, index, index < public)
		case *entry.ReleaseOpened:
			c.Opened = c.Opened || e.Body == r.token.Body
		case *entry.ReleaseDetails:
			c.Disclosed = c.Disclosed || opens(e, r.token)
		}
		return nil
	})
}

// opens says whether published details are those of a token.
func opens(e *entry.ReleaseDetails, asked *entry.ReleaseRequested) bool {
	if e.What != "published" || e.Salts == nil {
		return false
	}
	d := token.Details{Cameras: e.Cameras, Case: e.Case, Format: token.Format, From: e.From, Order: e.Order, Salts: *e.Salts, To: e.To, Token: e.Token}
	return d.Opens(asked) == nil
}

// answered notes a body's answer, unless there is one.
func (c *Case) answered(body share.Body, e entry.Signed, index int64, public bool) {
	a := c.Answers[body]
	if a.State != Waiting {
		return
	}
	a.Index, a.Public = index, public
	switch e := e.(type) {
	case *entry.ReleaseApproved:
		a.State, a.At, a.Count = Approved, e.At.Time(), e.Count
	case *entry.ReleaseRefused:
		a.State, a.At, a.Reason = Refused, e.At.Time(), e.Reason
	}
	c.Answers[body] = a
}

// loadAnswers takes the files that are here.
func (d *Docket) loadAnswers(ctx context.Context, c *Case) error {
	list, err := d.answers(ctx, c.ID)
	if err != nil {
		return err
	}
	for _, k := range list {
		c.answered(k.body, k.entry, k.logged, false)
		if a := c.Answers[k.body]; k.logged == a.Index {
			a.Words = token.Words(k.sum)
			c.Answers[k.body] = a
		}
	}
	return nil
}

func (d *Docket) answers(ctx context.Context, id canonical.Hash) (list []kept, err error) {
	err = d.each(ctx, "SELECT body, sum, entry, logged FROM answer WHERE ask = ?", []any{id[:]}, func(scan func(...any) error) error {
		k := kept{logged: -1}
		var sum, text []byte
		var logged sql.NullInt64
		if err := scan(&k.body, &sum, &text, &logged); err != nil {
			return err
		}
		k.sum = [32]byte(sum)
		if logged.Valid {
			k.logged = logged.Int64
		}
		var err error
		k.entry, err = token.SignedEntry(text)
		list = append(list, k)
		return err
	})
	return list, err
}

// each goes through the rows of a query.
func (d *Docket) each(ctx context.Context, query string, args []any, row func(scan func(...any) error) error) error {
	rows, err := d.db.QueryContext(ctx, query, args...)
	if err != nil {
		return kind(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return kind(err)
		}
	}
	return kind(rows.Err())
}

// Bodies that have not answered yet, in their order.
func (c *Case) waiting() []share.Body {
	return slices.DeleteFunc(slices.Clone(share.Bodies[:]), func(b share.Body) bool { return c.Answers[b].State != Waiting })
}
