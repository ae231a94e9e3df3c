package main

import "polity/service"

// modules is the one list of services that a hub's configuration may name.
var modules = []service.Module{}
