package ngsild

import (
	"strings"

	"polity/plane"
	"polity/plane/ngsild/jsontext"
	"polity/plane/ngsild/problem"
	"polity/plane/ngsild/query"
)

// queryTemporal is clause 5.7.4.
func (r *request) queryTemporal() error {
	c, err := r.conditions()
	if err != nil {
		return err
	}
	if c.attrs != nil && r.query.Get("attrs") == "" {
		c.attrs = nil
	}
	f, err := r.narrowed(c)
	if err != nil {
		return err
	}
	return r.answerTemporal(f)
}

// queryTemporalByPost is clause 5.7.4 by POST (clause 6.24).
func (r *request) queryTemporalByPost() error {
	o, err := r.object(jsonType, ldType)
	if err != nil {
		return err
	}
	if t, _ := o.Text("type"); t != "Query" {
		return problem.BadRequest("the body is not of the type Query")
	}
	f, err := r.bodyFilter(o)
	if err != nil {
		return err
	}
	if t, ok := jsontext.Parse(o.Get("temporalQ")); ok {
		for _, name := range []string{"timerel", "timeAt", "endTimeAt", "timeproperty", "lastN", "aggrMethods", "aggrPeriodDuration"} {
			v := t.Get(name)
			if s, ok := jsontext.Strings(v); ok {
				r.query.Set(name, strings.Join(s, ","))
			} else if v != nil {
				r.query.Set(name, string(v))
			}
		}
	}
	return r.answerTemporal(f)
}

func (r *request) answerTemporal(f *query.Filter) error {
	q, err := r.temporalQuery()
	if err != nil {
		return err
	}
	var list []*evolution
	if err := r.paged(func(p page, order []orderKey) (more bool, total int64, err error) {
		list, more, total, err = r.evolutions(f, q, p, order)
		return more, total, err
	}); err != nil {
		return err
	}
	status := r.temporalStatus(q, list)
	return r.answer(status, func(b []byte) []byte {
		b = append(b, '[')
		for i, ev := range list {
			if i > 0 {
				b = append(b, ',')
			}
			b = q.append(b, ev, r.inside())
		}
		return append(b, ']')
	})
}

// evolutions reads a page of the evolutions that a query finds.
func (r *request) evolutions(f *query.Filter, q *temporalQuery, p page, order []orderKey) (list []*evolution, more bool, total int64, err error) {
	heads := query.Filter{Selectors: f.Selectors, Scopes: f.Scopes}
	kept, current := r.pages(heads.Query(r.tenant+temporalTenant, nil)), r.pages(heads.Query(r.tenant, nil))
	var found []*evolution
	wanted := p.offset + p.limit
	for order != nil || p.count || len(found) <= wanted {
		head, now, err := nextOfBoth(kept, current)
		if err != nil {
			return nil, false, 0, err
		}
		if head == nil && now == nil {
			break
		}
		ev, err := r.evolution(head, now, q, f)
		if err != nil {
			return nil, false, 0, err
		}
		if ev == nil || (q.view.Pick != nil || q.view.Omit != nil) && !q.showsAny(ev) {
			continue
		}
		total++
		if order != nil || len(found) <= wanted {
			found = append(found, ev)
		}
		if len(found) > maxOrdered {
			return nil, false, 0, problem.TooComplex("the query finds more than %d entities; narrow it", maxOrdered)
		}
	}
	if order != nil {
		orderEvolutions(found, order)
	}
	from, to := min(p.offset, len(found)), min(wanted, len(found))
	return found[from:to], to < len(found), total, nil
}

// pages reads entities one by one, in the order of their ids.
type pages struct {
	r    *request
	q    plane.Query
	list []*plane.Entity
	done bool
}

func (r *request) pages(q plane.Query) *pages {
	q.Limit = 200
	return &pages{r: r, q: q}
}

// peek returns the next entity, nil behind the last.
func (p *pages) peek() (*plane.Entity, error) {
	if len(p.list) == 0 && !p.done {
		page, err := p.r.s.store.Find(p.r.Context(), p.q)
		if err != nil {
			return nil, err
		}
		p.list, p.done = page.Entities, !page.More
		if n := len(p.list); n > 0 {
			p.q.After = p.list[n-1].ID
		}
	}
	if len(p.list) == 0 {
		return nil, nil
	}
	return p.list[0], nil
}

// nextOfBoth returns the next id's entities of two lists; both nil behind the last.
func nextOfBoth(kept, current *pages) (head, now *plane.Entity, err error) {
	if head, err = kept.peek(); err != nil {
		return nil, nil, err
	}
	if now, err = current.peek(); err != nil {
		return nil, nil, err
	}
	if head != nil && now != nil && head.ID != now.ID {
		if head.ID < now.ID {
			now = nil
		} else {
			head = nil
		}
	}
	if head != nil {
		kept.list = kept.list[1:]
	}
	if now != nil {
		current.list = current.list[1:]
	}
	return head, now, nil
}

// orderEvolutions orders by the last instance of each attribute.
func orderEvolutions(list []*evolution, order []orderKey) {
	byID := map[string]*evolution{}
	probes := make([]*plane.Entity, len(list))
	for i, ev := range list {
		e := ev.head.Clone()
		for _, s := range ev.series {
			a := *s[len(s)-1].a
			a.Dataset = ""
			e.Set(a)
		}
		probes[i], byID[e.ID] = e, ev
	}
	sortEntities(probes, order)
	for i, e := range probes {
		list[i] = byID[e.ID]
	}
}
