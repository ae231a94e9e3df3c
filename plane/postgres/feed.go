package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"polity/city"
	"polity/plane"
	"polity/plane/record"
)

var _ plane.Feed = (*Store)(nil)

const (
	maxEvents = 10_000          // read at once
	lookAgain = 2 * time.Second // for changes that another program has made
)

// notes are the changes of a group, for the outbox.
type notes struct {
	tenants, ids  []string
	at            []time.Time
	before, after [][]byte
}

func (n *notes) add(key plane.Key, at time.Time, before, after []byte) {
	n.tenants, n.ids, n.at = append(n.tenants, key.Tenant), append(n.ids, key.ID), append(n.at, at.UTC().Truncate(time.Millisecond))
	n.before, n.after = append(n.before, before), append(n.after, after)
}

func (n *notes) queue(b *pgx.Batch) {
	if len(n.ids) == 0 {
		return
	}
	b.Queue("SELECT pg_advisory_xact_lock($1)", int64(feedLock))
	b.Queue(`INSERT INTO polity.outbox (tenant, id, at, before, after) SELECT tenant, id, at, before, after
		FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::bytea[], $5::bytea[]) WITH ORDINALITY AS n (tenant, id, at, before, after, nth) ORDER BY nth`,
		n.tenants, n.ids, n.at, n.before, n.after)
}

// Origin is plane.Feed's.
func (s *Store) Origin(ctx context.Context) (name string, err error) {
	err = s.reading(ctx, func(c *pgxpool.Conn) error { return c.QueryRow(ctx, "SELECT name FROM polity.origin").Scan(&name) })
	return name, err
}

// Events is plane.Feed's.
func (s *Store) Events(ctx context.Context, after uint64, limit int) (out []plane.Event, err error) {
	if err := s.checkFeed(); err != nil {
		return nil, err
	}
	err = s.reading(ctx, func(c *pgxpool.Conn) error {
		rows, err := c.Query(ctx, "SELECT seq, tenant, id, at, before, after FROM polity.outbox WHERE seq > $1 ORDER BY seq LIMIT $2", int64(after), min(max(limit, 1), maxEvents))
		if err != nil {
			return err
		}
		out, err = pgx.CollectRows(rows, scanEvent)
		return err
	})
	return out, err
}

func scanEvent(row pgx.CollectableRow) (e plane.Event, err error) {
	var before, after []byte
	if err := row.Scan(&e.Sequence, &e.Tenant, &e.ID, &e.At, &before, &after); err != nil {
		return e, err
	}
	e.At = e.At.UTC()
	for _, x := range []struct {
		body []byte
		to   **plane.Entity
	}{{before, &e.Before}, {after, &e.After}} {
		if x.body == nil {
			continue
		}
		if *x.to, err = record.Unpack(x.body); err != nil {
			return e, damaged(err)
		}
	}
	return e, nil
}

// Await is plane.Feed's.
func (s *Store) Await(ctx context.Context, after uint64) error {
	if err := s.checkFeed(); err != nil {
		return err
	}
	again := time.NewTicker(lookAgain)
	defer again.Stop()
	for {
		rung := s.bell.Wait() // before looking, so that none is missed
		var there bool
		if err := s.reading(ctx, func(c *pgxpool.Conn) error {
			return c.QueryRow(ctx, "SELECT EXISTS (SELECT FROM polity.outbox WHERE seq > $1)", int64(after)).Scan(&there)
		}); err != nil || there {
			return err
		}
		select {
		case <-rung:
		case <-again.C:
		case <-ctx.Done():
			return kind(ctx.Err())
		case <-s.queue.Closing():
			return errClosed()
		}
	}
}

// Settle is plane.Feed's.
func (s *Store) Settle(ctx context.Context, upTo uint64) error {
	if err := s.checkFeed(); err != nil {
		return err
	}
	return s.readError(s.forgetting(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM polity.outbox WHERE seq <= $1", int64(upTo))
		return err
	}))
}

func (s *Store) checkFeed() error {
	if s.feed {
		return nil
	}
	return city.Errorf(city.Invalid, "this store was opened without a feed: it notes no changes")
}
