package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"time"

	"polity/plane"
)

// maxSeries bounds what the writer remembers of series numbers, about 6 MB.
const maxSeries = 100_000

// month returns the table that holds a time, and the month's bounds in UTC.
func month(t time.Time) (name string, begin, until int64) {
	t = t.UTC()
	first := time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
	return fmt.Sprintf("history_%04d_%02d", t.Year(), t.Month()), first.UnixMilli(), first.AddDate(0, 1, 0).UnixMilli()
}

// forgetLearnt reads anew which parts there are: after a rollback what was learnt
// in between is not so.
func (s *Store) forgetLearnt(ctx context.Context) error {
	s.series, s.parts = map[short]numbered{}, map[string]bool{}
	rows, err := s.conn.QueryContext(ctx, "SELECT name FROM part")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return err
		}
		s.parts[name] = true
	}
	for name, st := range s.statements.observe {
		if !s.parts[name] {
			if err := st.Close(); err != nil {
				return err
			}
			delete(s.statements.observe, name)
		}
	}
	return rows.Err()
}

// short names a series in few bytes, for what is remembered of many: the beginning of the
// SHA-256 of its names, which hold no NUL.
type short [16]byte

func shorten(x plane.Series) (k short) {
	b := make([]byte, 0, 256)
	for _, name := range []string{x.Tenant, x.ID, x.Attribute, x.Dataset} {
		b = append(append(b, name...), 0)
	}
	sum := sha256.Sum256(b)
	copy(k[:], sum[:])
	return k
}

// numbered is what the writer remembers of a series.
type numbered struct {
	n       int64
	thinned int64 // ms since 1970: what begins before it is passed over
}

// observe adds one observation, unless its key is there already or its time is thinned out.
func (s *Store) observe(ctx context.Context, o *plane.Observation, to *plane.Result) error {
	x, err := s.seriesNumber(ctx, o.Series)
	if err != nil {
		return err
	}
	start := o.Start.UnixMilli()
	if start < x.thinned {
		to.Late++
		return nil
	}
	name, begin, until := month(o.Start)
	insert, err := s.part(ctx, name, begin, until) //nolint:sqlclosecheck // kept for the next; statements.close closes it
	if err != nil {
		return err
	}
	length := o.Length.Milliseconds()
	var covered, detail any
	if c := o.Covered.Milliseconds(); c != length {
		covered = c
	}
	if len(o.Detail) > 0 {
		detail = o.Detail
	}
	res, err := insert.ExecContext(ctx, x.n, start-begin, length, covered, o.Value, detail)
	if err != nil {
		return err
	}
	rows, err := res.RowsAffected()
	to.Added += int(rows)
	return err
}

func (s *Store) seriesNumber(ctx context.Context, name plane.Series) (x numbered, err error) {
	key := shorten(name)
	if x, ok := s.series[key]; ok {
		return x, nil
	}
	// Most that the writer does not know are new: those that are not are few, after a start.
	res, err := s.statements.addSeries.ExecContext(ctx, name.Tenant, name.ID, name.Attribute, name.Dataset)
	if err != nil {
		return x, err
	}
	added, err := res.RowsAffected()
	switch {
	case err != nil:
	case added == 0:
		err = s.statements.findSeries.QueryRowContext(ctx, name.Tenant, name.ID, name.Attribute, name.Dataset).Scan(&x.n, &x.thinned)
	default:
		x.n, err = res.LastInsertId()
	}
	if err != nil {
		return x, err
	}
	if len(s.series) >= maxSeries {
		clear(s.series)
	}
	s.series[key] = x
	return x, nil
}

// part returns the statement that adds to a month's table, which it makes if need
// be.
func (s *Store) part(ctx context.Context, name string, begin, until int64) (*sql.Stmt, error) {
	if st, ok := s.statements.observe[name]; ok {
		return st, nil
	}
	if !s.parts[name] {
		// Clustered by series and time; "at" counts ms from the month's beginning,
		// covered is null where it equals length.
		if _, err := s.conn.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS "+name+` (
			s INTEGER NOT NULL, at INTEGER NOT NULL, length INTEGER NOT NULL, covered INTEGER, value REAL NOT NULL, detail BLOB,
			PRIMARY KEY (s, at, length)) STRICT, WITHOUT ROWID`); err != nil {
			return nil, err
		}
		if _, err := s.statements.historyPart.ExecContext(ctx, name, begin, until); err != nil {
			return nil, err
		}
		s.parts[name] = true
	}
	st, err := s.conn.PrepareContext(ctx, "INSERT OR IGNORE INTO "+name+" (s, at, length, covered, value, detail) VALUES (?, ?, ?, ?, ?, ?)") //nolint:gosec // a name that month made
	if err != nil {
		return nil, err
	}
	s.statements.observe[name] = st
	return st, nil
}

type partRow struct {
	name         string
	begin, until int64
}

func listParts(ctx context.Context, q querier, from, to int64) ([]partRow, error) {
	rows, err := q.QueryContext(ctx, "SELECT name, begin, until FROM part WHERE until > ? AND begin < ? ORDER BY begin", from, to)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []partRow
	for rows.Next() {
		var p partRow
		if err := rows.Scan(&p.name, &p.begin, &p.until); err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, rows.Err()
}

type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// bounds turns times into ms, the zero times into the ends of time.
func bounds(from, to time.Time) (int64, int64) {
	lo, hi := int64(0), int64(1)<<62
	if !from.IsZero() {
		lo = from.UnixMilli()
	}
	if !to.IsZero() {
		hi = to.UnixMilli()
		if to.Nanosecond()%1e6 != 0 {
			hi++
		}
	}
	return lo, hi
}

// History is plane.Store's.
func (s *Store) History(ctx context.Context, q plane.HistoryQuery, each func(plane.Observation) error) error {
	tx, err := s.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return s.readError(err)
	}
	defer tx.Rollback() //nolint:errcheck // nothing was written
	from, to := bounds(q.From, q.To)
	parts, err := listParts(ctx, tx, from, to)
	if err != nil {
		return kind(err)
	}
	list, err := listSeries(ctx, tx, q)
	if err != nil {
		return kind(err)
	}
	for _, x := range list {
		for _, p := range parts {
			if err := readPart(ctx, tx, p, x, from, to, each); err != nil {
				return kind(err)
			}
		}
	}
	return nil
}

type seriesRow struct {
	n      int64
	series plane.Series
}

func listSeries(ctx context.Context, q querier, h plane.HistoryQuery) ([]seriesRow, error) {
	text, args := "SELECT s, id, attribute, dataset FROM series WHERE tenant = ? AND id = ?", []any{h.Key.Tenant, h.Key.ID}
	if h.Attribute != "" {
		text, args = text+" AND attribute = ?", append(args, h.Attribute)
		if h.Dataset != "*" {
			text, args = text+" AND dataset = ?", append(args, h.Dataset)
		}
	}
	rows, err := q.QueryContext(ctx, text+" ORDER BY attribute, dataset", args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []seriesRow
	for rows.Next() {
		x := seriesRow{series: plane.Series{Key: plane.Key{Tenant: h.Key.Tenant}}}
		if err := rows.Scan(&x.n, &x.series.ID, &x.series.Attribute, &x.series.Dataset); err != nil {
			return nil, err
		}
		list = append(list, x)
	}
	return list, rows.Err()
}

func readPart(ctx context.Context, q querier, p partRow, x seriesRow, from, to int64, each func(plane.Observation) error) error {
	rows, err := q.QueryContext(ctx, "SELECT at, length, covered, value, detail FROM "+p.name+" WHERE s = ? AND at >= ? AND at < ? ORDER BY at, length",
		x.n, from-p.begin, to-p.begin)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var at, length int64
		var covered sql.NullInt64
		o := plane.Observation{Series: x.series}
		if err := rows.Scan(&at, &length, &covered, &o.Value, &o.Detail); err != nil {
			return err
		}
		if !covered.Valid {
			covered.Int64 = length
		}
		o.Start = time.UnixMilli(p.begin + at).UTC()
		o.Length, o.Covered = time.Duration(length)*time.Millisecond, time.Duration(covered.Int64)*time.Millisecond
		if err := each(o); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Forget is plane.Store's.
func (s *Store) Forget(ctx context.Context, key plane.Key, before time.Time) (int64, error) {
	var gone int64
	err := s.submit(ctx, &request{do: func(ctx context.Context) (err error) {
		gone, err = s.remove(ctx, key, before.UnixMilli())
		return err
	}})
	return gone, err
}

// remove deletes history, and the tables of months of which nothing is left.
func (s *Store) remove(ctx context.Context, key plane.Key, before int64) (gone int64, err error) {
	if gone, err = s.removeSummaries(ctx, key, before); err != nil {
		return 0, err
	}
	parts, err := listParts(ctx, s.conn, 0, before)
	if err != nil {
		return 0, err
	}
	for _, p := range parts {
		text, args := "DELETE FROM "+p.name+" WHERE s IN (SELECT s FROM series WHERE tenant = ?", []any{key.Tenant}
		if key.ID != "" {
			text, args = text+" AND id = ?", append(args, key.ID)
		}
		res, err := s.conn.ExecContext(ctx, text+") AND at < ?", append(args, before-p.begin)...)
		if err != nil {
			return 0, err
		}
		n, err := res.RowsAffected()
		if err != nil {
			return 0, err
		}
		if gone += n; p.until <= before {
			if err := s.dropIfEmpty(ctx, p.name); err != nil {
				return 0, err
			}
		}
	}
	return gone, nil
}

func (s *Store) dropIfEmpty(ctx context.Context, name string) error {
	var any int
	if err := s.conn.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM "+name+")").Scan(&any); err != nil || any != 0 {
		return err
	}
	if st, ok := s.statements.observe[name]; ok {
		delete(s.statements.observe, name)
		if err := st.Close(); err != nil {
			return err
		}
	}
	if _, err := s.conn.ExecContext(ctx, "DROP TABLE "+name); err != nil {
		return err
	}
	_, err := s.conn.ExecContext(ctx, "DELETE FROM part WHERE name = ?", name)
	delete(s.parts, name)
	return err
}
