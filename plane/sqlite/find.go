package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"polity/city"
	"polity/plane"
)

// maxNames keeps a query within SQLite's bound on parameters.
const maxNames = 30_000

// readError tells a store that was closed from one that fails.
func (s *Store) readError(err error) error {
	if s.queue.Closed() {
		return errClosed()
	}
	return kind(err)
}

// Entity is plane.Store's.
func (s *Store) Entity(ctx context.Context, key plane.Key) (*plane.Entity, error) {
	r := row{id: key.ID}
	err := s.read.QueryRowContext(ctx, "SELECT version, created, modified, body FROM entity WHERE tenant = ? AND id = ?", key.Tenant, key.ID).
		Scan(&r.version, &r.created, &r.modified, &r.body)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, city.Errorf(city.NotFound, "there is no entity %s", key.ID)
	}
	if err != nil {
		return nil, s.readError(err)
	}
	return r.entity(key.Tenant)
}

// Find is plane.Store's.
func (s *Store) Find(ctx context.Context, q plane.Query) (plane.Page, error) {
	if len(q.IDs)+len(q.Types) > maxNames {
		return plane.Page{}, city.Errorf(city.TooLarge, "a query names at most %d ids and types; this one has %d", maxNames, len(q.IDs)+len(q.Types))
	}
	tx, err := s.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true}) // one state for page and count
	if err != nil {
		return plane.Page{}, s.readError(err)
	}
	defer tx.Rollback() //nolint:errcheck // nothing was written
	page, skip := plane.Page{}, q.Offset
	if simple(q) {
		skip = 0 // the database does
	}
	if err := scan(ctx, tx, q, q.After, func(e *plane.Entity) bool {
		if skip > 0 {
			skip--
			return true
		}
		if len(page.Entities) == q.Limited() {
			page.More = true
			return false
		}
		page.Entities = append(page.Entities, e)
		return true
	}); err != nil {
		return plane.Page{}, kind(err)
	}
	if q.Count {
		page.Total, err = count(ctx, tx, q)
	}
	return page, kind(err)
}

// simple says that the database alone can answer; otherwise each candidate is
// looked at here.
func simple(q plane.Query) bool { return q.Match == nil && q.Box == nil }

func count(ctx context.Context, tx *sql.Tx, q plane.Query) (n int64, err error) {
	if simple(q) {
		text, args := query(q, "", "count(*)")
		return n, tx.QueryRowContext(ctx, text, args...).Scan(&n)
	}
	err = scan(ctx, tx, q, "", func(*plane.Entity) bool { n++; return true })
	return n, err
}

// scan calls each with what matches behind the id after, until it returns false.
func scan(ctx context.Context, tx *sql.Tx, q plane.Query, after string, each func(*plane.Entity) bool) error {
	text, args := query(q, after, "e.id, e.version, e.created, e.modified, e.body")
	text += " ORDER BY " + idColumn(q)
	if q.Descending {
		text += " DESC"
	}
	if simple(q) {
		text, args = text+" LIMIT ? OFFSET ?", append(args, q.Limited()+1, max(0, q.Offset))
	}
	rows, err := tx.QueryContext(ctx, text, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var r row
		if err := rows.Scan(&r.id, &r.version, &r.created, &r.modified, &r.body); err != nil {
			return err
		}
		e, err := r.entity(q.Tenant)
		if err != nil {
			return err
		}
		if q.Box != nil && !touches(e, *q.Box) || q.Match != nil && !q.Match(e) {
			continue
		}
		if !each(e) {
			return nil
		}
	}
	return rows.Err()
}

// touches is exact where the tree's 32-bit floats are not.
func touches(e *plane.Entity, box plane.Box) bool {
	b, ok := e.Bounds()
	if !ok || b.North < box.South || b.South > box.North {
		return false
	}
	if box.West <= box.East {
		return b.East >= box.West && b.West <= box.East
	}
	return b.East >= box.West || b.West <= box.East
}

// byType says that the table of types leads the query, in the order of ids.
func byType(q plane.Query) bool { return len(q.Types) == 1 && q.Box == nil }

func idColumn(q plane.Query) string {
	if byType(q) {
		return "t.id"
	}
	return "e.id"
}

// query writes the SQL of a query without its order and limit.
func query(q plane.Query, after, columns string) (text string, args []any) {
	var b strings.Builder
	and := func(condition string, values ...any) {
		b.WriteString(" AND " + condition)
		args = append(args, values...)
	}
	id := idColumn(q)
	if byType(q) {
		b.WriteString("SELECT " + columns + " FROM entity_type t JOIN entity e ON e.n = t.n WHERE t.tenant = ?")
		args = append(args, q.Tenant)
		and("t.type = ?", q.Types[0])
	} else {
		b.WriteString("SELECT " + columns + " FROM entity e WHERE e.tenant = ?")
		args = append(args, q.Tenant)
		switch {
		case len(q.Types) > 0 && q.Box != nil: // few lie in the box: each is asked for its types
			and("EXISTS (SELECT 1 FROM entity_type t WHERE t.tenant = e.tenant AND t.type IN ("+marks(len(q.Types))+") AND t.id = e.id)", anys(q.Types)...)
		case len(q.Types) > 0:
			and("e.n IN (SELECT n FROM entity_type WHERE tenant = ? AND type IN ("+marks(len(q.Types))+"))", append([]any{q.Tenant}, anys(q.Types)...)...)
		}
	}
	if len(q.IDs) > 0 {
		and(id+" IN ("+marks(len(q.IDs))+")", anys(q.IDs)...)
	}
	if q.From != "" {
		and(id+" >= ?", q.From)
	}
	if q.To != "" {
		and(id+" < ?", q.To)
	}
	if after != "" {
		if q.Descending {
			and(id+" < ?", after)
		} else {
			and(id+" > ?", after)
		}
	}
	if x := q.Box; x != nil {
		sides := "(east >= ? AND west <= ?)"
		if x.West > x.East {
			sides = "(east >= ? OR west <= ?)"
		}
		and("e.n IN (SELECT n FROM entity_box WHERE "+sides+" AND north >= ? AND south <= ?)", x.West, x.East, x.South, x.North)
	}
	return b.String(), args
}

func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }

func anys(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}
