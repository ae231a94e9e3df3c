package mapping

import (
	"errors"
	"slices"

	"polity/city"
)

// Set is the mappings that are in use.
type Set struct{ list []*Mapping }

// NewSet checks that mappings can be told apart: by name, and by topic, route or
// condition.
func NewSet(list ...*Mapping) (*Set, error) {
	var errs []error
	for i, m := range list {
		for _, other := range list[:i] {
			switch {
			case m.Name == other.Name:
				errs = append(errs, city.Errorf(city.Invalid, "two mappings are called %s; rename one", m.Name))
			case len(m.When) > 0 && len(other.When) > 0:
			case m.Topic.text != "" && m.Topic.Filter() == other.Topic.Filter(), m.Route != "" && m.Route == other.Route:
				errs = append(errs, city.Errorf(city.Invalid, "the mappings %s and %s are of the same messages; tell them apart by when in both", other.Name, m.Name))
			}
		}
	}
	return &Set{slices.Clone(list)}, errors.Join(errs...)
}

// All lists the mappings.
func (s *Set) All() []*Mapping { return slices.Clone(s.list) }

// Named returns the mapping of a name, or nil.
func (s *Set) Named(name city.Slug) *Mapping {
	for _, m := range s.list {
		if m.Name == name {
			return m
		}
	}
	return nil
}

// HasRoute says whether any mapping is of a route.
func (s *Set) HasRoute(route city.Slug) bool {
	return slices.ContainsFunc(s.list, func(m *Mapping) bool { return m.Route != "" && m.Route == route })
}

// Filters lists the topics of all mappings as MQTT subscriptions.
func (s *Set) Filters() []string {
	var out []string
	for _, m := range s.list {
		if f := m.Topic.Filter(); f != "" && !slices.Contains(out, f) {
			out = append(out, f)
		}
	}
	return out
}

// Apply finds the message's mapping, the first whose topic or route and conditions
// hold, and says what the message means. The error holds a *Refusal.
func (s *Set) Apply(x Message) (*Mapping, *Reading, error) {
	p := &payload{raw: x.Payload, record: x.Record}
	var first *Mapping
	var device string
	for _, m := range s.list {
		named, ok := m.Topic.match(x.Topic)
		if x.Topic == "" {
			ok = m.Route != "" && m.Route == x.Route
		}
		if !ok {
			continue
		}
		if first == nil {
			first = m
			if name := named["device"]; CheckDevice(name) == nil {
				device = name
			}
		}
		if !m.holds(p) {
			continue
		}
		r, refused := m.apply(p, x, named)
		if refused != nil {
			return m, nil, refusal(refused)
		}
		return m, r, nil
	}
	if first == nil {
		return nil, nil, refusal(&Refusal{Why: "no mapping is of this topic or route", Detail: shorten(x.Topic + string(x.Route))})
	}
	if _, err := p.asJSON(); err != nil {
		return first, nil, refusal(&Refusal{Mapping: first.Name, Device: device, Private: first.Household, Why: "the payload cannot be read", Detail: err.Error()})
	}
	return first, nil, refusal(&Refusal{Mapping: first.Name, Device: device, Private: first.Household, Why: "the conditions of no mapping hold for this payload"})
}

// holds says whether a message meets the mapping's conditions.
func (m *Mapping) holds(p *payload) bool {
	if len(m.When) == 0 {
		return true
	}
	tree, err := p.asJSON()
	if err != nil {
		return false
	}
	for _, c := range m.When {
		v, _ := c.Path.find(tree)
		s, ok := word(v)
		if !ok || !slices.Contains(c.Is, s) {
			return false
		}
	}
	return true
}
