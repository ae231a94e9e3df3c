package roster

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"polity/city"
	"polity/ledger/canonical"
)

// MaxSize bounds a roster's file, in bytes.
const MaxSize = 32 << 10

const maxSignatures = 16

// Signed is a roster whose signatures were checked.
type Signed struct {
	Roster
	file []byte
	text []byte
}

// File is the signed note.
func (s *Signed) File() []byte { return slices.Clone(s.file) }

// Words are 8 groups of 8 hexadecimal digits, which people compare when a roster comes
// by hand.
func (s *Signed) Words() string {
	sum := sha256.Sum256(s.text)
	var groups []string
	for b := range slices.Chunk(sum[:], 4) {
		groups = append(groups, fmt.Sprintf("%x", b))
	}
	return strings.Join(groups, " ")
}

// Write checks a roster and returns it as a note with signatures by these keys. Fewer
// than three make a file that others sign on, with Add.
func Write(r *Roster, keys ...note.Signer) ([]byte, error) {
	r.Format = Format
	if err := r.Check(); err != nil {
		return nil, err
	}
	text, err := canonical.Encode(r)
	if err != nil {
		return nil, err
	}
	return sign(&note.Note{Text: string(text) + "\n"}, keys)
}

// Add adds signatures to a roster's file. The signatures that it has are kept; they
// are checked by First or Next.
func Add(file []byte, keys ...note.Signer) ([]byte, error) {
	_, text, err := parse(file)
	if err != nil {
		return nil, err
	}
	if len(file) == len(text)+1 { // nobody signed yet
		return sign(&note.Note{Text: string(text)}, keys)
	}
	n, err := note.Open(file, note.VerifierList())
	if unverified, ok := errors.AsType[*note.UnverifiedNoteError](err); ok {
		n = unverified.Note
	} else if err != nil {
		return nil, city.Errorf(city.Invalid, "the signatures of the roster are in no form that can be read: %w", err)
	}
	return sign(n, keys)
}

func sign(n *note.Note, keys []note.Signer) ([]byte, error) {
	signed, err := note.Sign(n, keys...)
	if err != nil {
		return nil, city.Errorf(city.Invalid, "sign the roster: %w", err)
	}
	if len(signed) > MaxSize {
		return nil, city.Errorf(city.TooLarge, "the roster has %d bytes; %d are allowed", len(signed), MaxSize)
	}
	return signed, nil
}

// First reads the roster that one begins with: three of its own root keys signed it.
// That it is the right one only people can say, who compare its Words. The error is of
// kind Invalid and says what to do.
func First(file []byte) (*Signed, error) {
	r, text, err := parse(file)
	if err != nil {
		return nil, err
	}
	if err := signedBy(file, r.Root, nil, "its own root"); err != nil {
		return nil, err
	}
	return &Signed{Roster: *r, file: slices.Clone(file), text: text}, nil
}

// Next reads the roster that follows: signed by three keys of the root before and three
// of its own, its version one more. The error is of kind Invalid.
func (s *Signed) Next(file []byte) (*Signed, error) {
	r, text, err := parse(file)
	if err != nil {
		return nil, err
	}
	switch {
	case r.Version == s.Version && bytes.Equal(text, s.text):
		return nil, city.Errorf(city.Conflict, "this is roster %d, which is known", r.Version)
	case r.Version == s.Version:
		return nil, city.Errorf(city.Invalid, "there are two rosters of version %d: %s", r.Version, "ask the holders of the root keys, and trust neither")
	case r.Version != s.Version+1:
		return nil, city.Errorf(city.Invalid, "roster %d cannot follow roster %d; get the versions in between", r.Version, s.Version)
	case r.Domain != s.Domain || r.Log.Origin != s.Log.Origin:
		return nil, city.Errorf(city.Invalid, "roster %d is of %s and the log %s, not of %s and %s: of another city", r.Version, r.Domain, r.Log.Origin, s.Domain, s.Log.Origin)
	case r.ValidFrom.Time().Before(s.ValidFrom.Time()):
		return nil, city.Errorf(city.Invalid, "roster %d is valid from %s, before roster %d", r.Version, r.ValidFrom, s.Version)
	}
	if err := signedBy(file, s.Root, r.Root, fmt.Sprintf("the root of roster %d", s.Version)); err != nil {
		return nil, err
	}
	if err := signedBy(file, r.Root, s.Root, "its own root"); err != nil {
		return nil, err
	}
	return &Signed{Roster: *r, file: slices.Clone(file), text: text}, nil
}

// Read reads a first roster and those that follow it from files. An error of the file system
// is as it came; others name the file.
func Read(names []string) (list []*Signed, err error) {
	var r *Signed
	for _, name := range names {
		file, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		if r == nil {
			r, err = First(file)
		} else {
			r, err = r.Next(file)
		}
		if err != nil {
			return nil, city.Errorf(city.KindOf(err), "%s: %w", name, err)
		}
		list = append(list, r)
	}
	return list, nil
}

// Unsigned reads what a roster's file says, and checks no signature: for those who are
// about to sign it. The error is of kind Invalid.
func Unsigned(file []byte) (*Roster, error) {
	r, _, err := parse(file)
	return r, err
}

// IsRoot says whether a signer has one of the roster's root keys.
func (r *Roster) IsRoot(s note.Signer) bool {
	return slices.ContainsFunc(r.Root, func(k string) bool {
		v, err := note.NewVerifier(k)
		return err == nil && v.Name() == s.Name() && v.KeyHash() == s.KeyHash()
	})
}

// parse reads the form, not the signatures.
func parse(file []byte) (r *Roster, text []byte, err error) {
	if len(file) > MaxSize {
		return nil, nil, city.Errorf(city.TooLarge, "the roster has %d bytes; %d are allowed", len(file), MaxSize)
	}
	line, rest, ok := bytes.Cut(file, []byte("\n"))
	if !ok || !bytes.HasPrefix(rest, []byte("\n")) {
		return nil, nil, city.Errorf(city.Invalid, "no roster: it is one line of JSON, an empty line, and lines of signatures; it may be cut off")
	}
	if bytes.Count(rest, []byte("\n")) > maxSignatures+1 {
		return nil, nil, city.Errorf(city.Invalid, "the roster has more than %d signatures", maxSignatures)
	}
	r = new(Roster)
	if err := canonical.Decode(line, r); err != nil {
		return nil, nil, city.Errorf(city.Invalid, "roster: %w", err)
	}
	if err := r.Check(); err != nil {
		return nil, nil, city.Errorf(city.Invalid, "roster: %w", err)
	}
	return r, file[:len(line)+1], nil
}

// signedBy counts the signatures by keys of a root. Signatures by keys of also are left
// to another call, those by anyone else are refused.
func signedBy(file []byte, root, also []string, whose string) error {
	var list []note.Verifier
	ours := map[string]bool{}
	for _, k := range root {
		v, err := note.NewVerifier(k)
		if err != nil {
			return city.Errorf(city.Invalid, "root key %s: %w", nameOf(k), err)
		}
		list = append(list, v)
		ours[id(v.Name(), v.KeyHash())] = true
	}
	for _, k := range also {
		if v, err := note.NewVerifier(k); err == nil && !ours[id(v.Name(), v.KeyHash())] {
			list = append(list, v)
		}
	}
	n, err := note.Open(file, note.VerifierList(list...))
	if wrong, ok := errors.AsType[*note.InvalidSignatureError](err); ok {
		return city.Errorf(city.Invalid, "the signature of %s does not fit: the roster was changed after it was signed", wrong.Name)
	}
	if unverified, ok := errors.AsType[*note.UnverifiedNoteError](err); ok {
		n = unverified.Note
	} else if err != nil {
		return city.Errorf(city.Invalid, "the signatures of the roster are in no form that can be read")
	}
	if len(n.UnverifiedSigs) > 0 {
		return city.Errorf(city.Invalid, "a key that is in no root signed the roster: %.80s", n.UnverifiedSigs[0].Name)
	}
	count := 0
	for _, s := range n.Sigs {
		if ours[id(s.Name, s.Hash)] {
			count++
		}
	}
	if count < needed {
		return city.Errorf(city.Invalid, "%d of the %d keys of %s signed it; %d are needed", count, roots, whose, needed)
	}
	return nil
}

func id(name string, hash uint32) string { return fmt.Sprintf("%s+%08x", name, hash) }
