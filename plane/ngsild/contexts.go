package ngsild

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"polity/city"
	"polity/plane"
	"polity/plane/ngsild/jsonld"
	"polity/plane/ngsild/jsontext"
	"polity/plane/ngsild/problem"
)

// Kinds of kept @contexts (clause 5.13.1).
const (
	hosted   = "Hosted"
	cachedBy = "Cached"
	implicit = "ImplicitlyCreated"
)

const (
	contextsPath  = Root + "/jsonldContexts/"
	contextPrefix = "urn:polity:context:"
	maxCached     = 300            // documents from elsewhere that are kept
	cachedFor     = 24 * time.Hour // until they are fetched again
)

// contexts keeps @contexts: those that users add in the store, those from elsewhere
// in memory. It is safe for concurrent use.
type contexts struct {
	store  plane.Store
	remote Remote
	client *http.Client
	now    func() time.Time
	cache  *jsonld.Cache
	most   int // that came inside bodies and are kept

	mu     sync.Mutex
	cached map[string]*cachedContext
	hits   map[string]*usage // by address, or by id for those in the store
}

type cachedContext struct {
	id      string
	text    []byte
	fetched time.Time
}

type usage struct {
	count int64
	last  time.Time
}

func newContexts(store plane.Store, remote Remote, now func() time.Time) *contexts {
	return &contexts{store: store, remote: remote, client: remote.client(remoteTime), now: now, most: maxImplicit, cached: map[string]*cachedContext{}, hits: map[string]*usage{}}
}

// localID is the id of a @context of this server, from its address; empty for one of
// elsewhere.
func localID(address string) string {
	_, id, _ := strings.Cut(address, contextsPath)
	if strings.ContainsAny(id, "/?#") {
		return ""
	}
	return id
}

// fetch gives the text of the document at an address.
func (c *contexts) fetch(ctx context.Context, address string) ([]byte, error) {
	if id := localID(address); id != "" {
		e, err := c.stored(ctx, id)
		if err == nil {
			return documentText(e), nil
		}
		if city.KindOf(err) != city.NotFound {
			return nil, err
		}
		if strings.HasPrefix(address, "/") {
			return nil, problem.NoContext("there is no @context %s", address)
		}
	}
	c.mu.Lock()
	k := c.cached[address]
	c.mu.Unlock()
	if k != nil && c.now().Sub(k.fetched) < cachedFor {
		return k.text, nil
	}
	text, err := c.remote.get(ctx, c.client, address, jsonld.MaxContext)
	if err != nil {
		if k != nil {
			return k.text, nil // an old one is better than none
		}
		return nil, problem.NoContext("the @context %s could not be fetched: %v", address, err)
	}
	c.keep(address, text)
	return text, nil
}

func (c *contexts) keep(address string, text []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.cached) >= maxCached {
		oldest := ""
		for a, k := range c.cached {
			if oldest == "" || k.fetched.Before(c.cached[oldest].fetched) {
				oldest = a
			}
		}
		delete(c.cached, oldest)
		delete(c.hits, oldest)
	}
	c.cached[address] = &cachedContext{id: hashID(address), text: text, fetched: c.now()}
}

func (c *contexts) stored(ctx context.Context, id string) (*plane.Entity, error) {
	return c.store.Entity(ctx, plane.Key{Tenant: contextTenant, ID: contextPrefix + id})
}

// used counts a use of each document that a context is made of.
func (c *contexts) used(made *jsonld.Context) {
	if len(made.Used()) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, address := range made.Used() {
		key := address
		if id := localID(address); id != "" {
			key = id
		}
		c.count(key)
	}
}

func (c *contexts) count(key string) {
	u := c.hits[key]
	if u == nil {
		u = &usage{}
		c.hits[key] = u
	}
	u.count++
	u.last = c.now()
}

// useContext compiles a @context and counts its use.
func (s *Server) useContext(ctx context.Context, source json.RawMessage) (*jsonld.Context, error) {
	var made *jsonld.Context
	var err error
	if a, ok := jsontext.String(source); ok {
		made, err = s.cache.At(ctx, a)
	} else {
		made, err = s.cache.Of(ctx, source)
	}
	if err != nil {
		return nil, err
	}
	s.contexts.used(made)
	return made, nil
}

// maxImplicit bounds the @contexts that came inside bodies and are kept.
const maxImplicit = 2000

// keepImplicit keeps a @context that came inside a body, and returns its id. One that
// is used again after it had to go is kept again.
func (c *contexts) keepImplicit(ctx context.Context, source json.RawMessage) (string, error) {
	if len(source) > jsonld.MaxContext {
		return "", problem.BadRequest("the @context has %d bytes; %d are kept: host it, and name its address", len(source), jsonld.MaxContext)
	}
	id := hashID(string(source))
	made := false
	text := append(append([]byte(`{"@context":`), source...), '}')
	result, err := c.store.Write(ctx, &plane.Batch{Changes: []plane.Change{{Key: plane.Key{Tenant: contextTenant, ID: contextPrefix + id}, Edit: func(old *plane.Entity) (*plane.Entity, error) {
		if made = old == nil; !made {
			return old, nil
		}
		return document(contextTenant, contextPrefix+id, implicit, text), nil
	}}}})
	if err == nil {
		err = result.Err()
	}
	if err == nil && made {
		err = c.trim(ctx, id)
	}
	return id, err
}

// trim removes a tenth of the @contexts that came inside bodies once there are too
// many: those that nobody fetched go first, then those that were kept first.
func (c *contexts) trim(ctx context.Context, spare string) error {
	kept, err := c.store.Find(ctx, plane.Query{Tenant: contextTenant, Types: []string{implicit}, Count: true, Limit: 1})
	if err != nil || kept.Total <= int64(c.most) {
		return err
	}
	type one struct {
		key     plane.Key
		fetched bool
		made    time.Time
	}
	var list []one
	c.mu.Lock()
	fetched := maps.Clone(c.hits)
	c.mu.Unlock()
	if err := all(ctx, c.store, contextTenant, func(e *plane.Entity) {
		if id := strings.TrimPrefix(e.ID, contextPrefix); e.Types[0] == implicit && id != spare {
			list = append(list, one{e.Key, fetched[id] != nil, e.Created})
		}
	}); err != nil {
		return err
	}
	slices.SortFunc(list, func(a, b one) int {
		switch {
		case a.fetched == b.fetched:
			return a.made.Compare(b.made)
		case b.fetched:
			return -1
		}
		return 1
	})
	b := &plane.Batch{}
	for _, x := range list[:min(len(list), max(c.most/10, 1))] {
		b.Changes = append(b.Changes, plane.Remove(x.key))
	}
	_, err = c.store.Write(ctx, b)
	return err
}

// addContext is clause 5.13.2.
func (r *request) addContext() error {
	body, _, err := r.readBody(jsonType, ldType)
	if err != nil {
		return err
	}
	o, ok := jsontext.Parse(body)
	if !ok || !o.Has("@context") {
		return problem.InvalidRequest("the body is not an object with a member @context")
	}
	if len(body) > jsonld.MaxContext {
		return problem.TooLarge("the @context has %d bytes; %d are taken", len(body), jsonld.MaxContext)
	}
	if _, err := r.s.cache.Of(r.Context(), o.Get("@context")); err != nil {
		return err
	}
	id := newID()
	text := append(append([]byte(`{"@context":`), o.Get("@context")...), '}')
	if err := r.s.putOne(r.Context(), plane.Create(document(contextTenant, contextPrefix+id, hosted, text))); err != nil {
		return err
	}
	r.created("/jsonldContexts/" + id)
	return nil
}

// contextEntry is one @context that is kept.
type contextEntry struct {
	url, localID, kind string
	created            time.Time
	text               []byte
}

// entries lists what is kept, users' own first.
func (r *request) entries() ([]contextEntry, error) {
	var list []contextEntry
	if err := all(r.Context(), r.s.store, contextTenant, func(e *plane.Entity) { list = append(list, r.entryOf(e)) }); err != nil {
		return nil, err
	}
	c := r.s.contexts
	c.mu.Lock()
	defer c.mu.Unlock()
	addresses := make([]string, 0, len(c.cached))
	for a := range c.cached {
		addresses = append(addresses, a)
	}
	slices.Sort(addresses)
	for _, a := range addresses {
		k := c.cached[a]
		list = append(list, contextEntry{a, k.id, cachedBy, k.fetched, k.text})
	}
	return list, nil
}

func (r *request) entryOf(e *plane.Entity) contextEntry {
	id := strings.TrimPrefix(e.ID, contextPrefix)
	return contextEntry{r.absolute(contextsPath + id), id, e.Types[0], e.Created, documentText(e)}
}

// entry finds one by its id or its address.
func (r *request) entry(name string) (contextEntry, error) {
	if jsonld.IsCore(name) {
		return contextEntry{name, hashID(name), cachedBy, r.s.started, jsonld.CoreText()}, nil
	}
	id := name
	if l := localID(name); l != "" {
		id = l
	}
	e, err := r.s.contexts.stored(r.Context(), id)
	switch {
	case err == nil:
		return r.entryOf(e), nil
	case city.KindOf(err) != city.NotFound && city.KindOf(err) != city.Invalid:
		return contextEntry{}, err
	}
	c := r.s.contexts
	c.mu.Lock()
	defer c.mu.Unlock()
	for a, k := range c.cached {
		if a == name || k.id == name {
			return contextEntry{a, k.id, cachedBy, k.fetched, k.text}, nil
		}
	}
	return contextEntry{}, problem.NotFound("there is no @context %s", name)
}

func (e *contextEntry) key() string {
	if e.kind == cachedBy {
		return e.url
	}
	return e.localID
}

func (c *contexts) served(e *contextEntry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count(e.key())
}

// append writes what is known of a @context (clause 5.2.34).
func (e *contextEntry) append(b []byte, c *contexts) []byte {
	c.mu.Lock()
	u := usage{}
	if found := c.hits[e.key()]; found != nil {
		u = *found
	}
	c.mu.Unlock()
	b = jsontext.AppendString(append(b, `{"URL":`...), e.url)
	b = jsontext.AppendString(append(b, `,"localId":`...), e.localID)
	b = jsontext.AppendString(append(b, `,"kind":`...), e.kind)
	b = jsontext.AppendTime(append(b, `,"createdAt":`...), e.created)
	if !u.last.IsZero() {
		b = jsontext.AppendTime(append(b, `,"lastUsage":`...), u.last.Truncate(time.Millisecond))
	}
	b = jsontext.AppendInt(append(b, `,"numberOfHits":`...), u.count)
	return append(b, '}')
}

// listContexts is clause 5.13.3.
func (r *request) listContexts() error {
	details, err := r.flag("details")
	if err != nil {
		return err
	}
	kind := r.query.Get("kind")
	switch kind {
	case "", hosted, cachedBy, implicit:
	default:
		return problem.BadRequest("kind is %q; it is Hosted, Cached or ImplicitlyCreated", kind)
	}
	list, err := r.entries()
	if err != nil {
		return err
	}
	r.accept = jsonType
	return r.answerPlain(http.StatusOK, func(b []byte) []byte {
		b = append(b, '[')
		first := true
		for i := range list {
			if kind != "" && list[i].kind != kind {
				continue
			}
			if !first {
				b = append(b, ',')
			}
			first = false
			if details {
				b = list[i].append(b, r.s.contexts)
			} else {
				b = jsontext.AppendString(b, list[i].url)
			}
		}
		return append(b, ']')
	})
}

// answerPlain answers with JSON that has no @context.
func (r *request) answerPlain(status int, write func(b []byte) []byte) error {
	r.w.Header().Set("Content-Type", jsonType)
	r.w.WriteHeader(status)
	_, _ = r.w.Write(write(nil))
	return nil
}

// serveContext is clause 5.13.4.
func (r *request) serveContext() error {
	details, err := r.flag("details")
	if err != nil {
		return err
	}
	e, err := r.entry(r.path[1])
	if err != nil {
		return err
	}
	if e.kind != hosted {
		defer r.s.contexts.served(&e) // it counts behind what this answer tells
	}
	if details {
		return r.answerPlain(http.StatusOK, func(b []byte) []byte { return e.append(b, r.s.contexts) })
	}
	if e.kind == cachedBy {
		return problem.NotSupported("the @context %s is only a copy; get it at its own address", e.url)
	}
	r.w.Header().Set("Content-Type", r.accept)
	_, _ = r.w.Write(e.text)
	return nil
}

// deleteContext is clause 5.13.5.
func (r *request) deleteContext() error {
	reload, err := r.flag("reload")
	if err != nil {
		return err
	}
	if jsonld.IsCore(r.path[1]) {
		if reload {
			return r.done() // the bundled one is as good as new
		}
		return problem.BadRequest("the core @context cannot be deleted")
	}
	e, err := r.entry(r.path[1])
	if reload && city.KindOf(err) == city.Internal && problem.From(err).Status == http.StatusNotFound {
		return problem.BadRequest("there is no @context %s to be loaded again", r.path[1])
	}
	if err != nil {
		return err
	}
	c := r.s.contexts
	if reload {
		if e.kind != cachedBy {
			return problem.BadRequest("the @context %s is no copy; it cannot be loaded again", e.url)
		}
		text, err := c.remote.get(r.Context(), c.client, e.url, jsonld.MaxContext)
		if err != nil {
			return problem.NoContext("the @context %s could not be fetched, and the old copy stays: %v", e.url, err)
		}
		c.keep(e.url, text)
		c.cache.Forget(e.url)
		return r.done()
	}
	if e.kind == cachedBy {
		c.mu.Lock()
		delete(c.cached, e.url)
		delete(c.hits, e.url)
		c.mu.Unlock()
		c.cache.Forget(e.url)
		return r.done()
	}
	if err := r.s.putOne(r.Context(), plane.Remove(plane.Key{Tenant: contextTenant, ID: contextPrefix + e.localID})); err != nil {
		return err
	}
	c.mu.Lock()
	delete(c.hits, e.localID)
	c.mu.Unlock()
	c.cache.ForgetMatching(func(address string) bool { return localID(address) == e.localID })
	return r.done()
}
