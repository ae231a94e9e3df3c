package leaks_test

import (
	"strings"
	"testing"

	"polity/city"
	"polity/services/water/epanet"
	"polity/services/water/epanet/epanettest"
	"polity/services/water/example"
	"polity/services/water/leaks"
	"polity/services/water/network"
	"polity/services/water/season"
)

// TestANetworkThatDoesNotConvergeIsTold: nothing is said of leaks by states that EPANET does
// not balance, whether the file lets it go on or stop there.
func TestANetworkThatDoesNotConvergeIsTold(t *testing.T) {
	epanettest.Native(t)
	n, err := example.Town()
	if err != nil {
		t.Fatal(err)
	}
	_, before, err := season.Begin(t.Context(), season.Config{Network: n, Before: 8, Seed: 4, Dial: epanet.Native})
	if err != nil {
		t.Fatal(err)
	}
	for _, what := range []string{"Continue 0", "Stop"} {
		text := strings.Replace(string(n.File.Text()), "[OPTIONS]", "[OPTIONS]\n Trials 1\n Unbalanced "+what, 1)
		hard, err := network.Read("hard.inp", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		_, err = leaks.NewWatch(t.Context(), epanet.Native, hard, before, nil, leaks.Default(), nil)
		if city.KindOf(err) != city.Invalid || !strings.Contains(err.Error(), "hard.inp: EPANET does not balance") {
			t.Errorf("%s: %v", what, err)
		}
	}
}
