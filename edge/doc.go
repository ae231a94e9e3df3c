// Package edge is the program on a machine in the street: it checks each camera's
// register entry, runs a process per camera, stores what they observe, and passes
// it to the hub. Everything goes on when the hub is away.
//
// What it keeps, under its data folder:
//
//	store/    observations, events and the archive of places (package spine)
//	spool/    what camera processes had left when the edge went (package link)
//	layouts/  the layout of each camera, CAMERA.json
//	events/   which events are under way, CAMERA.frames
//	run/      sockets
//	lock      held while an edge runs
package edge
