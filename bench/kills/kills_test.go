package main

import (
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestAFewKillsLoseNothing is the short form of `make bench-kills`.
func TestAFewKillsLoseNothing(t *testing.T) {
	folder := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(folder, "polity"), "polity/cmd/polity")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Setenv("POLITY_PROGRAMS", folder)
	trial := newTrial(t.TempDir(), "", 4, rand.New(rand.NewPCG(5, 6)))
	for range 4 {
		if err := trial.round(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if trial.lost != 0 || trial.invented != 0 {
		t.Errorf("%d acknowledged writes are lost, %d values invented", trial.lost, trial.invented)
	}
	if trial.acknowledged < 20 {
		t.Errorf("only %d writes were acknowledged", trial.acknowledged)
	}
}
