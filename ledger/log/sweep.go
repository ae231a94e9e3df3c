package log

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// sweep removes what a crash or a full disk left of files that were being written:
// NAME is written as NAME followed by a number and renamed (folder.write; tessera did so, too).
// Only the process that has the log alone may do it.
func sweep(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("look for half-written files of the log: %w", err)
	}
	defer root.Close() //nolint:errcheck // it is a folder
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !halfWritten(name) {
			return err
		}
		return root.Remove(name)
	})
	if err != nil {
		return fmt.Errorf("remove half-written files of the log: %w", err)
	}
	return nil
}

func halfWritten(name string) bool {
	whole := strings.TrimRight(name, "0123456789")
	if strings.HasPrefix(name, "tile/") {
		_, ok := tileEnd(name)
		return !ok && strings.HasSuffix(whole, "/")
	}
	return whole != name && slices.Contains([]string{pointFile, stateFile, versionFile, sweptFile}, whole)
}

// sweepEach is how many bundles are swept at once, at most.
const sweepEach = 100

// sweepTiles removes the tiles and bundles in place of which there is a whole one by now,
// under a public checkpoint of a size: readers take that (C2SP tlog-tiles). What is swept
// already stands in a file, so that a log is not gone through each time.
func (f *folder) sweepTiles(root disk, size int64) error {
	var swept struct {
		To int64 `json:"fromSize"` // entries
	}
	text, err := root.ReadFile(sweptFile)
	if err == nil {
		err = json.Unmarshal(text, &swept)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		swept.To = 0 // what is gone already is not there to be removed
	}
	from := max(swept.To, 0) / tileWidth
	to := min(size/tileWidth, from+sweepEach)
	if from >= to {
		return nil
	}
	for n := from; n < to; n++ {
		for level, at := entryLevel, n; ; level, at = level+1, at/tileWidth {
			if err := root.RemoveAll(tilePath(level, at, tileWidth) + ".p"); err != nil {
				return fmt.Errorf("remove tiles that whole ones replaced: %w", err)
			}
			if level == entryLevel {
				at *= tileWidth // the tile above has as many hashes as the bundle has entries
			} else if at%tileWidth != tileWidth-1 {
				break
			}
		}
	}
	swept.To = to * tileWidth
	if text, err = json.Marshal(swept); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.write(root, sweptFile, text)
}
