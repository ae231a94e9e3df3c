package policy

import (
	"iter"
	"slices"

	"github.com/cedar-policy/cedar-go"
	xast "github.com/cedar-policy/cedar-go/x/exp/ast"

	"polity/access"
	"polity/city"
)

// Policies are the shipped policies and a city's own, compiled. They never change and
// are safe for concurrent use; Live exchanges them.
type Policies struct {
	rules    []Rule
	byID     map[string]int // into rules
	byAction map[access.Action]*ruleSet
	purposes []city.Slug
	contexts map[contextKey]cedar.Record
}

var _ access.Decider = (*Policies)(nil)

// New compiles the shipped policies and a city's own. purposes is the city's list; none
// stands for access.Purposes. A purpose that is not on it is no purpose. Errors name
// file and line.
func New(own []File, purposes []access.Purpose) (*Policies, error) {
	files, err := Shipped()
	if err != nil {
		return nil, err
	}
	p := &Policies{byID: map[string]int{}, byAction: map[access.Action]*ruleSet{}}
	names := map[string]bool{}
	add := func(f File, ours bool) error {
		if names[f.Name] {
			return city.Errorf(city.Invalid, "%s: the shipped policies have a file of this name; rename it", f.Name)
		}
		names[f.Name] = true
		rules, err := Parse(f)
		if err != nil {
			return err
		}
		for _, r := range rules {
			if i, ok := p.byID[r.ID]; ok {
				return city.Errorf(city.Invalid, "%s:%d: a policy called %s stands in %s:%d already; give it another @id", r.File, r.Line, r.ID, p.rules[i].File, p.rules[i].Line)
			}
			r.Shipped = ours
			p.byID[r.ID] = len(p.rules)
			p.rules = append(p.rules, r)
		}
		return nil
	}
	for _, f := range files {
		if err := add(f, true); err != nil {
			return nil, err
		}
	}
	for _, f := range own {
		if err := add(f, false); err != nil {
			return nil, err
		}
	}
	if len(purposes) == 0 {
		purposes = access.Purposes()
	}
	for _, one := range purposes {
		p.purposes = append(p.purposes, one.Name)
	}
	p.index()
	if len(own) > 0 {
		if err := p.governs(); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// index sorts the rules by action, forbids first, so that a decision looks at those only
// that may matter.
func (p *Policies) index() {
	for _, a := range access.Actions() {
		s := &ruleSet{}
		for _, forbids := range []bool{true, false} {
			for _, r := range p.rules {
				if r.Forbids == forbids && r.concerns(a) {
					s.rules = append(s.rules, r)
					s.choosy = s.choosy || r.choosy()
				}
			}
		}
		p.byAction[a] = s
	}
	p.contexts = map[contextKey]cedar.Record{}
	for _, purpose := range append([]city.Slug{""}, p.purposes...) {
		for _, loopback := range []bool{false, true} {
			m := cedar.RecordMap{"loopback": cedar.Boolean(loopback)}
			if purpose != "" {
				m["purpose"] = cedar.String(purpose)
			}
			p.contexts[contextKey{purpose, loopback}] = cedar.NewRecord(m)
		}
	}
}

// Rules returns every policy, the shipped ones first, in the order of the files.
func (p *Policies) Rules() []Rule { return slices.Clone(p.rules) }

// Rule returns the policy with an ID.
func (p *Policies) Rule(id string) (Rule, bool) {
	i, ok := p.byID[id]
	if !ok {
		return Rule{}, false
	}
	return p.rules[i], true
}

// Purposes lists the purposes that count.
func (p *Policies) Purposes() []city.Slug { return slices.Clone(p.purposes) }

// ruleSet is what Cedar's authorizer walks for one action.
type ruleSet struct {
	rules  []Rule
	choosy bool // one may ask which purpose it is, beyond whether there is one
}

// All implements cedar.PolicyIterator, in the order of the rules.
func (s *ruleSet) All() iter.Seq2[cedar.PolicyID, *cedar.Policy] {
	return func(yield func(cedar.PolicyID, *cedar.Policy) bool) {
		for i := range s.rules {
			if !yield(cedar.PolicyID(s.rules[i].ID), s.rules[i].policy) {
				return
			}
		}
	}
}

// Permits reports whether a policy permits an action to somebody and names it.
func (p *Policies) Permits(a access.Action) bool {
	set, ok := p.byAction[a]
	return ok && slices.ContainsFunc(set.rules, func(r Rule) bool {
		_, everything := r.ast.Action.(xast.ScopeTypeAll)
		return !r.Forbids && !everything
	})
}
