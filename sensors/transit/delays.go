package transit

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"polity/city"
	"polity/plane"
)

// HourRow is how punctual a line was within an hour that is over.
type HourRow struct {
	Feed           city.Slug
	RouteID, Route string
	Start          time.Time
	Covered        time.Duration // of the hour, in which vehicles were heard
	Tally
}

// Delays returns hours that are over and begin in [from, to), by time and line; of one
// line if route is not empty. Nothing is said of hours in which nothing was measured
// and nothing cancelled.
func (s *System) Delays(ctx context.Context, feed city.Slug, route string, from, to time.Time) ([]HourRow, error) {
	b, err := s.Board(feed)
	if err != nil {
		return nil, err
	}
	f := b.current()
	if f == nil {
		return nil, nil
	}
	var out []HourRow
	for i := range f.Routes {
		r := &f.Routes[i]
		if route != "" && r.ID != route {
			continue
		}
		rows := map[int64]*HourRow{}
		key := plane.Key{ID: urn(TypeRoute, feed, r.ID)}
		err := s.store.History(ctx, plane.HistoryQuery{Key: key, From: from, To: to}, func(o plane.Observation) error {
			at := o.Start.Unix()
			if rows[at] == nil {
				rows[at] = &HourRow{Feed: feed, RouteID: r.ID, Route: r.Name(), Start: o.Start, Covered: o.Covered}
			}
			rows[at].set(o.Attribute, o.Value)
			return nil
		})
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			row.Delay *= float64(row.Measured) // the mean was stored
			out = append(out, *row)
		}
	}
	slices.SortFunc(out, func(a, b HourRow) int {
		return cmp.Or(a.Start.Compare(b.Start), natural(a.Route, b.Route), strings.Compare(a.RouteID, b.RouteID))
	})
	return out, nil
}

func (r *HourRow) set(attribute string, v float64) {
	n := int(math.Round(v))
	switch attribute {
	case Measured:
		r.Measured = n
	case OnTime:
		r.OnTime = n
	case Early:
		r.Early = n
	case Late:
		r.Late = n
	case Cancelled:
		r.Cancelled = n
	case MeanDelay:
		r.Delay = v
	}
}
