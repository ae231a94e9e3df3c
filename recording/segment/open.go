package segment

import (
	"errors"
	"io"

	"polity/city"
	"polity/recording/share"
)

// Reader reads what is in a segment. Each chunk is handed on only after it was found
// to be genuine and in its place. It is used by one goroutine; Close wipes the key.
type Reader struct {
	*Sealed

	hash  [32]byte
	aead  aead
	walk  walker
	room  []byte // for the plaintext of a chunk
	plain []byte // of room, what was not yet read
	err   error
}

// Open opens a segment with its key. Before anything is decrypted, the key is held to
// the header's commitment; the caller still wipes it. Errors of kind Invalid say what
// is wrong.
func Open(f io.ReaderAt, size int64, key *share.Key, trust Trust) (*Reader, error) {
	s, err := Ends(f, size, trust)
	if err != nil {
		return nil, err
	}
	if share.CommitKey(key) != s.Header.Key {
		return nil, city.Errorf(city.Invalid, "this is not the key of segment %d of camera %s: the header commits to another", s.Header.Sequence, s.Header.Camera)
	}
	cipher, err := newAEAD(key)
	if err != nil {
		return nil, err
	}
	return &Reader{
		Sealed: s, hash: s.Header.Hash(), aead: cipher,
		walk: walker{r: io.NewSectionReader(f, s.body, s.Trailer.Length), buf: make([]byte, fullFrame)},
		room: make([]byte, 0, chunk),
	}, nil
}

// Read reads plaintext. io.EOF comes only after a last chunk that is marked as such, or
// at the end of a segment whose trailer says that it was cut.
func (r *Reader) Read(p []byte) (int, error) {
	for len(r.plain) == 0 && r.err == nil {
		r.plain, r.err = r.chunk()
	}
	if r.err != nil {
		return 0, r.err
	}
	n := copy(p, r.plain)
	clear(r.plain[:n])
	r.plain = r.plain[n:]
	return n, nil
}

func (r *Reader) chunk() ([]byte, error) {
	number := r.walk.n
	frame, err := r.walk.next()
	if err != nil {
		if errors.Is(err, io.EOF) && number != uint64(r.Trailer.Frames) {
			err = city.Errorf(city.Invalid, "the body ends after chunk %d of %d", number, r.Trailer.Frames)
		}
		return nil, err
	}
	last := number+1 == uint64(r.Trailer.Frames)
	text := frame[lengths : len(frame)-checkSize]
	marks := []bool{last && (r.Trailer.State == Whole || r.walk.short)}
	if last && r.Trailer.State == Cut && !r.walk.short {
		marks = []bool{false, true} // cut within its trailer, perhaps: then its last chunk is marked
	}
	var plain []byte
	for _, m := range marks {
		mark := nonce(number, m)
		if plain, err = r.aead.Open(r.room[:0], mark[:], text, r.hash[:]); err == nil {
			return plain, nil
		}
	}
	return nil, city.Errorf(city.Invalid, "chunk %d is not genuine: it was changed, moved, or comes from another segment", number)
}

// Close wipes the key and what is left of plaintext.
func (r *Reader) Close() error {
	r.aead.wipe()
	clear(r.room[:cap(r.room)])
	r.plain, r.err = nil, city.Errorf(city.Internal, "the segment is closed")
	return nil
}
