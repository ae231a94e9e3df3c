package roster

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"

	"polity/city"
)

// Types of keys in note verifiers (C2SP signed-note).
const (
	algEd25519     = 0x01
	algCosignature = 0x04
	maxKey         = 200
)

// ParseKey reads an Ed25519 key in the form of note verifiers, name+hash+base64. The
// error is of kind Invalid.
func ParseKey(text string) (ed25519.PublicKey, error) { return parseKey(text, algEd25519) }

func parseKey(text string, kind byte) (ed25519.PublicKey, error) {
	name, rest, _ := strings.Cut(text, "+")
	sum, encoded, _ := strings.Cut(rest, "+")
	raw, err := base64.StdEncoding.Strict().DecodeString(encoded)
	switch {
	case len(text) > maxKey || err != nil || len(raw) != 1+ed25519.PublicKeySize || raw[0] != kind || !keyName(name):
		return nil, city.Errorf(city.Invalid, "no Ed25519 key in the form name+hash+base64 (type 0x%02x)", kind)
	case sum != fmt.Sprintf("%08x", keyHash(name, raw)):
		return nil, city.Errorf(city.Invalid, "the key of %s was changed: its hash does not fit", name)
	}
	return raw[1:], nil
}

func keyHash(name string, raw []byte) uint32 {
	h := sha256.Sum256(append([]byte(name+"\n"), raw...))
	return binary.BigEndian.Uint32(h[:4])
}

func keyName(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789./-_") == ""
}

func nameOf(key string) string {
	name, _, _ := strings.Cut(key, "+")
	return name
}

// CosignatureKey is the key of a witness from its Ed25519 key: the same 32 bytes as
// type 0x04, which signs times.
func CosignatureKey(text string) (string, error) {
	key, err := parseKey(text, algEd25519)
	if err != nil {
		return "", err
	}
	raw := append([]byte{algCosignature}, key...)
	name := nameOf(text)
	return fmt.Sprintf("%s+%08x+%s", name, keyHash(name, raw), base64.StdEncoding.EncodeToString(raw)), nil
}
