package entry

import (
	stdbytes "bytes"
	"encoding/base64"
	"reflect"

	"polity/city"
	"polity/ledger/canonical"
)

// parser reads the canonical form and nothing else: members in the order of the rules,
// no spaces, no escapes. It is much faster than reading any JSON and writing it again,
// which a whole log is too long for.
type parser struct{ rest []byte }

func (p *parser) take(s string) bool {
	if len(p.rest) < len(s) || string(p.rest[:len(s)]) != s {
		return false
	}
	p.rest = p.rest[len(s):]
	return true
}

// members reads an object into the fields of v.
func (p *parser) members(list []rule, v reflect.Value) error {
	if !p.take("{") {
		return city.Errorf(city.Invalid, "an object must begin here")
	}
	first := true
	for i := range list {
		r := &list[i]
		before := p.rest
		if !first && !p.take(",") || !p.take(r.member) {
			p.rest = before
			if r.optional {
				continue
			}
			if len(p.rest) == 0 {
				return city.Errorf(city.Invalid, "the JSON ends too early, before %s", r.path)
			}
			return city.Errorf(city.Invalid, "%s is missing, or something unknown or out of order stands before it: not in canonical form", r.path)
		}
		first = false
		if err := p.value(r, v.Field(r.index)); err != nil {
			return err
		}
		if r.optional && empty(v.Field(r.index)) {
			return city.Errorf(city.Invalid, "%s is empty: then it must be absent", r.path)
		}
	}
	switch {
	case p.take("}"):
		return nil
	case len(p.rest) == 0:
		return city.Errorf(city.Invalid, "the JSON ends too early")
	}
	return city.Errorf(city.Invalid, "something unknown or out of order stands after its last member: not in canonical form")
}

func empty(f reflect.Value) bool { return f.Kind() == reflect.Slice && f.Len() == 0 || f.IsZero() }

func (p *parser) value(r *rule, f reflect.Value) error {
	switch f.Kind() {
	case reflect.Pointer:
		f.Set(reflect.New(f.Type().Elem()))
		return p.members(r.members, f.Elem())
	case reflect.Struct:
		return p.members(r.members, f)
	case reflect.Int, reflect.Int64:
		return p.number(r, f)
	case reflect.String:
		s, err := p.text(r)
		f.SetString(string(s))
		return err
	case reflect.Array:
		return p.hash(r, f)
	}
	if r.kind == "names" {
		return p.names(r, f)
	}
	s, err := p.text(r)
	if err != nil {
		return err
	}
	b := make([]byte, base64.RawURLEncoding.DecodedLen(len(s)))
	f.SetBytes(b)
	return decode(r, b, s)
}

func (p *parser) text(r *rule) ([]byte, error) {
	if !p.take(`"`) {
		return nil, city.Errorf(city.Invalid, "%s must be text", r.path)
	}
	end := stdbytes.IndexByte(p.rest, '"')
	if end < 0 {
		return nil, city.Errorf(city.Invalid, "the JSON ends too early, in %s", r.path)
	}
	s := p.rest[:end]
	for _, c := range s {
		if c < ' ' || c > '~' || c == '\\' {
			return nil, city.Errorf(city.Invalid, "%s has a character that no value has", r.path)
		}
	}
	p.rest = p.rest[end+1:]
	return s, nil
}

func (p *parser) hash(r *rule, f reflect.Value) error {
	s, err := p.text(r)
	if err != nil {
		return err
	}
	return decode(r, f.Addr().Interface().(*canonical.Hash)[:], s) //nolint:forcetypeassert // no other array has a rule
}

func decode(r *rule, to, text []byte) error {
	if base64.RawURLEncoding.DecodedLen(len(text)) != len(to) {
		return city.Errorf(city.Invalid, "%s: %d characters of base64url where %d bytes must be", r.path, len(text), len(to))
	}
	if _, err := strict.Decode(to, text); err != nil {
		return city.Errorf(city.Invalid, "%s: no base64url without padding (RFC 4648, section 5)", r.path)
	}
	return nil
}

var strict = base64.RawURLEncoding.Strict()

func (p *parser) number(r *rule, f reflect.Value) error {
	n, digits := int64(0), 0
	for digits < len(p.rest) && digits < 17 && p.rest[digits] >= '0' && p.rest[digits] <= '9' {
		n = n*10 + int64(p.rest[digits]-'0')
		digits++
	}
	if digits == 0 || digits == 17 || (digits > 1 && p.rest[0] == '0') {
		return city.Errorf(city.Invalid, "%s must be a whole number of at most 16 digits", r.path)
	}
	p.rest = p.rest[digits:]
	f.SetInt(n)
	return nil
}

func (p *parser) names(r *rule, f reflect.Value) error {
	if !p.take("[") {
		return city.Errorf(city.Invalid, "%s must be a list", r.path)
	}
	var list []city.Slug
	for !p.take("]") {
		if len(list) > 0 && !p.take(",") {
			return city.Errorf(city.Invalid, "%s: a comma is missing", r.path)
		}
		s, err := p.text(r)
		if err != nil {
			return err
		}
		list = append(list, city.Slug(s))
	}
	f.Set(reflect.ValueOf(list))
	return nil
}
