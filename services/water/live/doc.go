// Package live is the water service as it runs in a city: it follows the network day by
// day, finds leaks, says where they may be and why, proposes which valves to close, and
// watches whether a repair has helped.
package live
