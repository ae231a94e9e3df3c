// Package streetmap makes a model of signalised junctions out of OpenStreetMap: which
// nodes form a junction, its approaches, lanes and turns, signal groups, who crosses
// whom, intergreens, and a plan to begin with.
//
// A map says less than a junction's documents do. What it does not say is taken for
// granted by a stated rule and listed, per junction, for an engineer to confirm; the
// plan is marked as proposed. Traffic keeps to the right. Trams, cycle tracks, bus
// lanes and turning around are not modelled.
package streetmap
