package segment

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"io"
	"sync"
	"time"

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
	frame  []byte // room for one; plaintext gathers in it
	held   int    // bytes of plaintext in frame
	frames uint32
	length int64
	size   int64 // of the file so far
	body   hash.Hash
	err    error // after which nothing is written
}

var frames = sync.Pool{New: func() any { b := make([]byte, fullFrame); return &b }}

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
	key, x, y := share.New()
	defer key.Wipe()
	defer x.Wipe()
	defer y.Wipe()
	h.Key = share.CommitKey(&key)
	var sealed [2][]byte
	for i, s := range []*share.Key{&x, &y} {
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
	cipher, err := newAEAD(&key)
	if err != nil {
		return nil, err
	}
	s := &Writer{Header: &h, to: w, by: by, hash: h.Hash(), aead: cipher, frame: *frames.Get().(*[]byte), body: sha256.New()}
	head := append(append(append([]byte(nil), h.raw...), sealed[0]...), sealed[1]...)
	if s.write(head); s.err != nil {
		s.Abandon()
		return nil, s.err
	}
	return s, nil
}

// Write takes plaintext. What is written on is ciphertext, a chunk at a time; the
// rest waits in memory. An error is final: the segment is to be abandoned.
func (s *Writer) Write(p []byte) (int, error) {
	taken := 0
	for len(p) > 0 && s.err == nil {
		if s.held == chunk { // and more comes, so that it is not the last
			s.flush(false)
			continue
		}
		n := copy(s.frame[lengths+s.held:lengths+chunk], p)
		s.held += n
		taken += n
		p = p[n:]
	}
	return taken, s.err
}

// flush encrypts what is held in its place and writes it.
func (s *Writer) flush(last bool) {
	n := lengths + s.held
	number := nonce(uint64(s.frames), last)
	binary.BigEndian.PutUint32(s.frame, uint32(s.held+tagSize))
	s.aead.Seal(s.frame[lengths:lengths], number[:], s.frame[lengths:n], s.hash[:])
	n += tagSize
	binary.BigEndian.PutUint32(s.frame[n:], frameCheck(uint64(s.frames), s.frame[:n]))
	n += checkSize
	if s.size+int64(n)+TrailerSize > MaxSize {
		s.err = city.Errorf(city.TooLarge, "a segment of over %d MiB", MaxSize>>20)
		return
	}
	s.body.Write(s.frame[:n]) //nolint:errcheck // a hash never fails
	s.length += int64(n)
	s.frames++
	s.held = 0
	s.write(s.frame[:n])
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
	if s.frame == nil {
		return
	}
	s.aead.wipe()
	frame := s.frame
	clear(frame)
	frames.Put(&frame)
	s.frame = nil
	if s.err == nil {
		s.err = city.Errorf(city.Internal, "the segment is closed")
	}
}
