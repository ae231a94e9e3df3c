// Package power is the city's distribution network: where power flows, what
// fails, how to restore it, and how streets are lit.
//
// The network's model is in grid, its equations in flow; the other folders build
// on these. This package reads network files of any kind that is known.
package power

import (
	"path/filepath"
	"strings"

	"polity/city"
	"polity/services/power/cim"
	"polity/services/power/dss"
	"polity/services/power/flow"
	"polity/services/power/grid"
	"polity/services/power/matpower"
	"polity/services/power/pandapower"
)

// Read reads a network file: an OpenDSS script (.dss), pandapower's JSON
// (.json), a MATPOWER case (.m), or a CIM model (.xml, or a .zip of its profiles).
func Read(path string) (*grid.Network, error) {
	var net *grid.Network
	var err error
	switch strings.ToLower(filepath.Ext(path)) {
	case ".dss":
		net, err = dss.Read(path)
	case ".json":
		net, err = pandapower.Read(path)
	case ".m":
		net, err = matpower.Read(path)
	case ".xml", ".zip":
		net, err = cim.Read(path)
	default:
		return nil, city.Errorf(city.Invalid, "%s: what kind of network is it? Known are .dss (OpenDSS), .json (pandapower), .m (MATPOWER), .xml and .zip (CIM)", path)
	}
	if err != nil {
		return nil, err
	}
	if err := flow.AssignBases(net); err != nil {
		return nil, city.Errorf(city.Invalid, "%s: %w", path, err)
	}
	return net, nil
}
