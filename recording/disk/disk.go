// Package disk is what recording asks of a disk, and that on the operating system's
// files. Package disktest has one that loses power.
package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"syscall"

	"polity/city"
)

// Disk is a folder. Names are slash-separated and relative to it. What was written to
// a file is durable after the file's Sync, a name (its making, renaming, removal) after
// SyncDir of its folder. It may be used by many goroutines.
type Disk interface {
	// MkdirAll makes a folder and those above it, durably.
	MkdirAll(dir string) error
	// Create makes a file that is not there yet.
	Create(name string) (File, error)
	// Append opens a file for adding to its end; it is made if it is not there.
	Append(name string) (File, error)
	// Open opens a file for reading.
	Open(name string) (Reader, error)
	// Truncate cuts a file to its first size bytes; it is durable after the Sync of a file
	// that was opened by Append.
	Truncate(name string, size int64) error
	Rename(from, to string) error
	// Remove removes a file or an empty folder; one that is not there is fs.ErrNotExist.
	Remove(name string) error
	// List returns a folder's content in order of name.
	List(dir string) ([]Entry, error)
	SyncDir(dir string) error
	// Free returns how many bytes may still be written.
	Free() (int64, error)
}

// File is a file being written.
type File interface {
	io.WriteCloser
	Sync() error
}

// Reader is a file being read.
type Reader interface {
	io.ReaderAt
	io.Closer
	Size() int64
}

// Entry is a file or folder in a folder.
type Entry struct {
	Name string
	Dir  bool
	Size int64
}

// Folder is a Disk in a folder of the operating system. Nothing outside it can be
// reached, by links either.
type Folder struct {
	root *os.Root
	path string
}

// OpenFolder opens a folder, and makes it where it is not there.
func OpenFolder(dir string) (*Folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("folder for recordings: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("folder for recordings: %w", err)
	}
	return &Folder{root: root, path: dir}, nil
}

// Close lets the folder go.
func (f *Folder) Close() error { return f.root.Close() }

// MkdirAll implements Disk.
func (f *Folder) MkdirAll(dir string) error {
	if _, err := f.root.Stat(dir); err == nil {
		return nil
	}
	if err := f.root.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for dir != "." {
		dir = path.Dir(dir)
		if err := f.SyncDir(dir); err != nil {
			return err
		}
	}
	return nil
}

// Create implements Disk.
func (f *Folder) Create(name string) (File, error) {
	return f.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

// Append implements Disk.
func (f *Folder) Append(name string) (File, error) {
	return f.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
}

type osReader struct {
	*os.File
	size int64
}

func (r osReader) Size() int64 { return r.size }

// Open implements Disk.
func (f *Folder) Open(name string) (Reader, error) {
	file, err := f.root.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = city.Errorf(city.Invalid, "%s is not a file", name)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return osReader{file, info.Size()}, nil
}

// Truncate implements Disk.
func (f *Folder) Truncate(name string, size int64) error {
	file, err := f.root.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(file.Truncate(size), file.Close())
}

// Rename implements Disk.
func (f *Folder) Rename(from, to string) error { return f.root.Rename(from, to) }

// Remove implements Disk.
func (f *Folder) Remove(name string) error { return f.root.Remove(name) }

// List implements Disk.
func (f *Folder) List(dir string) ([]Entry, error) {
	d, err := fs.ReadDir(f.root.FS(), dir)
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, 0, len(d))
	for _, e := range d {
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed meanwhile
		}
		if err != nil {
			return nil, err
		}
		entries = append(entries, Entry{Name: e.Name(), Dir: e.IsDir(), Size: info.Size()})
	}
	return entries, nil
}

// SyncDir implements Disk.
func (f *Folder) SyncDir(dir string) error {
	d, err := f.root.Open(dir)
	if err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}

// Free implements Disk.
func (f *Folder) Free() (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(f.path, &s); err != nil {
		return 0, fmt.Errorf("free space of %s: %w", f.path, err)
	}
	return int64(s.Bavail) * s.Bsize, nil //nolint:unconvert // Bsize is of another size elsewhere
}

// Full says whether an error means that no more can be written.
func Full(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
