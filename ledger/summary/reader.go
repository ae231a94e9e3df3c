package summary

import (
	"context"

	"golang.org/x/mod/sumdb/tlog"

	"polity/city"
	"polity/ledger/checkpoint"
	"polity/ledger/entry"
	"polity/ledger/proof"
)

// Reader keeps the summary of a log that grows. It reads each entry once, and holds what
// it read against the checkpoint. It keeps nothing on disk: a new one reads the log again.
// One goroutine at a time uses it.
type Reader struct {
	source proof.Source
	facts  Facts
	tree   proof.Peaks
}

// NewReader reads a copy of a log.
func NewReader(s proof.Source) *Reader { return &Reader{source: s} }

// Read takes in what a checkpoint, one that counts, has more than the one before, and sums
// it up. An error of kind Invalid says that the entries are not those of the checkpoint;
// the next Read then begins again with the first entry.
func (r *Reader) Read(ctx context.Context, c *checkpoint.Checkpoint) (*Summary, error) {
	s, err := r.read(ctx, c)
	if err != nil {
		r.facts, r.tree = Facts{}, proof.Peaks{}
	}
	return s, err
}

func (r *Reader) read(ctx context.Context, c *checkpoint.Checkpoint) (*Summary, error) {
	if c.Size < r.tree.N() {
		return nil, city.Errorf(city.Invalid, "the log had %d entries and has %d: a log only grows", r.tree.N(), c.Size)
	}
	err := proof.Entries(ctx, r.source, r.tree.N(), c.Size, func(index int64, data []byte) error {
		r.tree.Add(tlog.RecordHash(data))
		e, err := entry.Decode(data)
		if err != nil {
			return city.Errorf(city.KindOf(err), "entry %d: %w", index, err)
		}
		r.facts.Add(index, e)
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case r.tree.Root() != c.Root:
		return nil, city.Errorf(city.Invalid, "the log's first %d entries do not add up to its checkpoint: its files were changed. 'polity verify log' says where", c.Size)
	}
	return r.facts.At(c), nil
}
