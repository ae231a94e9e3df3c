// Package sensors knows the city's everyday sensors: which entities of the city's data
// are sensors, of which kind, and which of their attributes are public, in which unit
// (docs/formats/sensors.md). The folders beside say what the values mean, and when they
// are an alarm.
package sensors
