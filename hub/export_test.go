package hub

import (
	"polity/console"
	"polity/release/docket"
)

// RecordingsOf asks the edges of a hub.
func RecordingsOf(c console.City) docket.Recordings {
	return recordings{c.(*Hub)} //nolint:forcetypeassert // there is no other
}

// WithAccess has a hub of a test take another's word on who may do what.
func WithAccess(d Deps, a console.Access, looks console.Looks) Deps {
	d.access, d.looks = a, looks
	return d
}

// WithRecordings has a hub of a test take recordings from elsewhere than its edges.
func WithRecordings(d Deps, r docket.Recordings) Deps {
	d.recordings = r
	return d
}
