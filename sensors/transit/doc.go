// Package transit keeps a city's public transport: the timetable (package gtfs), what
// is expected of each run now (package realtime), where service vehicles are, and how
// punctual lines were, hour by hour.
//
// Vehicles are known by the run that they make, never by themselves, and only while
// they make one: nobody can follow a vehicle, and so its driver, from run to run or to
// the depot. Positions are of the present alone.
package transit
