package witness

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"polity/city"
)

// Types of keys (C2SP signed-note, tlog-cosignature).
const (
	algEd25519     = 0x01
	algCosignature = 0x04
)

// maxName bounds names of keys and origins of logs, in bytes.
const maxName = 200

// stampSize is the length of a cosignature's time, in bytes.
const stampSize = 8

// Signer makes cosignatures.
type Signer struct {
	private ed25519.PrivateKey
	Verifier
}

// Verifier checks cosignatures of one witness. It implements note.Verifier.
type Verifier struct {
	name   string
	hash   uint32
	public ed25519.PublicKey
}

// Generate makes a key of a witness with a name: a URL without its scheme, such as
// ngo.example/witness1.
func Generate(name string) (*Signer, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	return newSigner(name, private), nil
}

func newSigner(name string, private ed25519.PrivateKey) *Signer {
	public := private.Public().(ed25519.PublicKey)
	return &Signer{private, Verifier{name, keyHash(name, algCosignature, public), public}}
}

// ParseSigner reads what Secret wrote, or an Ed25519 key of a note signer (type 0x01), as
// other witnesses have them. The error never holds the key.
func ParseSigner(text string) (*Signer, error) {
	wrong := city.Errorf(city.Invalid, "no key of a witness; 'polity witness key' makes one")
	rest, ok := strings.CutPrefix(strings.TrimSuffix(text, "\n"), "PRIVATE+KEY+")
	if !ok {
		return nil, wrong
	}
	name, hash, seed, ok := cut(rest)
	if !ok || len(seed) != 1+ed25519.SeedSize || (seed[0] != algCosignature && seed[0] != algEd25519) {
		return nil, wrong
	}
	s := newSigner(name, ed25519.NewKeyFromSeed(seed[1:]))
	if keyHash(name, seed[0], s.public) != hash {
		return nil, wrong
	}
	return s, nil
}

// Secret is the key as text, for a file that nobody else reads.
func (s *Signer) Secret() string {
	seed := append([]byte{algCosignature}, s.private.Seed()...)
	return fmt.Sprintf("PRIVATE+KEY+%s+%08x+%s\n", s.name, s.hash, base64.StdEncoding.EncodeToString(seed))
}

// Cosign returns a signature line, with its newline, over the text of a checkpoint.
func (s *Signer) Cosign(text string, at time.Time) string {
	b := binary.BigEndian.AppendUint32(nil, s.hash)
	b = binary.BigEndian.AppendUint64(b, uint64(at.Unix()))
	b = append(b, ed25519.Sign(s.private, message(text, uint64(at.Unix())))...)
	return "— " + s.name + " " + base64.StdEncoding.EncodeToString(b) + "\n"
}

// ParseVerifier reads name+hash+key, as it stands in a roster.
func ParseVerifier(text string) (Verifier, error) {
	name, hash, key, ok := cut(text)
	if !ok || len(key) != 1+ed25519.PublicKeySize || key[0] != algCosignature || keyHash(name, algCosignature, key[1:]) != hash {
		return Verifier{}, city.Errorf(city.Invalid, "%.80q is no key of a witness in the form name+hash+base64 (cosignature/v1, type 0x04)", text)
	}
	return Verifier{name, hash, key[1:]}, nil
}

// String is the form that ParseVerifier reads.
func (v Verifier) String() string {
	return fmt.Sprintf("%s+%08x+%s", v.name, v.hash, base64.StdEncoding.EncodeToString(append([]byte{algCosignature}, v.public...)))
}

// Name implements note.Verifier.
func (v Verifier) Name() string { return v.name }

// KeyHash implements note.Verifier.
func (v Verifier) KeyHash() uint32 { return v.hash }

// Verify implements note.Verifier.
func (v Verifier) Verify(text, sig []byte) bool {
	if len(sig) != stampSize+ed25519.SignatureSize {
		return false
	}
	at := binary.BigEndian.Uint64(sig)
	return at < 1<<62 && ed25519.Verify(v.public, message(string(text), at), sig[stampSize:])
}

func message(text string, at uint64) []byte {
	return fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", at, text)
}

// cut takes name+hash+base64 apart.
func cut(text string) (name string, hash uint32, key []byte, ok bool) {
	if len(text) > maxName+100 {
		return
	}
	name, rest, _ := strings.Cut(text, "+")
	hash16, key64, _ := strings.Cut(rest, "+")
	h, err := hex.DecodeString(hash16)
	if err != nil || len(h) != 4 || strings.ToLower(hash16) != hash16 || checkName(name) != nil {
		return
	}
	key, err = base64.StdEncoding.Strict().DecodeString(key64)
	return name, binary.BigEndian.Uint32(h), key, err == nil
}

func checkName(name string) error {
	bad := func(r rune) bool { return unicode.IsSpace(r) || r == '+' || !unicode.IsPrint(r) }
	if name == "" || len(name) > maxName || !utf8.ValidString(name) || strings.ContainsFunc(name, bad) {
		return city.Errorf(city.Invalid, "%.80q cannot be the name of a key: 1 to %d bytes without space or plus, such as ngo.example/witness1", name, maxName)
	}
	return nil
}

// keyHash is the id of a key of a type (C2SP signed-note, tlog-cosignature).
func keyHash(name string, kind byte, public []byte) uint32 {
	sum := sha256.Sum256(append(append([]byte(name+"\n"), kind), public...))
	return binary.BigEndian.Uint32(sum[:])
}
