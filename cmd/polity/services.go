package main

import (
	"polity/service"
	power "polity/services/power/utility"
	traffic "polity/services/traffic/live"
	waste "polity/services/waste/live"
	water "polity/services/water/live"
)

// modules is the one list of services that a hub's configuration may name.
var modules = []service.Module{power.Module, traffic.Module, waste.Module, water.Module}
