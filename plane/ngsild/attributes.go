package ngsild

import (
	"net/http"
	"slices"

	"polity/plane"
	"polity/plane/ngsild/entity"
	"polity/plane/ngsild/forward"
	"polity/plane/ngsild/jsonld"
	"polity/plane/ngsild/jsontext"
	"polity/plane/ngsild/problem"
)

// options reads flags of the parameter options.
func (r *request) options(known ...string) (map[string]bool, error) {
	set := map[string]bool{}
	for _, o := range r.list("options") {
		ok := false
		for _, k := range known {
			ok = ok || k == o
		}
		if !ok && o != "" {
			return nil, problem.BadRequest("options: %q is none of %v", o, known)
		}
		set[o] = true
	}
	return set, nil
}

// appendAttributes is clause 5.6.3.
func (r *request) appendAttributes() error {
	options, err := r.options("noOverwrite")
	if err != nil {
		return err
	}
	w, f, err := r.fragment(forward.AppendAttrs, &entity.Parser{}, jsonType, ldType)
	if err != nil {
		return err
	}
	w.attrs = true
	return r.spread(w, func(rest []string) (out entity.Outcome, err error) {
		f.Attributes = keep(f.Attributes, rest)
		_, err = r.update(w.id, func(e *plane.Entity) error {
			out = entity.Append(e, f, options["noOverwrite"])
			return nil
		})
		return out, err
	}, r.updated)
}

// updateAttributes is clause 5.6.2.
func (r *request) updateAttributes() error {
	w, f, err := r.fragment(forward.UpdateEntity, &entity.Parser{Nulls: true}, jsonType, ldType, mergeType)
	if err != nil {
		return err
	}
	w.attrs = true
	return r.spread(w, func(rest []string) (out entity.Outcome, err error) {
		f.Attributes = keep(f.Attributes, rest)
		_, err = r.update(w.id, func(e *plane.Entity) error {
			out = entity.Update(e, f)
			return nil
		})
		return out, err
	}, r.updated)
}

// updated answers 204, or 207 where some attributes were left as they were.
func (r *request) updated(out entity.Outcome) error {
	if len(out.NotUpdated) == 0 {
		return r.done()
	}
	r.accept = jsonType
	return r.answer(http.StatusMultiStatus, func(b []byte) []byte {
		b = append(b, `{"updated":[`...)
		for i, name := range out.Updated {
			if i > 0 {
				b = append(b, ',')
			}
			b = jsontext.AppendString(b, r.shownMember(name))
		}
		b = append(b, `],"notUpdated":[`...)
		for i, n := range out.NotUpdated {
			if i > 0 {
				b = append(b, ',')
			}
			b = jsontext.AppendString(append(b, `{"attributeName":`...), r.shownMember(n.Name))
			b = jsontext.AppendString(append(b, `,"reason":`...), n.Reason)
			if n.Registration != "" {
				b = jsontext.AppendString(append(b, `,"registrationId":`...), n.Registration)
			}
			b = append(b, '}')
		}
		return append(b, `]}`...)
	})
}

// shownMember is a member's name in an UpdateResult, expanded: the answer has no
// @context.
func (r *request) shownMember(name string) string {
	if name == "type" || name == "scope" {
		return name
	}
	return jsonld.IRI(name)
}

// attribute reads the attribute's name from the path, as given and as stored.
func (r *request) attribute() (shown, stored string, err error) {
	shown = r.path[3]
	if !validName(shown) || shown == "id" || shown == "type" || shown == "scope" && r.Method != http.MethodDelete {
		return "", "", problem.BadRequest("%q is not the name of an attribute", shown)
	}
	return shown, r.context.Stored(shown), nil
}

// partialUpdate is clause 5.6.4.
func (r *request) partialUpdate() error {
	id, err := r.id(1)
	if err != nil {
		return err
	}
	o, err := r.object(jsonType, ldType, mergeType)
	if err != nil {
		return err
	}
	shown, stored, err := r.attribute()
	if err != nil {
		return err
	}
	members := o[:0:0]
	for _, m := range o {
		if m.Name != "@context" {
			members = append(members, m)
		}
	}
	if len(members) == 0 {
		return problem.BadRequest("the body changes nothing of the attribute %s", shown)
	}
	p := &entity.Parser{Context: r.context, Nulls: true}
	w := &write{op: forward.UpdateAttrs, id: id, names: []string{stored}, attrs: true, body: o, plain: true}
	return r.spread(w, func([]string) (out entity.Outcome, err error) {
		_, err = r.update(id, func(e *plane.Entity) error {
			return entity.PartialUpdate(e, p, shown, stored, members)
		})
		return out, err
	}, r.updated)
}

// replaceAttribute is clause 5.6.19.
func (r *request) replaceAttribute() error {
	id, err := r.id(1)
	if err != nil {
		return err
	}
	o, err := r.object(jsonType, ldType)
	if err != nil {
		return err
	}
	shown, stored, err := r.attribute()
	if err != nil {
		return err
	}
	w := &write{op: forward.ReplaceAttrs, id: id, names: []string{stored}, attrs: true, body: slices.Clone(o), plain: true}
	o.Drop("@context")
	list, err := (&entity.Parser{Context: r.context}).Attribute(shown, o.Append(nil))
	if err != nil {
		return err
	}
	return r.spread(w, func([]string) (out entity.Outcome, err error) {
		_, err = r.update(id, func(e *plane.Entity) error {
			for _, a := range list {
				if !e.Drop(stored, a.Dataset) {
					return problem.NotFound("the entity %s has no attribute %s with the datasetId %q", id, shown, a.Dataset)
				}
				e.Set(a)
			}
			return nil
		})
		return out, err
	}, r.updated)
}

// deleteAttribute is clause 5.6.5.
func (r *request) deleteAttribute() error {
	id, err := r.id(1)
	if err != nil {
		return err
	}
	shown, stored, err := r.attribute()
	if err != nil {
		return err
	}
	all, err := r.flag("deleteAll")
	if err != nil {
		return err
	}
	dataset := r.query.Get("datasetId")
	if dataset != "" && !entity.IsURI(dataset) {
		return problem.BadRequest("the datasetId %q is not a URI", dataset)
	}
	w := &write{op: forward.DeleteAttrs, id: id, names: []string{stored}, attrs: true}
	return r.spread(w, func([]string) (out entity.Outcome, err error) {
		return out, r.dropAttribute(id, shown, stored, dataset, all)
	}, r.updated)
}

// dropAttribute removes an instance of an attribute, or all of them.
func (r *request) dropAttribute(id, shown, stored, dataset string, all bool) error {
	_, err := r.update(id, func(e *plane.Entity) error {
		if shown == "scope" && len(e.Scopes) > 0 {
			e.Scopes = nil
			return nil
		}
		if all {
			dropped := false
			kept := e.Attributes[:0]
			for _, a := range e.Attributes {
				if a.Name == stored {
					dropped = true
					continue
				}
				kept = append(kept, a)
			}
			e.Attributes = kept
			if dropped {
				return nil
			}
		} else if e.Drop(stored, dataset) {
			return nil
		}
		return problem.NotFound("the entity %s has no attribute %s with the datasetId %q", id, shown, dataset)
	})
	if err != nil && problem.From(err).Status != http.StatusNotFound {
		return err
	}
	// An entity of which only a history is kept loses the attribute in that.
	noted, noteErr := r.noteGone(id, stored, dataset)
	if noteErr != nil {
		return noteErr
	}
	if err != nil && !noted {
		return err
	}
	return nil
}
