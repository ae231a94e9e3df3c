package custodian

import (
	"bytes"
	"crypto/ed25519"
	"testing"

	"polity/recording/recordtest"
	"polity/recording/segment"
)

// resigned writes the hashes of one header over those of another in its bytes, and signs
// with the recorder's key: what a thief with a recorder can do.
func resigned(t testing.TB, raw []byte, was, is *segment.Header) []byte {
	t.Helper()
	b := bytes.Clone(raw)
	for _, f := range [][2][32]byte{
		{was.Commitments[0], is.Commitments[0]}, {was.Seals[0], is.Seals[0]}, {was.EpochKeys[0], is.EpochKeys[0]},
	} {
		if n := bytes.Count(b, f[0][:]); n != 1 {
			t.Fatalf("a hash stands %d times in the header", n)
		}
		b = bytes.Replace(b, f[0][:], f[1][:], 1)
	}
	n := len(b) - ed25519.SignatureSize
	signature, err := recordtest.Recorder(1).Sign(append([]byte("polity/segment-header/v1\n"), b[:n]...))
	if err != nil {
		t.Fatal(err)
	}
	return append(b[:n], signature...)
}
