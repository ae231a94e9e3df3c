package policy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"polity/access"
	"polity/city"
)

const quiet = `@id("no-looks-at-the-hospital")
@reason("Nobody looks at the hospital's yard.")
@ask("Ask the data protection officer.")
forbid (principal, action in [Action::"look-live", Action::"look-back"], resource == Camera::"hospital-yard");
`

// TestBadPolicies holds what is refused, and that the answer names file and line.
func TestBadPolicies(t *testing.T) {
	for name, c := range map[string]struct{ text, says string }{
		"no Cedar":                       {"@id(\"a\")\npermit everything;", "own.cedar:2:18: this is no Cedar before"},
		"no end":                         {"@id(\"a\")\n@reason(\"b\")\npermit (principal, action, resource)", "own.cedar:"},
		"no id":                          {"\n@reason(\"b\")\npermit (principal, action, resource);", `own.cedar:2: @id`},
		"an id with spaces":              {"@id(\"a b\")@reason(\"b\")\npermit (principal, action, resource);", `may hold only`},
		"no reason":                      {"@id(\"a\")\npermit (principal, action, resource);", "own.cedar:1: a has no @reason"},
		"an empty reason":                {"@id(\"a\")@reason(\" \")\npermit (principal, action, resource);", "@reason is empty"},
		"a reason in lines":              {"@id(\"a\")@reason(\"b\\nc\")\npermit (principal, action, resource);", "more than one line"},
		"another annotation":             {"@id(\"a\")@reason(\"b\")@reasons(\"b\")\npermit (principal, action, resource);", "nobody knows @reasons"},
		"an unknown action":              {"@id(\"a\")@reason(\"b\")\npermit (principal, action == Action::\"look\", resource);", "own.cedar:1: a:"},
		"an unknown role":                {"@id(\"a\")@reason(\"b\")\npermit (principal in Role::\"admin\", action, resource);", "own.cedar:1: a:"},
		"an unknown service":             {"@id(\"a\")@reason(\"b\")\npermit (principal, action, resource == Service::\"taxi\");", "own.cedar:1: a:"},
		"an unknown role in a condition": {"@id(\"a\")@reason(\"b\")\npermit (principal, action, resource) when { [Role::\"it\", Role::\"boss\"].contains(Role::\"it\") };", `there is no Role::"boss"`},
		"an unknown word":                {"@id(\"a\")@reason(\"b\")\npermit (principal, action, resource) when { context.hour > 7 };", "own.cedar:1: a:"},
		"a word out of place":            {"@id(\"a\")@reason(\"b\")\npermit (principal, action, resource) when { principal.door };", "own.cedar:1: a:"},
		"no such combination":            {"@id(\"a\")@reason(\"b\")\npermit (principal, action == Action::\"look-live\", resource is Service);", "own.cedar:1: a:"},
		"a shipped id":                   {"@id(\"water-desk\")@reason(\"b\")\npermit (principal, action, resource);", "stands in operators.cedar:"},
		"an id twice":                    {quiet + quiet, "stands in own.cedar:1 already"},
		"no UTF-8":                       {"@id(\"a\")@reason(\"\xff\")\npermit (principal, action, resource);", "not UTF-8"},
		"many brackets":                  {"@id(\"a\")@reason(\"b\")\npermit (principal, action, resource) when { " + strings.Repeat("(", 1e5) + "true" + strings.Repeat(")", 1e5) + " };", "own.cedar:2: brackets"},
		"too long":                       {strings.Repeat(" ", maxFile+1), "split it"},
		"nobody approves": {
			"@id(\"a\")@reason(\"b\")\nforbid (principal, action == Action::\"approve-policy\", resource);",
			"own.cedar:1: a would end data protection officers approving policies",
		},
		"nobody reads": {"@id(\"a\")@reason(\"b\")\nforbid (principal, action, resource);", "a would end everyone reading what is public"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New([]File{{"own.cedar", c.text}}, nil)
			if err == nil || city.KindOf(err) != city.Invalid || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, not %q", err, c.says)
			}
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("the error is longer than a line: %v", err)
			}
		})
	}
	for _, name := range []string{"charter.cedar", "../own.cedar", "own", "Own.cedar", ".cedar", ""} {
		if _, err := New([]File{{name, quiet}}, nil); city.KindOf(err) != city.Invalid {
			t.Errorf("the name %q: %v", name, err)
		}
	}
}

func TestACitysOwnPolicies(t *testing.T) {
	who := forPurpose(inArea(access.AllAreas))
	yard := access.Camera("hospital-yard")
	if !shippedPolicies(t).Decide(who, access.LookLive, yard, access.Circumstances{}).Allowed {
		t.Fatal("nobody would have looked anyway")
	}
	p := shippedPolicies(t, File{"quiet.cedar", quiet}, File{"wide.cedar", `
@id("traffic-looks-at-junctions")
@reason("Traffic operators look at junctions, as the council decided.")
permit (principal in Role::"traffic-operator", action == Action::"look-live", resource in Area::"junctions");`})
	d := p.Decide(who, access.LookLive, yard, access.Circumstances{})
	if d.Allowed || len(d.By) != 1 || d.By[0] != "no-looks-at-the-hospital" || d.Why != "Nobody looks at the hospital's yard. Ask the data protection officer." {
		t.Errorf("a forbid of the city's own: %+v", d)
	}
	// Stating a purpose would not help, so it is not asked for.
	who.Purpose = ""
	if d := p.Decide(who, access.LookLive, yard, access.Circumstances{}); d.Purpose || !strings.Contains(d.Why, "hospital") {
		t.Errorf("without a purpose: %+v", d)
	}
	traffic, junction := person(access.TrafficOperator), access.Camera("j1", "junctions")
	if d := p.Decide(traffic, access.LookLive, junction, access.Circumstances{}); d.Allowed || !d.Purpose {
		t.Errorf("a permit of the city's own without a purpose: %+v", d)
	}
	if d := p.Decide(forPurpose(traffic), access.LookLive, junction, access.Circumstances{}); !d.Allowed {
		t.Errorf("a permit of the city's own: %+v", d)
	}
}

// TestAPolicyThatTellsPurposesApart asks for a purpose where only one of the list helps.
func TestAPolicyThatTellsPurposesApart(t *testing.T) {
	p := shippedPolicies(t, File{"weather.cedar", `
@id("water-looks-at-floods")
@reason("Water operators look at cameras while it floods.")
permit (principal in Role::"water-operator", action == Action::"look-live", resource)
when { context has purpose && context.purpose == "weather" };`})
	who := person(access.WaterOperator)
	if d := p.Decide(who, access.LookLive, market, access.Circumstances{}); d.Allowed || !d.Purpose {
		t.Errorf("without a purpose: %+v", d)
	}
	who.Purpose = "traffic"
	if d := p.Decide(who, access.LookLive, market, access.Circumstances{}); d.Allowed || d.Purpose {
		t.Errorf("with another: %+v", d)
	}
	who.Purpose = "weather"
	if d := p.Decide(who, access.LookLive, market, access.Circumstances{}); !d.Allowed {
		t.Errorf("with the one: %+v", d)
	}
	if p := shippedPolicies(t); p.byAction[access.LookLive].choosy {
		t.Error("the shipped policies do not tell purposes apart")
	}
}

// TestTheCharterHolds permits everything to everybody, and counts on the charter.
func TestTheCharterHolds(t *testing.T) {
	p := shippedPolicies(t, File{"all.cedar", `@id("all")@reason("Everybody may do everything.")
permit (principal, action, resource);`})
	for name, c := range map[string]struct {
		who access.Who
		do  access.Action
		on  access.Thing
	}{
		"the public looks":            {forPurpose(access.Who{}), access.LookLive, market},
		"it looks":                    {forPurpose(person(access.IT)), access.LookBack, market},
		"a look without a purpose":    {person(access.WaterOperator), access.LookData, access.Service(access.Water)},
		"footage for another":         {person(access.SafetyOperator), access.AskFootage, market},
		"managing oneself":            {person(access.DataProtection), access.ManagePeople, access.Account("p1")},
		"a program looks":             {forPurpose(program(access.LookLive)), access.LookLive, market},
		"a program beyond its scope":  {program(access.ReadData), access.SeeAlerts, access.Service(access.Water)},
		"a program approves policies": {program(access.ApprovePolicy), access.ApprovePolicy, access.City()},
		"an auditor changes":          {person(access.Auditor), access.WriteData, access.City()},
		"the door manages people":     {throughDoor(access.IT), access.ManagePeople, access.Account("p2")},
	} {
		if d := p.Decide(c.who, c.do, c.on, access.Circumstances{Loopback: true}); d.Allowed || len(d.By) == 0 || !strings.HasPrefix(d.By[0], "charter-") {
			t.Errorf("%s: %+v", name, d)
		}
	}
	if d := p.Decide(person(access.Crew), access.SeeAlerts, access.Service(access.Water), access.Circumstances{}); !d.Allowed {
		t.Errorf("what the charter leaves open: %+v", d)
	}
}

// TestAnErrorDenies lets a forbid fail: Cedar alone would pass it over.
func TestAnErrorDenies(t *testing.T) {
	own, err := Parse(File{"sums.cedar", `@id("sums")@reason("Sums that are too great.")
forbid (principal, action == Action::"read-public", resource) when { 9223372036854775807 + 1 > 0 && context.loopback };`})
	if err != nil {
		t.Fatal(err)
	}
	p := shippedPolicies(t)
	p.rules, p.byID["sums"] = append(p.rules, own[0]), len(p.rules)
	p.index()
	if d := p.Decide(access.Who{}, access.ReadPublic, access.City(), access.Circumstances{}); d.Allowed || d.By[0] != "sums" || d.Why == "" {
		t.Errorf("%+v", d)
	}
}

func TestReadFolder(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("b.cedar", quiet)
	write("a.cedar", "// nothing yet\n")
	write("README", "not ours")
	write("c.cedar.aside", "nor this")
	files, err := ReadFolder(dir)
	if err != nil || len(files) != 2 || files[0].Name != "a.cedar" || files[1] != (File{"b.cedar", quiet}) {
		t.Fatalf("%v, %v", files, err)
	}
	if err := os.Mkdir(filepath.Join(dir, "d.cedar"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadFolder(dir); city.KindOf(err) != city.Invalid {
		t.Errorf("a folder that is called like a file: %v", err)
	}
	if _, err := ReadFolder(filepath.Join(dir, "none")); city.KindOf(err) != city.Invalid {
		t.Errorf("no folder: %v", err)
	}
	if files, err := ReadFolder(""); files != nil || err != nil {
		t.Errorf("none named: %v, %v", files, err)
	}
}

// FuzzPolicies holds that no text ends the program, and that what is accepted is so again
// as Cedar writes it.
func FuzzPolicies(f *testing.F) {
	files, err := Shipped()
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		f.Add(file.Text)
	}
	f.Add(quiet)
	f.Add(`@id("a")@reason("b")permit(principal,action,resource)when{if context has purpose then context.purpose like "a*\*" else !!true};`)
	f.Fuzz(func(t *testing.T, text string) {
		rules, err := Parse(File{"own.cedar", text})
		if err != nil {
			if city.KindOf(err) != city.Invalid {
				t.Fatalf("an error of another kind: %v", err)
			}
			return
		}
		for _, r := range rules {
			again, err := Parse(File{"own.cedar", r.Text})
			if err != nil || len(again) != 1 || again[0].ID != r.ID || again[0].Forbids != r.Forbids || again[0].Text != r.Text {
				t.Fatalf("%q became %q: %v", text, r.Text, err)
			}
		}
	})
}
