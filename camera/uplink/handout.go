package uplink

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"polity/city"
	"polity/recording/segment"
	"polity/recording/share"
)

// What is asked of an edge's recordings (docs/formats/handout.md).
type What uint8

// What may be asked.
const (
	List   What = 1 + iota // segments of a camera in a time
	Shares                 // one body's share records of them
	Piece                  // a piece of one segment's file
	Hashes                 // segment hashes of an hour
)

// Bounds of questions and answers.
const (
	MaxPiece    = 512 << 10 // bytes of a piece, and of a page of share records
	MaxListed   = 512       // segments of a page
	MaxRecords  = 256       // share records of a page
	MaxHashes   = 16_384    // segment hashes of a page
	maxTime     = 168 * time.Hour
	recordBound = 12 + 2048 + share.SealedSize
)

// Handout is a question to an edge.
type Handout struct {
	What     What
	Body     uint8 // of shares: 1 court, 2 ombudsman
	From, To int64 // ms since 1970; of a piece: From is the segment's start
	Sequence uint64
	Offset   int64
	Length   uint32
}

// Given is what came of a question.
type Given uint8

// The results.
const (
	Here       Given = 1 + iota
	NoRecords        // this edge has no recordings of the camera
	Gone             // the segment is not there any more
	Unreadable       // the disk cannot be read
	OutOfBound       // the question is none that may be asked
)

// HandoutHead begins an answer.
type HandoutHead struct {
	What   What
	Result Given
	More   uint8
	Next   uint64
	Size   int64
}

// HandoutSegment is a segment in a list.
type HandoutSegment struct {
	Sequence uint64
	Start    int64 // ms since 1970
	Size     int64
	Header   [32]byte // header hash
}

// HandoutAnswer is an answer; of the four lists the one that was asked for.
type HandoutAnswer struct {
	HandoutHead
	Segments []HandoutSegment
	Records  [][]byte
	Piece    []byte
	Hashes   [][32]byte // segment hashes, in order
}

// BodyOf is a body's number in a question.
func BodyOf(b share.Body) uint8 { return uint8(slices.Index(share.Bodies[:], b) + 1) } //nolint:gosec // at most 2

// Of is the body that a question about shares names.
func (h *Handout) Of() share.Body { return share.Bodies[h.Body-1] }

// DecodeHandout reads a question.
func DecodeHandout(b []byte) (Handout, error) {
	h, err := decode[Handout](b)
	if err != nil {
		return h, err
	}
	wrong := !sane(h.From) || !sane(h.To) || h.Offset < 0
	switch h.What {
	case List, Shares:
		wrong = wrong || h.To <= h.From || h.To-h.From > maxTime.Milliseconds() || h.Offset != 0 || h.Length != 0 ||
			(h.What == List) != (h.Body == 0) || h.Body > 2
	case Piece:
		wrong = wrong || h.To != 0 || h.Body != 0 || h.Sequence == 0 || h.Offset > segment.MaxSize || h.Length == 0 || h.Length > MaxPiece
	case Hashes:
		hour := time.Hour.Milliseconds()
		wrong = wrong || h.From%hour != 0 || h.To != h.From+hour || h.Body != 0 || h.Offset != 0 || h.Length != 0
	default:
		wrong = true
	}
	if wrong {
		return h, city.Errorf(city.Invalid, "a question about recordings is out of bounds")
	}
	return h, nil
}

// EncodeHandout writes an answer. DecodeHandoutAnswer says whether it may be sent.
func EncodeHandout(a *HandoutAnswer) []byte {
	b := Encode(a.HandoutHead)
	for _, s := range a.Segments {
		b = append(b, Encode(s)...)
	}
	for _, r := range a.Records {
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(r))), r...) //nolint:gosec // a record that is too long is found by its check
	}
	for _, h := range a.Hashes {
		b = append(b, h[:]...)
	}
	return append(b, a.Piece...)
}

// DecodeHandoutAnswer reads an answer and checks what can be checked without knowing
// the question: above all that what stands in a page of shares are share records.
// Errors are of kind Invalid.
func DecodeHandoutAnswer(b []byte) (*HandoutAnswer, error) {
	n := binary.Size(HandoutHead{})
	if len(b) < n {
		return nil, city.Errorf(city.Invalid, "an answer about recordings of %d bytes", len(b))
	}
	head, err := decode[HandoutHead](b[:n])
	if err != nil {
		return nil, err
	}
	a, rest := &HandoutAnswer{HandoutHead: head}, b[n:]
	switch {
	case a.What < List || a.What > Hashes || a.Result < Here || a.Result > OutOfBound || a.More > 1 || a.Size < 0 || a.Size > segment.MaxSize:
		return nil, city.Errorf(city.Invalid, "an answer about recordings is out of bounds")
	case a.Result != Here && len(rest) > 0:
		return nil, city.Errorf(city.Invalid, "a refusal with something behind it")
	case a.Result != Here:
		return a, nil
	case a.What == List:
		return a, a.list(rest)
	case a.What == Shares:
		return a, a.records(rest)
	case a.What == Hashes:
		return a, a.hashes(rest)
	case len(rest) > MaxPiece:
		return nil, city.Errorf(city.Invalid, "a piece of %d bytes", len(rest))
	}
	a.Piece = rest
	return a, nil
}

func (a *HandoutAnswer) list(b []byte) error {
	n := binary.Size(HandoutSegment{})
	if len(b)%n != 0 || len(b)/n > MaxListed {
		return city.Errorf(city.Invalid, "a list of segments of %d bytes", len(b))
	}
	last := uint64(0)
	for s := range slices.Chunk(b, n) {
		one, err := decode[HandoutSegment](s)
		if err != nil {
			return err
		}
		if one.Sequence <= last || !sane(one.Start) || one.Size < 0 || one.Size > segment.MaxSize {
			return city.Errorf(city.Invalid, "a list of segments is out of order or bounds")
		}
		last = one.Sequence
		a.Segments = append(a.Segments, one)
	}
	return nil
}

func (a *HandoutAnswer) hashes(b []byte) error {
	if len(b)%32 != 0 || len(b)/32 > MaxHashes {
		return city.Errorf(city.Invalid, "segment hashes of %d bytes", len(b))
	}
	for h := range slices.Chunk(b, 32) {
		a.Hashes = append(a.Hashes, [32]byte(h))
	}
	return nil
}

func (a *HandoutAnswer) records(b []byte) error {
	if len(b) > MaxPiece {
		return city.Errorf(city.Invalid, "share records of %d bytes", len(b))
	}
	for len(b) > 0 {
		if len(b) < 2 || len(b)-2 < int(binary.BigEndian.Uint16(b)) {
			return city.Errorf(city.Invalid, "a share record is cut off")
		}
		n := int(binary.BigEndian.Uint16(b))
		if err := checkRecord(b[2 : 2+n]); err != nil {
			return err
		}
		a.Records = append(a.Records, b[2:2+n])
		b = b[2+n:]
	}
	if len(a.Records) > MaxRecords {
		return city.Errorf(city.Invalid, "%d share records", len(a.Records))
	}
	return nil
}

// checkRecord lets a header pass that a recorder signed, with one of its sealed shares,
// and nothing else.
func checkRecord(b []byte) error {
	if len(b) > recordBound {
		return city.Errorf(city.Invalid, "a share record of %d bytes", len(b))
	}
	r := bytes.NewReader(b)
	h, err := segment.ReadHeader(r)
	if err != nil {
		return err
	}
	sealed := b[len(b)-r.Len():]
	if len(sealed) != share.SealedSize || !slices.Contains(h.Seals[:], sha256.Sum256(sealed)) {
		return city.Errorf(city.Invalid, "a share record holds something else than a share that its header names")
	}
	return nil
}
