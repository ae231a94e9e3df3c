package hub

import "polity/console"

// WithAccess has a hub of a test take another's word on who may do what.
func WithAccess(d Deps, a console.Access, looks console.Looks) Deps {
	d.access, d.looks = a, looks
	return d
}
