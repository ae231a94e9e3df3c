package log

import (
	"errors"
	"io/fs"
	"os"
)

// disk is the log's folder, opened: all that the log does to its files. Names are as in
// os.Root. A test puts one in its place that takes the power away.
type disk interface {
	ReadFile(name string) ([]byte, error)
	Stat(name string) (fs.FileInfo, error)
	OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error)
	Mkdir(name string, perm fs.FileMode) error
	Rename(from, to string) error
	Remove(name string) error
	RemoveAll(name string) error
	Close() error

	// create makes a file; its content is on the disk then, its name is once sync returns.
	create(name string, data []byte) error
	// sync puts on the disk which names stand in a folder.
	sync(dir string) error
}

// mount opens the disk at a path.
type mount func(dir string) (disk, error)

// mounted is the operating system's.
func mounted(dir string) (disk, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return rooted{root}, nil
}

type rooted struct{ *os.Root }

func (r rooted) create(name string, data []byte) error {
	file, err := r.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_SYNC, 0o644)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	return errors.Join(err, file.Close())
}

func (r rooted) sync(dir string) error {
	d, err := r.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
