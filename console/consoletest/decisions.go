package consoletest

import (
	"context"
	"path/filepath"
	"time"

	"polity/access"
	"polity/room/decision"
	"polity/service"
)

// NewDecisions makes a book of decisions in a folder: one that waits for a person, advice,
// one that was done by itself, one that was refused.
func NewDecisions(folder string, decider access.Decider, now func() time.Time) (*decision.Book, error) {
	ctx := context.Background()
	b, err := decision.Open(ctx, decision.Config{Path: filepath.Join(folder, "decisions.db"), Decider: decider, Now: now})
	if err != nil {
		return nil, err
	}
	at := now()
	for _, p := range []service.Proposal{
		{
			Decision: service.Decision{ID: "plan-a-17", Service: "traffic", Level: service.Confirm, Algorithm: "signal-plans", Reason: "The queue on the northern arm has grown for ten minutes."},
			Do:       "Switch the junction Kaisaniemi to plan 3.", Effect: "12 s less delay per vehicle (simulated)",
		},
		{
			Decision: service.Decision{ID: "pump-4", Service: "water", Level: service.Advice, Algorithm: "pump-schedule", Reason: "The tariff falls at 22:00 and tank T1 is at 71 %."},
			Do:       "Start pump PU1 at 22:00 in place of 20:30.", Effect: "EUR 14 less for this night",
		},
		{
			Decision: service.Decision{ID: "dim-9", Service: "power", Level: service.Bounded, Algorithm: "street-lighting", Reason: "Nobody was counted on the square for 20 minutes."},
			Do:       "Dim the lamps of the square to 50 %.", Effect: "1.2 kW less",
		},
	} {
		p.At, p.Until = at, at.Add(time.Hour)
		p.Inputs = []service.Input{{Entity: "urn:ngsi-ld:TrafficFlowObserved:kaisaniemi-n", Attribute: "intensity", Value: "612 vehicles/h", At: at}}
		desk := b.For(p.Service)
		if err := desk.Propose(ctx, p); err != nil {
			return nil, err
		}
		if p.Level == service.Bounded {
			if err := desk.Done(ctx, service.Due{Proposal: p}); err != nil {
				return nil, err
			}
		}
	}
	return b, nil
}
