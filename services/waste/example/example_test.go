package example

import (
	"testing"

	"polity/services/waste"
)

// TestEveryContainerIsReached: a plan for a hundred of them has no problem but time.
func TestEveryContainerIsReached(t *testing.T) {
	town, err := Read(t.Context(), 150)
	if err != nil {
		t.Fatal(err)
	}
	if len(town.Containers) != 150 {
		t.Fatalf("%d containers", len(town.Containers))
	}
	for i := range town.Containers {
		town.Containers[i].Fill, town.Containers[i].Overflow = 0.5, 1
	}
	planner := waste.Planner{Streets: town.Streets, Fleet: town.Fleet, Seconds: 0.5, Seed: 1}
	plan, err := planner.Plan(t.Context(), town.Containers[:100], nil, 0)
	if err != nil || len(plan.Problems) > 0 || len(plan.Tours) < 2 {
		t.Errorf("%d tours, %v, %v", len(plan.Tours), plan.Problems, err)
	}
}
