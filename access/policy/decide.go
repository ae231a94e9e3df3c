package policy

import (
	"slices"

	"github.com/cedar-policy/cedar-go"

	"polity/access"
	"polity/city"
)

type contextKey struct {
	purpose  city.Slug
	loopback bool
}

// Decide implements access.Decider. What no policy permits is denied; so is everything
// that is unknown, and everything where a policy could not be evaluated.
func (p *Policies) Decide(who access.Who, do access.Action, on access.Thing, at access.Circumstances) access.Decision {
	if on.Kind == "" {
		on.Kind = access.TheCity
	}
	if why := sound(who, do, on); why != "" {
		return access.Decision{Why: why}
	}
	if !slices.Contains(p.purposes, who.Purpose) {
		who.Purpose = ""
	}
	q := p.question(who, do, on, at)
	d := p.decide(q)
	if d.Allowed || !do.IsLook() || who.Purpose != "" || who.Kind != access.Person {
		return d
	}
	if slices.ContainsFunc(d.By, func(id string) bool { return id != needsPurpose }) {
		return d // a forbid that no purpose ends
	}
	purposes := p.purposes
	if !p.byAction[do].choosy {
		purposes = purposes[:1]
	}
	for _, purpose := range purposes {
		q.request.Context = p.contexts[contextKey{purpose, at.Loopback}]
		if p.decide(q).Allowed {
			d.Purpose, d.Why = true, "State the purpose of your look; it is recorded with it."
			break
		}
	}
	return d
}

// sound says what is wrong with a request that no policy is asked about.
func sound(who access.Who, do access.Action, on access.Thing) string {
	kind, known := kinds[do]
	switch {
	case !known:
		return "Nobody may do what has no name here."
	case on.Kind != kind:
		return "This is not done to such a thing."
	case kind == access.AService && !slices.Contains(access.Desks(), city.Slug(on.ID)):
		return "There is no such service."
	case kind == access.ACamera && on.ID == "":
		return "There is no camera without a name."
	case who.Kind > access.Program, who.Kind != access.Public && who.ID == "":
		return "It is not known who asks. Sign in again."
	}
	return ""
}

// question is a request with what is needed to say why.
type question struct {
	who     access.Who
	do      access.Action
	on      access.Thing
	request cedar.Request
	world   world
}

func (p *Policies) question(who access.Who, do access.Action, on access.Thing, at access.Circumstances) *question {
	q := &question{who: who, do: do, on: on}
	q.world.q = q
	q.request = cedar.Request{
		Principal: principalUID(who), Action: actionUID(do), Resource: resourceUID(on),
		Context: p.contexts[contextKey{who.Purpose, at.Loopback}],
	}
	return q
}

// decide asks Cedar. An error denies: a forbid that cannot be evaluated must not be
// passed over, as Cedar's own answer would.
func (p *Policies) decide(q *question) access.Decision {
	allowed, diagnostic := cedar.Authorize(&scoped{p.byAction[q.do].rules, q}, &q.world, q.request)
	d := access.Decision{Allowed: bool(allowed) && len(diagnostic.Errors) == 0}
	if len(diagnostic.Errors) > 0 {
		for _, e := range diagnostic.Errors {
			d.By = append(d.By, string(e.PolicyID))
		}
		d.Why = "The policy " + d.By[0] + " could not be evaluated, so the answer is no. Tell an administrator (role it)."
		return d
	}
	for _, r := range diagnostic.Reasons {
		d.By = append(d.By, string(r.PolicyID))
	}
	d.Why = p.why(q, d)
	return d
}
