package certs

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"strings"
)

// Fingerprint is a certificate's SHA-256 as browsers show it, in hexadecimal, and the
// first half of it as eight words that two people can say to each other in any language.
func Fingerprint(c *x509.Certificate) (hex, words string) {
	sum := sha256.Sum256(c.Raw)
	var bytes, spoken []string
	for _, b := range sum {
		bytes = append(bytes, fmt.Sprintf("%02X", b))
	}
	for i := 0; i < len(sum)/2; i += 2 {
		spoken = append(spoken, proquint(binary.BigEndian.Uint16(sum[i:])))
	}
	return strings.Join(bytes, ":"), strings.Join(spoken, " ")
}

// proquint is 16 bits as a word: consonant, vowel, consonant, vowel, consonant (Daniel S.
// Wilkerson, "A Proposal for Proquints", 2009).
func proquint(n uint16) string {
	const consonants, vowels = "bdfghjklmnprstvz", "aiou"
	return string([]byte{consonants[n>>12], vowels[n>>10&3], consonants[n>>6&15], vowels[n>>4&3], consonants[n&15]})
}
