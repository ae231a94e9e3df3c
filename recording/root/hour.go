package root

import (
	"crypto/ed25519"
	"encoding/binary"
	"time"

	"polity/city"
	"polity/recording/segment"
	"polity/recording/share"
)

// Hour sums up one hour of one camera.
type Hour struct {
	Domain string
	Camera city.Slug
	Hour   time.Time // its beginning, UTC
	Count  uint64    // segments that start in it
	Gaps   uint64    // gaps that start in it
	Root   Hash
}

// Message is what the recorder signs for the hour.
func (h *Hour) Message() []byte {
	number := func(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
	return share.Fields("segments", []byte(h.Domain), []byte(h.Camera), share.Time(h.Hour), number(h.Count), number(h.Gaps), h.Root[:])
}

// Sign signs the hour as the recorder.
func (h *Hour) Sign(by segment.Signer) ([]byte, error) { return by.Sign(h.Message()) }

// Check checks a recorder's signature of the hour. The error is of kind Invalid.
func (h *Hour) Check(recorder ed25519.PublicKey, signature []byte) error {
	if len(recorder) != ed25519.PublicKeySize || !ed25519.Verify(recorder, h.Message(), signature) {
		return city.Errorf(city.Invalid, "the signature under the hour %s of camera %s does not hold", h.Hour.UTC().Format(time.RFC3339), h.Camera)
	}
	return nil
}
