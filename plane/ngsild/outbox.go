package ngsild

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"polity/plane"
	"polity/plane/ngsild/jsontext"
)

// Notifications are stored in the commit of the change that makes them, and removed
// when they were sent: after a crash those that are left are sent again, so that a
// receiver may get one twice and misses none.

const (
	outboxTenant = "/outbox"
	outboxPrefix = "urn:polity:outbox:"
	maxNotes     = 500     // of one commit
	maxData      = 200     // entities of one notification
	maxNoteBytes = 1 << 19 // about the most of one notification
)

// box is what one commit has to send.
type box struct {
	subs    *subscriptions
	id      string
	list    []*subscription
	changes []*change
	notes   []note
	left    atomic.Int64
}

// note is one notification for one subscription.
type note struct {
	Tenant       string          `json:"t,omitempty"`
	Subscription string          `json:"s"`
	Body         json.RawMessage `json:"b"`
}

// box returns what has to be stored beside changes, nil where nobody asks.
func (subs *subscriptions) box(changes []*change) *box {
	if len(changes) == 0 {
		return nil
	}
	var list []*subscription
	now := subs.s.now()
	for _, x := range subs.of(changes[0].key.Tenant) {
		if x.interval == 0 && x.status(now) == "active" && !x.throttled(now) {
			list = append(list, x)
		}
	}
	if list == nil {
		return nil
	}
	return &box{subs: subs, id: fmt.Sprintf("%s%020d-%s", outboxPrefix, now.UnixNano(), newID()[:8]), list: list, changes: changes}
}

func (x *subscription) throttled(now time.Time) bool {
	if x.throttle == 0 {
		return false
	}
	x.state.mu.Lock()
	defer x.state.mu.Unlock()
	return !x.state.lastMatch.IsZero() && now.Sub(x.state.lastMatch) < x.throttle
}

// change is what stores the box: it runs behind the changes in the same commit.
func (b *box) change() plane.Change {
	key := plane.Key{Tenant: outboxTenant, ID: b.id}
	return plane.Change{Key: key, Edit: func(*plane.Entity) (*plane.Entity, error) {
		b.notes = b.subs.notes(b.list, b.changes)
		if len(b.notes) == 0 {
			return nil, nil
		}
		e := &plane.Entity{Key: key, Types: []string{"Outbox"}}
		for i, n := range b.notes {
			text, err := json.Marshal(n)
			if err != nil {
				return nil, err
			}
			e.Attributes = append(e.Attributes, plane.Attribute{Name: fmt.Sprintf("n%04d", i), Kind: plane.JSON, Value: text})
		}
		return e, nil
	}}
}

// post hands the notes of a box that was stored to those who send.
func (subs *subscriptions) post(b *box) {
	if len(b.notes) == 0 {
		return
	}
	b.left.Store(int64(len(b.notes)))
	now := subs.s.now()
	for i := range b.notes {
		n := &b.notes[i]
		x := subs.get(n.Tenant, n.Subscription)
		if x == nil {
			subs.finished(b)
			continue
		}
		x.state.mu.Lock()
		x.state.lastMatch = now
		x.state.mu.Unlock()
		subs.enqueue(x, queued{body: n.Body, box: b})
	}
}

// finished takes note of one note that was sent or given up.
func (subs *subscriptions) finished(b *box) {
	if b == nil || b.left.Add(-1) > 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, err := subs.s.store.Write(ctx, &plane.Batch{Changes: []plane.Change{{Key: plane.Key{Tenant: outboxTenant, ID: b.id}, Edit: func(*plane.Entity) (*plane.Entity, error) { return nil, nil }}}})
	if err != nil {
		subs.s.log.Warn("a notification that was sent could not be taken off the list; it will be sent again after a restart", slog.Any("error", err))
	}
}

// resume sends what a run before this one left.
func (subs *subscriptions) resume(ctx context.Context) error {
	return all(ctx, subs.s.store, outboxTenant, func(e *plane.Entity) {
		b := &box{subs: subs, id: e.ID}
		for i := range e.Attributes {
			var n note
			if json.Unmarshal(e.Attributes[i].Value, &n) == nil {
				b.notes = append(b.notes, n)
			}
		}
		b.left.Store(1)
		subs.post(b)
		if len(b.notes) == 0 {
			subs.finished(b)
		}
	})
}

// notes writes what changes make for subscriptions.
func (subs *subscriptions) notes(list []*subscription, changes []*change) []note {
	now := subs.s.now().UTC().Truncate(time.Millisecond)
	var stamped []*event
	for _, c := range changes {
		if ev := newEvent(c, now); ev != nil {
			stamped = append(stamped, ev)
		}
	}
	if stamped == nil {
		return nil
	}
	var out []note
	for _, x := range list {
		r := &request{s: subs.s, tenant: x.tenant}
		linked := r.linkedIn(context.Background())
		var data []byte
		n := 0
		flush := func() {
			if n > 0 && len(out) < maxNotes {
				out = append(out, note{x.tenant, x.id, x.notification(append(data, ']'), now)})
			}
			data, n = nil, 0
		}
		for _, ev := range stamped {
			if !ev.meets(x, linked) {
				continue
			}
			if n == 0 {
				data = []byte{'['}
			} else {
				data = append(data, ',')
			}
			data = ev.append(data, x, linked)
			if n++; n >= maxData || len(data) > maxNoteBytes {
				flush()
			}
		}
		flush()
	}
	return out
}

// notification wraps data as clause 5.3.1 says.
func (x *subscription) notification(data []byte, now time.Time) []byte {
	kind := "Notification"
	if x.aboutSources() {
		kind = "ContextSourceNotification"
	}
	b := []byte(`{"id":"urn:ngsi-ld:Notification:` + newID() + `","type":"` + kind + `","subscriptionId":`)
	b = jsontext.AppendString(b, x.id)
	b = jsontext.AppendTime(append(b, `,"notifiedAt":`...), now)
	b = append(append(b, `,"data":`...), data...)
	if x.endpoint.accept == ldType {
		b = append(append(b, `,"@context":`...), x.context.Source...)
	}
	return append(b, '}')
}
