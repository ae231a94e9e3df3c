// Package identity is who a device in the roster is: its signing key and a key to
// receive files with, under a passphrase. Devices of bodies and of offices have one.
package identity

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"fmt"

	"filippo.io/age"
	"golang.org/x/mod/sumdb/note"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/roster"
	"polity/release/token"
)

// File is its name in a device's folder.
const File = "identity.age"

// MaxSize bounds the file, in bytes.
const MaxSize = 16 << 10

// minPassphrase is the least number of characters of a passphrase.
const minPassphrase = 12

// Identity is what the passphrase protects.
type Identity struct {
	Name  string          `json:"name"` // of the device's key, such as helsinki.example/court-1
	Key   canonical.Bytes `json:"key"`  // seed of the Ed25519 key
	Age   string          `json:"age"`  // of a post-quantum hybrid
	Vault canonical.Hash  `json:"vault"`
}

// New makes an identity. A nil seed gives a fresh key. The error is of kind Invalid
// where the key cannot have that name.
func New(name string, seed []byte) (*Identity, error) {
	if seed == nil {
		seed = make([]byte, ed25519.SeedSize)
		_, _ = rand.Read(seed) // never fails: the program ends first
	}
	hybrid, err := age.GenerateHybridIdentity()
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	i := &Identity{Name: name, Key: seed, Age: hybrid.String()}
	_, _ = rand.Read(i.Vault[:]) // never fails: the program ends first
	_, err = i.Public()
	return i, err
}

// Private is the device's signing key.
func (i *Identity) Private() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(i.Key) }

// Public is its public half as a roster has it.
func (i *Identity) Public() (string, error) {
	k, err := note.NewEd25519VerifierKey(i.Name, i.Private().Public().(ed25519.PublicKey)) //nolint:forcetypeassert // documented to be one
	if err != nil {
		return "", city.Errorf(city.Invalid, "the name of the device's key, %.80q: %w", i.Name, err)
	}
	_, err = roster.ParseKey(k)
	return k, err
}

// Hybrid is the key that files are received with.
func (i *Identity) Hybrid() (*age.HybridIdentity, error) {
	h, err := age.ParseHybridIdentity(i.Age)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", File, err)
	}
	return h, nil
}

// Seal writes the identity under a passphrase. work is log2 of scrypt's N; 0: age's own.
func (i *Identity) Seal(passphrase string, work int) ([]byte, error) {
	if len([]rune(passphrase)) < minPassphrase {
		return nil, city.Errorf(city.Invalid, "the passphrase needs %d characters or more: whoever takes the machine may try billions", minPassphrase)
	}
	to, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return nil, err
	}
	if work > 0 {
		to.SetWorkFactor(work)
	}
	text, err := json.Marshal(i)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	return token.Seal(text, to)
}

// Open reads what Seal wrote. The error is of kind Forbidden where the passphrase is
// wrong, Invalid where the file is none.
func Open(sealed []byte, passphrase string) (*Identity, error) {
	if passphrase == "" {
		return nil, city.Errorf(city.Forbidden, "a passphrase is needed")
	}
	by, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return nil, err
	}
	text, err := token.Unseal(sealed, MaxSize, by)
	if err != nil {
		if city.KindOf(err) == city.Forbidden || bytes.Contains(sealed[:min(len(sealed), 200)], []byte("-> scrypt ")) {
			return nil, city.Errorf(city.Forbidden, "the passphrase is wrong, or identity.age was damaged; nothing was changed")
		}
		return nil, city.Errorf(city.Invalid, "identity.age: %w", err)
	}
	defer clear(text)
	i := new(Identity)
	if err := json.Unmarshal(text, i); err != nil || len(i.Key) != ed25519.SeedSize {
		return nil, city.Errorf(city.Invalid, "identity.age is of another release")
	}
	return i, nil
}
