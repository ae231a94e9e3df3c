package consoletest

import (
	"context"
	"time"

	"polity/city"
	"polity/service"
	"polity/services/power/lighting"
	lights "polity/services/power/street"
)

// Lamps stands in for street lighting: a night in which two streets are dimmed and one has
// broken lamps.
type Lamps struct{ at time.Time }

// NewLights returns it as of a time.
func NewLights(at time.Time) *Lamps { return &Lamps{at} }

// Run does nothing.
func (*Lamps) Run(ctx context.Context) error { <-ctx.Done(); return nil }

// State is one line.
func (l *Lamps) State() service.State {
	return service.State{Health: service.Trouble, Message: "lights.trouble", Values: []any{"n", 1}, Simulated: true, At: l.at}
}

// Lights is the night.
func (l *Lamps) Lights() (v lights.View, has bool) {
	class := func(name string) lighting.Class {
		k, err := lighting.FindClass(name)
		if err != nil {
			panic(err)
		}
		return k
	}
	return lights.View{
		At: l.at, Simulated: true, Line: lights.LineView{Configured: true, Stands: true, Since: l.at.Add(-time.Hour)},
		Groups: []lights.GroupView{
			{Name: "garden-street", Title: "Garden <Street>", Class: class("P3"), Keeps: class("P6"), Place: city.Point{Lon: 24.9442, Lat: 60.1712}, Lamps: 24, Area: "gardens", Heard: l.at, Level: 2 / 7.5, By: lighting.ByCentre},
			{Name: "school-street", Title: "School Street", Class: class("P2"), Keeps: class("P5"), Place: city.Point{Lon: 24.9470, Lat: 60.1690}, Lamps: 18, Broken: 3, Area: "gardens", Heard: l.at, Level: 0.3, By: lighting.ByCentre},
			{Name: "mill-lane", Title: "Mill Lane", Class: class("P4"), Keeps: class("P4"), Place: city.Point{Lon: 24.9505, Lat: 60.1730}, Lamps: 12, Area: "gardens", Heard: l.at.Add(-time.Hour), Silent: true, Level: 1},
			{Name: "main-road", Title: "Main Road", Class: class("M3"), Keeps: class("M3"), Place: city.Point{Lon: 24.9390, Lat: 60.1699}, Lamps: 80, Heard: l.at, Level: 1, By: lighting.BySchedule},
		},
		Areas:   []lights.AreaView{{Name: "gardens", Title: "The gardens", Groups: []string{"garden-street", "school-street", "mill-lane"}, Below: 5, Known: true, Decision: "light-gardens-20261124", Until: l.at.Add(9 * time.Hour), Dimmed: true}},
		Tonight: lights.Energy{Used: 21_000, Full: 26_000},
		Nights:  []lights.Energy{{Day: l.at.AddDate(0, 0, -2).Truncate(24 * time.Hour), Used: 150_000, Full: 190_000}, {Day: l.at.AddDate(0, 0, -1).Truncate(24 * time.Hour), Used: 144_000, Full: 190_000}},
	}, true
}

// Evening has light from step 16 on, and dimming from step 40 on.
func (l *Lamps) Evening() lights.Evening {
	e := lights.Evening{From: l.at.Truncate(24 * time.Hour).Add(12 * time.Hour), Step: lights.EveningStep}
	for step := range 96 {
		row := make([]lighting.Plan, 4)
		for i, least := range []float64{2 / 7.5, 0.3, 0.4, 1} {
			switch {
			case step >= 40 && step < 70:
				row[i] = lighting.Plan{Least: least, Most: 1}
			case step >= 16 && step < 80:
				row[i] = lighting.Plan{Least: 1, Most: 1}
			}
		}
		e.Plans = append(e.Plans, row)
	}
	return e
}
