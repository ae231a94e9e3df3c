package policy

import (
	"slices"
	"strings"
	"testing"

	"github.com/cedar-policy/cedar-go"
	"pgregory.net/rapid"

	"polity/access"
	"polity/city"
)

// hostile are names that break out of quotes, look like Cedar, or are no text at all.
var hostile = []string{
	"", `"`, `" || true || "`, `p1"; permit(principal,action,resource);//`, `\"`, "\\", "\x00", "\xff\xfe", "\u202e", "é", "e\u0301",
	`Role::"it"`, "it", "city", "public", "p1\n", strings.Repeat("a", 1<<16), "*", "%s", "market", "p1 ", "P1",
}

func name(t *rapid.T, label string) string {
	if rapid.Bool().Draw(t, label+" hostile") {
		return rapid.SampledFrom(hostile).Draw(t, label)
	}
	return rapid.StringN(0, 12, 40).Draw(t, label)
}

func slugs(t *rapid.T, label string) []city.Slug {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) city.Slug {
		return city.Slug(rapid.SampledFrom([]string{"centre", "harbour", "city", "market", name(t, label)}).Draw(t, label))
	}), 0, 4).Draw(t, label)
}

// somebody is anybody: every combination of roles, some unknown, of grants and scopes.
func somebody(t *rapid.T) access.Who {
	return access.Who{
		Kind: rapid.SampledFrom([]access.Kind{access.Public, access.Person, access.Program, 3, 255}).Draw(t, "kind"),
		ID:   name(t, "id"), Name: name(t, "name"), Body: city.Slug(name(t, "body")),
		Roles:   rapid.SliceOfN(rapid.SampledFrom(append(access.Roles(), "", "admin", "IT", `it"`)), 0, 12).Draw(t, "roles"),
		Areas:   slugs(t, "areas"),
		Cameras: slugs(t, "cameras"),
		Scope:   rapid.SliceOfN(rapid.SampledFrom(append(access.Actions(), "", "*")), 0, 30).Draw(t, "scope"),
		Purpose: city.Slug(rapid.SampledFrom([]string{"", "incident", "traffic", "curiosity", "INCIDENT"}).Draw(t, "purpose")),
		Door:    rapid.Bool().Draw(t, "door"),
	}
}

func something(t *rapid.T) access.Thing {
	return access.Thing{
		Kind: rapid.SampledFrom([]access.ThingKind{access.TheCity, access.ACamera, access.AService, access.APerson, "", "Role", "camera"}).Draw(t, "thing"),
		ID:   rapid.SampledFrom([]string{"market", "traffic", "system", "p1", name(t, "thing's id")}).Draw(t, "thing's id"),
		In:   slugs(t, "in"),
	}
}

func circumstances(t *rapid.T) access.Circumstances {
	return access.Circumstances{Loopback: rapid.Bool().Draw(t, "loopback")}
}

// TestNoCombination holds what must be so for whoever asks whatever.
func TestNoCombination(t *testing.T) {
	p := shippedPolicies(t)
	known := p.Purposes()
	rapid.Check(t, func(t *rapid.T) {
		who, on, at := somebody(t), something(t), circumstances(t)
		do := rapid.SampledFrom(append(access.Actions(), "", "look", "Look-live", `look-live" || "`)).Draw(t, "action")
		d := p.Decide(who, do, on, at)
		if d.Why == "" {
			t.Error("no reason is given")
		}
		look := do.IsLook() || do == access.AskFootage
		if !d.Allowed {
			if d.Purpose && (!do.IsLook() || slices.Contains(known, who.Purpose)) {
				t.Error("a purpose is asked for where it does not help")
			}
			if d.Purpose {
				who.Purpose = known[0]
				if !p.Decide(who, do, on, at).Allowed {
					t.Error("with a purpose the answer is no all the same")
				}
			}
			return
		}
		for what, wrong := range map[string]bool{
			"nothing permits it":                len(d.By) == 0,
			"the purpose is missing":            d.Purpose || do.IsLook() && !slices.Contains(known, who.Purpose),
			"it is unknown":                     !do.Known() || who.Kind > access.Program,
			"it is done to another kind":        on.Kind != KindOf(do) && on.Kind != "",
			"there is no such service":          on.Kind == access.AService && !slices.Contains(access.Desks(), city.Slug(on.ID)),
			"it looks":                          look && who.Kind == access.Person && who.Has(access.IT),
			"a program or nobody looks":         look && who.Kind != access.Person,
			"footage is for evidence officers":  do == access.AskFootage && !who.Has(access.EvidenceOfficer),
			"cases are for evidence officers":   (do == access.PrepareCase || do == access.CarryCase) && who.Kind == access.Person && !who.Has(access.EvidenceOfficer),
			"it carries cases":                  (do == access.PrepareCase || do == access.CarryCase) && who.Kind == access.Person && who.Has(access.IT),
			"people manage themselves":          do == access.ManagePeople && who.ID == on.ID,
			"a program manages":                 (do == access.ManagePeople || do == access.ApprovePolicy || do == access.ProposePolicy) && who.Kind != access.Person,
			"a program leaves its scope":        who.Kind == access.Program && !slices.Contains(who.Scope, do) && do != access.ReadPublic && do != access.PushData,
			"a scene is looked at without role": (do == access.LookLive || do == access.LookBack) && !who.Has(access.SafetyOperator),
			"a scene of elsewhere": (do == access.LookLive || do == access.LookBack) && !slices.Contains(who.Areas, access.AllAreas) &&
				!slices.Contains(who.Cameras, city.Slug(on.ID)) && !slices.ContainsFunc(on.In, func(a city.Slug) bool { return slices.Contains(who.Areas, a) }),
			"an auditor changes":    who.Kind == access.Person && who.Has(access.Auditor) && slices.Contains([]access.Action{access.Handle, access.GiveOrder, access.Decide, access.WriteData, access.RunSystem, access.ManagePeople}, do),
			"the door grants":       who.Door && who.Kind == access.Person && (do == access.ManagePeople || do == access.ApprovePolicy || do == access.ProposePolicy || do == access.AskFootage),
			"the public gets in":    who.Kind == access.Public && !slices.Contains([]access.Action{access.ReadPublic, access.SignIn, access.PushData}, do) && (do != access.SeeMetrics || !at.Loopback),
			"nobody known asks":     who.Kind != access.Public && who.ID == "",
			"loopback opens things": at.Loopback && do != access.SeeMetrics && !p.Decide(who, do, on, access.Circumstances{}).Allowed,
		} {
			if wrong {
				t.Errorf("allowed although %s: %+v", what, d)
			}
		}
	})
}

// TestNamesDecideNothing asks the same twice, with other names.
func TestNamesDecideNothing(t *testing.T) {
	p := shippedPolicies(t)
	rapid.Check(t, func(t *rapid.T) {
		who, do, at := somebody(t), rapid.SampledFrom(access.Actions()).Draw(t, "action"), circumstances(t)
		who.ID, who.Cameras = "p1", nil
		on := something(t)
		if on.Kind != access.AService { // a service's name is what decides
			on.ID = "other"
		}
		first := p.Decide(who, do, on, at)
		who.ID, who.Name, who.Body = "x"+name(t, "another id"), name(t, "another name"), city.Slug(name(t, "another body"))
		if on.Kind != access.AService {
			on.ID = "y" + name(t, "another thing")
		}
		second := p.Decide(who, do, on, at)
		if first.Allowed != second.Allowed || first.Purpose != second.Purpose || !slices.Equal(first.By, second.By) || first.Why != second.Why {
			t.Errorf("%+v, with other names %+v", first, second)
		}
	})
}

// TestForbidsStay gives every role: what the charter forbids stays so.
func TestForbidsStay(t *testing.T) {
	p := shippedPolicies(t)
	rapid.Check(t, func(t *rapid.T) {
		who, on, at := somebody(t), something(t), circumstances(t)
		do := rapid.SampledFrom(access.Actions()).Draw(t, "action")
		d := p.Decide(who, do, on, at)
		if d.Allowed || len(d.By) == 0 || d.By[0] == needsPurpose || strings.HasPrefix(d.By[0], "charter-footage") {
			return
		}
		who.Roles = append(slices.Clone(who.Roles), access.Roles()...)
		who.Areas = []city.Slug{access.AllAreas}
		if p.Decide(who, do, on, at).Allowed {
			t.Errorf("with every role %s is no longer forbidden by %v", do, d.By)
		}
	})
}

// TestScopesAreReadAsCedarReadsThem compares decisions with those of Cedar over every
// policy of the action, for policies with scopes of every form.
func TestScopesAreReadAsCedarReadsThem(t *testing.T) {
	own := File{"forms.cedar", `
@id("a")@reason("r") permit (principal == Person::"p1", action == Action::"see-counts", resource == Camera::"market");
@id("b")@reason("r") permit (principal == Person::"p1", action, resource in Area::"centre");
@id("c")@reason("r") forbid (principal in Role::"crew", action in [Action::"look-live", Action::"see-counts"], resource is Camera in Area::"harbour");
@id("d")@reason("r") permit (principal, action == Action::"see-counts", resource in Area::"city");
@id("e")@reason("r") forbid (principal is Person in Role::"waste-operator", action, resource is Camera);
@id("f")@reason("r") permit (principal is Person, action == Action::"manage-people", resource == Person::"p1");
@id("g")@reason("r") permit (principal, action == Action::"see-counts", resource in Camera::"market");
@id("h")@reason("r") forbid (principal in Person::"p1", action == Action::"see-alerts", resource in Service::"traffic");
@id("i")@reason("r") permit (principal is Program, action == Action::"see-alerts", resource == Service::"system");`}
	p := shippedPolicies(t, own)
	rapid.Check(t, func(t *rapid.T) {
		who, on, at := somebody(t), something(t), circumstances(t)
		do := rapid.SampledFrom(access.Actions()).Draw(t, "action")
		if rapid.Bool().Draw(t, "of its kind") {
			on.Kind = KindOf(do)
		}
		if rapid.Bool().Draw(t, "p1") {
			who.ID = "p1"
		}
		if sound(who, do, on) != "" {
			return
		}
		if !slices.Contains(p.purposes, who.Purpose) {
			who.Purpose = ""
		}
		q := p.question(who, do, on, at)
		got := p.decide(q)
		allowed, diagnostic := cedar.Authorize(p.byAction[do], &q.world, q.request)
		var by []string
		for _, r := range diagnostic.Reasons {
			by = append(by, string(r.PolicyID))
		}
		if got.Allowed != bool(allowed) || !slices.Equal(got.By, by) || len(diagnostic.Errors) > 0 {
			t.Errorf("%v by %v; Cedar alone says %v by %v, %v", got.Allowed, got.By, allowed, by, diagnostic.Errors)
		}
	})
}
