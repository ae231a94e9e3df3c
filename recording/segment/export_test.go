package segment

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/zeebo/blake3"

	"polity/city"
	"polity/recording/share"
)

// Resign puts another body behind a front and does what a thief of the recorder's key
// can: mends the checks and signs a trailer for it.
func Resign(t testing.TB, front, body []byte, by Signer) []byte {
	t.Helper()
	h, err := ReadHeader(bytes.NewReader(front))
	if err != nil {
		t.Fatal(err)
	}
	body = slices.Clone(body)
	n := uint64(0)
	for at := 0; at < len(body); n++ {
		length, err := frameLength(body[at:], n)
		if err != nil {
			t.Fatal(err)
		}
		end := at + lengths + length
		check := frameCheck(n, body[at:end])
		copy(body[end:], []byte{byte(check >> 24), byte(check >> 16), byte(check >> 8), byte(check)})
		at = end + checkSize
	}
	trailer := &Trailer{State: Whole, Header: h.Hash(), End: h.Start, Frames: uint32(n), Length: int64(len(body)), Body: blake3.Sum256(body)}
	if err := trailer.sign(by); err != nil {
		t.Fatal(err)
	}
	return slices.Concat(front, body, trailer.Bytes())
}

// Encrypt makes one frame under a key, as its holder can.
func Encrypt(t testing.TB, h *Header, key *share.Key, text []byte) []byte {
	t.Helper()
	a, err := newAEAD(key)
	if err != nil {
		t.Fatal(err)
	}
	hash, number := h.Hash(), nonce(0, true)
	b := binary.BigEndian.AppendUint32(nil, uint32(len(text)+tagSize))
	b = a.Seal(b, number[:], text, hash[:])
	return binary.BigEndian.AppendUint32(b, frameCheck(0, b))
}

// Relabel signs a segment's header anew, for another camera.
func Relabel(t testing.TB, s *Sealed, camera city.Slug, by Signer) []byte {
	t.Helper()
	h := *s.Header
	h.Camera = camera
	if err := h.sign(by); err != nil {
		t.Fatal(err)
	}
	return slices.Concat(h.raw, s.Shares[0], s.Shares[1])
}
