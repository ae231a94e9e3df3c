package dss

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"polity/city"
)

// Files gives the text of a script's files by name.
type Files interface {
	// ReadFile returns a file's content, or an error that wraps fs.ErrNotExist.
	ReadFile(name string) ([]byte, error)
}

const maxFile = 64 << 20

// Disk reads files of the machine. As these scripts come from systems that
// ignore case, so does it where the exact name is not there.
type Disk struct{}

// ReadFile implements Files.
func (Disk) ReadFile(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		other, found := ignoringCase(name)
		if !found {
			return nil, err
		}
		name = other
		info, err = os.Stat(name)
	}
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFile {
		return nil, city.Errorf(city.TooLarge, "%s has %d MiB; at most %d are read", name, info.Size()>>20, maxFile>>20)
	}
	return os.ReadFile(name)
}

func ignoringCase(name string) (string, bool) {
	dir, base := filepath.Split(name)
	if dir == "" {
		dir = "."
	}
	if _, err := os.Stat(dir); err != nil {
		parent, found := ignoringCase(filepath.Clean(dir))
		if !found || filepath.Clean(dir) == dir {
			return "", false
		}
		dir = parent
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", false
	}
	for _, e := range entries {
		if strings.EqualFold(e.Name(), base) {
			return filepath.Join(dir, e.Name()), true
		}
	}
	return "", false
}
