package policy

import (
	"iter"
	"slices"

	"github.com/cedar-policy/cedar-go"
	xast "github.com/cedar-policy/cedar-go/x/exp/ast"

	"polity/access"
	"polity/city"
)

// scoped is the rules of an action whose scope covers a request, for Cedar's authorizer:
// their conditions alone. A policy whose scope does not cover a request does not hold, and
// cannot fail, so that leaving it out changes no decision; it is most of the work.
type scoped struct {
	rules []Rule
	q     *question
}

// All implements cedar.PolicyIterator.
func (s *scoped) All() iter.Seq2[cedar.PolicyID, *cedar.Policy] {
	return func(yield func(cedar.PolicyID, *cedar.Policy) bool) {
		for i := range s.rules {
			if r := &s.rules[i]; r.covers(s.q) && !yield(cedar.PolicyID(r.ID), r.conditions) {
				return
			}
		}
	}
}

// covers says whether a policy's scope covers a request; that of its action does.
func (r *Rule) covers(q *question) bool {
	switch s := r.ast.Principal.(type) {
	case xast.ScopeTypeEq:
		if s.Entity != q.request.Principal {
			return false
		}
	case xast.ScopeTypeIs:
		if s.Type != q.request.Principal.Type {
			return false
		}
	case xast.ScopeTypeIn:
		if !q.isIn(s.Entity) {
			return false
		}
	case xast.ScopeTypeIsIn:
		if s.Type != q.request.Principal.Type || !q.isIn(s.Entity) {
			return false
		}
	}
	switch s := r.ast.Resource.(type) {
	case xast.ScopeTypeEq:
		return s.Entity == q.request.Resource
	case xast.ScopeTypeIs:
		return s.Type == q.request.Resource.Type
	case xast.ScopeTypeIn:
		return q.liesIn(s.Entity)
	case xast.ScopeTypeIsIn:
		return s.Type == q.request.Resource.Type && q.liesIn(s.Entity)
	}
	return true
}

// isIn says whether the one who asks is, or has the role that is, an entity.
func (q *question) isIn(e cedar.EntityUID) bool {
	if e.Type != typeRole || q.who.Kind != access.Person {
		return e == q.request.Principal
	}
	r := access.Role(e.ID)
	return r.Known() && q.who.Has(r)
}

// liesIn says whether the thing is, or lies in the area that is, an entity.
func (q *question) liesIn(e cedar.EntityUID) bool {
	if e.Type != typeArea || q.on.Kind != access.ACamera {
		return e == q.request.Resource
	}
	a := city.Slug(e.ID)
	return a == access.AllAreas || slices.Contains(q.on.In, a)
}

// meant says whether a policy is about the thing, and about the kind of asker, whatever
// their role and the thing's place.
func (r *Rule) meant(q *question) bool {
	switch s := r.ast.Resource.(type) {
	case xast.ScopeTypeEq:
		if s.Entity != q.request.Resource {
			return false
		}
	case xast.ScopeTypeIs:
		if s.Type != q.request.Resource.Type {
			return false
		}
	}
	switch s := r.ast.Principal.(type) {
	case xast.ScopeTypeIs:
		return s.Type == q.request.Principal.Type
	case xast.ScopeTypeIsIn:
		return s.Type == q.request.Principal.Type
	case xast.ScopeTypeEq:
		return s.Entity == q.request.Principal
	}
	return true
}
