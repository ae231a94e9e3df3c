package segment

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"io"
	"sync"
	"time"

	"github.com/zeebo/blake3"

	"polity/city"
	"polity/recording/share"
)

// Writer seals one segment. It is used by one goroutine.
type Writer struct {
	Header *Header

	to     io.Writer
	by     Signer
	hash   [32]byte // of the header
	aead   aead
	buf    []byte // room for some frames: sealed ones, then the one that plaintext gathers in
	at     int    // where in buf that one begins
	held   int    // bytes of plaintext in it
	frames uint32
	length int64
	size   int64 // of the file so far
	body   hash.Hash
	err    error // after which nothing is written
}

// atOnce is how many frames are written at once: a write each costs a tenth more.
const atOnce = 4

var buffers = sync.Pool{New: func() any { b := make([]byte, atOnce*fullFrame); return &b }}

// Seal begins a segment: it makes the key, seals its shares to both epoch keys (in the
// order of share.Bodies), signs the header, and writes header and shares to w. Nothing
// that could open the segment is ever written or returned. Of h everything up to Previous is
// the caller's to fill in; Seal fills in the rest.
//
// Errors of kind Invalid are about h or the keys; others are w's or the signer's.
func Seal(w io.Writer, h Header, keys [2]share.EpochKey, by Signer) (*Writer, error) {
	h.Start = h.Start.UTC().Truncate(time.Millisecond)
	if err := h.Check(); err != nil {
		return nil, err
	}
	for i, body := range share.Bodies {
		if err := keys[i].For(body, h.Class, h.Day()); err != nil {
			return nil, err
		}
		h.EpochKeys[i] = keys[i].ID
	}
	split := share.New()
	defer split.Wipe()
	h.Key = share.CommitKey(&split.Key)
	var sealed [2][]byte
	for i, s := range []*share.Key{&split.Court, &split.Ombudsman} {
		var err error
		if sealed[i], err = share.Seal(keys[i].Public, h.Context(i), s); err != nil {
			return nil, err
		}
		h.Commitments[i] = share.Commit(share.Bodies[i], s)
		h.Seals[i] = sha256.Sum256(sealed[i])
	}
	if err := h.sign(by); err != nil {
		return nil, err
	}
	cipher, err := newAEAD(&split.Key)
	if err != nil {
		return nil, err
	}
	s := &Writer{Header: &h, to: w, by: by, hash: h.Hash(), aead: cipher, buf: *buffers.Get().(*[]byte), body: blake3.New()}
	head := append(append(append([]byte(nil), h.raw...), sealed[0]...), sealed[1]...)
	if s.write(head); s.err != nil {
		s.Abandon()
		return nil, s.err
	}
	return s, nil
}

// Write takes plaintext. What is written on is ciphertext, some chunks at a time; the
// rest waits in memory. An error is final: the segment is to be abandoned.
func (s *Writer) Write(p []byte) (int, error) {
	taken := 0
	for len(p) > 0 && s.err == nil {
		if s.held == chunk { // and more comes, so that it is not the last
			s.flush(false)
			continue
		}
		n := copy(s.buf[s.at+lengths+s.held:s.at+lengths+chunk], p)
		s.held += n
		taken += n
		p = p[n:]
	}
	return taken, s.err
}

// flush encrypts what is held in its place, and writes when the buffer is full or it was
// the last.
func (s *Writer) flush(last bool) {
	frame := s.buf[s.at:]
	n := lengths + s.held
	number := nonce(uint64(s.frames), last)
	binary.BigEndian.PutUint32(frame, uint32(s.held+tagSize))
	s.aead.Seal(frame[lengths:lengths], number[:], frame[lengths:n], s.hash[:])
	n += tagSize
	binary.BigEndian.PutUint32(frame[n:], frameCheck(uint64(s.frames), frame[:n]))
	n += checkSize
	s.body.Write(frame[:n]) //nolint:errcheck // a hash never fails
	s.length += int64(n)
	s.frames++
	s.held = 0
	if s.at += n; int64(len(s.Header.raw)+2*share.SealedSize)+s.length+TrailerSize > MaxSize {
		s.err = city.Errorf(city.TooLarge, "a segment of over %d MiB", MaxSize>>20)
		return
	}
	if last || s.at+fullFrame > len(s.buf) {
		s.write(s.buf[:s.at])
		s.at = 0
	}
}

func (s *Writer) write(b []byte) {
	n, err := s.to.Write(b)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	s.size += int64(n)
	s.err = err
}

// Close ends the segment at a time and returns its trailer, which is written. The key is
// wiped whether it succeeds or not. Making the file durable is the caller's.
func (s *Writer) Close(end time.Time, pictures uint32) (*Trailer, error) {
	defer s.Abandon()
	if s.err == nil && s.held == 0 {
		s.err = city.Errorf(city.Invalid, "a segment without content")
	}
	if s.err != nil {
		return nil, s.err
	}
	if s.flush(true); s.err != nil {
		return nil, s.err
	}
	t := &Trailer{State: Whole, Header: s.hash, End: end, Pictures: pictures, Frames: s.frames, Length: s.length}
	if t.End.Before(s.Header.Start) {
		t.End = s.Header.Start
	}
	s.body.Sum(t.Body[:0])
	if s.err = t.sign(s.by); s.err != nil {
		return nil, s.err
	}
	s.write(t.raw)
	return t, s.err
}

// Size returns how many bytes were written so far.
func (s *Writer) Size() int64 { return s.size }

// Abandon wipes the key and what plaintext is held. What was written stays as it is:
// ciphertext that nobody was left able to continue.
func (s *Writer) Abandon() {
	if s.buf == nil {
		return
	}
	s.aead.wipe()
	buf := s.buf
	clear(buf)
	buffers.Put(&buf)
	s.buf = nil
	if s.err == nil {
		s.err = city.Errorf(city.Internal, "the segment is closed")
	}
}
