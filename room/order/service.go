package order

import (
	"context"
	"database/sql"
	"errors"

	"polity/city"
	"polity/service"
)

// FromService makes the order that a service's decision asks for, once for each
// decision: advice and what a person must confirm become a draft for the service's desk,
// what is inside registered limits is given at once where it names somebody.
func (b *Book) FromService(ctx context.Context, d service.Decision, c Content, to Assignee) (Order, error) {
	if err := d.Check(); err != nil {
		return Order{}, err
	}
	n := NewOrder{Desk: d.Service, Content: c, Source: Source{From: FromDecision, Key: d.ID, Service: d.Service, Reason: d.Reason, Level: string(d.Level)}}
	if d.Level == service.Bounded {
		n.Assigned = to
	}
	o, err := b.prepare(ctx, &n)
	if err != nil {
		return Order{}, err
	}
	err = b.inOne(ctx, func(tx *sql.Tx) error {
		number, err := ofDecision(ctx, tx, d.Service, d.ID)
		if err != nil {
			return err
		}
		if number > 0 {
			o, err = byNumber(ctx, tx, number)
			return err
		}
		return b.insert(ctx, tx, o, Entry{At: o.Made, Name: string(d.Service), What: WasMade, Text: d.Reason})
	})
	if err != nil {
		return Order{}, err
	}
	return *o, nil
}

type asked interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// ofDecision is the number of a decision's order, 0 where there is none.
func ofDecision(ctx context.Context, in asked, name city.Slug, decision string) (number int64, err error) {
	err = in.QueryRowContext(ctx, "SELECT number FROM work_order WHERE source_from = 'decision' AND source_service = ? AND source_key = ?", string(name), decision).Scan(&number)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return number, err
}

// For returns a service's way to this book.
func (b *Book) For(name city.Slug) service.Orders { return ofService{b, name} }

type ofService struct {
	b    *Book
	name city.Slug
}

func (s ofService) Ask(ctx context.Context, d service.Decision, w service.Work) (service.WorkOrder, error) {
	if d.Service != s.name {
		return service.WorkOrder{}, city.Errorf(city.Invalid, "the decision %s is one of %s, not of %s", d.ID, d.Service, s.name)
	}
	c := Content{Kind: Kind(w.Kind), Task: w.Task, Asset: w.Asset, Place: w.Place, Where: w.Where, Priority: Priority(w.Priority)}
	if !w.Due.IsZero() {
		c.Due = &w.Due
	}
	o, err := s.b.FromService(ctx, d, c, Assignee{})
	if err != nil {
		return service.WorkOrder{}, err
	}
	return s.b.work(ctx, o.Number)
}

func (s ofService) Of(ctx context.Context, decision string) (service.WorkOrder, error) {
	number, err := ofDecision(ctx, s.b.file.read, s.name, decision)
	if err != nil {
		return service.WorkOrder{}, kindOf(err)
	}
	if number == 0 {
		return service.WorkOrder{}, city.Errorf(city.NotFound, "the decision %s has no work order", decision)
	}
	return s.b.work(ctx, number)
}

func (s ofService) Changed() <-chan struct{} {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	return s.b.changed
}

// work is what a service may know of an order.
func (b *Book) work(ctx context.Context, number int64) (w service.WorkOrder, err error) {
	o, err := byNumber(ctx, b.file.read, number)
	if err != nil {
		return w, kindOf(err)
	}
	w = service.WorkOrder{ID: o.ID, State: string(o.State), Number: o.Number, Crew: o.Assigned.Name, At: o.Changed}
	for _, e := range o.Timeline {
		switch e.State {
		case Cannot:
			w.Reason = string(e.Reason)
		case Given:
			w.Reason = "" // another one tries
		}
	}
	return w, nil
}
