package order

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"polity/access"
	"polity/city"
)

// NewOrder is an order to be made.
type NewOrder struct {
	Desk city.Slug
	Content
	Source   Source
	Assigned Assignee // named: the order is given at once
}

// Make writes a new order: a draft, or given if it names somebody. Errors: Forbidden
// without the right to give the desk's orders, Invalid, TooLarge when too many are open.
func (b *Book) Make(ctx context.Context, by Asker, key string, n NewOrder) (Order, error) {
	r, err := newRequest(by, key, "make", n)
	if err != nil {
		return Order{}, err
	}
	if d := b.allows(by, access.GiveOrder, n.Desk); !d.Allowed {
		return Order{}, forbidden(d, "make this desk's work orders")
	}
	if n.Source.From == FromDecision {
		return Order{}, city.Errorf(city.Invalid, "source: orders of a decision are made by its service")
	}
	o, err := b.prepare(ctx, &n)
	if err != nil {
		return Order{}, err
	}
	err = b.inOne(ctx, func(tx *sql.Tx) error {
		done, err := b.repeated(ctx, tx, &r)
		if done != nil {
			o = done
		}
		if err != nil || done != nil {
			return err
		}
		if err := b.insert(ctx, tx, o, b.entry(by, WasMade, o.Made)); err != nil {
			return err
		}
		return r.note(ctx, tx, o.Number, o.Made)
	})
	if err != nil {
		return Order{}, err
	}
	return *o, nil
}

// prepare checks what was asked for and makes the order of it.
func (b *Book) prepare(ctx context.Context, n *NewOrder) (*Order, error) {
	if err := checkContent(n.Desk, &n.Content); err != nil {
		return nil, err
	}
	if err := checkSource(&n.Source); err != nil {
		return nil, err
	}
	now := b.now().UTC().Truncate(time.Second)
	o := &Order{ID: newID("o-"), Revision: 1, Desk: n.Desk, State: Draft, Content: n.Content, Source: n.Source, Made: now, Changed: now}
	if n.Assigned.None() {
		return o, nil
	}
	to, err := b.assignee(ctx, n.Desk, n.Assigned)
	o.State, o.Assigned, o.Given = Given, to, &now
	return o, err
}

func (b *Book) insert(ctx context.Context, tx *sql.Tx, o *Order, made Entry) error {
	var open int
	if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM work_order WHERE state NOT IN ('done', 'cancelled')").Scan(&open); err != nil {
		return err
	}
	if open >= b.cfg.Open {
		return city.Errorf(city.TooLarge, "%d work orders are open, no more fit: close or cancel some, or raise hub.orders.open", open)
	}
	if err := insertOrder(ctx, tx, o); err != nil {
		return err
	}
	o.Timeline = []Entry{made}
	if o.State == Given {
		given := made
		given.What, given.State, given.Text = WasMoved, Given, o.Assigned.Name
		o.Timeline = append(o.Timeline, given)
	}
	return insertEntries(ctx, tx, o, 0)
}

// assignee is the one on the roster that was meant, with their name.
func (b *Book) assignee(ctx context.Context, desk city.Slug, to Assignee) (Assignee, error) {
	if to.None() || (to.Person != "" && to.Crew != "") {
		return Assignee{}, city.Errorf(city.Invalid, "choose a crew or a person to give the order to")
	}
	list, err := b.Assignees(ctx, desk)
	if err != nil {
		return Assignee{}, err
	}
	i := slices.IndexFunc(list, to.same)
	if i < 0 {
		return Assignee{}, city.Errorf(city.Invalid, "this crew or person takes no orders of the desk %s: choose one of its list", desk)
	}
	return list[i], nil
}

// Assignees are those that a desk may give orders to.
func (b *Book) Assignees(ctx context.Context, desk city.Slug) ([]Assignee, error) {
	if b.cfg.Roster == nil {
		return nil, nil
	}
	return b.cfg.Roster.Assignees(ctx, desk)
}

// Edit changes what an order says while nobody has ended it. The revision is the one
// that was seen; Conflict if the order changed since.
func (b *Book) Edit(ctx context.Context, by Asker, key, id string, revision int64, c Content) (Order, error) {
	r, err := newRequest(by, key, "edit", id, revision, c)
	if err != nil {
		return Order{}, err
	}
	return b.change(ctx, r, id, func(_ *sql.Tx, o *Order, now time.Time) error {
		if err := b.deskMay(by, o, revision); err != nil {
			return err
		}
		if o.State.Ended() {
			return city.Errorf(city.Conflict, "the order is %s: make a new one", o.State.words())
		}
		if err := checkContent(o.Desk, &c); err != nil {
			return err
		}
		o.Content = c
		o.Timeline = append(o.Timeline, b.entry(by, WasChanged, now))
		return nil
	})
}

// Decide is a desk's step: give (to somebody), take back to a draft, cancel. The revision
// is the one that was seen; Conflict if the order changed since, or the state does not
// allow the step.
func (b *Book) Decide(ctx context.Context, by Asker, key, id string, revision int64, to State, assign Assignee) (Order, error) {
	r, err := newRequest(by, key, "decide", id, revision, to, assign)
	if err != nil {
		return Order{}, err
	}
	return b.change(ctx, r, id, func(_ *sql.Tx, o *Order, now time.Time) error {
		if err := b.deskMay(by, o, revision); err != nil {
			return err
		}
		if err := follow(o.State, to, desk); err != nil {
			return err
		}
		e := b.entry(by, WasMoved, now)
		e.State = to
		switch to {
		case Given:
			given, err := b.assignee(ctx, o.Desk, assign)
			if err != nil {
				return err
			}
			if o.State == Given && given.same(o.Assigned) {
				return city.Errorf(city.Conflict, "the order was given to %s already", given.Name)
			}
			o.Assigned, o.Given, e.Text = given, &now, given.Name
		case Draft:
			o.Assigned, o.Given = Assignee{}, nil
		}
		o.move(to, now)
		o.Timeline = append(o.Timeline, e)
		return nil
	})
}

func (o *Order) move(to State, now time.Time) {
	o.State, o.Closed = to, nil
	if to.Closed() {
		o.Closed = &now
	}
}

func (b *Book) deskMay(by Asker, o *Order, revision int64) error {
	if d := b.allows(by, access.GiveOrder, o.Desk); !d.Allowed {
		return forbidden(d, "change this desk's work orders")
	}
	if o.Revision != revision {
		return city.Errorf(city.Conflict, "somebody changed the order meanwhile: look at it as it is now, then try again")
	}
	return nil
}

func forbidden(d access.Decision, what string) error {
	if d.Why != "" {
		return city.Errorf(city.Forbidden, "%s", d.Why)
	}
	return city.Errorf(city.Forbidden, "you have no right to %s", what)
}
