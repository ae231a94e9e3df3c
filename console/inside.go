package console

import (
	"polity/camera/layout"
	"polity/city"
)

// inside tells which zones lie within which: all corners of the inner one do, so
// that what is between their counts is what is between them.
func inside(zones []layout.Zone) func(inner, outer city.Slug) bool {
	within := map[[2]city.Slug]bool{}
	for _, inner := range zones {
		for _, outer := range zones {
			if inner.Name != outer.Name && holdsAll(outer, inner.Corners) {
				within[[2]city.Slug{inner.Name, outer.Name}] = true
			}
		}
	}
	return func(inner, outer city.Slug) bool { return within[[2]city.Slug{inner, outer}] }
}

func holdsAll(z layout.Zone, points []layout.Point) bool {
	for _, p := range points {
		if !z.Holds(p) {
			return false
		}
	}
	return true
}
