package log

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"polity/ledger/proof"
	"polity/ledger/roster/rostertest"
)

// promises are what others were told: who appended, and the witnesses.
type promises struct {
	index  map[string]int64    // of entries that were acknowledged
	signed map[int64]tlog.Hash // roots by size
}

func promised(steps []step) *promises {
	p := &promises{map[string]int64{}, map[int64]tlog.Hash{}}
	for _, s := range steps {
		if s.told != nil {
			s.told(p)
		}
	}
	return p
}

var town = rostertest.New("town")

// session is a log without its goroutines, so that what it does has an order.
type session struct {
	*Log
	r *recorder
	t *testing.T
}

// begin opens the log in a folder; with no recorder what it does is not kept.
func begin(t *testing.T, dir string, r *recorder) (*session, error) {
	t.Helper()
	if r == nil {
		r = &recorder{}
	}
	l := &Log{
		cfg:    Config{Dir: dir, Roster: town.Roster, Log: slog.New(slog.DiscardHandler), Republish: time.Minute},
		queued: make(chan struct{}, 1), grown: make(chan struct{}, 1), flights: map[short]*flight{},
	}
	f, known, err := openFolder(dir, town.Roster, r.mount)
	if err != nil {
		return nil, err
	}
	l.take(f, known)
	s := &session{l, r, t}
	l.sign = func(_ context.Context, size uint64, root []byte) ([]byte, error) {
		s.tell(func(p *promises) { p.signed[int64(size)] = tlog.Hash(root) }) //nolint:gosec // small
		text := fmt.Sprintf("%s\n%d\n%s\n", town.Log.Signer().Name(), size, base64.StdEncoding.EncodeToString(root))
		return note.Sign(&note.Note{Text: text}, town.Log.Signer())
	}
	return s, nil
}

func (s *session) tell(what func(*promises)) {
	s.r.steps = append(s.r.steps, step{what: "told", told: what})
}

func (s *session) end() {
	if err := s.folder.lock.Close(); err != nil {
		s.t.Error(err)
	}
}

// append appends entries at once, and returns the first error.
func (s *session) append(list ...string) error {
	var flights []*flight
	for _, e := range list {
		f, err := s.add([]byte(e))
		if err != nil {
			return err
		}
		flights = append(flights, f)
	}
	for s.writeSome() {
	}
	for i, f := range flights {
		if f.err != nil {
			return f.err
		}
		s.tell(func(p *promises) { p.index[list[i]] = f.index })
	}
	return nil
}

func (s *session) announce() error {
	s.last = time.Time{}
	return s.publish(s.t.Context())
}

// hold says whether a folder keeps what was promised, and returns the hashes of its entries.
func (p *promises) hold(s *session) (leaves []tlog.Hash, err error) {
	seen := map[string]bool{}
	var peaks proof.Peaks
	if root, ok := p.signed[0]; ok && root != peaks.Root() {
		return nil, errors.New("a fork of the empty tree")
	}
	_, err = s.Entries(context.Background(), 0, func(index int64, data []byte) error {
		if seen[string(data)] {
			return fmt.Errorf("entry %q is there twice", data)
		}
		seen[string(data)] = true
		if at, ok := p.index[string(data)]; ok && at != index {
			return fmt.Errorf("entry %q was acknowledged at %d and is at %d", data, at, index)
		}
		leaves = append(leaves, tlog.RecordHash(data))
		peaks.Add(leaves[index])
		if root, ok := p.signed[index+1]; ok && root != peaks.Root() {
			return fmt.Errorf("another tree of %d entries was signed: a fork", index+1)
		}
		return nil
	})
	for e := range p.index {
		if !seen[e] {
			err = errors.Join(err, fmt.Errorf("entry %q was acknowledged and is gone", e))
		}
	}
	for size := range p.signed {
		if size > peaks.N() {
			err = errors.Join(err, fmt.Errorf("a tree of %d entries was signed, %d are there", size, peaks.N()))
		}
	}
	return leaves, err
}

// same compares the files that a reader of a checkpoint asks for with what
// golang.org/x/mod/sumdb/tlog computes; those that older entries fill alone are left out.
func same(dir string, leaves []tlog.Hash, from, size int64) error {
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(at []int64) (list []tlog.Hash, err error) {
		for _, i := range at {
			list = append(list, stored[i])
		}
		return list, nil
	})
	for i, h := range leaves[:size] {
		more, err := tlog.StoredHashesForRecordHash(int64(i), h, reader)
		if err != nil {
			return err
		}
		stored = append(stored, more...)
	}
	for _, tile := range tlog.NewTiles(8, from, size) {
		want, err := tlog.ReadTileData(tile, reader)
		if err != nil {
			return err
		}
		name := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		is, err := os.ReadFile(filepath.Join(dir, name)) //nolint:gosec // the test's folder
		if errors.Is(err, fs.ErrNotExist) && tile.W < 256 {
			name, _, _ = strings.Cut(name, ".p/")
			if is, err = os.ReadFile(filepath.Join(dir, name)); err == nil { //nolint:gosec // the same
				is = is[:min(len(is), len(want))]
			}
		}
		if err != nil || string(is) != string(want) {
			return fmt.Errorf("%s of a tree of %d: %d bytes, %w", name, size, len(is), err)
		}
	}
	return nil
}

// goesOn opens what is left of a log, holds it against what was promised, and appends.
func goesOn(t *testing.T, dir string, p *promises, from int64) error {
	t.Helper()
	s, err := begin(t, dir, nil)
	if err != nil {
		return err
	}
	defer s.end()
	leaves, err := p.hold(s)
	if err != nil {
		return err
	}
	if c, err := own(dir, town.Roster); err == nil {
		if err := same(dir, leaves, min(from, c.Size), c.Size); err != nil {
			return fmt.Errorf("under the checkpoint: %w", err)
		}
	}
	list := []string{"after", "after that"}
	for e := range p.index {
		list = append(list, e)
		break
	}
	if err := errors.Join(s.append(list...), s.append("at last"), s.announce()); err != nil {
		return err
	}
	leaves, err = p.hold(s)
	if err != nil {
		return fmt.Errorf("then: %w", err)
	}
	size := int64(len(leaves))
	if c, err := own(dir, town.Roster); err != nil || c.Size != size {
		return fmt.Errorf("then: the checkpoint is %+v of %d, %w", c, size, err)
	}
	return same(dir, leaves, min(from, size), size)
}

// grown is the folder of a log that has entries, all of them public.
func grown(t *testing.T, entries int) string {
	t.Helper()
	dir := t.TempDir()
	s, err := begin(t, dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.end()
	list := make([][]byte, entries)
	for i := range list {
		list[i] = fmt.Append(nil, "old ", i)
	}
	root, _, err := s.folder.open()
	if err != nil {
		t.Fatal(err)
	}
	if entries > 0 {
		err = s.folder.append(root, list)
	}
	if err := errors.Join(err, s.announce(), root.Close()); err != nil {
		t.Fatal(err)
	}
	return dir
}

// days is what a log does: an append, a checkpoint, larger appends. Errors are answered as
// those who append do: the same again.
func days(s *session, batches []int) {
	n := 0
	for _, size := range batches {
		list := make([]string, size)
		for i := range list {
			list[i] = fmt.Sprint("new ", n)
			n++
		}
		for range 3 {
			if s.append(list...) == nil {
				break
			}
			_ = s.announce() //nolint:errcheck // it may fail, too
		}
		for range 3 {
			if s.announce() == nil {
				break
			}
		}
	}
}

func replay(t *testing.T, base string, steps []step) *machine {
	t.Helper()
	m := machineOf(t, base)
	for _, s := range steps {
		m.do(s)
	}
	return m
}
