package main

import (
	"testing"
	"time"
)

// TestAShortRun is the short form of `make bench-authz`: pages answer the same with the
// gate and without, and what the gate does is timed.
func TestAShortRun(t *testing.T) {
	trial, err := newTrial(t.Context(), 3)
	if err != nil {
		t.Fatal(err)
	}
	defer trial.close()
	for _, q := range requests {
		for i := range trial.roots {
			if _, err := trial.ask(t.Context(), i, q); err != nil {
				t.Error(err)
			}
		}
	}
	var l latencies
	if err := trial.round(t.Context(), 50, &l); err != nil {
		t.Fatal(err)
	}
	if len(l.with) != 50 || len(l.without) != 50 || len(l.gate) != 50 || percentile(l.gate, 0) <= 0 {
		t.Errorf("%d, %d and %d requests, the gate took %v", len(l.with), len(l.without), len(l.gate), l.gate)
	}
}

func TestEveryAddressHasAPolicy(t *testing.T) {
	if n, without, err := uncovered(); err != nil || n < 50 || len(without) > 0 {
		t.Errorf("of %d addresses these have no policy: %v, %v", n, without, err)
	}
}

func TestDecisionsAreCounted(t *testing.T) {
	decisions, lookups, err := decide(t.Context(), 20*time.Millisecond)
	if err != nil || decisions <= 0 || lookups <= decisions {
		t.Errorf("%g decisions, %g look-ups a second, %v", decisions, lookups, err)
	}
}
