package mapping

import (
	"encoding/json"
	"strconv"
	"strings"

	"polity/city"
)

// Path leads to a value within a payload: keys between dots and places of lists in
// brackets, such as uplink.sensors[0].value; $ alone is the payload itself. Keys that
// have dots stand in brackets and quotes: data["pm2.5"].
type Path struct {
	text  string
	steps []step
}

type step struct {
	key   string
	index int // -1: by key
}

// UnmarshalText reads a path.
func (p *Path) UnmarshalText(b []byte) error {
	text := string(b)
	bad := func(why string) error {
		return city.Errorf(city.Invalid, "path %q: %s; write one such as uplink.sensors[0].value", text, why)
	}
	rest := strings.TrimPrefix(text, "$")
	if text == "" || len(text) > 512 {
		return bad("it has 1 to 512 bytes")
	}
	rest = strings.TrimPrefix(rest, ".")
	var steps []step
	for rest != "" {
		if rest[0] == '[' {
			inside, after, ok := strings.Cut(rest[1:], "]")
			if strings.HasPrefix(rest, `["`) {
				inside, after, ok = strings.Cut(rest[2:], `"]`)
				steps = append(steps, step{key: inside, index: -1})
			} else {
				n, err := strconv.Atoi(inside)
				if err != nil || n < 0 || n > 100000 {
					return bad("what stands in brackets is no place of a list, counted from 0")
				}
				steps = append(steps, step{index: n})
			}
			if !ok {
				return bad("a bracket is not closed")
			}
			rest = strings.TrimPrefix(after, ".")
			if after == "." {
				return bad("it ends with a dot")
			}
			continue
		}
		end := strings.IndexAny(rest, ".[")
		if end < 0 {
			end = len(rest)
		}
		if end == 0 {
			return bad("a key is empty")
		}
		steps = append(steps, step{key: rest[:end], index: -1})
		if rest = rest[end:]; rest == "." {
			return bad("it ends with a dot")
		}
		rest = strings.TrimPrefix(rest, ".")
	}
	p.text, p.steps = text, steps
	return nil
}

// String returns the path as it was written.
func (p Path) String() string { return p.text }

func (p Path) empty() bool { return p.text == "" }

// find returns what the path leads to, and false for nothing or null.
func (p Path) find(v any) (any, bool) {
	for _, s := range p.steps {
		switch x := v.(type) {
		case map[string]any:
			if s.index >= 0 {
				return nil, false
			}
			v = x[s.key]
		case []any:
			if s.index < 0 || s.index >= len(x) {
				return nil, false
			}
			v = x[s.index]
		default:
			return nil, false
		}
	}
	return v, v != nil
}

// word returns a text or number as text.
func word(v any) (string, bool) {
	switch x := v.(type) {
	case string:
		return x, true
	case json.Number:
		return x.String(), true
	}
	return "", false
}
