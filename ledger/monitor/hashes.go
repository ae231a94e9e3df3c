package monitor

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/tlog"

	"polity/city"
	"polity/internal/durable"
)

// hashes is every hash of a tree in a file, 32 bytes each, in the order in which
// tlog.StoredHashes makes them. It implements tlog.HashReader.
type hashes struct {
	f    *os.File
	size int64 // entries whose hashes are in the file
	tail []tlog.Hash
	at   int64 // hashes in the file, without tail
}

// flushed is how many hashes gather before they are written.
const flushed = 4096

// openHashes opens the hashes of a tree of a size, and cuts off what a crash left behind
// them.
func openHashes(path string, size int64) (*hashes, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("hashes of the log: %w", err)
	}
	h := &hashes{f: f}
	info, err := f.Stat()
	if err == nil && info.Size() < tlog.StoredHashCount(size)*tlog.HashSize {
		err = city.Errorf(city.Invalid, "%s is shorter than the state beside it says: it is damaged, or of another log; remove both and the log is read again", path)
	}
	if err == nil {
		err = errors.Join(h.cut(size), durable.SyncDir(filepath.Dir(path)))
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return h, nil
}

// cut forgets entries past a size.
func (h *hashes) cut(size int64) error {
	h.size, h.at, h.tail = size, tlog.StoredHashCount(size), nil
	return h.f.Truncate(h.at * tlog.HashSize)
}

// add appends the hash of an entry.
func (h *hashes) add(leaf tlog.Hash) error {
	more, err := tlog.StoredHashesForRecordHash(h.size, leaf, h)
	if err != nil {
		return err
	}
	h.tail = append(h.tail, more...)
	h.size++
	if len(h.tail) >= flushed {
		return h.flush()
	}
	return nil
}

func (h *hashes) flush() error {
	b := make([]byte, 0, len(h.tail)*tlog.HashSize)
	for i := range h.tail {
		b = append(b, h.tail[i][:]...)
	}
	if _, err := h.f.WriteAt(b, h.at*tlog.HashSize); err != nil {
		return err
	}
	h.at += int64(len(h.tail))
	h.tail = nil
	return nil
}

// sync makes what was added survive a loss of power.
func (h *hashes) sync() error {
	if err := h.flush(); err != nil {
		return err
	}
	return h.f.Sync()
}

// ReadHashes implements tlog.HashReader.
func (h *hashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		if x >= h.at {
			if x-h.at >= int64(len(h.tail)) {
				return nil, fmt.Errorf("hash %d is not there", x)
			}
			out[i] = h.tail[x-h.at]
			continue
		}
		if _, err := h.f.ReadAt(out[i][:], x*tlog.HashSize); err != nil {
			return nil, fmt.Errorf("hashes of the log: %w", err)
		}
	}
	return out, nil
}

// root is that of the tree's first size entries.
func (h *hashes) root(size int64) (tlog.Hash, error) { return tlog.TreeHash(size, h) }

// settled reads hashes that are in the file for good, beside whoever appends.
type settled struct {
	f    *os.File
	size int64
}

// ReadHashes implements tlog.HashReader.
func (s settled) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	return (&hashes{f: s.f, at: tlog.StoredHashCount(s.size)}).ReadHashes(indexes)
}
