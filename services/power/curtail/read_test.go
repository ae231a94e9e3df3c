package curtail_test

import (
	"reflect"
	"strings"
	"testing"

	"polity/services/power/curtail"
)

func TestReadRules(t *testing.T) {
	net := street(60, 5000, 20e3, 10e3)
	rules, err := curtail.ReadRules("rules.yaml", []byte(`rules:
  - {name: chargers, register: r-1, loads: [LOAD.0, load.beside], least: 0.3}
  - {name: roofs, register: r-2, generators: [Sun], least: 0}
`), net)
	want := []curtail.Rule{
		{Name: "chargers", Register: "r-1", Loads: []int{0, 2}, Least: 0.3},
		{Name: "roofs", Register: "r-2", Generators: []int{0}},
	}
	if err != nil || !reflect.DeepEqual(rules, want) {
		t.Errorf("read %+v, %v; want %+v", rules, err, want)
	}
}

// TestWrongRules: what would cut anybody off without a decision, or somebody else, is
// refused by name.
func TestWrongRules(t *testing.T) {
	net := street(60, 5000, 20e3)
	for text, want := range map[string]string{
		``:          "no rules",
		`rules: []`: "no rules",
		`rulse: []`: `unknown key "rulse"; did you mean "rules"?`,
		"rules: [":  "rules.yaml:1",
		`rules: [{name: a, register: r, loads: [load.0]}]`:                     `rule "a" does not say what part stays`,
		`rules: [{name: a, loads: [load.0], least: 0.5}]`:                      "regist",
		`rules: [{name: a, register: r, loads: [load.9], least: 0.5}]`:         "the network has no load.9",
		`rules: [{name: a, register: r, generators: [load.0], least: 0.5}]`:    "the network has no load.0",
		`rules: [{name: a, register: r, loads: [load.0, LOAD.0], least: 0.5}]`: "LOAD.0 stands in it twice",
		`rules: [{name: a, register: r, loads: [load.0], least: -0.1}]`:        "-0.1",
		`rules: [{name: a, register: r, loads: [load.0], least: 1.5}]`:         "1.5",
		`rules: [{name: a, register: r, loads: [load.0], least: .nan}]`:        "NaN",
		`rules: [{name: a, register: r, least: 0.5}]`:                          `rule "a"`,
		`rules: [{name: a, register: r, loads: [load.0], least: 1, lest: 0}]`:  `unknown key "lest"`,
		`rules: [{name: a, register: r, loads: [load.0], least: much}]`:        "rules.yaml:1",
	} {
		rules, err := curtail.ReadRules("rules.yaml", []byte(text), net)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "rules.yaml") {
			t.Errorf("%s\n read %+v, %v; want %q", text, rules, err, want)
		}
	}
}
