package live_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"polity/city"
	"polity/plane"
	"polity/services/traffic/corridor"
	"polity/services/traffic/live"
	"polity/services/traffic/street"
)

// bus writes where a bus is: so many metres south of the stop line of north-1, on its way north.
func (x *town) bus(metres, delay float64) {
	x.t.Helper()
	at := *x.net.Junctions[0].Place
	at.Lat -= metres / 111_200
	now := time.Now().UTC()
	key := plane.Key{ID: "urn:ngsi-ld:Vehicle:hsl:1"}
	set := func(name string, kind plane.Kind, v any) plane.Attribute {
		text, err := json.Marshal(v)
		if err != nil {
			x.t.Fatal(err)
		}
		return plane.Attribute{Name: name, Kind: kind, Value: text, ObservedAt: now}
	}
	e := &plane.Entity{Key: key, Types: []string{"Vehicle"}}
	e.Set(set("vehicleType", plane.Property, "bus"))
	e.Set(set("bearing", plane.Property, 2.0))
	e.Set(set("delay", plane.Property, delay))
	e.Set(set(plane.Location, plane.Geo, map[string]any{"type": "Point", "coordinates": []float64{at.Lon, at.Lat}}))
	if _, err := x.store.Write(x.t.Context(), &plane.Batch{Changes: []plane.Change{plane.Put(e)}}); err != nil {
		x.t.Fatal(err)
	}
}

// TestALateBusWaitsLess at a junction on its own plan: the controller is asked once, favours the
// bus inside its own limits, and soon after not again; a bus on time asks for nothing, and where
// a person took a junction back nobody asks.
func TestALateBusWaitsLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, stop := newTown(t, corridor.Config{})
		defer stop()
		place := *x.net.Junctions[0].Place
		x.net.Lanes[x.net.Lane("north-1")].Shape = []city.Point{{Lon: place.Lon, Lat: place.Lat - 180/111_200.0}, place}
		x.detectors, x.transit = map[string]live.Detector{}, &live.Transit{Late: 60, Level: 7}
		x.begin()
		x.within(time.Minute, "without detectors all are on their plans", all(live.ByPlan))
		time.Sleep(500 * time.Millisecond) // between two of the controllers' seconds
		beside := func(seconds int, delay float64) (green int) {
			for s := range seconds {
				x.bus(float64(150-min(145, 5*s)), delay)
				time.Sleep(time.Second)
				alone, _ := x.alone[0].Showing()
				if is, _ := x.world.Showing(0); is[street.North] == '1' && alone[street.North] != '1' {
					green++
				}
			}
			return green
		}
		if n := beside(90, 10); n > 0 {
			t.Errorf("a bus on time has %d s of green beside the plan", n)
		}
		first := beside(100, 200)
		if first == 0 || first > 25 {
			t.Errorf("a late bus has %d s of green beside the plan", first)
		}
		if n := beside(60, 200); n > 20 {
			t.Errorf("right after that another %d s", n)
		}
		leads := x.decision("applied", "lead-corridor-1")
		x.answer(leads, "overridden", "A procession")
		x.within(20*time.Second, "it is held", func(v live.View) bool { return v.Junctions[0].Mode == live.Held })
		time.Sleep(4 * time.Minute)
		if n := beside(100, 200); n > 3 {
			t.Errorf("held by a person, and a bus has %d s of green beside the plan", n)
		}
	})
}

func TestTransitConfigurations(t *testing.T) {
	for _, line := range []string{"late_s: -1", "late_s: 9999", "level: 15"} {
		_, err := live.New([]byte(fmt.Sprintf("network: a.json\nrsmp: {listen: ':1', ca_file: a, cert_file: b, key_file: c, code_file: d}\ntransit: {%s}\n", line)), deps(t))
		if city.KindOf(err) != city.Invalid || !strings.Contains(err.Error(), "late_s goes from 0 to 3600, level from 0 to 14") {
			t.Errorf("%s: %v", line, err)
		}
	}
	if _, err := live.New([]byte("simulate: corridor\ntransit: {late_s: 60}\n"), deps(t)); err == nil || !strings.Contains(err.Error(), "transit out") {
		t.Errorf("beside a made-up street: %v", err)
	}
}
