package recorder

import (
	"io"
	"time"

	"polity/recording/segment"
	"polity/recording/store"
)

// Place is where one camera's segments go: a store on this machine's disk, or that of the
// process which has one. It is used by one goroutine.
type Place interface {
	// Next says where the next segment continues, and the gap that it ends; nil: none.
	Next() (store.Head, *store.Gap, error)
	// Begin begins a segment, one at a time.
	Begin() (Pending, error)
	// Stop notes durably that nothing is recorded since a time, and why.
	Stop(reason segment.Gap, since time.Time) error
}

// Pending is a segment being written. It is ended by Commit or Abort.
type Pending interface {
	io.Writer
	// Commit makes the segment durable.
	Commit() error
	// Abort ends a segment that cannot be completed and notes the gap; what is whole is kept.
	Abort(reason segment.Gap) error
}

// Local is the Place of a camera of a store.
func Local(c *store.Camera) Place { return local{c} }

type local struct{ c *store.Camera }

func (l local) Next() (store.Head, *store.Gap, error) {
	head, gap := l.c.Next()
	return head, gap, nil
}

func (l local) Begin() (Pending, error) {
	p, err := l.c.Begin()
	return pending{p}, err
}

func (l local) Stop(reason segment.Gap, since time.Time) error { return l.c.Stop(reason, since) }

type pending struct{ *store.Pending }

func (p pending) Commit() error {
	_, err := p.Pending.Commit()
	return err
}
