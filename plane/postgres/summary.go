package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"polity/plane"
)

var _ plane.Summarizer = (*Store)(nil)

// Summarize is plane.Summarizer's.
func (s *Store) Summarize(ctx context.Context, q plane.SummaryQuery, each func(plane.Summary) error) error {
	if err := q.Check(); err != nil {
		return err
	}
	if !storable(q.Tenant, q.Attribute, q.Dataset) {
		return nil
	}
	var list []plane.Summary
	if err := s.reading(ctx, func(c *pgxpool.Conn) error {
		series, err := summarized(ctx, c, &q)
		if err != nil || len(series) == 0 {
			return err
		}
		if int64(len(series)) > plane.MaxSummaries/q.Buckets() {
			return q.ErrTooManySummaries(len(series))
		}
		list, err = summaries(ctx, c, &q, series)
		return err
	}); err != nil {
		return err
	}
	for _, x := range list {
		if err := each(x); err != nil {
			return err
		}
	}
	return nil
}

// summarized returns the numbers of the series that are asked for.
func summarized(ctx context.Context, c querier, q *plane.SummaryQuery) ([]int32, error) {
	text, args := "SELECT s FROM polity.series WHERE tenant = $1 AND attribute = $2 AND dataset = $3", []any{q.Tenant, q.Attribute, q.Dataset}
	if q.IDs != nil {
		text, args = text+" AND id = ANY ($4)", append(args, onlyStorable(q.IDs))
	}
	rows, err := c.Query(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[int32])
}

func summaries(ctx context.Context, c querier, q *plane.SummaryQuery, series []int32) ([]plane.Summary, error) {
	from, to := time.UnixMilli(q.From.UnixMilli()), time.UnixMilli(q.To.UnixMilli())
	// In one statement, because an observation may become part of a summary meanwhile.
	rows, err := c.Query(ctx, `SELECT id, start, sum(count)::bigint, sum(sum), sum(squares), min(least), max(most) FROM (
			SELECT s, date_bin($4 * interval '1 ms', at, $2) AS start, count(*) AS count, sum(value) AS sum, sum(value * value) AS squares, min(value) AS least, max(value) AS most
			FROM polity.history WHERE s = ANY ($1) AND at >= $2 AND at < $3 AND detail IS NULL GROUP BY 1, 2
			UNION ALL SELECT s, $2::timestamptz + k * $4 * interval '1 ms', count, sum, squares, least, most FROM (
				SELECT s, (day * 86400000::bigint + ms - $10) / $9 AS k, count(*) AS count, sum(value) AS sum, sum(value * value) AS squares, min(value) AS least, max(value) AS most
				FROM polity.packed WHERE s = ANY ($1) AND day BETWEEN $11 AND $12 AND day * 86400000::bigint + ms BETWEEN $10 AND $13 GROUP BY 1, 2) AS p
			UNION ALL SELECT s, date_bin($4 * interval '1 ms', to_timestamp(at * 3600.0), $2), count, sum, squares, least, most
			FROM polity.hourly WHERE s = ANY ($1) AND at >= $5 AND at < $6
			UNION ALL SELECT s, date_bin($4 * interval '1 ms', to_timestamp(at * 86400.0), $2), count, sum, squares, least, most
			FROM polity.daily WHERE s = ANY ($1) AND at >= $7 AND at < $8
		) AS x JOIN polity.series USING (s) GROUP BY 1, 2 ORDER BY 1, 2`, series, from, to, float64(q.Width()),
		upTo(from, time.Hour), upTo(to, time.Hour), upTo(from, plane.Day), upTo(to, plane.Day),
		q.Width(), from.UnixMilli(), from.UnixMilli()/plane.Day.Milliseconds(), to.UnixMilli()/plane.Day.Milliseconds(), to.UnixMilli()-1)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (plane.Summary, error) {
		x := plane.Summary{Series: plane.Series{Key: plane.Key{Tenant: q.Tenant}, Attribute: q.Attribute, Dataset: q.Dataset}}
		err := row.Scan(&x.ID, &x.Start, &x.Count, &x.Sum, &x.Squares, &x.Least, &x.Most)
		x.Start = x.Start.UTC()
		return x, err
	})
}

// upTo counts the hours or days from 1970 that begin before a time.
func upTo(t time.Time, span time.Duration) int64 {
	ms := span.Milliseconds()
	return (t.UnixMilli() + ms - 1) / ms
}
