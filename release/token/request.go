package token

import (
	"bytes"
	"crypto/sha256"
	"io"
	"iter"
	"slices"

	"polity/city"
	"polity/ledger/canonical"
	"polity/recording/segment"
	"polity/recording/share"
)

// Parts are what a request or an audit file holds beside share records.
type Parts struct {
	Body        share.Body
	Rosters     [][]byte // later ones, in order of version
	Consistency [][]byte // proofs, from checkpoints that devices of the body may have seen last
	Proof       []byte   // of the token in the log; in an audit, of any entry
	Secret      []byte   // details, encrypted; none in an audit
}

// WriteRequest writes a request or an audit file to one body and returns its hash.
// Records gives share records, as Pack makes them.
func WriteRequest(w io.Writer, kind Kind, p Parts, records iter.Seq2[[]byte, error]) (sum [32]byte, err error) {
	if err := p.Body.Check(); err != nil {
		return sum, err
	}
	f := Create(w, kind)
	add := func(t Tag, contents ...[]byte) {
		for _, c := range contents {
			if err == nil {
				err = f.Add(t, c)
			}
		}
	}
	add(Body, []byte(p.Body))
	add(Roster, p.Rosters...)
	add(Consistency, p.Consistency...)
	add(Proof, p.Proof)
	if p.Secret != nil {
		add(Secret, p.Secret)
	}
	if err != nil {
		return sum, err
	}
	for r, err := range records {
		if err == nil {
			err = f.Add(tagOf(r), r)
		}
		if err != nil {
			return sum, err
		}
	}
	return f.Close()
}

// tagOf tells a held share from one that was never held: a record begins with its
// header's mark, a held one with the hold's id.
func tagOf(record []byte) Tag {
	if bytes.HasPrefix(record, []byte("POLSEG\r\n")) {
		return Record
	}
	return Held
}

// Pack makes a share record of a segment's header and one body's sealed share.
func Pack(h *segment.Header, sealed []byte) []byte { return slices.Concat(h.Bytes(), sealed) }

// PackHeld makes a held share's record: of a header and the share that a body resealed to
// its hold.
func PackHeld(hold canonical.Hash, h *segment.Header, resealed []byte) []byte {
	return slices.Concat(hold[:], h.Bytes(), resealed)
}

// UnpackHeld reads a held share's record and checks the header. The error is of kind
// Invalid.
func UnpackHeld(record []byte) (hold canonical.Hash, h *segment.Header, resealed []byte, err error) {
	if len(record) < len(hold) {
		return hold, nil, nil, city.Errorf(city.Invalid, "the record of a held share is cut off")
	}
	copy(hold[:], record)
	r := bytes.NewReader(record[len(hold):])
	if h, err = segment.ReadHeader(r); err != nil {
		return hold, nil, nil, city.Errorf(city.Invalid, "held share: %w", err)
	}
	if resealed = record[len(record)-r.Len():]; len(resealed) != share.SealedSize {
		return hold, nil, nil, city.Errorf(city.Invalid, "a held share has %d bytes, not %d", len(resealed), share.SealedSize)
	}
	return hold, h, resealed, nil
}

// Unpack reads a share record of a body, checks the header's form and its own
// signature, and that the share is the one that it names. The error is of kind
// Invalid.
func Unpack(record []byte, body share.Body) (h *segment.Header, sealed []byte, err error) {
	r := bytes.NewReader(record)
	if h, err = segment.ReadHeader(r); err != nil {
		return nil, nil, city.Errorf(city.Invalid, "share record: %w", err)
	}
	sealed = record[len(record)-r.Len():]
	i := slices.Index(share.Bodies[:], body)
	if i < 0 || len(sealed) != share.SealedSize || sha256.Sum256(sealed) != h.Seals[i] {
		return nil, nil, city.Errorf(city.Invalid, "the share of segment %d of camera %s is not the one of %s that its header names", h.Sequence, h.Camera, body)
	}
	return h, sealed, nil
}
