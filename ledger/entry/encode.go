package entry

import (
	stdbytes "bytes"
	"reflect"

	"polity/city"
	"polity/ledger/canonical"
)

// MaxSize bounds an entry, in bytes; a roster's is MaxRoster.
const (
	MaxSize   = 8 << 10
	MaxRoster = 48 << 10
)

// TypeOf is the type of an entry.
func TypeOf(e Entry) Type { return e.of() }

// Types are all types, in the order of formats/ledger.md.
func Types() (list []Type) {
	for _, e := range all() {
		list = append(list, e.of())
	}
	return list
}

// fill sets the members that say what an entry is.
func fill(e Entry) {
	v := reflect.ValueOf(e).Elem()
	v.FieldByName("Type").SetString(string(e.of()))
	v.FieldByName("V").SetInt(1)
}

// Encode checks an entry and writes it: the bytes that stand in the log. The error is
// of kind Invalid.
func Encode(e Entry) ([]byte, error) {
	fill(e)
	if err := Check(e); err != nil {
		return nil, err
	}
	data, err := canonical.Encode(e)
	if err != nil {
		return nil, err
	}
	if len(data) > limit(e.of()) {
		return nil, city.Errorf(city.TooLarge, "entry %s has %d bytes; %d are allowed", e.of(), len(data), limit(e.of()))
	}
	return data, nil
}

func limit(t Type) int {
	if t == "roster" {
		return MaxRoster
	}
	return MaxSize
}

// ID is an entry's id, by its bytes.
func ID(data []byte) canonical.Hash { return canonical.Sum("entry", data) }

// Decode reads and checks the bytes of an entry. Whatever Encode would not have written
// is refused. The error is of kind Invalid.
func Decode(data []byte) (Entry, error) {
	if len(data) > MaxRoster {
		return nil, city.Errorf(city.TooLarge, "an entry has %d bytes; %d are allowed", len(data), MaxRoster)
	}
	t, err := peek(data)
	if err != nil {
		return nil, err
	}
	if len(data) > limit(t) {
		return nil, city.Errorf(city.TooLarge, "entry %s has %d bytes; %d are allowed", t, len(data), limit(t))
	}
	e := makers[t]()
	p := parser{data}
	if err := p.members(rules[t], reflect.ValueOf(e).Elem()); err != nil {
		return nil, city.Errorf(city.Invalid, "entry %s: %w", t, err)
	}
	if len(p.rest) > 0 {
		return nil, city.Errorf(city.Invalid, "entry %s: something follows the JSON object", t)
	}
	if err := Check(e); err != nil {
		return nil, err
	}
	return e, nil
}

var (
	typeMember = []byte(`"type":"`)
	makers     = makersOf(all())
)

func makersOf(list []Entry) map[Type]func() Entry {
	m := map[Type]func() Entry{}
	for _, e := range list {
		t := reflect.TypeOf(e).Elem()
		m[e.of()] = func() Entry { return reflect.New(t).Interface().(Entry) } //nolint:forcetypeassert // it has e's type
	}
	return m
}

// peek finds the type without reading the rest: no value can hold a quotation mark, canonical.Decode refuses what is wrong anyway.
func peek(data []byte) (Type, error) {
	_, rest, found := stdbytes.Cut(data, typeMember)
	if !found {
		return "", city.Errorf(city.Invalid, "no entry: it says no type")
	}
	end := stdbytes.IndexByte(rest[:min(len(rest), 64)], '"')
	if end < 0 {
		return "", city.Errorf(city.Invalid, "no entry: it is cut off in its type")
	}
	t := Type(rest[:end])
	if makers[t] == nil {
		return "", city.Errorf(city.Invalid, "an entry of type %.40q is not on the list of this version", string(t))
	}
	return t, nil
}
