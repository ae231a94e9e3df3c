package custodian

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"rsc.io/qr"

	"polity/city"
	"polity/internal/durable"
	"polity/ledger/entry"
)

// WriteNew writes a file that people carry: whole and on the disk, or not at all. One that
// is there already is not overwritten.
func WriteNew(path string, write func(io.Writer) error) (err error) {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return city.Errorf(city.Conflict, "there is a file %s already; name another one", path)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close(), os.Remove(f.Name()))
		}
	}()
	b := bufio.NewWriterSize(f, 1<<16)
	if err := write(b); err != nil {
		return err
	}
	if err := errors.Join(b.Flush(), f.Sync()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.Link(f.Name(), path); err != nil { // unlike a renaming, it overwrites nothing
		if err := os.Rename(f.Name(), path); err != nil { // sticks often have no links
			return fmt.Errorf("write %s: %w", path, err)
		}
		return errors.Join(f.Close(), durable.SyncDir(filepath.Dir(path)))
	}
	return errors.Join(f.Close(), os.Remove(f.Name()), durable.SyncDir(filepath.Dir(path)))
}

// QR is the entry of an answer as a picture (PNG), for a machine with a camera. Shares do
// not fit, and are not in it.
func QR(e entry.Signed) ([]byte, error) {
	text, err := entry.Encode(e)
	if err != nil {
		return nil, err
	}
	code, err := qr.Encode(string(text), qr.M)
	if err != nil {
		return nil, city.Errorf(city.TooLarge, "the entry does not fit into a QR code: %w", err)
	}
	code.Scale = 6
	return code.PNG(), nil
}
