package polity_test

import (
	"crypto/sha256"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// buildIn makes the pages' bundles and both programs in a folder, by the very rule
// of the Makefile, and returns where they lie.
func buildIn(t *testing.T, dir string) (polity, native string) {
	t.Helper()
	// A make above would hand its own settings on to this one.
	cmd := exec.CommandContext(t.Context(), "env", "-u", "MAKEFLAGS", "-u", "MAKELEVEL", "-u", "GOFLAGS", "make", "-s", "programs")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make programs: %v\n%s", err, out)
	}
	return filepath.Join(dir, "bin", "polity"), filepath.Join(dir, "bin", "polity-native")
}

// copyTree puts the tree's own files into a new folder, as a clone would, beside
// the web parts that set-up got.
func copyTree(t *testing.T, dir string) {
	t.Helper()
	for _, name := range tracked(t) {
		data, err := os.ReadFile(name)
		if err != nil {
			continue // deleted but not yet committed
		}
		to := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// A copy, since the bundler follows links to where they lead.
	if err := os.CopyFS(filepath.Join(dir, "node_modules"), os.DirFS("node_modules")); err != nil {
		t.Fatal(err)
	}
}

// TestProgramsAreTheSameFromAnyFolder builds twice, in folders of different names
// and depth. With BUILD_CACHE=none the second build also begins from an empty
// cache, which takes some minutes.
func TestProgramsAreTheSameFromAnyFolder(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: builds both programs twice")
	}
	if _, err := os.Stat("node_modules"); err != nil {
		t.Skip("the web parts are not there; setup/setup run gets them")
	}
	first, second := t.TempDir(), filepath.Join(t.TempDir(), "deep", "another name")
	copyTree(t, first)
	if err := os.CopyFS(second, os.DirFS(first)); err != nil { // not copyTree: somebody may be at work in the tree
		t.Fatal(err)
	}
	polity, native := buildIn(t, first)
	if os.Getenv("BUILD_CACHE") == "none" {
		t.Setenv("GOCACHE", t.TempDir())
	}
	polity2, native2 := buildIn(t, second)
	for _, pair := range [][2]string{{polity, polity2}, {native, native2}} {
		if sum(t, pair[0]) != sum(t, pair[1]) {
			t.Errorf("%s differs from one folder to the other", filepath.Base(pair[0]))
		}
	}
	checkStatic(t, polity)
	checkCarriesNoPath(t, polity, first, second)
	checkCarriesNoPath(t, native, first, second)
}

func sum(t *testing.T, name string) [sha256.Size]byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return sha256.Sum256(data)
}

// checkStatic holds a program to need no other file: no loader, no library.
func checkStatic(t *testing.T, name string) {
	t.Helper()
	f, err := elf.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("%s is not static: it has a segment %s", filepath.Base(name), p.Type)
		}
	}
}

// TestADynamicProgramIsFound proves that checkStatic can fail.
func TestADynamicProgramIsFound(t *testing.T) {
	shell, err := exec.LookPath("env")
	if err != nil {
		t.Skipf("no program to try it with: %v", err)
	}
	if f, err := elf.Open(shell); err != nil || len(f.Progs) == 0 {
		t.Skipf("%s is no ELF program: %v", shell, err)
	}
	libs, err := exec.CommandContext(t.Context(), "ldd", shell).Output()
	if err != nil || !strings.Contains(string(libs), "libc") {
		t.Skipf("%s is static here", shell)
	}
	probe := &testing.T{}
	checkStatic(probe, shell)
	if !probe.Failed() {
		t.Errorf("%s passed for static", shell)
	}
}

// checkCarriesNoPath holds a program to say nothing of where it was built.
func checkCarriesNoPath(t *testing.T, name string, folders ...string) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range folders {
		if strings.Contains(string(data), f) {
			t.Errorf("%s contains the name of the folder it was built in", filepath.Base(name))
		}
	}
}
