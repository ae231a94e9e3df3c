package hub

import (
	"context"
	"errors"
	"time"

	"polity/city"
	"polity/console"
	"polity/console/frame"
	"polity/plane"
	"polity/release/docket"
)

// RecordingsOf asks the edges of a hub.
func RecordingsOf(c console.City) docket.Recordings {
	return recordings{c.(*Hub)} //nolint:forcetypeassert // there is no other
}

// WithAccess has a hub of a test take another's word on who may do what.
func WithAccess(d Deps, a frame.Access, looks console.Looks) Deps {
	d.access, d.looks = a, looks
	return d
}

// WithRecordings has a hub of a test take recordings from elsewhere than its edges.
func WithRecordings(d Deps, r docket.Recordings) Deps {
	d.recordings = r
	return d
}

// Observe takes counts of cameras as they come from an edge.
func Observe(ctx context.Context, c console.City, list []plane.Observation) error {
	_, err := c.(*Hub).minutes.Add(ctx, list) //nolint:forcetypeassert // there is no other
	return err
}

// Minutes calls each with the counts of a camera that have not been archived.
func Minutes(ctx context.Context, c console.City, camera city.Slug, each func(plane.Observation) error) error {
	return c.(*Hub).minutes.History(ctx, cameraKey(camera).ID, time.Time{}, time.Now().AddDate(100, 0, 0), each) //nolint:forcetypeassert // there is no other
}

// ArchiveAll archives every hour, due or not.
func ArchiveAll(ctx context.Context, c console.City) error {
	h := c.(*Hub) //nolint:forcetypeassert // there is no other
	list, err := h.minutes.Hours(ctx)
	for _, hour := range list {
		err = errors.Join(err, h.archive(ctx, h.cameraOf(hour.ID), hour))
	}
	return err
}
