// Package hub is the city's centre: it draws what edges have stored into the
// city's data, keeps how places looked, shows it all through the console, and
// sends layouts and watches to the edges.
//
// What it keeps, under its data folder:
//
//	city.db    entities and history (package plane/sqlite), unless the configuration names a
//	           PostgreSQL database for them
//	places/    how places looked over time (package hub/places)
//	pictures/  the small picture of the place of each event
//	spine/     the message server's own
//	lock       held while a hub runs
package hub
