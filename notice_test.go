package polity_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestNoticeNamesWhatIsContained holds NOTICE to the modules that are linked into the
// programs and the packages that are bundled into the pages: none missing, none too
// many.
func TestNoticeNamesWhatIsContained(t *testing.T) {
	contained := map[string]bool{}
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", "./cmd/polity", "./cmd/polity-native")
	list.Env = append(os.Environ(), "CGO_ENABLED=0") // as the programs are built
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for name := range strings.FieldsSeq(string(out)) {
		contained[name] = name != "polity"
	}
	text, err := os.ReadFile("package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	var lock struct {
		Packages map[string]struct {
			Dev bool `json:"dev"`
		} `json:"packages"`
	}
	if err := json.Unmarshal(text, &lock); err != nil {
		t.Fatal(err)
	}
	for path, p := range lock.Packages {
		name := strings.TrimPrefix(path, "node_modules/")
		contained[name] = name != "" && !p.Dev && !strings.HasPrefix(name, "@types/")
	}

	notice, err := os.ReadFile("NOTICE")
	if err != nil {
		t.Fatal(err)
	}
	_, linked, _ := strings.Cut(string(notice), "\nLinked into ")
	linked, _, found := strings.Cut(linked, "\nFetched by ")
	if !found {
		t.Fatal("NOTICE has not the parts that this test knows")
	}
	named := map[string]bool{}
	for line := range strings.Lines(linked) {
		if name, ok := strings.CutPrefix(line, "      "); ok {
			named[strings.TrimSpace(name)] = true
		}
	}
	for name, is := range contained {
		if is && !named[name] {
			t.Errorf("NOTICE does not name %s: add it under its licence", name)
		}
	}
	for name := range named {
		if !contained[name] {
			t.Errorf("NOTICE names %s, which is not contained any more", name)
		}
	}
}
