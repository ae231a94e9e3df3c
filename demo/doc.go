// Package demo is a city to look at: the hub with the map of central Helsinki, and
// an edge with one camera that replays a film of a square over real RTSP.
//
// Sensors, trams and the meters of homes are simulated (package simulation). They speak
// to the hub as any would: over MQTT with a password each, and as a transport agency's
// feeds on loopback.
//
// The hub runs in this process: it only sees what an edge sends, and its pages and
// the demo's words about itself belong together. The edge is a process of its own,
// this very program, as in the street; the processes that hold frames are its
// children. The edge ends when its standard input does, so that it stops in order
// however the demo ends.
package demo
