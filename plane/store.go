package plane

import (
	"context"
	"math"
	"time"

	"polity/city"
)

// Store is where the city's data is. It is safe for concurrent use. Errors have a
// kind of package city: Invalid and TooLarge for what was asked, NotFound,
// Conflict, Unavailable for a store that cannot be reached now (the disk is full,
// the database is away, it was closed). After an error of Write nothing of the
// batch is stored, or, when the store lost its breath in the very moment of
// committing, all of it: writing the same batch again is always right, because
// observations have keys and an Edit sees what is there.
type Store interface {
	// Write stores a batch in one commit. When it returns nil, what it stored is
	// on disk and synced, and visible to every reader. Writers wait for one another
	// as little as the backend allows: many of them share one commit.
	Write(ctx context.Context, b *Batch) (Result, error)

	// Entity returns one entity, or NotFound.
	Entity(ctx context.Context, key Key) (*Entity, error)

	// Find returns entities in the order of their ids.
	Find(ctx context.Context, q Query) (Page, error)

	// History calls each with what was observed, series by series, in each by time.
	// It ends with the error of each, if that returns one. Observations that are
	// written meanwhile may or may not be among them.
	History(ctx context.Context, q HistoryQuery, each func(Observation) error) error

	// Forget removes the history of an entity, or of all of a tenant with an empty
	// id, that begins before a time, summaries that begin before it included. It returns
	// how many observations that were.
	Forget(ctx context.Context, key Key, before time.Time) (int64, error)

	// Dump calls entity with every entity of every tenant, in the order of tenant and
	// id, then observation with all that was observed, in the order of tenant, id,
	// attribute, dataset, start and length; names in the order of their bytes. It is
	// one state of the store, whatever is written meanwhile. It ends with the first
	// error that a function returns.
	Dump(ctx context.Context, entity func(*Entity) error, observation func(Observation) error) error

	// Close ends the store. Writes that were begun end first.
	Close() error
}

// Batch is what Write stores together.
type Batch struct {
	Changes      []Change
	Observations []Observation
	// Summaries come from another store (Thinner.DumpAll), and stand beside those that are
	// there; observations of their time that come later are passed over.
	Summaries []Kept
}

// Check reports the first observation or summary that is wrong.
func (b *Batch) Check() error {
	for i := range b.Observations {
		if err := b.Observations[i].Check(); err != nil {
			return err
		}
	}
	for i := range b.Summaries {
		if err := b.Summaries[i].Check(); err != nil {
			return err
		}
	}
	return nil
}

// Change changes one entity. Changes of a batch apply in their order.
type Change struct {
	Key Key
	// Edit gets a copy of the entity, nil if there is none, and returns what is to be
	// stored in its place, nil to remove it. Returning what it got, unchanged,
	// stores nothing. Its error refuses this change alone. It has no effects of its
	// own and may be called more than once.
	Edit func(old *Entity) (*Entity, error)
	// Observe returns what is to be stored as history in the same commit, because of what
	// the change came to: old is what was there, now what is stored in its place, nil
	// where there is none. Nil for nothing. It changes neither, has no effects of its own
	// and may be called more than once; it is not called for a change that is refused or
	// stores nothing.
	Observe func(old, now *Entity) []Observation

	restore bool // keep the times and versions that the entity carries
}

// Result is what came of a batch.
type Result struct {
	Refused []error // as many as changes; nil for each that was stored
	Added   int     // observations that were not there before
	Late    int     // observations that were passed over: history of their time is summaries (Thinner)
}

// Err returns the first refusal.
func (r Result) Err() error {
	for _, err := range r.Refused {
		if err != nil {
			return err
		}
	}
	return nil
}

// Series is what a row of observations is of: an attribute of an entity. Dataset
// tells several of the same name apart.
type Series struct {
	Key
	Attribute string
	Dataset   string
}

// Observation is one value of a series over an interval, or at an instant if
// Length is 0. (Series, Start, Length) is its key: stored twice is stored once,
// and the first stays.
type Observation struct {
	Series
	Start   time.Time     // millisecond precision; from 1970 to 9999
	Length  time.Duration // millisecond precision
	Covered time.Duration // how much of Length was really observed
	Value   float64       // finite; meaningless if Detail says so by its own meaning
	Detail  []byte        // anything else, at most MaxDetail bytes; nil for none
}

// MaxDetail bounds Observation.Detail.
const MaxDetail = 64 << 10

const lastYear = 253402300799999 // ms: the end of the year 9999

// Check reports the first thing that is wrong.
func (o *Observation) Check() error {
	if err := checkID(o.ID); err != nil {
		return err
	}
	if err := checkName("attribute", o.Attribute); err != nil {
		return err
	}
	if err := checkTenant(o.Tenant); err != nil {
		return err
	}
	if o.Dataset != "" {
		if err := checkName("dataset", o.Dataset); err != nil {
			return err
		}
	}
	ms := o.Start.UnixMilli()
	switch {
	case ms < 0 || ms > lastYear:
		return city.Errorf(city.Invalid, "%s of %s is observed at %v; times lie between 1970 and 9999", o.Attribute, o.ID, o.Start)
	case o.Length < 0 || o.Length > 100*366*24*time.Hour || o.Covered < 0 || o.Covered > o.Length:
		return city.Errorf(city.Invalid, "%s of %s covers %v of an interval of %v", o.Attribute, o.ID, o.Covered, o.Length)
	case math.IsNaN(o.Value) || math.IsInf(o.Value, 0):
		return city.Errorf(city.Invalid, "%s of %s is %g; it must be a number", o.Attribute, o.ID, o.Value)
	case len(o.Detail) > MaxDetail:
		return city.Errorf(city.TooLarge, "%s of %s has %d bytes of detail; %d are allowed", o.Attribute, o.ID, len(o.Detail), MaxDetail)
	}
	return nil
}

// Query asks for entities. Every field that is set narrows the answer.
type Query struct {
	Tenant     string
	IDs        []string // one of them
	From, To   string   // ids in [From, To); empty: no bound
	Types      []string // at least one of them
	Box        *Box     // whose location touches it
	Match      func(*Entity) bool
	Descending bool
	After      string // go on behind this id, in the order of the query
	Offset     int    // leave out so many of those that match, behind After; below 0 is 0
	Limit      int    // 0 is 100, at most MaxLimit
	Count      bool   // also count all that match, whatever Limit and After
}

// MaxLimit is the most entities of a page.
const MaxLimit = 1000

// Limited returns the limit that counts.
func (q *Query) Limited() int {
	if q.Limit <= 0 {
		return 100
	}
	return min(q.Limit, MaxLimit)
}

// Box is a part of the map, degrees. West above east crosses the 180th meridian.
type Box struct{ West, South, East, North float64 }

// Page is a part of the answer to a Query.
type Page struct {
	Entities []*Entity
	More     bool  // there are others behind the last one
	Total    int64 // if it was asked for
}

// HistoryQuery asks for observations that begin in [From, To). The zero times mean
// no bound.
type HistoryQuery struct {
	Key       Key
	Attribute string // empty for all
	Dataset   string // only with Attribute; "*" for all
	From, To  time.Time
}
