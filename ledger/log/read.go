package log

import (
	"context"

	"polity/city"
	"polity/ledger/entry"
)

// Entries calls each with the entries on disk from an index on, in order, and returns the
// index behind the last: public ones, and behind them those that wait for their quorum.
// Data is good until each returns. An error of each ends the reading and is returned, with
// the index of the entry that it was about.
func (l *Log) Entries(ctx context.Context, from int64, each func(index int64, data []byte) error) (next int64, err error) {
	size := l.size.Load()
	for next = from; next < size; {
		if err := ctx.Err(); err != nil {
			return next, city.Errorf(city.Unavailable, "read the log's entries: %w", err)
		}
		n := next / tileWidth
		width := min(size-n*tileWidth, tileWidth)
		partial := uint8(0)
		if width < tileWidth {
			partial = uint8(width)
		}
		bundle, err := reader{l}.tile(entryLevel, uint64(n), partial) //nolint:gosec // an index is not negative
		if err != nil {
			return next, city.Errorf(city.Unavailable, "read the log's entries from %d on: %w", next, err)
		}
		at := n * tileWidth
		for ; at < n*tileWidth+width; at++ {
			data, ok := first(bundle)
			if !ok {
				break
			}
			bundle = bundle[2+len(data):]
			if at < next {
				continue
			}
			if err := each(at, data); err != nil {
				return at, err
			}
			next = at + 1
		}
		if at < n*tileWidth+width {
			return next, city.Errorf(city.Invalid, "the log's entries are cut off at %d: its folder is damaged; 'polity verify log' says more", at)
		}
	}
	return next, nil
}

// Check says whether the log would take an entry: its form, that every name in it is
// registered, and whoever signed it. The error is of kind Invalid. It writes nothing.
func (l *Log) Check(e entry.Entry) error {
	_, err := l.accept(e)
	return err
}
