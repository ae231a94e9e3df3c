package waste

import (
	"context"
	"slices"

	"polity/services/waste/routing"
)

// Resume is the plan of tours that stand already, as after a restart: nothing is searched,
// so that Move and Moved answer as they did. Containers that are on no tour wait. Trucks,
// sites and containers that are there no more are left out of the tours.
func (pl *Planner) Resume(ctx context.Context, containers []Container, tours []Tour) (*Plan, error) {
	b, err := pl.build(ctx, containers)
	if err != nil {
		return nil, err
	}
	found := &routing.Plan{Days: make([][]routing.Trip, len(b.trucks))}
	placed := make([]bool, len(b.containers))
	for i := range tours {
		v := slices.IndexFunc(b.trucks, func(t *Truck) bool { return t.ID == tours[i].Truck })
		if v < 0 {
			continue
		}
		trip := routing.Trip{}
		for _, c := range tours[i].Calls {
			if c.Container != "" {
				if stop := b.stop(c.Container); stop >= 0 && !placed[stop] {
					trip.Stops, placed[stop] = append(trip.Stops, int32(stop)), true //nolint:gosec // an index
				}
				continue
			}
			site := slices.IndexFunc(b.sites, func(s *Site) bool { return s.ID == c.Site })
			if site < 0 || len(trip.Stops) == 0 {
				continue
			}
			trip.Station = int32(site) //nolint:gosec // an index
			found.Days[v] = append(found.Days[v], trip)
			trip = routing.Trip{}
		}
		for _, c := range trip.Stops { // nowhere to unload
			placed[c] = false
		}
	}
	for c, on := range placed {
		if !on {
			found.LeftOut = append(found.LeftOut, int32(c)) //nolint:gosec // an index
		}
	}
	return b.describe(found), nil
}
