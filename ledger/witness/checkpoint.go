package witness

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"polity/city"
)

// MaxCheckpoint bounds a checkpoint with its signatures, in bytes (formats/ledger.md).
const MaxCheckpoint = 64 << 10

// maxSize bounds the sizes of trees, so that sums of indexes stay whole.
const maxSize = 1 << 60

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
	wrong := func(what string) (Checkpoint, error) {
		return Checkpoint{}, city.Errorf(city.Invalid, "no checkpoint (C2SP tlog-checkpoint): %s", what)
	}
	lines := strings.Split(text, "\n")
	if len(lines) < 4 || lines[len(lines)-1] != "" {
		return wrong("it has to begin with origin, size and root, a line each")
	}
	if slices.Contains(lines[:len(lines)-1], "") {
		return wrong("a line of it is empty")
	}
	if len(lines[0]) > maxName {
		return wrong("its origin is too long")
	}
	size, err := parseSize(lines[1])
	if err != nil {
		return wrong(err.Error())
	}
	root, err := parseHash(lines[2])
	if err != nil {
		return wrong("its root is no SHA-256 in base64")
	}
	return Checkpoint{lines[0], size, root, text}, nil
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

// parseSize reads a decimal number without sign and leading zeros.
func parseSize(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > maxSize || strconv.FormatInt(n, 10) != s {
		return 0, fmt.Errorf("%.30q is no size of a tree", s)
	}
	return n, nil
}

func parseHash(s string) (h tlog.Hash, err error) {
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != tlog.HashSize {
		return h, fmt.Errorf("%.60q is no SHA-256 in base64", s)
	}
	copy(h[:], b)
	return h, nil
}

// EmptyRoot is the root of the empty tree (RFC 6962, 2.1).
func EmptyRoot() tlog.Hash {
	h, err := tlog.TreeHash(0, nil)
	if err != nil {
		panic(err) // it reads nothing
	}
	return h
}
