package ngsild

import (
	"strconv"

	"polity/city"
	"polity/plane"
	"polity/plane/ngsild/entity"
	"polity/plane/ngsild/problem"
)

// view reads how entities are to be shown (clause 6.3.7, 6.3.12 and others).
func (r *request) view() (*entity.View, error) {
	v := &entity.View{Context: r.context, Inside: r.inside(), Language: r.query.Get("lang"), Datasets: r.list("datasetId")}
	var err error
	if v.Form, v.System, err = r.form(); err != nil {
		return nil, err
	}
	if text := r.query.Get("pick"); r.query.Has("pick") {
		if v.Pick, err = entity.ParseMembers(r.context, text); err != nil {
			return nil, err
		}
	}
	if text := r.query.Get("omit"); r.query.Has("omit") {
		if v.Omit, err = entity.ParseMembers(r.context, text); err != nil {
			return nil, err
		}
	}
	if v.Pick.Overlaps(v.Omit) {
		return nil, problem.BadRequest("a member stands in pick and in omit")
	}
	if r.query.Has("attrs") {
		if v.Pick != nil || v.Omit != nil {
			return nil, problem.BadRequest("attrs cannot stand beside pick or omit")
		}
		names, err := r.attributeNames("attrs")
		if err != nil {
			return nil, err
		}
		v.Pick = entity.Attributes(r.context, names)
	}
	if g := r.query.Get("geometryProperty"); g != "" {
		v.Geometry = r.context.Stored(g)
	}
	return v, r.join(v)
}

// attributeNames reads a list of attributes.
func (r *request) attributeNames(param string) ([]string, error) {
	names := r.list(param)
	for _, n := range names {
		if n == "" || n == "id" || n == "type" || n == "@context" || !validName(n) {
			return nil, problem.BadRequest("%s: %q is not the name of an attribute", param, n)
		}
	}
	return names, nil
}

func validName(n string) bool {
	for i := range len(n) {
		switch n[i] {
		case '<', '>', '"', '\'', '=', ';', '(', ')', ' ':
			return false
		}
	}
	return n != "" && n[0] != '@'
}

// form reads the parameters options and format.
func (r *request) form() (form entity.Form, system bool, err error) {
	for _, o := range append(r.list("options"), r.list("format")...) {
		switch o {
		case "keyValues", "simplified":
			form = entity.Simplified
		case "concise":
			form = entity.Concise
		case "normalized", "count", "", "splitEntities":
		case "sysAttrs":
			system = true
		default:
			return 0, false, problem.InvalidRequest("options or format: %q is none of normalized, concise, simplified, keyValues, sysAttrs", o)
		}
	}
	return form, system, nil
}

// join reads how relationships are followed (clause 4.5.23).
func (r *request) join(v *entity.View) error {
	kind := r.query.Get("join")
	levels := 1
	if text := r.query.Get("joinLevel"); text != "" {
		var err error
		if levels, err = strconv.Atoi(text); err != nil || levels < 1 {
			return problem.BadRequest("joinLevel is %q; it is a number from 1", text)
		}
		if kind == "" {
			return problem.BadRequest("joinLevel stands beside join")
		}
		levels = min(levels, maxLevels)
	}
	switch kind {
	case "", "@none":
	case "inline":
		v.Linked, v.Levels = r.linkedEntity(), levels
	case "flat":
		v.Levels = levels
	default:
		return problem.BadRequest("join is %q; it is inline, flat or @none", kind)
	}
	return nil
}

// maxLevels and maxLinked bound what is followed.
const (
	maxLevels = 5
	maxLinked = 1000
)

// linkedEntity returns a function that reads entities once each, up to a bound.
func (r *request) linkedEntity() func(id string) *plane.Entity {
	seen := map[string]*plane.Entity{}
	return func(id string) *plane.Entity {
		e, known := seen[id]
		if known || len(seen) >= maxLinked {
			return e
		}
		e, err := r.s.store.Entity(r.Context(), plane.Key{Tenant: r.tenant, ID: id})
		if err != nil {
			e = nil
		}
		seen[id] = e
		return e
	}
}

// shown is an entity and how it is shown.
type shown struct {
	entity *plane.Entity
	view   *entity.View
}

// shown pairs a list with a view; with join=flat it adds the entities that
// relationships lead to, level by level, each once.
func (r *request) shown(list []*plane.Entity, v *entity.View) []shown {
	out := make([]shown, len(list))
	seen := map[string]bool{}
	for i, e := range list {
		out[i] = shown{e, v}
		seen[e.ID] = true
	}
	if r.query.Get("join") != "flat" {
		return out
	}
	read := r.linkedEntity()
	here := out
	for range v.Levels {
		var next []shown
		for _, x := range here {
			x.view.Links(x.entity, func(id string, below *entity.View) {
				if seen[id] {
					return
				}
				seen[id] = true
				if e := read(id); e != nil {
					next = append(next, shown{e, below})
				}
			})
		}
		out, here = append(out, next...), next
	}
	return out
}

// knownTenant refuses tenants in which nothing was ever created (clause 6.3.14).
func (r *request) knownTenant() error {
	if r.tenant == "" {
		return nil
	}
	if _, ok := r.s.tenants.Load(r.tenant); ok {
		return nil
	}
	for _, t := range []string{r.tenant, r.tenant + subscriptionTenant, r.tenant + sourceTenant, r.tenant + temporalTenant} {
		page, err := r.s.store.Find(r.Context(), plane.Query{Tenant: t, Limit: 1})
		if err != nil {
			return err
		}
		if len(page.Entities) > 0 {
			r.s.tenants.Store(r.tenant, true)
			return nil
		}
	}
	return problem.NoTenant("there is no tenant %s; creating an entity makes it", r.tenant)
}

// id reads an entity's id from the path.
func (r *request) id(i int) (string, error) {
	if !entity.IsURI(r.path[i]) {
		return "", problem.BadRequest("%q is not the id of an entity: a URI such as urn:ngsi-ld:Building:42", r.path[i])
	}
	return r.path[i], nil
}

// entity reads the entity that the path names.
func (r *request) entity() (*plane.Entity, error) {
	id, err := r.id(1)
	if err != nil {
		return nil, err
	}
	e, err := r.s.store.Entity(r.Context(), plane.Key{Tenant: r.tenant, ID: id})
	if city.KindOf(err) == city.NotFound {
		if err := r.knownTenant(); err != nil {
			return nil, err
		}
		return nil, problem.NotFound("there is no entity %s", id)
	}
	return e, err
}
