package log

import (
	"context"
	"encoding/binary"

	"polity/city"
	"polity/ledger/entry"
)

const bundleSize = 256 // entries of a bundle (C2SP tlog-tiles)

// Entries calls each with the entries on disk from an index on, in order, and returns the
// index behind the last: public ones, and behind them those that wait for their quorum.
// Data is good until each returns. An error of each ends the reading and is returned, with
// the index of the entry that it was about.
func (l *Log) Entries(ctx context.Context, from int64, each func(index int64, data []byte) error) (next int64, err error) {
	integrated, err := l.reader.IntegratedSize(ctx)
	if err != nil {
		return from, city.Errorf(city.Unavailable, "read the log's size: %w", err)
	}
	size := int64(integrated) //nolint:gosec // it stays below 2^48
	for next = from; next < size; {
		n := next / bundleSize
		width := min(size-n*bundleSize, bundleSize)
		partial := uint8(0)
		if width < bundleSize {
			partial = uint8(width)
		}
		bundle, err := l.reader.ReadEntryBundle(ctx, uint64(n), partial) //nolint:gosec // an index is not negative
		if err != nil && partial > 0 {                                   // it is whole by now
			bundle, err = l.reader.ReadEntryBundle(ctx, uint64(n), 0) //nolint:gosec // as above
		}
		if err != nil {
			return next, city.Errorf(city.Unavailable, "read the log's entries from %d on: %w", next, err)
		}
		at := n * bundleSize
		for ; len(bundle) >= 2 && at < n*bundleSize+width; at++ {
			length := int(binary.BigEndian.Uint16(bundle))
			if len(bundle) < 2+length {
				break
			}
			data := bundle[2 : 2+length]
			bundle = bundle[2+length:]
			if at < next {
				continue
			}
			if err := each(at, data); err != nil {
				return at, err
			}
			next = at + 1
		}
		if at < n*bundleSize+width {
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
