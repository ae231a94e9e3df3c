package proof

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"polity/city"
	"polity/ledger/checkpoint"
	"polity/ledger/roster"
)

// Consistency says that the log of a newer checkpoint begins with all of an older one.
type Consistency struct {
	From       tlog.Tree // the older one
	Hashes     []tlog.Hash
	Checkpoint []byte // the newer one, as it was served
}

// ProveGrowth makes the proof that the log only grew since an older tree that somebody
// holds, to its newest checkpoint, and checks what it read.
func ProveGrowth(ctx context.Context, s Source, from tlog.Tree, r *roster.Roster) (*Consistency, error) {
	file, err := readCheckpoint(ctx, s)
	if err != nil {
		return nil, err
	}
	c, err := checkpoint.Open(file, r)
	if err != nil {
		return nil, err
	}
	p := &Consistency{From: from, Checkpoint: file}
	if from.N > c.Size {
		return nil, city.Errorf(city.Invalid, "the log has %d entries; an older checkpoint had %d: it went back", c.Size, from.N)
	}
	if from.N > 0 && from.N < c.Size {
		if p.Hashes, err = tlog.ProveTree(c.Size, from.N, hashes(ctx, s, c.Tree())); err != nil {
			return nil, city.Errorf(city.Invalid, "the log's tiles do not add up to its checkpoint: %w", err)
		}
	}
	_, err = p.Check(r)
	return p, err
}

// Check checks the proof with a roster and nothing else, and returns the newer
// checkpoint. The error is of kind Invalid: then the two are of different logs, or one
// of them was changed.
func (p *Consistency) Check(r *roster.Roster) (*checkpoint.Checkpoint, error) {
	c, err := checkpoint.Open(p.Checkpoint, r)
	if err != nil {
		return nil, err
	}
	fork := city.Errorf(city.Invalid, "the log of %d entries does not begin with the %d of the older checkpoint: it was rewritten, or two were shown", c.Size, p.From.N)
	switch {
	case p.From.N < 0 || p.From.N > c.Size:
		return nil, city.Errorf(city.Invalid, "the older checkpoint has %d entries, the newer one %d", p.From.N, c.Size)
	case p.From.N == 0 && len(p.Hashes) == 0:
		return c, nil // every log begins with nothing
	case p.From.N == c.Size && len(p.Hashes) == 0:
		if p.From.Hash != c.Root {
			return nil, fork
		}
		return c, nil
	case p.From.N == 0 || p.From.N == c.Size:
		return nil, city.Errorf(city.Invalid, "the proof has hashes where none are needed")
	}
	if tlog.CheckTree(p.Hashes, c.Size, c.Root, p.From.N, p.From.Hash) != nil {
		return nil, fork
	}
	return c, nil
}

// Marshal writes the file.
func (p *Consistency) Marshal() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\nfrom %d %s\n", consistencyFormat, p.From.N, p.From.Hash)
	writeHashes(&b, p.Hashes)
	b.Write(p.Checkpoint)
	return b.Bytes()
}

// ParseConsistency reads a file; Check says whether it holds. The error is of kind
// Invalid.
func ParseConsistency(file []byte) (*Consistency, error) {
	head, list, checkpoint, err := parse(file, consistencyFormat, 1)
	if err != nil {
		return nil, err
	}
	p := &Consistency{Hashes: list, Checkpoint: checkpoint}
	fields := strings.Split(head[0], " ")
	if len(fields) != 3 || fields[0] != "from" {
		return nil, city.Errorf(city.Invalid, "the proof's second line must be 'from', the older size and its root")
	}
	if p.From.N, err = number(fields[1]); err != nil {
		return nil, city.Errorf(city.Invalid, "the proof's older size is no number")
	}
	if p.From.Hash, err = parseHash(fields[2]); err != nil {
		return nil, city.Errorf(city.Invalid, "the proof's older root is no SHA-256 in base64")
	}
	return p, nil
}
