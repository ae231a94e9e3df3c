package console_test

import "polity/console/consoletest"

// What many tests here do, by shorter names.
var (
	afternoon    = consoletest.Afternoon
	get          = consoletest.Get
	post         = consoletest.Post
	send         = consoletest.Send
	pageSays     = consoletest.Says
	servicePages = consoletest.ServicePages
	atDesk       = consoletest.AtDesk
)

const (
	asJSON = consoletest.JSON
	asForm = consoletest.Form
)
