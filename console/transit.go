package console

import (
	"context"
	"time"

	"polity/city"
	"polity/sensors/transit"
)

// Transit is what the pages know of public transport. It is safe for concurrent use.
type Transit interface {
	// Boards are the feeds, in the order of the configuration.
	Boards() []*transit.Board
	// Board is a feed by its name, or NotFound.
	Board(name city.Slug) (*transit.Board, error)
	// Delays are hours that are over and begin in [from, to), of one line if route is
	// not empty.
	Delays(ctx context.Context, feed city.Slug, route string, from, to time.Time) ([]transit.HourRow, error)
}
