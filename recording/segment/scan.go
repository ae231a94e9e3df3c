package segment

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"

	"github.com/zeebo/blake3"

	"polity/city"
	"polity/recording/share"
)

// Sealed is a segment that was checked without a key.
type Sealed struct {
	Header  *Header
	Shares  [2][]byte // sealed, in the order of share.Bodies
	Trailer *Trailer
	Hash    [32]byte // segment hash
	Size    int64    // of the file in bytes

	body int64 // where it begins
}

// front reads header and sealed shares off r, and checks them.
func front(r io.Reader, trust Trust) (*Sealed, error) {
	h, err := ReadHeader(r)
	if err != nil {
		return nil, err
	}
	if !trust(h.Recorder) {
		return nil, city.Errorf(city.Invalid, "the segment was signed by a recorder with the key %x, which is none of the city's", h.Recorder)
	}
	s := &Sealed{Header: h, body: int64(len(h.raw)) + 2*share.SealedSize}
	for i := range s.Shares {
		s.Shares[i] = make([]byte, share.SealedSize)
		if _, err := io.ReadFull(r, s.Shares[i]); err != nil {
			return nil, short(err, "the sealed shares")
		}
		if sha256.Sum256(s.Shares[i]) != h.Seals[i] {
			return nil, city.Errorf(city.Invalid, "the sealed share of %s is not the one that the header names: it was changed or damaged", share.Bodies[i])
		}
	}
	return s, nil
}

// Ends reads header, shares and trailer of a file of that size and checks all that can
// be checked without reading the body: signatures, hashes of the shares, lengths.
// Errors of kind Invalid say what is wrong.
func Ends(f io.ReaderAt, size int64, trust Trust) (*Sealed, error) {
	if size > MaxSize {
		return nil, city.Errorf(city.TooLarge, "the file has %d bytes; a segment has %d at most", size, MaxSize)
	}
	s, err := front(io.NewSectionReader(f, 0, size), trust)
	if err != nil {
		return nil, err
	}
	if size < s.body+TrailerSize {
		return nil, city.Errorf(city.Invalid, "the segment is cut short: it ends within the body")
	}
	b := make([]byte, TrailerSize)
	if _, err := f.ReadAt(b, size-TrailerSize); err != nil && !errors.Is(err, io.EOF) {
		return nil, short(err, "the trailer")
	}
	if s.Trailer, err = ParseTrailer(s.Header, b); err != nil {
		return nil, err
	}
	if s.body+s.Trailer.Length+TrailerSize != size {
		return nil, city.Errorf(city.Invalid, "the trailer tells of a body of %d bytes, the file has %d: something was cut out or put in", s.Trailer.Length, size-s.body-TrailerSize)
	}
	s.Size, s.Hash = size, s.Trailer.Hash()
	return s, nil
}

// Scan checks a segment without its key, body included: that it is, to the byte, what
// the recorder signed. Errors of kind Invalid say what is wrong, with the chunk's number.
func Scan(f io.ReaderAt, size int64, trust Trust) (*Sealed, error) {
	s, err := Ends(f, size, trust)
	if err != nil {
		return nil, err
	}
	hash := blake3.New()
	w := walker{r: io.NewSectionReader(f, s.body, s.Trailer.Length), buf: make([]byte, fullFrame)}
	for {
		frame, err := w.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		hash.Write(frame) //nolint:errcheck // a hash never fails
	}
	switch {
	case w.n != uint64(s.Trailer.Frames):
		return nil, city.Errorf(city.Invalid, "the body has %d chunks, the trailer tells of %d", w.n, s.Trailer.Frames)
	case !bytes.Equal(hash.Sum(nil), s.Trailer.Body[:]):
		return nil, city.Errorf(city.Invalid, "the body is not the one that the recorder signed: it was changed or exchanged")
	}
	return s, nil
}

// walker goes through the frames of a body.
type walker struct {
	r     io.Reader
	buf   []byte // room for one frame
	n     uint64 // frames so far
	short bool   // the last one was shorter than others: none may follow
}

// next returns the next frame with length and check; it is good until the next call.
// io.EOF only between frames.
func (w *walker) next() ([]byte, error) {
	if _, err := io.ReadFull(w.r, w.buf[:lengths]); errors.Is(err, io.EOF) {
		return nil, io.EOF
	} else if err != nil {
		return nil, short(err, "a chunk")
	}
	length, err := frameLength(w.buf, w.n)
	if err != nil {
		return nil, err
	}
	if w.short {
		return nil, city.Errorf(city.Invalid, "chunk %d follows one that is shorter than all but the last may be: something was cut out or put in", w.n)
	}
	n := lengths + length
	if _, err := io.ReadFull(w.r, w.buf[lengths:n+checkSize]); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, short(err, "a chunk")
	}
	if binary.BigEndian.Uint32(w.buf[n:]) != frameCheck(w.n, w.buf[:n]) {
		return nil, city.Errorf(city.Invalid, "chunk %d is damaged or out of its place: its check does not hold", w.n)
	}
	w.short = n+checkSize < fullFrame
	w.n++
	return w.buf[:n+checkSize], nil
}
