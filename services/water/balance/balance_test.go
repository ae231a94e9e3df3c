package balance_test

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"polity/city"
	"polity/services/water/balance"
)

const town = `district: Old Town
days: 365
mains_km: 42
connections: 3200
private_pipes_km: 16
pressure_m: 45
input: {m3: 1000000, plus_minus_pct: 2}
billed_metered: {m3: 700000, plus_minus_pct: 2}
unbilled_unmetered: {m3: 5000, plus_minus_pct: 50}
unauthorised: {m3: 3000, plus_minus_pct: 100}
meter_errors: {m3: 14000, plus_minus_pct: 50}
night:
  flow_m3h: 38
  plus_minus_pct: 5
  use_litres_per_connection_hour: 1.7
  pressure_m: 50
  hourly_pressure_m: [50,50,50,50,50,45,45,45,45,45,45,45,45,45,45,45,45,45,45,45,45,45,50,50]
  n1: 1.0
`

// TestDraw: every figure by hand.
func TestDraw(t *testing.T) {
	d, err := balance.Read("town.yaml", []byte(town))
	if err != nil {
		t.Fatal(err)
	}
	b, err := d.Draw()
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		name      string
		got, want float64
	}{
		{"authorised", b.Authorised.M3, 705000},
		{"non-revenue", b.NonRevenue.M3, 300000},
		{"losses", b.WaterLosses.M3, 295000},
		{"real", b.RealLosses.M3, 278000},
		{"interval", b.RealLosses.Plus, math.Sqrt(20000*20000 + 14000*14000 + 2500*2500 + 3000*3000 + 7000*7000)},
		{"unavoidable", b.UnavoidableM3, (18*42 + 0.8*3200 + 25*16) * 45 / 1000.0 * 365},
		{"ILI", b.ILI.M3, 278000 / 61034.5},
		{"litres", b.RealLitresPerConnectionDay, 278000 * 1000 / 3200.0 / 365},
		{"night", b.NightLosses.M3, (38 - 5.44) * (7 + 17*0.9) * 365},
	} {
		if math.Abs(x.got-x.want) > 1e-4*x.want {
			t.Errorf("%s is %g, want %g", x.name, x.got, x.want)
		}
	}
}

func TestRefuses(t *testing.T) {
	for _, c := range []struct{ old, with, want string }{
		{"connections: 3200", "connections: 9", "fewer than 10 would tell about single homes"},
		{"m3: 700000", "m3: 1700000", "more were used than put in"},
		{"n1: 1.0", "n1: 4", "n1 is 4"},
		{"hourly_pressure_m: [50,", "hourly_pressure_m: [", "there are 23"},
		{"m3: 1000000", "m3: -1", "input is -1 m³"},
		{"mains_km", "main_km", "town.yaml:3"},
		{"days: 365", "days: 0", "days is 0"},
	} {
		d, err := balance.Read("town.yaml", []byte(strings.Replace(town, c.old, c.with, 1)))
		if err == nil {
			_, err = d.Draw()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || city.KindOf(err) != city.Invalid {
			t.Errorf("%s: %v, want %q", c.with, err, c.want)
		}
	}
}

// TestAddsUp: the parts of any balance add up to the input, and no interval is
// smaller than that of what it is made from.
func TestAddsUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		amount := func(name string, most float64) balance.Amount {
			return balance.Amount{M3: rapid.Float64Range(0, most).Draw(t, name), PlusPct: rapid.Float64Range(0, 100).Draw(t, name+" ±")}
		}
		d := balance.District{
			Days: rapid.Float64Range(1, 800).Draw(t, "days"), MainsKm: rapid.Float64Range(0, 500).Draw(t, "mains"), Connections: rapid.IntRange(10, 1e6).Draw(t, "connections"), PressureM: rapid.Float64Range(1, 120).Draw(t, "pressure"),
			Input: amount("input", 1e7), BilledMetered: amount("billed", 2e6), UnbilledMetered: amount("unbilled", 1e6), Unauthorised: amount("stolen", 1e6), MeterErrors: amount("errors", 1e6),
		}
		b, err := d.Draw()
		if err != nil {
			if used := d.BilledMetered.M3 + d.UnbilledMetered.M3 + d.Unauthorised.M3 + d.MeterErrors.M3; used <= d.Input.M3 {
				t.Fatalf("refused though less was used than put in: %v", err)
			}
			return
		}
		if off := b.Authorised.M3 + b.ApparentLosses.M3 + b.RealLosses.M3 - d.Input.M3; math.Abs(off) > 1e-6*(1+d.Input.M3) {
			t.Fatalf("the parts differ from the input by %g", off)
		}
		if off := b.Revenue.M3 + b.NonRevenue.M3 - d.Input.M3; math.Abs(off) > 1e-6*(1+d.Input.M3) {
			t.Fatalf("billed and not billed differ from the input by %g", off)
		}
		if b.RealLosses.Plus < b.ApparentLosses.Plus || b.RealLosses.Plus < d.Input.M3*d.Input.PlusPct/100*(1-1e-12) {
			t.Fatalf("real losses are surer (± %g) than what they follow from", b.RealLosses.Plus)
		}
	})
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(town))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := balance.Read("x", text)
		if err != nil {
			return
		}
		if b, err := d.Draw(); err == nil && d.Connections < balance.FewestConnections {
			t.Errorf("%+v of %d connections", b, d.Connections)
		}
	})
}
