package log

import (
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"polity/ledger/proof"
)

const (
	tileWidth  = 256 // hashes of a tile, entries of a bundle (C2SP tlog-tiles)
	entryLevel = -1  // of bundles of entries, as in tlog.Tile
)

// tree is a growing Merkle tree: of each level the tile that is not full yet.
type tree struct {
	peaks proof.Peaks
	rows  []row
}

// row is the right end of a level of tiles.
type row struct {
	full   int64       // tiles before
	hashes []tlog.Hash // of the one that is not full
}

// tile is the content of a tile of hashes.
type tile struct {
	level  int
	n      int64
	hashes []tlog.Hash
}

// data is the file of a tile: its hashes one after another.
func (t tile) data() []byte {
	data := make([]byte, 0, len(t.hashes)*tlog.HashSize)
	for _, h := range t.hashes {
		data = append(data, h[:]...)
	}
	return data
}

func (t *tree) size() int64     { return t.peaks.N() }
func (t *tree) root() tlog.Hash { return t.peaks.Root() }

func (t *tree) clone() tree {
	rows := slices.Clone(t.rows)
	for i := range rows {
		rows[i].hashes = slices.Clone(rows[i].hashes)
	}
	return tree{t.peaks.Clone(), rows}
}

// add adds a leaf, and tells each tile that it fills.
func (t *tree) add(h tlog.Hash, filled func(tile)) {
	t.peaks.Add(h)
	for level := 0; ; level++ {
		if level == len(t.rows) {
			t.rows = append(t.rows, row{})
		}
		r := &t.rows[level]
		if r.hashes = append(r.hashes, h); len(r.hashes) < tileWidth {
			return
		}
		filled(tile{level, r.full, r.hashes})
		var above proof.Peaks
		for _, h := range r.hashes {
			above.Add(h)
		}
		h = above.Root()
		*r = row{full: r.full + 1}
	}
}

// ends are the tiles that are not full and were not the same in the tree before.
func (t *tree) ends(before *tree) (list []tile) {
	for level, r := range t.rows {
		if level < len(before.rows) && before.rows[level].full == r.full && len(before.rows[level].hashes) == len(r.hashes) {
			continue
		}
		if len(r.hashes) > 0 {
			list = append(list, tile{level, r.full, r.hashes})
		}
	}
	return list
}

// tilePath is the file of a tile of hashes, or of a bundle of entries.
func tilePath(level int, n int64, width int) string {
	path := tlog.Tile{H: 8, L: level, N: n, W: width}.Path()
	if level == entryLevel {
		return "tile/entries/" + path[len("tile/8/data/"):]
	}
	return "tile/" + path[len("tile/8/"):]
}
