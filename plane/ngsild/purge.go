package ngsild

import (
	"strings"

	"polity/plane"
	"polity/plane/ngsild/entity"
	"polity/plane/ngsild/forward"
	"polity/plane/ngsild/problem"
	"polity/plane/ngsild/query"
)

// purgeEntities is clause 5.6.21 of v1.9.1: it removes the entities that a query
// finds, or some of their attributes. Polity's own stay.
func (r *request) purgeEntities() error {
	c, err := r.conditions()
	if err != nil {
		return err
	}
	f, narrows, err := r.filter(c)
	if err != nil {
		return err
	}
	local, err := r.flag("local")
	if err != nil {
		return err
	}
	if !narrows && !local && len(c.ids) == 0 {
		return problem.BadRequest("nothing says what to purge: give at least one of type, attrs, q, georel, id, or local=true")
	}
	if r.query.Has("keep") && r.query.Has("drop") {
		return problem.BadRequest("keep and drop exclude each other")
	}
	var keep, drop *entity.Members
	if r.query.Has("keep") {
		if keep, err = entity.ParseMembers(r.context, r.query.Get("keep")); err != nil {
			return err
		}
	}
	if r.query.Has("drop") {
		if drop, err = entity.ParseMembers(r.context, r.query.Get("drop")); err != nil {
			return err
		}
	}
	if err := r.knownTenant(); err != nil {
		return err
	}
	shares, err := r.shares(forward.PurgeEntity, forward.Scope{Selectors: f.Selectors})
	if err != nil {
		return err
	}
	if len(shares) == 0 {
		if err := r.purgeHere(f, keep, drop); err != nil {
			return err
		}
		return r.done()
	}
	asked := make(chan []failure, 1)
	go func() {
		asked <- r.askShares(&write{op: forward.PurgeEntity, whole: true}, forward.SplitWhole(shares).Shares)
	}()
	err = r.purgeHere(f, keep, drop)
	failed := <-asked
	if err != nil {
		return err
	}
	if len(failed) > 0 {
		return r.partly("", false, failed)
	}
	return r.done()
}

// purgeHere purges what this broker has.
func (r *request) purgeHere(f *query.Filter, keep, drop *entity.Members) error {
	q := f.Query(r.tenant, r.linkedEntity())
	q.Limit = plane.MaxLimit
	for {
		found, err := r.s.store.Find(r.Context(), q)
		if err != nil {
			return err
		}
		var changes []*change
		for _, e := range found.Entities {
			q.After = e.ID
			if strings.HasPrefix(e.ID, own) {
				continue
			}
			changes = append(changes, &change{key: e.Key, edit: func(old *plane.Entity) (*plane.Entity, error) {
				if old == nil || !f.Match(old, nil) && f.Q == nil {
					return old, nil
				}
				if keep == nil && drop == nil {
					return nil, nil
				}
				entity.Purge(old, keep, drop)
				return old, nil
			}})
		}
		if len(changes) > 0 {
			if err := r.s.write(r.Context(), changes); err != nil {
				return err
			}
		}
		if !found.More {
			return nil
		}
	}
}
