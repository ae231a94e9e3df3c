package parts_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"polity/internal/parts"
)

func TestFind(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("POLITY_PARTS", dir)
	_, err := parts.Find("lib.so")
	if err == nil || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "make build") {
		t.Fatalf("error must name the folder and what to do: %v", err)
	}
	want := filepath.Join(dir, "lib.so")
	if err := os.WriteFile(want, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := parts.Find("lib.so"); err != nil || got != want {
		t.Fatalf("%q, %v", got, err)
	}
}

func TestProgram(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("POLITY_PROGRAMS", dir)
	if _, err := parts.Program("polity-native"); err == nil || !strings.Contains(err.Error(), "make build") {
		t.Fatalf("error must say what to do: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "polity-native"), nil, 0o700); err != nil {
		t.Fatal(err)
	}
	if got, err := parts.Program("polity-native"); err != nil || filepath.Dir(got) != dir {
		t.Fatalf("%q, %v", got, err)
	}
}
