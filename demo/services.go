package demo

import (
	"polity/city"
	"polity/hub"
	"polity/internal/parts"
)

// played is how each service's inputs are made up, by its own model; their pages say so.
var played = map[city.Slug]hub.ServiceConfig{
	"power":   hub.ServiceConfig("simulate: storm\nlighting:\n  simulate: streets\n" + powerPlaces), // an evening of three faults; lamps burn when it is dark
	"traffic": hub.ServiceConfig("simulate: corridor\n"),                                            // four junctions; detectors fail at times
	"waste":   hub.ServiceConfig("simulate: day\n"),                                                 // days of minutes; a truck breaks down on the first
	"water":   hub.ServiceConfig("simulate: l-town\n"),                                              // days of 24 seconds, on which a leak grows
}

// The network that the water service plays, where set-up got it, and what it plays else.
const waterNetwork = "L-TOWN.inp"

var smallWater = hub.ServiceConfig("simulate: season\n") // days of six seconds

// services are those that the program has and the demo plays.
func (d *demo) services() hub.Services {
	list := hub.Services{}
	for _, m := range d.Services {
		if config, plays := played[m.Name]; plays {
			list[m.Name] = config
		}
		if _, err := parts.Find(waterNetwork); m.Name == "water" && err != nil {
			list[m.Name] = smallWater
			d.say("The network %s is not among the parts: the water service plays a small one of its own.", waterNetwork)
		}
	}
	return list
}
