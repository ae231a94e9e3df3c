// Package example is a small distribution network to show and test with: the 33 buses of
// M. Baran and F. Wu (IEEE Trans. Power Delivery 4(2), 1989), with homes for loads.
package example

import (
	_ "embed" // the network
	"fmt"

	"polity/services/power/flow"
	"polity/services/power/grid"
	"polity/services/power/matpower"
)

//go:embed networks/case33.m
var case33 []byte

// Homes is how many homes stand in for each load.
const Homes = 10

// Network returns the network as published.
func Network() (*grid.Network, error) { return matpower.Parse("case33.m", case33) }

// Town returns it with ten homes in place of each load, one customer in each: 320.
func Town() (*grid.Network, error) {
	net, err := Network()
	if err != nil {
		return nil, err
	}
	loads := net.Loads
	net.Loads = nil
	for _, l := range loads {
		l.S /= Homes
		l.Customers = 1
		for k := range Homes {
			home := l
			home.Name = fmt.Sprintf("%s-%d", l.Name, k+1)
			net.Loads = append(net.Loads, home)
		}
	}
	return net, flow.AssignBases(net)
}
