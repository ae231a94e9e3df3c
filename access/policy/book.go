package policy

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"polity/city"
	"polity/internal/durable"
)

// The words for what an entry says.
const (
	Begun     = "begun"
	Proposed  = "proposed"
	Approved  = "approved"
	Refused   = "refused"
	Withdrawn = "withdrawn"
	WasReset  = "reset"
)

// Entry is one line of the book (docs/formats/policy.md).
type Entry struct {
	N        int       `json:"n"`
	At       time.Time `json:"at"`
	What     string    `json:"what"`
	By       string    `json:"by,omitempty"`
	Proposal int       `json:"proposal,omitempty"`
	Reason   Reason    `json:"reason,omitempty"`
	Old      string    `json:"old"`
	New      string    `json:"new"`
	Files    []File    `json:"files,omitempty"`
	Previous string    `json:"previous"`
}

const (
	noHash = "0000000000000000000000000000000000000000000000000000000000000000"
	// maxLine bounds a line of the book: every file of a city, JSON's escapes included.
	maxLine = 6 * maxFile * maxFiles
)

// Hash is the SHA-256 of a set of files as docs/formats/policy.md has it.
func Hash(files []File) string {
	sorted := slices.Clone(files)
	slices.SortFunc(sorted, byName)
	h := sha256.New()
	part := func(s string) {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(s)))
		h.Write(n[:])
		h.Write([]byte(s))
	}
	for _, f := range sorted {
		part(f.Name)
		part(f.Text)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func hashLine(line []byte) string {
	sum := sha256.Sum256(line)
	return hex.EncodeToString(sum[:])
}

// ReadBook reads and verifies a book: numbers, times, the chain, and that each entry
// follows from those before. A last line that was never ended is left out; whole is the
// length of what counts, in bytes. No file is an empty book.
func ReadBook(path string) (entries []Entry, head string, whole int64, err error) {
	f, err := os.Open(path) //nolint:gosec // the caller names its own book
	if errors.Is(err, fs.ErrNotExist) {
		return nil, noHash, 0, nil
	}
	if err != nil {
		return nil, "", 0, city.Errorf(city.Unavailable, "open the book of policies: %w", err)
	}
	defer f.Close()
	head = noHash
	r := bufio.NewReaderSize(f, 64<<10)
	for {
		line, err := readLine(r)
		if errors.Is(err, io.EOF) {
			return entries, head, whole, nil
		}
		if err != nil {
			return nil, "", 0, city.Errorf(city.Unavailable, "read the book of policies: %w", err)
		}
		e, err := nextEntry(entries, head, line)
		if err != nil {
			return nil, "", 0, city.Errorf(city.Invalid, "%s:%d: %w; the book was changed: put back a copy of it, and find out who changed it", path, len(entries)+1, err)
		}
		entries, head = append(entries, e), hashLine(line)
		whole += int64(len(line)) + 1
	}
}

// readLine returns the next line that is ended, without its line feed; io.EOF if there is
// none.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case err == nil:
			return line[:len(line)-1], nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		case len(line) > maxLine:
			return nil, fmt.Errorf("a line has more than %d bytes", maxLine)
		}
	}
}

// nextEntry decodes a line and says what is wrong with it after those before.
func nextEntry(before []Entry, head string, line []byte) (Entry, error) {
	var e Entry
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		return e, fmt.Errorf("this is no entry: %w", err)
	}
	again, err := json.Marshal(e)
	if err != nil {
		return e, err
	}
	switch {
	case !bytes.Equal(again, line):
		return e, errors.New("this entry is not written as entries are")
	case e.N != len(before)+1:
		return e, fmt.Errorf("entry %d stands where %d should", e.N, len(before)+1)
	case e.Previous != head:
		return e, errors.New("the entry before is not the one that this one followed")
	case len(before) > 0 && e.At.Before(before[len(before)-1].At):
		return e, errors.New("this entry is older than the one before")
	}
	return e, follows(before, e)
}

// follows says whether an entry can stand after those before.
func follows(before []Entry, e Entry) error {
	current := current(before)
	if e.What != Begun && e.Old != current {
		return errors.New("old is not what was in effect")
	}
	switch e.What {
	case Begun:
		if len(before) > 0 || e.New != Hash(e.Files) {
			return errors.New("begun stands first, with the files that new is the hash of")
		}
	case Proposed:
		if e.By == "" || e.New != Hash(e.Files) || !slices.Contains(Reasons(), e.Reason) {
			return errors.New("a proposal names who, a reason, and the files that new is the hash of")
		}
	case Approved, Refused, Withdrawn:
		p, ok := open(before, e.Proposal)
		switch {
		case !ok:
			return errors.New("it decides about no open proposal")
		case e.By == "" || (e.What == Withdrawn) != (e.By == p.By):
			return errors.New("a proposal is withdrawn by who made it, and decided by another")
		case e.What == Approved && (e.New != p.New || p.Old != current), e.What != Approved && e.New != current:
			return errors.New("new is not what follows")
		}
	case WasReset:
		if e.New != Hash(nil) {
			return errors.New("after a reset there are no policies of the city's own")
		}
	default:
		return fmt.Errorf("nobody knows what %q is", e.What)
	}
	return nil
}

// current is the hash of what is in effect after entries.
func current(entries []Entry) string {
	if len(entries) == 0 {
		return Hash(nil)
	}
	if e := entries[len(entries)-1]; e.What != Proposed {
		return e.New
	}
	return entries[len(entries)-1].Old
}

// open returns the proposal with a number if nothing was decided about it. It may be void.
func open(entries []Entry, number int) (Entry, bool) {
	if number < 1 || number > len(entries) || entries[number-1].What != Proposed {
		return Entry{}, false
	}
	for _, e := range entries[number:] {
		if e.Proposal == number {
			return Entry{}, false
		}
	}
	return entries[number-1], true
}

// inEffect returns the files that are in effect after entries.
func inEffect(entries []Entry) []File {
	for _, e := range slices.Backward(entries) {
		switch e.What {
		case Begun:
			return e.Files
		case Approved:
			return entries[e.Proposal-1].Files
		case WasReset:
			return nil
		}
	}
	return nil
}

// book is a book that entries are added to. It is not safe for concurrent use.
type book struct {
	path    string
	file    *os.File
	entries []Entry
	head    string
	length  int64
	broken  error // of a failed write that could not be undone
}

// openBook opens a book for its one writer, and removes what a crash left of a line.
func openBook(path string) (_ *book, err error) {
	_, statErr := os.Stat(path)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600) //nolint:gosec // the caller names its own book
	if err != nil {
		return nil, city.Errorf(city.Unavailable, "open the book of policies: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, city.Errorf(city.Unavailable, "%s is in use; is the hub running?", path)
	}
	if errors.Is(statErr, fs.ErrNotExist) {
		if err := durable.SyncDir(filepath.Dir(path)); err != nil {
			return nil, city.Errorf(city.Unavailable, "make the book of policies: %w", err)
		}
	}
	b := &book{path: path, file: f}
	if b.entries, b.head, b.length, err = ReadBook(path); err != nil {
		return nil, err
	}
	if err := b.cut(); err != nil {
		return nil, city.Errorf(city.Unavailable, "remove an entry that was never whole: %w", err)
	}
	return b, nil
}

// cut removes what stands behind the entries that count.
func (b *book) cut() error {
	info, err := b.file.Stat()
	if err != nil || info.Size() == b.length {
		return err
	}
	return errors.Join(b.file.Truncate(b.length), b.file.Sync())
}

// add completes an entry and puts it on disk. When it returns an error the entry is not
// there.
func (b *book) add(e Entry, now time.Time) (Entry, error) {
	if b.broken != nil {
		return e, city.Errorf(city.Unavailable, "the book of policies cannot be written since an earlier error (%w); restart the hub when the disk is well", b.broken)
	}
	e.N, e.Previous, e.Old = len(b.entries)+1, b.head, current(b.entries)
	if e.What == Begun {
		e.Old = Hash(nil)
	}
	e.At = now.UTC().Truncate(time.Second)
	if len(b.entries) > 0 && e.At.Before(b.entries[len(b.entries)-1].At) {
		e.At = b.entries[len(b.entries)-1].At
	}
	line, err := json.Marshal(e)
	if err != nil {
		return e, err
	}
	if e, err = nextEntry(b.entries, b.head, line); err != nil {
		return e, fmt.Errorf("this entry cannot follow: %w", err)
	}
	_, err = b.file.Write(append(line, '\n'))
	if err == nil {
		err = b.file.Sync()
	}
	if err != nil {
		b.broken = b.cut()
		return e, city.Errorf(city.Unavailable, "write the book of policies; nothing was changed: %w", err)
	}
	b.entries, b.head = append(b.entries, e), hashLine(line)
	b.length += int64(len(line)) + 1
	return e, nil
}

func (b *book) close() error { return b.file.Close() }
