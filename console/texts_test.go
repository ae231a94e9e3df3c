package console_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"polity/console/names"
	"polity/console/texts"
)

// Keys in templates, Go and TypeScript; a literal that ends in a dot is the beginning
// of one that is put together.
var (
	inTemplate = regexp.MustCompile(`\{\{-? ?t "([^"]+)"`)
	inCode     = regexp.MustCompile("[\"`]([a-z]+(?:\\.[a-z0-9-]+)+\\.?)(?:\\$\\{[^`]*)?[\"`]")
)

func sourcesOf(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "dist" || d.Name() == "browsertest" || d.Name() == "bundle"):
			return fs.SkipDir
		case strings.HasSuffix(name, "_test.go") || strings.HasSuffix(name, "generated.ts"):
			return nil
		}
		if ext := filepath.Ext(name); ext == ".go" || ext == ".ts" || ext == ".html" {
			data, err := os.ReadFile(name)
			files[name] = string(data)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestEveryMessageThatPagesAskForIsThere(t *testing.T) {
	l := texts.English()
	asked := 0
	for name, text := range sourcesOf(t) {
		for _, m := range inTemplate.FindAllStringSubmatch(text, -1) {
			asked++
			if l.Forms(m[1]) == nil {
				t.Errorf("%s asks for %q, which is not in texts/en.json", name, m[1])
			}
		}
		for _, m := range regexp.MustCompile(`(?:Say|HTML|html|say)\("([^"]+[^."])"`).FindAllStringSubmatch(text, -1) {
			asked++
			if l.Forms(m[1]) == nil && !strings.HasSuffix(m[1], ".") {
				t.Errorf("%s asks for %q, which is not in texts/en.json", name, m[1])
			}
		}
	}
	if asked < 200 {
		t.Fatalf("only %d messages were asked for: this test looks in the wrong place", asked)
	}
}

func TestEveryMessageIsUsed(t *testing.T) {
	used := map[string]bool{}
	var begun []string
	for _, text := range sourcesOf(t) {
		for _, m := range append(inTemplate.FindAllStringSubmatch(text, -1), inCode.FindAllStringSubmatch(text, -1)...) {
			used[m[1]] = true
			if strings.HasSuffix(m[1], ".") {
				begun = append(begun, m[1])
			}
		}
		for _, m := range regexp.MustCompile(`["\x60]([a-z]+\.)["\x60$]`).FindAllStringSubmatch(text, -1) {
			begun = append(begun, m[1])
		}
	}
	for _, key := range texts.English().Keys() {
		if used[key] {
			continue
		}
		found := false
		for _, b := range begun {
			found = found || strings.HasPrefix(key, b)
		}
		if !found {
			t.Errorf("nothing asks for %q", key)
		}
	}
}

// Messages whose keys are put together from the numbers of camera messages.
func TestEveryNumberHasItsMessages(t *testing.T) {
	l := texts.English()
	need := func(key string) {
		t.Helper()
		if l.Forms(key) == nil {
			t.Errorf("texts/en.json has no %q", key)
		}
	}
	for _, w := range names.Classes {
		need("class." + w)
	}
	for _, w := range names.Events {
		need("event." + w)
		need("event." + w + ".what")
	}
	for _, w := range names.Conditions {
		need("state." + w)
		need("state." + w + ".what")
		if w != "live" && w != "starting" {
			need("state." + w + ".todo")
		}
	}
	for _, w := range names.Shields {
		need("shield." + w)
	}
	for _, w := range []string{"person", "bicycle", "vehicle"} {
		need("count." + w)
		need("counts.went." + w)
	}
	for _, k := range []string{"internal", "invalid", "notfound", "conflict", "forbidden", "unavailable", "toolarge"} {
		need("error.title." + k)
		need("error.means." + k)
	}
}
