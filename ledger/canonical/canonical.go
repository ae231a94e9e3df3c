// Package canonical is the one way to write what the public log and the roster hold:
// JSON in which members rise by name, without spaces, with whole numbers only
// (formats/roster.md), and the kinds of values in it. Two who have the same content
// have the same bytes.
package canonical

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"polity/city"
)

// Encode writes v, a pointer to or value of a struct whose members are declared rising
// by name; Ordered checks that in a test.
func Encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, city.Errorf(city.Invalid, "%w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// Decode reads data into v and refuses what Encode would not have written: another
// order, a space, a member that is unknown, missing or there twice. The error is of
// kind Invalid.
func Decode(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return city.Errorf(city.Invalid, "%s", told(err))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return city.Errorf(city.Invalid, "something follows the JSON object")
	}
	again, err := Encode(v)
	if err != nil {
		return err
	}
	if !bytes.Equal(again, data) {
		return city.Errorf(city.Invalid, "not in canonical form: byte %d differs from how it has to be written", differs(again, data)+1)
	}
	return nil
}

// told says an error of encoding/json without repeating values: they may be of somebody.
func told(err error) string {
	syntax, isSyntax := errors.AsType[*json.SyntaxError](err)
	kind, isType := errors.AsType[*json.UnmarshalTypeError](err)
	ours, isOurs := errors.AsType[*formError](err)
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return "the JSON ends too early"
	case isSyntax:
		return fmt.Sprintf("no JSON from byte %d on", syntax.Offset)
	case isType:
		return fmt.Sprintf("the value of %.60q is of another type (byte %d)", kind.Field, kind.Offset)
	case isOurs:
		return ours.Error()
	case strings.HasPrefix(err.Error(), "json: unknown field"):
		return "it has an unknown field, which is not on the list of this version"
	}
	return "a value is not in the form that it must have"
}

func differs(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// Fields is the message that is hashed or signed for what: "polity/WHAT/v1\n", then
// each field after its length in 4 bytes, big-endian, so that no two lists of fields
// give the same bytes.
func Fields(what string, fields ...[]byte) []byte {
	n := len("polity//v1\n") + len(what)
	for _, f := range fields {
		n += 4 + len(f)
	}
	b := make([]byte, 0, n)
	b = append(b, "polity/"+what+"/v1\n"...)
	for _, f := range fields {
		b = binary.BigEndian.AppendUint32(b, uint32(len(f))) //nolint:gosec // fields are far below 4 GiB
		b = append(b, f...)
	}
	return b
}

// Sum is SHA-256 over Fields: H of formats/segment.md.
func Sum(what string, fields ...[]byte) Hash { return sha256.Sum256(Fields(what, fields...)) }

// Commit commits to a value under a salt of 32 random bytes: nobody can try values
// against it.
func Commit(salt Hash, value []byte) Hash { return Sum("commitment", salt[:], value) }
