package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"polity/plane"
)

// part is a partition of history: [begin, until).
type part struct {
	name         string
	begin, until time.Time
}

// partOf returns the partition that holds a time: its month in UTC. Far times,
// which clocks that are wrong report, share one before and one after, so that there
// are never more than 1202.
func partOf(t time.Time) part {
	t = t.UTC()
	switch first, last := date(2000, 1), date(2100, 1); {
	case t.Before(first):
		return part{"history_before_2000", beginOfTime, first}
	case !t.Before(last):
		return part{"history_from_2100", last, endOfTime}
	}
	begin := date(t.Year(), t.Month())
	return part{fmt.Sprintf("history_%04d_%02d", t.Year(), t.Month()), begin, begin.AddDate(0, 1, 0)}
}

func date(year int, month time.Month) time.Time {
	return time.Date(year, month, 1, 0, 0, 0, 0, time.UTC)
}

// ahead are the partitions that will be needed next.
func (s *Store) ahead() []part {
	now := partOf(s.now())
	next := partOf(now.until)
	return []part{now, next, partOf(next.until)}
}

// listParts reads which partitions there are.
func (s *Store) listParts(ctx context.Context) error {
	rows, err := s.conn.Query(ctx, "SELECT relname FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid WHERE inhparent = 'polity.history'::regclass")
	if err != nil {
		return err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	s.parts = map[string]bool{}
	for _, name := range names {
		s.parts[name] = true
	}
	return err
}

// makeParts makes those partitions that are not there.
func (s *Store) makeParts(ctx context.Context, parts []part) error {
	for _, p := range parts {
		if s.parts[p.name] {
			continue
		}
		if err := pgx.BeginFunc(ctx, s.conn, func(tx pgx.Tx) error { return makePart(ctx, tx, p) }); err != nil {
			return fmt.Errorf("make the partition %s: %w", p.name, err)
		}
		s.parts[p.name] = true
	}
	return nil
}

// makePart attaches a new table, for which nobody who reads or writes has to wait.
func makePart(ctx context.Context, tx pgx.Tx, p part) error {
	if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", int64(partitionLock)); err != nil {
		return err
	}
	var there bool
	if err := tx.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL", "polity."+p.name).Scan(&there); err != nil || there {
		return err
	}
	const form = "2006-01-02 15:04:05Z"
	for _, text := range []string{
		"CREATE TABLE polity." + p.name + " (LIKE polity.history)",
		fmt.Sprintf("ALTER TABLE polity.history ATTACH PARTITION polity.%s FOR VALUES FROM ('%s') TO ('%s')", p.name, p.begin.Format(form), p.until.Format(form)),
	} {
		if _, err := tx.Exec(ctx, text); err != nil {
			return err
		}
	}
	return nil
}

// dropPatience is how long what forgets waits for those who read history, while
// everyone behind it waits too.
const dropPatience = "2s"

// Forget is plane.Store's. Partitions of which nothing would be left are dropped
// whole; where somebody reads history for long, they are emptied, and dropped by
// another Forget.
func (s *Store) Forget(ctx context.Context, key plane.Key, before time.Time) (gone int64, err error) {
	if !storable(key.Tenant, key.ID) {
		return 0, nil
	}
	parts, err := s.partsBefore(ctx, before)
	if err != nil {
		return 0, err
	}
	for _, p := range parts {
		n, err := s.forgetPart(ctx, p, key, before)
		if gone += n; err != nil {
			return gone, s.readError(fmt.Errorf("forget what is in %s: %w", p.name, err))
		}
	}
	// In this order, in which observations wander: none gets by.
	for _, rest := range []func(context.Context, plane.Key, time.Time) (int64, error){s.forgetPacked, s.forgetSummaries} {
		n, err := rest(ctx, key, before)
		if gone += n; err != nil {
			return gone, err
		}
	}
	return gone, nil
}

// partsBefore lists the partitions that begin before a time.
func (s *Store) partsBefore(ctx context.Context, before time.Time) (list []part, err error) {
	err = s.reading(ctx, func(c *pgxpool.Conn) error {
		// The bound reads FOR VALUES FROM ('2026-11-01 00:00:00+00') TO (...).
		rows, err := c.Query(ctx, `SELECT relname, (regexp_match(pg_get_expr(relpartbound, c.oid), 'FROM \(''([^'']+)''\)'))[1]::timestamptz
			FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid WHERE inhparent = 'polity.history'::regclass`)
		if err != nil {
			return err
		}
		all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (part, error) {
			var name string
			var begin time.Time
			err := row.Scan(&name, &begin)
			p := partOf(begin)
			if err == nil && p.name != name {
				err = fmt.Errorf("the partition %s of polity.history is not Polity's", name)
			}
			return p, err
		})
		list = nil
		for _, p := range all {
			if p.begin.Before(before) {
				list = append(list, p)
			}
		}
		return err
	})
	return list, err
}

// forgetPart removes from one partition, in one transaction.
func (s *Store) forgetPart(ctx context.Context, p part, key plane.Key, before time.Time) (gone int64, err error) {
	whole := !p.until.After(before)
	if whole {
		if gone, err = s.dropPart(ctx, p, key); err == nil || code(err) != lockNotAvailable {
			return gone, err
		}
	}
	err = s.forgetting(ctx, func(tx pgx.Tx) error {
		gone, err = deleteFrom(ctx, tx, p, key, before)
		return err
	})
	return gone, err
}

func (s *Store) forgetting(ctx context.Context, f func(tx pgx.Tx) error) error {
	return pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{AccessMode: pgx.ReadWrite}, f)
}

// dropPart removes what is asked from a partition, and the partition if nothing is
// left in it. Deleting row by row is spared where everything goes.
func (s *Store) dropPart(ctx context.Context, p part, key plane.Key) (gone int64, err error) {
	err = s.forgetting(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SET LOCAL lock_timeout = '"+dropPatience+"'"); err != nil {
			return err
		}
		// From here on nobody adds to it. Who drops a partition locks its parent, too.
		if _, err := tx.Exec(ctx, "LOCK TABLE ONLY polity.history, polity."+p.name+" IN ACCESS EXCLUSIVE MODE"); err != nil {
			return err
		}
		var others bool
		all := false
		if key.ID == "" {
			if err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM polity.series WHERE tenant <> $1)", key.Tenant).Scan(&others); err != nil {
				return err
			}
			all = !others
		}
		if all {
			if err := tx.QueryRow(ctx, "SELECT count(*) FROM polity."+p.name).Scan(&gone); err != nil {
				return err
			}
		} else {
			var left bool
			if gone, err = deleteFrom(ctx, tx, p, key, p.until); err != nil {
				return err
			}
			if err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM polity."+p.name+")").Scan(&left); err != nil || left {
				return err
			}
		}
		_, err := tx.Exec(ctx, "DROP TABLE polity."+p.name)
		return err
	})
	return gone, err
}

func deleteFrom(ctx context.Context, tx pgx.Tx, p part, key plane.Key, before time.Time) (int64, error) {
	text, args := "DELETE FROM polity."+p.name+" WHERE at < $1 AND s IN (SELECT s FROM polity.series WHERE tenant = $2", []any{ceilMilli(before), key.Tenant} //nolint:gosec // a name that partOf made
	if key.ID != "" {
		text, args = text+" AND id = $3", append(args, key.ID)
	}
	tag, err := tx.Exec(ctx, text+")", args...)
	return tag.RowsAffected(), err
}
