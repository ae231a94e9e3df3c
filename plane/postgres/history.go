package postgres

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"polity/plane"
)

const historyPage = 2_000 // observations read at a time

type seriesRow struct {
	n      int32
	series plane.Series
}

func scanSeries(row pgx.CollectableRow) (x seriesRow, err error) {
	return x, row.Scan(&x.n, &x.series.Tenant, &x.series.ID, &x.series.Attribute, &x.series.Dataset)
}

// History is plane.Store's.
func (s *Store) History(ctx context.Context, q plane.HistoryQuery, each func(plane.Observation) error) error {
	var list []seriesRow
	if err := s.reading(ctx, func(c *pgxpool.Conn) (err error) {
		list, err = listSeries(ctx, c, q)
		return err
	}); err != nil {
		return err
	}
	for _, x := range list {
		at := startOf(q)
		for more := true; more; {
			var page []plane.Observation
			var next place
			if err := s.reading(ctx, func(c *pgxpool.Conn) (err error) {
				page, next, more, err = at.read(ctx, c, x)
				return err
			}); err != nil {
				return err
			}
			for _, o := range page {
				if err := each(o); err != nil {
					return err
				}
			}
			at = next
		}
	}
	return nil
}

type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func listSeries(ctx context.Context, c querier, q plane.HistoryQuery) ([]seriesRow, error) {
	if !storable(q.Key.Tenant, q.Key.ID, q.Attribute, q.Dataset) {
		return nil, nil
	}
	text, args := "SELECT s, tenant, id, attribute, dataset FROM polity.series WHERE tenant = $1 AND id = $2", []any{q.Key.Tenant, q.Key.ID}
	if q.Attribute != "" {
		text, args = text+" AND attribute = $3", append(args, q.Attribute)
		if q.Dataset != "*" {
			text, args = text+" AND dataset = $4", append(args, q.Dataset)
		}
	}
	rows, err := c.Query(ctx, text+" ORDER BY attribute, dataset", args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanSeries)
}

// place is where reading a series goes on.
type place struct {
	at, until time.Time
	length    int64 // of the last at that time; -1: none yet
}

// Ends of what an observation's start can be.
var (
	beginOfTime = time.UnixMilli(0).UTC()
	endOfTime   = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
)

func startOf(q plane.HistoryQuery) place {
	p := place{beginOfTime, endOfTime, -1}
	if q.From.After(p.at) {
		p.at = ceilMilli(q.From)
	}
	if !q.To.IsZero() && q.To.Before(p.until) {
		p.until = ceilMilli(q.To)
	}
	return p
}

// ceilMilli rounds up to what a start can be.
func ceilMilli(t time.Time) time.Time {
	ms := time.UnixMilli(t.UnixMilli())
	if ms.Before(t) {
		ms = ms.Add(time.Millisecond)
	}
	return ms
}

// read returns the next observations of a series, and from where it goes on if there may
// be more. Rows and packed days come in one statement, because rows are packed meanwhile.
func (p place) read(ctx context.Context, c querier, x seriesRow) (page []plane.Observation, next place, more bool, err error) {
	day := plane.Day.Milliseconds()
	rows, err := c.Query(ctx, `(SELECT NULL::int, at, length, coalesce(covered, length), value, detail, NULL::int[], NULL::float8[], NULL::bigint[], NULL::bigint[]
			FROM polity.history WHERE s = $1 AND at >= $2 AND at < $3 AND (at, length) > ($2, $4) ORDER BY at, length LIMIT $5)
		UNION ALL
		(SELECT day, NULL, NULL, NULL, NULL, NULL, at, value, length, covered
			FROM polity.chunk WHERE s = $1 AND day >= $6 AND day < $7 ORDER BY day LIMIT $8)`,
		x.n, p.at, p.until, p.length, historyPage, p.at.UnixMilli()/day, (p.until.UnixMilli()+day-1)/day, dayPage)
	if err != nil {
		return nil, next, false, err
	}
	// How far rows and days reach: behind it there may be more.
	next = place{at: p.until, until: p.until, length: -1}
	alone, days := 0, 0
	var lastDay int32
	var lastRow plane.Observation
	for rows.Next() {
		o := plane.Observation{Series: x.series}
		var chunk packedDay
		var day *int32
		var at *time.Time
		var length, covered *int64
		var value *float64
		if err := rows.Scan(&day, &at, &length, &covered, &value, &o.Detail, &chunk.at, &chunk.value, &chunk.length, &chunk.covered); err != nil {
			rows.Close()
			return nil, next, false, err
		}
		if day != nil {
			days, lastDay = days+1, *day
			page = chunk.appendTo(page, x.series, *day, p)
			continue
		}
		o.Start, o.Value = at.UTC(), *value
		o.Length, o.Covered = time.Duration(*length)*time.Millisecond, time.Duration(*covered)*time.Millisecond
		alone, lastRow = alone+1, o
		page = append(page, o)
	}
	if err := rows.Err(); err != nil {
		return nil, next, false, err
	}
	if alone == historyPage {
		next.at, next.length, more = lastRow.Start, lastRow.Length.Milliseconds(), true
	}
	if end := dayStart(lastDay + 1); days == dayPage && end.Before(next.at) {
		next.at, next.length, more = end, -1, true
	}
	if days > 0 {
		slices.SortFunc(page, func(a, b plane.Observation) int {
			return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.Length, b.Length))
		})
	}
	page = slices.DeleteFunc(page, func(o plane.Observation) bool { return !next.reached(&o) })
	return page, next, more, nil
}

// dayPage is how many packed days are read at a time.
const dayPage = 4

// reached says that an observation lies at a place or before it.
func (p place) reached(o *plane.Observation) bool {
	return o.Start.Before(p.at) || o.Start.Equal(p.at) && o.Length.Milliseconds() <= p.length
}

// packedDay is a row of the table chunk.
type packedDay struct {
	at      []int32
	value   []float64
	length  []int64
	covered []*int64
}

// appendTo adds those observations of the day that a place still has before it.
func (x *packedDay) appendTo(page []plane.Observation, series plane.Series, day int32, p place) []plane.Observation {
	begin := dayStart(day)
	for i := range x.at {
		length := x.length[0]
		if i < len(x.length) {
			length = x.length[i]
		}
		covered := length
		if x.covered != nil && x.covered[i] != nil {
			covered = *x.covered[i]
		}
		o := plane.Observation{
			Series: series, Start: begin.Add(time.Duration(x.at[i]) * time.Millisecond), Value: x.value[i],
			Length: time.Duration(length) * time.Millisecond, Covered: time.Duration(covered) * time.Millisecond,
		}
		if !p.reached(&o) && !o.Start.Before(p.at) && o.Start.Before(p.until) {
			page = append(page, o)
		}
	}
	return page
}
