// Package gtfs reads timetables of public transport in the General Transit Feed
// Specification (gtfs.org, schedule reference of 2025) into arrays that are small
// enough for a whole city, and says which runs call at a stop and when.
//
// A feed is foreign: sizes are bounded, nothing is written to disk by its names, and
// what is wrong is said with file and line. A feed that is wrong is refused whole.
package gtfs
