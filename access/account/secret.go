package account

import (
	"crypto/rand"
	"crypto/sha256"
	"strings"
)

// alphabet is Crockford's base32 (crockford.com/base32.html) in lower case: no i, l, o, u.
const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"

type hash [sha256.Size]byte

func hashOf(text string) hash { return sha256.Sum256([]byte(text)) }

// random returns n characters of 5 random bits each. It never fails: crypto/rand ends the
// program where the machine has no randomness.
func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	for i := range b {
		b[i] = alphabet[b[i]&31]
	}
	return string(b)
}

const (
	idLength     = 26 // 130 bits
	secretLength = 52 // 260 bits
	codeLength   = 15 // 75 bits, in groups of codeGroup
	codeGroup    = 5
)

// The first letter of an ID says what it names.
const (
	personID  = "p"
	sessionID = "s"
	tokenID   = "t"
	codeID    = "c"
	waitingID = "w"
)

func newID(what string) string { return what + random(idLength) }

// tokenPrefix begins every token, so that scanners of source code find one.
const tokenPrefix = "polity_"

// newCode returns a code as people read it, such as K7QWX-4M2ZT-9PRHD.
func newCode() string {
	plain := strings.ToUpper(random(codeLength))
	return plain[:codeGroup] + "-" + plain[codeGroup:2*codeGroup] + "-" + plain[2*codeGroup:]
}

// codeHash is the hash of a code as somebody typed it; false: it cannot be one.
func codeHash(typed string) (hash, bool) {
	if len(typed) > 64 {
		return hash{}, false
	}
	plain := strings.Map(func(r rune) rune {
		switch r {
		case '-', ' ', '\t', '\u00a0', '\u2010', '\u2011', '\u2013':
			return -1
		case 'o', 'O':
			return '0'
		case 'i', 'I', 'l', 'L':
			return '1'
		}
		if r >= 'A' && r <= 'Z' {
			return r - 'A' + 'a'
		}
		return r
	}, typed)
	if len(plain) != codeLength || strings.Trim(plain, alphabet) != "" {
		return hash{}, false
	}
	return hashOf(plain), true
}
