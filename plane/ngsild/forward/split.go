package forward

import (
	"slices"

	"polity/plane/ngsild/jsonld"
	"polity/plane/ngsild/jsontext"
)

// Split is who stores what of a write (clause 4.3.6).
type Split struct {
	Shares []Share  // each with the attributes that are its own
	Local  bool     // something is left for this broker
	Rest   []string // attributes that are left for it, as stored
}

// SplitWrite shares the attributes of a write among sources: what a source holds
// exclusively goes to it alone, what is redirected to all that hold it, and the rest to
// this broker and to each inclusive source. Auxiliary ones only read.
func SplitWrite(shares []Share, names []string) Split {
	s := Split{Rest: slices.Clone(names), Local: true}
	for _, mode := range []Mode{Exclusive, Redirect, Inclusive} {
		var taken []string
		for _, x := range shares {
			if x.Mode != mode {
				continue
			}
			part := s.Rest
			if x.Names != nil {
				part = common(s.Rest, x.Names)
			}
			if len(part) == 0 && (x.Names != nil || len(names) > 0) {
				continue
			}
			whole := x.Names == nil && len(part) == len(names)
			taken = union(taken, part)
			if x.Names = part; whole {
				x.Names = nil
			}
			s.Shares = append(s.Shares, x)
			if mode == Exclusive {
				s.Rest = without(s.Rest, part)
			}
			if mode.Proxied() && whole {
				s.Local = false
			}
		}
		if mode == Redirect {
			s.Rest = without(s.Rest, taken)
		}
	}
	if len(names) > 0 && len(s.Rest) == 0 {
		s.Local = false
	}
	return s
}

// SplitWhole shares what is about an entity as a whole, as its removal is: each source
// has a part, and this broker too unless the whole entity is held elsewhere.
func SplitWhole(shares []Share) Split {
	s := Split{Local: true}
	for _, x := range shares {
		if x.Mode == Auxiliary {
			continue
		}
		s.Local = s.Local && (x.Mode != Redirect || x.Names != nil)
		x.Names = nil
		s.Shares = append(s.Shares, x)
	}
	return s
}

// Only returns the members of a body that a share has; all of them if Names is nil.
// The body's names are those of a @context.
func Only(o jsontext.Object, names []string, c *jsonld.Context) jsontext.Object {
	if names == nil {
		return o
	}
	out := make(jsontext.Object, 0, len(names)+3)
	for _, m := range o {
		switch m.Name {
		case "id", "@id", "type", "@type", "@context":
			out = append(out, m)
		default:
			if slices.Contains(names, c.Stored(m.Name)) {
				out = append(out, m)
			}
		}
	}
	return out
}

func without(list, gone []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(gone, s) })
}
