package jsonld

import (
	"strings"

	"polity/plane"
)

const location = NGSILD + "location"

// StoredIRI is the name under which the plane keeps what an IRI names. Names of the
// default vocabulary are kept short, so that what Polity's services write is found
// under the names that they gave; every other name is kept as its IRI. NGSI-LD's
// location is the plane's.
func StoredIRI(iri string) string {
	if iri == location {
		return plane.Location
	}
	if short, ok := strings.CutPrefix(iri, DefaultVocab); ok && short != "" && short != plane.Location && !strings.Contains(short, ":") {
		return short
	}
	return iri
}

// IRI is the inverse of StoredIRI.
func IRI(stored string) string {
	switch {
	case stored == plane.Location:
		return location
	case strings.Contains(stored, ":"):
		return stored
	}
	return DefaultVocab + stored
}

// Stored expands a name into the one that the plane keeps.
func (c *Context) Stored(name string) string { return StoredIRI(c.Expand(name)) }

// StoredAll does so for each.
func (c *Context) StoredAll(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = c.Stored(n)
	}
	return out
}

// Shown compacts a name that the plane keeps.
func (c *Context) Shown(stored string) string {
	if !c.renamed && stored != plane.Location && !strings.Contains(stored, ":") {
		if _, taken := c.terms[stored]; !taken {
			return stored
		}
	}
	return c.Compact(IRI(stored))
}
