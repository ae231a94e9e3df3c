package postgres

import (
	"context"
	"crypto/sha256"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"polity/plane"
)

const (
	maxSeries   = 100_000 // that the writer remembers, about 20 MB
	historyPage = 2_000   // observations read at a time
)

// digest names a series in few bytes. Names hold no NUL.
func digest(x plane.Series) []byte {
	sum := sha256.Sum256([]byte(strings.Join([]string{x.Tenant, x.ID, x.Attribute, x.Dataset}, "\x00")))
	return sum[:]
}

// learn gives every series of a group its number, and every month its partition.
// What it adds stays when the group then fails, and harms nobody.
func (s *Store) learn(ctx context.Context, group []*request) error {
	parts := s.ahead()
	unknown := map[plane.Series]bool{}
	for _, r := range group {
		for i := range r.batch.Observations {
			o := &r.batch.Observations[i]
			parts = append(parts, partOf(o.Start))
			if _, ok := s.series[o.Series]; !ok {
				unknown[o.Series] = true
			}
		}
	}
	if err := s.makeParts(ctx, parts); err != nil {
		return err
	}
	if len(unknown) == 0 {
		return nil
	}
	if len(s.series)+len(unknown) > maxSeries {
		clear(s.series)
		for _, r := range group {
			for i := range r.batch.Observations {
				unknown[r.batch.Observations[i].Series] = true
			}
		}
	}
	return s.learnSeries(ctx, unknown)
}

func (s *Store) learnSeries(ctx context.Context, unknown map[plane.Series]bool) error {
	var digests [][]byte
	var tenants, ids, attributes, datasets []string
	for x := range unknown {
		digests, tenants, ids = append(digests, digest(x)), append(tenants, x.Tenant), append(ids, x.ID)
		attributes, datasets = append(attributes, x.Attribute), append(datasets, x.Dataset)
	}
	// Those that are there take no number of the sequence.
	if _, err := s.conn.Exec(ctx, `INSERT INTO polity.series (digest, tenant, id, attribute, dataset)
		SELECT * FROM unnest($1::bytea[], $2::text[], $3::text[], $4::text[], $5::text[]) AS k (digest, tenant, id, attribute, dataset)
		WHERE NOT EXISTS (SELECT FROM polity.series x WHERE x.digest = k.digest) ORDER BY digest ON CONFLICT DO NOTHING`,
		digests, tenants, ids, attributes, datasets); err != nil {
		return err
	}
	rows, err := s.conn.Query(ctx, "SELECT s, tenant, id, attribute, dataset FROM polity.series WHERE digest = ANY ($1)", digests)
	if err != nil {
		return err
	}
	list, err := pgx.CollectRows(rows, scanSeries)
	for _, x := range list {
		s.series[x.series] = x.n
	}
	return err
}

type seriesRow struct {
	n      int32
	series plane.Series
}

func scanSeries(row pgx.CollectableRow) (x seriesRow, err error) {
	return x, row.Scan(&x.n, &x.series.Tenant, &x.series.ID, &x.series.Attribute, &x.series.Dataset)
}

// queueObservations adds a request's observations, and tells it how many were not
// there before.
func (s *Store) queueObservations(b *pgx.Batch, r *request) {
	n := len(r.batch.Observations)
	if n == 0 {
		return
	}
	series, at, value := make([]int32, n), make([]time.Time, n), make([]float64, n)
	length, covered, detail := make([]int64, n), make([]*int64, n), make([][]byte, n)
	for i := range r.batch.Observations {
		o := &r.batch.Observations[i]
		series[i], value[i], length[i] = s.series[o.Series], o.Value, o.Length.Milliseconds()
		at[i] = time.UnixMilli(o.Start.UnixMilli())
		if c := o.Covered.Milliseconds(); c != length[i] {
			covered[i] = &c
		}
		if len(o.Detail) > 0 {
			detail[i] = o.Detail
		}
	}
	b.Queue(`INSERT INTO polity.history (s, at, length, covered, value, detail)
		SELECT * FROM unnest($1::int[], $2::timestamptz[], $3::bigint[], $4::bigint[], $5::float8[], $6::bytea[]) ON CONFLICT DO NOTHING`,
		series, at, length, covered, value, detail).
		Exec(func(tag pgconn.CommandTag) error {
			r.result.Added = int(tag.RowsAffected())
			return nil
		})
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
