package postgres

import (
	"crypto/sha256"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"polity/plane"
)

const (
	maxSeries = 100_000 // that the writer remembers, about 20 MB
	together  = 100     // requests with more observations have a statement of their own
)

// digest names a series in few bytes. Names hold no NUL.
func digest(x plane.Series) []byte {
	sum := sha256.Sum256([]byte(strings.Join([]string{x.Tenant, x.ID, x.Attribute, x.Dataset}, "\x00")))
	return sum[:]
}

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
	if l == nil {
		return
	}
	if len(s.series)+len(l.numbers) > maxSeries {
		clear(s.series)
	}
	for x, n := range l.numbers {
		s.series[x] = n
	}
}

// queueObservations adds what a group's requests observed, and tells each how many were
// not there before. Series that the writer does not know get their numbers in the same
// transaction.
func (s *Store) queueObservations(b *pgx.Batch, group []*request) *learnt {
	l := s.queueSeries(b, group)
	var small rows
	for _, r := range group {
		if len(r.observed) > together {
			var own rows
			own.add(s, r)
			own.queue(b)
			continue
		}
		small.add(s, r)
	}
	if len(small.owners) == 1 {
		small.queue(b)
	} else {
		small.queueReturning(b, l)
	}
	return l
}

// queueSeries asks for the numbers of the series that the writer does not know.
func (s *Store) queueSeries(b *pgx.Batch, group []*request) *learnt {
	unknown := map[plane.Series]bool{}
	for _, r := range group {
		for i := range r.observed {
			if _, ok := s.series[r.observed[i].Series]; !ok {
				unknown[r.observed[i].Series] = true
			}
		}
	}
	l := &learnt{numbers: map[plane.Series]int32{}, names: map[int32]plane.Series{}}
	if len(unknown) == 0 {
		return l
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
	return l
}

// rows are observations, column by column. Those of series whose number is not known yet
// have their digest.
type rows struct {
	known, unknown columns
	owners         []*request
	keys           map[rowKey]*request // the first to bring each
	names          map[int32]plane.Series
}

type columns struct {
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

func (x *rows) add(s *Store, r *request) {
	if len(r.observed) == 0 {
		return
	}
	x.owners = append(x.owners, r)
	if x.keys == nil {
		x.keys, x.names = map[rowKey]*request{}, map[int32]plane.Series{}
	}
	for i := range r.observed {
		o := &r.observed[i]
		c := &x.known
		if n, ok := s.series[o.Series]; ok {
			c.series, x.names[n] = append(c.series, n), o.Series
		} else {
			c = &x.unknown
			c.digests = append(c.digests, digest(o.Series))
		}
		length := o.Length.Milliseconds()
		c.at, c.value, c.length = append(c.at, time.UnixMilli(o.Start.UnixMilli())), append(c.value, o.Value), append(c.length, length)
		var covered *int64
		if ms := o.Covered.Milliseconds(); ms != length {
			covered = &ms
		}
		var detail []byte
		if len(o.Detail) > 0 {
			detail = o.Detail
		}
		c.covered, c.detail = append(c.covered, covered), append(c.detail, detail)
		if k := (rowKey{o.Series, o.Start.UnixMilli(), length}); x.keys[k] == nil {
			x.keys[k] = r
		}
	}
}

const (
	insertKnown = `INSERT INTO polity.history (s, at, length, covered, value, detail)
		SELECT * FROM unnest($1::int[], $2::timestamptz[], $3::bigint[], $4::bigint[], $5::float8[], $6::bytea[]) ON CONFLICT DO NOTHING`
	insertUnknown = `INSERT INTO polity.history (s, at, length, covered, value, detail)
		SELECT x.s, k.at, k.length, k.covered, k.value, k.detail
		FROM unnest($1::bytea[], $2::timestamptz[], $3::bigint[], $4::bigint[], $5::float8[], $6::bytea[]) AS k (digest, at, length, covered, value, detail)
		JOIN polity.series x USING (digest) ON CONFLICT DO NOTHING`
	returning = " RETURNING s, at, length"
)

func (c *columns) queue(b *pgx.Batch, suffix string) *pgx.QueuedQuery {
	if c.digests != nil {
		return b.Queue(insertUnknown+suffix, c.digests, c.at, c.length, c.covered, c.value, c.detail)
	}
	return b.Queue(insertKnown+suffix, c.series, c.at, c.length, c.covered, c.value, c.detail)
}

// queue adds what one request brought.
func (x *rows) queue(b *pgx.Batch) {
	for _, c := range []*columns{&x.known, &x.unknown} {
		if len(c.at) > 0 {
			c.queue(b, "").Exec(func(tag pgconn.CommandTag) error {
				x.owners[0].result.Added += int(tag.RowsAffected())
				return nil
			})
		}
	}
}

// queueReturning adds what several brought, and tells each what of it was new.
func (x *rows) queueReturning(b *pgx.Batch, l *learnt) {
	for _, c := range []*columns{&x.known, &x.unknown} {
		if len(c.at) == 0 {
			continue
		}
		c.queue(b, returning).Query(func(rows pgx.Rows) error {
			var n int32
			var at time.Time
			var length int64
			_, err := pgx.ForEachRow(rows, []any{&n, &at, &length}, func() error {
				series, ok := x.names[n]
				if !ok {
					series = l.names[n]
				}
				if r := x.keys[rowKey{series, at.UnixMilli(), length}]; r != nil {
					r.result.Added++
				}
				return nil
			})
			return err
		})
	}
}
