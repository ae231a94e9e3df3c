package hosting_test

import (
	"context"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"polity/city"
	"polity/services/power/grid"
	"polity/services/power/hosting"
)

// feeder is one line of so many ohms from an ideal source at 1 per unit of 10 kV,
// with a load at its end.
func feeder(ohms complex128, load complex128, rating float64) *grid.Network {
	net := &grid.Network{Name: "one line", Balanced: true, Frequency: 50}
	for _, name := range []string{"station", "end"} {
		net.Buses[net.AddBus(name, grid.Origin{})].BaseKV = 10
	}
	volts := 10e3 / math.Sqrt(3)
	z := grid.NewMatrix(1)
	z.Set(0, 0, ohms)
	net.Sources = []grid.Source{{Name: "s", At: grid.Terminal{Bus: 0, Nodes: []int{1}}, V: []complex128{complex(volts, 0)}}}
	net.Lines = []grid.Line{{Name: "line.1", Ends: [2]grid.Terminal{{Bus: 0, Nodes: []int{1}}, {Bus: 1, Nodes: []int{1}}}, Z: z, RatedA: rating}}
	net.Loads = []grid.Load{{Name: "load.1", At: grid.Terminal{Bus: 1, Nodes: []int{1, 0}}, Phases: 1, S: load, Volts: volts}}
	return net
}

func one(t interface {
	Helper()
	Fatal(...any)
}, net *grid.Network, o hosting.Options,
) hosting.Capacity {
	t.Helper()
	all, err := hosting.All(context.Background(), net, []int{1}, o)
	if err != nil {
		t.Fatal(err)
	}
	return all[0]
}

// TestAgainstOhmsLaw: through a resistance alone the voltage at the end gives the
// power in closed form: three phases of V·(V−V₀)/R, and what the load draws.
func TestAgainstOhmsLaw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ohms := rapid.Float64Range(1, 10).Draw(t, "ohms")
		load := rapid.Float64Range(0, 100e3).Draw(t, "load")
		net := feeder(complex(ohms, 0), complex(load, 0), 0)
		v0 := 10e3 / math.Sqrt(3)
		sun := 3*1.1*v0*(0.1*v0)/ohms + load
		if got := one(t, net, hosting.Standard(hosting.Sun)); math.Abs(got.Watts-min(sun, 10e6)) > 200+1e-4*sun {
			t.Fatalf("sun: %.0f W instead of %.0f W", got.Watts, sun)
		}
		cars := 3*0.9*v0*(0.1*v0)/ohms - load
		if got := one(t, net, hosting.Standard(hosting.Cars)); math.Abs(got.Watts-min(cars, 10e6)) > 200+1e-4*cars {
			t.Fatalf("cars: %.0f W instead of %.0f W", got.Watts, cars)
		}
	})
}

// TestRatingDecides: a line's rating ends it before the voltage does, and says so.
func TestRatingDecides(t *testing.T) {
	net := feeder(0.1, 0, 50)
	got := one(t, net, hosting.Standard(hosting.Sun))
	v0 := 10e3 / math.Sqrt(3)
	if want := 3 * 50 * (v0 + 5); math.Abs(got.Watts-want) > 200 || !strings.Contains(got.Reason, "line.1 would carry more") {
		t.Errorf("%.0f W instead of %.0f W: %s", got.Watts, want, got.Reason)
	}
	o := hosting.Standard(hosting.Sun)
	o.Ratings, o.MostW = false, 2e6
	if got = one(t, net, o); got.Watts != 2e6 || got.Reason != "" {
		t.Errorf("nothing breaks, and yet %.0f W: %s", got.Watts, got.Reason)
	}
}

// TestWhatIsOutsideMayNotGetWorse: where a voltage is low already, cars cannot be
// added, but sun, which raises it, can.
func TestWhatIsOutsideMayNotGetWorse(t *testing.T) {
	net := feeder(10, 1.2e6, 0) // 0.86 of the nominal voltage
	if got := one(t, net, hosting.Standard(hosting.Cars)); got.Watts > 200 || !strings.Contains(got.Reason, "less than 0.9000") {
		t.Errorf("cars: %.0f W: %s", got.Watts, got.Reason)
	}
	if got := one(t, net, hosting.Standard(hosting.Sun)); got.Watts < 1.2e6 {
		t.Errorf("sun: %.0f W", got.Watts)
	}
}

// TestDeadBus: a bus that nothing feeds takes nothing, and is named.
func TestDeadBus(t *testing.T) {
	net := feeder(1, 1000, 0)
	net.Lines[0].SetClosed(false)
	if _, err := hosting.All(t.Context(), net, []int{1}, hosting.Standard(hosting.Sun)); city.KindOf(err) != city.Invalid || !strings.Contains(err.Error(), "bus end") {
		t.Error(err)
	}
	all, err := hosting.All(t.Context(), net, nil, hosting.Standard(hosting.Sun))
	if err != nil || len(all) != 1 || all[0].Bus != 0 {
		t.Errorf("%+v, %v", all, err)
	}
}
