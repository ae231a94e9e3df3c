package rest

import (
	"context"
	"time"

	"polity/plane"
)

// Source is a public type whose entities are not in the store, because what is published
// of them is decided elsewhere: everyone sees the same of them, those who are trusted
// included. Methods are safe for concurrent use; errors have a kind of package city.
type Source interface {
	Public() Public
	// Entities returns all, sorted by id. Nobody changes them.
	Entities(ctx context.Context) ([]*plane.Entity, error)
	// History calls each with what was observed in [from, to), dataset by dataset, in
	// each by time; dataset "*" is all. NotFound for an entity that is not there.
	History(ctx context.Context, id, attribute, dataset string, from, to time.Time, each func(Observed) error) error
	// Aggregates returns those of hours or days of the city that begin in [from, to),
	// dataset by dataset, in each by time.
	Aggregates(ctx context.Context, id, attribute, dataset string, by Step, from, to time.Time) ([]Aggregate, error)
}

// Step is how long the interval of an aggregate is.
type Step string

// The steps.
const (
	ByHour Step = "hour"
	ByDay  Step = "day" // of the city's time zone
)
