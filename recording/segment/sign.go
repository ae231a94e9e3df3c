package segment

import (
	"crypto/ed25519"
	"fmt"

	"polity/city"
)

// Signer signs as the recorder. It may be another process's.
type Signer interface {
	Public() ed25519.PublicKey
	// Sign returns the Ed25519 signature of the message, which begins with the label
	// of what it is.
	Sign(message []byte) ([]byte, error)
}

// Key is a Signer that holds its key.
type Key ed25519.PrivateKey

// Public returns the public half.
func (k Key) Public() ed25519.PublicKey {
	return ed25519.PrivateKey(k).Public().(ed25519.PublicKey) //nolint:forcetypeassert // documented to be one
}

// Sign signs.
func (k Key) Sign(message []byte) ([]byte, error) {
	return ed25519.Sign(ed25519.PrivateKey(k), message), nil
}

// Trust says whether a recorder's public key is one of the city's.
type Trust func(recorder [32]byte) bool

// Recorders trusts these keys.
func Recorders(keys ...ed25519.PublicKey) Trust {
	known := map[[32]byte]bool{}
	for _, k := range keys {
		if len(k) == ed25519.PublicKeySize {
			known[[32]byte(k)] = true
		}
	}
	return func(r [32]byte) bool { return known[r] }
}

// signed signs b with its label.
func signed(by Signer, label string, b []byte) ([]byte, error) {
	signature, err := by.Sign(append([]byte(label), b...))
	if err != nil {
		return nil, fmt.Errorf("sign segment: %w", err)
	}
	if len(signature) != ed25519.SignatureSize {
		return nil, city.Errorf(city.Internal, "sign segment: a signature of %d bytes", len(signature))
	}
	return signature, nil
}

// verified checks the signature at the end of b.
func verified(key []byte, label string, b []byte) bool {
	n := len(b) - ed25519.SignatureSize
	return ed25519.Verify(key, append([]byte(label), b[:n]...), b[n:])
}
