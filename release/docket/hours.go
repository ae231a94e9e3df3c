package docket

import (
	"context"
	"io"
	"slices"
	"time"

	"polity/city"
	"polity/ledger/canonical"
	"polity/recording/root"
	"polity/release/token"
)

// Hours writes the segment hashes of a camera's hours that the case touches, as lists in the
// form of docs/formats/bundle.md: with them the segments of an hour of which the case has
// only some stand under its root in the log. Hours of which the edge has none are left out.
// Before both approvals are public, and for a camera that the case does not ask for, it is
// refused with Forbidden.
func (d *Docket) Hours(ctx context.Context, id canonical.Hash, camera city.Slug, w io.Writer) error {
	c, err := d.granted(ctx, id)
	if err != nil {
		return err
	}
	if !slices.Contains(c.Cameras, camera) {
		return city.Errorf(city.Forbidden, "the case %s does not ask for that camera", c.Code)
	}
	for hour := c.From.Add(-token.Lead).UTC().Truncate(time.Hour); hour.Before(c.To); hour = hour.Add(time.Hour) {
		list, err := d.cfg.Recordings.Hashes(ctx, camera, hour)
		switch {
		case err != nil:
			return err
		case len(list) == 0:
			continue
		case len(list) > root.MaxList:
			return city.Errorf(city.Internal, "an hour of camera %s with %d segments", camera, len(list))
		}
		if _, err := w.Write(root.AppendLists(nil, root.List{Hour: hour, Segments: list})); err != nil {
			return city.Errorf(city.Unavailable, "hand the hashes on: %w", err)
		}
	}
	return nil
}
