package policy

import (
	"strings"

	"polity/access"
	"polity/city"
)

// needed are requests that a city's own policies must not forbid: without them it could
// neither be read nor governed, nor could the policies ever be changed again.
var needed = []struct {
	what string
	role access.Role // none: see public
	do   access.Action
	on   access.Thing
}{
	{"everyone reading what is public", "", access.ReadPublic, access.City()},
	{"signing in", "", access.SignIn, access.City()},
	{"people keeping their own account", access.Crew, access.OwnAccount, access.City()},
	{"administrators inviting others", access.IT, access.ManagePeople, access.Account("another")},
	{"administrators proposing policies", access.IT, access.ProposePolicy, access.City()},
	{"data protection officers approving policies", access.DataProtection, access.ApprovePolicy, access.City()},
	{"data protection officers seeing who looked", access.DataProtection, access.AuditLooks, access.City()},
	{"auditors seeing who looked", access.Auditor, access.AuditLooks, access.City()},
	{"auditors seeing who may see what", access.Auditor, access.ReviewAccess, access.City()},
}

// governs says whether policies leave a city what it needs.
func (p *Policies) governs() error {
	for _, n := range needed {
		var who access.Who
		if n.role != "" {
			who = access.Who{Kind: access.Person, ID: "somebody", Roles: []access.Role{n.role}}
		}
		d := p.Decide(who, n.do, n.on, access.Circumstances{})
		if d.Allowed {
			continue
		}
		where := strings.Join(d.By, ", ")
		if len(d.By) > 0 {
			r := p.rules[p.byID[d.By[0]]]
			for _, id := range d.By {
				if o := p.rules[p.byID[id]]; !o.Shipped {
					r = o
					break
				}
			}
			return city.Errorf(city.Invalid, "%s:%d: %s would end %s, which a city cannot do without; narrow it", r.File, r.Line, r.ID, n.what)
		}
		return city.Errorf(city.Invalid, "these policies would end %s, which a city cannot do without (%s)", n.what, where)
	}
	return nil
}
