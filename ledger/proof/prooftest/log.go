// Package prooftest is a public log in memory, with proofs, for tests and for looking at
// pages.
package prooftest

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"polity/city"
	"polity/ledger/checkpoint"
	"polity/ledger/entry"
	"polity/ledger/proof"
	"polity/ledger/roster/rostertest"
)

// Log is a log whose checkpoints a city signs and its witnesses cosign. Its methods panic at
// what may not stand in a log. It is a proof.Source as of the last Publish.
type Log struct {
	City    *rostertest.City
	Entries [][]byte

	hashes []tlog.Hash
	newest []byte // checkpoint
}

// Append appends an entry and returns its index.
func (l *Log) Append(e entry.Entry) int64 {
	b, err := entry.Encode(e)
	must(err)
	n := int64(len(l.Entries))
	h, err := tlog.StoredHashes(n, b, l.reader())
	must(err)
	l.Entries, l.hashes = append(l.Entries, b), append(l.hashes, h...)
	return n
}

func (l *Log) reader() tlog.HashReaderFunc {
	return func(indexes []int64) ([]tlog.Hash, error) {
		var list []tlog.Hash
		for _, i := range indexes {
			if i >= int64(len(l.hashes)) {
				return nil, errors.New("no such hash")
			}
			list = append(list, l.hashes[i])
		}
		return list, nil
	}
}

// Tree is the log as it is now.
func (l *Log) Tree() tlog.Tree {
	root, err := tlog.TreeHash(int64(len(l.Entries)), l.reader())
	must(err)
	return tlog.Tree{N: int64(len(l.Entries)), Hash: root}
}

// Checkpoint is the log's as it is now, cosigned by some witnesses at a time.
func (l *Log) Checkpoint(at time.Time, witnesses ...int) []byte {
	t := l.Tree()
	return l.City.Checkpoint(t.N, t.Hash, at, witnesses...)
}

// Publish makes what was appended public at a time.
func (l *Log) Publish(at time.Time) *checkpoint.Checkpoint {
	l.newest = l.Checkpoint(at, 0, 2)
	c, err := checkpoint.Open(l.newest, &l.City.Roster.Roster)
	must(err)
	return c
}

// Inclusion is a proof file of an entry under a checkpoint of the log as it is now.
func (l *Log) Inclusion(index int64, checkpoint []byte) []byte {
	list, err := tlog.ProveRecord(int64(len(l.Entries)), index, l.reader())
	must(err)
	return (&proof.Inclusion{Index: index, Entry: l.Entries[index], Hashes: list, Checkpoint: checkpoint}).Marshal()
}

// Consistency is a proof file from an older tree; none where none is needed.
func (l *Log) Consistency(from tlog.Tree, checkpoint []byte) [][]byte {
	if from.N == 0 || from.N >= int64(len(l.Entries)) {
		return nil
	}
	list, err := tlog.ProveTree(int64(len(l.Entries)), from.N, l.reader())
	must(err)
	return [][]byte{(&proof.Consistency{From: from, Hashes: list, Checkpoint: checkpoint}).Marshal()}
}

// Source is the log as files (C2SP tlog-tiles), under a checkpoint.
func (l *Log) Source(checkpoint []byte) proof.Source { return source{l, checkpoint} }

// Read implements proof.Source.
func (l *Log) Read(ctx context.Context, path string, most int) ([]byte, error) {
	return source{l, l.newest}.Read(ctx, path, most)
}

type source struct {
	l          *Log
	checkpoint []byte
}

// Read implements proof.Source: checkpoint, tile/entries/N and tile/L/N.
func (s source) Read(_ context.Context, path string, _ int) ([]byte, error) {
	if path == "checkpoint" && s.checkpoint != nil {
		return s.checkpoint, nil
	}
	rest, ok := strings.CutPrefix(path, "tile/")
	level, rest, _ := strings.Cut(rest, "/")
	number, width, partial := strings.Cut(rest, ".p/")
	n, err := strconv.ParseInt(strings.NewReplacer("x", "", "/", "").Replace(number), 10, 64)
	w := 256
	if partial {
		w, err = strconv.Atoi(width)
	}
	if !ok || err != nil {
		return nil, city.Errorf(city.NotFound, "no %s", path)
	}
	if level == "entries" {
		return s.l.bundle(n*256, w)
	}
	t := tlog.Tile{H: 8, N: n, W: w}
	if t.L, err = strconv.Atoi(level); err == nil {
		var data []byte
		if data, err = tlog.ReadTileData(t, s.l.reader()); err == nil {
			return data, nil
		}
	}
	return nil, city.Errorf(city.NotFound, "no %s", path)
}

func (l *Log) bundle(from int64, w int) (data []byte, err error) {
	if from+int64(w) > int64(len(l.Entries)) {
		return nil, city.Errorf(city.NotFound, "no so many entries")
	}
	for _, e := range l.Entries[from : from+int64(w)] {
		data = append(append(data, byte(len(e)>>8), byte(len(e))), e...)
	}
	return data, nil
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
