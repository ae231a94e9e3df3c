package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"polity/plane"
)

var _ plane.Packer = (*Store)(nil)

// Bounds of packing.
const (
	packLeast = 8       // observations of a day: fewer take as much room as rows
	packMost  = 200_000 // more are left as rows
	packRows  = 20_000  // of one transaction, about
	packDays  = 2_000   // days of series that are looked up at a time
	tidyFrom  = 10_000  // rows that left a partition, after which it is cleaned at once
)

// Pack is plane.Packer's. Each partition is looked through once a day and at the first call.
func (s *Store) Pack(ctx context.Context) (packed int64, err error) {
	until := s.now().UTC().Add(-plane.Fresh).Truncate(plane.Day)
	s.packing.Lock()
	defer s.packing.Unlock()
	if !until.After(s.packedUntil) {
		return 0, nil
	}
	parts, err := s.partsBefore(ctx, until)
	if err != nil {
		return 0, err
	}
	for _, p := range parts {
		n, err := s.packPart(ctx, p, until)
		if packed += n; err != nil {
			return packed, s.readError(fmt.Errorf("pack what is in %s: %w", p.name, err))
		}
		if n >= tidyFrom || n > 0 && !p.until.After(until) {
			if err := s.tidy(ctx, p, !p.until.After(until)); err != nil {
				return packed, s.readError(err)
			}
		}
	}
	s.packedUntil = until
	return packed, nil
}

// seriesDay is a day of a series that is worth packing.
type seriesDay struct {
	s, day int32
	n      int64
}

func (s *Store) packPart(ctx context.Context, p part, until time.Time) (packed int64, err error) {
	after := seriesDay{s: -1}
	for {
		var list []seriesDay
		err := s.reading(ctx, func(c *pgxpool.Conn) error {
			rows, err := c.Query(ctx, `SELECT s, floor(extract(epoch FROM at) / 86400)::int AS day, count(*) FROM polity.`+p.name+`
				WHERE s >= $1 AND at < $2 AND detail IS NULL GROUP BY 1, 2
				HAVING (s, floor(extract(epoch FROM at) / 86400)::int) > ($1, $3) AND count(*) BETWEEN $4 AND $5 ORDER BY 1, 2 LIMIT $6`,
				after.s, until, after.day, packLeast, packMost, packDays)
			if err != nil {
				return err
			}
			list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (x seriesDay, err error) { return x, row.Scan(&x.s, &x.day, &x.n) })
			return err
		})
		if err != nil || len(list) == 0 {
			return packed, err
		}
		after = list[len(list)-1]
		for len(list) > 0 {
			n, rows := 0, int64(0)
			for n < len(list) && rows < packRows {
				rows += list[n].n
				n++
			}
			if err := ctx.Err(); err != nil {
				return packed, err
			}
			done, err := s.packDays(ctx, p, list[:n])
			if packed += done; err != nil {
				return packed, err
			}
			list = list[n:]
		}
	}
}

// packDays moves days of series from rows to arrays, beside what is there already.
func (s *Store) packDays(ctx context.Context, p part, list []seriesDay) (n int64, err error) {
	var series, days []int32
	for _, x := range list {
		series, days = append(series, x.s), append(days, x.day)
	}
	err = s.forgetting(ctx, func(tx pgx.Tx) error {
		// Whoever adds something old to these series waits, and then sees what is packed.
		if _, err := tx.Exec(ctx, "SELECT FROM polity.series WHERE s = ANY ($1) ORDER BY s FOR UPDATE", series); err != nil {
			return err
		}
		for _, set := range []string{"SET LOCAL enable_seqscan = off", "SET LOCAL enable_hashjoin = off", "SET LOCAL enable_mergejoin = off"} {
			if _, err := tx.Exec(ctx, set); err != nil {
				return err
			}
		}
		return tx.QueryRow(ctx, `WITH k AS (SELECT * FROM unnest($1::int[], $2::int[]) AS k (s, day)),
			gone AS (DELETE FROM polity.`+p.name+` h USING k
				WHERE h.s = k.s AND h.at >= to_timestamp(k.day * 86400.0) AND h.at < to_timestamp((k.day + 1) * 86400.0) AND h.detail IS NULL
				RETURNING h.s, k.day, ((extract(epoch FROM h.at) * 1000)::bigint - k.day * 86400000::bigint)::int AS ms, h.length, h.covered, h.value),
			whole AS (SELECT s, day, ms, length, covered, value FROM gone
				UNION ALL SELECT x.s, x.day, x.ms, x.length, x.covered, x.value FROM k JOIN polity.packed x ON x.s = k.s AND x.day = k.day),
			kept AS (INSERT INTO polity.chunk AS c (s, day, at, value, length, covered) `+arrays+` FROM whole GROUP BY s, day
				ON CONFLICT (s, day) DO UPDATE SET at = excluded.at, value = excluded.value, length = excluded.length, covered = excluded.covered)
			SELECT count(*) FROM gone`, series, days).Scan(&n)
	})
	return n, err
}

// arrays makes a row of chunk from observations that are grouped by s and day.
const arrays = `SELECT s, day, array_agg(ms ORDER BY ms, length), array_agg(value ORDER BY ms, length),
	CASE WHEN min(length) = max(length) THEN ARRAY[min(length)] ELSE array_agg(length ORDER BY ms, length) END,
	CASE WHEN count(covered) > 0 THEN array_agg(covered ORDER BY ms, length) END`

// tidy gives the room back that rows have left, as autovacuum would in time; the index of
// a month that is over is made anew, because what is left in it is little.
func (s *Store) tidy(ctx context.Context, p part, over bool) error {
	return s.pool.AcquireFunc(ctx, func(c *pgxpool.Conn) error {
		if _, err := c.Exec(ctx, "VACUUM polity."+p.name); err != nil || !over {
			return err
		}
		if _, err := c.Exec(ctx, "SET lock_timeout = '"+dropPatience+"'"); err != nil {
			return err
		}
		_, err := c.Exec(ctx, "REINDEX TABLE polity."+p.name)
		if code(err) == lockNotAvailable {
			err = nil // somebody reads it for long
		}
		if _, reset := c.Exec(ctx, "RESET lock_timeout"); err == nil {
			err = reset
		}
		return err
	})
}

// forgetPacked is Forget's part: days before a time, and the beginning of its own day.
func (s *Store) forgetPacked(ctx context.Context, key plane.Key, before time.Time) (gone int64, err error) {
	ms := earlier(before, endOfTime).UnixMilli()
	day, rest := ms/plane.Day.Milliseconds(), ms%plane.Day.Milliseconds()
	whose, args := "s IN (SELECT s FROM polity.series WHERE tenant = $3", []any{day, rest, key.Tenant}
	if key.ID != "" {
		whose, args = whose+" AND id = $4", append(args, key.ID)
	}
	whose += ")"
	err = s.readError(s.forgetting(ctx, func(tx pgx.Tx) error {
		for _, text := range []string{
			`WITH gone AS (DELETE FROM polity.chunk WHERE (day < $1 OR day = $1 AND at[cardinality(at)] < $2) AND ` + whose + ` RETURNING cardinality(at) AS n)
				SELECT coalesce(sum(n), 0)::bigint FROM gone`,
			`WITH old AS MATERIALIZED (SELECT s, day, cardinality(at) AS n FROM polity.chunk WHERE day = $1 AND at[1] < $2 AND ` + whose + ` FOR UPDATE),
				new (s, day, at, value, length, covered) AS (` + arrays + ` FROM polity.packed JOIN old USING (s, day) WHERE ms >= $2 GROUP BY s, day),
				gone AS (UPDATE polity.chunk c SET at = new.at, value = new.value, length = new.length, covered = new.covered
					FROM new JOIN old USING (s, day) WHERE c.s = new.s AND c.day = new.day RETURNING old.n - cardinality(new.at) AS n)
				SELECT coalesce(sum(n), 0)::bigint FROM gone`,
		} {
			var n int64
			if err := tx.QueryRow(ctx, text, args...).Scan(&n); err != nil {
				return err
			}
			gone += n
		}
		return nil
	}))
	return gone, err
}

// toHoursPacked moves the first packed days of a series before a day into their hours.
func toHoursPacked(ctx context.Context, tx pgx.Tx, series, before int32, most int64) (n int64, err error) {
	for n < most {
		var day int32
		var at []int32
		var value []float64
		err := tx.QueryRow(ctx, "SELECT day, at, value FROM polity.chunk WHERE s = $1 AND day < $2 ORDER BY day LIMIT 1", series, before).Scan(&day, &at, &value)
		if err == pgx.ErrNoRows { //nolint:errorlint // Scan returns it as it is
			return n, nil
		}
		if err != nil {
			return n, err
		}
		var hours []plane.Summary
		for i := range at {
			o := plane.Observation{Start: dayStart(day).Add(time.Duration(at[i]) * time.Millisecond), Value: value[i]}
			x := o.Summary()
			hours = plane.Thicken(hours, &x, time.Hour)
		}
		if err := keep(ctx, tx, "hourly", series, hours, time.Hour); err != nil {
			return n, err
		}
		if _, err := tx.Exec(ctx, "DELETE FROM polity.chunk WHERE s = $1 AND day = $2", series, day); err != nil {
			return n, err
		}
		n += int64(len(at))
	}
	return n, nil
}

func dayStart(day int32) time.Time {
	return time.UnixMilli(int64(day) * plane.Day.Milliseconds()).UTC()
}
