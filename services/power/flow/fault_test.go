package flow_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"polity/services/power/flow"
)

// TestShortCircuitsAgreeWithOpenDSS: the smallest short circuit at each bus is
// what OpenDSS's impedances give.
func TestShortCircuitsAgreeWithOpenDSS(t *testing.T) {
	goldens, err := filepath.Glob("testdata/*.short.json")
	if err != nil || len(goldens) < 3 {
		t.Fatalf("%d goldens, %v", len(goldens), err)
	}
	for _, path := range goldens {
		t.Run(filepath.Base(path), func(t *testing.T) {
			text, err := os.ReadFile(path)
			want := map[string]float64{}
			if err == nil {
				err = json.Unmarshal(text, &want)
			}
			if err != nil {
				t.Fatal(err)
			}
			net := readFeeder(t, strings.TrimSuffix(path, ".short.json")+".dss")
			solve(t, net, flow.Options{}) // leaves the taps as the controls set them
			short, err := flow.NewShortCircuit(net)
			if err != nil {
				t.Fatal(err)
			}
			compared := 0
			for b := range net.Buses {
				amps, ok := want[net.Buses[b].Name]
				got, live := short.Least(b)
				if !ok || !live {
					continue
				}
				compared++
				if math.Abs(got/amps-1) > 1e-5 {
					t.Errorf("bus %s: %.2f instead of %.2f A", net.Buses[b].Name, got, amps)
				}
			}
			if compared < 3 {
				t.Errorf("only %d buses compared", compared)
			}
		})
	}
}
