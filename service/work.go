package service

import (
	"context"
	"time"

	"polity/city"
)

// Work is what a decision asks a crew for (docs/formats/orders.md, where kinds, priorities
// and states stand).
type Work struct {
	Kind     string      // one of the service's desk's
	Task     string      // what to do, 1 to 500 characters
	Asset    string      // an entity's id; of Asset, Place and Where one is needed
	Place    *city.Point // nil: not known
	Where    string      // the place in words
	Priority string
	Due      time.Time // zero: none
}

// WorkOrder is how far an order is.
type WorkOrder struct {
	ID, State string
	Number    int64  // as people say it
	Reason    string // why the last crew could not do it; empty: none said so
	Crew      string // to whom it was given; empty: to nobody yet
	At        time.Time
}

// The states after which a service has something to do.
const (
	WorkDone      = "done"
	WorkCannot    = "cannot"
	WorkCancelled = "cancelled"
)

// Orders is a service's way to ask crews for work. What it acknowledges is on disk.
type Orders interface {
	// Ask makes the order that a decision of this service asks for, once: asked again it
	// returns the one that is there. It waits for the desk to give it to a crew.
	Ask(ctx context.Context, d Decision, w Work) (WorkOrder, error)
	// Of returns the order of a decision of this service: NotFound where there is none.
	Of(ctx context.Context, decision string) (WorkOrder, error)
	// Changed is closed at the next change of any order.
	Changed() <-chan struct{}
}
