package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"polity/plane"
)

var _ plane.Thinner = (*Store)(nil)

// stepRows bounds what one commit thins out: some ten milliseconds, for which writers wait.
const stepRows = 2000

// EachSeries is plane.Thinner's.
func (s *Store) EachSeries(ctx context.Context, each func(plane.Series, []string) error) error {
	var after plane.Series
	for begun := false; ; begun = true {
		list, types, err := s.someSeries(ctx, after, begun)
		if err != nil || len(list) == 0 {
			return s.readError(err)
		}
		for _, x := range list {
			if err := each(x.series, types[x.series.Key]); err != nil {
				return err
			}
			after = x.series
		}
	}
}

// someSeries returns the next series and their entities' types.
func (s *Store) someSeries(ctx context.Context, after plane.Series, begun bool) ([]seriesRow, map[plane.Key][]string, error) {
	list, err := nextSeries(ctx, s.read, after, begun)
	if err != nil || len(list) == 0 {
		return nil, nil, err
	}
	types := map[plane.Key][]string{}
	for _, x := range list {
		if _, ok := types[x.series.Key]; ok {
			continue
		}
		r := row{id: x.series.ID}
		types[x.series.Key] = nil
		err := s.read.QueryRowContext(ctx, "SELECT body FROM entity WHERE tenant = ? AND id = ?", x.series.Tenant, x.series.ID).Scan(&r.body)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		e, err := r.entity(x.series.Tenant)
		if err != nil {
			return nil, nil, err
		}
		types[x.series.Key] = e.Types
	}
	return list, types, nil
}

// Thin is plane.Thinner's.
func (s *Store) Thin(ctx context.Context, list []plane.Series, cut plane.Cut) (all plane.Thinned, err error) {
	if err := cut.Check(s.now()); err != nil {
		return all, err
	}
	if list, err = s.withOld(ctx, list, cut); err != nil {
		return all, s.readError(err)
	}
	for len(list) > 0 {
		var step plane.Thinned
		var left []plane.Series
		err := s.submit(ctx, &request{do: func(ctx context.Context) (err error) {
			step, left, err = s.thin(ctx, list, cut)
			return err
		}})
		if err != nil {
			return all, err
		}
		all.Add(step)
		list = left
	}
	return all, s.submit(ctx, &request{do: func(ctx context.Context) error { return s.dropEmpty(ctx, millis(cut.Raw)) }})
}

// withOld returns those series that have something to thin out, so that the writer is not
// held up by the others.
func (s *Store) withOld(ctx context.Context, list []plane.Series, cut plane.Cut) (old []plane.Series, err error) {
	parts, err := listParts(ctx, s.read, 0, millis(cut.Raw))
	if err != nil {
		return nil, err
	}
	text, args := "EXISTS (SELECT 1 FROM hourly h WHERE h.s = x.s AND at < ?) OR EXISTS (SELECT 1 FROM daily d WHERE d.s = x.s AND at < ?)",
		[]any{millis(cut.Hourly) / time.Hour.Milliseconds(), millis(cut.Daily) / plane.Day.Milliseconds()}
	for _, p := range parts {
		text, args = text+" OR EXISTS (SELECT 1 FROM "+p.name+" p WHERE p.s = x.s AND at < ?)", append(args, millis(cut.Raw)-p.begin)
	}
	st, err := s.read.PrepareContext(ctx, "SELECT "+text+" FROM series x WHERE tenant = ? AND id = ? AND attribute = ? AND dataset = ?") //nolint:gosec // names that month made
	if err != nil {
		return nil, err
	}
	defer st.Close()
	for _, x := range list {
		var has bool
		err := st.QueryRowContext(ctx, append(slices.Clip(args), x.Tenant, x.ID, x.Attribute, x.Dataset)...).Scan(&has)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return nil, err
		}
		if has {
			old = append(old, x)
		}
	}
	return old, nil
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// thin does one step in the writer's transaction, and returns those series that have more.
func (s *Store) thin(ctx context.Context, list []plane.Series, cut plane.Cut) (done plane.Thinned, left []plane.Series, err error) {
	budget := int64(stepRows)
	parts, err := listParts(ctx, s.conn, 0, millis(cut.Raw))
	if err != nil {
		return done, nil, err
	}
	for i, name := range list {
		if budget <= 0 {
			return done, list[i:], nil
		}
		x, err := s.seriesNumber(ctx, name)
		if err != nil {
			return done, nil, err
		}
		if raw := millis(cut.Raw); x.thinned < raw {
			if _, err := s.conn.ExecContext(ctx, "UPDATE series SET thinned = ? WHERE s = ?", raw, x.n); err != nil {
				return done, nil, err
			}
			x.thinned = raw
			s.series[shorten(name)] = x
		}
		n, err := s.thinOne(ctx, x.n, parts, cut, budget)
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
func (s *Store) thinOne(ctx context.Context, series int64, parts []partRow, cut plane.Cut, rows int64) (done plane.Thinned, err error) {
	for _, p := range parts {
		if done.Raw >= rows {
			return done, nil
		}
		n, err := s.toHours(ctx, series, p, millis(cut.Raw), rows-done.Raw)
		if err != nil {
			return done, err
		}
		done.Raw += n
	}
	if done.Raw >= rows {
		return done, nil
	}
	if done.Hourly, err = s.toDays(ctx, series, millis(cut.Hourly)/time.Hour.Milliseconds(), rows-done.Raw); err != nil || done.Raw+done.Hourly >= rows {
		return done, err
	}
	res, err := s.conn.ExecContext(ctx, "DELETE FROM daily WHERE s = ? AND at < ?", series, millis(cut.Daily)/plane.Day.Milliseconds())
	if err == nil {
		done.Daily, err = res.RowsAffected()
	}
	return done, err
}

// toHours moves the first observations of a month before a time into their hours.
func (s *Store) toHours(ctx context.Context, series int64, p partRow, before, most int64) (n int64, err error) {
	rows, err := s.conn.QueryContext(ctx, "SELECT at, length, value, detail IS NULL FROM "+p.name+" WHERE s = ? AND at < ? ORDER BY at, length LIMIT ?", series, before-p.begin, most) //nolint:gosec // a name that month made
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	var hours []plane.Summary
	var at, length int64
	for ; rows.Next(); n++ {
		var o plane.Observation
		var counts bool
		if err := rows.Scan(&at, &length, &o.Value, &counts); err != nil {
			return 0, err
		}
		if counts {
			o.Start = time.UnixMilli(p.begin + at)
			x := o.Summary()
			hours = plane.Thicken(hours, &x, time.Hour)
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil || n == 0 {
		return 0, err
	}
	if err := s.keep(ctx, "hourly", series, hours, time.Hour); err != nil {
		return 0, err
	}
	_, err = s.conn.ExecContext(ctx, "DELETE FROM "+p.name+" WHERE s = ? AND (at, length) <= (?, ?)", series, at, length) //nolint:gosec // a name that month made
	return n, err
}

// toDays moves the first summaries of hours before an hour into their days.
func (s *Store) toDays(ctx context.Context, series, before, most int64) (n int64, err error) {
	list, err := readKept(ctx, s.conn, "hourly", "s = ? AND at < ? ORDER BY at LIMIT ?", time.Hour, series, before, most)
	if err != nil || len(list) == 0 {
		return 0, err
	}
	var days []plane.Summary
	for i := range list {
		days = plane.Thicken(days, &list[i].summary, plane.Day)
	}
	if err := s.keep(ctx, "daily", series, days, plane.Day); err != nil {
		return 0, err
	}
	last := list[len(list)-1].summary.Start.UnixMilli() / time.Hour.Milliseconds()
	_, err = s.conn.ExecContext(ctx, "DELETE FROM hourly WHERE s = ? AND at <= ?", series, last)
	return int64(len(list)), err
}

// keep adds summaries to those that are there.
func (s *Store) keep(ctx context.Context, table string, series int64, list []plane.Summary, span time.Duration) error {
	for i := range list {
		x := &list[i]
		at := x.Start.UnixMilli() / span.Milliseconds()
		old, err := readKept(ctx, s.conn, table, "s = ? AND at = ?", span, series, at)
		if err != nil {
			return err
		}
		if len(old) > 0 {
			x = &plane.Thicken([]plane.Summary{old[0].summary}, x, span)[0]
		}
		if _, err := s.conn.ExecContext(ctx, "INSERT OR REPLACE INTO "+table+" (s, at, count, sum, squares, least, most) VALUES (?, ?, ?, ?, ?, ?, ?)", //nolint:gosec // our own texts
			series, at, x.Count, x.Sum, x.Squares, x.Least, x.Most); err != nil {
			return err
		}
	}
	return nil
}

// kept is a summary in one of the tables hourly and daily.
type kept struct {
	series  int64
	summary plane.Summary // without the series' names
}

func readKept(ctx context.Context, q querier, table, where string, span time.Duration, args ...any) (list []kept, err error) {
	rows, err := q.QueryContext(ctx, "SELECT s, at, count, sum, squares, least, most FROM "+table+" WHERE "+where, args...) //nolint:gosec // our own texts
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var x kept
		var at int64
		if err := rows.Scan(&x.series, &at, &x.summary.Count, &x.summary.Sum, &x.summary.Squares, &x.summary.Least, &x.summary.Most); err != nil {
			return nil, err
		}
		x.summary.Start = time.UnixMilli(at * span.Milliseconds()).UTC()
		list = append(list, x)
	}
	return list, rows.Err()
}

// restoreSummaries adds what another store kept, and makes its time late.
func (s *Store) restoreSummaries(ctx context.Context, list []plane.Kept) error {
	for i := range list {
		k := &list[i]
		x, err := s.seriesNumber(ctx, k.Series)
		if err != nil {
			return err
		}
		table := "hourly"
		if k.Span == plane.Day {
			table = "daily"
		}
		if _, err := s.conn.ExecContext(ctx, "INSERT OR IGNORE INTO "+table+" (s, at, count, sum, squares, least, most) VALUES (?, ?, ?, ?, ?, ?, ?)",
			x.n, k.Start.UnixMilli()/k.Span.Milliseconds(), k.Count, k.Sum, k.Squares, k.Least, k.Most); err != nil {
			return err
		}
		if end := k.Start.Add(k.Span).UnixMilli(); x.thinned < end {
			if _, err := s.conn.ExecContext(ctx, "UPDATE series SET thinned = ? WHERE s = ?", end, x.n); err != nil {
				return err
			}
			x.thinned = end
			s.series[shorten(k.Series)] = x
		}
	}
	return nil
}

// dropEmpty drops the tables of months before a time of which nothing is left.
func (s *Store) dropEmpty(ctx context.Context, before int64) error {
	parts, err := listParts(ctx, s.conn, 0, before)
	if err != nil {
		return err
	}
	for _, p := range parts {
		if p.until <= before {
			if err := s.dropIfEmpty(ctx, p.name); err != nil {
				return err
			}
		}
	}
	return nil
}

// removeSummaries is Forget's part.
func (s *Store) removeSummaries(ctx context.Context, key plane.Key, before int64) (gone int64, err error) {
	for table, span := range map[string]time.Duration{"hourly": time.Hour, "daily": plane.Day} {
		text, args := " FROM "+table+" WHERE s IN (SELECT s FROM series WHERE tenant = ?", []any{key.Tenant}
		if key.ID != "" {
			text, args = text+" AND id = ?", append(args, key.ID)
		}
		text, args = text+") AND at < ?", append(args, ceilDiv(before, span.Milliseconds()))
		var n int64
		if err := s.conn.QueryRowContext(ctx, "SELECT coalesce(sum(count), 0)"+text, args...).Scan(&n); err != nil {
			return 0, err
		}
		if n == 0 {
			continue
		}
		if _, err := s.conn.ExecContext(ctx, "DELETE"+text, args...); err != nil {
			return 0, err
		}
		gone += n
	}
	// Where no summary is left nothing is late any more.
	text, args := "UPDATE series SET thinned = 0 WHERE thinned > 0 AND thinned <= ? AND tenant = ?", []any{before, key.Tenant}
	if key.ID != "" {
		text, args = text+" AND id = ?", append(args, key.ID)
	}
	clear(s.series)
	_, err = s.conn.ExecContext(ctx, text, args...)
	return gone, err
}

func ceilDiv(a, b int64) int64 {
	q := a / b
	if a%b > 0 {
		q++
	}
	return q
}

// WouldThin is plane.Thinner's.
func (s *Store) WouldThin(ctx context.Context, list []plane.Series, cut plane.Cut) (all plane.Thinned, err error) {
	if err := cut.Check(s.now()); err != nil {
		return all, err
	}
	tx, err := s.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return all, s.readError(err)
	}
	defer tx.Rollback() //nolint:errcheck // nothing was written
	parts, err := listParts(ctx, tx, 0, millis(cut.Raw))
	if err != nil {
		return all, kind(err)
	}
	for _, name := range list {
		var n int64
		err := tx.QueryRowContext(ctx, "SELECT s FROM series WHERE tenant = ? AND id = ? AND attribute = ? AND dataset = ?", name.Tenant, name.ID, name.Attribute, name.Dataset).Scan(&n)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return all, kind(err)
		}
		one, err := wouldThin(ctx, tx, n, parts, cut)
		if err != nil {
			return all, kind(err)
		}
		all.Add(one)
	}
	return all, nil
}

func wouldThin(ctx context.Context, tx *sql.Tx, series int64, parts []partRow, cut plane.Cut) (all plane.Thinned, err error) {
	count := func(to *int64, table string, before int64) {
		if err != nil {
			return
		}
		var n int64
		err = tx.QueryRowContext(ctx, "SELECT count(*) FROM "+table+" WHERE s = ? AND at < ?", series, before).Scan(&n)
		*to += n
	}
	for _, p := range parts {
		count(&all.Raw, p.name, millis(cut.Raw)-p.begin)
	}
	count(&all.Hourly, "hourly", millis(cut.Hourly)/time.Hour.Milliseconds())
	count(&all.Daily, "daily", millis(cut.Daily)/plane.Day.Milliseconds())
	return all, err
}
