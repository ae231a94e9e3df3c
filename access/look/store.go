package look

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"polity/internal/durable"
)

// disk is where the book's files are. After a crash what Append returned nil for is
// there; of what it did not, any part may be.
type disk interface {
	// Append writes data at the end of a file that has size bytes, 0 for one that is not
	// there, and syncs it.
	Append(path string, size int64, data []byte) error
	// Cut takes back what a failed Append may have left behind.
	Cut(path string, size int64) error
	Remove(path string) error
}

// errSync means that nobody knows what is on the disk until it is read again.
var errSync = errors.New("the disk did not confirm a write")

type files struct{}

func (files) Append(path string, size int64, data []byte) (err error) {
	flags := os.O_WRONLY
	if size == 0 {
		flags |= os.O_CREATE
	}
	f, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.WriteAt(data, size); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("%w: %w", errSync, err)
	}
	if size == 0 {
		if err := durable.SyncDir(filepath.Dir(path)); err != nil {
			return fmt.Errorf("%w: %w", errSync, err)
		}
	}
	return nil
}

func (files) Cut(path string, size int64) error {
	if err := os.Truncate(path, size); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

func (files) Remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return durable.SyncDir(filepath.Dir(path))
}

const chainName = "chain.jsonl"

func detailsDir(dir string) string { return filepath.Join(dir, "details") }

func detailsPath(dir, day string) string { return filepath.Join(detailsDir(dir), day+".jsonl") }

// whole is how much of a file is lines that were written to their end. What follows was
// being written when the machine stopped: it has no newline at its end, or holes of zeros.
// Anything else that cannot be read is no accident.
func whole(data []byte) int {
	n := len(data)
	for i := range data {
		if data[i] == 0 {
			n = i
			break
		}
	}
	for n > 0 && data[n-1] != '\n' {
		n--
	}
	return n
}
