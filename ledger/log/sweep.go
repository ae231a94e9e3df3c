package log

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// sweep removes what a crash or a full disk left of files that were being written:
// tessera writes NAME followed by a number and renames that to NAME. Only the process
// that has the log alone may do it.
func sweep(dir string) error {
	for _, name := range []string{"checkpoint", filepath.Join(".state", "treeState"), filepath.Join(".state", "version"), filepath.Join(".state", "gcState")} {
		left, err := filepath.Glob(filepath.Join(dir, name+"[0-9]*"))
		if err != nil {
			return fmt.Errorf("look for half-written files of the log: %w", err)
		}
		for _, path := range left {
			if err := os.Remove(path); err != nil {
				return fmt.Errorf("remove a half-written file of the log: %w", err)
			}
		}
	}
	err := filepath.WalkDir(filepath.Join(dir, "tile"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if _, whole := tileEnd(filepath.ToSlash(name)); whole || strings.Trim(d.Name(), "0123456789") != "" {
			return nil
		}
		return os.Remove(path)
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove half-written files of the log: %w", err)
	}
	return nil
}
