package policy

import "polity/access"

// askPeople is whom to ask where a policy names nobody.
const askPeople = "If it is your task, ask an administrator (role it) for the role."

// why says a decision in words: the reason of what decided, and for a no whom to ask.
func (p *Policies) why(q *question, d access.Decision) string {
	if d.Allowed {
		return p.rules[p.byID[d.By[0]]].Reason
	}
	if len(d.By) > 0 {
		return p.forbidden(q, d)
	}
	return p.missing(q)
}

// needsPurpose is the forbid that a stated purpose ends.
const needsPurpose = "charter-a-look-has-a-purpose"

func (p *Policies) forbidden(q *question, d access.Decision) string {
	for _, id := range d.By {
		if id == needsPurpose {
			continue
		}
		r := p.rules[p.byID[id]]
		ask := r.Ask
		if ask == "" {
			ask = "Ask a data protection officer why."
		}
		return r.Reason + " " + ask
	}
	// Only the purpose is forbidden; whether stating one would help is asked in Decide.
	return p.missing(q)
}

// missing says which right would allow what nothing permits: that of a policy whose role
// the asker has, else of the first one about this action and thing.
func (p *Policies) missing(q *question) string {
	var first *Rule
	set := p.byAction[q.do]
	for i := range set.rules {
		r := &set.rules[i]
		if r.Forbids || !r.meant(q) {
			continue
		}
		if r.Otherwise != "" && r.covers(q) {
			return r.Reason + " " + r.Otherwise + " If it is your task, ask an administrator (role it)."
		}
		if first == nil {
			first = r
		}
	}
	if first == nil {
		return "No policy permits this to anybody of your kind."
	}
	ask := first.Ask
	if ask == "" {
		ask = askPeople
	}
	return first.Reason + " " + ask
}
