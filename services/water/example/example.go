// Package example is a small water network to show and test with: 36 crossings of a
// town that does not exist, one metered main, eight pressure sensors, two metered homes,
// and its isolating valves.
package example

import (
	"bytes"
	_ "embed" // the network and its valves

	"polity/services/water/isolation"
	"polity/services/water/network"
)

//go:embed town.inp
var town []byte

//go:embed valves.csv
var valves []byte

// Town returns the network.
func Town() (*network.Network, error) { return network.Read("town.inp", town) }

// Valves returns the valves of [Town].
func Valves(n *network.Network) ([]isolation.Valve, error) {
	return isolation.ReadValves("valves.csv", bytes.NewReader(valves), n)
}

// ValveTable returns them as their table.
func ValveTable() []byte { return bytes.Clone(valves) }
