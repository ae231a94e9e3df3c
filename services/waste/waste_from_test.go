package waste

import (
	"testing"

	"polity/city"
)

// TestATruckIsPlannedFromWhereItIs: the way begins there and ends in the depot.
func TestATruckIsPlannedFromWhereItIs(t *testing.T) {
	pl, containers := town(t, 1)
	pl.Fleet.Trucks = pl.Fleet.Trucks[:1]
	containers[0].Place = city.Point{Lat: 60.01085, Lon: 25.0236}
	metres := func(from *city.Point) float64 {
		pl.Fleet.Trucks[0].From = from
		p := plan(t, pl, containers, nil, 0)
		if len(p.Tours) != 1 || len(p.Problems) > 0 {
			t.Fatalf("%+v", p)
		}
		line := p.Line(&p.Tours[0])
		if last := line[len(line)-1]; last.Metres(pl.Fleet.Trucks[0].Depot) > 100 {
			t.Errorf("the way ends at %v", last)
		}
		return p.Tours[0].Calls[0].Metres
	}
	far, near := metres(nil), metres(&city.Point{Lat: 60.01085, Lon: 25.0216})
	if far < 1500 || near > 1000 {
		t.Errorf("%.0f m from the depot, %.0f m from nearby", far, near)
	}
	pl.Fleet.Trucks[0].From = &city.Point{Lat: 61, Lon: 25}
	if p := plan(t, pl, containers, nil, 0); len(p.Tours) != 1 || len(p.Problems) != 1 || p.Problems[0].Help == "" {
		t.Errorf("from nowhere: %+v", p.Problems)
	}
}
