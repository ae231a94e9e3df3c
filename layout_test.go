// Package polity_test holds the tests of the tree as a whole: who may import whom,
// that every package says what it is for, what no file may name, that programs are
// the same from any folder, and that whatever is of others is named.
package polity_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// floors lists every top folder with Go code. Code imports only floors below its
// own, its own folder, and what beside lists.
var floors = [][]string{
	{"city"},
	{"internal"},
	{"recording", "ledger"},
	{"plane", "register", "access", "service", "spine"},
	{"services", "sensors", "opendata", "camera", "release", "guard", "room"},
	{"edge", "hub", "console"},
	{"demo"},
	{"cmd", "scenario", "bench"},
}

// beside lists imports between folders of one floor that are meant.
var beside = map[string][]string{
	"hub":     {"console"},
	"service": {"plane"},
}

// narrow lists packages that only some folders may import, however high those
// stand: raw frames stay inside camera.
var narrow = map[string][]string{
	"polity/camera/frame":  {"camera", "cmd/polity-native", "bench"},
	"polity/camera/decode": {"camera", "cmd/polity", "bench"},
	"polity/camera/detect": {"camera", "cmd/polity", "cmd/polity-native", "bench"},
	"polity/camera/scene":  {"camera", "cmd/polity", "bench"},
}

type goFile struct {
	name, dir string
	imports   []string
}

func goFiles(t *testing.T, tests bool) []goFile {
	t.Helper()
	var files []goFile
	known, isCheckout := gitFiles(t)
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (name == "node_modules" || (len(name) > 1 && name[0] == '.') || d.Name() == "testdata"):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go") || (!tests && strings.HasSuffix(name, "_test.go")):
			return nil
		case isCheckout && !known[filepath.ToSlash(name)]:
			return nil // ignored by git: somebody's own
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		f := goFile{name: name, dir: filepath.ToSlash(filepath.Dir(name))}
		for _, imp := range parsed.Imports {
			p, err := strconv.Unquote(imp.Path.Value)
			if err != nil {
				return err
			}
			f.imports = append(f.imports, p)
		}
		files = append(files, f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func floorOf(dir string) int {
	top, _, _ := strings.Cut(dir, "/")
	return slices.IndexFunc(floors, func(f []string) bool { return slices.Contains(f, top) })
}

// problem says why the folder from may not import the package imp, or "".
func problem(from, imp string) string {
	if allowed, ok := narrow[imp]; ok && !slices.ContainsFunc(allowed, func(a string) bool { return within(from, a) }) {
		return "only " + strings.Join(allowed, ", ") + " may import it"
	}
	to, ours := strings.CutPrefix(imp, "polity/")
	if !ours {
		if from == "city" && strings.Contains(imp, ".") {
			return "city uses the standard library only"
		}
		return ""
	}
	fromTop, fromRest, _ := strings.Cut(from, "/")
	toTop, toRest, _ := strings.Cut(to, "/")
	if fromTop == toTop {
		a, _, _ := strings.Cut(fromRest, "/")
		b, _, _ := strings.Cut(toRest, "/")
		if fromTop == "services" && a != b {
			return "services never import one another"
		}
		return ""
	}
	if slices.Contains(beside[fromTop], toTop) {
		return ""
	}
	if floorOf(from) <= floorOf(to) {
		return "dependencies point one way: see docs/ARCHITECTURE.md"
	}
	return ""
}

func within(dir, folder string) bool { return dir == folder || strings.HasPrefix(dir, folder+"/") }

func TestDependenciesPointOneWay(t *testing.T) {
	for _, f := range goFiles(t, false) {
		if f.dir == "." {
			continue
		}
		if floorOf(f.dir) < 0 {
			t.Errorf("%s: the folder %s is on no floor: add it to floors here and to docs/ARCHITECTURE.md", f.name, f.dir)
		}
		for _, imp := range f.imports {
			if p := problem(f.dir, imp); p != "" {
				t.Errorf("%s imports %s: %s", f.name, imp, p)
			}
		}
	}
}

func TestTheRuleCanFail(t *testing.T) {
	for _, bad := range [][2]string{
		{"city", "polity/internal/durable"},
		{"city", "github.com/x/y"},
		{"plane", "polity/hub"},
		{"services/waste", "polity/services/water"},
		{"plane", "polity/register"},
		{"hub", "polity/camera/frame"},
		{"console", "polity/camera/scene"},
		{"edge", "polity/camera/decode"},
	} {
		if problem(bad[0], bad[1]) == "" {
			t.Errorf("%s importing %s passed", bad[0], bad[1])
		}
	}
	for _, good := range [][2]string{
		{"camera/scene", "polity/camera/frame"}, {"hub", "polity/console"}, {"services/waste", "polity/services/waste/roads"}, {"cmd/polity", "polity/hub"},
	} {
		if p := problem(good[0], good[1]); p != "" {
			t.Errorf("%s importing %s: %s", good[0], good[1], p)
		}
	}
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	said := map[string]string{}
	for _, f := range goFiles(t, false) {
		parsed, err := parser.ParseFile(token.NewFileSet(), f.name, nil, parser.ParseComments|parser.PackageClauseOnly)
		if err != nil {
			t.Fatal(err)
		}
		said[f.dir] += parsed.Doc.Text()
	}
	for dir, doc := range said {
		if len(strings.Fields(doc)) < 5 {
			t.Errorf("package %s has no comment that says what it is for", dir)
		}
	}
}

// TestArchitecturePageNamesEveryPackage keeps the table of docs/ARCHITECTURE.md
// in step with the tree.
func TestArchitecturePageNamesEveryPackage(t *testing.T) {
	page, err := os.ReadFile("docs/ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, f := range goFiles(t, false) {
		parts := strings.SplitN(f.dir, "/", 3)
		dir := path.Join(parts[:min(2, len(parts))]...)
		if f.dir == "." || seen[dir] {
			continue
		}
		seen[dir] = true
		if !strings.Contains(string(page), "`"+dir+"`") {
			t.Errorf("docs/ARCHITECTURE.md does not name the package `%s`", dir)
		}
	}
	for line := range strings.Lines(string(page)) {
		name, ok := strings.CutPrefix(line, "| `")
		if !ok {
			continue
		}
		name, _, _ = strings.Cut(name, "`")
		if _, err := os.Stat(name); err != nil {
			t.Errorf("docs/ARCHITECTURE.md names `%s`, which is not there", name)
		}
	}
}
