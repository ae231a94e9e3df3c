package outage

import (
	"cmp"
	"math"
	"slices"

	"polity/services/power/flow"
	"polity/services/power/grid"
)

// Place is where a fault may lie.
type Place struct {
	Bus     int
	Amperes float64 // of a bolted fault there
	// Off is the difference between the measured and that current, as a part of it.
	Off float64
}

// Locate ranks buses by how well a bolted fault there explains the current that a
// breaker or relay measured before it opened, the best first. net is the network
// before the fault. The current is the smallest of a bolted fault at each bus (one
// phase to earth where there is one phase, else between two), and so a fault of
// another kind or through a resistance seems farther away or nearer than it is:
// patrol from the first place on, in both directions.
func Locate(net *grid.Network, buses []int, amperes float64) ([]Place, error) {
	short, err := flow.NewShortCircuit(net)
	if err != nil {
		return nil, err
	}
	var out []Place
	for _, b := range buses {
		if i, ok := short.Least(b); ok {
			out = append(out, Place{Bus: b, Amperes: i, Off: math.Abs(amperes-i) / i})
		}
	}
	slices.SortStableFunc(out, func(a, b Place) int { return cmp.Compare(a.Off, b.Off) })
	return out, nil
}
