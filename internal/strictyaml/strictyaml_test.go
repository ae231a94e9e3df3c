package strictyaml_test

import (
	"strings"
	"testing"
	"time"

	"polity/city"
	"polity/internal/strictyaml"
)

type config struct {
	Name    city.Slug         `yaml:"name"`
	Wait    time.Duration     `yaml:"wait"`
	Cameras []camera          `yaml:"cameras"`
	Labels  map[string]string `yaml:"labels"`
	Deep    struct {
		Level int `yaml:"level"`
	} `yaml:"deep"`
}

type camera struct {
	Source string  `yaml:"source"`
	Rate   float64 `yaml:"rate"`
}

func TestDecode(t *testing.T) {
	var c config
	err := strictyaml.Decode("polity.yaml", []byte("# comment\nname: square\nwait: 90s\ncameras:\n  - source: a\n    rate: 5\nlabels: {any: thing}\ndeep:\n  level: 3\n"), &c)
	if err != nil {
		t.Fatal(err)
	}
	if c.Name != "square" || c.Wait != 90*time.Second || c.Cameras[0].Rate != 5 || c.Labels["any"] != "thing" || c.Deep.Level != 3 {
		t.Fatalf("%+v", c)
	}
	for _, empty := range []string{"", "# nothing\n", "---\n"} {
		if err := strictyaml.Decode("polity.yaml", []byte(empty), &c); err != nil {
			t.Errorf("%q: %v", empty, err)
		}
	}
}

func TestErrorsNameLineAndNearestKey(t *testing.T) {
	for text, want := range map[string][]string{
		"namme: square": {`polity.yaml:1: unknown key "namme"; did you mean "name"?`},
		"name: square\ncameras:\n  - source: a\n    sorce: b": {`polity.yaml:4: unknown key "sorce"; did you mean "source"?`},
		"deep:\n  levell: 1\ncamras: []":                      {`polity.yaml:2: unknown key "levell"; did you mean "level"?`, `polity.yaml:3: unknown key "camras"; did you mean "cameras"?`},
		"zzzzzz: 1":                                           {`polity.yaml:1: unknown key "zzzzzz"`},
		"name: Not A Name":                                    {"polity.yaml:1", "must begin with a letter a-z"},
		"wait: soon":                                          {"polity.yaml:1"},
		"deep:\n  level: [1]":                                 {"polity.yaml:2: a whole number belongs here"},
		"deep:\n  level: high":                                {`polity.yaml:2: a whole number belongs here; "high" is none`},
		"deep: 3":                                             {"polity.yaml:1: settings belong here, each as 'name: value' on a line of its own; here stands a number"},
		"cameras: {source: a}":                                {"polity.yaml:1: a list belongs here, each item after '- '; here stands a group of settings"},
		"cameras:\n  - source: a\n    rate: fast":             {`polity.yaml:3: a number belongs here; "fast" is none`},
		"deep:\n\tlevel: 1":                                   {"polity.yaml:2: a tab stands here; YAML is indented by spaces only"},
		"deep:\n  level: 99999999999999999999":                {"polity.yaml:2"},
		"a: b: c":                                             {"polity.yaml:1", "look at the indentation"},
		"name: a\nname: b":                                    {"polity.yaml:2", "name"},
		"name: a\n---\nname: b":                               {"only one YAML document"},
	} {
		var c config
		err := strictyaml.Decode("polity.yaml", []byte(text), &c)
		if err == nil {
			t.Errorf("%q: no error", text)
			continue
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%q:\n got %s\nwant %s", text, err, w)
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("name: square\ncameras:\n  - {source: a, rate: 5}\n"))
	f.Add([]byte("a: &x {b: *x}"))
	f.Fuzz(func(_ *testing.T, b []byte) {
		var c config
		_ = strictyaml.Decode("x", b, &c) // must return, whatever it says
	})
}
