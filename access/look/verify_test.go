package look

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"polity/access"
	"polity/city"
)

// fill writes a book of five days, of which the last goes on, and returns its folder.
func fill(t testing.TB, dir string, cfg func(*Config)) {
	t.Helper()
	h := &hand{noon}
	c := config(dir, h)
	if cfg != nil {
		cfg(&c)
	}
	b, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for day := range 5 {
		if day == 2 {
			h.turn(24 * time.Hour) // a quiet day
			continue
		}
		var on []*Opened
		for range 6 {
			l := live(operator(fmt.Sprintf("p-%d", random.IntN(3)), fmt.Sprintf("s-%d", random.IntN(3))), cameras(4)[random.IntN(4)])
			l.Who.Body = []city.Slug{"safety", "police"}[random.IntN(2)]
			if random.IntN(3) == 0 {
				l.Do, l.From, l.To = access.LookBack, h.t.Add(-time.Hour), h.t
			}
			o, err := b.Record(t.Context(), l)
			if err != nil {
				t.Fatal(err)
			}
			on = append(on, o)
			h.turn(time.Duration(random.IntN(90)) * time.Second)
			if err := b.Tick(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := b.Details(t.Context(), operator("p-auditor", "s-9"), Query{From: "2026-11-01", To: "2026-12-31"}); err != nil {
			t.Fatal(err)
		}
		for _, o := range on[:4] {
			o.Finish()
		}
		h.set(noon.AddDate(0, 0, day+1))
		if err := b.Tick(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, o := range on {
			o.Finish()
		}
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestVerifyAWholeBook(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, nil)
	r, err := Verify(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Days != 5 || r.Compared < 4 || r.Open == "" || r.Looks == 0 || r.First != "2026-11-30" {
		t.Errorf("%+v", r)
	}
	public, err := Verify(filepath.Join(dir, chainName), nil)
	if err != nil || public.Days != r.Days || public.Looks != r.Looks || public.Compared != 0 {
		t.Errorf("the chain alone: %+v, %v", public, err)
	}
}

// TestEveryChangedByteIsFound: bytes of each file, a different change to each; those of
// the last line of the day that goes on apart, which nothing follows yet.
func TestEveryChangedByteIsFound(t *testing.T) {
	const stride = 23 // 1 tries every byte, in a minute
	dir := t.TempDir()
	fill(t, dir, nil)
	files := book(t, dir)
	for _, name := range files {
		was := file(t, name)
		most := len(was)
		if name == files[len(files)-1] {
			most = bytes.LastIndexByte(was[:most-1], '\n')
		}
		for i := 0; i < most; i += stride {
			change := []byte{was[i] ^ 1, was[i] ^ 0x20, 0}[i/stride%3]
			now := bytes.Clone(was)
			now[i] = change
			put(t, name, now)
			if _, err := Verify(dir, nil); err == nil {
				t.Fatalf("%s: byte %d is %q in place of %q, and nobody noticed", name, i, change, was[i])
			}
		}
		put(t, name, was)
	}
}

// TestEveryChangedLineIsFound: lines that are dropped, doubled, moved, added, and files
// that are.
func TestEveryChangedLineIsFound(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, nil)
	files := book(t, dir)
	for _, name := range files {
		was := file(t, name)
		lines := bytes.SplitAfter(bytes.TrimSuffix(was, nil), []byte("\n"))
		lines = lines[:len(lines)-1]
		open := name == files[len(files)-1]
		for i := range lines {
			changes := map[string][][]byte{
				"doubled":                slices.Insert(slices.Clone(lines), i, lines[i]),
				"an empty line is added": slices.Insert(slices.Clone(lines), i, []byte("\n")),
			}
			if i < len(lines)-1 || !open { // see the limits
				changes["dropped"] = slices.Delete(slices.Clone(lines), i, i+1)
			}
			if i > 0 {
				moved := slices.Clone(lines)
				moved[i-1], moved[i] = moved[i], moved[i-1]
				changes["moved"] = moved
			}
			for what, now := range changes {
				put(t, name, bytes.Join(now, nil))
				if _, err := Verify(dir, nil); err == nil && !(filepath.Base(name) == chainName && what == "dropped" && i == len(lines)-1) {
					t.Errorf("%s: line %d is %s, and nobody noticed", name, i+1, what)
				}
			}
		}
		if !open {
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}
			if _, err := Verify(dir, nil); err == nil {
				t.Errorf("%s is gone, and nobody noticed", name)
			}
		}
		put(t, name, was)
	}
	if _, err := Verify(dir, nil); err != nil {
		t.Fatalf("put back: %v", err)
	}
}

// TestAChainThatWasWrittenAnew: with its hashes in order and counts made smaller it is
// found by the details, and without them by an earlier copy.
func TestAChainThatWasWrittenAnew(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, nil)
	name := filepath.Join(dir, chainName)
	was := file(t, name)
	var c chain
	if err := c.read(was); err != nil {
		t.Fatal(err)
	}
	forged := &chain{}
	var out []byte
	for _, p := range c.days {
		counts, d := p.Of, p.Day
		if len(counts) > 0 {
			d.Looks -= counts[0].Looks
			counts = counts[1:]
			d.Counts--
		}
		lines := forged.lines(d, counts)
		if err := forged.read(lines); err != nil {
			t.Fatal(err)
		}
		out = append(out, lines...)
	}
	put(t, name, out)
	if _, err := Verify(name, nil); err != nil {
		t.Fatalf("the forgery is not in order by itself: %v", err)
	}
	if _, err := Verify(dir, nil); err == nil || !strings.Contains(err.Error(), "counts") {
		t.Errorf("details beside: %v", err)
	}
	if _, err := Verify(name, was); err == nil || !strings.Contains(err.Error(), "earlier") {
		t.Errorf("an earlier copy: %v", err)
	}
	put(t, name, was)
	if _, err := Verify(name, was[:c.safe]); err != nil {
		t.Error(err)
	}
}

// TestDetailsAreRemovedInOrder: after their time they go, the book says so, and it can be
// verified still; gone without a word they are found missing.
func TestDetailsAreRemovedInOrder(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, func(c *Config) { c.Settings.KeepDays = 2 })
	r, err := Verify(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	days, err := daysIn(dir)
	if err != nil || r.Removed == 0 || len(days) == 0 || days[0] == "2026-11-30" {
		t.Fatalf("%+v, %v kept, %v", r, days, err)
	}
	if err := os.Remove(detailsPath(dir, days[0])); err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(dir, nil); err == nil || !strings.Contains(err.Error(), "removed") {
		t.Errorf("a file was removed by hand: %v", err)
	}
}

// book lists a book's files, the one of the day that goes on last.
func book(t testing.TB, dir string) []string {
	t.Helper()
	days, err := daysIn(dir)
	if err != nil || len(days) < 4 {
		t.Fatal(days, err)
	}
	list := []string{filepath.Join(dir, chainName)}
	for _, day := range days {
		list = append(list, detailsPath(dir, day))
	}
	return list
}

func file(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func put(t testing.TB, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
