package decision

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"strings"

	"polity/city"
	"polity/service"
)

func newestFirst(list []*Decision) {
	slices.SortFunc(list, func(a, b *Decision) int { return cmp.Compare(b.Number, a.Number) })
}

// For returns the book as one service has it: its own decisions and no others.
func (b *Book) For(name city.Slug) service.Decisions { return desk{b, name} }

type desk struct {
	b    *Book
	name city.Slug
}

func (d desk) Propose(ctx context.Context, p service.Proposal) error {
	return d.b.propose(ctx, d.name, p)
}

func (d desk) Changed() <-chan struct{} { return d.b.Changed(d.name) }

func (d desk) Due(ctx context.Context) ([]service.Due, error) {
	list, err := d.b.list(ctx, d.b.read, "WHERE service = ? AND level <> 'advice' AND state IN ('accepted', 'overridden') ORDER BY number", d.name)
	if err != nil {
		return nil, err
	}
	if err := d.b.withSteps(ctx, list); err != nil {
		return nil, err
	}
	var due []service.Due
	for _, x := range list {
		by := ""
		if s := x.Steps[len(x.Steps)-1]; s.Person != "" {
			by = s.Name
		}
		due = append(due, service.Due{Proposal: x.Proposal, Undo: x.State == Overridden, By: by})
	}
	return due, nil
}

func (d desk) Withdraw(ctx context.Context, id, reason string) error {
	return d.move(ctx, id, Withdrawn, reason, Proposed)
}

func (d desk) Done(ctx context.Context, x service.Due) error {
	if x.Undo {
		return d.move(ctx, x.ID, Reverted, "", Overridden)
	}
	return d.move(ctx, x.ID, Applied, "", Accepted)
}

func (d desk) Failed(ctx context.Context, x service.Due, reason string) error {
	if x.Undo {
		return d.move(ctx, x.ID, Failed, reason, Overridden)
	}
	return d.move(ctx, x.ID, Failed, reason, Accepted)
}

// move makes a step of the service's own, from a state. One that was made already changes
// nothing, and neither does doing what a person overrode meanwhile: that is due to be undone.
func (d desk) move(ctx context.Context, id string, to State, reason string, from State) error {
	reason = strings.ToValidUTF8(reason, "?")
	if r := []rune(reason); len(r) > noteMax {
		reason = string(r[:noteMax])
	}
	return d.b.in(ctx, d.name, func(tx *sql.Tx) (bool, error) {
		x, err := load(ctx, tx, d.name, id)
		if err != nil {
			return false, err
		}
		switch {
		case x.State == to, from == Accepted && x.State == Overridden:
			return false, nil
		case x.State != from:
			return false, city.Errorf(city.Conflict, "decision %s is %s: it cannot become %s", id, x.State, to)
		case x.Level == service.Advice && to != Withdrawn:
			return false, city.Errorf(city.Conflict, "decision %s is advice: people carry it out", id)
		}
		return true, d.b.step(ctx, tx, x, Step{At: d.b.now(), State: to, Name: string(d.name), Note: reason})
	})
}
