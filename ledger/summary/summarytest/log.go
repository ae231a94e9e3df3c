// Package summarytest is a year of a city's public log in memory: footage was asked for,
// refused and opened, bodies audited, and some of it is as it should not be. For tests and
// for looking at pages.
package summarytest

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
	"polity/ledger/roster/rostertest"
)

// Log is a log in memory, signed and cosigned by a city's keys. It is a proof.Source.
type Log struct {
	City    *rostertest.City
	Entries [][]byte
	hashes  []tlog.Hash
	newest  []byte // checkpoint
}

// Append appends an entry and returns its index. It panics at one that may not stand in a
// log.
func (l *Log) Append(e entry.Entry) int64 {
	b, err := entry.Encode(e)
	must(err)
	n := int64(len(l.Entries))
	h, err := tlog.StoredHashes(n, b, l.reader())
	must(err)
	l.Entries, l.hashes = append(l.Entries, b), append(l.hashes, h...)
	return n
}

// Publish makes what was appended public at a time.
func (l *Log) Publish(at time.Time) *checkpoint.Checkpoint {
	root, err := tlog.TreeHash(int64(len(l.Entries)), l.reader())
	must(err)
	l.newest = l.City.Checkpoint(int64(len(l.Entries)), root, at, 0, 2)
	c, err := checkpoint.Open(l.newest, &l.City.Roster.Roster)
	must(err)
	return c
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

// Read implements proof.Source: checkpoint, tile/entries/N and tile/L/N.
func (l *Log) Read(_ context.Context, path string, _ int) ([]byte, error) {
	if path == "checkpoint" && l.newest != nil {
		return l.newest, nil
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
		return l.bundle(n*256, w)
	}
	t := tlog.Tile{H: 8, N: n, W: w}
	if t.L, err = strconv.Atoi(level); err == nil {
		var data []byte
		if data, err = tlog.ReadTileData(t, l.reader()); err == nil {
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
