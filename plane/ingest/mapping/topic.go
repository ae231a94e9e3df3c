package mapping

import (
	"strings"

	"polity/city"
)

// Topic is a pattern of MQTT topics: levels between slashes, each a text, {name} for
// any one level that is given a name, + for any one level, and # at the end for all
// that follow.
type Topic struct {
	text   string
	levels []string
}

// UnmarshalText reads a pattern.
func (t *Topic) UnmarshalText(b []byte) error {
	text := string(b)
	levels := strings.Split(text, "/")
	if text == "" || len(text) > 1024 {
		return city.Errorf(city.Invalid, "a topic has 1 to 1024 bytes, such as air/{device}/up")
	}
	seen := map[string]bool{}
	for i, l := range levels {
		name, named := capture(l)
		switch {
		case named && (city.Slug(name).Check() != nil || seen[name]):
			return city.Errorf(city.Invalid, "topic %q: {%s} must be a name of a-z, 0-9 and hyphens that stands there once", text, name)
		case named:
			seen[name] = true
		case l == "#" && i < len(levels)-1:
			return city.Errorf(city.Invalid, "topic %q: # may stand at the end only", text)
		case l != "+" && l != "#" && strings.ContainsAny(l, "+#{}\x00"):
			return city.Errorf(city.Invalid, "topic %q: +, # and {name} fill the whole of a level", text)
		}
	}
	t.text, t.levels = text, levels
	return nil
}

func capture(level string) (name string, ok bool) {
	rest, open := strings.CutPrefix(level, "{")
	name, shut := strings.CutSuffix(rest, "}")
	return name, open && shut
}

// String returns the pattern as it was written.
func (t Topic) String() string { return t.text }

// Filter is the pattern as an MQTT subscription.
func (t Topic) Filter() string {
	out := make([]string, len(t.levels))
	for i, l := range t.levels {
		if _, named := capture(l); named {
			l = "+"
		}
		out[i] = l
	}
	return strings.Join(out, "/")
}

// names lists what the pattern gives names to.
func (t Topic) names() map[string]bool {
	out := map[string]bool{}
	for _, l := range t.levels {
		if name, ok := capture(l); ok {
			out[name] = true
		}
	}
	return out
}

// match returns the named levels of a topic, and false if it is another one's. Topics
// that begin with $ are the broker's own and never match (MQTT 3.1.1, 4.7.2).
func (t Topic) match(topic string) (map[string]string, bool) {
	if t.text == "" || strings.HasPrefix(topic, "$") {
		return nil, false
	}
	got := strings.Split(topic, "/")
	named := map[string]string{}
	for i, l := range t.levels {
		if l == "#" {
			return named, true
		}
		if i >= len(got) {
			return nil, false
		}
		name, is := capture(l)
		switch {
		case is:
			named[name] = got[i]
		case l != "+" && l != got[i]:
			return nil, false
		}
	}
	return named, len(got) == len(t.levels)
}
