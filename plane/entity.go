package plane

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"polity/city"
)

// Bounds of an entity.
const (
	MaxName       = 1024    // bytes of an id, a type, a scope, an attribute's name or dataset
	MaxAttributes = 1000    // of an entity, metadata included
	MaxDepth      = 5       // of metadata of metadata
	MaxValue      = 1 << 20 // bytes of an attribute's value
	MaxNesting    = 500     // of lists and objects in a value
)

// Key names an entity. Tenants are apart: the empty one is the city's own.
type Key struct {
	Tenant string
	ID     string
}

// Entity is one thing of the city. What the store hands out is a copy that the
// caller may change.
type Entity struct {
	Key
	Types      []string    // at least one
	Scopes     []string    // such as /traffic/centre
	Attributes []Attribute // sorted by name, then dataset

	// Set by the store.
	Created, Modified time.Time
	Version           uint64 // 1, and one more with each change
}

// Kind is what sort of attribute it is.
type Kind uint8

// The kinds, as in NGSI-LD, clause 4.5.
const (
	Property     Kind = 1
	Relationship Kind = 2 // Value is the id of an entity, or a list of them
	Geo          Kind = 3 // Value is a GeoJSON geometry (RFC 7946)
	Language     Kind = 4 // Value maps language tags to texts
	JSON         Kind = 5 // Value is not looked into
	Vocabulary   Kind = 6 // Value is a term or a list of them
	List         Kind = 7 // Value is a list whose order counts
	ListOfLinks  Kind = 8 // Value is a list of ids whose order counts
)

// Location is the name of the attribute by which an entity is found on the map,
// if its kind is Geo.
const Location = "location"

// Attribute is one instance of an attribute.
type Attribute struct {
	Name       string
	Dataset    string // empty for the default instance
	Kind       Kind
	Value      json.RawMessage // compact JSON, never null
	Unit       string          // UN/CEFACT code or empty
	ObservedAt time.Time       // zero if it is not observed
	Meta       []Attribute     // sorted likewise

	Created, Modified time.Time // set by the store
}

// Attribute returns the default instance of an attribute, or nil.
func (e *Entity) Attribute(name string) *Attribute {
	for i := range e.Attributes {
		if a := &e.Attributes[i]; a.Name == name && a.Dataset == "" {
			return a
		}
	}
	return nil
}

// Set adds an attribute or replaces the instance of its name and dataset.
func (e *Entity) Set(a Attribute) {
	i, found := slices.BinarySearchFunc(e.Attributes, a, compare)
	if found {
		e.Attributes[i] = a
		return
	}
	e.Attributes = slices.Insert(e.Attributes, i, a)
}

// Drop removes the instances of an attribute with the dataset. It says whether
// there was one.
func (e *Entity) Drop(name, dataset string) bool {
	i, found := slices.BinarySearchFunc(e.Attributes, Attribute{Name: name, Dataset: dataset}, compare)
	if found {
		e.Attributes = slices.Delete(e.Attributes, i, i+1)
	}
	return found
}

// Clone returns a copy that shares nothing that is ever changed in place.
func (e *Entity) Clone() *Entity {
	c := *e
	c.Types, c.Scopes, c.Attributes = slices.Clone(e.Types), slices.Clone(e.Scopes), cloneAttributes(e.Attributes)
	return &c
}

func cloneAttributes(list []Attribute) []Attribute {
	out := slices.Clone(list)
	for i := range out {
		out[i].Meta = cloneAttributes(out[i].Meta)
	}
	return out
}

func compare(a, b Attribute) int {
	return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Dataset, b.Dataset))
}

// Check reports the first thing that is wrong, with its place. The error is of
// kind Invalid or TooLarge. It sorts attributes and makes values compact.
func (e *Entity) Check() error {
	if err := checkID(e.ID); err != nil {
		return err
	}
	if err := checkTenant(e.Tenant); err != nil {
		return err
	}
	if len(e.Types) == 0 {
		return city.Errorf(city.Invalid, "entity %s has no type", e.ID)
	}
	for _, list := range [][]string{e.Types, e.Scopes} {
		for i, name := range list {
			if err := checkName("type or scope", name); err != nil {
				return city.Errorf(city.Invalid, "entity %s: %w", e.ID, err)
			}
			if slices.Contains(list[:i], name) {
				return city.Errorf(city.Invalid, "entity %s: %q is listed twice", e.ID, name)
			}
		}
	}
	left := MaxAttributes
	if err := checkAttributes(e.Attributes, 0, &left); err != nil {
		return city.Errorf(city.KindOf(err), "entity %s: %w", e.ID, err)
	}
	return nil
}

func checkTenant(tenant string) error {
	if len(tenant) > 64 || !utf8.ValidString(tenant) || strings.ContainsRune(tenant, 0) {
		return city.Errorf(city.Invalid, "the tenant's name is longer than 64 bytes or no UTF-8")
	}
	return nil
}

func checkID(id string) error {
	scheme, rest, ok := strings.Cut(id, ":")
	if !ok || rest == "" || !isScheme(scheme) || len(id) > MaxName || strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r == 0x7f || r == utf8.RuneError }) {
		return city.Errorf(city.Invalid, "the id %q is not a URI of at most %d bytes, such as urn:ngsi-ld:Building:42", shorten(id), MaxName)
	}
	return nil
}

// isScheme is RFC 3986, 3.1.
func isScheme(s string) bool {
	for i, r := range s {
		letter := (r >= 'a' && r <= 'z') || (r >= 'A' && r <= 'Z')
		if !letter && (i == 0 || ((r < '0' || r > '9') && r != '+' && r != '-' && r != '.')) {
			return false
		}
	}
	return s != ""
}

func checkName(what, name string) error {
	if name == "" || len(name) > MaxName || !utf8.ValidString(name) || strings.ContainsRune(name, 0) {
		return city.Errorf(city.Invalid, "the %s %q is empty, longer than %d bytes, or no UTF-8", what, shorten(name), MaxName)
	}
	return nil
}

func shorten(s string) string {
	if len(s) > 80 {
		return strings.ToValidUTF8(s[:80], "") + "…"
	}
	return s
}

func checkAttributes(list []Attribute, depth int, left *int) error {
	if *left -= len(list); *left < 0 {
		return city.Errorf(city.TooLarge, "it has more than %d attributes", MaxAttributes)
	}
	if depth > MaxDepth {
		return city.Errorf(city.TooLarge, "its metadata is nested deeper than %d", MaxDepth)
	}
	slices.SortFunc(list, compare)
	for i := range list {
		a := &list[i]
		if err := checkName("attribute", a.Name); err != nil {
			return err
		}
		if err := a.check(); err != nil {
			return city.Errorf(city.KindOf(err), "attribute %s: %w", shorten(a.Name), err)
		}
		if i > 0 && compare(*a, list[i-1]) == 0 {
			return city.Errorf(city.Invalid, "attribute %s is there twice with the same dataset %q", shorten(a.Name), shorten(a.Dataset))
		}
		if err := checkAttributes(a.Meta, depth+1, left); err != nil {
			return city.Errorf(city.KindOf(err), "attribute %s: %w", shorten(a.Name), err)
		}
	}
	return nil
}

func (a *Attribute) check() error {
	if a.Dataset != "" {
		if err := checkName("dataset", a.Dataset); err != nil {
			return err
		}
	}
	if a.Kind < Property || a.Kind > ListOfLinks {
		return city.Errorf(city.Invalid, "there is no kind %d", a.Kind)
	}
	if len(a.Value) > MaxValue {
		return city.Errorf(city.TooLarge, "its value has %d bytes; %d are allowed", len(a.Value), MaxValue)
	}
	if len(a.Unit) > 64 || !utf8.ValidString(a.Unit) {
		return city.Errorf(city.Invalid, "the unit %q is longer than 64 bytes or no UTF-8", shorten(a.Unit))
	}
	if t := a.ObservedAt; !t.IsZero() && (t.Before(firstObserved) || t.After(lastObserved)) {
		return city.Errorf(city.Invalid, "it is observed at %v; times lie between %d and %d", t, firstObserved.Year(), lastObserved.Year())
	}
	if !utf8.Valid(a.Value) { // RFC 8259, 8.1
		return city.Errorf(city.Invalid, "its value is no UTF-8")
	}
	var buf bytes.Buffer
	if err := json.Compact(&buf, a.Value); err != nil {
		return city.Errorf(city.Invalid, "its value is not JSON: %w", err)
	}
	if a.Value = buf.Bytes(); string(a.Value) == "null" {
		return city.Errorf(city.Invalid, "its value is null; remove the attribute instead")
	}
	if n := nesting(a.Value); n > MaxNesting {
		return city.Errorf(city.TooLarge, "its value nests %d lists and objects; %d are allowed", n, MaxNesting)
	}
	return nil
}

// Nanoseconds of observation fit 64 bits between these.
var (
	firstObserved = time.Date(1678, 1, 1, 0, 0, 0, 0, time.UTC)
	lastObserved  = time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC)
)

// nesting is how deep a JSON text goes.
func nesting(text []byte) (deepest int) {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			depth++
			deepest = max(deepest, depth)
		case c == ']' || c == '}':
			depth--
		}
	}
	return deepest
}

// stamp sets what the store sets, comparing with what was there.
func stamp(old, e *Entity, now time.Time) {
	e.Created, e.Version = now, 1
	var before []Attribute
	if old != nil {
		e.Created, e.Version, before = old.Created, old.Version+1, old.Attributes
	}
	e.Modified = now
	stampAttributes(before, e.Attributes, now)
}

func stampAttributes(old, list []Attribute, now time.Time) {
	for i := range list {
		a := &list[i]
		j, found := slices.BinarySearchFunc(old, *a, compare)
		if !found {
			a.Created, a.Modified = now, now
			stampAttributes(nil, a.Meta, now)
			continue
		}
		stampAttributes(old[j].Meta, a.Meta, now)
		a.Created, a.Modified = old[j].Created, old[j].Modified
		if !sameAttribute(&old[j], a) {
			a.Modified = now
		}
	}
}

// sameAttribute compares what the caller sets, not what the store does.
func sameAttribute(a, b *Attribute) bool {
	return a.Kind == b.Kind && a.Unit == b.Unit && a.ObservedAt.Equal(b.ObservedAt) && bytes.Equal(a.Value, b.Value) &&
		slices.EqualFunc(a.Meta, b.Meta, func(x, y Attribute) bool { return compare(x, y) == 0 && sameAttribute(&x, &y) })
}

func sameEntity(a, b *Entity) bool {
	return slices.Equal(a.Types, b.Types) && slices.Equal(a.Scopes, b.Scopes) &&
		slices.EqualFunc(a.Attributes, b.Attributes, func(x, y Attribute) bool { return compare(x, y) == 0 && sameAttribute(&x, &y) })
}
