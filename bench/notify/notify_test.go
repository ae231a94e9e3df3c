package main

import (
	"context"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestAShortRunLosesNothing is the short form of `make bench-notify`.
func TestAShortRunLosesNothing(t *testing.T) {
	folder := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(folder, "polity"), "polity/cmd/polity")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Setenv("POLITY_PROGRAMS", folder)
	trial, err := newTrial(t.TempDir(), 12, 30, 100*time.Millisecond, rand.New(rand.NewPCG(5, 6)))
	if err != nil {
		t.Fatal(err)
	}
	defer trial.close()
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()
	if err := trial.begin(ctx); err != nil {
		t.Fatal(err)
	}
	if err := trial.play(ctx, t.Logf, 3*time.Second); err != nil {
		t.Fatal(err)
	}
	if err := trial.wait(ctx, trial.to.came); err != nil {
		t.Fatal(err)
	}
	if n := trial.missing(trial.to.came); n != 0 || trial.survived != 2 || len(trial.changes) < 20 {
		t.Errorf("%d of %d changes are lost, %d kills survived", n, len(trial.changes), trial.survived)
	}
	if d, err := trial.dead(ctx); err != nil || d.Waiting+d.Dead == 0 || d.Delivery != "failed" {
		t.Errorf("of the dead receiver: %+v, %v", d, err)
	}
}
