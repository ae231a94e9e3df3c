package policy

import (
	"testing"

	"polity/access"
	"polity/city"
)

func shippedPolicies(t testing.TB, own ...File) *Policies {
	t.Helper()
	p, err := New(own, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func person(roles ...access.Role) access.Who {
	return access.Who{Kind: access.Person, ID: "p1", Body: "somebody", Roles: roles}
}

var market = access.Camera("market", "centre")

// cases are requests, each with the policy that must decide it.
var cases = []struct {
	name    string
	who     access.Who
	do      access.Action
	on      access.Thing
	at      access.Circumstances
	allowed bool
	purpose bool
	by      string // the first policy that decides; empty: none
}{
	{"the public reads", access.Who{}, access.ReadPublic, access.City(), access.Circumstances{}, true, false, "everyone-reads-what-is-public"},
	{"a program reads what is public without scope", program(), access.ReadPublic, access.City(), access.Circumstances{}, true, false, "everyone-reads-what-is-public"},
	{"the public signs in", access.Who{}, access.SignIn, access.City(), access.Circumstances{}, true, false, "everyone-may-sign-in"},
	{"a program does not sign in", program(access.SignIn), access.SignIn, access.City(), access.Circumstances{}, false, false, "charter-programs-do-not-look-or-judge"},
	{"a device pushes", access.Who{}, access.PushData, access.City(), access.Circumstances{}, true, false, "devices-hand-in-measurements"},
	{"one's own account", person(), access.OwnAccount, access.City(), access.Circumstances{}, true, false, "people-keep-their-own-account"},
	{"the public has no account", access.Who{}, access.OwnAccount, access.City(), access.Circumstances{}, false, false, "charter-signed-in"},

	{"traffic sees counts", person(access.TrafficOperator), access.SeeCounts, market, access.Circumstances{}, true, false, "departments-see-counts"},
	{"the public sees no counts of this minute", access.Who{}, access.SeeCounts, market, access.Circumstances{}, false, false, "charter-signed-in"},
	{"a crew sees no counts", person(access.Crew), access.SeeCounts, market, access.Circumstances{}, false, false, ""},
	{"traffic's alerts", person(access.TrafficOperator), access.SeeAlerts, access.Service(access.Traffic), access.Circumstances{}, true, false, "traffic-desk"},
	{"traffic sees no alerts of water", person(access.TrafficOperator), access.SeeAlerts, access.Service(access.Water), access.Circumstances{}, false, false, ""},
	{"waste handles", person(access.WasteOperator), access.Handle, access.Service(access.Waste), access.Circumstances{}, true, false, "waste-desk"},
	{"waste does not handle power", person(access.WasteOperator), access.Handle, access.Service(access.Power), access.Circumstances{}, false, false, ""},
	{"water gives orders", person(access.WaterOperator), access.GiveOrder, access.Service(access.Water), access.Circumstances{}, true, false, "water-desk"},
	{"power sees orders", person(access.PowerOperator), access.SeeOrders, access.Service(access.Power), access.Circumstances{}, true, false, "power-desk"},
	{"power does not do them", person(access.PowerOperator), access.DoOrder, access.Service(access.Power), access.Circumstances{}, false, false, ""},
	{"water gives no orders of safety", person(access.WaterOperator), access.GiveOrder, access.Service(access.Safety), access.Circumstances{}, false, false, ""},
	{"power sees no orders of waste", person(access.PowerOperator), access.SeeOrders, access.Service(access.Waste), access.Circumstances{}, false, false, ""},
	{"safety's alerts", person(access.SafetyOperator), access.Handle, access.Service(access.Safety), access.Circumstances{}, true, false, "safety-desk"},
	{"safety sees no alerts of traffic", person(access.SafetyOperator), access.SeeAlerts, access.Service(access.Traffic), access.Circumstances{}, false, false, ""},
	{"crew does orders", person(access.Crew), access.DoOrder, access.Service(access.Waste), access.Circumstances{}, true, false, "crews-do-work-orders"},
	{"water decides", person(access.WaterOperator), access.Decide, access.Service(access.Water), access.Circumstances{}, true, false, "water-desk"},
	{"water decides nothing of power", person(access.WaterOperator), access.Decide, access.Service(access.Power), access.Circumstances{}, false, false, ""},
	{"IT decides nothing", person(access.IT), access.Decide, access.Service(access.Water), access.Circumstances{}, false, false, ""},
	{"a program decides nothing", program(access.Decide), access.Decide, access.Service(access.Water), access.Circumstances{}, false, false, "charter-programs-do-not-look-or-judge"},
	{"crew gives none", person(access.Crew), access.GiveOrder, access.Service(access.Waste), access.Circumstances{}, false, false, ""},
	{"water's raw data", forPurpose(person(access.WaterOperator)), access.LookData, access.Service(access.Water), access.Circumstances{}, true, false, "water-data"},
	{"water's raw data needs a purpose", person(access.WaterOperator), access.LookData, access.Service(access.Water), access.Circumstances{}, false, true, "charter-a-look-has-a-purpose"},
	{"power's raw data is not water's", forPurpose(person(access.WaterOperator)), access.LookData, access.Service(access.Power), access.Circumstances{}, false, false, ""},
	{"traffic's raw data", forPurpose(person(access.TrafficOperator)), access.LookData, access.Service(access.Traffic), access.Circumstances{}, true, false, "traffic-data"},
	{"waste's raw data", forPurpose(person(access.WasteOperator)), access.LookData, access.Service(access.Waste), access.Circumstances{}, true, false, "waste-data"},
	{"power's raw data", forPurpose(person(access.PowerOperator)), access.LookData, access.Service(access.Power), access.Circumstances{}, true, false, "power-data"},
	{"safety's raw data", forPurpose(person(access.SafetyOperator)), access.LookData, access.Service(access.Safety), access.Circumstances{}, true, false, "safety-data"},
	{"safety sees no raw data of traffic", forPurpose(person(access.SafetyOperator)), access.LookData, access.Service(access.Traffic), access.Circumstances{}, false, false, ""},
	{"nobody has raw data of the system", forPurpose(person(access.IT)), access.LookData, access.Service(access.System), access.Circumstances{}, false, false, "charter-it-sees-no-scene"},

	{"safety looks in its area", forPurpose(inArea("centre")), access.LookLive, market, access.Circumstances{}, true, false, "safety-operators-look"},
	{"safety looks at its camera", forPurpose(atCamera("market")), access.LookBack, market, access.Circumstances{}, true, false, "safety-operators-look"},
	{"the whole city is an area", forPurpose(inArea(access.AllAreas)), access.LookLive, access.Camera("tower"), access.Circumstances{}, true, false, "safety-operators-look"},
	{"safety does not look elsewhere", forPurpose(inArea("harbour")), access.LookLive, market, access.Circumstances{}, false, false, ""},
	{"nor at another camera", forPurpose(atCamera("tower")), access.LookLive, market, access.Circumstances{}, false, false, ""},
	{"nor without a grant", forPurpose(person(access.SafetyOperator)), access.LookLive, market, access.Circumstances{}, false, false, ""},
	{"nor without a purpose", inArea("centre"), access.LookLive, market, access.Circumstances{}, false, true, "charter-a-look-has-a-purpose"},
	{"a purpose would not help elsewhere", inArea("harbour"), access.LookLive, market, access.Circumstances{}, false, false, "charter-a-look-has-a-purpose"},
	{"traffic does not look, area or not", forPurpose(access.Who{Kind: access.Person, ID: "p1", Roles: []access.Role{access.TrafficOperator}, Areas: []city.Slug{access.AllAreas}}), access.LookLive, market, access.Circumstances{}, false, false, ""},
	{"an evidence officer does not look", forPurpose(person(access.EvidenceOfficer)), access.LookLive, market, access.Circumstances{}, false, false, ""},

	{"an evidence officer asks for footage", person(access.EvidenceOfficer), access.AskFootage, market, access.Circumstances{}, true, false, "evidence-officers-ask-for-footage"},
	{"a safety operator does not", inArea("centre"), access.AskFootage, market, access.Circumstances{}, false, false, "charter-footage-is-for-evidence-officers"},
	{"nor does an evidence officer who administers", person(access.EvidenceOfficer, access.IT), access.AskFootage, market, access.Circumstances{}, false, false, "charter-it-sees-no-scene"},

	{"an evidence officer keeps cases", person(access.EvidenceOfficer), access.CarryCase, access.City(), access.Circumstances{}, true, false, "evidence-officers-keep-cases"},
	{"and sees what is recorded when", person(access.EvidenceOfficer), access.PrepareCase, access.City(), access.Circumstances{}, true, false, "evidence-officers-keep-cases"},
	{"a safety operator sees nothing of cases", inArea(access.AllAreas), access.SeeCases, access.City(), access.Circumstances{}, false, false, ""},
	{"nor does an administrator", person(access.IT), access.SeeCases, access.City(), access.Circumstances{}, false, false, ""},
	{"who carries none, whatever else they are", person(access.EvidenceOfficer, access.IT), access.CarryCase, access.City(), access.Circumstances{}, false, false, "charter-it-sees-no-scene"},
	{"an auditor sees how cases stand", person(access.Auditor), access.SeeCases, access.City(), access.Circumstances{}, true, false, "cases-are-watched"},
	{"and carries none", person(access.Auditor, access.EvidenceOfficer), access.CarryCase, access.City(), access.Circumstances{}, false, false, "charter-auditors-change-nothing"},
	{"a data protection officer sees how cases stand", person(access.DataProtection), access.SeeCases, access.City(), access.Circumstances{}, true, false, "cases-are-watched"},
	{"and carries none either", person(access.DataProtection), access.CarryCase, access.City(), access.Circumstances{}, false, false, "charter-cases-are-for-evidence-officers"},
	{"a program carries in its scope", program(access.CarryCase), access.CarryCase, access.City(), access.Circumstances{}, true, false, "programs-carry-cases"},
	{"and not by another scope, either", program(access.SeeCases), access.CarryCase, access.City(), access.Circumstances{}, false, false, "charter-programs-stay-in-their-scope"},
	{"a program prepares no case", program(access.PrepareCase), access.PrepareCase, access.City(), access.Circumstances{}, false, false, "charter-programs-do-not-look-or-judge"},

	{"it sees the system", person(access.IT), access.SeeSystem, access.City(), access.Circumstances{}, true, false, "it-runs-the-system"},
	{"it runs it", person(access.IT), access.RunSystem, access.City(), access.Circumstances{}, true, false, "it-runs-the-system"},
	{"safety does not", person(access.SafetyOperator), access.RunSystem, access.City(), access.Circumstances{}, false, false, ""},
	{"it edits layouts", person(access.IT), access.EditLayout, market, access.Circumstances{}, true, false, "it-edits-layouts"},
	{"traffic does not", person(access.TrafficOperator), access.EditLayout, market, access.Circumstances{}, false, false, ""},
	{"it manages others", person(access.IT), access.ManagePeople, access.Account("p2"), access.Circumstances{}, true, false, "it-manages-people"},
	{"it invites", person(access.IT), access.ManagePeople, access.Account(""), access.Circumstances{}, true, false, "it-manages-people"},
	{"never oneself", person(access.IT), access.ManagePeople, access.Account("p1"), access.Circumstances{}, false, false, "charter-not-oneself"},
	{"data protection manages nobody", person(access.DataProtection), access.ManagePeople, access.Account("p2"), access.Circumstances{}, false, false, ""},
	{"it proposes", person(access.IT), access.ProposePolicy, access.City(), access.Circumstances{}, true, false, "it-proposes-policies"},
	{"it does not approve", person(access.IT), access.ApprovePolicy, access.City(), access.Circumstances{}, false, false, ""},
	{"it handles the system's alerts", person(access.IT), access.Handle, access.Service(access.System), access.Circumstances{}, true, false, "system-desk"},
	{"and no other's", person(access.IT), access.SeeAlerts, access.Service(access.Safety), access.Circumstances{}, false, false, ""},
	{"it sees no scene, whatever else it is", forPurpose(access.Who{Kind: access.Person, ID: "p1", Roles: []access.Role{access.SafetyOperator, access.IT}, Areas: []city.Slug{access.AllAreas}}), access.LookLive, market, access.Circumstances{}, false, false, "charter-it-sees-no-scene"},
	{"metrics from the machine", access.Who{}, access.SeeMetrics, access.City(), access.Circumstances{Loopback: true}, true, false, "metrics-from-the-machine-itself"},
	{"no metrics from elsewhere", access.Who{}, access.SeeMetrics, access.City(), access.Circumstances{}, false, false, "charter-signed-in"},
	{"loopback opens nothing else", access.Who{}, access.SeeSystem, access.City(), access.Circumstances{Loopback: true}, false, false, "charter-signed-in"},

	{"data protection audits", person(access.DataProtection), access.AuditLooks, access.City(), access.Circumstances{}, true, false, "data-protection-watches"},
	{"it does not", person(access.IT), access.AuditLooks, access.City(), access.Circumstances{}, false, false, ""},
	{"data protection approves", person(access.DataProtection), access.ApprovePolicy, access.City(), access.Circumstances{}, true, false, "data-protection-approves-policies"},
	{"data protection does not propose", person(access.DataProtection), access.ProposePolicy, access.City(), access.Circumstances{}, false, false, ""},
	{"an auditor audits", person(access.Auditor), access.AuditLooks, access.City(), access.Circumstances{}, true, false, "auditors-read-records"},
	{"crew does not", person(access.Crew), access.AuditLooks, access.City(), access.Circumstances{}, false, false, ""},
	{"an auditor sees every desk", person(access.Auditor), access.SeeAlerts, access.Service(access.Power), access.Circumstances{}, true, false, "auditors-see-alerts"},
	{"an auditor handles none", person(access.Auditor), access.Handle, access.Service(access.Power), access.Circumstances{}, false, false, "charter-auditors-change-nothing"},
	{"an auditor changes nothing, whatever else they are", person(access.Auditor, access.IT), access.RunSystem, access.City(), access.Circumstances{}, false, false, "charter-auditors-change-nothing"},

	{"the door works as its roles say", throughDoor(access.WasteOperator), access.Handle, access.Service(access.Waste), access.Circumstances{}, true, false, "waste-desk"},
	{"the door manages nobody", throughDoor(access.IT), access.ManagePeople, access.Account("p2"), access.Circumstances{}, false, false, "charter-the-door-grants-nothing"},
	{"the door approves nothing", throughDoor(access.DataProtection), access.ApprovePolicy, access.City(), access.Circumstances{}, false, false, "charter-the-door-grants-nothing"},

	{"a program reads data in its scope", program(access.ReadData), access.ReadData, access.City(), access.Circumstances{}, true, false, "programs-use-the-interfaces"},
	{"and writes none", program(access.ReadData), access.WriteData, access.City(), access.Circumstances{}, false, false, "charter-programs-stay-in-their-scope"},
	{"a program sees counts", program(access.SeeCounts), access.SeeCounts, market, access.Circumstances{}, true, false, "programs-read-counts-and-system"},
	{"and none without scope", program(), access.SeeCounts, market, access.Circumstances{}, false, false, "charter-programs-stay-in-their-scope"},
	{"a program makes orders", program(access.GiveOrder), access.GiveOrder, access.Service(access.Waste), access.Circumstances{}, true, false, "programs-work-with-desks"},
	{"and does none", program(access.DoOrder), access.DoOrder, access.Service(access.Waste), access.Circumstances{}, false, false, "charter-programs-do-not-look-or-judge"},
	{"a program does not look", forPurpose(program(access.LookLive)), access.LookLive, market, access.Circumstances{}, false, false, "charter-programs-do-not-look-or-judge"},
	{"a command replays notifications", program(access.RunSystem), access.RunSystem, access.City(), access.Circumstances{}, true, false, "programs-run-the-system"},
	{"and not by another scope", program(access.ReadData), access.RunSystem, access.City(), access.Circumstances{}, false, false, "charter-programs-stay-in-their-scope"},
	{"operators do not use the interfaces", person(access.TrafficOperator, access.SafetyOperator, access.Crew), access.ReadData, access.City(), access.Circumstances{}, false, false, ""},
	{"data protection opens them", person(access.DataProtection), access.ReadData, access.City(), access.Circumstances{}, true, false, "data-protection-opens-the-interfaces"},
	{"for reading", person(access.DataProtection), access.WriteData, access.City(), access.Circumstances{}, false, false, ""},
	{"it connects programs", person(access.IT), access.WriteData, access.City(), access.Circumstances{}, true, false, "it-connects-programs"},
	{"that write", person(access.IT), access.ReadData, access.City(), access.Circumstances{}, false, false, ""},
}

func program(scope ...access.Action) access.Who {
	return access.Who{Kind: access.Program, ID: "t1", Scope: scope}
}

func forPurpose(w access.Who) access.Who { w.Purpose = "incident"; return w }

func inArea(a city.Slug) access.Who {
	w := person(access.SafetyOperator)
	w.Areas = []city.Slug{a}
	return w
}

func atCamera(c city.Slug) access.Who {
	w := person(access.SafetyOperator)
	w.Cameras = []city.Slug{c}
	return w
}

func throughDoor(r access.Role) access.Who {
	w := person(r)
	w.Door = true
	return w
}

func TestDecisions(t *testing.T) {
	p := shippedPolicies(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := p.Decide(c.who, c.do, c.on, c.at)
			by := ""
			if len(d.By) > 0 {
				by = d.By[0]
			}
			if d.Allowed != c.allowed || d.Purpose != c.purpose || by != c.by || d.Why == "" {
				t.Errorf("got %+v", d)
			}
		})
	}
}

// TestEveryPolicyDecidesSomething keeps out policies that no case above is about.
func TestEveryPolicyDecidesSomething(t *testing.T) {
	decides := map[string]bool{}
	p := shippedPolicies(t)
	for _, c := range cases {
		for _, id := range p.Decide(c.who, c.do, c.on, c.at).By {
			decides[id] = true
		}
	}
	for _, r := range p.Rules() {
		if !decides[r.ID] {
			t.Errorf("%s:%d: no case is decided by %s", r.File, r.Line, r.ID)
		}
	}
}
