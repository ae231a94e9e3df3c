package bundle_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"polity/console/bundle"
)

func needWebParts(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("../../node_modules/typescript"); err != nil {
		t.Skip("the web parts are not set up: run 'setup/setup test' first")
	}
}

func TestTypesAreInStepWithGo(t *testing.T) {
	want, err := bundle.Types()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join("..", bundle.TypesFile))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is old: run 'go generate ./console/...'", bundle.TypesFile)
	}
}

func TestTypeScriptIsSound(t *testing.T) {
	needWebParts(t)
	out, err := exec.CommandContext(t.Context(), "../../node_modules/.bin/tsc", "-p", "../tsconfig.json").CombinedOutput()
	if err != nil {
		t.Errorf("tsc: %v\n%s", err, out)
	}
}

func TestBundleIsNamedByItsContentAndComplete(t *testing.T) {
	needWebParts(t)
	first, second := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(first, "old.js.gz"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{first, second} {
		if err := bundle.Write("..", out); err != nil {
			t.Fatal(err)
		}
	}
	manifest := map[string]string{}
	list, err := os.ReadFile(filepath.Join(first, bundle.Manifest))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := os.ReadFile(filepath.Join(second, bundle.Manifest)); err != nil || !bytes.Equal(list, again) {
		t.Errorf("two runs differ: %s, %s (%v)", list, again, err)
	}
	if err := json.Unmarshal(list, &manifest); err != nil {
		t.Fatal(err)
	}
	hashed := regexp.MustCompile(`^[a-z]+\.[A-Z0-9]{8}\.(js|css|svg)$`)
	for entry, file := range manifest {
		if !hashed.MatchString(file) {
			t.Errorf("%s became %s", entry, file)
		}
		unpack(t, filepath.Join(first, file+".gz"))
	}
	if _, err := os.Stat(filepath.Join(first, "old.js.gz")); err == nil {
		t.Error("what an earlier run left is still there")
	}
}

// Nothing that a browser loads names an address of somebody else that it would load.
func TestBundleLoadsNothingOfOthers(t *testing.T) {
	needWebParts(t)
	out := t.TempDir()
	if err := bundle.Write("..", out); err != nil {
		t.Fatal(err)
	}
	styles, err := filepath.Glob(filepath.Join(out, "*.css.gz"))
	if err != nil || len(styles) < 2 {
		t.Fatalf("%d styles, %v", len(styles), err)
	}
	for _, name := range styles {
		text := unpack(t, name)
		for _, load := range regexp.MustCompile(`url\(["']?([^"')]+)`).FindAllStringSubmatch(text, -1) {
			if !strings.HasPrefix(load[1], "data:") {
				t.Errorf("%s loads %s", filepath.Base(name), load[1])
			}
		}
		if strings.Contains(text, "@import") {
			t.Errorf("%s imports a style", filepath.Base(name))
		}
	}
}

func TestMissingPartsAreNamed(t *testing.T) {
	err := bundle.Write(t.TempDir(), t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "setup/setup run") {
		t.Errorf("got %v", err)
	}
}

func unpack(t *testing.T, name string) string {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil || len(text) == 0 {
		t.Fatalf("%s: %d bytes, %v", name, len(text), err)
	}
	return string(text)
}
