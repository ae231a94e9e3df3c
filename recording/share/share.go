// Package share splits a segment's key into two halves, seals each to one body's
// epoch key, and opens and reseals them: the arithmetic of docs/formats/segment.md,
// "Key and shares". What it needs of HPKE is the standard library's.
package share

import (
	"crypto/hpke"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"time"

	"polity/city"
)

// Size is the length of a key and of each of its shares in bytes.
const Size = 32

// SealedSize is the length of a sealed share in bytes: 1120 of the encapsulated key,
// 32 of the share, 16 of the tag.
const SealedSize = 1168

// PublicSize is the length of an epoch key's public half in bytes.
const PublicSize = 1216

// Body is one of the two that hold shares.
type Body string

// The bodies.
const (
	Court     Body = "court"
	Ombudsman Body = "ombudsman"
)

// Bodies are both, in the order in which a segment holds their shares.
var Bodies = [2]Body{Court, Ombudsman}

// Check reports a body that is neither.
func (b Body) Check() error {
	if b != Court && b != Ombudsman {
		return city.Errorf(city.Invalid, "body %.48q: there are court and ombudsman", string(b))
	}
	return nil
}

// Key is a segment's key, or one share of it.
type Key [Size]byte

// Wipe overwrites k with zeros, as far as a program in Go can: the runtime may have
// copied it.
func (k *Key) Wipe() { clear(k[:]) }

// Split is a segment's key and the halves that it is split into.
type Split struct{ Key, Court, Ombudsman Key }

// New makes a key and its two shares out of fresh random numbers. The caller wipes them.
// They are on the heap and stay in their place: a stack that grows leaves copies behind.
//
//go:noinline
func New() *Split {
	s := &Split{}
	_, _ = rand.Read(s.Key[:]) // never fails: the program ends first
	_, _ = rand.Read(s.Court[:])
	subtle.XORBytes(s.Ombudsman[:], s.Key[:], s.Court[:])
	return s
}

// Wipe wipes all three.
func (s *Split) Wipe() {
	s.Key.Wipe()
	s.Court.Wipe()
	s.Ombudsman.Wipe()
}

// Join puts a key together from its shares.
func Join(court, ombudsman *Key) (key Key) {
	subtle.XORBytes(key[:], court[:], ombudsman[:])
	return key
}

// Hash is SHA-256 over "polity/", what and "/v1\n", then each field with its length
// in four bytes before it.
func Hash(what string, fields ...[]byte) (sum [32]byte) {
	b := Fields(what, fields...)
	sum = sha256.Sum256(b)
	clear(b) // keys are among what is hashed
	return sum
}

// Fields is what Hash hashes.
func Fields(what string, fields ...[]byte) []byte {
	n := len("polity/") + len(what) + len("/v1\n")
	for _, f := range fields {
		n += 4 + len(f)
	}
	b := append(make([]byte, 0, n), "polity/"...) // never grows: nothing is left behind in an old array
	b = append(b, what...)
	b = append(b, "/v1\n"...)
	for _, f := range fields {
		b = binary.BigEndian.AppendUint32(b, uint32(len(f)))
		b = append(b, f...)
	}
	return b
}

// Commit returns the commitment to a body's share.
func Commit(body Body, s *Key) [32]byte { return Hash("share", []byte(body), s[:]) }

// CommitKey returns the commitment to a segment's key.
func CommitKey(k *Key) [32]byte { return Hash("segment-key", k[:]) }

// Time returns t as formats hold it: milliseconds since 1970 in eight bytes.
func Time(t time.Time) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(t.UnixMilli()))
}

// Kem is the key encapsulation of all keys here.
func Kem() hpke.KEM { return hpke.MLKEM768X25519() }
