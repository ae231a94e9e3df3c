// Package alarm watches the city's sensors and says when what they measure is an alarm:
// by rules with levels, hysteresis and duration, from the values in the city's data. An
// alarm is a situation and one entity of type Alert (Smart Data Models), from when it is
// raised until it has cleared (docs/formats/sensors.md). A sensor that is silent or stuck
// is unknown; it is never fine.
package alarm
