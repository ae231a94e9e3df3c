package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"polity/city"
	"polity/plane"
	"polity/plane/record"
)

// Bounds of one commit: how long it may take with all its retries before the
// database counts as away, and how often a conflict with another program is retried.
const (
	patience = 60 * time.Second
	attempts = 30
)

// commit runs a group in one transaction, again if another program wrote the same
// at the same time, and once more if the connection turns out to be dead before
// anything can have been committed.
func (s *Store) commit(group []*request) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	reconnected := false
	for attempt := 1; ; attempt++ {
		committing, err := s.try(ctx, group)
		switch {
		case err == nil:
			return nil
		case conflicts(err) && attempt < attempts:
			if err := s.pause(ctx, attempt); err != nil {
				return kind(err)
			}
		case lost(err) && !committing && !reconnected && ctx.Err() == nil:
			reconnected = true
		default:
			return kind(err)
		}
	}
}

// pause waits a little, by chance, so that two programs do not meet again; and reads
// anew which partitions there are, for another program may have dropped one.
func (s *Store) pause(ctx context.Context, attempt int) error {
	select {
	case <-time.After(rand.N(time.Duration(min(attempt, 10)) * 2 * time.Millisecond)):
	case <-ctx.Done():
		return ctx.Err()
	}
	if s.conn == nil || s.conn.IsClosed() {
		return nil
	}
	return s.listParts(ctx)
}

// try runs a group once. Committing says that the error may have come after the
// commit.
func (s *Store) try(ctx context.Context, group []*request) (committing bool, err error) {
	if err := s.connect(ctx); err != nil {
		return false, err
	}
	defer func() {
		if p := recover(); p != nil { // an Edit's fault is not everyone's
			err = fmt.Errorf("%w: %v\n%s", errPanic, p, debug.Stack())
		}
		if err != nil && !s.conn.IsClosed() && s.conn.PgConn().TxStatus() != 'I' {
			if _, rollback := s.conn.Exec(ctx, "rollback"); rollback != nil {
				err = errors.Join(err, rollback, s.conn.Close(ctx))
			}
		}
	}()
	states, began, err := s.read(ctx, group)
	if err != nil {
		return false, err
	}
	changed, err := s.apply(group, states)
	if err != nil {
		return false, err
	}
	if missing := s.missingParts(group); len(missing) > 0 {
		// Once a month: what was read is let go, and read again behind it.
		if began {
			if _, err := s.conn.Exec(ctx, "rollback"); err != nil {
				return false, err
			}
		}
		if err := s.makeParts(ctx, missing); err != nil {
			return false, err
		}
		return s.try(ctx, group)
	}
	committing, err = s.write(ctx, group, states, changed, began)
	if err == nil && len(changed.ids) > 0 {
		s.bell.Ring()
	}
	return committing, err
}

// state is an entity within a transaction.
type state struct {
	stored bool // there is a row
	now    *plane.Entity
	body   []byte // of now
	dirty  bool
}

// read begins the transaction, and reads and locks the entities that the group
// changes. A group that changes none has nothing to read: began says so.
func (s *Store) read(ctx context.Context, group []*request) (states map[plane.Key]*state, began bool, err error) {
	states = map[plane.Key]*state{}
	for _, r := range group {
		for i := range r.batch.Changes {
			states[r.batch.Changes[i].Key] = &state{}
		}
	}
	var tenants, ids []string
	for _, key := range sorted(states) {
		if storable(key.Tenant, key.ID) { // what cannot be stored is not there
			tenants, ids = append(tenants, key.Tenant), append(ids, key.ID)
		}
	}
	if len(ids) == 0 {
		return states, false, nil
	}
	var b pgx.Batch
	b.Queue(begin)
	// One after the other by the index, whatever the planner thinks of the table; in
	// one order, so that programs which write the same do not lock one another.
	b.Queue(`SELECT body FROM unnest($1::text[], $2::text[]) AS k (tenant, id)
		CROSS JOIN LATERAL (SELECT body FROM polity.entity e WHERE e.tenant = k.tenant AND e.id = k.id FOR UPDATE) AS e`, tenants, ids).
		Query(func(rows pgx.Rows) error {
			bodies, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
			if err != nil {
				return err
			}
			for _, body := range bodies {
				e, err := record.Unpack(body)
				if err != nil {
					return fmt.Errorf("an entity as stored: %w", damaged(err))
				}
				states[e.Key] = &state{stored: true, now: e, body: body}
			}
			return nil
		})
	return states, true, s.conn.SendBatch(ctx, &b).Close()
}

const begin = "begin isolation level read committed read write"

// damaged keeps a fault of what is stored from being taken for the asker's.
func damaged(err error) error { return city.Errorf(city.Internal, "%w", err) }

func sorted(states map[plane.Key]*state) []plane.Key {
	return slices.SortedFunc(maps.Keys(states), func(a, b plane.Key) int {
		return cmp.Or(strings.Compare(a.Tenant, b.Tenant), strings.Compare(a.ID, b.ID))
	})
}

// always says whether an entity is of a type whose changes are noted always.
func (s *Store) always(e *plane.Entity) bool {
	return e != nil && len(s.also) > 0 && slices.ContainsFunc(e.Types, func(name string) bool { return slices.Contains(s.also, name) })
}

// apply runs the changes, and returns those that are to be noted.
func (s *Store) apply(group []*request, states map[plane.Key]*state) (changed notes, err error) {
	for _, r := range group {
		r.result, r.observed = plane.Result{Refused: make([]error, len(r.batch.Changes))}, nil
		now := s.now() // one batch, one time
		for i := range r.batch.Changes {
			c := &r.batch.Changes[i]
			st := states[c.Key]
			e, outcome, refused := c.Apply(st.now, now)
			if refused != nil || outcome == plane.Unchanged {
				r.result.Refused[i] = refused
				continue
			}
			observed, err := c.Observed(st.now, e)
			if err != nil {
				return changed, err
			}
			r.observed = append(r.observed, observed...)
			before, always := st.body, s.always(st.now) || s.always(e)
			if st.now, st.body = e, nil; e != nil {
				st.body = record.Pack(e)
			}
			st.dirty = true
			if s.feed && !c.Restores() && (s.wants == nil || s.wants() || always) {
				changed.add(c.Key, now, before, st.body)
			}
		}
		if r.observed == nil {
			r.observed = r.batch.Observations
		} else {
			r.observed = append(r.observed, r.batch.Observations...)
		}
	}
	return changed, nil
}

// write sends all that is to be stored, with the commit, in one go: when one
// statement fails, the database passes over those behind it.
func (s *Store) write(ctx context.Context, group []*request, states map[plane.Key]*state, changed notes, began bool) (committing bool, err error) {
	var l learnt
	if s.hasOld(group) {
		if err := s.learnSeries(ctx, group, &l, began); err != nil {
			return false, err
		}
		began = true
	}
	var b pgx.Batch
	if !began {
		b.Queue(begin)
	}
	var added, replaced, removed entities
	for _, key := range sorted(states) {
		switch st := states[key]; {
		case !st.dirty || (!st.stored && st.now == nil):
		case st.now == nil:
			removed.remove(key)
		case st.stored:
			err = replaced.add(st.now, st.body)
		default:
			err = added.add(st.now, st.body)
		}
		if err != nil {
			return false, err
		}
	}
	removed.queueDelete(&b)
	added.queueInsert(&b)
	replaced.queueUpdate(&b)
	s.queueObservations(&b, group, &l)
	s.queueSummaries(&b, group, &l)
	changed.queue(&b)
	b.Queue("commit")
	if err := s.conn.SendBatch(ctx, &b).Close(); err != nil {
		return true, err
	}
	s.remember(&l)
	return true, nil
}
