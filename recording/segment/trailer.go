package segment

import (
	"encoding/binary"
	"time"

	"polity/city"
	"polity/recording/share"
)

// TrailerSize is the length of a trailer in bytes.
const TrailerSize = 184

const (
	trailerMark  = "POLEND\r\n"
	trailerLabel = "polity/segment-trailer/v1\n"
)

// State says whether a segment came to its end.
type State uint8

// The states.
const (
	Whole State = 1
	Cut   State = 2 // its writer lost power or disk; what was torn was cut off
)

// Trailer ends a segment. It is signed, and covers the ciphertext.
type Trailer struct {
	State    State
	Header   [32]byte  // header hash
	End      time.Time // of the last picture; of a cut segment its start
	Pictures uint32    // of a cut segment 0: not known
	Frames   uint32
	Length   int64    // of the body in bytes
	Body     [32]byte // SHA-256 of all frames

	raw []byte
}

// Hash returns the segment hash. The trailer was read or signed.
func (t *Trailer) Hash() [32]byte { return share.Hash("segment", t.Header[:], t.raw) }

// Bytes returns the trailer as it stands in a file. The caller does not change them.
func (t *Trailer) Bytes() []byte { return t.raw }

func (t *Trailer) sign(by Signer) error {
	t.End = t.End.UTC().Truncate(time.Millisecond)
	b := append(make([]byte, 0, TrailerSize), trailerMark...)
	b = binary.BigEndian.AppendUint16(b, Version)
	b = append(b, byte(t.State), 0)
	b = append(b, t.Header[:]...)
	b = append(b, share.Time(t.End)...)
	b = binary.BigEndian.AppendUint32(b, t.Pictures)
	b = binary.BigEndian.AppendUint32(b, t.Frames)
	b = binary.BigEndian.AppendUint64(b, uint64(t.Length))
	b = append(b, t.Body[:]...)
	b = append(b, make([]byte, 20)...)
	signature, err := signed(by, trailerLabel, b)
	if err != nil {
		return err
	}
	t.raw = append(b, signature...)
	return nil
}

// ParseTrailer reads the trailer of the segment with that header. Errors are of kind
// Invalid.
func ParseTrailer(h *Header, b []byte) (*Trailer, error) {
	if len(b) != TrailerSize || string(b[:8]) != trailerMark {
		return nil, city.Errorf(city.Invalid, "the segment has no trailer: it is cut short, or something was added to it")
	}
	if v := binary.BigEndian.Uint16(b[8:]); v != Version {
		return nil, city.Errorf(city.Invalid, "a trailer of version %d; this release reads version %d: use a newer release", v, Version)
	}
	t := &Trailer{
		State: State(b[10]), Header: [32]byte(b[12:44]), End: time.UnixMilli(int64(binary.BigEndian.Uint64(b[44:]))).UTC(),
		Pictures: binary.BigEndian.Uint32(b[52:]), Frames: binary.BigEndian.Uint32(b[56:]),
		Length: int64(binary.BigEndian.Uint64(b[60:])), Body: [32]byte(b[68:100]), raw: append([]byte(nil), b...),
	}
	switch {
	case !verified(h.Recorder[:], trailerLabel, b):
		return nil, city.Errorf(city.Invalid, "the trailer's signature does not hold: it was changed, damaged, or is another recorder's")
	case t.Header != h.Hash():
		return nil, city.Errorf(city.Invalid, "the trailer belongs to another segment")
	case t.State != Whole && t.State != Cut:
		return nil, city.Errorf(city.Invalid, "a segment in state %d; this release knows whole (1) and cut (2)", t.State)
	case b[11] != 0 || [20]byte(b[100:]) != [20]byte{}:
		return nil, city.Errorf(city.Invalid, "the trailer has fields that this release does not know: use a newer release")
	case t.End.Before(h.Start) || t.End.After(latest) || t.State == Cut && !t.End.Equal(h.Start):
		return nil, city.Errorf(city.Invalid, "the segment ends before it starts")
	case t.Frames == 0 || t.Length <= 0:
		return nil, city.Errorf(city.Invalid, "the segment is empty")
	}
	return t, nil
}
