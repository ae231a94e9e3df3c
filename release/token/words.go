package token

import (
	"encoding/binary"
	"strings"

	"polity/ledger/canonical"
)

// Proquints (D. Wilkerson, A Proposal for Proquints, arXiv:0901.4016): 16 bits as
// consonant, vowel, consonant, vowel, consonant.
const (
	consonants = "bdfghjklmnprstvz"
	vowels     = "aiou"
)

// proquints writes an even number of bytes as pronounceable words.
func proquints(b []byte) string {
	words := make([]string, 0, len(b)/2)
	for ; len(b) >= 2; b = b[2:] {
		n := binary.BigEndian.Uint16(b)
		words = append(words, string([]byte{
			consonants[n>>12], vowels[n>>10&3], consonants[n>>6&15], vowels[n>>4&3], consonants[n&15],
		}))
	}
	return strings.Join(words, "-")
}

// Words are the first 80 bits of a file's hash, for two people to compare aloud.
func Words(sum [32]byte) string { return proquints(sum[:10]) }

// Code is the first 32 bits of a token's id, which a person types to agree to it.
func Code(id canonical.Hash) string { return proquints(id[:4]) }

// SameCode says whether what a person typed is that code. Case, spaces and hyphens do not
// matter.
func SameCode(id canonical.Hash, typed string) bool {
	plain := func(s string) string {
		return strings.NewReplacer(" ", "", "-", "").Replace(strings.ToLower(strings.TrimSpace(s)))
	}
	return plain(typed) == plain(Code(id))
}
