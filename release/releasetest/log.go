// Package releasetest is a public log in memory, with proofs, for tests of releases.
package releasetest

import (
	"errors"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"polity/ledger/entry"
	"polity/ledger/proof"
	"polity/ledger/roster/rostertest"
)

// Log is a log whose checkpoints a city signs and its witnesses cosign.
type Log struct {
	City    *rostertest.City
	T       testing.TB
	Entries [][]byte

	hashes []tlog.Hash
}

// Append appends an entry and returns its index.
func (l *Log) Append(e entry.Entry) int64 {
	l.T.Helper()
	b, err := entry.Encode(e)
	l.must(err)
	n := int64(len(l.Entries))
	h, err := tlog.StoredHashes(n, b, l.reader())
	l.must(err)
	l.Entries, l.hashes = append(l.Entries, b), append(l.hashes, h...)
	return n
}

func (l *Log) must(err error) {
	l.T.Helper()
	if err != nil {
		l.T.Fatal(err)
	}
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
	l.T.Helper()
	root, err := tlog.TreeHash(int64(len(l.Entries)), l.reader())
	l.must(err)
	return tlog.Tree{N: int64(len(l.Entries)), Hash: root}
}

// Tile is what a file of hashes holds.
func (l *Log) Tile(t tlog.Tile) ([]byte, error) { return tlog.ReadTileData(t, l.reader()) }

// Checkpoint is the log's newest, cosigned by some witnesses at a time.
func (l *Log) Checkpoint(at time.Time, witnesses ...int) []byte {
	l.T.Helper()
	t := l.Tree()
	return l.City.Checkpoint(t.N, t.Hash, at, witnesses...)
}

// Inclusion is a proof file of an entry under a checkpoint of the log as it is now.
func (l *Log) Inclusion(index int64, checkpoint []byte) []byte {
	l.T.Helper()
	list, err := tlog.ProveRecord(int64(len(l.Entries)), index, l.reader())
	l.must(err)
	return (&proof.Inclusion{Index: index, Entry: l.Entries[index], Hashes: list, Checkpoint: checkpoint}).Marshal()
}

// Consistency is a proof file from an older tree; none where none is needed.
func (l *Log) Consistency(from tlog.Tree, checkpoint []byte) [][]byte {
	l.T.Helper()
	if from.N == 0 || from.N >= int64(len(l.Entries)) {
		return nil
	}
	list, err := tlog.ProveTree(int64(len(l.Entries)), from.N, l.reader())
	l.must(err)
	return [][]byte{(&proof.Consistency{From: from, Hashes: list, Checkpoint: checkpoint}).Marshal()}
}
