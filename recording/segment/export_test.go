package segment

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"testing"
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
	trailer := &Trailer{State: Whole, Header: h.Hash(), End: h.Start, Frames: uint32(n), Length: int64(len(body)), Body: sha256.Sum256(body)}
	if err := trailer.sign(by); err != nil {
		t.Fatal(err)
	}
	return slices.Concat(front, body, trailer.Bytes())
}
