package waste

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"polity/city"
	"polity/services/waste/roads"
	"polity/services/waste/routing"
)

// TestMovedIsWhatMoveSaid: a move changes the plan by what was said, the tours stay
// drivable, the plan before stays as it was, and the move back leads back.
func TestMovedIsWhatMoveSaid(t *testing.T) {
	pl, containers := town(t, 40)
	for i := range pl.Fleet.Trucks {
		pl.Fleet.Trucks[i].Shift.To, pl.Fleet.Trucks[i].BreakLength = 10*time.Hour, 0
	}
	p := plan(t, pl, containers, nil, 0)
	before := drive(t, containers, p)
	was := *p
	moves := 0
	for i := range containers {
		id, other := containers[i].ID, "truck-1"
		if before[id] == other {
			other = "truck-2"
		}
		price, err := p.Move(id, other)
		if err != nil {
			t.Fatal(err)
		}
		next, again, err := p.Moved(id, other)
		if !price.Fits {
			if city.KindOf(err) != city.Conflict || len(price.Broken) == 0 || !strings.Contains(err.Error(), price.Broken[0]) {
				t.Errorf("%s does not fit, and %v is said of %q", id, err, price.Broken)
			}
			continue
		}
		moves++
		if err != nil || len(price.Broken) > 0 || again.Cost != price.Cost {
			t.Fatalf("%v, %v, %v", err, price.Broken, again)
		}
		if with := drive(t, containers, next); with[id] != other {
			t.Errorf("%s is with %s, not %s", id, with[id], other)
		}
		if math.Abs(next.Cost-p.Cost-price.Cost) > 1e-6 || math.Abs(next.Metres-p.Metres-price.Metres) > 1e-6 || math.Abs(next.KgCO2-p.KgCO2-price.KgCO2) > 1e-6 {
			t.Errorf("%s: said %+v; the plan went from %.2f to %.2f", id, price, p.Cost, next.Cost)
		}
		if back, _, err := next.Moved(id, before[id]); err != nil || back.Cost > p.Cost+0.05 {
			t.Errorf("%s back: %v, cost %v from %v", id, err, back, p.Cost)
		}
	}
	if moves < 5 {
		t.Errorf("%d of %d moves fit", moves, len(containers))
	}
	if p.Cost != was.Cost || !slices.EqualFunc(p.Tours, was.Tours, func(a, b Tour) bool { return len(a.Calls) == len(b.Calls) }) {
		t.Error("a question changed the plan")
	}
}

// TestAContainerIsTakenOffAndOn: one that must be emptied becomes a problem, one that need
// not waits, and either can be given to a truck again.
func TestAContainerIsTakenOffAndOn(t *testing.T) {
	pl, containers := town(t, 12)
	p := plan(t, pl, containers, nil, 0)
	off, price, err := p.Moved("c1", "")
	if err != nil || price.Cost > 0 || len(off.Problems) != 1 || off.Problems[0].Help == "" {
		t.Fatalf("%v, %+v, %v", err, price, off)
	}
	if on, _, err := off.Moved("c1", drive(t, containers, p)["c1"]); err != nil || len(on.Problems) != 0 || len(drive(t, containers, on)) != 12 {
		t.Errorf("%v, %+v", err, on)
	}
	for i := range containers {
		containers[i].Overflow, containers[i].Must = 0.01, i < 3
	}
	p = plan(t, pl, containers, nil, 0)
	if len(p.LeftOut) == 0 {
		t.Fatal("none waits")
	}
	id := p.LeftOut[0]
	on, price, err := p.Moved(id, p.Tours[0].Truck)
	if err != nil || price.Cost <= 0 || slices.Contains(on.LeftOut, id) || drive(t, containers, on)[id] != p.Tours[0].Truck {
		t.Fatalf("%v, %+v", err, price)
	}
	if off, _, err := on.Moved(id, ""); err != nil || len(off.LeftOut) != len(p.LeftOut) || len(off.Problems) != len(p.Problems) {
		t.Errorf("%v, %+v", err, off)
	}
}

func TestWhatAMoveBreaksIsSaid(t *testing.T) {
	for want, change := range map[string]func(*Planner, []Container){
		"truck-2 does not take mixed": func(pl *Planner, _ []Container) { pl.Fleet.Trucks[1].Fractions = []Fraction{"paper"} },
		"more than the 60 kg that it takes": func(pl *Planner, c []Container) {
			pl.Fleet.Trucks[1].Kilograms, c[0].Fill = 60, 1
		},
		"after its shift ends at 07:20": func(pl *Planner, _ []Container) {
			pl.Fleet.Trucks[1].Shift = Hours{7 * time.Hour, 7*time.Hour + 20*time.Minute}
		},
		"truck-2 cannot drive to c1": func(pl *Planner, c []Container) {
			c[0].Place = city.Point{Lat: 60.0143, Lon: 25.0072}
			pl.Fleet.Trucks[0].Vehicle = roads.NarrowTruck
		},
		"c1 is reached": func(pl *Planner, c []Container) {
			c[0].Open = Hours{6 * time.Hour, 8 * time.Hour}
			pl.Fleet.Trucks[1].Shift = Hours{9 * time.Hour, 14 * time.Hour}
		},
	} {
		pl, containers := town(t, 8)
		pl.Seconds = 0.05
		for i := range pl.Fleet.Trucks {
			pl.Fleet.Trucks[i].BreakLength = 0
		}
		change(pl, containers)
		p := plan(t, pl, containers, nil, 0)
		price, err := p.Move("c1", "truck-2")
		if err != nil || price.Fits || !strings.Contains(strings.Join(price.Broken, "; "), want) {
			t.Errorf("want %q: %+v, %v", want, price, err)
		}
	}
}

// TestBreachesAreThereWhereADayDoesNotHold, and only there.
func TestBreachesAreThereWhereADayDoesNotHold(t *testing.T) {
	pl, containers := town(t, 40)
	for i := range containers {
		if i%4 == 0 {
			containers[i].Open = Hours{7 * time.Hour, 9 * time.Hour}
		}
	}
	pl.Fleet.Trucks[1].Shift.To = 9 * time.Hour
	p := plan(t, pl, containers, nil, 0)
	r := rand.New(rand.NewPCG(8, 8))
	holding := 0
	for range 400 {
		var trips []routing.Trip
		for range 1 + r.IntN(3) {
			trip := routing.Trip{}
			for range 1 + r.IntN(12) {
				trip.Stops = append(trip.Stops, int32(r.IntN(len(p.built.containers))))
			}
			trips = append(trips, trip)
		}
		v := r.IntN(2)
		_, holds := p.built.p.Evaluate(v, trips)
		if holds {
			holding++
		}
		if list := p.built.p.Breaches(v, trips); holds != (len(list) == 0) {
			t.Fatalf("holds: %v, and %+v", holds, list)
		}
	}
	if holding == 0 || holding == 400 {
		t.Errorf("%d of 400 hold", holding)
	}
}

// TestToursGoOnAfterARestart: what stood is the plan again, and moves cost what they did.
func TestToursGoOnAfterARestart(t *testing.T) {
	pl, containers := town(t, 30)
	for i := range containers {
		if i >= 20 {
			containers[i].Overflow = 0.001
		}
	}
	var steps []Progress
	pl.Progress = func(p Progress) { steps = append(steps, p) }
	p := plan(t, pl, containers, nil, 0)
	if len(steps) == 0 || steps[0].Step != Measuring || slices.ContainsFunc(steps, func(x Progress) bool { return x.Share < 0 || x.Share > 1 }) {
		t.Errorf("progress: %+v", steps)
	}
	again, err := pl.Resume(t.Context(), containers, p.Tours)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(again.Cost-p.Cost) > 1e-6 || len(again.Tours) != len(p.Tours) || !slices.Equal(again.LeftOut, p.LeftOut) {
		t.Errorf("cost %.2f from %.2f; %v wait, %v did", again.Cost, p.Cost, again.LeftOut, p.LeftOut)
	}
	drive(t, containers, again)
	for _, id := range []string{"c1", "c2", p.LeftOut[0]} {
		was, err1 := p.Move(id, "truck-2")
		is, err2 := again.Move(id, "truck-2")
		if err1 != nil || err2 != nil || math.Abs(was.Cost-is.Cost) > 1e-6 {
			t.Errorf("%s: %+v, %+v, %v, %v", id, was, is, err1, err2)
		}
	}
	gone := slices.Clone(p.Tours)
	gone[0].Truck = "sold"
	if x, err := pl.Resume(t.Context(), containers, gone); err != nil || len(x.Tours) != len(p.Tours)-1 || len(x.Problems) == 0 {
		t.Errorf("without a truck: %+v, %v", x, err)
	}
}
