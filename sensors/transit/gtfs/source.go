package gtfs

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"polity/city"
)

// Limits bound what a feed may cost.
type Limits struct {
	Bytes int64 // of all its files, unpacked
	Rows  int   // of stop_times.txt
	Items int   // of each other file
}

// DefaultLimits hold the feed of a large country.
func DefaultLimits() Limits { return Limits{Bytes: 8 << 30, Rows: 100_000_000, Items: 20_000_000} }

const (
	maxLine  = 1 << 20 // bytes of one record
	maxRatio = 300     // unpacked by packed; timetables have 5 to 60
	minBomb  = 16 << 20
	maxFiles = 1000
)

// Open reads a feed from a zip file or a folder. Errors are of kind Invalid,
// TooLarge, or NotFound if there is nothing.
func Open(name string, limits Limits) (*Feed, error) {
	info, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, city.Errorf(city.NotFound, "there is no timetable at %s", name)
	}
	if err != nil {
		return nil, city.Errorf(city.Invalid, "the timetable cannot be read: %w", err)
	}
	if info.IsDir() {
		return Read(folder(name), limits)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, city.Errorf(city.Invalid, "the timetable cannot be read: %w", err)
	}
	defer f.Close()
	return ReadZip(f, info.Size(), limits)
}

// ReadZip reads a feed from a zip file.
func ReadZip(r io.ReaderAt, size int64, limits Limits) (*Feed, error) {
	z, err := zip.NewReader(r, size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return nil, city.Errorf(city.Invalid, "the timetable is no zip file: %w", err)
	}
	a := archive{}
	if err := a.index(z, limits); err != nil {
		return nil, err
	}
	return Read(a, limits)
}

// Files is where a feed's files are: errors.Is(err, fs.ErrNotExist) for one that is
// missing. Names are those of the specification, such as stops.txt.
type Files interface {
	Open(name string) (io.ReadCloser, error)
}

type folder string

func (d folder) Open(name string) (io.ReadCloser, error) {
	return os.Open(filepath.Join(string(d), name))
}

// archive is the files of a zip by name. They stand at its top or all in one folder.
type archive map[string]*zip.File

func (a archive) Open(name string) (io.ReadCloser, error) {
	f := a[name]
	if f == nil {
		return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	}
	return f.Open()
}

// index refuses an archive that is not what a feed is, before anything is unpacked.
func (a archive) index(z *zip.Reader, limits Limits) error {
	if len(z.File) > maxFiles {
		return city.Errorf(city.TooLarge, "the zip file has %d files; a timetable has at most %d", len(z.File), maxFiles)
	}
	top, found := "", false
	for _, f := range z.File {
		if !fs.ValidPath(strings.TrimSuffix(f.Name, "/")) || strings.ContainsAny(f.Name, "\\:\x00") {
			return city.Errorf(city.Invalid, "the zip file holds the path %q, which leads out of it; ask its publisher for a clean one", shorten(f.Name))
		}
		if strings.HasPrefix(f.Name, "__MACOSX/") || f.FileInfo().IsDir() {
			continue
		}
		if path.Base(f.Name) == "agency.txt" && !found {
			top, found = path.Dir(f.Name), true
		}
	}
	for _, f := range z.File {
		if path.Dir(f.Name) != cleanTop(top) || !strings.HasSuffix(f.Name, ".txt") {
			continue
		}
		name := path.Base(f.Name)
		switch {
		case !f.Mode().IsRegular():
			return city.Errorf(city.Invalid, "%s in the zip file is no plain file", name)
		case a[name] != nil:
			return city.Errorf(city.Invalid, "%s stands twice in the zip file; which one counts?", name)
		case f.UncompressedSize64 > uint64(limits.Bytes):
			return city.Errorf(city.TooLarge, "%s unpacks to %d bytes; %d are allowed", name, f.UncompressedSize64, limits.Bytes)
		case f.UncompressedSize64 > minBomb && f.UncompressedSize64/maxRatio > f.CompressedSize64:
			return city.Errorf(city.TooLarge, "%s unpacks to more than %d times its size; no timetable does", name, maxRatio)
		}
		a[name] = f
	}
	return nil
}

func cleanTop(top string) string {
	if top == "" {
		return "."
	}
	return top
}

func shorten(s string) string {
	if len(s) > 80 {
		return strings.ToValidUTF8(s[:80], "") + "…"
	}
	return s
}
