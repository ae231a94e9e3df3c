package polity_test

import (
	"bytes"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// gitFiles returns the tree's own files, those not yet committed included, or false
// when this is no git checkout.
func gitFiles(t *testing.T) (map[string]bool, bool) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		return nil, false
	}
	files := map[string]bool{}
	for name := range strings.SplitSeq(string(out), "\x00") {
		if name != "" {
			files[name] = true
		}
	}
	return files, true
}

// tracked lists the tree's own files, sorted.
func tracked(t *testing.T) []string {
	t.Helper()
	files, ok := gitFiles(t)
	if !ok {
		t.Skip("not a git checkout: the tree's files cannot be listed")
	}
	return slices.Sorted(maps.Keys(files))
}

func TestNoRegistryHostIsNamed(t *testing.T) {
	hosts := []string{"registry.npm" + "js.org", "proxy.golang" + ".org", "sum.golang" + ".org", "files.python" + "hosted.org", "pypi" + ".org", "static.crates" + ".io", "repo1.maven" + ".org", "deb.debian" + ".org"}
	for _, name := range tracked(t) {
		data, err := os.ReadFile(name)
		if err != nil {
			continue // deleted but not yet committed
		}
		for _, h := range hosts {
			if strings.Contains(string(data), h) {
				t.Errorf("%s names the host of a package registry", name)
			}
		}
	}
}

// mdLink finds links of Markdown.
var mdLink = regexp.MustCompile(`\]\(([^)#\s]+)[^)]*\)`)

// TestLinksLead follows every link from one of the tree's pages to another file.
func TestLinksLead(t *testing.T) {
	links := 0
	for _, name := range tracked(t) {
		if !strings.HasSuffix(name, ".md") {
			continue
		}
		page, err := os.ReadFile(name)
		if err != nil {
			continue // deleted but not yet committed
		}
		for _, m := range mdLink.FindAllStringSubmatch(string(page), -1) {
			if strings.Contains(m[1], ":") {
				continue // of the web
			}
			links++
			if _, err := os.Stat(filepath.Join(filepath.Dir(name), m[1])); err != nil {
				t.Errorf("%s: the link to %s leads nowhere", name, m[1])
			}
		}
	}
	if links == 0 {
		t.Error("no link was found: the test is wrong")
	}
}

// eachText calls f with every text file of the tree.
func eachText(t *testing.T, f func(name string, text []byte)) {
	t.Helper()
	for _, name := range tracked(t) {
		text, err := os.ReadFile(name)
		if err != nil || bytes.IndexByte(text[:min(len(text), 8000)], 0) >= 0 {
			continue // deleted but not yet committed, or not text
		}
		f(name, text)
	}
}

var (
	// folders are those of a machine that somebody worked on.
	folders = regexp.MustCompile(`(/root|/home/[a-z]+|/Users/[A-Za-z]+|/work)/[A-Za-z0-9._-]`)
	// secrets: PEM, age (age-encryption.org/v1), nkeys seeds of users, and signing keys
	// of golang.org/x/mod/sumdb/note.
	secrets = regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----\n[A-Za-z0-9+/]{40}|AGE-SECRET-KEY-1[A-Z0-9]{50}|\bSU[A-Z2-7]{56}\b|PRIVATE\+KEY\+[A-Za-z0-9./-]+\+[0-9a-f]{8}\+[A-Za-z0-9+/]{40}`)
)

func TestNoMachineIsNamed(t *testing.T) {
	eachText(t, func(name string, text []byte) {
		if m := folders.Find(text); m != nil && name != "tree_test.go" {
			t.Errorf("%s names %s", name, m)
		}
	})
}

func TestNoSecretIsKept(t *testing.T) {
	eachText(t, func(name string, text []byte) {
		if m := secrets.Find(text); m != nil {
			t.Errorf("%s holds a secret: %.20s...", name, m)
		}
	})
}

// TestASecretIsFound proves that the look can fail. The samples are put together
// here, so that this file holds none.
func TestASecretIsFound(t *testing.T) {
	long := strings.Repeat("A", 60)
	for _, s := range []string{
		"-----BEGIN PRIVATE " + "KEY-----\n" + long, "AGE-SECRET-" + "KEY-1" + long, "x SU" + long[:56] + " y",
		"PRIVATE+" + "KEY+city.example/cameras+0123abcd+" + long,
	} {
		if !secrets.MatchString(s) {
			t.Errorf("%.20s... passed", s)
		}
	}
	if !folders.MatchString("see /home/" + "anna/polity") {
		t.Error("a folder of somebody's passed")
	}
}
