package segment

import (
	"errors"
	"io"

	"github.com/zeebo/blake3"

	"polity/city"
)

// Torn is what is left of a segment whose writer lost power or disk.
type Torn struct {
	Header  *Header
	Keep    int64    // bytes of the file that are good, from its beginning
	Trailer *Trailer // nil: it is to be made by Cut. Else the file is whole, and Keep its length

	frames uint32
	length int64
	hash   [32]byte
}

// Mend looks through what is left of a segment, without a key, for as much of it as is
// good: header, shares, and chunks up to the first that is damaged. An error of kind
// Invalid says that nothing is worth keeping.
func Mend(f io.ReaderAt, size int64, trust Trust) (*Torn, error) {
	if s, err := Scan(f, size, trust); err == nil {
		return &Torn{Header: s.Header, Keep: size, Trailer: s.Trailer}, nil
	}
	size = min(size, MaxSize)
	s, err := front(io.NewSectionReader(f, 0, size), trust)
	if err != nil {
		return nil, err
	}
	t := &Torn{Header: s.Header, Keep: s.body}
	hash := blake3.New()
	w := walker{r: io.NewSectionReader(f, s.body, size-s.body), buf: make([]byte, fullFrame)}
	for {
		frame, err := w.next()
		if err != nil {
			if city.KindOf(err) != city.Invalid && !errors.Is(err, io.EOF) {
				return nil, err // the disk: looking again may find more
			}
			break
		}
		hash.Write(frame) //nolint:errcheck // a hash never fails
		t.Keep += int64(len(frame))
		t.length += int64(len(frame))
		t.frames++
	}
	hash.Sum(t.hash[:0])
	if t.frames == 0 {
		return nil, city.Errorf(city.Invalid, "the segment is torn within its first chunk")
	}
	return t, nil
}

// Cut signs the trailer that says where the segment was cut off.
func (t *Torn) Cut(by Signer) (*Trailer, error) {
	trailer := &Trailer{State: Cut, Header: t.Header.Hash(), End: t.Header.Start, Frames: t.frames, Length: t.length, Body: t.hash}
	if err := trailer.sign(by); err != nil {
		return nil, err
	}
	return trailer, nil
}
