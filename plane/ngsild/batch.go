package ngsild

import (
	"encoding/json"
	"net/http"

	"polity/plane"
	"polity/plane/ngsild/entity"
	"polity/plane/ngsild/forward"
	"polity/plane/ngsild/jsonld"
	"polity/plane/ngsild/jsontext"
	"polity/plane/ngsild/problem"
)

// maxBatch bounds the entities of a batch.
const maxBatch = 10_000

// item is one entity of a batch.
type item struct {
	id       string
	fragment *entity.Fragment
	change   *change // nil where err says why
	err      error
	existed  bool
	outcome  entity.Outcome

	raw       jsontext.Object // as it came; nil for an id alone
	context   *jsonld.Context
	parts     int       // of sources
	elsewhere bool      // nothing is left for this broker
	failed    []failure // parts of sources that were not done
}

// items reads the entities of a batch; what is wrong with one is its own.
func (r *request) items(p entity.Parser) ([]*item, error) {
	body, given, err := r.readBody(jsonType, ldType)
	if err != nil {
		return nil, err
	}
	r.given = given
	if given == ldType && r.linked {
		return nil, problem.BadRequest("a body in application/ld+json brings its @context; a Link header cannot give another")
	}
	raw, ok := jsontext.List(body)
	if !ok || len(raw) == 0 {
		return nil, problem.BadRequest("the body is not a list of entities, or an empty one")
	}
	if len(raw) > maxBatch {
		return nil, problem.TooMany("the batch has %d entities; %d are taken", len(raw), maxBatch)
	}
	list := make([]*item, len(raw))
	for i, v := range raw {
		it := &item{}
		list[i] = it
		o, ok := jsontext.Parse(v)
		if !ok {
			it.err = problem.BadRequest("item %d of the batch is not an object", i)
			continue
		}
		it.id, _ = o.Text("id")
		c, err := r.bodyContext(o, given)
		if err != nil {
			it.err = err
			continue
		}
		it.raw, it.context = o, c
		p := p
		p.Context = c
		if it.fragment, it.err = p.Fragment(o); it.err == nil && it.id == "" {
			it.err = problem.BadRequest("item %d of the batch has no id", i)
		}
		if i == 0 {
			r.context = c
		}
	}
	return list, nil
}

// run stores what the items ask for, here and at sources.
func (r *request) run(op forward.Op, list []*item, edit func(it *item, old *plane.Entity) (*plane.Entity, error)) error {
	parts, err := r.divide(op, list)
	if err != nil {
		return err
	}
	if len(parts) == 0 {
		return r.runHere(list, edit)
	}
	asked := make(chan []forward.Answer, 1)
	go func() { asked <- r.askParts(parts) }()
	err = r.runHere(list, edit)
	noteParts(parts, <-asked)
	return err
}

// runHere stores what is left for this broker.
func (r *request) runHere(list []*item, edit func(it *item, old *plane.Entity) (*plane.Entity, error)) error {
	var changes []*change
	for _, it := range list {
		if it.err != nil || it.elsewhere {
			continue
		}
		it.change = &change{key: plane.Key{Tenant: r.tenant, ID: it.id}, edit: func(old *plane.Entity) (*plane.Entity, error) {
			it.existed = old != nil
			return edit(it, old)
		}}
		changes = append(changes, it.change)
	}
	if len(changes) == 0 {
		return nil
	}
	if err := r.s.write(r.Context(), changes); err != nil {
		return err
	}
	for _, it := range list {
		if it.err == nil && it.change != nil {
			it.err = it.change.err
		}
	}
	return nil
}

// answerBatch answers with the status for all done, or 207 and what came of each
// (clause 5.2.16).
func (r *request) answerBatch(list []*item, status int, created bool) error {
	failed := 0
	for _, it := range list {
		if it.err != nil || len(it.failed) > 0 {
			failed++
		}
	}
	r.accept = jsonType
	h := r.w.Header()
	h.Set("Content-Type", jsonType)
	if failed == 0 {
		if status == http.StatusNoContent {
			h.Del("Content-Type")
			return r.done()
		}
		r.w.WriteHeader(status)
		var ids []string
		for _, it := range list {
			if !created || !it.existed {
				ids = append(ids, it.id)
			}
		}
		_, _ = r.w.Write(jsontext.AppendStrings(nil, ids))
		return nil
	}
	success := []string{}
	var errs []byte
	for _, it := range list {
		all := it.failed
		if it.err != nil {
			all = append([]failure{{err: it.err}}, all...)
		}
		if len(all) == 0 {
			success = append(success, it.id)
		}
		for _, f := range all {
			if errs != nil {
				errs = append(errs, ',')
			}
			errs = appendFailure(errs, it.id, f)
		}
	}
	b := jsontext.AppendStrings([]byte(`{"success":`), success)
	b = append(append(append(b, `,"errors":[`...), errs...), "]}"...)
	r.w.WriteHeader(http.StatusMultiStatus)
	_, _ = r.w.Write(b)
	return nil
}

// batchCreate is clause 5.6.7.
func (r *request) batchCreate() error {
	list, err := r.items(entity.Parser{})
	if err != nil {
		return err
	}
	if err := r.run(forward.CreateBatch, list, func(it *item, old *plane.Entity) (*plane.Entity, error) {
		if old != nil {
			return nil, problem.Exists("the entity %s exists already", it.id)
		}
		e, err := it.fragment.Entity(r.tenant)
		if err != nil {
			return nil, err
		}
		return e.Clone(), nil
	}); err != nil {
		return err
	}
	return r.answerBatch(list, http.StatusCreated, false)
}

// batchUpsert is clause 5.6.8.
func (r *request) batchUpsert() error {
	options, err := r.options("replace", "update")
	if err != nil {
		return err
	}
	list, err := r.items(entity.Parser{})
	if err != nil {
		return err
	}
	if err := r.run(forward.UpsertBatch, list, func(it *item, old *plane.Entity) (*plane.Entity, error) {
		if old != nil && options["update"] {
			entity.Append(old, it.fragment, false)
			return old, nil
		}
		f := *it.fragment
		if old != nil && len(f.Types) == 0 {
			f.Types = old.Types
		}
		e, err := f.Entity(r.tenant)
		if err != nil {
			return nil, err
		}
		return e.Clone(), nil
	}); err != nil {
		return err
	}
	status := http.StatusNoContent
	for _, it := range list {
		if it.err == nil && !it.existed {
			status = http.StatusCreated
		}
	}
	return r.answerBatch(list, status, true)
}

// batchUpdate is clause 5.6.9.
func (r *request) batchUpdate() error {
	options, err := r.options("noOverwrite", "replace", "update")
	if err != nil {
		return err
	}
	list, err := r.items(entity.Parser{})
	if err != nil {
		return err
	}
	if err := r.run(forward.UpdateBatch, list, func(it *item, old *plane.Entity) (*plane.Entity, error) {
		if old == nil {
			return nil, problem.NotFound("there is no entity %s", it.id)
		}
		it.outcome = entity.Append(old, it.fragment, options["noOverwrite"])
		return old, nil
	}); err != nil {
		return err
	}
	for _, it := range list {
		if it.err == nil && len(it.outcome.NotUpdated) > 0 {
			it.err = problem.BadRequest("the attribute %s exists already, and overwriting was ruled out", it.outcome.NotUpdated[0].Name)
		}
	}
	return r.answerBatch(list, http.StatusNoContent, false)
}

// batchMerge is clause 5.6.20.
func (r *request) batchMerge() error {
	list, err := r.items(entity.Parser{Nulls: true, Partial: true})
	if err != nil {
		return err
	}
	if err := r.run(forward.MergeBatch, list, func(it *item, old *plane.Entity) (*plane.Entity, error) {
		if old == nil {
			return nil, problem.NotFound("there is no entity %s", it.id)
		}
		entity.Merge(old, it.fragment)
		return old, nil
	}); err != nil {
		return err
	}
	return r.answerBatch(list, http.StatusNoContent, false)
}

// batchDelete is clause 5.6.10.
func (r *request) batchDelete() error {
	body, given, err := r.readBody(jsonType, ldType)
	if err != nil {
		return err
	}
	r.given = given
	var ids []string
	if json.Unmarshal(body, &ids) != nil || len(ids) == 0 {
		return problem.BadRequest("the body is not a list of ids, or an empty one")
	}
	if len(ids) > maxBatch {
		return problem.TooMany("the batch has %d ids; %d are taken", len(ids), maxBatch)
	}
	list := make([]*item, len(ids))
	for i, id := range ids {
		list[i] = &item{id: id}
		if !entity.IsURI(id) {
			list[i].err = problem.BadRequest("%q is not the id of an entity", id)
		}
	}
	if err := r.run(forward.DeleteBatch, list, func(it *item, old *plane.Entity) (*plane.Entity, error) { return remove(it.id)(old) }); err != nil {
		return err
	}
	return r.answerBatch(list, http.StatusNoContent, false)
}
