package postgres

import (
	"context"
	"crypto/sha256"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"polity/plane"
)

const (
	maxSeries = 100_000 // that the writer remembers, about 6 MB
	together  = 100     // requests with more observations have a statement of their own

	// What began longer ago is added with care, because it may be thinned out. Other
	// programs' clocks may be a day apart.
	fresh = plane.Fresh / 2
)

// digest names a series in few bytes: SHA-256 of its names with a NUL between, which none
// holds.
func digest(x plane.Series) []byte {
	b := make([]byte, 0, 256)
	for i, name := range []string{x.Tenant, x.ID, x.Attribute, x.Dataset} {
		if i > 0 {
			b = append(b, 0)
		}
		b = append(b, name...)
	}
	sum := sha256.Sum256(b)
	return sum[:]
}

// short is the beginning of a digest, for what is remembered of many series.
type short [16]byte

func shorten(x plane.Series) short { return short(digest(x)[:16]) }

// missingParts are the partitions that a group needs and that are not there.
func (s *Store) missingParts(group []*request) (list []part) {
	need := func(p part) {
		if !s.parts[p.name] && !slices.ContainsFunc(list, func(x part) bool { return x.name == p.name }) {
			list = append(list, p)
		}
	}
	for _, p := range s.ahead() {
		need(p)
	}
	var last part
	for _, r := range group {
		for i := range r.observed {
			if at := r.observed[i].Start; last.name == "" || at.Before(last.begin) || !at.Before(last.until) {
				last = partOf(at)
				need(last)
			}
		}
	}
	return list
}

// learnt is what a group's commit tells of series.
type learnt struct {
	numbers map[plane.Series]int32
	names   map[int32]plane.Series
}

// remember keeps what was learnt, once it is committed.
func (s *Store) remember(l *learnt) {
	if len(s.series)+len(l.numbers) > maxSeries {
		clear(s.series)
	}
	for x, n := range l.numbers {
		s.series[shorten(x)] = n
	}
}

// queueObservations adds what a group's requests observed, and tells each how many were
// not there before. Series that the writer does not know get their numbers in the same
// transaction, here or by learnSeries.
func (s *Store) queueObservations(b *pgx.Batch, group []*request, l *learnt) {
	if l.numbers == nil {
		s.queueSeries(b, group, l)
	}
	small := rows{store: s, learnt: l}
	for _, r := range group {
		if len(r.observed) > together {
			own := rows{store: s, learnt: l}
			own.add(r)
			own.queue(b)
			continue
		}
		small.add(r)
	}
	small.queue(b)
}

// learnSeries numbers the series of a group ahead of what it stores, in its transaction.
// Only what is old needs that.
func (s *Store) learnSeries(ctx context.Context, group []*request, l *learnt, began bool) error {
	var b pgx.Batch
	if !began {
		b.Queue(begin)
	}
	s.queueSeries(&b, group, l)
	return s.conn.SendBatch(ctx, &b).Close()
}

// hasOld says that a group has observations that may be thinned out, or summaries.
func (s *Store) hasOld(group []*request) bool {
	before := s.now().Add(-fresh)
	for _, r := range group {
		if len(r.batch.Summaries) > 0 || slices.ContainsFunc(r.observed, func(o plane.Observation) bool { return o.Start.Before(before) }) {
			return true
		}
	}
	return false
}

// queueSeries asks for the numbers of the series that the writer does not know.
func (s *Store) queueSeries(b *pgx.Batch, group []*request, l *learnt) {
	unknown := map[plane.Series]bool{}
	need := func(x plane.Series) {
		if _, ok := s.series[shorten(x)]; !ok {
			unknown[x] = true
		}
	}
	for _, r := range group {
		for i := range r.observed {
			need(r.observed[i].Series)
		}
		for i := range r.batch.Summaries {
			need(r.batch.Summaries[i].Series)
		}
	}
	l.numbers, l.names = map[plane.Series]int32{}, map[int32]plane.Series{}
	if len(unknown) == 0 {
		return
	}
	byDigest := map[string]plane.Series{}
	var digests [][]byte
	var tenants, ids, attributes, datasets []string
	for x := range unknown {
		d := digest(x)
		byDigest[string(d)] = x
		digests, tenants, ids = append(digests, d), append(tenants, x.Tenant), append(ids, x.ID)
		attributes, datasets = append(attributes, x.Attribute), append(datasets, x.Dataset)
	}
	// Those that are there take no number of the sequence.
	b.Queue(`INSERT INTO polity.series (digest, tenant, id, attribute, dataset)
		SELECT * FROM unnest($1::bytea[], $2::text[], $3::text[], $4::text[], $5::text[]) AS k (digest, tenant, id, attribute, dataset)
		WHERE NOT EXISTS (SELECT FROM polity.series x WHERE x.digest = k.digest) ORDER BY digest ON CONFLICT DO NOTHING`,
		digests, tenants, ids, attributes, datasets)
	b.Queue("SELECT s, digest FROM polity.series WHERE digest = ANY ($1)", digests).Query(func(rows pgx.Rows) error {
		var n int32
		var d []byte
		_, err := pgx.ForEachRow(rows, []any{&n, &d}, func() error {
			x := byDigest[string(d)]
			l.numbers[x], l.names[n] = n, x
			return nil
		})
		return err
	})
}

// rows are observations, column by column: those of series whose number is not known yet
// have their digest, and those that are old are added with care.
type rows struct {
	store               *Store
	learnt              *learnt
	known, unknown, old columns
	owners              []*request
	keys                map[rowKey]*request // the first to bring each
	names               map[int32]plane.Series
}

type columns struct {
	owners  []*request
	series  []int32
	digests [][]byte
	at      []time.Time
	value   []float64
	length  []int64
	covered []*int64
	detail  [][]byte
}

// rowKey is what an observation is told apart by.
type rowKey struct {
	series     plane.Series
	at, length int64 // ms
}

func (x *rows) number(series plane.Series) (n int32, known bool) {
	if n, known = x.store.series[shorten(series)]; !known {
		n, known = x.learnt.numbers[series]
	}
	return n, known
}

func (x *rows) add(r *request) {
	if len(r.observed) == 0 {
		return
	}
	x.owners = append(x.owners, r)
	if x.keys == nil {
		x.keys, x.names = map[rowKey]*request{}, map[int32]plane.Series{}
	}
	before := x.store.now().Add(-fresh)
	for i := range r.observed {
		o := &r.observed[i]
		c := &x.known
		if o.Start.Before(before) {
			c = &x.old
		}
		if n, known := x.number(o.Series); known {
			c.series, x.names[n] = append(c.series, n), o.Series
		} else {
			c = &x.unknown
			c.digests = append(c.digests, digest(o.Series))
		}
		c.add(r, o)
		if k := (rowKey{o.Series, o.Start.UnixMilli(), o.Length.Milliseconds()}); x.keys[k] == nil {
			x.keys[k] = r
		}
	}
}

func (c *columns) add(r *request, o *plane.Observation) {
	length := o.Length.Milliseconds()
	var covered *int64
	if ms := o.Covered.Milliseconds(); ms != length {
		covered = &ms
	}
	var detail []byte
	if len(o.Detail) > 0 {
		detail = o.Detail
	}
	c.owners, c.at, c.value, c.length = append(c.owners, r), append(c.at, time.UnixMilli(o.Start.UnixMilli())), append(c.value, o.Value), append(c.length, length)
	c.covered, c.detail = append(c.covered, covered), append(c.detail, detail)
}

// queueSummaries adds what another store kept, and makes its time late.
func (s *Store) queueSummaries(b *pgx.Batch, group []*request, l *learnt) {
	x := rows{store: s, learnt: l}
	for table, span := range map[string]time.Duration{"hourly": time.Hour, "daily": plane.Day} {
		var series, at []int32
		var ends []time.Time
		var count []int64
		var sum, squares, least, most []float64
		for _, r := range group {
			for i := range r.batch.Summaries {
				k := &r.batch.Summaries[i]
				if k.Span != span {
					continue
				}
				n, _ := x.number(k.Series)
				series, at, ends = append(series, n), append(at, spans(k.Start, span)), append(ends, k.Start.Add(span))
				count, sum, squares = append(count, k.Count), append(sum, k.Sum), append(squares, k.Squares)
				least, most = append(least, k.Least), append(most, k.Most)
			}
		}
		if len(series) == 0 {
			continue
		}
		b.Queue("UPDATE polity.series x SET thinned = k.thinned FROM (SELECT s, max(at) AS thinned FROM unnest($1::int[], $2::timestamptz[]) AS k (s, at) GROUP BY s) AS k WHERE x.s = k.s AND x.thinned < k.thinned", series, ends)
		b.Queue("INSERT INTO polity."+table+` (s, at, count, sum, squares, least, most)
			SELECT * FROM unnest($1::int[], $2::int[], $3::bigint[], $4::float8[], $5::float8[], $6::float8[], $7::float8[]) ON CONFLICT DO NOTHING`,
			series, at, count, sum, squares, least, most)
	}
}

// days are the UTC days in which observations begin, since 1970, and the ms of the day.
func (c *columns) days() (days, ms []int32) {
	for _, t := range c.at {
		at, day := t.UnixMilli(), plane.Day.Milliseconds()
		days, ms = append(days, int32(at/day)), append(ms, int32(at%day)) //nolint:gosec // up to the year 9999
	}
	return days, ms
}

const (
	insertKnown = `INSERT INTO polity.history (s, at, length, covered, value, detail)
		SELECT * FROM unnest($1::int[], $2::timestamptz[], $3::bigint[], $4::bigint[], $5::float8[], $6::bytea[]) ON CONFLICT DO NOTHING`
	insertUnknown = `INSERT INTO polity.history (s, at, length, covered, value, detail)
		SELECT x.s, k.at, k.length, k.covered, k.value, k.detail
		FROM unnest($1::bytea[], $2::timestamptz[], $3::bigint[], $4::bigint[], $5::float8[], $6::bytea[]) AS k (digest, at, length, covered, value, detail)
		JOIN polity.series x USING (digest) ON CONFLICT DO NOTHING`
	// Whoever thins out one of the series waits until these are committed, or has made
	// them late.
	lockOld   = "SELECT FROM polity.series WHERE s = ANY ($1) ORDER BY s FOR SHARE"
	findLate  = "SELECT n FROM unnest($1::int[], $2::timestamptz[]) WITH ORDINALITY AS k (s, at, n) JOIN polity.series x USING (s) WHERE k.at < x.thinned"
	insertOld = `INSERT INTO polity.history (s, at, length, covered, value, detail)
		SELECT s, k.at, k.length, k.covered, k.value, k.detail
		FROM unnest($1::int[], $2::timestamptz[], $3::bigint[], $4::bigint[], $5::float8[], $6::bytea[], $7::int[], $8::int[]) AS k (s, at, length, covered, value, detail, day, ms)
		JOIN polity.series x USING (s) WHERE k.at >= x.thinned
		AND NOT EXISTS (SELECT FROM polity.chunk c WHERE c.s = k.s AND c.day = k.day AND k.ms = ANY (c.at)
			AND EXISTS (SELECT FROM unnest(c.at, c.length) AS u (at, length) WHERE u.at = k.ms AND coalesce(u.length, c.length[1]) = k.length))
		ON CONFLICT DO NOTHING`
)

// queue adds the rows, and tells those who brought them what of it was new.
func (x *rows) queue(b *pgx.Batch) {
	x.insert(b, insertKnown, &x.known)
	x.insert(b, insertUnknown, &x.unknown)
	if c := &x.old; len(c.at) > 0 {
		b.Queue(lockOld, c.series)
		b.Queue(findLate, c.series, c.at).Query(func(rows pgx.Rows) error {
			var n int64 // from 1
			_, err := pgx.ForEachRow(rows, []any{&n}, func() error { c.owners[n-1].result.Late++; return nil })
			return err
		})
		x.insert(b, insertOld, c)
	}
}

func (x *rows) insert(b *pgx.Batch, text string, c *columns) {
	if len(c.at) == 0 {
		return
	}
	var first any = c.series
	if c.digests != nil {
		first = c.digests
	}
	args := []any{first, c.at, c.length, c.covered, c.value, c.detail}
	if c == &x.old {
		days, ms := c.days()
		args = append(args, days, ms)
	}
	if len(x.owners) == 1 {
		b.Queue(text, args...).Exec(func(tag pgconn.CommandTag) error {
			x.owners[0].result.Added += int(tag.RowsAffected())
			return nil
		})
		return
	}
	b.Queue(text+" RETURNING s, at, length", args...).Query(func(rows pgx.Rows) error {
		var n int32
		var at time.Time
		var length int64
		_, err := pgx.ForEachRow(rows, []any{&n, &at, &length}, func() error {
			series, ok := x.names[n]
			if !ok {
				series = x.learnt.names[n]
			}
			if r := x.keys[rowKey{series, at.UnixMilli(), length}]; r != nil {
				r.result.Added++
			}
			return nil
		})
		return err
	})
}
