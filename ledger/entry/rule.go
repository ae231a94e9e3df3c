package entry

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"polity/city"
	"polity/ledger/canonical"
)

// rule is what may stand in one member.
type rule struct {
	path     string // as in JSON, such as commitments.case
	member   string // "case":
	index    int    // of the field
	kind     string // word, name, names, number, bytes, signature, domain, hash, time, day, week, reference, version, type, v, members
	words    []string
	register string // of a name: whose register it must be in
	min, max int64
	optional bool
	members  []rule
	pointer  bool
}

var rules = rulesOf(all())

func rulesOf(list []Entry) map[Type][]rule {
	m := map[Type][]rule{}
	for _, e := range list {
		r, err := read(reflect.TypeOf(e).Elem(), "")
		if err != nil {
			panic(err) // a mistake in a type above, found by any test
		}
		m[e.of()] = r
	}
	return m
}

// kinds are the Go types that say by themselves what may stand in a member.
var kinds = map[reflect.Type]string{
	reflect.TypeFor[canonical.Hash](): "hash",
	reflect.TypeFor[canonical.Time](): "time",
	reflect.TypeFor[canonical.Day]():  "day",
	reflect.TypeFor[canonical.Week](): "week",
	reflect.TypeFor[Reference]():      "reference",
	reflect.TypeFor[Version]():        "version",
	reflect.TypeFor[Type]():           "type",
}

// tagged are the Go types that need a rule, with the kinds it may name.
var tagged = map[reflect.Type][]string{
	reflect.TypeFor[city.Slug]():       {"name", "word"},
	reflect.TypeFor[[]city.Slug]():     {"names"},
	reflect.TypeFor[Word]():            {"word"},
	reflect.TypeFor[int64]():           {"number"},
	reflect.TypeFor[canonical.Bytes](): {"bytes", "signature"},
	reflect.TypeFor[string]():          {"domain"},
}

// read makes the rules of a struct. A member of a kind that is not on the list has none.
func read(t reflect.Type, path string) (list []rule, err error) {
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		r := rule{path: path + name, member: strconv.Quote(name) + ":", index: f.Index[0], optional: options == "omitempty"}
		words := strings.Fields(f.Tag.Get("is"))
		switch {
		case f.Type == reflect.TypeFor[int]() && name == "v":
			r.kind = "v"
		case kinds[f.Type] != "" && len(words) == 0:
			r.kind = kinds[f.Type]
		case len(words) > 0 && slices.Contains(tagged[f.Type], words[0]):
			if err := r.tag(words); err != nil {
				return nil, err
			}
		case f.Type.Kind() == reflect.Struct || (f.Type.Kind() == reflect.Pointer && f.Type.Elem().Kind() == reflect.Struct):
			inner := f.Type
			if r.pointer = inner.Kind() == reflect.Pointer; r.pointer {
				inner = inner.Elem()
			}
			r.kind = "members"
			if r.members, err = read(inner, r.path+"."); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("%s.%s: a %s is of no kind that an entry may hold", t, f.Name, f.Type)
		}
		list = append(list, r)
	}
	return list, nil
}

func (r *rule) tag(words []string) error {
	r.kind = words[0]
	args := words[1:]
	number := func(i int) int64 {
		n, err := strconv.ParseInt(args[i], 10, 64)
		if err != nil {
			panic(err)
		}
		return n
	}
	switch {
	case r.kind == "word" && len(args) > 0:
		r.words = args
	case r.kind == "name" && len(args) == 1:
		r.register = args[0]
	case r.kind == "names" && len(args) == 2:
		r.register, r.max = args[0], number(1)
	case r.kind == "number" && len(args) == 2, r.kind == "bytes" && len(args) == 2:
		r.min, r.max = number(0), number(1)
	case r.kind == "bytes" && len(args) == 1:
		r.min, r.max = number(0), number(0)
	case r.kind == "signature" && len(args) == 0:
		r.kind, r.min, r.max, r.optional = "bytes", 64, 64, false
	case r.kind == "domain" && len(args) == 0:
	default:
		return fmt.Errorf("%s: rule %q", r.path, words)
	}
	return nil
}
