package log

import (
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// sweep removes what a crash or a full disk left of files that were being written:
// tessera writes NAME followed by a number and renames that to NAME. Only the process
// that has the log alone may do it.
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
	return whole != name && slices.Contains([]string{"checkpoint", ".state/treeState", ".state/version", ".state/gcState"}, whole)
}
