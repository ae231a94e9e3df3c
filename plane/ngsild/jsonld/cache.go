package jsonld

import (
	"container/list"
	"context"
	"encoding/json"
	"slices"
	"sync"

	"polity/plane/ngsild/jsontext"
)

// maxCompiled is how many compiled contexts are kept.
const maxCompiled = 200

// Cache compiles @contexts and keeps what it compiled. It is safe for concurrent use.
type Cache struct {
	fetch fetcher
	core  *Context

	mu      sync.Mutex
	entries map[string]*list.Element
	order   *list.List // most recently used first
	age     int        // grows when something is forgotten
}

type cached struct {
	key     string
	context *Context
}

// NewCache returns a cache that gets the documents it needs by fetch: their text, an
// object with a member @context.
func NewCache(fetch func(ctx context.Context, address string) ([]byte, error)) (*Cache, error) {
	c := &Cache{fetch: fetch, entries: map[string]*list.Element{}, order: list.New()}
	core, err := compile(context.Background(), json.RawMessage(`"`+Core+`"`), fetch)
	if err != nil {
		return nil, err
	}
	core.Link, c.core = Core, core
	return c, nil
}

// Core returns the core @context alone.
func (c *Cache) Core() *Context { return c.core }

// At returns the context at an address.
func (c *Cache) At(ctx context.Context, address string) (*Context, error) {
	if IsCore(address) {
		return c.core, nil
	}
	return c.Of(ctx, jsontext.AppendString(nil, address))
}

// Of returns the compiled form of a @context's value. Errors are of package problem.
func (c *Cache) Of(ctx context.Context, source json.RawMessage) (*Context, error) {
	key := string(source)
	c.mu.Lock()
	if e, ok := c.entries[key]; ok {
		c.order.MoveToFront(e)
		c.mu.Unlock()
		return e.Value.(*cached).context, nil
	}
	age := c.age
	c.mu.Unlock()
	made, err := compile(ctx, source, c.fetch)
	if err != nil {
		return nil, err
	}
	made.Link = onlyAddress(made.Source)
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.entries[key]; ok {
		return e.Value.(*cached).context, nil
	}
	if age != c.age {
		return made, nil // what it was made of may be gone: right for this request only
	}
	c.entries[key] = c.order.PushFront(&cached{key, made})
	for c.order.Len() > maxCompiled {
		last := c.order.Back()
		c.order.Remove(last)
		delete(c.entries, last.Value.(*cached).key)
	}
	return made, nil
}

// onlyAddress is the address of a @context that is one address, or a list of one.
func onlyAddress(source json.RawMessage) string {
	if s, ok := jsontext.Strings(source); ok {
		var others []string
		for _, a := range s {
			if !IsCore(a) {
				others = append(others, a)
			}
		}
		switch {
		case len(others) == 1:
			return others[0]
		case len(others) == 0:
			return Core
		}
	}
	return ""
}

// Forget drops everything that was made of what is at an address.
func (c *Cache) Forget(address string) {
	c.ForgetMatching(func(a string) bool { return a == address })
}

// ForgetMatching drops everything that was made of what is at an address of which
// matches is true.
func (c *Cache) ForgetMatching(matches func(address string) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.age++
	for e := c.order.Front(); e != nil; {
		next := e.Next()
		if k := e.Value.(*cached); slices.ContainsFunc(k.context.used, matches) {
			c.order.Remove(e)
			delete(c.entries, k.key)
		}
		e = next
	}
}
