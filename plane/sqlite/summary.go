package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"polity/plane"
)

var _ plane.Summarizer = (*Store)(nil)

// Summarize is plane.Summarizer's.
func (s *Store) Summarize(ctx context.Context, q plane.SummaryQuery, each func(plane.Summary) error) error {
	if err := q.Check(); err != nil {
		return err
	}
	tx, err := s.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return s.readError(err)
	}
	defer tx.Rollback() //nolint:errcheck // nothing was written
	series, err := seriesOf(ctx, tx, &q)
	if err != nil {
		return kind(err)
	}
	if int64(len(series))*q.Buckets() > plane.MaxSummaries {
		return q.ErrTooManySummaries(len(series))
	}
	if len(series) == 0 {
		return nil
	}
	parts, err := listParts(ctx, tx, q.From.UnixMilli(), q.To.UnixMilli())
	if err != nil {
		return kind(err)
	}
	all := summaries{}
	for _, p := range parts {
		if err := all.add(ctx, tx, &q, p, series); err != nil {
			return kind(err)
		}
	}
	for table, span := range map[string]time.Duration{"hourly": time.Hour, "daily": plane.Day} {
		if err := all.addKept(ctx, tx, &q, table, span, series); err != nil {
			return kind(err)
		}
	}
	return all.tell(&q, series, each)
}

// seriesOf returns the names of the series that are asked for, by their numbers.
func seriesOf(ctx context.Context, tx *sql.Tx, q *plane.SummaryQuery) (map[int64]string, error) {
	text, args := "SELECT s, id FROM series WHERE tenant = ? AND attribute = ? AND dataset = ?", []any{q.Tenant, q.Attribute, q.Dataset}
	if q.IDs != nil {
		ids, err := json.Marshal(q.IDs)
		if err != nil {
			return nil, err
		}
		text, args = text+" AND id IN (SELECT value FROM json_each(?))", append(args, string(ids))
	}
	rows, err := tx.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	names := map[int64]string{}
	for rows.Next() {
		var n int64
		var id string
		if err := rows.Scan(&n, &id); err != nil {
			return nil, err
		}
		names[n] = id
	}
	return names, rows.Err()
}

// place is a series' bucket.
type place struct{ series, bucket int64 }

type summaries map[place]*plane.Summary

// add summarizes what is in one month's table. A bucket may lie in two. Each bucket of
// each series is a range of the table's key, so that nothing is sorted: GROUP BY would
// sort all that was observed. printf gives numbers that read back as they were.
func (all summaries) add(ctx context.Context, tx *sql.Tx, q *plane.SummaryQuery, p partRow, series map[int64]string) error {
	from, to := q.From.UnixMilli(), q.To.UnixMilli()
	first, last := (max(from, p.begin)-from)/q.Width(), (min(to, p.until)-1-from)/q.Width()
	numbers, err := json.Marshal(slices.Sorted(maps.Keys(series)))
	if err != nil {
		return err
	}
	//nolint:gosec // a name that month made
	text := `WITH RECURSIVE bucket (k) AS (SELECT ? UNION ALL SELECT k + 1 FROM bucket WHERE k < ?)
		SELECT one.value, k, (SELECT printf('%d %!.17g %!.17g %!.17g %!.17g', count(*), sum(value), sum(value * value), min(value), max(value))
			FROM ` + p.name + ` WHERE s = one.value AND at >= k * ? + ? AND at < min((k + 1) * ? + ?, ?) AND detail IS NULL)
		FROM json_each(?) AS one, bucket`
	rows, err := tx.QueryContext(ctx, text, first, last, q.Width(), from-p.begin, q.Width(), from-p.begin, to-p.begin, string(numbers))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var at place
		var text string
		if err := rows.Scan(&at.series, &at.bucket, &text); err != nil {
			return err
		}
		if strings.HasPrefix(text, "0 ") {
			continue
		}
		var x plane.Summary
		if _, err := fmt.Sscan(text, &x.Count, &x.Sum, &x.Squares, &x.Least, &x.Most); err != nil {
			return fmt.Errorf("summary %q: %w", text, err)
		}
		if old := all[at]; old != nil {
			old.Add(&x)
		} else {
			all[at] = &x
		}
	}
	return rows.Err()
}

// addKept adds the summaries of hours or days that begin within the query.
func (all summaries) addKept(ctx context.Context, tx *sql.Tx, q *plane.SummaryQuery, table string, span time.Duration, series map[int64]string) error {
	numbers, err := json.Marshal(slices.Sorted(maps.Keys(series)))
	if err != nil {
		return err
	}
	from, ms := q.From.UnixMilli(), span.Milliseconds()
	list, err := readKept(ctx, tx, table, "s IN (SELECT value FROM json_each(?)) AND at >= ? AND at < ?", span, string(numbers), ceilDiv(from, ms), ceilDiv(q.To.UnixMilli(), ms))
	if err != nil {
		return err
	}
	for i := range list {
		x := &list[i]
		at := place{x.series, (x.summary.Start.UnixMilli() - from) / q.Width()}
		if old := all[at]; old != nil {
			old.Add(&x.summary)
		} else {
			all[at] = &x.summary
		}
	}
	return nil
}

// tell hands the summaries out in order.
func (all summaries) tell(q *plane.SummaryQuery, series map[int64]string, each func(plane.Summary) error) error {
	places := make([]place, 0, len(all))
	for at := range all {
		places = append(places, at)
	}
	slices.SortFunc(places, func(a, b place) int {
		return cmp.Or(cmp.Compare(series[a.series], series[b.series]), cmp.Compare(a.bucket, b.bucket))
	})
	for _, at := range places {
		x := *all[at]
		x.Series = plane.Series{Key: plane.Key{Tenant: q.Tenant, ID: series[at.series]}, Attribute: q.Attribute, Dataset: q.Dataset}
		x.Start = time.UnixMilli(q.From.UnixMilli() + at.bucket*q.Width()).UTC()
		if err := each(x); err != nil {
			return err
		}
	}
	return nil
}
