// Package forward passes requests of the NGSI-LD API on to registered context sources
// and puts their answers together (ETSI GS CIM 009, clauses 4.3.3, 4.3.6, 5.2.9, 6.3.17
// and 6.3.18): which registrations count, how what is written is shared among them, how
// they are asked, and what is believed of what they say.
package forward

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"polity/plane"
	"polity/plane/ngsild/entity"
	"polity/plane/ngsild/jsonld"
	"polity/plane/ngsild/jsontext"
	"polity/plane/ngsild/problem"
	"polity/plane/ngsild/query"
)

// Mode is how a source's data stand to those held here, in order of precedence
// (clause 4.3.6).
type Mode uint8

// The modes.
const (
	Auxiliary Mode = iota // fills gaps
	Inclusive             // beside what is held here
	Redirect              // instead of what is held here; several may be
	Exclusive             // instead, and alone
)

var modes = map[string]Mode{"auxiliary": Auxiliary, "inclusive": Inclusive, "redirect": Redirect, "exclusive": Exclusive}

// Proxied says whether data are held by the source instead of here.
func (m Mode) Proxied() bool { return m >= Redirect }

// Registration is a context source registration (clause 5.2.9) as far as it says what
// is passed on. It never changes.
type Registration struct {
	ID          string
	Endpoint    string // without the API's path
	Tenant      string // at the source
	Alias       string // by which the source names itself in Via
	Mode        Mode
	Ops         Op
	Information []Information
	Expires     time.Time // zero: never
	Past        bool      // it has data of the past only
	Probe       *plane.Entity

	context   string // jsonldContext that the source wants
	headers   []header
	timeout   time.Duration // 0: defaultTimeout
	cooldown  time.Duration
	localOnly bool
}

type header struct{ name, value string }

// Information is an item of a registration: of which entities, and what of them.
type Information struct {
	Entities []EntityInfo // nil: of any
	Names    []string     // of attributes, as stored; nil: any
}

// EntityInfo names entities.
type EntityInfo struct {
	ID      string
	Pattern *regexp.Regexp
	Types   []string // as stored
}

// maxRegistered bounds the items of a registration.
const maxRegistered = 1000

// Parse reads a registration whose names are those of a @context. Errors are of
// package problem.
func Parse(o jsontext.Object, c *jsonld.Context) (*Registration, error) {
	r := &Registration{Mode: Inclusive}
	r.ID, _ = o.Text("id")
	r.Endpoint, _ = o.Text("endpoint")
	if !entity.IsURI(r.Endpoint) {
		return nil, problem.BadRequest("the endpoint %q is not a URI", r.Endpoint)
	}
	if mode, has := o.Text("mode"); has {
		var ok bool
		if r.Mode, ok = modes[mode]; !ok {
			return nil, problem.BadRequest("the mode is %q; it is inclusive, exclusive, redirect or auxiliary", mode)
		}
	}
	r.Tenant, _ = o.Text("tenant")
	r.Alias, _ = o.Text("contextSourceAlias")
	for _, read := range []func(jsontext.Object, *jsonld.Context) error{r.readInformation, r.readOperations, r.readSourceInfo, r.readManagement} {
		if err := read(o, c); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (r *Registration) readInformation(o jsontext.Object, c *jsonld.Context) error {
	items, ok := jsontext.List(o.Get("information"))
	if !ok || len(items) == 0 {
		return problem.BadRequest("information is not a list of objects, or an empty one")
	}
	if len(items) > maxRegistered {
		return problem.BadRequest("information has %d items; %d are taken", len(items), maxRegistered)
	}
	for _, item := range items {
		info, err := parseInformation(item, c)
		if err != nil {
			return err
		}
		r.Information = append(r.Information, info)
	}
	return nil
}

func (r *Registration) readOperations(o jsontext.Object, _ *jsonld.Context) error {
	var names []string
	if v := o.Get("operations"); v != nil {
		var ok bool
		if names, ok = jsontext.Strings(v); !ok || len(names) == 0 {
			return problem.BadRequest("operations is not a list of names, or an empty one")
		}
	}
	var err error
	r.Ops, err = parseOps(names)
	return err
}

// fixed are headers that a registration cannot give, since they say how the message
// itself is carried or where it went.
var fixed = []string{"Host", "Connection", "Content-Length", "Transfer-Encoding", "Te", "Trailer", "Upgrade", "Keep-Alive", "Via", "Accept", "Accept-Encoding", "Content-Type", "Link", "Ngsild-Tenant", "Expect"}

// readSourceInfo reads contextSourceInfo: headers for the source, and the @context
// that it wants.
func (r *Registration) readSourceInfo(o jsontext.Object, _ *jsonld.Context) error {
	v := o.Get("contextSourceInfo")
	if v == nil {
		return nil
	}
	items, ok := jsontext.List(v)
	if !ok || len(items) > 100 {
		return problem.BadRequest("contextSourceInfo is not a list of at most 100 objects with key and value")
	}
	for _, item := range items {
		pair, _ := jsontext.Parse(item)
		key, isKey := pair.Text("key")
		value, isValue := pair.Text("value")
		if !isKey || !isValue {
			return problem.BadRequest("an item of contextSourceInfo has no texts key and value")
		}
		switch name := http.CanonicalHeaderKey(key); {
		case key == "jsonldContext":
			r.context = value
		case !httpguts.ValidHeaderFieldName(key) || !httpguts.ValidHeaderFieldValue(value):
			return problem.BadRequest("contextSourceInfo: %q with its value is no header", key)
		case slices.Contains(fixed, name):
			return problem.BadRequest("contextSourceInfo: the header %s cannot be given", name)
		default:
			r.headers = append(r.headers, header{name, value})
		}
	}
	return nil
}

// readManagement reads management (clause 5.2.34), whose times are milliseconds.
func (r *Registration) readManagement(o jsontext.Object, _ *jsonld.Context) error {
	v := o.Get("management")
	if v == nil {
		return nil
	}
	m, ok := jsontext.Parse(v)
	if !ok {
		return problem.BadRequest("management is not an object")
	}
	for name, to := range map[string]*time.Duration{"timeout": &r.timeout, "cooldown": &r.cooldown} {
		v := m.Get(name)
		if v == nil {
			continue
		}
		var ms float64
		if json.Unmarshal(v, &ms) != nil || ms <= 0 {
			return problem.BadRequest("management.%s is %s; it is a number of milliseconds above 0", name, v)
		}
		*to = time.Duration(min(ms, 86_400_000) * float64(time.Millisecond))
	}
	if v := m.Get("localOnly"); v != nil && json.Unmarshal(v, &r.localOnly) != nil {
		return problem.BadRequest("management.localOnly is %s; it is true or false", v)
	}
	return nil
}

func parseInformation(v json.RawMessage, c *jsonld.Context) (Information, error) {
	info := Information{}
	o, ok := jsontext.Parse(v)
	if !ok {
		return info, problem.BadRequest("an item of information is not an object")
	}
	for _, member := range []string{"propertyNames", "relationshipNames", "attributeNames"} {
		v := o.Get(member)
		if v == nil {
			continue
		}
		list, ok := jsontext.Strings(v)
		if !ok || len(list) == 0 {
			return info, problem.BadRequest("%s is not a list of names, or an empty one", member)
		}
		info.Names = append(info.Names, c.StoredAll(list)...)
	}
	if v := o.Get("entities"); v != nil {
		items, ok := jsontext.List(v)
		if !ok || len(items) == 0 || len(items) > maxRegistered {
			return info, problem.BadRequest("entities of information is not a list of at most %d objects, or an empty one", maxRegistered)
		}
		for _, item := range items {
			x, err := parseEntityInfo(item, c)
			if err != nil {
				return info, err
			}
			info.Entities = append(info.Entities, x)
		}
	}
	if info.Entities == nil && len(info.Names) == 0 {
		return info, problem.BadRequest("an item of information has neither entities nor names of attributes")
	}
	return info, nil
}

func parseEntityInfo(v json.RawMessage, c *jsonld.Context) (EntityInfo, error) {
	o, _ := jsontext.Parse(v)
	types, ok := jsontext.Strings(o.Get("type"))
	if !ok || len(types) == 0 {
		return EntityInfo{}, problem.BadRequest("an item of entities has no type")
	}
	x := EntityInfo{Types: c.StoredAll(types)}
	x.ID, _ = o.Text("id")
	if o.Has("id") && !entity.IsURI(x.ID) {
		return x, problem.BadRequest("the id %q of entities is not a URI", x.ID)
	}
	if p, ok := o.Text("idPattern"); ok {
		var err error
		if x.Pattern, err = query.ParsePattern(p); err != nil {
			return x, err
		}
	}
	return x, nil
}

// WantsContext is the address of the @context that the source wants names of; empty for
// that of the request.
func (r *Registration) WantsContext() string { return r.context }

// at is the address of a path of the API at the source.
func (r *Registration) at(path string) (*url.URL, error) {
	const root = "/ngsi-ld/v1"
	base := strings.TrimSuffix(strings.TrimSuffix(r.Endpoint, "/"), root)
	return url.Parse(strings.TrimSuffix(base, "/") + root + path)
}
