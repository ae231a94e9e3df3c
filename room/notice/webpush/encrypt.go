package webpush

import (
	"crypto/ecdh"
	"crypto/rand"
	"encoding/binary"

	"polity/city"
)

const (
	saltSize   = 16
	tagSize    = 16
	recordSize = 4096 // RFC 8291, section 4: one record, of which push services take 4096 bytes at least
	headSize   = saltSize + 4 + 1 + 65
	// MaxPlain is the longest message, bytes.
	MaxPlain = recordSize - headSize - tagSize - 1
	// padTo hides the length of what is said from the push service.
	padTo = 512
)

// Encrypt makes the body of a push message that only the subscription's browser can read
// (RFC 8291 with the content coding aes128gcm of RFC 8188).
func Encrypt(to Keys, plain []byte) ([]byte, error) {
	sender, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	salt := make([]byte, saltSize)
	if _, err := rand.Read(salt); err != nil {
		return nil, err
	}
	pad := (padTo - (len(plain)+1)%padTo) % padTo
	return encrypt(to, plain, min(pad, max(0, MaxPlain-len(plain))), sender, salt)
}

// encrypt has what is random as an argument, so that the RFC's example can be tried.
func encrypt(to Keys, plain []byte, pad int, sender *ecdh.PrivateKey, salt []byte) ([]byte, error) {
	if len(plain)+pad > MaxPlain {
		return nil, city.Errorf(city.TooLarge, "a push message holds %d bytes; this one has %d", MaxPlain, len(plain))
	}
	receiver, err := ecdh.P256().NewPublicKey(to.P256DH)
	if err != nil {
		return nil, city.Errorf(city.Invalid, "the subscription's key p256dh is no point of P-256")
	}
	shared, err := sender.ECDH(receiver)
	if err != nil {
		return nil, err
	}
	own := sender.PublicKey().Bytes()
	gcm, nonce, err := contentKey(shared, to.Auth, to.P256DH, own, salt)
	if err != nil {
		return nil, err
	}
	out := append([]byte(nil), salt...)
	out = binary.BigEndian.AppendUint32(out, recordSize)
	out = append(append(out, byte(len(own))), own...)
	record := append(append(make([]byte, 0, len(plain)+pad+1), plain...), 2) // the delimiter of the last record
	record = append(record, make([]byte, pad)...)
	return gcm.Seal(out, nonce, record, nil), nil
}
