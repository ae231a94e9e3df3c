// Package jsonld is what NGSI-LD needs of JSON-LD 1.1: a @context compiled once into
// a map of terms, with which names are expanded and compacted, and a bounded cache
// of what was compiled. The core @context always counts last and so cannot be
// overridden (ETSI GS CIM 009, clause 5.5.7).
package jsonld

import (
	"encoding/json"
	"slices"
	"strings"
)

// Core is the address of the core @context that is bundled.
const Core = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.8.jsonld"

// DefaultVocab is what a name without a definition expands with.
const DefaultVocab = "https://uri.etsi.org/ngsi-ld/default-context/"

// NGSILD is the prefix of NGSI-LD's own names.
const NGSILD = "https://uri.etsi.org/ngsi-ld/"

// Context is a compiled @context. It never changes.
type Context struct {
	// Source is the @context as it was given: a JSON string, object or list.
	Source json.RawMessage
	// Link is the one address it can be had at; empty for one that was given inside
	// a body.
	Link string

	terms    map[string]string // term to IRI
	names    map[string]string // IRI to its shortest term
	prefixes []prefix          // longest IRI first
	vocab    string
	used     []string // addresses that it was made of
	renamed  bool     // a term stands for a name of the default vocabulary
}

type prefix struct{ term, iri string }

// Expand returns the IRI of a name: a term, a compact IRI, an IRI, or a name
// without definition, which belongs to the vocabulary.
func (c *Context) Expand(name string) string {
	if iri, ok := c.terms[name]; ok {
		return iri
	}
	if before, after, ok := strings.Cut(name, ":"); ok {
		if iri, ok := c.terms[before]; ok && isPrefix(iri) && !strings.HasPrefix(after, "//") {
			return iri + after
		}
		return name
	}
	return c.vocab + name
}

// ExpandAll expands each name.
func (c *Context) ExpandAll(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = c.Expand(n)
	}
	return out
}

// Compact returns the shortest name whose Expand is iri.
func (c *Context) Compact(iri string) string {
	if name, ok := c.names[iri]; ok {
		return name
	}
	if rest, ok := strings.CutPrefix(iri, c.vocab); ok && rest != "" && !strings.ContainsAny(rest, ":/") {
		if _, taken := c.terms[rest]; !taken {
			return rest
		}
	}
	for _, p := range c.prefixes {
		if rest, ok := strings.CutPrefix(iri, p.iri); ok && rest != "" && !strings.HasPrefix(rest, "//") {
			name := p.term + ":" + rest
			if _, taken := c.terms[name]; !taken {
				return name
			}
		}
	}
	return iri
}

// Used lists the addresses it was made of, the core @context apart.
func (c *Context) Used() []string { return c.used }

func (c *Context) index() {
	c.names = make(map[string]string, len(c.terms))
	for term, iri := range c.terms {
		if strings.HasPrefix(iri, "@") {
			continue
		}
		old, ok := c.names[iri]
		if !ok || len(term) < len(old) || len(term) == len(old) && term < old {
			c.names[iri] = term
		}
		if strings.HasPrefix(iri, DefaultVocab) {
			c.renamed = true
		}
		if isPrefix(iri) {
			c.prefixes = append(c.prefixes, prefix{term, iri})
		}
	}
	slices.SortFunc(c.prefixes, func(a, b prefix) int {
		if d := len(b.iri) - len(a.iri); d != 0 {
			return d
		}
		return strings.Compare(a.term, b.term)
	})
}

// isPrefix says whether an IRI ends so that compact IRIs can begin with its term.
func isPrefix(iri string) bool {
	return strings.HasSuffix(iri, "/") || strings.HasSuffix(iri, "#") || strings.HasSuffix(iri, ":")
}
