package hub

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"polity/access"
	"polity/access/account"
	"polity/city"
	"polity/console"
	"polity/room/order"
)

// Orders are the work orders of crews (docs/formats/orders.md).
type Orders struct {
	Off    bool               `yaml:"off"`
	Photos time.Duration      `yaml:"photos"` // kept behind the end of an order; 0: 720h
	Keep   time.Duration      `yaml:"orders"` // orders kept behind their end; 0: 8760h
	Open   int                `yaml:"open"`   // at most; 0: 10,000
	Shift  time.Duration      `yaml:"shift"`  // the longest that a crew's position is held; 0: 12h
	Crews  []order.CrewConfig `yaml:"crews"`
}

func (o *Orders) check() error {
	const day = 24 * time.Hour
	switch {
	case o.Photos != 0 && (o.Photos < time.Hour || o.Photos > 3650*day):
		return fmt.Errorf("photos: %v is not between 1h and 87600h", o.Photos)
	case o.Keep != 0 && (o.Keep < day || o.Keep > 3650*day):
		return fmt.Errorf("orders: %v is not between 24h and 87600h", o.Keep)
	case o.Open != 0 && (o.Open < 1 || o.Open > 1_000_000):
		return fmt.Errorf("open: %d is not between 1 and 1000000", o.Open)
	case o.Shift != 0 && (o.Shift < time.Hour || o.Shift > day):
		return fmt.Errorf("shift: %v is not between 1h and 24h", o.Shift)
	}
	if err := order.CheckCrews(o.Crews); err != nil {
		return fmt.Errorf("crews: %w", err)
	}
	return nil
}

// openOrders opens the book of work orders, which closes with the hub.
func (h *Hub) openOrders(ctx context.Context, pages *console.Config) (err error) {
	o := h.cfg.Orders
	if o.Off {
		return nil
	}
	roster := &order.Crews{List: o.Crews}
	if h.people != nil {
		roster.Persons = (&crews{h.people, h.access}).of
	}
	h.orders, err = order.Open(ctx, order.Config{
		Path: filepath.Join(h.cfg.Data, "orders.db"), Decider: h.access, Roster: roster, Now: h.now, Log: h.log,
		KeepPhotos: o.Photos, KeepOrders: o.Keep, Open: o.Open, Shift: o.Shift,
	})
	if err != nil {
		return err
	}
	h.closers = append(h.closers, h.orders.Close)
	pages.Orders = h.orders
	return nil
}

// runOrders removes what is no longer kept, until ctx ends.
func (h *Hub) runOrders(ctx context.Context, work *sync.WaitGroup) {
	if h.orders != nil {
		work.Go(func() { h.orders.Run(ctx) })
	}
}

// crews is who does work orders by themselves.
type crews struct {
	people *account.Accounts
	decide access.Decider
}

// of lists those who do orders of a desk, by name.
func (c *crews) of(ctx context.Context, desk city.Slug) (out []order.Assignee, err error) {
	all, err := c.people.People(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range all {
		who := p.Who()
		may := func(do access.Action) bool {
			return c.decide.Decide(who, do, access.Service(desk), access.Circumstances{}).Allowed
		}
		if p.Disabled.IsZero() && may(access.DoOrder) {
			out = append(out, order.Assignee{Person: p.ID, Name: p.Name})
		}
	}
	slices.SortFunc(out, func(a, b order.Assignee) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Person, b.Person))
	})
	return out, nil
}
