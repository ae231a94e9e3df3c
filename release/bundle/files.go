package bundle

import (
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"slices"

	"polity/city"
)

// files are a bundle's members, from foreign bytes.
type files struct {
	names []string // in the order of its ZIP file
	sizes map[string]int64
	open  func(name string) (io.ReadCloser, error)
	close func() error
}

// openFiles opens a bundle: a folder or a ZIP file. Errors of kind Invalid are about what
// is in it.
func openFiles(path string) (*files, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, city.Errorf(city.NotFound, "open the bundle: %w", err)
	}
	if info.IsDir() {
		return openFolder(path)
	}
	f, err := os.Open(path) //nolint:gosec // the caller's file
	if err != nil {
		return nil, fmt.Errorf("open the bundle: %w", err)
	}
	fs, err := openZip(f, info.Size())
	if err != nil {
		f.Close()
		return nil, err
	}
	fs.close = f.Close
	return fs, nil
}

func openZip(f io.ReaderAt, size int64) (*files, error) {
	list, err := readZip(f, size)
	if err != nil {
		return nil, err
	}
	fs := &files{sizes: map[string]int64{}, close: func() error { return nil }}
	at := map[string]packed{}
	for _, p := range list {
		fs.names, fs.sizes[p.name], at[p.name] = append(fs.names, p.name), p.size, p
	}
	fs.open = func(name string) (io.ReadCloser, error) {
		p, ok := at[name]
		if !ok {
			return nil, missing(name)
		}
		return &zipMember{from: io.NewSectionReader(f, p.at+int64(len(p.local())), p.size), want: p}, nil
	}
	return fs, nil
}

// zipMember holds a member to its CRC, which other programs do too.
type zipMember struct {
	from io.Reader
	want packed
	crc  uint32
	read int64
}

// Read implements io.Reader.
func (z *zipMember) Read(b []byte) (int, error) {
	n, err := z.from.Read(b)
	z.crc, z.read = crc32.Update(z.crc, crc32.IEEETable, b[:n]), z.read+int64(n)
	if z.read == z.want.size && z.crc != z.want.crc {
		return n, city.Errorf(city.Invalid, "%s is damaged: its check does not hold", z.want.name)
	}
	return n, err
}

// Close implements io.Closer.
func (*zipMember) Close() error { return nil }

func missing(name string) error {
	return city.Errorf(city.Invalid, "%s is missing in the bundle", name)
}

func openFolder(path string) (*files, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, fmt.Errorf("open the bundle: %w", err)
	}
	list := &files{sizes: map[string]int64{}, close: root.Close}
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name == ".":
			return nil
		case d.IsDir() && slices.Contains([]string{clips, proofs, rosters, segments}, name):
			return nil
		case !d.Type().IsRegular():
			return city.Errorf(city.Invalid, "%.100q in the bundle is no file and no folder that belongs there", name)
		}
		if name != sumsName && name != sigName {
			if _, err := memberOf(name); err != nil {
				return err
			}
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if list.names = append(list.names, name); len(list.names) > MaxMembers+2 {
			return city.Errorf(city.TooLarge, "the bundle has more than %d files", MaxMembers)
		}
		list.sizes[name] = info.Size()
		return nil
	})
	if err != nil {
		root.Close()
		return nil, err
	}
	list.names = order(list.names)
	list.open = func(name string) (io.ReadCloser, error) {
		f, err := root.Open(name)
		if os.IsNotExist(err) {
			return nil, missing(name)
		}
		return f, err
	}
	return list, nil
}

// read reads a member whole, up to a bound.
func (f *files) read(name string, most int64) ([]byte, error) {
	from, err := f.open(name)
	if err != nil {
		return nil, err
	}
	defer from.Close()
	b, err := io.ReadAll(io.LimitReader(from, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > most {
		return nil, city.Errorf(city.TooLarge, "%s has more than %d bytes", name, most)
	}
	return b, nil
}

func (f *files) has(name string) bool {
	_, ok := f.sizes[name]
	return ok
}
