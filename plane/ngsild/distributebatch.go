package ngsild

import (
	"net/http"

	"polity/plane/ngsild/forward"
	"polity/plane/ngsild/jsontext"
	"polity/plane/ngsild/problem"
)

// batchPart is what a source has of a batch.
type batchPart struct {
	share *forward.Share
	items []*item
	body  []byte // a JSON list that is not closed yet
}

// divide shares the items of a batch among sources (clauses 5.6.7 to 5.6.10 and 5.6.20).
// Items of which nothing is left for this broker are marked.
func (r *request) divide(op forward.Op, list []*item) ([]*batchPart, error) {
	if all, err := r.registered(); err != nil || len(all) == 0 {
		return nil, err
	}
	var parts []*batchPart
	by := map[string]*batchPart{}
	for _, it := range list {
		if it.err != nil {
			continue
		}
		s, err := r.divideItem(op, it)
		if err != nil {
			return nil, err
		}
		for i := range s.Shares {
			x := &s.Shares[i]
			if x.Refused != "" {
				it.failed = append(it.failed, failure{share: x, err: problem.Conflict("%s", x.Refused)})
				continue
			}
			p := by[x.ID]
			if p == nil {
				p = &batchPart{share: x, body: []byte{'['}}
				by[x.ID] = p
				parts = append(parts, p)
			}
			if len(p.items) > 0 {
				p.body = append(p.body, ',')
			}
			p.items = append(p.items, it)
			if it.raw == nil {
				p.body = jsontext.AppendString(p.body, it.id)
			} else {
				p.body = forward.Only(it.raw, x.Names, it.context).Append(p.body)
			}
		}
	}
	return parts, nil
}

func (r *request) divideItem(op forward.Op, it *item) (forward.Split, error) {
	w := &write{op: op, id: it.id, whole: it.fragment == nil}
	if it.fragment != nil {
		w.types, w.names = it.fragment.Types, namesOf(it.fragment.Attributes)
	}
	s, ok, err := r.split(w)
	if err != nil || !ok {
		return forward.Split{}, err
	}
	it.parts = len(s.Shares)
	it.elsewhere = !s.Local
	if it.fragment != nil {
		it.fragment.Attributes = keep(it.fragment.Attributes, s.Rest)
	}
	return s, nil
}

// askParts asks each source for its part of a batch, and notes what failed at the items.
func (r *request) askParts(parts []*batchPart) []forward.Answer {
	calls := make([]forward.Call, len(parts))
	for i, p := range parts {
		calls[i] = r.call(p.share, http.MethodPost, r.samePath(), r.sameQuery())
		calls[i].Body, calls[i].ContentType = append(p.body, ']'), r.given
	}
	return r.s.client.AskAll(r.Context(), calls)
}

// noteParts notes at the items what sources did not do, and whether they made them.
func noteParts(parts []*batchPart, answers []forward.Answer) {
	for i, p := range parts {
		a := &answers[i]
		err := refusal(p.share, a)
		failed, listed := a.Failed()
		for _, it := range p.items {
			switch {
			case err == nil:
				it.existed = it.existed || it.elsewhere && a.Status != http.StatusCreated
			case a.Status == http.StatusMultiStatus && listed:
				if why, is := failed[it.id]; is {
					it.failed = append(it.failed, failure{share: p.share, err: problem.BadRequest("the context source of %s: %s", p.share.ID, why)})
				}
			default:
				it.failed = append(it.failed, failure{share: p.share, err: err})
			}
		}
	}
}
