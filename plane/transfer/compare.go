package transfer

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"polity/city"
	"polity/plane"
)

// Compare reports the first difference between a store and a file, as an error of
// kind Conflict. A store may hold more than the file if merged says that other data
// was there; an observation may then have another value, for the first one stays.
func Compare(ctx context.Context, s plane.Store, from io.Reader, merged bool, progress Progress) (Counts, error) {
	r, err := newReader(from)
	if err != nil {
		return Counts{}, err
	}
	c := comparison{file: r, merged: merged, progress: progress}
	if err := c.advance(); err != nil {
		return r.counts, err
	}
	if err := dump(ctx, s,
		func(e *plane.Entity) error { return c.meet(&item{entity: e}) },
		func(o plane.Observation) error { return c.meet(&item{observation: o}) },
		func(k plane.Kept) error { return c.meet(&item{kept: &k}) },
	); err != nil {
		return r.counts, err
	}
	if c.more {
		return r.counts, c.missing()
	}
	return r.counts, nil
}

// comparison goes through two lists in the same order.
type comparison struct {
	file     *reader
	merged   bool
	progress Progress
	next     item // of the file
	more     bool
	ours     []byte // the two lines
	theirs   []byte
}

func (c *comparison) advance() (err error) {
	c.next, c.more, err = c.file.read()
	c.progress.tell(c.file.counts)
	return err
}

// meet takes what the store holds next.
func (c *comparison) meet(x *item) error {
	order := -1
	if c.more {
		order = compare(x, &c.next)
	}
	switch {
	case order > 0:
		return c.missing()
	case order < 0 && c.merged:
		return nil
	case order < 0:
		return city.Errorf(city.Conflict, "the store holds %s, which the file does not", name(x))
	}
	if err := c.same(x); err != nil {
		return err
	}
	return c.advance()
}

func (c *comparison) missing() error {
	return city.Errorf(city.Conflict, "the store lacks %s, line %d of the file", name(&c.next), c.file.number)
}

func (c *comparison) same(x *item) (err error) {
	if c.merged && x.entity == nil {
		return nil
	}
	if c.ours, err = appendItem(c.ours[:0], x); err != nil {
		return err
	}
	if c.theirs, err = appendItem(c.theirs[:0], &c.next); err != nil {
		return err
	}
	if !bytes.Equal(c.ours, c.theirs) {
		return city.Errorf(city.Conflict, "%s is %.300s in the store and %.300s in line %d of the file", name(x), c.ours, c.theirs, c.file.number)
	}
	return nil
}

func appendItem(to []byte, x *item) ([]byte, error) {
	switch {
	case x.entity != nil:
		return appendEntity(to, x.entity)
	case x.kept != nil:
		return appendKept(to, x.kept), nil
	}
	return appendObservation(to, &x.observation), nil
}

// name says in words what an item is.
func name(x *item) string {
	if x.entity != nil {
		return fmt.Sprintf("the entity %s%s", x.entity.ID, of(x.entity.Tenant))
	}
	if k := x.kept; k != nil {
		return fmt.Sprintf("the summary of %s of %s%s of the %v from %s on", k.Attribute, k.ID, of(k.Tenant), k.Span, k.Start.Format("2006-01-02T15:04:05Z"))
	}
	o := &x.observation
	return fmt.Sprintf("the observation of %s of %s%s at %s", o.Attribute, o.ID, of(o.Tenant), o.Start.Format("2006-01-02T15:04:05.000Z"))
}

func of(tenant string) string {
	if tenant == "" {
		return ""
	}
	return " of the tenant " + tenant
}
