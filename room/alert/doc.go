// Package alert holds what asks for a person in the control room: a situation, as a
// machine says it, and what people do about it. It is vocabulary and rules only;
// room/queue keeps alerts and serves them (docs/formats/alerts.md).
//
// What a machine says has no field for a person: a kind from a closed list, a place, a
// camera, an asset of the city, numbers. A person decides what follows.
package alert
