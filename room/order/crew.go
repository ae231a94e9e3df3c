package order

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"polity/access"
	"polity/city"
)

// Step is what a crew did.
type Step struct {
	To     State
	Reason Reason    // with Cannot
	Note   string    // may be empty
	Told   time.Time // by the telephone's clock; zero: now
}

// Do is a crew's step with an order that was given to them. Conflict if the state does
// not allow it, with what is possible.
func (b *Book) Do(ctx context.Context, by Asker, key, id string, s Step) (Order, error) {
	r, err := newRequest(by, key, "do", id, s)
	if err != nil {
		return Order{}, err
	}
	note, err := clean("note", s.Note, NoteMax, true)
	if err != nil {
		return Order{}, err
	}
	switch {
	case s.To == Cannot && !slices.Contains(Reasons(), s.Reason):
		return Order{}, city.Errorf(city.Invalid, "say why it cannot be done: %s", joined(Reasons()))
	case s.To != Cannot && s.Reason != "":
		return Order{}, city.Errorf(city.Invalid, "a reason goes only with what cannot be done")
	}
	return b.change(ctx, r, id, func(_ *sql.Tx, o *Order, now time.Time) error {
		if err := b.crewMay(by, o); err != nil {
			return err
		}
		if err := follow(o.State, s.To, crew); err != nil {
			return err
		}
		e := b.entry(by, WasMoved, now)
		e.State, e.Reason, e.Text, e.Told = s.To, s.Reason, note, told(o, s.Told, now)
		o.move(s.To, now)
		o.Timeline = append(o.Timeline, e)
		return nil
	})
}

func (b *Book) crewMay(by Asker, o *Order) error {
	if !b.own(by, o) {
		return city.Errorf(city.Forbidden, "only the crew that the order was given to says how it goes")
	}
	return nil
}

// told is when something was done, if that can be and is not just now.
func told(o *Order, at, now time.Time) *time.Time {
	if at.IsZero() || o.Given == nil || at.Before(*o.Given) || at.After(now.Add(-time.Minute)) {
		return nil
	}
	at = at.UTC().Truncate(time.Second)
	return &at
}

// Note adds a note to an order, by its desk or its crew, in any state.
func (b *Book) Note(ctx context.Context, by Asker, key, id, text string, at time.Time) (Order, error) {
	r, err := newRequest(by, key, "note", id, text, at)
	if err != nil {
		return Order{}, err
	}
	text, err = clean("note", text, NoteMax, true)
	if err != nil {
		return Order{}, err
	}
	if text == "" {
		return Order{}, city.Errorf(city.Invalid, "note: it says nothing")
	}
	return b.change(ctx, r, id, func(_ *sql.Tx, o *Order, now time.Time) error {
		own := b.own(by, o)
		if d := b.allows(by, access.GiveOrder, o.Desk); !own && !d.Allowed {
			return forbidden(d, "add notes to this desk's work orders")
		}
		e := b.entry(by, WasNoted, now)
		e.Text = text
		if own {
			e.Told = told(o, at, now)
		}
		o.Timeline = append(o.Timeline, e)
		return nil
	})
}
