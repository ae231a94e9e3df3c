package delivery

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"polity/city"
)

// Letter is a dead letter.
type Letter struct {
	Number   int64 // its name; a higher one is of later
	To       Receiver
	Made     time.Time // when the notification was
	Died     time.Time
	Attempts int
	Reason   string // why it was given up
	Body     []byte // nil where it was not asked for
}

// Which says which dead letters are meant: one by its number, or those of one
// receiver, or all.
type Which struct {
	Number int64
	To     *Receiver
}

func (w Which) where() (string, []any) {
	switch {
	case w.Number != 0:
		return "d.n = ?", []any{w.Number}
	case w.To != nil:
		return "d.r = (SELECT r FROM receiver WHERE tenant = ? AND id = ?)", []any{w.To.Tenant, w.To.ID}
	}
	return "TRUE", nil
}

// MaxLetters is the most that Letters returns.
const MaxLetters = 1000

// Letters returns the first dead letters behind a number, at most limit, with their
// bodies if those are wanted.
func (q *Queue) Letters(ctx context.Context, which Which, after int64, limit int, bodies bool) ([]Letter, error) {
	where, args := which.where()
	body := "NULL"
	if bodies {
		body = "d.body"
	}
	query := fmt.Sprintf("SELECT d.n, receiver.tenant, receiver.id, d.at, d.died, d.tried, d.reason, %s FROM dead d JOIN receiver USING (r) WHERE %s AND d.n > ? ORDER BY d.n LIMIT ?", body, where) //nolint:gosec // both are ours
	rows, err := q.read.QueryContext(ctx, query, append(args, after, min(max(limit, 1), MaxLetters))...)
	if err != nil {
		return nil, kind(err)
	}
	defer rows.Close()
	var out []Letter
	for rows.Next() {
		var l Letter
		var made, died int64
		if err := rows.Scan(&l.Number, &l.To.Tenant, &l.To.ID, &made, &died, &l.Attempts, &l.Reason, &l.Body); err != nil {
			return nil, kind(err)
		}
		l.Made, l.Died = instant(made), instant(died)
		out = append(out, l)
	}
	if err := rows.Err(); err != nil {
		return nil, kind(err)
	}
	return out, nil
}

// Summary is a receiver and its State.
type Summary struct {
	Receiver
	State
}

// Receivers returns all of which something is known, by tenant and id.
func (q *Queue) Receivers() []Summary {
	q.mu.Lock()
	out := make([]Summary, 0, len(q.receivers))
	for _, x := range q.receivers {
		if x.r != 0 {
			out = append(out, Summary{x.Receiver, x.state})
		}
	}
	q.mu.Unlock()
	slices.SortFunc(out, func(a, b Summary) int { return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.ID, b.ID)) })
	return out
}

// Replay puts dead letters back before all that waits, in their old order, and tries
// their receivers at once. It returns how many. Where the number of one is given that is no dead
// letter, the error is NotFound.
func (q *Queue) Replay(ctx context.Context, which Which) (int64, error) {
	var total int64
	var to []*receiver
	err := q.do(ctx, func(ctx context.Context) error {
		total, to = 0, nil
		moved, err := q.each(ctx, which)
		if err != nil {
			return err
		}
		where, args := which.where()
		if _, err := q.conn.ExecContext(ctx, "INSERT INTO waiting (n, r, at, tried, body) SELECT d.n, d.r, d.at, 0, d.body FROM dead d WHERE "+where, args...); err != nil { //nolint:gosec // where is ours
			return err
		}
		for x, m := range moved {
			q.isDead(x, -m.notes, -m.bytes)
			q.waits(x, m.notes, m.bytes)
			total += m.notes
			to = append(to, x)
		}
		return q.clear(ctx, which)
	}, func() {
		for _, x := range to {
			x.rewind = true
			q.begin(x)
		}
		if which.Number == 0 { // what waits is tried at once, too
			for _, x := range q.receivers {
				if which.To == nil || x.Receiver == *which.To {
					q.hurry(x)
				}
			}
			return
		}
		for _, x := range to {
			q.hurry(x)
		}
	})
	return total, q.missing(which, total, err)
}

// Drop removes dead letters and returns how many.
func (q *Queue) Drop(ctx context.Context, which Which) (int64, error) {
	var total int64
	err := q.do(ctx, func(ctx context.Context) error {
		total = 0
		gone, err := q.each(ctx, which)
		if err != nil {
			return err
		}
		for x, m := range gone {
			q.isDead(x, -m.notes, -m.bytes)
			x.state.Dropped += m.notes
			q.counts.Dropped += uint64(m.notes)
			q.touch(x)
			total += m.notes
		}
		return q.clear(ctx, which)
	}, nil)
	return total, q.missing(which, total, err)
}

func (q *Queue) missing(which Which, total int64, err error) error {
	if err == nil && total == 0 && which.Number != 0 {
		return city.Errorf(city.NotFound, "there is no dead letter %d; see '%s dead'", which.Number, q.cfg.Command)
	}
	return err
}

type amount struct{ notes, bytes int64 }

// each counts the dead letters that are meant, by receiver.
func (q *Queue) each(ctx context.Context, which Which) (map[*receiver]amount, error) {
	where, args := which.where()
	rows, err := q.conn.QueryContext(ctx, "SELECT receiver.tenant, receiver.id, count(*), coalesce(sum(length(d.body)), 0) FROM dead d JOIN receiver USING (r) WHERE "+where+" GROUP BY d.r", args...) //nolint:gosec // where is ours
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[*receiver]amount{}
	for rows.Next() {
		var key Receiver
		var a amount
		if err := rows.Scan(&key.Tenant, &key.ID, &a.notes, &a.bytes); err != nil {
			return nil, err
		}
		out[q.receiver(key)] = a
	}
	return out, rows.Err()
}

func (q *Queue) clear(ctx context.Context, which Which) error {
	where, args := which.where()
	_, err := q.conn.ExecContext(ctx, "DELETE FROM dead AS d WHERE "+where, args...) //nolint:gosec // where is ours
	return err
}
