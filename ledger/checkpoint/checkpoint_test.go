package checkpoint_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"polity/city"
	"polity/ledger/checkpoint"
	"polity/ledger/roster/rostertest"
)

var at = time.Date(2026, 12, 1, 14, 0, 0, 0, time.UTC)

func TestAQuorumCounts(t *testing.T) {
	c := rostertest.New("vectors")
	for _, some := range [][]int{{0, 1}, {1, 2}, {2, 0, 1}} {
		got, err := checkpoint.Open(c.Checkpoint(7, [32]byte{1}, at, some...), &c.Roster.Roster)
		if err != nil {
			t.Fatal(err)
		}
		if got.Size != 7 || got.Root[0] != 1 || !got.Time.Equal(at) || len(got.Witnesses) != len(some) {
			t.Errorf("read %+v", got)
		}
	}
}

func TestTheTimeIsTheMedian(t *testing.T) {
	c := rostertest.New("vectors")
	file := c.Checkpoint(7, [32]byte{1}, at, 0)
	add := func(file []byte, by int, at time.Time) []byte {
		other := c.Checkpoint(7, [32]byte{1}, at, by)
		lines := bytes.SplitAfter(bytes.TrimSuffix(other, []byte("\n")), []byte("\n"))
		return append(slices.Clone(file), append(lines[len(lines)-1], '\n')...)
	}
	two := add(file, 1, at.Add(time.Hour))
	three := add(two, 2, at.Add(1000*time.Hour))
	for _, want := range []struct {
		file []byte
		at   time.Time
	}{{two, at}, {three, at.Add(time.Hour)}} {
		got, err := checkpoint.Open(want.file, &c.Roster.Roster)
		if err != nil {
			t.Fatal(err)
		}
		if !got.Time.Equal(want.at) {
			t.Errorf("time is %s, want %s", got.Time, want.at)
		}
	}
}

func TestRefusals(t *testing.T) {
	c, other := rostertest.New("vectors"), rostertest.New("other")
	good := c.Checkpoint(7, [32]byte{1}, at, 0, 1)
	twice := append(slices.Clone(good), good[bytes.LastIndex(good, []byte("\n— "))+1:]...)
	for name, bad := range map[string]struct {
		file []byte
		want string
	}{
		"one witness":             {c.Checkpoint(7, [32]byte{1}, at, 1), "1 of the roster's 3"},
		"one witness twice":       {append(c.Checkpoint(7, [32]byte{1}, at, 1), c.Checkpoint(7, [32]byte{1}, at, 1)[bytes.LastIndex(c.Checkpoint(7, [32]byte{1}, at, 1), []byte("\n— "))+1:]...), "1 of the roster's 3"},
		"of another city":         {other.Checkpoint(7, [32]byte{1}, at, 0, 1), "neither the log nor"},
		"another size":            {bytes.Replace(good, []byte("\n7\n"), []byte("\n8\n"), 1), "changed after"},
		"empty":                   {nil, "no checkpoint"},
		"cut":                     {good[:len(good)-30], "no checkpoint"},
		"too large":               {bytes.Repeat([]byte("x"), checkpoint.MaxSize+1), "are allowed"},
		"not signed by the log":   {cosignedOnly(c), "did not sign"},
		"a size that is none":     {sign(c, rostertest.Origin+"\n07\n"+strings.Repeat("A", 43)+"=\n"), "no size of a tree"},
		"a negative size":         {sign(c, rostertest.Origin+"\n-7\n"+strings.Repeat("A", 43)+"=\n"), "no size of a tree"},
		"a root that is none":     {sign(c, rostertest.Origin+"\n7\nAAAA\n"), "SHA-256"},
		"an empty line":           {sign(c, rostertest.Origin+"\n7\n"+strings.Repeat("A", 43)+"=\n\nmore\n"), "no line is empty"},
		"a long origin":           {sign(c, strings.Repeat("x", 201)+"\n7\n"+strings.Repeat("A", 43)+"=\n"), "more than 200"},
		"two lines":               {sign(c, rostertest.Origin+"\n7\n"), "a line each"},
		"another origin, own key": {sign(c, "other.example/log\n7\n"+strings.Repeat("A", 43)+"=\n"), "not of"},
	} {
		_, err := checkpoint.Open(bad.file, &c.Roster.Roster)
		if err == nil || city.KindOf(err) == city.Internal || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("%s: %v; want %q", name, err, bad.want)
		}
	}
	if got, err := checkpoint.Open(twice, &c.Roster.Roster); err != nil || len(got.Witnesses) != 2 {
		t.Errorf("a signature that stands twice: %v", err)
	}
}

func sign(c *rostertest.City, text string) []byte {
	file, err := note.Sign(&note.Note{Text: text}, c.Log.Signer(), c.Witnesses[0].Cosigner(), c.Witnesses[1].Cosigner())
	if err != nil {
		panic(err)
	}
	return file
}

func cosignedOnly(c *rostertest.City) []byte {
	file, err := note.Sign(&note.Note{Text: rostertest.Origin + "\n7\n" + strings.Repeat("A", 43) + "=\n"}, c.Witnesses[0].Cosigner(), c.Witnesses[1].Cosigner())
	if err != nil {
		panic(err)
	}
	return file
}

func FuzzCheckpoint(f *testing.F) {
	c := rostertest.New("vectors")
	f.Add(c.Checkpoint(7, [32]byte{1}, at, 0, 1))
	f.Add(c.Checkpoint(0, [32]byte{}, at, 0, 1, 2))
	f.Fuzz(func(t *testing.T, data []byte) {
		if got, err := checkpoint.Open(data, &c.Roster.Roster); err == nil && (got.Size != 7 && got.Size != 0 || len(got.Witnesses) < 2) {
			t.Errorf("a checkpoint that nobody signed is taken: %+v", got)
		}
	})
}
