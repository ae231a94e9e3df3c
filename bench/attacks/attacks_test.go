package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"polity/internal/attack"
)

const root = "../.."

// TestEveryAttackHasATestThatTellsIt holds names, tests and the threat model together
// without running anything.
func TestEveryAttackHasATestThatTellsIt(t *testing.T) {
	tests, err := sources(root)
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(root, "docs", "threat-model.md"))
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, x := range tests {
		told = append(told, x.Attacks...)
		if len(x.Attacks) == 0 {
			t.Errorf("%s in %s does not say what it tries: call attack.Tell with its name", x.Name, x.Package)
		}
		if !strings.Contains(string(page), "`"+x.Name+"`") {
			t.Errorf("docs/threat-model.md names no attacker for %s", x.Name)
		}
	}
	for _, name := range required() {
		if !slices.Contains(told, name) {
			t.Errorf("no test tells the attack %s", name)
		}
	}
	if n := len(required()); n < 30 {
		t.Errorf("%d names", n)
	}
	for _, name := range regexp.MustCompile("`TestAttack[A-Za-z]*`").FindAllString(string(page), -1) {
		if !slices.ContainsFunc(tests, func(x test) bool { return "`"+x.Name+"`" == name }) {
			t.Errorf("docs/threat-model.md names the test %s, which is nowhere", name)
		}
	}
}

const passed = `{"Action":"attr","Package":"polity/a","Test":"TestAttackOne","Key":"attack","Value":"{\"name\":\"one\",\"tried\":\"Tried a thing or two.\",\"held\":\"It held for a reason.\"}"}
{"Action":"output","Package":"polity/a","Test":"TestAttackOne","Output":"words\n"}
{"Action":"pass","Package":"polity/a","Test":"TestAttackOne","Elapsed":1.5}
`

func gathered(t *testing.T, text string) map[string]*result {
	t.Helper()
	r, err := gather(strings.NewReader(text), func(string, ...any) {})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestWhatIsJudged(t *testing.T) {
	one := []test{{Package: "polity/a", Name: "TestAttackOne"}}
	two := append(slices.Clone(one), test{Package: "polity/a", Name: "TestAttackTwo"})
	for name, c := range map[string]struct {
		names        []string
		tests        []test
		said         string
		held, failed []string
	}{
		"all held":                      {[]string{"one"}, one, passed, []string{"one"}, nil},
		"one that nobody asked for":     {nil, one, passed, []string{"one"}, nil},
		"a name without a test":         {[]string{"one", "two"}, one, passed, []string{"one"}, []string{"two"}},
		"a test that was not run":       {[]string{"one"}, two, passed, []string{"one"}, []string{"TestAttackTwo"}},
		"a test without words":          {[]string{"one"}, two, passed + `{"Action":"pass","Package":"polity/a","Test":"TestAttackTwo"}`, []string{"one"}, []string{"TestAttackTwo"}},
		"a failed test":                 {[]string{"one"}, one, strings.Replace(passed, `"pass"`, `"fail"`, 1), nil, []string{"one"}},
		"a test that was left out":      {[]string{"one"}, one, strings.Replace(passed, `"pass"`, `"skip"`, 1), nil, []string{"one"}},
		"a part that was left out":      {[]string{"one"}, one, `{"Action":"skip","Package":"polity/a","Test":"TestAttackOne/part"}` + "\n" + passed, nil, []string{"one"}},
		"a test that never ended":       {[]string{"one"}, one, passed[:strings.LastIndex(passed, `{"Action":"pass"`)], nil, []string{"one"}},
		"words that say nothing":        {[]string{"one"}, one, strings.Replace(passed, "It held for a reason.", "", 1), nil, []string{"one"}},
		"another attribute and garbage": {[]string{"one"}, one, "# building\n" + `{"Action":"attr","Package":"polity/a","Test":"TestAttackOne","Key":"other","Value":"x"}` + "\n" + passed, []string{"one"}, nil},
	} {
		v := judge(c.names, c.tests, gathered(t, c.said))
		if !slices.Equal(v.held, c.held) || !slices.Equal(v.failed, c.failed) {
			t.Errorf("%s: held %v, failed %v", name, v.held, v.failed)
		}
	}
}

func TestWhatIsPrinted(t *testing.T) {
	var b strings.Builder
	judge([]string{"one", "two"}, []test{{Package: "polity/a", Name: "TestAttackOne"}}, gathered(t, passed)).print(&b)
	for _, want := range []string{"tried    Tried a thing or two.", "held     It held for a reason.", "a TestAttackOne (1.5 s)", "NOT HELD no test carries this attack out", "1 attacks were carried out and held; 1 did not hold."} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, b.String())
		}
	}
	for line := range strings.Lines(paragraph("tried   ", strings.Repeat("word ", 100))) {
		if len(line) > width+1 {
			t.Errorf("a line of %d: %s", len(line), line)
		}
	}
}

func TestTheKeyIsWhatTestsWrite(t *testing.T) {
	if !strings.Contains(passed, `"Key":"`+attack.Key+`"`) {
		t.Error("the samples above are of another form")
	}
}
