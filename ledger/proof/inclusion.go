package proof

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"polity/city"
	"polity/ledger/checkpoint"
	"polity/ledger/entry"
	"polity/ledger/roster"
)

// MaxSize bounds a proof's file, in bytes.
const MaxSize = 192 << 10

const (
	inclusionFormat   = "c2sp.org/tlog-proof@v1"
	consistencyFormat = "polity-consistency/1"
	maxHashes         = 64
)

// Inclusion says that an entry stands at an index of the log.
type Inclusion struct {
	Index      int64
	Entry      []byte // its bytes in the log
	Hashes     []tlog.Hash
	Checkpoint []byte // as it was served
}

// Prove makes the proof that the entry of an index is in the log as of its newest
// checkpoint, and checks what it read.
func Prove(ctx context.Context, s Source, index int64, r *roster.Roster) (*Inclusion, error) {
	file, err := readCheckpoint(ctx, s)
	if err != nil {
		return nil, err
	}
	c, err := checkpoint.Open(file, r)
	if err != nil {
		return nil, err
	}
	if index < 0 || index >= c.Size {
		return nil, city.Errorf(city.NotFound, "entry %d is not public yet: the log's newest checkpoint has %d entries", index, c.Size)
	}
	data, err := readEntry(ctx, s, index, c.Size)
	if err != nil {
		return nil, err
	}
	list, err := tlog.ProveRecord(c.Size, index, hashes(ctx, s, c.Tree()))
	if err != nil {
		return nil, city.Errorf(city.Invalid, "the log's tiles do not add up to its checkpoint: %w", err)
	}
	p := &Inclusion{Index: index, Entry: data, Hashes: list, Checkpoint: file}
	_, _, err = p.Check(r)
	return p, err
}

// Check checks the proof with a roster and nothing else: the checkpoint, that the entry
// is under it, and the entry. The error is of kind Invalid.
func (p *Inclusion) Check(r *roster.Roster) (entry.Entry, *checkpoint.Checkpoint, error) {
	c, err := checkpoint.Open(p.Checkpoint, r)
	if err != nil {
		return nil, nil, err
	}
	if p.Index < 0 || p.Index >= c.Size {
		return nil, nil, city.Errorf(city.Invalid, "the proof is of entry %d; the checkpoint has %d entries", p.Index, c.Size)
	}
	if err := tlog.CheckRecord(p.Hashes, c.Size, c.Root, p.Index, tlog.RecordHash(p.Entry)); err != nil {
		return nil, nil, city.Errorf(city.Invalid, "the entry does not stand at index %d of the log with this checkpoint", p.Index)
	}
	e, err := entry.Decode(p.Entry)
	if err != nil {
		return nil, nil, err
	}
	return e, c, nil
}

// Marshal writes the file (C2SP tlog-proof, the entry in extra).
func (p *Inclusion) Marshal() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\nextra %s\nindex %d\n", inclusionFormat, base64.StdEncoding.EncodeToString(p.Entry), p.Index)
	writeHashes(&b, p.Hashes)
	b.Write(p.Checkpoint)
	return b.Bytes()
}

func writeHashes(b *bytes.Buffer, list []tlog.Hash) {
	for _, h := range list {
		fmt.Fprintln(b, h.String())
	}
	b.WriteByte('\n')
}

// ParseInclusion reads a file; Check says whether it holds. The error is of kind
// Invalid.
func ParseInclusion(file []byte) (*Inclusion, error) {
	head, list, checkpoint, err := parse(file, inclusionFormat, 2)
	if err != nil {
		return nil, err
	}
	p := &Inclusion{Hashes: list, Checkpoint: checkpoint}
	extra, ok := strings.CutPrefix(head[0], "extra ")
	if p.Entry, err = base64.StdEncoding.Strict().DecodeString(extra); !ok || err != nil || len(p.Entry) == 0 {
		return nil, city.Errorf(city.Invalid, "the proof has no entry: its second line must be 'extra' and base64")
	}
	index, ok := strings.CutPrefix(head[1], "index ")
	if p.Index, err = number(index); !ok || err != nil {
		return nil, city.Errorf(city.Invalid, "the proof has no index: its third line must be 'index' and a number")
	}
	return p, nil
}

func number(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != s {
		return 0, city.Errorf(city.Invalid, "no number")
	}
	return n, nil
}

// parse cuts a proof's file: the lines of its head, hashes, and the checkpoint.
func parse(file []byte, format string, lines int) (head []string, list []tlog.Hash, checkpoint []byte, err error) {
	if len(file) > MaxSize {
		return nil, nil, nil, city.Errorf(city.TooLarge, "the proof has %d bytes; %d are allowed", len(file), MaxSize)
	}
	if !bytes.HasPrefix(file, []byte(format+"\n")) {
		return nil, nil, nil, city.Errorf(city.Invalid, "this is no proof that this version reads: it must begin with the line %s", format)
	}
	top, checkpoint, ok := bytes.Cut(file, []byte("\n\n"))
	all := strings.Split(string(top), "\n")[1:]
	if !ok || len(all) < lines || len(checkpoint) == 0 {
		return nil, nil, nil, city.Errorf(city.Invalid, "the proof is cut off")
	}
	if len(all)-lines > maxHashes {
		return nil, nil, nil, city.Errorf(city.Invalid, "the proof has more than %d hashes", maxHashes)
	}
	for i, line := range all[lines:] {
		h, err := parseHash(line)
		if err != nil {
			return nil, nil, nil, city.Errorf(city.Invalid, "hash %d of the proof is no SHA-256 in base64", i+1)
		}
		list = append(list, h)
	}
	return all[:lines], list, checkpoint, nil
}

func parseHash(s string) (h tlog.Hash, err error) {
	raw, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || len(raw) != len(h) {
		return h, city.Errorf(city.Invalid, "no SHA-256 in base64")
	}
	copy(h[:], raw)
	return h, nil
}
