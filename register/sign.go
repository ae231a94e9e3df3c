package register

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"
	"filippo.io/age/armor"
	"golang.org/x/mod/sumdb/note"

	"polity/city"
)

// Sign checks the entry and returns it as a signed note.
func Sign(e Entry, key note.Signer) ([]byte, error) {
	e.Format = Format
	if e.Events == nil {
		e.Events = []string{}
	}
	if err := e.Check(); err != nil {
		return nil, err
	}
	text, err := e.encode()
	if err != nil {
		return nil, err
	}
	signed, err := note.Sign(&note.Note{Text: string(text)}, key)
	if err != nil {
		return nil, fmt.Errorf("sign the entry: %w", err)
	}
	if len(signed) > MaxSize {
		return nil, city.Errorf(city.TooLarge, "the entry has %d bytes; %d are allowed", len(signed), MaxSize)
	}
	return signed, nil
}

// NewKey makes a key pair. Name is a domain of the office with or without a path,
// such as helsinki.example/cameras. The first result is the private key's text,
// the second the one that goes to edges and hubs.
func NewKey(name string) (private, public string, err error) {
	if name == "" || strings.ContainsAny(name, "+ \t\n") || checkText(name, false) != nil {
		return "", "", city.Errorf(city.Invalid, "the key's name is %q; use the office's domain, such as helsinki.example/cameras", name)
	}
	private, public, err = note.GenerateKey(rand.Reader, name)
	if err != nil {
		return "", "", fmt.Errorf("make a key: %w", err)
	}
	return private, public, nil
}

// work is the cost of trying a passphrase: scrypt with 2^work rounds, about a
// second.
var work = 18

// Seal locks a private key's text with a passphrase (age, scrypt).
func Seal(private, passphrase string) ([]byte, error) {
	to, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return nil, city.Errorf(city.Invalid, "passphrase: %w", err)
	}
	to.SetWorkFactor(work)
	var buf bytes.Buffer
	lines := armor.NewWriter(&buf)
	w, err := age.Encrypt(lines, to)
	if err != nil {
		return nil, fmt.Errorf("lock the key: %w", err)
	}
	if _, err := io.WriteString(w, private+"\n"); err != nil {
		return nil, fmt.Errorf("lock the key: %w", err)
	}
	if err := errors.Join(w.Close(), lines.Close()); err != nil {
		return nil, fmt.Errorf("lock the key: %w", err)
	}
	return buf.Bytes(), nil
}

// ReadKey reads a private key's file, asking for the passphrase if it is locked.
func ReadKey(file []byte, passphrase func() (string, error)) (note.Signer, error) {
	if len(file) > MaxSize {
		return nil, city.Errorf(city.TooLarge, "the key's file has %d bytes", len(file))
	}
	if bytes.HasPrefix(file, []byte(armor.Header)) {
		open, err := unlock(file, passphrase)
		if err != nil {
			return nil, err
		}
		file = open
	}
	text := strings.TrimSpace(string(file))
	if !strings.HasPrefix(text, "PRIVATE+KEY+") {
		return nil, city.Errorf(city.Invalid, "this is not a private key; 'polity camera key' makes one")
	}
	key, err := note.NewSigner(text)
	if err != nil {
		return nil, city.Errorf(city.Invalid, "the private key is damaged")
	}
	return key, nil
}

func unlock(file []byte, passphrase func() (string, error)) ([]byte, error) {
	words, err := passphrase()
	if err != nil {
		return nil, err
	}
	id, err := age.NewScryptIdentity(words)
	if err != nil {
		return nil, city.Errorf(city.Invalid, "passphrase: %w", err)
	}
	r, err := age.Decrypt(armor.NewReader(bytes.NewReader(file)), id)
	if err != nil {
		return nil, city.Errorf(city.Forbidden, "the passphrase does not open the key: %w", err)
	}
	return io.ReadAll(io.LimitReader(r, MaxSize))
}

// Keys are the public keys that an edge or hub trusts.
type Keys struct{ list note.Verifiers }

// ParseKeys reads them, one text each. At least one is needed.
func ParseKeys(texts []string) (Keys, error) {
	if len(texts) == 0 {
		return Keys{}, city.Errorf(city.Invalid, "no city key is given: no entry could be checked, and no camera run")
	}
	var verifiers []note.Verifier
	for i, text := range texts {
		v, err := note.NewVerifier(strings.TrimSpace(text))
		switch {
		case err != nil && strings.Contains(text, "PRIVATE"):
			return Keys{}, city.Errorf(city.Invalid, "city key %d is a private key: take it out at once, and write the line of the .pub file beside it", i+1)
		case err != nil: // what stands there may be a secret, and is not repeated
			return Keys{}, city.Errorf(city.Invalid, "city key %d: it is one line such as helsinki.example/cameras+1a2b3c4d+AbC..., as in the .pub file that 'polity camera key' makes", i+1)
		}
		verifiers = append(verifiers, v)
	}
	return Keys{note.VerifierList(verifiers...)}, nil
}
