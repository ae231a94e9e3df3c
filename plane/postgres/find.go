package postgres

import (
	"context"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"polity/city"
	"polity/plane"
	"polity/plane/record"
)

const (
	maxNames   = 30_000 // ids and types of a query
	entityPage = 500    // candidates read at a time,
	firstPage  = 5      // and at first so many times the limit
)

// Entity is plane.Store's.
func (s *Store) Entity(ctx context.Context, key plane.Key) (*plane.Entity, error) {
	none := city.Errorf(city.NotFound, "there is no entity %s", key.ID)
	if !storable(key.Tenant, key.ID) {
		return nil, none
	}
	var body []byte
	err := s.reading(ctx, func(c *pgxpool.Conn) error {
		return c.QueryRow(ctx, "SELECT body FROM polity.entity WHERE tenant = $1 AND id = $2", key.Tenant, key.ID).Scan(&body)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, none
	}
	if err != nil {
		return nil, err
	}
	e, err := record.Unpack(body)
	if err != nil {
		return nil, damaged(err)
	}
	return e, nil
}

// Find is plane.Store's.
func (s *Store) Find(ctx context.Context, q plane.Query) (page plane.Page, err error) {
	if len(q.IDs)+len(q.Types) > maxNames {
		return page, city.Errorf(city.TooLarge, "a query names at most %d ids and types; this one has %d", maxNames, len(q.IDs)+len(q.Types))
	}
	where, possible := conditions(q)
	if !possible {
		return page, s.readError(ctx.Err())
	}
	if !q.Count {
		// Most pages need one statement, which is one state without a transaction.
		whole := false
		err = s.reading(ctx, func(c *pgxpool.Conn) (err error) {
			page, whole, err = where.first(ctx, c, q)
			return err
		})
		if err != nil || whole {
			return page, err
		}
	}
	// One state for all of the page, and the count.
	state := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = s.reading(ctx, func(c *pgxpool.Conn) error {
		return pgx.BeginTxFunc(ctx, c, state, func(tx pgx.Tx) (err error) {
			page, err = where.find(ctx, tx, q)
			return err
		})
	})
	return page, err
}

// condition is what a query asks of the database, apart from where a page begins.
type condition struct {
	text strings.Builder
	args []any
}

// and adds a condition with a ? for each value.
func (c *condition) and(text string, values ...any) {
	c.text.WriteString(" AND ")
	for _, v := range values {
		before, after, _ := strings.Cut(text, "?")
		c.args = append(c.args, v)
		c.text.WriteString(before + "$" + strconv.Itoa(len(c.args)))
		text = after
	}
	c.text.WriteString(text)
}

func (c *condition) clone() *condition {
	d := &condition{args: append([]any{}, c.args...)}
	d.text.WriteString(c.text.String())
	return d
}

// conditions turns a query into conditions; it reports false for one that nothing
// can match.
func conditions(q plane.Query) (c *condition, possible bool) {
	c = &condition{args: []any{q.Tenant}}
	c.text.WriteString(" FROM polity.entity WHERE tenant = $1")
	if !storable(q.Tenant) {
		return c, false
	}
	ids, types := onlyStorable(q.IDs), onlyStorable(q.Types)
	if len(q.IDs) > 0 {
		c.and("id = ANY (?)", ids)
	}
	if len(q.Types) > 0 {
		c.and("types && ?::text[]", types)
	}
	if len(q.IDs) > 0 && len(ids) == 0 || len(q.Types) > 0 && len(types) == 0 {
		return c, false
	}
	if q.From != "" {
		from, ok := ceil(q.From)
		if !ok {
			return c, false
		}
		c.and("id >= ?", from)
	}
	if q.To != "" {
		if to, ok := ceil(q.To); ok {
			c.and("id < ?", to)
		}
	}
	return c, q.Box == nil || c.within(*q.Box)
}

// within adds the box. PostGIS compares boxes of 32-bit floats, rounded outwards, so
// that it finds too much rather than too little.
func (c *condition) within(b plane.Box) bool {
	if slices.ContainsFunc([]float64{b.West, b.South, b.East, b.North}, math.IsNaN) {
		return false
	}
	if b.West <= b.East {
		c.and("location && ST_MakeEnvelope(?, ?, ?, ?, 4326)", b.West, b.South, b.East, b.North)
	} else {
		c.and("(location && ST_MakeEnvelope(?, ?, 180, ?, 4326) OR location && ST_MakeEnvelope(-180, ?, ?, ?, 4326))", b.West, b.South, b.North, b.South, b.East, b.North)
	}
	return true
}

// from goes on behind an id; it reports false if there is nothing.
func (c *condition) from(after string, descending bool) (*condition, bool) {
	if after == "" {
		return c, true
	}
	d := c.clone()
	bound, ok := ceil(after)
	switch {
	case descending && ok:
		d.and("id < ?", bound)
	case descending: // everything is below it
	case !ok:
		return d, false
	case storable(after):
		d.and("id > ?", bound)
	default:
		d.and("id >= ?", bound)
	}
	return d, true
}

// collector takes what matches until a page is full.
type collector struct {
	page  plane.Page
	skip  int
	limit int
}

func collect(q plane.Query) *collector {
	k := &collector{skip: q.Offset, limit: q.Limited()}
	if simple(q) {
		k.skip = 0 // the database does
	}
	return k
}

func (k *collector) take(e *plane.Entity) bool {
	if k.skip > 0 {
		k.skip--
		return true
	}
	if len(k.page.Entities) == k.limit {
		k.page.More = true
		return false
	}
	k.page.Entities = append(k.page.Entities, e)
	return true
}

// first tries to fill a page from the first candidates; whole says that it did.
func (c *condition) first(ctx context.Context, on querier, q plane.Query) (page plane.Page, whole bool, err error) {
	k := collect(q)
	here, more := c.from(q.After, q.Descending)
	if !more {
		return page, true, nil
	}
	limit := firstPage * (q.Limited() + max(0, q.Offset))
	if simple(q) || limit > entityPage {
		limit = entityPage
	}
	_, ended, err := here.candidates(ctx, on, q, limit, k.take)
	return k.page, ended || k.page.More || simple(q), err
}

func (c *condition) find(ctx context.Context, tx pgx.Tx, q plane.Query) (page plane.Page, err error) {
	k := collect(q)
	if err := c.scan(ctx, tx, q, q.After, k.take); err != nil {
		return plane.Page{}, err
	}
	page = k.page
	switch {
	case !q.Count:
	case simple(q):
		err = tx.QueryRow(ctx, "SELECT count(*)"+c.text.String(), c.args...).Scan(&page.Total)
	default:
		err = c.scan(ctx, tx, q, "", func(*plane.Entity) bool { page.Total++; return true })
	}
	return page, err
}

// simple says that the database alone can answer; otherwise each candidate is
// looked at here.
func simple(q plane.Query) bool { return q.Match == nil && q.Box == nil }

// scan calls each with what matches behind the id after, until it returns false.
func (c *condition) scan(ctx context.Context, tx pgx.Tx, q plane.Query, after string, each func(*plane.Entity) bool) error {
	for {
		here, more := c.from(after, q.Descending)
		if !more {
			return nil
		}
		last, ended, err := here.candidates(ctx, tx, q, entityPage, each)
		if err != nil || ended {
			return err
		}
		after = last
	}
}

// candidates calls each with what matches among the first that the conditions let through,
// until it returns false; ended says that there is nothing more to look at. Of a simple
// query all that are asked for are read at once, behind its offset.
func (c *condition) candidates(ctx context.Context, on querier, q plane.Query, limit int, each func(*plane.Entity) bool) (last string, ended bool, err error) {
	order, offset := " ORDER BY id LIMIT ", ""
	if q.Descending {
		order = " ORDER BY id DESC LIMIT "
	}
	if simple(q) {
		limit, offset = q.Limited()+1, " OFFSET "+strconv.Itoa(max(0, q.Offset))
	}
	rows, err := on.Query(ctx, "SELECT body"+c.text.String()+order+strconv.Itoa(limit)+offset, c.args...)
	if err != nil {
		return "", false, err
	}
	bodies, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	if err != nil {
		return "", false, err
	}
	for _, body := range bodies {
		e, err := record.Unpack(body)
		if err != nil {
			return "", false, damaged(err)
		}
		last = e.ID
		if q.Box != nil && !touches(e, *q.Box) || q.Match != nil && !q.Match(e) {
			continue
		}
		if !each(e) {
			return last, true, nil
		}
	}
	return last, len(bodies) < limit, nil
}

// touches is exact where 32-bit floats are not.
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
