// Package checkpoint reads what the public log says of itself: how large it is and what
// its root is, signed by the log and cosigned by a quorum of the roster's witnesses
// (formats/ledger.md).
package checkpoint

import (
	"encoding/base64"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	cosignature "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"polity/city"
	"polity/ledger/roster"
)

// MaxSize bounds a checkpoint with its signatures, in bytes.
const MaxSize = 64 << 10

const (
	maxTree   = 1 << 48 // entries
	maxOrigin = 200     // bytes
)

// Checkpoint is one that counts, if Open returned it.
type Checkpoint struct {
	Origin string
	Size   int64
	Root   tlog.Hash
	// Time is the median of the cosignatures' times, of an even number the lower of the
	// middle two.
	Time      time.Time
	Witnesses []city.Slug // who cosigned, rising
	file      []byte
}

// File is the checkpoint as it was served.
func (c *Checkpoint) File() []byte { return slices.Clone(c.file) }

// Tree is what proofs are checked against.
func (c *Checkpoint) Tree() tlog.Tree { return tlog.Tree{N: c.Size, Hash: c.Root} }

// Open checks a checkpoint: that the log of the roster signed it, and that its quorum
// of witnesses cosigned it. The error is of kind Invalid and says what is missing.
func Open(file []byte, r *roster.Roster) (*Checkpoint, error) {
	c, cosigned, err := openBy(file, r)
	if err == nil {
		err = cosigned
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// OpenUncosigned checks that the log of the roster signed a checkpoint, whoever
// cosigned it. It is for the log itself: for everyone else such a one does not count.
func OpenUncosigned(file []byte, r *roster.Roster) (*Checkpoint, error) {
	c, _, err := openBy(file, r)
	return c, err
}

// openBy checks everything but the quorum, whose want is the second result.
func openBy(file []byte, r *roster.Roster) (_ *Checkpoint, cosigned, err error) {
	if len(file) > MaxSize {
		return nil, nil, city.Errorf(city.TooLarge, "the checkpoint has %d bytes; %d are allowed", len(file), MaxSize)
	}
	log, err := r.LogVerifier()
	if err != nil {
		return nil, nil, err
	}
	witnesses, err := r.WitnessVerifiers()
	if err != nil {
		return nil, nil, err
	}
	n, err := open(file, log, witnesses)
	if err != nil {
		return nil, nil, err
	}
	c, err := Parse(n.Text)
	if err != nil {
		return nil, nil, err
	}
	if c.Origin != r.Log.Origin {
		return nil, nil, city.Errorf(city.Invalid, "the checkpoint is of the log %.80q, not of %s", c.Origin, r.Log.Origin)
	}
	c.file = slices.Clone(file)
	signed, cosigned := c.count(n, log, witnesses, r)
	if !signed {
		return nil, nil, city.Errorf(city.Invalid, "the log %s did not sign the checkpoint", r.Log.Origin)
	}
	return c, cosigned, nil
}

func open(file []byte, log note.Verifier, witnesses []note.Verifier) (*note.Note, error) {
	n, err := note.Open(file, note.VerifierList(append([]note.Verifier{log}, witnesses...)...))
	if wrong, ok := errors.AsType[*note.InvalidSignatureError](err); ok {
		return nil, city.Errorf(city.Invalid, "the checkpoint's signature by %.80s does not fit: it was changed after it was signed", wrong.Name)
	}
	if _, ok := errors.AsType[*note.UnverifiedNoteError](err); ok {
		return nil, city.Errorf(city.Invalid, "neither the log nor a witness of the roster signed the checkpoint")
	}
	if err != nil {
		return nil, city.Errorf(city.Invalid, "this is no checkpoint (C2SP tlog-checkpoint): it is no signed note, or cut off")
	}
	return n, nil
}

// count counts the signatures and takes the time from the cosignatures.
func (c *Checkpoint) count(n *note.Note, log note.Verifier, witnesses []note.Verifier, r *roster.Roster) (signed bool, err error) {
	var times []int64
	for _, s := range n.Sigs {
		if s.Name == log.Name() && s.Hash == log.KeyHash() {
			signed = true
			continue
		}
		i := slices.IndexFunc(witnesses, func(v note.Verifier) bool { return v.Name() == s.Name && v.KeyHash() == s.Hash })
		at, err := cosignature.CoSigV1Timestamp(s)
		if i < 0 || err != nil {
			continue
		}
		c.Witnesses = append(c.Witnesses, r.Witnesses[i].Name)
		times = append(times, at.Unix())
	}
	if len(times) < r.Quorum {
		return signed, city.Errorf(city.Invalid, "%d of the roster's %d witnesses cosigned the checkpoint; %d are needed", len(times), len(r.Witnesses), r.Quorum)
	}
	slices.Sort(times)
	slices.Sort(c.Witnesses)
	c.Time = time.Unix(times[(len(times)-1)/2], 0).UTC()
	return signed, nil
}

// Parse reads the signed text of a checkpoint, and checks no signature. Lines behind the
// third are extensions, which mean nothing here. The error is of kind Invalid.
func Parse(text string) (*Checkpoint, error) {
	lines := strings.Split(text, "\n")
	if len(lines) < 4 || lines[len(lines)-1] != "" || slices.Contains(lines[:len(lines)-1], "") || len(text) > MaxSize {
		return nil, city.Errorf(city.Invalid, "this is no checkpoint (C2SP tlog-checkpoint): it begins with origin, size and root, a line each, and no line is empty")
	}
	if len(lines[0]) > maxOrigin {
		return nil, city.Errorf(city.Invalid, "the checkpoint's origin has more than %d bytes", maxOrigin)
	}
	c := &Checkpoint{Origin: lines[0]}
	var err error
	if c.Size, err = ParseSize(lines[1]); err != nil {
		return nil, city.Errorf(city.Invalid, "the checkpoint's size: %w", err)
	}
	if c.Root, err = ParseHash(lines[2]); err != nil {
		return nil, city.Errorf(city.Invalid, "the checkpoint's root: %w", err)
	}
	return c, nil
}

// ParseSize reads a tree's size: a number of entries without sign and leading zeros. The
// error is of kind Invalid.
func ParseSize(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > maxTree || strconv.FormatInt(n, 10) != s {
		return 0, city.Errorf(city.Invalid, "%.30q is no size of a tree", s)
	}
	return n, nil
}

// ParseHash reads a hash in base64. The error is of kind Invalid.
func ParseHash(s string) (h tlog.Hash, err error) {
	raw, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || len(raw) != len(h) {
		return h, city.Errorf(city.Invalid, "%.60q is no SHA-256 in base64", s)
	}
	copy(h[:], raw)
	return h, nil
}
