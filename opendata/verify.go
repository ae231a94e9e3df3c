package opendata

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"polity/city"
)

// List reads the indexes of an archive's folder, in the order of the sets' ids.
func List(dir string) ([]*Index, error) {
	folders, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, city.Errorf(city.NotFound, "nothing was published in %s", dir)
	}
	if err != nil {
		return nil, err
	}
	var list []*Index
	for _, f := range folders {
		if !f.IsDir() || strings.HasPrefix(f.Name(), ".") {
			continue
		}
		x, err := readIndex(filepath.Join(dir, f.Name()), city.Slug(f.Name()))
		if err != nil {
			return nil, err
		}
		list = append(list, x)
	}
	return list, nil
}

// Verify compares every published file with the digest in its set's index. It returns
// how many are right; the error names all others.
func Verify(dir string) (files int, err error) {
	list, err := List(dir)
	if err != nil {
		return 0, err
	}
	var wrong []error
	for _, x := range list {
		for _, p := range slices.Concat(x.Days, x.Month) {
			for _, ending := range Endings {
				name := p.file(filepath.Join(dir, string(x.Set)), ending)
				if err := verify(name, p.Files[ending]); err != nil {
					wrong = append(wrong, err)
					continue
				}
				files++
			}
		}
	}
	return files, errors.Join(wrong...)
}

func verify(name string, want File) (err error) {
	f, err := os.Open(name) //nolint:gosec // of the archive
	if err != nil {
		return city.Errorf(city.Invalid, "%s, which is published, cannot be read; put it back from a backup: %w", name, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	sum := sha256.New()
	n, err := io.Copy(sum, f)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != want.SHA256 || n != want.Bytes {
		return city.Errorf(city.Invalid, "%s is not what was published: SHA-256 %s, published was %s; put it back from a backup", name, got, want.SHA256)
	}
	return nil
}
