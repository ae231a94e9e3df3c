// Package demo is a city to look at: the hub with the map of central Helsinki, and
// an edge with one camera that replays a film of a square over real RTSP.
//
// The hub runs in this process: it only sees what an edge sends, and its pages and
// the demo's words about itself belong together. The edge is a process of its own,
// this very program, as in the street; the processes that hold frames are its
// children. The edge ends when its standard input does, so that it stops in order
// however the demo ends.
package demo
