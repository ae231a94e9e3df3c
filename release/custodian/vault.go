package custodian

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"polity/city"
)

const (
	vaultMark    = "POLVLT\r\n"
	vaultVersion = 1
	vaultHead    = 8 + 2 + 8
	maxVault     = 64 << 20
)

func vaultKey(secret [32]byte, s slot) (cipher.AEAD, error) {
	info := binary.BigEndian.AppendUint64([]byte("polity/vault/v1\n"), s.counter)
	both := append(append(make([]byte, 0, 64), secret[:]...), s.secret[:]...)
	defer clear(both)
	key, err := hkdf.Key(sha256.New, both, nil, string(info), 32)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// sealVault writes a state for one slot.
func sealVault(st *state, secret [32]byte, s slot) ([]byte, error) {
	text, err := json.Marshal(st)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	aead, err := vaultKey(secret, s)
	if err != nil {
		return nil, err
	}
	b := append([]byte(vaultMark), 0, vaultVersion)
	b = binary.BigEndian.AppendUint64(b, s.counter)
	nonce := make([]byte, aead.NonceSize())
	_, _ = rand.Read(nonce) // never fails: the program ends first
	return aead.Seal(append(b, nonce...), nonce, text, b[:vaultHead]), nil
}

// vaultCounter is the number of the change that a vault was written by.
func vaultCounter(b []byte) (uint64, error) {
	switch {
	case len(b) < vaultHead+12+16 || len(b) > maxVault || string(b[:8]) != vaultMark:
		return 0, city.Errorf(city.Invalid, "the vault is cut off or damaged; use the body's other device")
	case binary.BigEndian.Uint16(b[8:]) != vaultVersion:
		return 0, city.Errorf(city.Invalid, "the vault is of version %d; this release reads version %d: use a newer release", binary.BigEndian.Uint16(b[8:]), vaultVersion)
	}
	return binary.BigEndian.Uint64(b[10:]), nil
}

func openVault(b []byte, secret [32]byte, s slot) (*state, error) {
	aead, err := vaultKey(secret, s)
	if err != nil {
		return nil, err
	}
	text, err := aead.Open(nil, b[vaultHead:vaultHead+12], b[vaultHead+12:], b[:vaultHead])
	if err != nil {
		return nil, city.Errorf(city.Invalid, "the vault was changed, or the anchor is another device's; use the body's other device")
	}
	defer clear(text)
	st := new(state)
	if err := json.Unmarshal(text, st); err != nil {
		return nil, fmt.Errorf("read the vault: %w", err)
	}
	return st, nil
}
