package witness

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"polity/city"
	"polity/ledger/checkpoint"
)

// MaxCheckpoint bounds a checkpoint with its signatures, in bytes (formats/ledger.md).
const MaxCheckpoint = checkpoint.MaxSize

// Checkpoint is what a log says of itself (C2SP tlog-checkpoint).
type Checkpoint struct {
	Origin string
	Size   int64
	Root   tlog.Hash
	Text   string // what is signed: the lines up to the empty one
}

// ParseText reads the signed text of a checkpoint, from foreign bytes. Lines behind the
// third are kept in Text and mean nothing.
func ParseText(text string) (Checkpoint, error) {
	c, err := checkpoint.Parse(text)
	if err != nil {
		return Checkpoint{}, err
	}
	return Checkpoint{c.Origin, c.Size, c.Root, text}, nil
}

// Peek reads a signed checkpoint whose signatures nobody has checked yet.
func Peek(signed []byte) (Checkpoint, error) {
	if len(signed) > MaxCheckpoint {
		return Checkpoint{}, city.Errorf(city.Invalid, "a checkpoint has at most %d bytes", MaxCheckpoint)
	}
	end := strings.LastIndex(string(signed), "\n\n")
	if end < 0 {
		return Checkpoint{}, city.Errorf(city.Invalid, "no checkpoint: the empty line before the signatures is missing")
	}
	return ParseText(string(signed[:end+1]))
}

// Open reads a checkpoint with a valid signature by one of the keys, and says which
// signed it. Signatures by other keys are ignored; a wrong one by one of them is an
// error. Errors are of kind Invalid for what is no checkpoint, Forbidden for signatures.
func Open(signed []byte, keys ...note.Verifier) (Checkpoint, []note.Signature, error) {
	c, err := Peek(signed)
	if err != nil {
		return c, nil, err
	}
	n, err := note.Open(signed, note.VerifierList(keys...))
	var unverified *note.UnverifiedNoteError
	var invalid *note.InvalidSignatureError
	switch {
	case errors.As(err, &unverified):
		return c, nil, city.Errorf(city.Forbidden, "no signature by a known key for %.80q", c.Origin)
	case errors.As(err, &invalid):
		return c, nil, city.Errorf(city.Forbidden, "the signature by %.80q is wrong", invalid.Name)
	case err != nil:
		return c, nil, city.Errorf(city.Invalid, "no checkpoint: %w", err)
	}
	return c, n.Sigs, nil
}

// Time is when a cosignature says that it was made. It is the zero time for what is no
// cosignature.
func Time(s note.Signature) time.Time {
	b, err := base64.StdEncoding.DecodeString(s.Base64)
	if err != nil || len(b) != 4+stampSize+64 {
		return time.Time{}
	}
	return time.Unix(int64(binary.BigEndian.Uint64(b[4:])&(1<<62-1)), 0)
}

// EmptyRoot is the root of the empty tree (RFC 6962, 2.1).
func EmptyRoot() tlog.Hash {
	h, err := tlog.TreeHash(0, nil)
	if err != nil {
		panic(err) // it reads nothing
	}
	return h
}
