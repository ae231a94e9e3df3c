package hub

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"polity/access"
	"polity/access/account"
	"polity/city"
	"polity/console"
)

// colleagues is whom alerts can be given to, and what they are called.
type colleagues struct {
	people *account.Accounts
	decide access.Decider
	now    func() time.Time

	mu    sync.Mutex
	names map[string]named
}

type named struct {
	name string
	at   time.Time
}

// nameFor is how long a name is taken as it was: lists and feeds ask for each alert.
const nameFor = time.Minute

func (c *colleagues) name(id string) string {
	c.mu.Lock()
	n, there := c.names[id]
	c.mu.Unlock()
	if now := c.now(); !there || now.Sub(n.at) > nameFor {
		ctx, stop := context.WithTimeout(context.Background(), time.Second)
		defer stop()
		n = named{at: now}
		if p, err := c.people.Person(ctx, id); err == nil {
			n.name = p.Name
		}
		c.mu.Lock()
		if len(c.names) > 10_000 {
			clear(c.names)
		}
		c.names[id] = n
		c.mu.Unlock()
	}
	return n.name
}

func (c *colleagues) handles(p *account.Person, desk city.Slug) bool {
	who := p.Who()
	return p.Disabled.IsZero() && c.decide.Decide(who, access.Handle, access.Service(desk), access.Circumstances{}).Allowed
}

func (c *colleagues) mayHandle(ctx context.Context, id string, desk city.Slug) error {
	p, err := c.people.Person(ctx, id)
	if city.KindOf(err) == city.NotFound || err == nil && !c.handles(&p, desk) {
		return city.Errorf(city.Invalid, "to: nobody of this ID handles alerts of the desk %s", desk)
	}
	return err
}

// of lists those who handle one of the desks, by name.
func (c *colleagues) of(ctx context.Context, desks []city.Slug) (out []console.Colleague, err error) {
	all, err := c.people.People(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range all {
		if slices.ContainsFunc(desks, func(d city.Slug) bool { return c.handles(&p, d) }) {
			out = append(out, console.Colleague{ID: p.ID, Name: p.Name})
		}
	}
	slices.SortFunc(out, func(a, b console.Colleague) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}
