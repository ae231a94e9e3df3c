package custodian

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"polity/city"
	"polity/internal/durable"
)

// slot is what a vault needs beside its folder: the number of its last change, and a
// secret that changes with it.
type slot struct {
	counter uint64
	secret  [32]byte
}

// Anchor holds what a copy of the state folder does not have. It is never in a backup.
// Methods are called by one goroutine.
type Anchor interface {
	// load returns the slot that counts, and the next one if a change was begun. An
	// error of kind NotFound says that there is no anchor.
	load() (now slot, next *slot, err error)
	// begin keeps next beside the one that counts; it is durable when begin returns.
	begin(next slot) error
	// finish makes one of the two the only one, and overwrites the other.
	finish(keep uint64) error
	// Kind says in words what protects it.
	Kind() string
	// remove forgets it.
	remove() error
}

// medium is where an anchor's bytes are.
type medium interface {
	read() ([]byte, error)
	// writeAt overwrites in place, durably.
	writeAt(offset int, b []byte) error
}

const (
	slotSize   = 8 + 32 + 8
	anchorSize = 2 * slotSize
)

// slots is an anchor on a medium: two places, of which one or both hold a slot.
type slots struct{ on medium }

func encodeSlot(s slot) []byte {
	b := binary.BigEndian.AppendUint64(nil, s.counter)
	b = append(b, s.secret[:]...)
	sum := sha256.Sum256(b)
	return append(b, sum[:8]...)
}

// decodeSlot returns nil for a place that holds none, or half of one after a loss of power.
func decodeSlot(b []byte) *slot {
	s := &slot{counter: binary.BigEndian.Uint64(b), secret: [32]byte(b[8:40])}
	sum := sha256.Sum256(b[:40])
	if s.counter == 0 || string(sum[:8]) != string(b[40:slotSize]) {
		return nil
	}
	return s
}

func (a slots) places() (list [2]*slot, err error) {
	b, err := a.on.read()
	if err != nil {
		return list, err
	}
	defer clear(b)
	if len(b) != anchorSize {
		return list, city.Errorf(city.Invalid, "the anchor has %d bytes, not %d: it was damaged", len(b), anchorSize)
	}
	return [2]*slot{decodeSlot(b), decodeSlot(b[slotSize:])}, nil
}

func (a slots) load() (now slot, next *slot, err error) {
	list, err := a.places()
	switch {
	case err != nil:
		return now, nil, err
	case list[0] == nil && list[1] == nil:
		return now, nil, city.Errorf(city.Invalid, "the anchor holds nothing that can be read: it was damaged; this device's state is lost, use the body's other device")
	case list[0] == nil:
		return *list[1], nil, nil
	case list[1] == nil:
		return *list[0], nil, nil
	case list[0].counter < list[1].counter:
		return *list[0], list[1], nil
	default:
		return *list[1], list[0], nil
	}
}

// begin writes into the place that does not hold the slot that counts.
func (a slots) begin(next slot) error {
	list, err := a.places()
	if err != nil {
		return err
	}
	i := 0
	if list[0] != nil && (list[1] == nil || list[0].counter < list[1].counter) {
		i = 1
	}
	return a.on.writeAt(i*slotSize, encodeSlot(next))
}

func (a slots) finish(keep uint64) error {
	list, err := a.places()
	if err != nil {
		return err
	}
	for i, s := range list {
		if s != nil && s.counter == keep {
			continue
		}
		noise := make([]byte, slotSize)
		_, _ = rand.Read(noise) // never fails: the program ends first
		for _, b := range [][]byte{noise, make([]byte, slotSize)} {
			if err := a.on.writeAt(i*slotSize, b); err != nil {
				return err
			}
		}
	}
	return nil
}

// fileAnchor is an anchor in a file.
type fileAnchor struct {
	slots
	path string
}

// FileAnchor is an anchor in a file, for a machine without a TPM. The file stands
// outside the state folder and outside every backup.
func FileAnchor(path string) Anchor { return fileAnchor{slots{file(path)}, path} }

// Kind says what protects it.
func (a fileAnchor) Kind() string {
	return "a file (software): whoever copies the state folder and the anchor " + a.path + " together has a copy of the device"
}

func (a fileAnchor) remove() error { return os.Remove(a.path) }

type file string

func (f file) read() ([]byte, error) {
	r, err := os.Open(string(f))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, city.Errorf(city.NotFound, "there is no anchor %s", string(f))
	}
	if err != nil {
		return nil, fmt.Errorf("read the anchor: %w", err)
	}
	defer r.Close() //nolint:errcheck // it is only read
	b, err := io.ReadAll(io.LimitReader(r, anchorSize+1))
	if err != nil {
		return nil, fmt.Errorf("read the anchor: %w", err)
	}
	return b, nil
}

func (f file) writeAt(offset int, b []byte) (err error) {
	w, err := os.OpenFile(string(f), os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("write the anchor: %w", err)
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	if _, err := w.WriteAt(b, int64(offset)); err != nil {
		return fmt.Errorf("write the anchor: %w", err)
	}
	if err := w.Sync(); err != nil {
		return fmt.Errorf("write the anchor: %w", err)
	}
	return nil
}

// createFile makes an anchor that holds one slot. One that is there already is not
// overwritten.
func (a fileAnchor) create(s slot) error {
	if _, err := os.Lstat(a.path); !errors.Is(err, fs.ErrNotExist) {
		return city.Errorf(city.Conflict, "there is an anchor %s already: it belongs to another device's state; name another file", a.path)
	}
	return durable.WriteFile(a.path, append(encodeSlot(s), make([]byte, slotSize)...), 0o600)
}
