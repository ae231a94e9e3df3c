package demo

import (
	"polity/city"
	"polity/hub"
)

// played is how each service's inputs are made up, by its own model; their pages say so.
var played = map[city.Slug]hub.ServiceConfig{
	"power":   hub.ServiceConfig("simulate: storm\n"),    // an evening of three faults
	"traffic": hub.ServiceConfig("simulate: corridor\n"), // four junctions; detectors fail at times
	"waste":   hub.ServiceConfig("simulate: day\n"),      // days of minutes; a truck breaks down on the first
	"water":   hub.ServiceConfig("simulate: season\n"),   // days of six seconds, on which leaks grow
}

// services are those that the program has and the demo plays.
func (d *demo) services() hub.Services {
	list := hub.Services{}
	for _, m := range d.Services {
		if config, plays := played[m.Name]; plays {
			list[m.Name] = config
		}
	}
	return list
}
