package token

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"io"

	"filippo.io/age"
	"filippo.io/age/agessh"
	"golang.org/x/crypto/ssh"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/roster"
)

// MaxSecret bounds an age file that a carried file holds, in bytes.
const MaxSecret = 4 << 20

// Encrypt seals details to every device of both bodies.
func Encrypt(d *Details, r *roster.Roster) ([]byte, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	text, err := canonical.Encode(d)
	if err != nil {
		return nil, err
	}
	var to []age.Recipient
	for _, b := range r.Bodies {
		for _, device := range b.Devices {
			key, err := roster.ParseKey(device.Key)
			if err != nil {
				return nil, city.Errorf(city.Invalid, "device %s: %w", device.ID, err)
			}
			public, err := ssh.NewPublicKey(key)
			if err != nil {
				return nil, city.Errorf(city.Invalid, "device %s: %w", device.ID, err)
			}
			one, err := agessh.NewEd25519Recipient(public)
			if err != nil {
				return nil, city.Errorf(city.Invalid, "device %s: %w", device.ID, err)
			}
			to = append(to, one)
		}
	}
	return Seal(text, to...)
}

// Decrypt opens details with a device's key. The error is of kind Invalid, or Forbidden
// where they were not sealed to this device.
func Decrypt(sealed []byte, device ed25519.PrivateKey) (*Details, error) {
	identity, err := agessh.NewEd25519Identity(device)
	if err != nil {
		return nil, err
	}
	text, err := Unseal(sealed, maxDetails, identity)
	if err != nil {
		return nil, city.Errorf(city.KindOf(err), "details: %w", err)
	}
	d := new(Details)
	if err := canonical.Decode(text, d); err != nil {
		return nil, city.Errorf(city.Invalid, "details: %w", err)
	}
	return d, d.check()
}

// Seal writes text as an age file.
func Seal(text []byte, to ...age.Recipient) ([]byte, error) {
	var b bytes.Buffer
	w, err := age.Encrypt(&b, to...)
	if err != nil {
		return nil, fmt.Errorf("encrypt: %w", err)
	}
	if _, err := w.Write(text); err != nil {
		return nil, fmt.Errorf("encrypt: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("encrypt: %w", err)
	}
	return b.Bytes(), nil
}

// Unseal reads an age file of at most limit bytes of text. The error is of kind
// Forbidden where none of the identities opens it, Invalid where it is damaged.
func Unseal(sealed []byte, limit int64, by ...age.Identity) ([]byte, error) {
	r, err := age.Decrypt(bytes.NewReader(sealed), by...)
	if err != nil {
		if _, ok := err.(*age.NoIdentityMatchError); ok { //nolint:errorlint // age returns it as it is
			return nil, city.Errorf(city.Forbidden, "they were not encrypted to this device or with this passphrase")
		}
		return nil, city.Errorf(city.Invalid, "this is no age file, or it was damaged")
	}
	text, err := io.ReadAll(io.LimitReader(r, limit+1))
	switch {
	case err != nil:
		return nil, city.Errorf(city.Invalid, "the age file was cut off or changed")
	case int64(len(text)) > limit:
		return nil, city.Errorf(city.TooLarge, "the age file holds more than %d bytes", limit)
	}
	return text, nil
}
