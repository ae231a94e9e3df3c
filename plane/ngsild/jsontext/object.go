package jsontext

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Object is a JSON object, its members in their order. A member that stands twice
// counts once, with its last value.
type Object []Member

// Member is one member. Value is compact or not, as it came.
type Member struct {
	Name  string
	Value json.RawMessage
}

// MaxDepth is how deep JSON may be nested.
const MaxDepth = 64

// Valid reports what is wrong with a text as one JSON value.
func Valid(text []byte) error {
	depth, inString := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			if depth++; depth > MaxDepth {
				return fmt.Errorf("it is nested deeper than %d", MaxDepth)
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	if !json.Valid(text) {
		var v any
		if err := json.Unmarshal(text, &v); err != nil {
			return err
		}
		return errors.New("it is not JSON")
	}
	return nil
}

// Get returns a member's value, nil if there is none.
func (o Object) Get(name string) json.RawMessage {
	for i := range o {
		if o[i].Name == name {
			return o[i].Value
		}
	}
	return nil
}

// Has says whether there is such a member.
func (o Object) Has(name string) bool { return o.Get(name) != nil }

// Text returns a member that is a string.
func (o Object) Text(name string) (string, bool) { return String(o.Get(name)) }

// Kind is the first byte of a value: one of { [ " t f n and 0 for numbers.
func Kind(value json.RawMessage) byte {
	value = bytes.TrimLeft(value, " \t\r\n")
	if len(value) == 0 {
		return 0
	}
	switch value[0] {
	case '{', '[', '"', 't', 'f', 'n':
		return value[0]
	}
	return '0'
}

// String returns a value that is a string.
func String(value json.RawMessage) (string, bool) {
	if Kind(value) != '"' {
		return "", false
	}
	var s string
	if json.Unmarshal(value, &s) != nil {
		return "", false
	}
	return s, true
}

// Strings returns a value that is a string or a list of strings.
func Strings(value json.RawMessage) ([]string, bool) {
	if s, ok := String(value); ok {
		return []string{s}, true
	}
	items, ok := List(value)
	if !ok {
		return nil, false
	}
	out := make([]string, 0, len(items))
	for _, item := range items {
		s, ok := String(item)
		if !ok {
			return nil, false
		}
		out = append(out, s)
	}
	return out, true
}

// List returns the items of a value that is an array.
func List(value json.RawMessage) ([]json.RawMessage, bool) {
	if Kind(value) != '[' {
		return nil, false
	}
	var items []json.RawMessage
	if json.Unmarshal(value, &items) != nil {
		return nil, false
	}
	return items, true
}

// Parse returns the members of a value that is an object.
func Parse(value json.RawMessage) (Object, bool) {
	if Kind(value) != '{' {
		return nil, false
	}
	d := json.NewDecoder(bytes.NewReader(value))
	if _, err := d.Token(); err != nil {
		return nil, false
	}
	var o Object
	for d.More() {
		t, err := d.Token()
		name, isName := t.(string)
		if err != nil || !isName {
			return nil, false
		}
		var raw json.RawMessage
		if d.Decode(&raw) != nil {
			return nil, false
		}
		if i := o.index(name); i >= 0 {
			o[i].Value = raw
			continue
		}
		o = append(o, Member{name, raw})
	}
	if _, err := d.Token(); err != nil {
		return nil, false
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, false
	}
	return o, true
}

func (o Object) index(name string) int {
	for i := range o {
		if o[i].Name == name {
			return i
		}
	}
	return -1
}

// Set adds a member or gives it another value.
func (o *Object) Set(name string, value json.RawMessage) {
	if i := o.index(name); i >= 0 {
		(*o)[i].Value = value
		return
	}
	*o = append(*o, Member{name, value})
}

// Drop removes a member and says whether it was there.
func (o *Object) Drop(name string) bool {
	i := o.index(name)
	if i < 0 {
		return false
	}
	*o = append((*o)[:i:i], (*o)[i+1:]...)
	return true
}

// Append appends the object.
func (o Object) Append(b []byte) []byte {
	b = append(b, '{')
	for i, m := range o {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(AppendString(b, m.Name), ':')
		b = append(b, m.Value...)
	}
	return append(b, '}')
}
