package jsonld

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/piprate/json-gold/ld"

	"polity/plane/ngsild/jsontext"
	"polity/plane/ngsild/problem"
)

//go:embed core.jsonld
var coreText []byte

// Bounds of a @context.
const (
	MaxContext  = 1 << 20 // bytes of one document
	MaxTerms    = 20_000
	maxNesting  = 6  // of documents that name others
	maxSegments = 32 // documents in all
	maxParts    = 2000
)

// IsCore says whether an address is that of a core @context, of any version.
func IsCore(address string) bool {
	rest, ok := strings.CutPrefix(address, "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context")
	if !ok {
		rest, ok = strings.CutPrefix(address, "http://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context")
	}
	if !ok {
		return false
	}
	switch rest {
	case ".jsonld", "-v1.3.jsonld", "-v1.4.jsonld", "-v1.5.jsonld", "-v1.6.jsonld", "-v1.7.jsonld", "-v1.8.jsonld", "-v1.9.jsonld":
		return true
	}
	return false
}

// CoreText is the bundled core @context.
func CoreText() []byte { return coreText }

// fetcher gives the text at an address, a document with a member @context.
type fetcher func(ctx context.Context, address string) ([]byte, error)

// compiler collects the documents that one @context is made of.
type compiler struct {
	ctx   context.Context //nolint:containedctx // of one compilation
	fetch fetcher
	docs  map[string]any
	used  []string
	terms map[string]bool
	open  []string // documents that are being looked through, the outermost first
	seen  int      // contexts that were looked at, a document as often as it is named
}

var coreDocument = sync.OnceValue(func() any {
	var doc any
	if err := json.Unmarshal(coreText, &doc); err != nil {
		panic("the bundled core @context is no JSON: " + err.Error())
	}
	return doc
})

// compile makes a Context of a @context's value.
func compile(ctx context.Context, source json.RawMessage, fetch fetcher) (*Context, error) {
	c := &compiler{ctx: ctx, fetch: fetch, docs: map[string]any{}, terms: map[string]bool{}}
	var local any
	if err := jsontext.Valid(source); err != nil {
		return nil, problem.BadRequest("the @context is not JSON: %v", err)
	}
	if err := json.Unmarshal(source, &local); err != nil {
		return nil, problem.BadRequest("the @context is not JSON: %v", err)
	}
	if err := c.collect(local, 0); err != nil {
		return nil, err
	}
	list, ok := local.([]any)
	if !ok {
		list = []any{local}
	}
	for i, item := range list {
		if s, ok := item.(string); ok && strings.HasPrefix(s, "/") {
			list[i] = relativeBase + s
		}
	}
	list = append(slices.Clip(list), coreDocument().(map[string]any)["@context"])
	if err := c.collect(coreDocument().(map[string]any)["@context"], 0); err != nil {
		return nil, err
	}
	options := ld.NewJsonLdOptions("")
	options.ProcessingMode = ld.JsonLd_1_1
	options.DocumentLoader = c
	parsed, err := ld.NewContext(nil, options).Parse(list)
	if err != nil {
		return nil, problem.BadRequest("the @context is not JSON-LD: %v", err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, source); err != nil {
		return nil, problem.BadRequest("the @context is not JSON: %v", err)
	}
	out := &Context{Source: compact.Bytes(), terms: map[string]string{}, vocab: DefaultVocab, used: c.used}
	for term := range c.terms {
		if d := parsed.GetTermDefinition(term); d != nil && d.ID != "" {
			out.terms[term] = d.ID
		}
	}
	out.index()
	return out, nil
}

// relativeBase stands before addresses that are relative to this server.
const relativeBase = "polity:"

// collect fetches what a @context names and notes the terms that it defines.
func (c *compiler) collect(value any, depth int) error {
	if c.seen++; c.seen > maxParts {
		return problem.BadRequest("the @context has more than %d parts", maxParts)
	}
	if depth > maxNesting {
		return problem.BadRequest("the @context names others that name others, more than %d deep", maxNesting)
	}
	switch v := value.(type) {
	case nil:
		return nil
	case string:
		return c.document(v, depth)
	case []any:
		for _, item := range v {
			if err := c.collect(item, depth); err != nil {
				return err
			}
		}
		return nil
	case map[string]any:
		for term := range v {
			if !strings.HasPrefix(term, "@") {
				c.terms[term] = true
			}
		}
		if len(c.terms) > MaxTerms {
			return problem.BadRequest("the @context defines more than %d terms", MaxTerms)
		}
		if imported, ok := v["@import"].(string); ok {
			return c.document(imported, depth)
		}
		return nil
	default:
		return problem.BadRequest("a @context is an address, an object or a list of them")
	}
}

func (c *compiler) document(address string, depth int) error {
	if IsCore(address) {
		c.docs[address] = coreDocument()
		return nil
	}
	key := address
	if strings.HasPrefix(address, "/") {
		key = relativeBase + address
	}
	if slices.Contains(c.open, key) { // the processor would follow it without end
		return problem.BadRequest("the @context %s names itself", address)
	}
	c.open = append(c.open, key)
	defer func() { c.open = c.open[:len(c.open)-1] }()
	if doc, known := c.docs[key]; known {
		return c.collect(doc.(map[string]any)["@context"], depth+1)
	}
	if len(c.docs) >= maxSegments {
		return problem.BadRequest("the @context is made of more than %d documents", maxSegments)
	}
	text, err := c.fetch(c.ctx, address)
	if err != nil {
		return err
	}
	var doc any
	if jsontext.Valid(text) != nil || json.Unmarshal(text, &doc) != nil {
		return problem.NoContext("what is at %s is not JSON, or nested deeper than %d", address, jsontext.MaxDepth)
	}
	o, ok := doc.(map[string]any)
	if !ok || o["@context"] == nil {
		return problem.NoContext("what is at %s has no member @context", address)
	}
	c.docs[key] = doc
	c.used = append(c.used, address)
	return c.collect(o["@context"], depth+1)
}

// LoadDocument gives the JSON-LD processor what was fetched before.
func (c *compiler) LoadDocument(address string) (*ld.RemoteDocument, error) {
	if doc, ok := c.docs[address]; ok {
		return &ld.RemoteDocument{DocumentURL: address, Document: doc}, nil
	}
	return nil, fmt.Errorf("%s was not fetched", address)
}
