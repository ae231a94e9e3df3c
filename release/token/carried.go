package token

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"

	"polity/city"
	"polity/ledger/roster"
	"polity/recording/share"
)

// Kind says what a carried file is.
type Kind byte

// The kinds.
const (
	Request    Kind = 1 // an office asks a body
	Answer     Kind = 2 // a body's device answers
	Audit      Kind = 3 // shares for a body to try
	Statements Kind = 4 // entries for the log
	EpochKeys  Kind = 5 // a body's keys for its other device
	HoldAsked  Kind = 6 // shares for a body to hold
)

// String names the kind as people know it.
func (k Kind) String() string {
	names := [...]string{"file of no known kind", "request", "answer", "audit file", "file of statements for the log", "file of epoch keys", "request to hold"}
	if int(k) < len(names) {
		return names[k]
	}
	return names[0]
}

// Tag says what a section is.
type Tag byte

// The tags.
const (
	end         Tag = 0
	Body        Tag = 1  // court or ombudsman
	Roster      Tag = 2  // a later roster
	Consistency Tag = 3  // of the checkpoint with an older one
	Proof       Tag = 4  // of the token in the log
	Secret      Tag = 5  // age file
	Entry       Tag = 6  // of the log
	Record      Tag = 16 // header of a segment and a sealed share
	Rewrapped   Tag = 17 // header hash, state, resealed share
	Held        Tag = 18 // id of a hold, then as in Record, the share resealed to the hold's key
)

// Bounds.
const (
	MaxFile    = 512 << 20
	MaxRecords = 100_000
	maxProof   = 192 << 10
	maxEntry   = 8 << 10
	maxRecord  = 12 + 2048 + share.SealedSize

	// Mark is how every carried file begins.
	Mark = "POLREL\r\n"

	version = 1
	headLen = 12
)

type bound struct{ size, count int }

// bounds are what may stand in a file of a kind, and how much of it.
var bounds = map[Kind]map[Tag]bound{
	HoldAsked: {
		Body: {16, 1}, Roster: {roster.MaxSize, 16}, Consistency: {maxProof, 16}, Proof: {maxProof, 1}, Secret: {64 << 10, 1}, Record: {maxRecord, MaxRecords},
	},
	Request: {
		Body: {16, 1}, Roster: {roster.MaxSize, 16}, Consistency: {maxProof, 16}, Proof: {maxProof, 1}, Secret: {64 << 10, 1}, Record: {maxRecord, MaxRecords},
		Held: {32 + maxRecord, MaxRecords},
	},
	Answer:     {Rewrapped: {rewrappedSize, MaxRecords}, Entry: {maxEntry, 1}},
	Audit:      {Body: {16, 1}, Roster: {roster.MaxSize, 16}, Consistency: {maxProof, 16}, Proof: {maxProof, 1}, Record: {maxRecord, MaxRecords}},
	Statements: {Entry: {maxEntry, 8192}},
	EpochKeys:  {Body: {16, 1}, Secret: {MaxSecret, 1}},
}

// place orders sections: by tag, but the entry of an answer comes last.
func place(t Tag) int {
	if t == Entry {
		return 255
	}
	return int(t)
}

// Writer writes a carried file. It is used by one goroutine.
type Writer struct {
	to   io.Writer
	hash hash.Hash
	kind Kind
	last Tag
	n    map[Tag]int
	err  error
}

// Create begins a carried file.
func Create(w io.Writer, kind Kind) *Writer {
	f := &Writer{to: w, hash: sha256.New(), kind: kind, n: map[Tag]int{}}
	f.write(append([]byte(Mark), 0, version, byte(kind), 0))
	return f
}

func (f *Writer) write(b []byte) {
	if f.err != nil {
		return
	}
	f.hash.Write(b) //nolint:errcheck // a hash never fails
	_, f.err = f.to.Write(b)
}

// Add writes a section. What a reader would refuse is an error of kind Invalid.
func (f *Writer) Add(t Tag, content []byte) error {
	if f.err != nil {
		return f.err
	}
	f.n[t]++
	if f.err = admit(f.kind, t, f.last, f.n[t], len(content)); f.err != nil {
		return f.err
	}
	f.last = t
	f.write(prefix(t, len(content)))
	f.write(content)
	return f.err
}

// Close ends the file and returns its hash. It does not close what was written to.
func (f *Writer) Close() (sum [32]byte, err error) {
	f.hash.Sum(sum[:0])
	f.write(append(prefix(end, len(sum)), sum[:]...))
	return sum, f.err
}

func prefix(t Tag, n int) []byte {
	return binary.BigEndian.AppendUint32([]byte{byte(t)}, uint32(n)) //nolint:gosec // admit bounds it
}

func admit(k Kind, t, last Tag, count, size int) error {
	b, ok := bounds[k][t]
	switch {
	case !ok:
		return city.Errorf(city.Invalid, "a section with the tag %d does not belong in a %s", t, k)
	case place(t) < place(last):
		return city.Errorf(city.Invalid, "the sections of the %s are out of order", k)
	case count > b.count:
		return city.Errorf(city.TooLarge, "the %s has more than %d sections with the tag %d", k, b.count, t)
	case size > b.size:
		return city.Errorf(city.TooLarge, "a section with the tag %d has %d bytes; %d are allowed", t, size, b.size)
	}
	return nil
}

// Reader reads a carried file from foreign bytes. It is used by one goroutine.
type Reader struct {
	Kind Kind

	from *bufio.Reader
	hash hash.Hash
	sum  [32]byte
	size int64
	last Tag
	n    map[Tag]int
	buf  []byte
	err  error
}

// Open reads the head of a carried file of the kind that is wanted. The error is of
// kind Invalid and says what to do.
func Open(r io.Reader, want Kind) (*Reader, error) {
	f := &Reader{from: bufio.NewReaderSize(r, 64<<10), hash: sha256.New(), n: map[Tag]int{}}
	head, err := f.take(headLen)
	if err != nil {
		return nil, err
	}
	f.Kind = Kind(head[10])
	switch v := binary.BigEndian.Uint16(head[8:]); {
	case string(head[:8]) != Mark:
		return nil, city.Errorf(city.Invalid, "this is no file of a release: it does not begin with its mark")
	case v != version:
		return nil, city.Errorf(city.Invalid, "a %s of version %d; this release reads version %d: use a newer release", f.Kind, v, version)
	case head[11] != 0 || bounds[f.Kind] == nil:
		return nil, city.Errorf(city.Invalid, "this is a %s: use a newer release", Kind(0))
	case f.Kind != want:
		return nil, city.Errorf(city.Invalid, "this is a %s; a %s is wanted here", f.Kind, want)
	}
	return f, nil
}

// Next returns the next section. Its content is good until the next call. io.EOF comes
// only after the end was found to fit what was read, and nothing to follow it.
func (f *Reader) Next() (t Tag, content []byte, err error) {
	if f.err != nil {
		return 0, nil, f.err
	}
	if t, content, f.err = f.next(); f.err != nil {
		return 0, nil, f.err
	}
	return t, content, nil
}

func (f *Reader) next() (Tag, []byte, error) {
	f.hash.Sum(f.sum[:0])
	head, err := f.take(5)
	if err != nil {
		return 0, nil, err
	}
	t, n := Tag(head[0]), binary.BigEndian.Uint32(head[1:])
	if t == end {
		if n != 32 {
			return 0, nil, city.Errorf(city.Invalid, "the end of the %s is damaged", f.Kind)
		}
		sum := f.sum
		got, err := f.take(32)
		if err != nil {
			return 0, nil, err
		}
		if [32]byte(got) != sum {
			return 0, nil, city.Errorf(city.Invalid, "the %s was changed or damaged on its way: its hash does not fit; have it copied again", f.Kind)
		}
		if _, err := f.from.ReadByte(); !errors.Is(err, io.EOF) {
			return 0, nil, city.Errorf(city.Invalid, "something follows the end of the %s", f.Kind)
		}
		return 0, nil, io.EOF
	}
	f.n[t]++
	if err := admit(f.Kind, t, f.last, f.n[t], int(min(n, MaxFile))); err != nil {
		return 0, nil, err
	}
	f.last = t
	content, err := f.take(int(n))
	return t, content, err
}

// Sum is the file's hash, after Next returned io.EOF.
func (f *Reader) Sum() [32]byte { return f.sum }

func (f *Reader) take(n int) ([]byte, error) {
	if f.size += int64(n); f.size > MaxFile {
		return nil, city.Errorf(city.TooLarge, "the %s has more than %d MiB", f.Kind, MaxFile>>20)
	}
	if cap(f.buf) < n {
		f.buf = make([]byte, n)
	}
	b := f.buf[:n]
	if _, err := io.ReadFull(f.from, b); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, city.Errorf(city.Invalid, "the file ends too early: it was cut off; have it copied again")
		}
		return nil, fmt.Errorf("read the file: %w", err)
	}
	f.hash.Write(b) //nolint:errcheck // a hash never fails
	return b, nil
}
