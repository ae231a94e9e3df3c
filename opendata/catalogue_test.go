package opendata_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/piprate/json-gold/ld"
)

// triples is the catalogue as sets of subject, predicate, object. Blank nodes are
// called "_".
type triples map[string]map[string][]string

func (g triples) add(s, p, o string) {
	if g[s] == nil {
		g[s] = map[string][]string{}
	}
	g[s][p] = append(g[s][p], o)
}

// fromJSONLD lets a JSON-LD processor read the document.
func fromJSONLD(t *testing.T, text string) triples {
	t.Helper()
	var doc any
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	set, err := ld.NewJsonLdProcessor().ToRDF(doc, ld.NewJsonLdOptions(""))
	if err != nil {
		t.Fatal(err)
	}
	g := triples{}
	for _, q := range set.(*ld.RDFDataset).Graphs["@default"] { //nolint:forcetypeassert // of this format
		g.add(q.Subject.GetValue(), q.Predicate.GetValue(), object(q.Object))
	}
	return g
}

func object(n ld.Node) string {
	if l, ok := n.(ld.Literal); ok {
		return fmt.Sprintf("%q@%s^^%s", l.Value, l.Language, l.Datatype)
	}
	return n.GetValue()
}

// mandatory and recommended properties of DCAT-AP 3.0, with what a value must be.
const (
	dct  = "http://purl.org/dc/terms/"
	dcat = "http://www.w3.org/ns/dcat#"
	foaf = "http://xmlns.com/foaf/0.1/"
	rdf  = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
)

var rules = map[string]map[string]string{ // class: property: class of the value, or ""
	dcat + "Catalog":      {dct + "title": "", dct + "description": "", dct + "publisher": foaf + "Agent", dcat + "dataset": dcat + "Dataset", dct + "license": "", foaf + "homepage": ""},
	dcat + "Dataset":      {dct + "title": "", dct + "description": "", dct + "publisher": foaf + "Agent", dcat + "contactPoint": "http://www.w3.org/2006/vcard/ns#Organization", dcat + "keyword": "", dcat + "theme": "", dct + "spatial": dct + "Location", dct + "temporal": dct + "PeriodOfTime", dct + "accrualPeriodicity": "", dcat + "distribution": dcat + "Distribution"},
	dcat + "Distribution": {dcat + "accessURL": "", dct + "license": "", dct + "format": "", "http://data.europa.eu/r5r/availability": ""},
	dcat + "DataService":  {dct + "title": "", dcat + "endpointURL": "", dcat + "servesDataset": dcat + "Dataset"},
	foaf + "Agent":        {foaf + "name": ""},
}

func (g triples) check() (wrong []string) {
	for s, props := range g {
		for _, class := range props[rdf] {
			for p, kind := range rules[class] {
				if len(props[p]) == 0 {
					wrong = append(wrong, fmt.Sprintf("%s, a %s, has no %s", s, class, p))
				}
				for _, o := range props[p] {
					if kind != "" && !slices.Contains(g[o][rdf], kind) {
						wrong = append(wrong, fmt.Sprintf("%s of %s is no %s", p, s, kind))
					}
				}
			}
		}
	}
	return wrong
}

func TestTheCatalogueIsDCATAP(t *testing.T) {
	w, _ := filled(t)
	text := w.get("/data/catalog.jsonld")
	g := fromJSONLD(t, text)
	for _, wrong := range g.check() {
		t.Error(wrong)
	}
	for _, class := range []string{"Catalog", "Dataset", "Distribution", "DataService"} {
		n := 0
		for _, props := range g {
			if slices.Contains(props[rdf], dcat+class) {
				n++
			}
		}
		if n == 0 {
			t.Errorf("there is no %s", class)
		}
	}
	// The check can fail.
	if broken := fromJSONLD(t, strings.ReplaceAll(text, "dct:title", "dct:titel")); len(broken.check()) == 0 {
		t.Error("a catalogue without titles passed")
	}
	// Every address of ours that is named is there.
	for _, m := range regexp.MustCompile(`"https://data\.town\.example(/data/[^"#]+\.[a-z]+)"`).FindAllStringSubmatch(text, -1) {
		w.get(m[1])
	}
}

var turtleToken = regexp.MustCompile(`\s*(@prefix|"(?:[^"\\]|\\.)*"(?:@[a-z]+|\^\^[a-z]+:\w+)?|<[^>]*>|[a-z]+:[\w-]*|a\b|[.;\[\],])`)

// fromTurtle reads the part of Turtle that the catalogue uses.
func fromTurtle(t *testing.T, text string) triples {
	t.Helper()
	var tokens []string
	for _, m := range turtleToken.FindAllStringSubmatch(text, -1) {
		tokens = append(tokens, m[1])
	}
	if joined := strings.Join(strings.Fields(text), ""); len(joined) != len(strings.Join(strings.Fields(strings.Join(tokens, " ")), "")) {
		t.Fatal("there is something that is no token")
	}
	names, at, blanks := map[string]string{}, 0, 0
	next := func() string {
		at++
		return tokens[at-1]
	}
	name := func(s string) string {
		if s == "a" {
			return rdf
		}
		if iri, ok := strings.CutPrefix(s, "<"); ok {
			return strings.TrimSuffix(iri, ">")
		}
		prefix, rest, _ := strings.Cut(s, ":")
		if names[prefix] == "" {
			t.Fatalf("the prefix %q is not declared", prefix)
		}
		return names[prefix] + rest
	}
	g := triples{}
	var properties func(subject, end string)
	value := func(s string) string {
		switch {
		case s == "[":
			blanks++
			id := fmt.Sprintf("_:t%d", blanks)
			properties(id, "]")
			return id
		case s[0] == '"':
			i := strings.LastIndexByte(s, '"')
			var plain string
			if err := json.Unmarshal([]byte(s[:i+1]), &plain); err != nil {
				t.Fatal(err)
			}
			language, kind := "", "http://www.w3.org/2001/XMLSchema#string"
			if l, ok := strings.CutPrefix(s[i+1:], "@"); ok {
				language, kind = l, "http://www.w3.org/1999/02/22-rdf-syntax-ns#langString"
			} else if k, ok := strings.CutPrefix(s[i+1:], "^^"); ok {
				kind = name(k)
			}
			return fmt.Sprintf("%q@%s^^%s", plain, language, kind)
		}
		return name(s)
	}
	properties = func(subject, end string) {
		for {
			p := name(next())
			g.add(subject, p, value(next()))
			switch sep := next(); sep {
			case end:
				return
			case ";":
			default:
				t.Fatalf("%q behind %s of %s", sep, p, subject)
			}
		}
	}
	for at < len(tokens) {
		if s := next(); s == "@prefix" {
			prefix := strings.TrimSuffix(next(), ":")
			names[prefix] = strings.Trim(next(), "<>")
			next()
		} else {
			properties(name(s), ".")
		}
	}
	return g
}

// flat is every statement, with blank nodes written out, sorted.
func (g triples) flat() []string {
	var whole func(o string, depth int) string
	whole = func(o string, depth int) string {
		if !strings.HasPrefix(o, "_:") || depth > 5 {
			return o
		}
		var parts []string
		for p, list := range g[o] {
			for _, x := range list {
				parts = append(parts, p+" "+whole(x, depth+1))
			}
		}
		slices.Sort(parts)
		return "[" + strings.Join(parts, "; ") + "]"
	}
	var out []string
	for s, props := range g {
		for p, list := range props {
			for _, o := range list {
				if !strings.HasPrefix(s, "_:") {
					out = append(out, s+" "+p+" "+whole(o, 0))
				}
			}
		}
	}
	slices.Sort(out)
	return out
}

// Both forms say the same.
func TestTurtleSaysWhatJSONLDSays(t *testing.T) {
	w, _ := filled(t)
	w.source.set.Title = "Air: \"quoted\", back\\slash\nand ä"
	a, b := fromJSONLD(t, w.get("/data/catalog.jsonld")).flat(), fromTurtle(t, w.get("/data/catalog.ttl")).flat()
	if len(a) < 60 || !slices.Equal(a, b) {
		t.Errorf("%d statements and %d", len(a), len(b))
		for i := range min(len(a), len(b)) {
			if a[i] != b[i] {
				t.Fatalf("%s\n%s", a[i], b[i])
			}
		}
	}
}
