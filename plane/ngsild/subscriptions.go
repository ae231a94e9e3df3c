package ngsild

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"polity/internal/delivery"
	"polity/plane"
	"polity/plane/ngsild/entity"
	"polity/plane/ngsild/jsonld"
	"polity/plane/ngsild/jsontext"
	"polity/plane/ngsild/problem"
)

var subscriptionResources = []resource{
	{"subscriptions", map[string]handler{
		http.MethodGet:  {(*request).listSubscriptions, pageParams + "options local via", false},
		http.MethodPost: {(*request).createSubscription, "local via", false},
	}},
	{"subscriptions/*", map[string]handler{
		http.MethodGet:    {(*request).retrieveSubscription, "options local via", false},
		http.MethodPatch:  {(*request).updateSubscription, "local via", false},
		http.MethodDelete: {(*request).deleteSubscription, "local via", false},
	}},
}

// maxSubscriptions bounds what every write has to look at.
const maxSubscriptions = 10_000

// subscriptions holds all of them, by tenant and id, and sends what they ask for.
type subscriptions struct {
	s      *Server
	queue  *delivery.Queue // nil: nothing is sent, and no subscription taken
	client *http.Client

	mu   sync.RWMutex
	list map[string]map[string]*subscription
	told map[delivery.Receiver]time.Time // when those with a timeInterval were
	made int                             // subscriptions that are being made

	wanted atomic.Bool // somebody asks for changes, as far as is known
	stop   context.CancelFunc
	done   sync.WaitGroup
}

// openSubscriptions reads what is kept, and begins to send.
func openSubscriptions(ctx context.Context, s *Server) (*subscriptions, error) {
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	subs := &subscriptions{
		s: s, client: notifyClient(s.cfg.Notify), list: map[string]map[string]*subscription{}, told: map[delivery.Receiver]time.Time{}, stop: stop,
	}
	subs.wanted.Store(true)
	if err := subs.open(ctx, running); err != nil {
		return nil, errors.Join(err, subs.close())
	}
	return subs, nil
}

func (subs *subscriptions) open(ctx, running context.Context) error {
	tenants, err := subs.tenants(ctx)
	if err != nil {
		return err
	}
	for _, t := range tenants {
		if err := all(ctx, subs.s.store, t+subscriptionTenant, func(e *plane.Entity) {
			x, err := subs.s.readSubscription(ctx, t, e)
			if err != nil {
				subs.s.log.Error("a subscription as kept cannot be read; it sends nothing", slog.String("id", e.ID), slog.Any("error", err))
				return
			}
			subs.put(x)
		}); err != nil {
			return err
		}
	}
	n := subs.s.cfg.Notifications
	if n == nil {
		return nil
	}
	subs.queue, err = delivery.Open(ctx, delivery.Config{Path: n.Path, Send: subs.send, Limits: n.Limits, Log: subs.s.log, Now: subs.s.now})
	if err != nil {
		return err
	}
	if err := subs.adopt(ctx); err != nil {
		return err
	}
	m := &matcher{subs: subs, feed: n.Feed, queue: subs.queue}
	if err := m.start(ctx); err != nil {
		return err
	}
	subs.count()
	subs.done.Go(func() { m.run(running) })
	subs.done.Go(func() { subs.run(running) })
	return nil
}

// count says whether changes are wanted: while there are subscriptions, or some are
// being made.
func (subs *subscriptions) count() {
	subs.mu.Lock()
	defer subs.mu.Unlock()
	n := subs.made
	for _, list := range subs.list {
		n += len(list)
	}
	subs.wanted.Store(n > 0)
}

// making says that changes are wanted before a subscription is kept, until done.
func (subs *subscriptions) making() (done func()) {
	subs.mu.Lock()
	subs.made++
	subs.wanted.Store(true)
	subs.mu.Unlock()
	return func() {
		subs.mu.Lock()
		subs.made--
		subs.mu.Unlock()
		subs.count()
	}
}

// tenants lists those that have or had subscriptions.
func (subs *subscriptions) tenants(ctx context.Context) ([]string, error) {
	list := []string{""}
	err := all(ctx, subs.s.store, tenantList, func(e *plane.Entity) { list = append(list, strings.TrimPrefix(e.ID, tenantPrefix)) })
	return list, err
}

const (
	tenantList   = "/tenants"
	tenantPrefix = "urn:polity:tenant:"
)

func (subs *subscriptions) close() error {
	subs.stop()
	subs.done.Wait()
	if subs.queue == nil {
		return nil
	}
	return subs.queue.Close()
}

func (subs *subscriptions) put(x *subscription) {
	subs.mu.Lock()
	defer subs.mu.Unlock()
	if subs.list[x.tenant] == nil {
		subs.list[x.tenant] = map[string]*subscription{}
	}
	subs.list[x.tenant][x.id] = x
}

func (subs *subscriptions) get(tenant, id string) *subscription {
	subs.mu.RLock()
	defer subs.mu.RUnlock()
	return subs.list[tenant][id]
}

func (subs *subscriptions) of(tenant string) []*subscription {
	subs.mu.RLock()
	defer subs.mu.RUnlock()
	list := make([]*subscription, 0, len(subs.list[tenant]))
	for _, x := range subs.list[tenant] {
		list = append(list, x)
	}
	slices.SortFunc(list, func(a, b *subscription) int { return strings.Compare(a.id, b.id) })
	return list
}

// keptSubscription is the form in which one is kept.
type keptSubscription struct {
	Body     json.RawMessage `json:"body"`
	Context  json.RawMessage `json:"context"`
	Implicit string          `json:"implicit,omitempty"`
}

func (s *Server) readSubscription(ctx context.Context, tenant string, e *plane.Entity) (*subscription, error) {
	var k keptSubscription
	if err := json.Unmarshal(documentText(e), &k); err != nil {
		return nil, err
	}
	o, _ := jsontext.Parse(k.Body)
	c, err := s.cache.Of(ctx, k.Context)
	if err != nil {
		return nil, err
	}
	x, err := s.parseSubscription(ctx, tenant, o, "Subscription", c)
	if err != nil {
		return nil, err
	}
	x.implicit = k.Implicit
	return x, nil
}

// keep stores a subscription; edit decides from what is there.
func (s *Server) keepSubscription(ctx context.Context, x *subscription, source json.RawMessage, mustBeNew bool) error {
	k, err := json.Marshal(keptSubscription{x.body.Append(nil), source, x.implicit})
	if err != nil {
		return err
	}
	key := plane.Key{Tenant: x.tenant + subscriptionTenant, ID: x.id}
	c := plane.Put(document(key.Tenant, key.ID, "Subscription", k))
	if mustBeNew {
		c = plane.Create(document(key.Tenant, key.ID, "Subscription", k))
	}
	changes := []plane.Change{c}
	if x.tenant != "" {
		changes = append(changes, plane.Put(document(tenantList, tenantPrefix+x.tenant, "Tenant", json.RawMessage("{}"))))
	}
	defer s.subs.making()()
	result, err := s.store.Write(ctx, &plane.Batch{Changes: changes})
	if err != nil {
		return err
	}
	if err := result.Err(); err != nil {
		return problem.Exists("the subscription %s exists already", x.id)
	}
	s.subs.put(x)
	s.subs.queue.Hurry(delivery.Receiver{Tenant: x.tenant, ID: x.id}) // perhaps to another address
	return nil
}

// createSubscription is clause 5.8.1.
func (r *request) createSubscription() error {
	if r.s.subs.queue == nil {
		return problem.NotSupported("this server sends no notifications")
	}
	o, err := r.object(jsonType, ldType)
	if err != nil {
		return err
	}
	if !o.Has("id") {
		o.Set("id", jsontext.AppendString(nil, "urn:ngsi-ld:Subscription:"+newID()))
	}
	x, err := r.s.parseSubscription(r.Context(), r.registry(), expanded(o, r.context), "Subscription", r.context)
	if err != nil {
		return err
	}
	if x.status(r.s.now()) == "expired" {
		return problem.BadRequest("expiresAt is past")
	}
	if len(r.s.subs.of(r.registry())) >= maxSubscriptions {
		return problem.TooMany("the tenant has %d subscriptions; remove some", maxSubscriptions)
	}
	if r.context.Link == "" && !o.Has("jsonldContext") {
		id, err := r.s.contexts.keepImplicit(r.Context(), r.context.Source)
		if err != nil {
			return err
		}
		x.implicit = r.absolute(contextsPath + id)
	}
	if err := r.s.keepSubscription(r.Context(), x, r.context.Source, true); err != nil {
		return err
	}
	if x.aboutSources() {
		if err := r.s.subs.sendMatching(r.Context(), x); err != nil { // clause 5.11.7: at the beginning
			return err
		}
	}
	r.created("/" + r.path[0] + "/" + url.PathEscape(x.id))
	return nil
}

// subscriptionOfPath finds the one that the path names.
func (r *request) subscriptionOfPath() (*subscription, error) {
	id := r.path[1]
	if !entity.IsURI(id) {
		return nil, problem.BadRequest("%q is not the id of a subscription: a URI", id)
	}
	x := r.s.subs.get(r.registry(), id)
	if x == nil {
		return nil, problem.NotFound("there is no subscription %s", id)
	}
	return x, nil
}

// append writes a subscription with the names of a @context.
func (x *subscription) append(b []byte, r *request) []byte {
	now := r.s.now()
	o := rename(x.body, r.context.Compact)
	o.Set("status", jsontext.AppendString(nil, x.status(now)))
	if !o.Has("notificationTrigger") && !x.aboutSources() {
		o.Set("notificationTrigger", jsontext.AppendStrings(nil, defaultTriggers))
	}
	if x.implicit != "" {
		o.Set("jsonldContext", jsontext.AppendString(nil, x.implicit))
	}
	if n, ok := jsontext.Parse(o.Get("notification")); ok {
		o.Set("notification", r.s.subs.shown(x, n).Append(nil))
	}
	if slices.Contains(r.list("options"), "sysAttrs") {
		if e, err := r.s.store.Entity(r.Context(), plane.Key{Tenant: x.tenant + subscriptionTenant, ID: x.id}); err == nil {
			o.Set("createdAt", jsontext.AppendTime(nil, e.Created))
			o.Set("modifiedAt", jsontext.AppendTime(nil, e.Modified))
		}
	}
	if c := r.inside(); c != nil {
		o.Set("@context", c)
	}
	return o.Append(b)
}

// shown adds what happened (clause 5.2.14.2).
func (subs *subscriptions) shown(x *subscription, n jsontext.Object) jsontext.Object {
	if subs.queue == nil {
		return n
	}
	s := subs.queue.State(delivery.Receiver{Tenant: x.tenant, ID: x.id})
	if s.Sent == 0 {
		return n
	}
	status := "ok"
	if s.Failing() {
		status = "failed"
	}
	n.Set("status", jsontext.AppendString(nil, status))
	n.Set("timesSent", jsontext.AppendInt(nil, s.Sent))
	if s.Failed > 0 {
		n.Set("timesFailed", jsontext.AppendInt(nil, s.Failed))
	}
	for _, m := range []struct {
		name string
		at   time.Time
	}{{"lastNotification", s.Last}, {"lastSuccess", s.Success}, {"lastFailure", s.Failure}} {
		if !m.at.IsZero() {
			n.Set(m.name, jsontext.AppendTime(nil, m.at.Truncate(time.Millisecond)))
		}
	}
	return n
}

// retrieveSubscription is clause 5.8.3.
func (r *request) retrieveSubscription() error {
	x, err := r.subscriptionOfPath()
	if err != nil {
		return err
	}
	return r.answer(http.StatusOK, func(b []byte) []byte { return x.append(b, r) })
}

// listSubscriptions is clause 5.8.4.
func (r *request) listSubscriptions() error {
	p, err := r.page()
	if err != nil {
		return err
	}
	list := r.s.subs.of(r.registry())
	if p.count {
		r.counted(int64(len(list)))
	}
	from, to := min(p.offset, len(list)), min(p.offset+p.limit, len(list))
	return r.answerPage(p, to < len(list), func(b []byte) []byte {
		b = append(b, '[')
		for i, x := range list[from:to] {
			if i > 0 {
				b = append(b, ',')
			}
			b = x.append(b, r)
		}
		return append(b, ']')
	})
}

// answerPage answers with a list and the links to the pages around it. Where there
// are such links, the one to the @context is left out for application/json when the
// @context is the core one.
func (r *request) answerPage(p page, more bool, write func(b []byte) []byte) error {
	r.pageLinks(p, more)
	if (more || p.offset > 0) && r.accept == jsonType && r.context == r.s.cache.Core() {
		h := r.w.Header()
		h.Set("Content-Type", jsonType)
		r.w.WriteHeader(http.StatusOK)
		_, _ = r.w.Write(write(nil))
		return nil
	}
	return r.answer(http.StatusOK, write)
}

// updateSubscription is clause 5.8.2.
func (r *request) updateSubscription() error {
	if r.s.subs.queue == nil {
		return problem.NotSupported("this server sends no notifications")
	}
	o, err := r.object(jsonType, ldType, mergeType)
	if err != nil {
		return err
	}
	x, err := r.subscriptionOfPath()
	if err != nil {
		return err
	}
	body, err := patched(x.body, expanded(o, r.context), "id", "type", "notification", "endpoint")
	if err != nil {
		return err
	}
	c := r.context
	if !r.linked && !o.Has("@context") {
		c = x.context
	}
	// The whole body is expanded, so that any @context that knows the core reads it; q
	// keeps the one that it was written with.
	if !o.Has("q") && x.body.Has("q") {
		c = x.context
	}
	y, err := r.s.parseSubscription(r.Context(), r.registry(), body, "Subscription", c)
	if err != nil {
		return err
	}
	y.implicit = x.implicit
	if v := o.Get("expiresAt"); v != nil && !y.expires.After(r.s.now()) {
		return problem.BadRequest("expiresAt %s is past", v)
	}
	if err := r.s.keepSubscription(r.Context(), y, c.Source, false); err != nil {
		return err
	}
	if y.aboutSources() && y.status(r.s.now()) == "active" {
		if err := r.s.subs.sendMatching(r.Context(), y); err != nil {
			return err
		}
	}
	return r.done()
}

// patched is a document with the members of a fragment; null removes one, unless it
// is mandatory.
func patched(o, fragment jsontext.Object, mandatory ...string) (jsontext.Object, error) {
	out := append(jsontext.Object(nil), o...)
	if id, ok := fragment.Text("id"); ok {
		if old, _ := o.Text("id"); id != old {
			return nil, problem.BadRequest("the id cannot be changed")
		}
	}
	for _, m := range fragment {
		s, _ := jsontext.String(m.Value)
		if jsontext.Kind(m.Value) == 'n' || s == entity.Null {
			if slices.Contains(mandatory, m.Name) {
				return nil, problem.BadRequest("the member %s is mandatory and cannot be removed", m.Name)
			}
			out.Drop(m.Name)
			continue
		}
		out.Set(m.Name, m.Value)
	}
	return out, nil
}

// deleteSubscription is clause 5.8.5.
func (r *request) deleteSubscription() error {
	x, err := r.subscriptionOfPath()
	if err != nil {
		return err
	}
	if err := r.s.putOne(r.Context(), plane.Remove(plane.Key{Tenant: x.tenant + subscriptionTenant, ID: x.id})); err != nil {
		return err
	}
	subs := r.s.subs
	subs.mu.Lock()
	delete(subs.list[x.tenant], x.id)
	delete(subs.told, delivery.Receiver{Tenant: x.tenant, ID: x.id})
	subs.mu.Unlock()
	subs.count()
	return r.done()
}

// contextLink is the address of a subscription's @context for notifications.
func (x *subscription) contextLink() string {
	switch {
	case x.context.Link != "":
		return x.context.Link
	case x.implicit != "":
		return x.implicit
	}
	return jsonld.Core
}
