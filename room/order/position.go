package order

import (
	"context"
	"sync"
	"time"

	"polity/city"
)

// silence is how long a position is held that the crew does not renew.
const silence = 10 * time.Minute

// Positions holds where crews are that share it while on their way, in memory alone and
// the newest only. It is safe for concurrent use.
type Positions struct {
	now   func() time.Time
	shift time.Duration

	mu   sync.Mutex
	held map[string]*position // by order
}

type position struct {
	person    string
	point     city.Point
	at, first time.Time
}

// Position is where the crew of an order was last.
type Position struct {
	Point city.Point `json:"point"`
	At    time.Time  `json:"at"`
}

func (p *Positions) put(order, person string, point city.Point) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expire()
	now := p.now()
	h := p.held[order]
	if h == nil || h.person != person {
		h = &position{person: person, first: now}
		p.held[order] = h
	}
	h.point, h.at = point, now
}

func (p *Positions) get(order string) (Position, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expire()
	h := p.held[order]
	if h == nil {
		return Position{}, false
	}
	return Position{h.point, h.at}, true
}

// expire forgets what was not renewed and what is older than a shift.
func (p *Positions) expire() {
	now := p.now()
	for order, h := range p.held {
		if now.Sub(h.at) >= silence || now.Sub(h.first) >= p.shift {
			delete(p.held, order)
		}
	}
}

func (p *Positions) sweep() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expire()
}

func (p *Positions) drop(order string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.held, order)
}

func (p *Positions) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.held)
}

// Share says where the crew of an order is that is on its way: Conflict otherwise.
// Nothing of it is written anywhere.
func (b *Book) Share(ctx context.Context, by Asker, id string, at city.Point) error {
	if err := at.Check(); err != nil {
		return err
	}
	o, err := b.Get(ctx, by, id)
	if err != nil {
		return err
	}
	if err := b.crewMay(by, &o); err != nil {
		return err
	}
	if o.State != OnTheWay {
		return city.Errorf(city.Conflict, "a position is shared only on the way; the order is %s", o.State.words())
	}
	if since := by.Who.Since; !since.IsZero() && b.now().Sub(since) >= b.cfg.Shift {
		b.positions.drop(id)
		return city.Errorf(city.Conflict, "your shift is over: sign in anew to share where you are")
	}
	b.positions.put(id, by.Who.ID, at)
	if o, err = b.Get(ctx, by, id); err != nil || o.State != OnTheWay { // it changed while it was put
		b.positions.drop(id)
	}
	return err
}

// Hide forgets the position that was shared for an order.
func (b *Book) Hide(ctx context.Context, by Asker, id string) error {
	o, err := b.Get(ctx, by, id)
	if err != nil {
		return err
	}
	if err := b.crewMay(by, &o); err != nil {
		return err
	}
	b.positions.drop(id)
	return nil
}

// Position is where the crew of an order was last, for who may see the desk's orders.
func (b *Book) Position(by Asker, o *Order) (Position, bool) {
	if o.State != OnTheWay || !b.seesAll(by, o.Desk) {
		return Position{}, false
	}
	return b.positions.get(o.ID)
}
