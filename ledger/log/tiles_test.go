package log

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// TestTilesAreThoseOfSumdb compares the names and the content of every tile, of sizes about
// the borders of tiles, with golang.org/x/mod/sumdb/tlog.
func TestTilesAreThoseOfSumdb(t *testing.T) {
	dir := t.TempDir()
	s, err := begin(t, dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.end()
	var leaves []tlog.Hash
	last := int64(0)
	for _, size := range []int64{1, 2, 255, 256, 257, 511, 512, 513, 65535, 65536, 65537, 65793} {
		var list [][]byte
		for n := int64(len(leaves)); n < size; n++ {
			list = append(list, fmt.Append(nil, "entry ", n))
			leaves = append(leaves, tlog.RecordHash(list[len(list)-1]))
		}
		root, _, err := s.folder.open()
		if err != nil {
			t.Fatal(err)
		}
		if err := s.folder.append(root, list); err != nil {
			t.Fatal(err)
		}
		if err := root.Close(); err != nil {
			t.Error(err)
		}
		if err := same(dir, leaves, last, size); err != nil {
			t.Error(err)
		}
		last = size
	}
	if err := same(dir, leaves, 0, last); err != nil {
		t.Error(err)
	}
	for name, size := range map[string]int64{"tile/0/000.p/255": 255 * 32, "tile/0/000": 8192, "tile/0/001.p/1": 32, "tile/1/000.p/255": 255 * 32, "tile/1/000": 8192, "tile/2/000.p/1": 32, "tile/0/256": 8192} {
		if is, err := os.Stat(filepath.Join(dir, name)); err != nil || is.Size() != size {
			t.Errorf("%s: %v; want %d bytes", name, err, size)
		}
	}
}

// TestNamesOfFarTiles: groups of three digits, all but the last behind an x.
func TestNamesOfFarTiles(t *testing.T) {
	for want, is := range map[string]string{
		"tile/0/x001/000":            tilePath(0, 1000, 256),
		"tile/entries/x001/067.p/8":  tilePath(entryLevel, 1067, 8),
		"tile/1/x001/x234/067.p/255": tilePath(1, 1234067, 255),
	} {
		if is != want {
			t.Errorf("%s; want %s", is, want)
		}
	}
}
