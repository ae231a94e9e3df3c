// Package street is street lighting as it runs in a city: it lets areas be dimmed by how many
// people are out, by a decision for each night that a person can end, tells the cabinets, which
// need none of it to burn, and finds broken lamps and saved energy in what their meters say.
package street
