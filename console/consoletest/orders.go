package consoletest

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"polity/access"
	"polity/city"
	"polity/room/order"
	"polity/service"
)

// Crew is the crew that the person of Everything works in.
const Crew city.Slug = "pipes-north"

// NewOrders makes a book of work orders in a folder: five that the crew of Everything
// has, one of another crew, a draft from an alert, one of a service's decision.
func NewOrders(folder string, decider access.Decider, now func() time.Time) (*order.Book, error) {
	ctx := context.Background()
	roster := &order.Crews{List: []order.CrewConfig{
		{Name: Crew, Title: "Pipes north", Desks: access.Desks(), Members: []string{"p1"}},
		{Name: "signals", Title: "Signals", Desks: access.Desks(), Members: []string{"p2"}},
	}}
	b, err := order.Open(ctx, order.Config{Path: filepath.Join(folder, "orders.db"), Decider: decider, Roster: roster, Now: now})
	if err != nil {
		return nil, err
	}
	desk := order.Asker{Who: access.Who{Kind: access.Person, ID: "p3", Name: "Eero", Roles: []access.Role{access.WaterOperator}}}
	due := now().Add(2 * time.Hour)
	late := now().Add(-time.Hour)
	ours, theirs := order.Assignee{Crew: Crew}, order.Assignee{Crew: "signals"}
	for i, n := range []order.NewOrder{
		{Desk: access.Water, Assigned: ours, Content: order.Content{Kind: "leak", Task: "Water comes up between the stones beside the tram stop. Close valve 214, then find the leak.\nBring the long key.", Asset: "urn:ngsi-ld:Valve:214", Where: "Mannerheimintie 5, by the tram stop", Place: &city.Point{Lon: 24.9402, Lat: 60.1695}, Priority: order.Urgent, Due: &due}},
		{Desk: access.Waste, Assigned: ours, Content: order.Content{Kind: "overflowing", Task: "Empty the glass container.", Where: "Kaisaniemi park, east gate", Place: &city.Point{Lon: 24.9470, Lat: 60.1735}, Priority: order.Soon, Due: &late}},
		{Desk: access.Water, Assigned: ours, Content: order.Content{Kind: "hydrant", Task: "Check the cap after the winter.", Where: "Vuorikatu 14", Priority: order.Routine}},
		{Desk: access.Traffic, Assigned: theirs, Content: order.Content{Kind: "signal-fault", Task: "The signal for trams stays dark.", Asset: "urn:ngsi-ld:TrafficSignal:12", Place: &city.Point{Lon: 24.9425, Lat: 60.1710}, Priority: order.Urgent}},
		{Desk: access.Safety, Source: order.Source{From: order.FromAlert, Key: "alert-17"}, Content: order.Content{Kind: "obstruction", Task: "Move the fallen barrier off the path.", Where: "Railway Square", Place: &city.Point{Lon: 24.9433, Lat: 60.1712}, Priority: order.Soon}},
	} {
		if _, err := b.Make(ctx, desk, fmt.Sprintf("an-order-of-the-test-%d", i), n); err != nil {
			return nil, err
		}
	}
	at := now()
	_, err = b.FromService(ctx, service.Decision{
		ID: "leak-search-2026-48", Service: "water", Level: service.Confirm, Algorithm: "leak-search", At: at,
		Inputs: []service.Input{{Entity: "urn:ngsi-ld:Zone:3", Attribute: "nightFlow", At: at}}, Reason: "The night flow of zone 3 has risen by 3.1 l/s since Sunday.",
	}, order.Content{Kind: "inspection", Task: "Listen along the main of zone 3.", Where: "Zone 3", Priority: order.Soon}, order.Assignee{})
	return b, err
}
