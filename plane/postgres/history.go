package postgres

import (
	"context"
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
			if err := s.reading(ctx, func(c *pgxpool.Conn) (err error) {
				page, err = at.read(ctx, c, x)
				return err
			}); err != nil {
				return err
			}
			for _, o := range page {
				if err := each(o); err != nil {
					return err
				}
			}
			more = at.behind(page)
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

func (p *place) read(ctx context.Context, c querier, x seriesRow) ([]plane.Observation, error) {
	rows, err := c.Query(ctx, `SELECT at, length, coalesce(covered, length), value, detail FROM polity.history
		WHERE s = $1 AND at >= $2 AND at < $3 AND (at, length) > ($2, $4) ORDER BY at, length LIMIT $5`, x.n, p.at, p.until, p.length, historyPage)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (plane.Observation, error) {
		o := plane.Observation{Series: x.series}
		var length, covered int64
		err := row.Scan(&o.Start, &length, &covered, &o.Value, &o.Detail)
		o.Start = o.Start.UTC()
		o.Length, o.Covered = time.Duration(length)*time.Millisecond, time.Duration(covered)*time.Millisecond
		return o, err
	})
}

// behind moves on behind a page, and says whether there may be more.
func (p *place) behind(page []plane.Observation) bool {
	if len(page) < historyPage {
		return false
	}
	last := page[len(page)-1]
	p.at, p.length = last.Start, last.Length.Milliseconds()
	return true
}
