package console_test

import "polity/console/consoletest"

// What many tests here do, by shorter names.
var (
	afternoon = consoletest.Afternoon
	get       = consoletest.Get
	post      = consoletest.Post
	send      = consoletest.Send
)

const (
	asJSON = consoletest.JSON
	asForm = consoletest.Form
)
