// Package example is a part of a city to show waste collection with and to test it on: the
// streets of central Helsinki, a fleet, and containers at its kerbs placed by a rule.
package example

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	_ "embed"
	"io"
	"slices"
	"strconv"
	"time"
	"unicode"

	"polity/city"
	"polity/services/waste"
	"polity/services/waste/roads"
)

//go:embed streets.osm.gz
var streets []byte

//go:embed fleet.yaml
var fleet []byte

// Town is the example.
type Town struct {
	Streets    waste.Streets
	Fleet      waste.Fleet
	Containers []waste.Container
}

const (
	apart   = 130.0 // metres of a stretch from which on it has two
	shortly = 40.0  // metres of the shortest stretch with a container
)

// Read returns the example with at most n containers. The rule, made up: at every named
// street a refuse truck may use, one container at each kerb in the middle of each stretch of
// 40 m or more, two where it is longer than 130 m; 660 litres each.
func Read(ctx context.Context, n int) (*Town, error) {
	text, err := osm()
	if err != nil {
		return nil, err
	}
	m, err := roads.Read(ctx, bytes.NewReader(text), true)
	if err != nil {
		return nil, err
	}
	f, err := waste.ReadFleet(fleet, "fleet.yaml")
	if err != nil {
		return nil, err
	}
	t := &Town{Streets: waste.Streets{}, Fleet: *f}
	for _, v := range []roads.Vehicle{roads.RefuseTruck, roads.NarrowTruck} {
		if t.Streets[v.Name], err = m.Build(v); err != nil {
			return nil, err
		}
	}
	t.place(n)
	return t, nil
}

// osm is the streets as OpenStreetMap has them.
func osm() ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(streets))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

type kerb struct {
	street string
	at     city.Point
}

func (t *Town) place(n int) {
	network := t.Streets[roads.RefuseTruck.Name]
	var kerbs []kerb
	for i := range network.Arcs() {
		arc := int32(i) //nolint:gosec // a city has no two billion streets
		length := float64(network.Arcs()[i].Metres)
		name := network.Name(arc)
		if length < shortly || !named(name) {
			continue
		}
		count := 1 + min(1, int(length/apart))
		for k := range count {
			at := network.Point(roads.Place{Arc: arc, Along: (float64(k) + 0.5) / float64(count)})
			kerbs = append(kerbs, kerb{name, at})
		}
	}
	slices.SortStableFunc(kerbs, func(a, b kerb) int { return cmp.Compare(a.street, b.street) })
	step := max(1, float64(len(kerbs))/float64(n))
	for k := 0.0; int(k) < len(kerbs) && len(t.Containers) < n; k += step {
		t.Containers = append(t.Containers, waste.Container{
			ID: "c" + strconv.Itoa(len(t.Containers)+1), Place: kerbs[int(k)].at, Fraction: "mixed", Litres: 660, Density: 0.1,
			Service: 110 * time.Second, Side: roads.Either,
		})
	}
}

// named says whether a street has a name of its own; one without is called by its class.
func named(name string) bool { return name != "" && unicode.IsUpper([]rune(name)[0]) }
