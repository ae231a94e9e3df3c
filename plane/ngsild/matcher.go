package ngsild

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"time"

	"polity/city"
	"polity/internal/delivery"
	"polity/plane"
	"polity/plane/ngsild/jsontext"
)

// Bounds of what the matcher makes at once.
const (
	maxData      = 200     // entities of one notification
	maxNoteBytes = 1 << 19 // about the most of one notification
	maxPut       = 8 << 20 // bytes of notifications of one commit, about
	eventBatch   = 256     // events read at once
	eventsBehind = 1000    // after so many without a notification its place is kept all the same
)

// markTenant holds one entity that is written at each start: whether the feed brings it
// says whether the place that was kept is one of this store's past.
const (
	markTenant = "/notifications"
	markID     = "urn:polity:notifications"
)

// matcher turns the feed of changes into notifications. Subscriptions come through the
// same feed, so that each change meets those that were there when it was committed. It
// keeps notifications and its place in one commit, and only then lets the feed forget.
type matcher struct {
	subs  *subscriptions
	feed  plane.Feed
	queue *delivery.Queue

	at      delivery.Position // all before has been dealt with
	kept    uint64            // what the queue has of it
	view    map[string]map[string]*subscription
	sorted  map[string][]*subscription // those of a tenant, by id; nil: to be made
	matched map[delivery.Receiver]time.Time
	marked  bool // the mark was found
	started bool

	groups []*group
	open   map[*subscription]*group
	notes  []delivery.Note
	bytes  int
}

// group is a notification that grows: what changed in one millisecond, and no entity
// twice.
type group struct {
	x    *subscription
	at   time.Time
	data []byte
	ids  []string
}

const (
	firstWait = 100 * time.Millisecond
	lastWait  = 10 * time.Second
)

// run follows the feed until ctx ends. What does not work is tried again; meanwhile
// events stay in the feed.
func (m *matcher) run(ctx context.Context) {
	wait := firstWait
	for ctx.Err() == nil {
		began := time.Now()
		err := m.follow(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > 2*lastWait {
			wait = firstWait
		}
		m.subs.s.log.Error("notifications of changes are not made for now; the changes are kept", slog.String("reason", err.Error()), slog.Duration("again_in", wait))
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
		wait = min(2*wait, lastWait)
	}
}

func (m *matcher) follow(ctx context.Context) error {
	if !m.started { // the one before failed half-way
		if err := m.start(ctx); err != nil {
			return err
		}
	}
	m.started = false
	for {
		if err := m.feed.Await(ctx, m.at.Sequence); err != nil {
			return err
		}
		events, err := m.feed.Events(ctx, m.at.Sequence, eventBatch)
		if err != nil {
			return err
		}
		if err := m.take(ctx, events); err != nil {
			return err
		}
		if err := m.feed.Settle(ctx, m.at.Sequence); err != nil {
			return err
		}
	}
}

// start finds the place to go on from, and the subscriptions as they were there.
func (m *matcher) start(ctx context.Context) error {
	m.groups, m.open, m.notes, m.bytes = nil, map[*subscription]*group{}, nil, 0
	m.view, m.sorted, m.matched = map[string]map[string]*subscription{}, map[string][]*subscription{}, map[delivery.Receiver]time.Time{}
	s := m.subs.s
	origin, err := m.feed.Origin(ctx)
	if err != nil {
		return err
	}
	if m.at, err = m.queue.Position(ctx); err != nil {
		return err
	}
	if m.at.Origin != origin {
		m.at = delivery.Position{Origin: origin}
	}
	mark := ""
	if !m.marked {
		mark = newID()
		text := jsontext.AppendString(nil, mark)
		if err := s.putOne(ctx, plane.Put(document(markTenant, markID, "Start", text))); err != nil {
			return err
		}
	}
	before, found, err := m.ahead(ctx, mark)
	if err == nil && mark != "" && !found {
		s.log.Warn("the city's data is older than the notifications made of it, as after restoring a backup; all changes noted in it are looked at")
		m.at.Sequence = 0
		if before, _, err = m.ahead(ctx, mark); err == nil {
			err = m.queue.Put(ctx, &m.at, nil)
		}
	}
	if err != nil {
		return err
	}
	m.marked, m.kept = true, m.at.Sequence
	tenants, err := m.subs.tenants(ctx)
	if err != nil {
		return err
	}
	for _, t := range tenants {
		if err := all(ctx, s.store, t+subscriptionTenant, func(e *plane.Entity) {
			if _, changed := before[e.Key]; !changed {
				m.look(ctx, t, e.ID, e)
			}
		}); err != nil {
			return err
		}
	}
	for key, e := range before {
		m.look(ctx, strings.TrimSuffix(key.Tenant, subscriptionTenant), key.ID, e)
	}
	m.started = true
	return m.feed.Settle(ctx, m.at.Sequence) // kept, and perhaps not settled when something ended
}

// ahead looks through the events that wait: what each subscription among them was
// before, and whether the mark is there.
func (m *matcher) ahead(ctx context.Context, mark string) (before map[plane.Key]*plane.Entity, found bool, err error) {
	before = map[plane.Key]*plane.Entity{}
	for at := m.at.Sequence; ; {
		events, err := m.feed.Events(ctx, at, 1000)
		if err != nil || len(events) == 0 {
			return before, found, err
		}
		for i := range events {
			e := &events[i]
			at = e.Sequence
			if e.Tenant == markTenant && e.After != nil {
				text, _ := jsontext.String(documentText(e.After))
				found = found || text == mark
			}
			if strings.HasSuffix(e.Tenant, subscriptionTenant) {
				if _, seen := before[e.Key]; !seen {
					before[e.Key] = e.Before
				}
			}
		}
	}
}

// look puts a subscription into the view, as it is kept in an entity; nil takes it out.
func (m *matcher) look(ctx context.Context, tenant, id string, e *plane.Entity) {
	delete(m.sorted, tenant)
	if e == nil {
		delete(m.view[tenant], id)
		delete(m.matched, delivery.Receiver{Tenant: tenant, ID: id})
		return
	}
	x, err := m.subs.s.readSubscription(ctx, tenant, e)
	if err != nil {
		m.subs.s.log.Error("a subscription as kept cannot be read; it sends nothing", slog.String("id", id), slog.Any("error", err))
		delete(m.view[tenant], id)
		return
	}
	if m.view[tenant] == nil {
		m.view[tenant] = map[string]*subscription{}
	}
	m.view[tenant][id] = x
}

// of lists a tenant's subscriptions to changes, by id.
func (m *matcher) of(tenant string) []*subscription {
	list, made := m.sorted[tenant]
	if made {
		return list
	}
	for _, x := range m.view[tenant] {
		if x.interval == 0 {
			list = append(list, x)
		}
	}
	slices.SortFunc(list, func(a, b *subscription) int { return strings.Compare(a.id, b.id) })
	m.sorted[tenant] = list
	return list
}

// take makes the notifications of events and keeps them.
func (m *matcher) take(ctx context.Context, events []plane.Event) error {
	linked := map[string]func(string) *plane.Entity{}
	for i := range events {
		e := &events[i]
		if e.Sequence <= m.at.Sequence {
			return city.Errorf(city.Internal, "event %d came behind event %d", e.Sequence, m.at.Sequence)
		}
		switch tenant, document := m.document(e); {
		case document:
			if err := m.takeDocument(ctx, tenant, e); err != nil {
				return err
			}
		case !strings.Contains(e.Tenant, "/"):
			if linked[e.Tenant] == nil {
				linked[e.Tenant] = (&request{s: m.subs.s, tenant: e.Tenant}).linkedIn(ctx)
			}
			if err := m.takeEntity(ctx, e, linked[e.Tenant]); err != nil {
				return err
			}
		}
		m.at.Sequence = e.Sequence
		if m.bytes > maxPut {
			if err := m.put(ctx); err != nil {
				return err
			}
		}
	}
	m.flushAll()
	if len(m.notes) > 0 || m.at.Sequence-m.kept > eventsBehind {
		return m.put(ctx)
	}
	return nil
}

// document says whether an event is of a subscription or a registration, and of which
// tenant.
func (m *matcher) document(e *plane.Event) (tenant string, is bool) {
	for _, end := range []string{subscriptionTenant, sourceTenant} {
		if t, ok := strings.CutSuffix(e.Tenant, end); ok {
			return t, true
		}
	}
	return "", false
}

// takeDocument lets the view follow subscriptions, and tells who subscribed to
// registrations.
func (m *matcher) takeDocument(ctx context.Context, tenant string, e *plane.Event) error {
	m.flushAll()
	if strings.HasSuffix(e.Tenant, subscriptionTenant) {
		m.look(ctx, tenant, e.ID, e.After)
		if e.After == nil {
			if err := m.put(ctx); err != nil { // what was made before is forgotten with it
				return err
			}
			return m.queue.Forget(ctx, delivery.Receiver{Tenant: tenant, ID: e.ID})
		}
		return nil
	}
	var old, now *source
	if e.Before != nil {
		old = m.subs.s.keptSource(e.Before)
	}
	if e.After != nil {
		now = m.subs.s.keptSource(e.After)
	}
	for _, n := range m.subs.sourceChanged(m.of(tenant+sourceSubscriptionTenant), old, now) {
		m.add(n)
	}
	return nil
}

// takeEntity lets each subscription see a change of an entity (clause 5.8.6).
func (m *matcher) takeEntity(ctx context.Context, e *plane.Event, linked func(string) *plane.Entity) error {
	list := m.of(e.Tenant)
	if len(list) == 0 {
		return nil
	}
	ev := newEvent(e)
	for _, x := range list {
		if x.status(ev.at) != "active" || !ev.meets(x, linked) {
			continue
		}
		g := m.open[x]
		if g != nil && (!g.at.Equal(ev.at) || len(g.ids) >= maxData || len(g.data) > maxNoteBytes || slices.Contains(g.ids, e.ID)) {
			m.flush(g)
			g = nil
		}
		if g == nil {
			if m.throttled(x, ev.at) {
				continue
			}
			g = &group{x: x, at: ev.at, data: []byte{'['}}
			m.open[x] = g
			m.groups = append(m.groups, g)
		} else {
			g.data = append(g.data, ',')
		}
		had := len(g.data)
		g.data = ev.append(g.data, x, linked)
		g.ids = append(g.ids, e.ID)
		if m.bytes += len(g.data) - had; m.bytes > 2*maxPut {
			// One change for so many: its place is kept with the last of them. A crash
			// in between makes those before come twice.
			if err := m.put(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// throttled says whether a subscription heard of something too shortly ago to hear of
// this (clause 5.2.12).
func (m *matcher) throttled(x *subscription, at time.Time) bool {
	if x.throttle == 0 {
		return false
	}
	key := delivery.Receiver{Tenant: x.tenant, ID: x.id}
	if last, ok := m.matched[key]; ok && at.Sub(last) < x.throttle {
		return true
	}
	m.matched[key] = at
	return false
}

func (m *matcher) flush(g *group) {
	if g.data == nil {
		return
	}
	delete(m.open, g.x)
	m.add(delivery.Note{To: delivery.Receiver{Tenant: g.x.tenant, ID: g.x.id}, Body: g.x.notification(append(g.data, ']'), g.at)})
	m.bytes -= len(g.data)
	g.data = nil
}

func (m *matcher) flushAll() {
	for _, g := range m.groups {
		m.flush(g)
	}
	m.groups = m.groups[:0]
}

func (m *matcher) add(n delivery.Note) {
	m.notes = append(m.notes, n)
	m.bytes += len(n.Body)
}

// put keeps what was made, and the place.
func (m *matcher) put(ctx context.Context) error {
	m.flushAll()
	if err := m.queue.Put(ctx, &m.at, m.notes); err != nil {
		return err
	}
	m.kept = m.at.Sequence
	clear(m.notes)
	m.notes, m.bytes = m.notes[:0], 0
	return nil
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

// outboxTenant is where earlier versions kept notifications.
const outboxTenant = "/outbox"

// adopt takes over the notifications that an earlier version left.
func (subs *subscriptions) adopt(ctx context.Context) error {
	var notes []delivery.Note
	var gone []plane.Change
	err := all(ctx, subs.s.store, outboxTenant, func(e *plane.Entity) {
		for i := range e.Attributes {
			var n struct {
				Tenant       string          `json:"t"`
				Subscription string          `json:"s"`
				Body         json.RawMessage `json:"b"`
			}
			if json.Unmarshal(e.Attributes[i].Value, &n) == nil && n.Subscription != "" {
				notes = append(notes, delivery.Note{To: delivery.Receiver{Tenant: n.Tenant, ID: n.Subscription}, Body: n.Body})
			}
		}
		gone = append(gone, plane.Remove(e.Key))
	})
	if err != nil || len(gone) == 0 {
		return err
	}
	if err := subs.queue.Put(ctx, nil, notes); err != nil {
		return err
	}
	_, err = subs.s.store.Write(ctx, &plane.Batch{Changes: gone})
	return err
}
