package proof

import (
	"context"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"polity/city"
	"polity/ledger/checkpoint"
	"polity/ledger/entry"
	"polity/ledger/roster"
)

// Options are what Verify is asked for.
type Options struct {
	// Progress hears of the entries that are done and all there are. Nil: nobody hears.
	Progress func(done, all int64)
	// Each sees every entry that is right, in order. Nil: nobody does.
	Each func(index int64, e entry.Entry)
	// NoSignatures leaves the signatures of entries unchecked: hashes and forms alone.
	NoSignatures bool
}

// maxProblems is how many Verify names before it gives up.
const maxProblems = 20

// Report is what Verify found.
type Report struct {
	Checkpoint *checkpoint.Checkpoint
	Roster     *roster.Signed // the newest
	Entries    int64
	Types      map[entry.Type]int64
	Problems   []Problem // none: the log is right
}

// Problem is what is wrong, and where.
type Problem struct {
	Index int64  // of the entry; -1: of the log as a whole
	File  string // such as tile/entries/000; may be empty
	What  string
}

// Verify reads a whole copy of a log, from the first entry to its checkpoint, starting
// from a roster that somebody trusts. What is wrong with the log stands in the report;
// an error says that it could not be read.
func Verify(ctx context.Context, s Source, first *roster.Signed, o Options) (*Report, error) {
	file, err := readCheckpoint(ctx, s)
	if err != nil {
		return nil, err
	}
	text, _, _ := cutNote(file)
	claimed, err := checkpoint.Parse(text)
	if err != nil {
		return nil, err
	}
	v := &verifier{Options: o, source: s, size: claimed.Size, report: &Report{Roster: first, Types: map[entry.Type]int64{}}, recorders: map[city.Slug][]string{}}
	for v.report.Entries < claimed.Size && len(v.report.Problems) < maxProblems {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := v.bundle(ctx); err != nil {
			return nil, err
		}
		if o.Progress != nil {
			o.Progress(v.report.Entries, claimed.Size)
		}
	}
	if v.report.Entries == claimed.Size {
		if err := v.finish(ctx, file, claimed); err != nil {
			return nil, err
		}
	}
	return v.report, nil
}

// cutNote separates a note's text from its signatures, unchecked.
func cutNote(file []byte) (text, signatures string, ok bool) {
	for i := len(file) - 2; i > 0; i-- {
		if file[i] == '\n' && file[i+1] == '\n' {
			return string(file[:i+1]), string(file[i+2:]), true
		}
	}
	return "", "", false
}

type verifier struct {
	Options
	source    Source
	size      int64
	report    *Report
	entries   Peaks // of the entries as they are
	tiles     Peaks // of the hashes in tile/0
	levels    [][]tlog.Hash
	recorders map[city.Slug][]string
}

func (v *verifier) problem(index int64, file, what string) {
	if len(v.report.Problems) < maxProblems {
		v.report.Problems = append(v.report.Problems, Problem{index, file, what})
	}
}

// bundle checks the next up to 256 entries.
func (v *verifier) bundle(ctx context.Context) error {
	start := v.report.Entries
	w := int(min(v.size-start, tileWidth))
	t := tlog.Tile{H: tileHeight, L: -1, N: start / tileWidth, W: w}
	data, err := readTile(ctx, v.source, t)
	if err != nil {
		return err
	}
	list, err := split(data, path(t))
	if err != nil && len(list) < w {
		v.problem(start+int64(len(list)), path(t), "the file is cut off here")
	} else if len(list) < w {
		v.problem(start+int64(len(list)), path(t), "entries are missing from here on")
	}
	list = list[:min(len(list), w)]
	t.L = 0
	hashes, err := readTile(ctx, v.source, t)
	if err != nil {
		return err
	}
	if len(hashes) != w*tlog.HashSize {
		v.problem(start, path(t), "the file has another length than its hashes")
		hashes = append(hashes, make([]byte, maxTile)...)[:w*tlog.HashSize]
	}
	for i := range w {
		var said, is tlog.Hash
		copy(said[:], hashes[i*tlog.HashSize:])
		if i < len(list) {
			is = tlog.RecordHash(list[i])
			if is != said {
				v.problem(start+int64(i), path(t), "the entry and its hash in this file differ")
			}
			v.entry(start+int64(i), list[i])
		}
		v.entries.Add(is)
		v.tiles.Add(said)
		v.level(0, said)
	}
	v.report.Entries += int64(w)
	return nil
}

// level keeps the hashes of full tiles for the tiles above.
func (v *verifier) level(l int, h tlog.Hash) {
	if len(v.levels) <= l {
		v.levels = append(v.levels, nil)
	}
	v.levels[l] = append(v.levels[l], h)
	if n := len(v.levels[l]); n%tileWidth == 0 {
		v.level(l+1, fold(v.levels[l][n-tileWidth:]))
		if l == 0 {
			v.levels[0] = v.levels[0][:0] // these were compared already
		}
	}
}

// fold is the hash of a full tile: of 256 subtrees of one size.
func fold(list []tlog.Hash) tlog.Hash {
	var p Peaks
	for _, h := range list {
		p.Add(h)
	}
	return p.Root()
}

// entry checks one entry's form, roster and signature.
func (v *verifier) entry(index int64, data []byte) {
	e, err := entry.Decode(data)
	if err != nil {
		v.problem(index, "", err.Error())
		return
	}
	v.report.Types[entry.TypeOf(e)]++
	switch e := e.(type) {
	case *entry.Roster:
		v.roster(index, e)
	case *entry.Registration:
		if len(e.Recorder) > 0 {
			v.recorders[e.Camera] = append(v.recorders[e.Camera], string(e.Recorder))
		}
	case *entry.Segments:
		if !slices.Contains(v.recorders[e.Camera], string(e.Recorder)) {
			v.problem(index, "", "the recorder of these segments was not registered for the camera before")
		}
	}
	if s, ok := e.(entry.Signed); ok && !v.NoSignatures {
		if err := entry.Verify(s, &v.report.Roster.Roster); err != nil {
			v.problem(index, "", err.Error())
		}
	}
	if v.Each != nil {
		v.Each(index, e)
	}
}

// roster takes the next roster, and lets those pass that are known.
func (v *verifier) roster(index int64, e *entry.Roster) {
	if e.Version < int64(v.report.Roster.Version) {
		return // before the one that the reader began with
	}
	next, err := v.report.Roster.Next(e.Roster)
	if err == nil {
		v.report.Roster = next
	} else if city.KindOf(err) != city.Conflict {
		v.problem(index, "", err.Error())
	}
}

// finish compares the upper tiles and the root, and checks the checkpoint with the
// newest roster.
func (v *verifier) finish(ctx context.Context, file []byte, claimed *checkpoint.Checkpoint) error {
	for l := 1; l < len(v.levels); l++ {
		for n := 0; n*tileWidth < len(v.levels[l]); n++ {
			if err := v.tile(ctx, l, n); err != nil {
				return err
			}
		}
	}
	switch fits := v.entries.Root() == claimed.Root; {
	case !fits && v.tiles.Root() == claimed.Root:
		v.problem(-1, "", "the hashes add up to the checkpoint, the entries do not: the entries named above were changed")
	case !fits:
		v.problem(-1, "checkpoint", "the entries do not add up to the checkpoint: the log was rewritten, or something is missing")
	case v.tiles.Root() != claimed.Root:
		v.problem(-1, "", "the entries add up to the checkpoint, the hashes do not: the files of hashes named above were changed")
	}
	c, err := checkpoint.Open(file, &v.report.Roster.Roster)
	if err != nil {
		v.problem(-1, "checkpoint", err.Error())
		return nil
	}
	v.report.Checkpoint = c
	return nil
}

func (v *verifier) tile(ctx context.Context, l, n int) error {
	want := v.levels[l][n*tileWidth : min((n+1)*tileWidth, len(v.levels[l]))]
	t := tlog.Tile{H: tileHeight, L: l, N: int64(n), W: len(want)}
	data, err := readTile(ctx, v.source, t)
	if err != nil {
		return err
	}
	if len(data) != len(want)*tlog.HashSize {
		v.problem(-1, path(t), "the file has another length than its hashes")
		return nil
	}
	for i, h := range want {
		if string(data[i*tlog.HashSize:(i+1)*tlog.HashSize]) != string(h[:]) {
			v.problem(-1, path(t), "a hash in this file is not that of the hashes below it")
			return nil
		}
	}
	return nil
}
