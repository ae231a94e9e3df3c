package sqlite

import (
	"context"
	"database/sql"
	"math"
	"time"

	"polity/plane"
)

// seriesPage is how many series are looked up at a time.
const seriesPage = 1000

// Dump is plane.Store's.
func (s *Store) Dump(ctx context.Context, entity func(*plane.Entity) error, observation func(plane.Observation) error) error {
	return s.DumpAll(ctx, entity, observation, nil)
}

// DumpAll is plane.Thinner's.
func (s *Store) DumpAll(ctx context.Context, entity func(*plane.Entity) error, observation func(plane.Observation) error, summary func(plane.Kept) error) error {
	tx, err := s.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return s.readError(err)
	}
	defer tx.Rollback() //nolint:errcheck // nothing was written
	if err := dumpEntities(ctx, tx, entity); err != nil {
		return kind(err)
	}
	parts, err := listParts(ctx, tx, 0, math.MaxInt64)
	if err != nil {
		return kind(err)
	}
	if err := dumpSeries(ctx, tx, func(x seriesRow) error {
		for _, p := range parts {
			if err := readPart(ctx, tx, p, x, p.begin, p.until, observation); err != nil {
				return err
			}
		}
		return nil
	}); err != nil || summary == nil {
		return kind(err)
	}
	return kind(dumpSeries(ctx, tx, func(x seriesRow) error {
		for _, t := range []struct {
			name string
			span time.Duration
		}{{"hourly", time.Hour}, {"daily", plane.Day}} {
			list, err := readKept(ctx, tx, t.name, "s = ? ORDER BY at", t.span, x.n)
			if err != nil {
				return err
			}
			for i := range list {
				k := plane.Kept{Summary: list[i].summary, Span: t.span}
				k.Series = x.series
				if err := summary(k); err != nil {
					return err
				}
			}
		}
		return nil
	}))
}

// dumpSeries calls each with every series, in order.
func dumpSeries(ctx context.Context, q querier, each func(seriesRow) error) error {
	var after plane.Series
	for begun := false; ; begun = true {
		list, err := nextSeries(ctx, q, after, begun)
		if err != nil || len(list) == 0 {
			return err
		}
		for _, x := range list {
			if err := each(x); err != nil {
				return err
			}
		}
		after = list[len(list)-1].series
	}
}

func dumpEntities(ctx context.Context, q querier, each func(*plane.Entity) error) error {
	rows, err := q.QueryContext(ctx, "SELECT tenant, id, version, created, modified, body FROM entity ORDER BY tenant, id")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var r row
		var tenant string
		if err := rows.Scan(&tenant, &r.id, &r.version, &r.created, &r.modified, &r.body); err != nil {
			return err
		}
		e, err := r.entity(tenant)
		if err != nil {
			return err
		}
		if err := each(e); err != nil {
			return err
		}
	}
	return rows.Err()
}

// nextSeries returns the series behind one, or the first.
func nextSeries(ctx context.Context, q querier, after plane.Series, begun bool) ([]seriesRow, error) {
	text, args := "SELECT s, tenant, id, attribute, dataset FROM series", []any{}
	if begun {
		text, args = text+" WHERE (tenant, id, attribute, dataset) > (?, ?, ?, ?)", append(args, after.Tenant, after.ID, after.Attribute, after.Dataset)
	}
	rows, err := q.QueryContext(ctx, text+" ORDER BY tenant, id, attribute, dataset LIMIT ?", append(args, seriesPage)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []seriesRow
	for rows.Next() {
		var x seriesRow
		if err := rows.Scan(&x.n, &x.series.Tenant, &x.series.ID, &x.series.Attribute, &x.series.Dataset); err != nil {
			return nil, err
		}
		list = append(list, x)
	}
	return list, rows.Err()
}
