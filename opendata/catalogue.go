package opendata

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"polity/plane/rest"
)

// Catalogue is what DCAT-AP asks about who publishes.
type Catalogue struct {
	Address   string // of the hub for everyone, https://data.city.example; empty: as it is asked for
	Title     string
	Publisher string
	Contact   Contact
	Licence   rest.Licence
	API       bool // the plain API is there
}

// Contact is who answers questions about the data.
type Contact struct{ Name, Email string }

// Base is the address of the hub without its last slash.
func (c *Catalogue) Base(r *http.Request) string {
	if c.Address != "" {
		return strings.TrimRight(c.Address, "/")
	}
	u := url.URL{Scheme: "http", Host: r.Host}
	if r.TLS != nil {
		u.Scheme = "https"
	}
	if again, err := url.Parse(u.String()); err != nil || again.Host != r.Host {
		u.Host = "localhost"
	}
	return u.String()
}

const authority = "http://publications.europa.eu/resource/authority/"

// formats are of the EU's authority table file-type, with IANA media types.
var formats = map[string][2]string{
	"csv":     {"CSV", "https://www.iana.org/assignments/media-types/text/csv"},
	"geojson": {"GEOJSON", "https://www.iana.org/assignments/media-types/application/geo+json"},
}

func english(text string) Literal { return Literal{Text: text, Language: "en"} }

func moment(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return Literal{Text: t.UTC().Format(time.RFC3339), Type: "xsd:dateTime"}
}

// Graph is the catalogue as DCAT-AP 3, and when what is in it last changed.
func (c *Catalogue) Graph(a *Archive, base string) (Graph, time.Time, error) {
	publisher := func() *Node {
		n := &Node{Type: "foaf:Agent"}
		n.add("foaf:name", english(c.Publisher))
		return n
	}
	catalogue := &Node{IRI: base + "/data", Type: "dcat:Catalog"}
	catalogue.add("dct:title", english(c.Title))
	catalogue.add("dct:description", english(fmt.Sprintf("Data that %s publishes: a set per kind of thing, of each a file per day and month.", c.Publisher)))
	catalogue.add("dct:publisher", publisher())
	catalogue.add("dct:license", IRI(c.Licence.URL))
	catalogue.add("dct:language", IRI(authority+"language/ENG"))
	catalogue.add("foaf:homepage", IRI(base+"/data"))
	graph := Graph{catalogue}
	var service *Node
	if c.API {
		service = &Node{IRI: base + rest.Root, Type: "dcat:DataService"}
		service.add("dct:title", english(c.Title+", API"))
		service.add("dcat:endpointURL", IRI(base+rest.Root))
		service.add("dcat:endpointDescription", IRI(base+rest.Root+"/openapi.json"))
		service.add("dct:license", IRI(c.Licence.URL))
		service.add("dct:publisher", publisher())
		catalogue.add("dcat:service", IRI(service.IRI))
	}
	var last time.Time
	for _, s := range a.cfg.Sources() {
		set := s.Set()
		x, err := a.Index(set.ID)
		if err != nil {
			return nil, last, err
		}
		d, at := c.dataset(&set, x, base, publisher)
		if at.After(last) {
			last = at
		}
		catalogue.add("dcat:dataset", IRI(d.IRI))
		graph = append(graph, d)
		if service != nil && set.Address != "" {
			service.add("dcat:servesDataset", IRI(d.IRI))
		}
	}
	catalogue.add("dct:modified", moment(last))
	if service != nil {
		graph = append(graph, service)
	}
	return graph, last, nil
}

func (c *Catalogue) dataset(set *Set, x *Index, base string, publisher func() *Node) (*Node, time.Time) {
	iri := base + "/data/" + string(set.ID)
	d := &Node{IRI: iri, Type: "dcat:Dataset"}
	d.add("dct:title", english(set.Title))
	d.add("dct:description", english(strings.Join(append([]string{set.Description}, set.Notes...), " ")))
	d.add("dct:identifier", Literal{Text: iri})
	for _, k := range set.Keywords {
		d.add("dcat:keyword", english(k))
	}
	if set.Theme != "" {
		d.add("dcat:theme", IRI(authority+"data-theme/"+set.Theme))
	}
	d.add("dct:publisher", publisher())
	if c.Contact.Name != "" || c.Contact.Email != "" {
		n := &Node{Type: "vcard:Organization"}
		n.add("vcard:fn", english(c.Contact.Name))
		if c.Contact.Email != "" {
			n.add("vcard:hasEmail", IRI("mailto:"+c.Contact.Email))
		}
		d.add("dcat:contactPoint", n)
	}
	d.add("dct:accrualPeriodicity", IRI(authority+"frequency/DAILY"))
	d.add("dct:accessRights", IRI(authority+"access-right/PUBLIC"))
	d.add("dct:language", IRI(authority+"language/ENG"))
	d.add("dcat:landingPage", IRI(iri))
	if n := spatial(set.Box); n != nil {
		d.add("dct:spatial", n)
	}
	var last time.Time
	if n := len(x.Days); n > 0 {
		t := &Node{Type: "dct:PeriodOfTime"}
		t.add("dcat:startDate", moment(x.since()))
		t.add("dcat:endDate", moment(x.until()))
		d.add("dct:temporal", t)
		d.add("dct:issued", moment(x.Days[0].At))
		for _, p := range x.Days {
			if p.At.After(last) {
				last = p.At
			}
		}
		d.add("dct:modified", moment(last))
	}
	for _, ending := range Endings {
		d.add("dcat:distribution", c.whole(set, iri, ending))
	}
	if n := len(x.Days); n > 0 {
		for _, ending := range Endings {
			d.add("dcat:distribution", c.day(&x.Days[n-1], iri, ending))
		}
	}
	return d, last
}

func (c *Catalogue) distribution(iri, title, address, ending string) *Node {
	n := &Node{IRI: address + "#distribution", Type: "dcat:Distribution"}
	n.add("dct:title", english(title))
	n.add("dcat:accessURL", IRI(iri))
	n.add("dcat:downloadURL", IRI(address))
	n.add("dct:license", IRI(c.Licence.URL))
	n.add("dct:format", IRI(authority+"file-type/"+formats[ending][0]))
	n.add("dcat:mediaType", IRI(formats[ending][1]))
	n.add("dcatap:availability", IRI(authority+"planned-availability/AVAILABLE"))
	if ending == "csv" {
		n.add("dct:conformsTo", IRI(iri+"/schema.json"))
	}
	return n
}

// whole is everything that is published, put together when it is asked for.
func (c *Catalogue) whole(set *Set, iri, ending string) *Node {
	return c.distribution(iri, set.Title+", all days or those from and to (parameters), as "+formats[ending][0], iri+"/all."+ending, ending)
}

// day is the newest day.
func (c *Catalogue) day(p *Published, iri, ending string) *Node {
	n := c.distribution(iri, p.Name+" as "+formats[ending][0], iri+"/"+p.Name+"."+ending, ending)
	n.add("dct:issued", moment(p.At))
	n.add("dcat:byteSize", Literal{Text: strconv.FormatInt(p.Files[ending].Bytes, 10), Type: "xsd:nonNegativeInteger"})
	sum := &Node{Type: "spdx:Checksum"}
	sum.add("spdx:algorithm", IRI("http://spdx.org/rdf/terms#checksumAlgorithm_sha256"))
	sum.add("spdx:checksumValue", Literal{Text: p.Files[ending].SHA256, Type: "xsd:hexBinary"})
	n.add("spdx:checksum", sum)
	return n
}

func spatial(b [4]float64) *Node {
	if b == ([4]float64{}) {
		return nil
	}
	f := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
	w, s, e, n := f(b[0]), f(b[1]), f(b[2]), f(b[3])
	node := &Node{Type: "dct:Location"}
	if w == e && s == n {
		node.add("dcat:centroid", Literal{Text: fmt.Sprintf("POINT(%s %s)", w, s), Type: "geosparql:wktLiteral"})
		return node
	}
	node.add("dcat:bbox", Literal{Text: fmt.Sprintf("POLYGON((%s %s,%s %s,%s %s,%s %s,%s %s))", w, s, e, s, e, n, w, n, w, s), Type: "geosparql:wktLiteral"})
	return node
}
