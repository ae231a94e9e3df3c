package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"polity/plane/postgres/postgrestest"
)

// TestDataMovesToPostgreSQLAndBack: what people type when they change the backend.
func TestDataMovesToPostgreSQLAndBack(t *testing.T) {
	database := postgrestest.Start(t, "").Database(t)
	file := filepath.Join("..", "..", "plane", "transfer", "testdata", "city.jsonl")
	dir := t.TempDir()
	run := func(args ...string) {
		t.Helper()
		cmd := root()
		var out bytes.Buffer
		cmd.SetArgs(append([]string{"data"}, args...))
		cmd.SetOut(&out)
		if err := cmd.ExecuteContext(t.Context()); err != nil {
			t.Fatalf("polity data %v: %v", args, err)
		}
	}
	run("import", "--store", dir, file)
	first, second := filepath.Join(dir, "first.jsonl"), filepath.Join(dir, "second.jsonl")
	run("export", "--store", dir, first)
	run("import", "--store", database, first)
	run("verify", "--store", database, first)
	run("export", "--store", database, second)
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{first, second} {
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is another file than %s (%v)", path, file, err)
		}
	}
}
