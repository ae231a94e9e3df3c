package matpower_test

import (
	"math"
	"math/cmplx"
	"os"
	"strings"
	"testing"

	"polity/city"
	"polity/services/power/flow"
	"polity/services/power/grid"
	"polity/services/power/matpower"
)

func solved(t *testing.T, net *grid.Network) *flow.Result {
	t.Helper()
	s, err := flow.New(net, flow.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Solve()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestSolvesAsTheEquationsSay: the golden values come from solving the power
// balance of the format's own branch model (MATPOWER manual, section 3.2) with
// another program's root finder.
func TestSolvesAsTheEquationsSay(t *testing.T) {
	net, err := matpower.Read("testdata/small.m")
	if err != nil {
		t.Fatal(err)
	}
	r := solved(t, net)
	for bus, want := range map[string][2]float64{
		"1": {1.02, 4}, "2": {1.0133750382, 3.61474243}, "30": {1.0058084391, 3.26506018}, "4": {1.005, 3.35018119}, "5": {0.9788682532, 2.88931538},
	} {
		v := r.Topology().Index(net.Bus(bus), 1)
		if d := math.Abs(r.PerUnit(v) - want[0]); d > 1e-9 {
			t.Errorf("bus %s: %.10f instead of %.10f pu", bus, r.PerUnit(v), want[0])
		}
		if angle := cmplx.Phase(r.Voltage(v)) * 180 / math.Pi; math.Abs(angle-want[1]) > 1e-6 {
			t.Errorf("bus %s: %.8f instead of %.8f degrees", bus, angle, want[1])
		}
	}
	if l := net.Line("branch.6"); l == nil || l.Closed() || !l.Switch {
		t.Error("a branch out of service must be an open switch")
	}
}

// TestConvertsUnits: the case above, written in ohms and kilowatts with the
// conversion at its end, is the same network.
func TestConvertsUnits(t *testing.T) {
	const ohms = `function mpc = two
mpc.baseMVA = 10;
mpc.bus = [ 1 3 0 0 0 0 1 1 0 11 1 1 1; 2 1 1500 600 0 0 1 1 0 11 1 1.1 .9 ];
mpc.gen = [ 1 0 0 10 -10 1 100 1 10 0 ];
mpc.branch = [ 1 2 0.242 0.363 0 0 0 0 0 0 1 -360 360; ];
Vbase = mpc.bus(1, BASE_KV) * 1e3;      %% in Volts
Sbase = mpc.baseMVA * 1e6;              %% in VA
mpc.branch(:, [BR_R BR_X]) = mpc.branch(:, [BR_R BR_X]) / (Vbase^2 / Sbase);
mpc.bus(:, [PD, QD]) = mpc.bus(:, [PD, QD]) / 1e3;
`
	perUnit := strings.NewReplacer("1500 600", "1.5 0.6", "0.242 0.363", "0.02 0.03").Replace(ohms[:strings.Index(ohms, "Vbase")])
	var lowest [2]float64
	for i, text := range []string{ohms, perUnit} {
		net, err := matpower.Parse("two.m", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		lowest[i], _, _, _ = solved(t, net).Extreme()
	}
	if math.Abs(lowest[0]-lowest[1]) > 1e-12 || lowest[0] > 0.999 {
		t.Fatalf("lowest voltages %v", lowest)
	}
}

func TestErrorsNameTheLine(t *testing.T) {
	whole, err := os.ReadFile("testdata/small.m")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ old, new, want string }{
		{"mpc.baseMVA = 10", "mpc.baseMVA = ten", "small.m:4: baseMVA"},
		{"2	30	0.02", "2	31	0.02", "small.m:23: branch 2-31 leads to a bus that is not there"},
		{"0.015	0.025", "0.015	oops", `small.m:24: branch: "oops" is not a number`},
		{"	30	1	2.0", "	2	1	2.0", "small.m:10: bus 2 is there twice"},
		{"mpc.branch", "mpc.brunch", "no mpc.branch"},
		{"	5	1	0.8	0.3	0	0	1	1	0	10	1	1.1	0.9;", "	5	1	0.8;", "small.m:12: a bus has at least 10 numbers, not 3"},
	} {
		text := strings.Replace(string(whole), c.old, c.new, 1)
		_, err := matpower.Parse("small.m", []byte(text))
		if err == nil || !strings.Contains(err.Error(), c.want) || city.KindOf(err) != city.Invalid {
			t.Errorf("%q: %v, want %q", c.new, err, c.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	text, err := os.ReadFile("testdata/small.m")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Fuzz(func(_ *testing.T, text []byte) {
		if net, err := matpower.Parse("x", text); err == nil {
			net.Check()
		}
	})
}
