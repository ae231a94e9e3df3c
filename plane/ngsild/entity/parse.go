package entity

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"

	"polity/plane"
	"polity/plane/ngsild/jsonld"
	"polity/plane/ngsild/jsontext"
	"polity/plane/ngsild/problem"
)

// Parser reads representations with the names of a @context. Errors are of package
// problem.
type Parser struct {
	Context *jsonld.Context
	Nulls   bool // urn:ngsi-ld:null is allowed, and means removal
	Partial bool // an attribute may lack its value, and its type: Value is nil, Kind 0
}

// Fragment is what a body says of an entity: what a patch changes, or all of it.
type Fragment struct {
	ID         string // empty if it is not there
	Types      []string
	Scopes     []string
	NoScopes   bool              // the scope is to be removed
	Attributes []plane.Attribute // a value may be Null if Nulls is set
}

// Entity makes an entity of a fragment that must have an id and a type.
func (f *Fragment) Entity(tenant string) (*plane.Entity, error) {
	if f.ID == "" {
		return nil, problem.BadRequest("the entity has no id; give a URI such as urn:ngsi-ld:Building:42")
	}
	if len(f.Types) == 0 {
		return nil, problem.BadRequest("the entity %s has no type", f.ID)
	}
	e := &plane.Entity{Key: plane.Key{Tenant: tenant, ID: f.ID}, Types: f.Types, Scopes: f.Scopes, Attributes: f.Attributes}
	return e, e.Check()
}

// notAttributes are members of an entity that are no attributes.
func notAttribute(name string) bool {
	switch name {
	case "id", "@id", "type", "@type", "scope", "@context", "createdAt", "modifiedAt", "deletedAt":
		return true
	}
	return false
}

// Fragment reads the members of an entity.
func (p *Parser) Fragment(o jsontext.Object) (*Fragment, error) {
	f := &Fragment{}
	for _, m := range o {
		var err error
		switch m.Name {
		case "id", "@id":
			f.ID, err = p.id(m.Value)
		case "type", "@type":
			f.Types, err = p.types(m.Value)
		case "scope":
			f.Scopes, err = p.scopes(m.Value)
			f.NoScopes = err == nil && f.Scopes == nil
		default:
			if notAttribute(m.Name) {
				continue
			}
			var list []plane.Attribute
			list, err = p.Attribute(m.Name, m.Value)
			f.Attributes = append(f.Attributes, list...)
		}
		if err != nil {
			return nil, err
		}
	}
	return f, nil
}

func (p *Parser) id(v json.RawMessage) (string, error) {
	s, ok := jsontext.String(v)
	if !ok || !IsURI(s) {
		return "", problem.BadRequest("the id %s is not a URI such as urn:ngsi-ld:Building:42", short(v))
	}
	return s, nil
}

func (p *Parser) types(v json.RawMessage) ([]string, error) {
	list, ok := jsontext.Strings(v)
	if !ok || len(list) == 0 {
		return nil, problem.BadRequest("the type %s is not a name or a list of names", short(v))
	}
	var out []string
	for _, t := range list {
		if err := checkName(t); err != nil {
			return nil, err
		}
		stored := p.Context.Stored(t)
		if strings.HasPrefix(stored, "@") {
			return nil, problem.BadRequest("the type %q is a keyword of JSON-LD in this @context", t)
		}
		known := false
		for _, o := range out {
			known = known || o == stored
		}
		if !known {
			out = append(out, stored)
		}
	}
	return out, nil
}

// scopes reads a scope, whose simple and normalised forms are the same to it; nil
// for one that is to be removed.
func (p *Parser) scopes(v json.RawMessage) ([]string, error) {
	if o, ok := jsontext.Parse(v); ok {
		v = o.Get("value")
	}
	list, ok := jsontext.Strings(v)
	if !ok {
		return nil, problem.BadRequest("the scope %s is not a text or a list of texts such as /traffic/centre", short(v))
	}
	if p.Nulls && len(list) == 1 && list[0] == Null {
		return nil, nil
	}
	for i, s := range list {
		if !strings.HasPrefix(s, "/") {
			list[i] = "/" + s
		}
		if strings.ContainsAny(s, " +#()|;,") || strings.Contains(s, "//") || len(s) < 2 && s != "" && s == "/" {
			return nil, problem.BadRequest("%q is not a scope such as /traffic/centre (clause 4.18)", s)
		}
	}
	return list, nil
}

// forbidden cannot stand in names (clause 4.6.2).
const forbidden = "<>\"'=;()"

func checkName(name string) error {
	if name == "" || name[0] == '@' || strings.ContainsAny(name, forbidden) || strings.ContainsAny(name, " \t\n") {
		return problem.BadRequest("%q is not a name: it is empty, begins with @, or has one of %s or white space", name, forbidden)
	}
	return nil
}

// Attribute reads a member: one instance or a list of them.
func (p *Parser) Attribute(name string, v json.RawMessage) ([]plane.Attribute, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	stored := p.Context.Stored(name)
	if strings.HasPrefix(stored, "@") {
		return nil, problem.BadRequest("%q is a keyword of JSON-LD in this @context, and no attribute", name)
	}
	if items, ok := jsontext.List(v); ok && p.instances(items) {
		list := make([]plane.Attribute, 0, len(items))
		for _, item := range items {
			a, err := p.instance(name, stored, item, 0)
			if err != nil {
				return nil, err
			}
			for _, other := range list {
				if other.Dataset == a.Dataset {
					return nil, problem.BadRequest("the attribute %s is there twice with the same datasetId %q", name, a.Dataset)
				}
				if other.Kind != a.Kind {
					return nil, problem.BadRequest("the instances of %s have different types", name)
				}
			}
			list = append(list, a)
		}
		return list, nil
	}
	a, err := p.instance(name, stored, v, 0)
	if err != nil {
		return nil, err
	}
	return []plane.Attribute{a}, nil
}

// instances says whether a list is one of instances of an attribute, not a value.
func (p *Parser) instances(items []json.RawMessage) bool {
	if len(items) == 0 {
		return false
	}
	for _, item := range items {
		o, ok := jsontext.Parse(item)
		if !ok {
			return false
		}
		if t, isText := o.Text("type"); isText {
			if _, ok := kindOf(t); ok {
				continue
			}
		}
		if _, ok := valueOf(o); !ok {
			return false
		}
	}
	return true
}

// valueOf finds the member that holds the value of an attribute without type.
func valueOf(o jsontext.Object) (plane.Kind, bool) {
	for k, d := range kinds {
		if d.member != "" && plane.Kind(k) != plane.Geo && o.Has(d.member) {
			if plane.Kind(k) == plane.Property && isGeometry(o.Get("value")) {
				return plane.Geo, true
			}
			return plane.Kind(k), true
		}
	}
	return 0, false
}

func isGeometry(v json.RawMessage) bool {
	o, ok := jsontext.Parse(v)
	if !ok || !o.Has("coordinates") {
		return false
	}
	t, _ := o.Text("type")
	return geometries[t] > 0
}

// instance reads one instance, whatever its form.
func (p *Parser) instance(name, stored string, v json.RawMessage, depth int) (plane.Attribute, error) {
	a := plane.Attribute{Name: stored}
	if depth > plane.MaxDepth {
		return a, problem.BadRequest("the attribute %s is nested deeper than %d", name, plane.MaxDepth)
	}
	o, isObject := jsontext.Parse(v)
	if !isObject {
		a.Kind = plane.Property
		return a, p.value(&a, name, v)
	}
	if isGeometry(v) {
		a.Kind = plane.Geo
		return a, p.value(&a, name, v)
	}
	kind, typed := plane.Kind(0), false
	if o.Has("type") || o.Has("@type") {
		t, _ := o.Text("type")
		if t == "" {
			t, _ = o.Text("@type")
		}
		if kind, typed = kindOf(t); !typed {
			if _, has := valueOf(o); has || !o.Has("@value") {
				return a, problem.BadRequest("the attribute %s has the type %s, which is none of an attribute", name, short(o.Get("type")))
			}
		}
	}
	if !typed {
		if kind, typed = valueOf(o); !typed && p.Partial && (o.Has("observedAt") || o.Has("unitCode") || o.Has("datasetId")) {
			return a, p.members(&a, name, o, depth)
		}
		if !typed {
			a.Kind = plane.Property
			return a, p.value(&a, name, v)
		}
	}
	a.Kind = kind
	if err := p.members(&a, name, o, depth); err != nil {
		return a, err
	}
	value := o.Get(kinds[kind].member)
	if value == nil && p.Partial {
		return a, nil
	}
	if value == nil {
		return a, problem.BadRequest("the attribute %s is a %s without member %s", name, kinds[kind].name, kinds[kind].member)
	}
	return a, p.value(&a, name, value)
}

// members reads everything of an attribute but its type and value.
func (p *Parser) members(a *plane.Attribute, name string, o jsontext.Object, depth int) error {
	for _, m := range o {
		switch m.Name {
		case "type", "@type", kinds[a.Kind].member, "createdAt", "modifiedAt", "deletedAt", "instanceId", "@context", "lang":
			continue
		case "unitCode":
			s, ok := jsontext.String(m.Value)
			if !ok || s == "" {
				return problem.BadRequest("the unitCode of %s is not a text such as CEL", name)
			}
			a.Unit = s
		case "datasetId":
			s, ok := jsontext.String(m.Value)
			if !ok || !IsURI(s) {
				return problem.BadRequest("the datasetId of %s is not a URI", name)
			}
			if s != "urn:ngsi-ld:null" {
				a.Dataset = s
			}
		case "observedAt":
			t, err := Time(m.Value)
			if err != nil && !(p.Nulls && isNull(m.Value)) {
				return problem.BadRequest("the observedAt of %s: %v", name, err)
			}
			if err == nil {
				a.ObservedAt = t
			} else {
				a.ObservedAt = nullTime
			}
		default:
			if stored, ok := plain[m.Name]; ok {
				if err := p.plain(a, stored, m); err != nil {
					return err
				}
				continue
			}
			if jsontext.Kind(m.Value) == 'n' {
				return problem.BadRequest("the member %s of %s is null", m.Name, name)
			}
			if err := checkName(m.Name); err != nil {
				return err
			}
			if isOtherValue(m.Name, a.Kind) {
				return problem.BadRequest("the attribute %s is a %s and cannot have a member %s", name, kinds[a.Kind].name, m.Name)
			}
			sub, err := p.instance(m.Name, p.Context.Stored(m.Name), m.Value, depth+1)
			if err != nil {
				return err
			}
			a.Meta = append(a.Meta, sub)
		}
	}
	return nil
}

// nullTime marks an observedAt that is to be removed.
var nullTime = time.Date(1, 1, 1, 0, 0, 0, 1, time.UTC)

func isOtherValue(member string, k plane.Kind) bool {
	for i, d := range kinds {
		if d.member == member && plane.Kind(i) != k && member != kinds[k].member {
			return true
		}
	}
	return false
}

func (p *Parser) plain(a *plane.Attribute, stored string, m jsontext.Member) error {
	list, ok := jsontext.Strings(m.Value)
	if !ok {
		return problem.BadRequest("the member %s is not a text or a list of texts", m.Name)
	}
	value := m.Value
	if m.Name != "expiresAt" {
		for i, s := range list {
			if s != Null {
				list[i] = p.Context.Expand(s)
			}
		}
		value = jsontext.AppendStrings(nil, list)
		if jsontext.Kind(m.Value) == '"' {
			value = jsontext.AppendString(nil, list[0])
		}
	}
	a.Meta = append(a.Meta, plane.Attribute{Name: stored, Kind: plane.JSON, Value: value})
	return nil
}

func isNull(v json.RawMessage) bool {
	s, ok := jsontext.String(v)
	return ok && s == Null
}

// value checks and sets the value of an attribute.
func (p *Parser) value(a *plane.Attribute, name string, v json.RawMessage) error {
	if jsontext.Kind(v) == 'n' {
		return problem.BadRequest("the value of %s is null; to remove an attribute use %q", name, Null)
	}
	if isNull(v) {
		if !p.Nulls {
			return problem.BadRequest("the value of %s is %q, which only updates may have", name, Null)
		}
		a.Value = json.RawMessage(`"` + Null + `"`)
		return nil
	}
	switch a.Kind {
	case plane.Relationship:
		list, ok := jsontext.Strings(v)
		if !ok || len(list) == 0 {
			return problem.BadRequest("the object of %s is not a URI or a list of URIs", name)
		}
		for _, s := range list {
			if !IsURI(s) {
				return problem.BadRequest("the object %q of %s is not a URI", s, name)
			}
		}
	case plane.Geo:
		if err := CheckGeometry(v); err != nil {
			return problem.BadRequest("the value of %s is not a GeoJSON geometry: %v", name, err)
		}
	case plane.Language:
		return p.languages(a, name, v)
	case plane.Vocabulary:
		list, ok := jsontext.Strings(v)
		if !ok {
			return problem.BadRequest("the vocab of %s is not a name or a list of names", name)
		}
		list = p.Context.ExpandAll(list)
		if jsontext.Kind(v) == '"' {
			a.Value = jsontext.AppendString(nil, list[0])
		} else {
			a.Value = jsontext.AppendStrings(nil, list)
		}
		return nil
	case plane.List:
		if jsontext.Kind(v) != '[' {
			return problem.BadRequest("the valueList of %s is not a list", name)
		}
	case plane.ListOfLinks:
		return links(a, name, v)
	}
	return compactInto(a, v)
}

func compactInto(a *plane.Attribute, v json.RawMessage) error {
	var b bytes.Buffer
	if err := json.Compact(&b, v); err != nil {
		return problem.BadRequest("a value is not JSON: %v", err)
	}
	a.Value = b.Bytes()
	return nil
}

func (p *Parser) languages(a *plane.Attribute, name string, v json.RawMessage) error {
	o, ok := jsontext.Parse(v)
	if !ok || len(o) == 0 {
		return problem.BadRequest("the languageMap of %s is not an object of texts by language", name)
	}
	if len(o) == 1 && o[0].Name == "@none" && isNull(o[0].Value) && p.Nulls {
		a.Value = json.RawMessage(`"` + Null + `"`)
		return nil
	}
	for _, m := range o {
		if _, ok := jsontext.Strings(m.Value); !ok {
			return problem.BadRequest("the languageMap of %s has for %s neither a text nor a list of texts", name, m.Name)
		}
		if isNull(m.Value) && !p.Nulls {
			return problem.BadRequest("the languageMap of %s has %q for %s, which only updates may have", name, Null, m.Name)
		}
	}
	return compactInto(a, v)
}

// links reads an objectList: URIs, or objects with a member object.
func links(a *plane.Attribute, name string, v json.RawMessage) error {
	items, ok := jsontext.List(v)
	if !ok {
		return problem.BadRequest("the objectList of %s is not a list", name)
	}
	list := make([]string, 0, len(items))
	for _, item := range items {
		if o, ok := jsontext.Parse(item); ok {
			item = o.Get("object")
		}
		s, ok := jsontext.String(item)
		if !ok || !IsURI(s) {
			return problem.BadRequest("the objectList of %s has an item that is not a URI", name)
		}
		list = append(list, s)
	}
	a.Value = jsontext.AppendStrings(nil, list)
	return nil
}

// IsURI says whether s can be a URI (RFC 3986): a scheme and something behind it.
func IsURI(s string) bool {
	scheme, rest, ok := strings.Cut(s, ":")
	if !ok || rest == "" || scheme == "" || len(s) > plane.MaxName {
		return false
	}
	for i := range len(scheme) {
		c := scheme[i] | 0x20
		if (c < 'a' || c > 'z') && (i == 0 || (scheme[i] < '0' || scheme[i] > '9') && scheme[i] != '+' && scheme[i] != '-' && scheme[i] != '.') {
			return false
		}
	}
	return !strings.ContainsFunc(rest, func(r rune) bool { return r <= ' ' || r == '<' || r == '>' || r == '"' || r == 0x7f || r == 0xfffd })
}

// Time reads a DateTime in UTC (clause 4.6.3).
func Time(v json.RawMessage) (time.Time, error) {
	s, ok := jsontext.String(v)
	if !ok {
		return time.Time{}, problem.BadRequest("%s is not a date and time", short(v))
	}
	return ParseTime(s)
}

// ParseTime reads a DateTime in UTC such as 2026-11-30T12:00:00Z.
func ParseTime(s string) (time.Time, error) {
	t, err := time.Parse("2006-01-02T15:04:05.999999999Z", strings.Replace(s, ",", ".", 1))
	if err != nil || t.Year() < 1700 || t.Year() > 2261 {
		return time.Time{}, problem.BadRequest("%q is not a date and time in UTC such as 2026-11-30T12:00:00Z", s)
	}
	return t, nil
}

func short(v json.RawMessage) string {
	if len(v) > 80 {
		return strings.ToValidUTF8(string(v[:80]), "") + "..."
	}
	return string(v)
}
