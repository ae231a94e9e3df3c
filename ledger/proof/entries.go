package proof

import (
	"context"

	"golang.org/x/mod/sumdb/tlog"

	"polity/city"
)

// Entries reads the bytes of the entries from (included) to (excluded), in order, out of a
// log that has at least so many. What each gets is unchecked: add up the hashes and compare
// them with a checkpoint. An error of each ends it.
func Entries(ctx context.Context, s Source, from, to int64, each func(index int64, data []byte) error) error {
	for from < to {
		start := from / tileWidth * tileWidth
		t := tlog.Tile{H: tileHeight, L: -1, N: from / tileWidth, W: int(min(to-start, tileWidth))}
		data, err := readTile(ctx, s, t)
		if err != nil {
			return err
		}
		list, err := split(data, path(t))
		if err != nil && len(list) < t.W {
			return err
		}
		if len(list) < t.W {
			return city.Errorf(city.Invalid, "%s has %d entries; %d must be in it", path(t), len(list), t.W)
		}
		for ; from < start+int64(t.W); from++ {
			if err := each(from, list[from-start]); err != nil {
				return err
			}
		}
	}
	return nil
}
