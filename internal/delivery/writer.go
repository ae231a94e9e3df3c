package delivery

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"

	"polity/city"
	"polity/internal/groupcommit"
)

// op is one change of the file. Run is called in the writer's transaction, with mu
// held; it may be called again after a transaction that failed. After is called once
// it is on disk, with mu held.
type op struct {
	run   func(ctx context.Context) error
	after func() // may be nil
}

// statements are prepared once on the writer's connection.
type statements struct {
	addReceiver, keepReceiver, dropReceiver     *sql.Stmt
	add, take, tried, kill, oldest              *sql.Stmt
	takeDead, oldestDead, dropWaiting, dropDead *sql.Stmt
	position                                    *sql.Stmt
}

func (p *statements) each() map[**sql.Stmt]string {
	return map[**sql.Stmt]string{
		&p.addReceiver:  "INSERT INTO receiver (tenant, id) VALUES (?, ?)",
		&p.keepReceiver: "UPDATE receiver SET sent = ?, failed = ?, last = ?, success = ?, failure = ?, reason = ?, in_row = ?, dropped = ? WHERE r = ?",
		&p.dropReceiver: "DELETE FROM receiver WHERE r = ?",
		&p.add:          "INSERT INTO waiting (r, at, tried, body) VALUES (?, ?, 0, ?)",
		&p.take:         "DELETE FROM waiting WHERE n = ?",
		&p.tried:        "UPDATE waiting SET tried = tried + 1 WHERE n = ?",
		&p.kill:         "INSERT INTO dead (n, r, at, died, tried, reason, body) SELECT n, r, at, ?, tried, ?, body FROM waiting WHERE n = ?",
		&p.oldest:       "SELECT n, length(body) FROM waiting WHERE r = ? AND n <> ? ORDER BY n LIMIT 1",
		&p.takeDead:     "DELETE FROM dead WHERE n = ?",
		&p.oldestDead:   "SELECT n, length(body) FROM dead WHERE r = ? ORDER BY n LIMIT 1",
		&p.dropWaiting:  "DELETE FROM waiting WHERE r = ?",
		&p.dropDead:     "DELETE FROM dead WHERE r = ?",
		&p.position:     "INSERT OR REPLACE INTO position (one, origin, sequence) VALUES (1, ?, ?)",
	}
}

func (q *Queue) prepare(ctx context.Context) error {
	for to, text := range q.stmts.each() {
		var err error
		if *to, err = q.conn.PrepareContext(ctx, text); err != nil { //nolint:sqlclosecheck // close closes it
			return err
		}
	}
	return nil
}

func (p *statements) close() error {
	var errs []error
	for st := range p.each() {
		if *st != nil {
			errs = append(errs, (*st).Close())
		}
	}
	return errors.Join(errs...)
}

var errClosed = city.Errorf(city.Unavailable, "the notifications are closed: the hub stops")

// do runs an op and returns when it is on disk.
func (q *Queue) do(ctx context.Context, run func(ctx context.Context) error, after func()) error {
	err := q.commits.Do(ctx, &op{run, after})
	switch {
	case errors.Is(err, groupcommit.ErrClosed):
		return errClosed
	case err == nil || ctx.Err() != nil:
		return err
	}
	q.log.Error("notifications cannot be kept", slog.Any("error", err))
	return err
}

func (q *Queue) commit(group []*op) (err error) {
	ctx := context.Background()
	q.mu.Lock()
	defer func() {
		q.mu.Unlock()
		if err != nil {
			err = errors.Join(kind(err), q.load(ctx))
		}
	}()
	if _, err := q.conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	for _, o := range group {
		if err := o.run(ctx); err != nil {
			return errors.Join(err, q.rollback(ctx))
		}
	}
	if err := q.keepStates(ctx); err != nil {
		return errors.Join(err, q.rollback(ctx))
	}
	// Nobody needs mu to send while the disk syncs.
	q.mu.Unlock()
	_, err = q.conn.ExecContext(ctx, "COMMIT")
	q.mu.Lock()
	if err != nil {
		return errors.Join(err, q.rollback(ctx))
	}
	for _, o := range group {
		if o.after != nil {
			o.after()
		}
	}
	return nil
}

func (q *Queue) rollback(ctx context.Context) error {
	_, err := q.conn.ExecContext(ctx, "ROLLBACK")
	if err != nil {
		return fmt.Errorf("roll back: %w", err)
	}
	return nil
}

// keepStates writes the rows of receivers that something happened to.
func (q *Queue) keepStates(ctx context.Context) error {
	for _, x := range q.touched {
		if !x.dirty || x.r == 0 {
			continue
		}
		x.dirty = false
		s := &x.state
		if _, err := q.stmts.keepReceiver.ExecContext(ctx, s.Sent, s.Failed, millis(s.Last), millis(s.Success), millis(s.Failure), s.Reason, s.InRow, s.Dropped, x.r); err != nil {
			return err
		}
	}
	q.touched = q.touched[:0]
	return nil
}

func (q *Queue) touch(x *receiver) {
	if !x.dirty {
		x.dirty = true
		q.touched = append(q.touched, x)
	}
}

// kind gives an error of the file its kind.
func kind(err error) error {
	if city.KindOf(err) != city.Internal {
		return err
	}
	return city.Errorf(city.Unavailable, "%w; is the disk full?", err)
}
