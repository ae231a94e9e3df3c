package entry

import (
	"crypto/ed25519"
	"encoding/binary"
	"reflect"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/roster"
)

// By implements Signed.
func (e *EpochKey) By() (owner, device city.Slug) { return e.Body, e.Device }

// By implements Signed.
func (e *EpochKeyDestroyed) By() (owner, device city.Slug) { return e.Body, e.Device }

// By implements Signed.
func (e *Segments) By() (owner, device city.Slug) { return "", "" }

// By implements Signed.
func (e *ReleaseRequested) By() (owner, device city.Slug) { return e.Body, e.Device }

// By implements Signed.
func (e *ReleaseApproved) By() (owner, device city.Slug) { return e.Body, e.Device }

// By implements Signed.
func (e *ReleaseRefused) By() (owner, device city.Slug) { return e.Body, e.Device }

// By implements Signed.
func (e *ReleaseOpened) By() (owner, device city.Slug) { return e.Body, e.Device }

// By implements Signed.
func (e *ReleaseDetails) By() (owner, device city.Slug) { return e.Body, e.Device }

// By implements Signed.
func (e *Hold) By() (owner, device city.Slug) { return e.Body, e.Device }

// By implements Signed.
func (e *Audit) By() (owner, device city.Slug) { return e.Body, e.Device }

func (e *EpochKey) sig() *bytes          { return &e.Signature }
func (e *EpochKeyDestroyed) sig() *bytes { return &e.Signature }
func (e *Segments) sig() *bytes          { return &e.Signature }
func (e *ReleaseRequested) sig() *bytes  { return &e.Signature }
func (e *ReleaseApproved) sig() *bytes   { return &e.Signature }
func (e *ReleaseRefused) sig() *bytes    { return &e.Signature }
func (e *ReleaseOpened) sig() *bytes     { return &e.Signature }
func (e *ReleaseDetails) sig() *bytes    { return &e.Signature }
func (e *Hold) sig() *bytes              { return &e.Signature }
func (e *Audit) sig() *bytes             { return &e.Signature }

// Message is what is signed for an entry: all of it but the signature. Of segments it
// is what formats/segment.md says.
func Message(e Signed) ([]byte, error) {
	if s, ok := e.(*Segments); ok {
		number := func(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) } //nolint:gosec // counts are checked to be 0 or more, and times to be after 2020
		return canonical.Fields("segments", []byte(s.Domain), []byte(s.Camera), number(s.Hour.Time().UnixMilli()), number(s.Count), number(s.Gaps), s.Root[:]), nil
	}
	bare := reflect.New(reflect.TypeOf(e).Elem())
	bare.Elem().Set(reflect.ValueOf(e).Elem())
	unsigned := bare.Interface().(Signed) //nolint:forcetypeassert // it has e's type
	*unsigned.sig() = nil
	fill(unsigned)
	text, err := canonical.Encode(unsigned)
	if err != nil {
		return nil, err
	}
	return append([]byte("polity/entry/v1\n"), text...), nil
}

// Sign signs an entry and checks it.
func Sign(e Signed, key ed25519.PrivateKey) error {
	fill(e)
	message, err := Message(e)
	if err != nil {
		return err
	}
	*e.sig() = ed25519.Sign(key, message)
	return Check(e)
}

// Verify checks an entry's signature: by its device's key in the roster, or that of the
// recorder that the entry names. Whether a recorder is the camera's, the camera's
// registration says. The error is of kind Invalid.
func Verify(e Signed, r *roster.Roster) error {
	var key ed25519.PublicKey
	if s, ok := e.(*Segments); ok {
		key = ed25519.PublicKey(s.Recorder)
		if s.Domain != r.Domain {
			return city.Errorf(city.Invalid, "entry segments is of %.80q, not of %s", s.Domain, r.Domain)
		}
	} else {
		owner, device := e.By()
		var err error
		if key, err = r.Device(owner, device); err != nil {
			return city.Errorf(city.Invalid, "entry %s: %w", e.of(), err)
		}
	}
	message, err := Message(e)
	if err != nil {
		return err
	}
	if len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, message, *e.sig()) {
		return city.Errorf(city.Invalid, "the signature of the entry %s does not fit", e.of())
	}
	return nil
}
