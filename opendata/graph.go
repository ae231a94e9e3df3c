package opendata

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// Graph is RDF as a list of nodes, written as Turtle or as JSON-LD.
type Graph []*Node

// Node is a thing with its properties; without an IRI it stands where it is named.
type Node struct {
	IRI   string
	Type  string // prefixed name
	Props []Prop
}

// Prop is one property with one value: Literal, IRI or *Node.
type Prop struct {
	Name  string // prefixed name
	Value any
}

// IRI is an absolute address.
type IRI string

// Literal is a text with a language or a data type; neither is a plain one.
type Literal struct{ Text, Language, Type string }

// prefixes of names, in the order in which they are written.
var prefixes = [][2]string{
	{"csvw", "http://www.w3.org/ns/csvw#"},
	{"dcat", "http://www.w3.org/ns/dcat#"},
	{"dcatap", "http://data.europa.eu/r5r/"},
	{"dct", "http://purl.org/dc/terms/"},
	{"foaf", "http://xmlns.com/foaf/0.1/"},
	{"locn", "http://www.w3.org/ns/locn#"},
	{"skos", "http://www.w3.org/2004/02/skos/core#"},
	{"spdx", "http://spdx.org/rdf/terms#"},
	{"vcard", "http://www.w3.org/2006/vcard/ns#"},
	{"xsd", "http://www.w3.org/2001/XMLSchema#"},
	{"geosparql", "http://www.opengis.net/ont/geosparql#"},
}

func (n *Node) add(name string, value any) {
	switch v := value.(type) {
	case nil:
		return
	case IRI:
		if v == "" {
			return
		}
	case Literal:
		if v.Text == "" {
			return
		}
	}
	n.Props = append(n.Props, Prop{name, value})
}

// Turtle writes RDF 1.1 Turtle.
func (g Graph) Turtle() []byte {
	var b bytes.Buffer
	for _, p := range prefixes {
		fmt.Fprintf(&b, "@prefix %s: <%s> .\n", p[0], p[1])
	}
	for queue := append(Graph(nil), g...); len(queue) > 0; queue = queue[1:] {
		n := queue[0]
		fmt.Fprintf(&b, "\n%s a %s", turtleIRI(n.IRI), n.Type)
		queue = append(queue, n.turtle(&b, "  ")...)
		b.WriteString(" .\n")
	}
	return b.Bytes()
}

// turtle writes the properties of a node, and returns nodes with an IRI that are named in
// them: these are still to be written.
func (n *Node) turtle(b *bytes.Buffer, indent string) (later []*Node) {
	for _, p := range n.Props {
		fmt.Fprintf(b, " ;\n%s%s ", indent, p.Name)
		switch v := p.Value.(type) {
		case IRI:
			b.WriteString(turtleIRI(string(v)))
		case Literal:
			b.WriteString(v.turtle())
		case *Node:
			if v.IRI != "" {
				b.WriteString(turtleIRI(v.IRI))
				later = append(later, v)
				continue
			}
			fmt.Fprintf(b, "[ a %s", v.Type)
			later = append(later, v.turtle(b, indent+"  ")...)
			b.WriteString(" ]")
		}
	}
	return later
}

// turtleIRI escapes what an IRIREF may not hold.
func turtleIRI(iri string) string {
	var b strings.Builder
	b.WriteByte('<')
	for _, r := range iri {
		if r <= ' ' || strings.ContainsRune("<>\"{}|^`\\", r) {
			fmt.Fprintf(&b, "\\u%04X", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String() + ">"
}

func (l Literal) turtle() string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range l.Text {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, "\\u%04X", r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	text := b.String()
	switch {
	case l.Language != "":
		return text + "@" + l.Language
	case l.Type != "":
		return text + "^^" + l.Type
	}
	return text
}

// JSONLD writes JSON-LD 1.1.
func (g Graph) JSONLD() ([]byte, error) {
	context := map[string]string{}
	for _, p := range prefixes {
		context[p[0]] = p[1]
	}
	list := make([]map[string]any, len(g))
	for i, n := range g {
		list[i] = n.object()
	}
	text, err := json.MarshalIndent(map[string]any{"@context": context, "@graph": list}, "", " ")
	return append(text, '\n'), err
}

func (n *Node) object() map[string]any {
	o := map[string]any{"@type": n.Type}
	if n.IRI != "" {
		o["@id"] = n.IRI
	}
	for _, p := range n.Props {
		var value any
		switch v := p.Value.(type) {
		case IRI:
			value = map[string]string{"@id": string(v)}
		case Literal:
			one := map[string]string{"@value": v.Text}
			if v.Language != "" {
				one["@language"] = v.Language
			} else if v.Type != "" {
				one["@type"] = v.Type
			}
			value = one
		case *Node:
			value = v.object()
		}
		there, _ := o[p.Name].([]any)
		o[p.Name] = append(there, value)
	}
	return o
}
