package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"polity/plane"
	"polity/plane/record"
)

const dumpSeries = 1000 // series looked up at a time

// nextSeries lists those behind one. The index knows tenant and id; the rest is sorted
// within them.
const nextSeries = `SELECT s, tenant, id, attribute, dataset FROM polity.series
	WHERE (tenant, id) >= ($1, $2) AND (tenant, id, attribute, dataset) > ($1, $2, $3, $4)
	ORDER BY tenant, id, attribute, dataset LIMIT $5`

// Dump is plane.Store's.
func (s *Store) Dump(ctx context.Context, entity func(*plane.Entity) error, observation func(plane.Observation) error) error {
	return s.DumpAll(ctx, entity, observation, nil)
}

// DumpAll is plane.Thinner's.
func (s *Store) DumpAll(ctx context.Context, entity func(*plane.Entity) error, observation func(plane.Observation) error, summary func(plane.Kept) error) error {
	state := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	return s.readError(pgx.BeginTxFunc(ctx, s.pool, state, func(tx pgx.Tx) error {
		// Whoever takes the dump may be slow, and here one plan suits all series.
		for _, set := range []string{"SET LOCAL idle_in_transaction_session_timeout = 0", "SET LOCAL plan_cache_mode = force_generic_plan"} {
			if _, err := tx.Exec(ctx, set); err != nil {
				return err
			}
		}
		if err := dumpEntities(ctx, tx, entity); err != nil {
			return err
		}
		if err := eachSeries(ctx, tx, func(x seriesRow) error { return dumpOne(ctx, tx, x, observation) }); err != nil || summary == nil {
			return err
		}
		return eachSeries(ctx, tx, func(x seriesRow) error { return dumpKept(ctx, tx, x, summary) })
	}))
}

func dumpEntities(ctx context.Context, tx pgx.Tx, each func(*plane.Entity) error) error {
	var after plane.Key
	for {
		rows, err := tx.Query(ctx, "SELECT body FROM polity.entity WHERE (tenant, id) > ($1, $2) ORDER BY tenant, id LIMIT $3", after.Tenant, after.ID, entityPage)
		if err != nil {
			return err
		}
		bodies, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
		if err != nil {
			return err
		}
		for _, body := range bodies {
			e, err := record.Unpack(body)
			if err != nil {
				return damaged(err)
			}
			after = e.Key
			if err := each(e); err != nil {
				return err
			}
		}
		if len(bodies) < entityPage {
			return nil
		}
	}
}

func eachSeries(ctx context.Context, tx pgx.Tx, each func(seriesRow) error) error {
	var after plane.Series
	for {
		rows, err := tx.Query(ctx, nextSeries, after.Tenant, after.ID, after.Attribute, after.Dataset, dumpSeries)
		if err != nil {
			return err
		}
		list, err := pgx.CollectRows(rows, scanSeries)
		if err != nil {
			return err
		}
		for _, x := range list {
			after = x.series
			if err := each(x); err != nil {
				return err
			}
		}
		if len(list) < dumpSeries {
			return nil
		}
	}
}

func dumpOne(ctx context.Context, tx pgx.Tx, x seriesRow, each func(plane.Observation) error) error {
	at := startOf(plane.HistoryQuery{})
	for more := true; more; {
		page, next, again, err := at.read(ctx, tx, x)
		if err != nil {
			return err
		}
		for _, o := range page {
			if err := each(o); err != nil {
				return err
			}
		}
		at, more = next, again
	}
	return nil
}

func dumpKept(ctx context.Context, tx pgx.Tx, x seriesRow, each func(plane.Kept) error) error {
	for _, t := range []struct {
		name string
		span time.Duration
	}{{"hourly", time.Hour}, {"daily", plane.Day}} {
		list, err := readKept(ctx, tx, t.name, "s = $1 ORDER BY at", t.span, x.n)
		if err != nil {
			return err
		}
		for i := range list {
			list[i].Series = x.series
			if err := each(plane.Kept{Summary: list[i], Span: t.span}); err != nil {
				return err
			}
		}
	}
	return nil
}
