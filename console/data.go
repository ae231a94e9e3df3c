package console

import (
	"polity/camera/layout"
	"polity/city"
)

// Inside tells which zones lie within which, as counts.Rule asks.
func Inside(zones []layout.Zone) func(inner, outer city.Slug) bool { return inside(zones) }
