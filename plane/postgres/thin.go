package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"polity/plane"
)

var _ plane.Thinner = (*Store)(nil)

// stepRows bounds what one transaction thins out.
const stepRows = 2000

// EachSeries is plane.Thinner's.
func (s *Store) EachSeries(ctx context.Context, each func(plane.Series, []string) error) error {
	type typed struct {
		series plane.Series
		types  []string
	}
	var after plane.Series
	for {
		var list []typed
		if err := s.reading(ctx, func(c *pgxpool.Conn) error {
			rows, err := c.Query(ctx, `SELECT x.tenant, x.id, x.attribute, x.dataset, e.types FROM (`+nextSeries+`) AS x
				LEFT JOIN polity.entity e ON e.tenant = x.tenant AND e.id = x.id ORDER BY x.tenant, x.id, x.attribute, x.dataset`,
				after.Tenant, after.ID, after.Attribute, after.Dataset, dumpSeries)
			if err != nil {
				return err
			}
			list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (x typed, err error) {
				return x, row.Scan(&x.series.Tenant, &x.series.ID, &x.series.Attribute, &x.series.Dataset, &x.types)
			})
			return err
		}); err != nil {
			return err
		}
		for _, x := range list {
			after = x.series
			if err := each(x.series, x.types); err != nil {
				return err
			}
		}
		if len(list) < dumpSeries {
			return nil
		}
	}
}

// Thin is plane.Thinner's.
func (s *Store) Thin(ctx context.Context, list []plane.Series, cut plane.Cut) (all plane.Thinned, err error) {
	if err := cut.Check(s.now()); err != nil {
		return all, err
	}
	old, err := s.withOld(ctx, list, cut)
	if err != nil {
		return all, err
	}
	for len(old) > 0 {
		var step plane.Thinned
		var left []int32
		if err := ctx.Err(); err != nil {
			return all, kind(err)
		}
		if err := s.readError(s.forgetting(ctx, func(tx pgx.Tx) (err error) {
			step, left, err = thin(ctx, tx, old, cut)
			return err
		})); err != nil {
			return all, err
		}
		all.Add(step)
		old = left
	}
	return all, nil
}

// withOld returns the numbers of those series that have something to thin out.
func (s *Store) withOld(ctx context.Context, list []plane.Series, cut plane.Cut) (old []int32, err error) {
	for len(list) > 0 {
		n := min(len(list), dumpSeries)
		err := s.reading(ctx, func(c *pgxpool.Conn) error {
			rows, err := c.Query(ctx, `SELECT s FROM polity.series x WHERE digest = ANY ($1) AND (
				EXISTS (SELECT FROM polity.history h WHERE h.s = x.s AND at < $2)
				OR EXISTS (SELECT FROM polity.chunk c WHERE c.s = x.s AND day < $5)
				OR EXISTS (SELECT FROM polity.hourly h WHERE h.s = x.s AND at < $3)
				OR EXISTS (SELECT FROM polity.daily d WHERE d.s = x.s AND at < $4)) ORDER BY s`,
				digests(list[:n]), since(cut.Raw), spans(cut.Hourly, time.Hour), spans(cut.Daily, plane.Day), spans(cut.Raw, plane.Day))
			if err != nil {
				return err
			}
			some, err := pgx.CollectRows(rows, pgx.RowTo[int32])
			if err == nil {
				old, list = append(old, some...), list[n:]
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return old, nil
}

func digests(list []plane.Series) [][]byte {
	out := make([][]byte, len(list))
	for i, x := range list {
		out[i] = digest(x)
	}
	return out
}

// since is a time of a cut; the zero time keeps all.
func since(t time.Time) time.Time {
	if t.IsZero() {
		return beginOfTime
	}
	return t
}

// spans counts the hours or days from 1970 to a time.
func spans(t time.Time, span time.Duration) int32 {
	return int32(since(t).UnixMilli() / span.Milliseconds()) //nolint:gosec // Check bounds it
}

// thin does one step, and returns those series that have more.
func thin(ctx context.Context, tx pgx.Tx, list []int32, cut plane.Cut) (done plane.Thinned, left []int32, err error) {
	budget := int64(stepRows)
	for i, series := range list {
		n, err := thinOne(ctx, tx, series, cut, budget)
		if err != nil {
			return done, nil, err
		}
		done.Add(n)
		if budget -= 1 + n.Raw + n.Hourly + n.Daily; budget <= 0 {
			return done, list[i:], nil // it may have more
		}
	}
	return done, nil, nil
}

// thinOne thins out one series by about so many rows.
func thinOne(ctx context.Context, tx pgx.Tx, series int32, cut plane.Cut, rows int64) (done plane.Thinned, err error) {
	// Whoever is about to add something old to the series is waited for, and whoever comes
	// later sees that it is too late.
	if _, err := tx.Exec(ctx, "UPDATE polity.series SET thinned = greatest(thinned, $2) WHERE s = $1", series, since(cut.Raw)); err != nil {
		return done, err
	}
	if done.Raw, err = toHours(ctx, tx, series, since(cut.Raw), rows); err != nil || done.Raw >= rows {
		return done, err
	}
	packed, err := toHoursPacked(ctx, tx, series, spans(cut.Raw, plane.Day), rows-done.Raw)
	if done.Raw += packed; err != nil || done.Raw >= rows {
		return done, err
	}
	if done.Hourly, err = toDays(ctx, tx, series, spans(cut.Hourly, time.Hour), rows-done.Raw); err != nil || done.Raw+done.Hourly >= rows {
		return done, err
	}
	tag, err := tx.Exec(ctx, "DELETE FROM polity.daily WHERE s = $1 AND at < $2", series, spans(cut.Daily, plane.Day))
	done.Daily = tag.RowsAffected()
	return done, err
}

// toHours moves the first observations before a time into their hours.
func toHours(ctx context.Context, tx pgx.Tx, series int32, before time.Time, most int64) (n int64, err error) {
	rows, err := tx.Query(ctx, "SELECT at, length, value, detail IS NULL FROM polity.history WHERE s = $1 AND at < $2 ORDER BY at, length LIMIT $3", series, before, most)
	if err != nil {
		return 0, err
	}
	var hours []plane.Summary
	var at time.Time
	var length int64
	var value float64
	var counts bool
	if _, err := pgx.ForEachRow(rows, []any{&at, &length, &value, &counts}, func() error {
		if n++; counts {
			o := plane.Observation{Start: at, Value: value}
			x := o.Summary()
			hours = plane.Thicken(hours, &x, time.Hour)
		}
		return nil
	}); err != nil || n == 0 {
		return 0, err
	}
	if err := keep(ctx, tx, "hourly", series, hours, time.Hour); err != nil {
		return 0, err
	}
	_, err = tx.Exec(ctx, "DELETE FROM polity.history WHERE s = $1 AND at <= $2 AND (at, length) <= ($2, $3)", series, at, length)
	return n, err
}

// toDays moves the first summaries of hours before an hour into their days.
func toDays(ctx context.Context, tx pgx.Tx, series, before int32, most int64) (n int64, err error) {
	list, err := readKept(ctx, tx, "hourly", "s = $1 AND at < $2 ORDER BY at LIMIT $3", time.Hour, series, before, most)
	if err != nil || len(list) == 0 {
		return 0, err
	}
	var days []plane.Summary
	for i := range list {
		days = plane.Thicken(days, &list[i], plane.Day)
	}
	if err := keep(ctx, tx, "daily", series, days, plane.Day); err != nil {
		return 0, err
	}
	_, err = tx.Exec(ctx, "DELETE FROM polity.hourly WHERE s = $1 AND at <= $2", series, spans(list[len(list)-1].Start, time.Hour))
	return int64(len(list)), err
}

// keep adds summaries to those that are there.
func keep(ctx context.Context, tx pgx.Tx, table string, series int32, list []plane.Summary, span time.Duration) error {
	var at []int32
	var count []int64
	var sum, squares, least, most []float64
	for i := range list {
		at = append(at, spans(list[i].Start, span))
	}
	old, err := readKept(ctx, tx, table, "s = $1 AND at = ANY ($2)", span, series, at)
	if err != nil {
		return err
	}
	there := map[int64]*plane.Summary{}
	for i := range old {
		there[old[i].Start.UnixMilli()] = &old[i]
	}
	for i := range list {
		x := &list[i]
		if was := there[x.Start.UnixMilli()]; was != nil {
			x = &plane.Thicken([]plane.Summary{*was}, x, span)[0]
		}
		count, sum, squares = append(count, x.Count), append(sum, x.Sum), append(squares, x.Squares)
		least, most = append(least, x.Least), append(most, x.Most)
	}
	_, err = tx.Exec(ctx, `INSERT INTO polity.`+table+` (s, at, count, sum, squares, least, most)
		SELECT $1, * FROM unnest($2::int[], $3::bigint[], $4::float8[], $5::float8[], $6::float8[], $7::float8[])
		ON CONFLICT (s, at) DO UPDATE SET count = excluded.count, sum = excluded.sum, squares = excluded.squares, least = excluded.least, most = excluded.most`,
		series, at, count, sum, squares, least, most)
	return err
}

// readKept reads summaries of one of the tables hourly and daily, without their series.
func readKept(ctx context.Context, c querier, table, where string, span time.Duration, args ...any) ([]plane.Summary, error) {
	rows, err := c.Query(ctx, "SELECT at, count, sum, squares, least, most FROM polity."+table+" WHERE "+where, args...) //nolint:gosec // our own texts
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (x plane.Summary, err error) {
		var at int64
		err = row.Scan(&at, &x.Count, &x.Sum, &x.Squares, &x.Least, &x.Most)
		x.Start = time.UnixMilli(at * span.Milliseconds()).UTC()
		return x, err
	})
}

// WouldThin is plane.Thinner's.
func (s *Store) WouldThin(ctx context.Context, list []plane.Series, cut plane.Cut) (all plane.Thinned, err error) {
	if err := cut.Check(s.now()); err != nil {
		return all, err
	}
	for len(list) > 0 {
		n := min(len(list), dumpSeries)
		var one plane.Thinned
		if err := s.reading(ctx, func(c *pgxpool.Conn) error {
			return c.QueryRow(ctx, `WITH x AS MATERIALIZED (SELECT s FROM polity.series WHERE digest = ANY ($1))
				SELECT (SELECT count(*) FROM polity.history JOIN x USING (s) WHERE at < $2)
					+ (SELECT coalesce(sum(cardinality(at)), 0) FROM polity.chunk JOIN x USING (s) WHERE day < $5),
					(SELECT count(*) FROM polity.hourly JOIN x USING (s) WHERE at < $3), (SELECT count(*) FROM polity.daily JOIN x USING (s) WHERE at < $4)`,
				digests(list[:n]), since(cut.Raw), spans(cut.Hourly, time.Hour), spans(cut.Daily, plane.Day), spans(cut.Raw, plane.Day)).Scan(&one.Raw, &one.Hourly, &one.Daily)
		}); err != nil {
			return all, err
		}
		all.Add(one)
		list = list[n:]
	}
	return all, nil
}

// forgetSummaries is Forget's part.
func (s *Store) forgetSummaries(ctx context.Context, key plane.Key, before time.Time) (gone int64, err error) {
	err = s.readError(s.forgetting(ctx, func(tx pgx.Tx) error {
		for table, span := range map[string]time.Duration{"hourly": time.Hour, "daily": plane.Day} {
			text, args := "DELETE FROM polity."+table+" WHERE at < $1 AND s IN (SELECT s FROM polity.series WHERE tenant = $2", []any{upTo(earlier(before, endOfTime), span), key.Tenant}
			if key.ID != "" {
				text, args = text+" AND id = $3", append(args, key.ID)
			}
			var n int64
			if err := tx.QueryRow(ctx, "WITH gone AS ("+text+") RETURNING count) SELECT coalesce(sum(count), 0)::bigint FROM gone", args...).Scan(&n); err != nil {
				return err
			}
			gone += n
		}
		// Where no summary is left nothing is late any more.
		text, args := "UPDATE polity.series SET thinned = DEFAULT WHERE thinned > '1970-01-01 00:00:00Z' AND thinned <= $1 AND tenant = $2", []any{earlier(before, endOfTime), key.Tenant}
		if key.ID != "" {
			text, args = text+" AND id = $3", append(args, key.ID)
		}
		_, err := tx.Exec(ctx, text, args...)
		return err
	}))
	return gone, err
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return ceilMilli(a)
	}
	return b
}
