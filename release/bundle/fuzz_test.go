package bundle

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"polity/city"
	"polity/ledger/canonical"
	"polity/recording/root"
)

// about says that an error about foreign bytes is about them.
func about(t *testing.T, err error) {
	t.Helper()
	if err != nil && city.KindOf(err) != city.Invalid && city.KindOf(err) != city.TooLarge {
		t.Errorf("%v", err)
	}
}

// FuzzZip takes nothing that it would not write.
func FuzzZip(f *testing.F) {
	var b bytes.Buffer
	err := writeZip(&b, []string{sumsName, sigName, recordName}, func(string) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("a")), nil })
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := readZip(bytes.NewReader(b), int64(len(b)))
		about(t, err)
		if err != nil {
			return
		}
		var again []byte
		for i := range list {
			p := &list[i]
			again = append(again, p.local()...)
			at := p.at + int64(len(p.local()))
			again = append(again, b[at:at+p.size]...)
		}
		if again = append(again, tail(list, int64(len(again)))...); !bytes.Equal(again, b) {
			t.Error("a ZIP file was taken that would be written otherwise")
		}
		for _, p := range list {
			if p.name != sumsName && p.name != sigName && !allowed(p.name) {
				t.Errorf("a name %q", p.name)
			}
		}
	})
}

func FuzzSums(f *testing.F) {
	f.Add([]byte("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef  bundle.json\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := parseSums(b)
		about(t, err)
		if err == nil && !bytes.Equal(writeSums(list), b) {
			t.Error("sums were taken that would be written otherwise")
		}
	})
}

func FuzzRecord(f *testing.F) {
	w := newWorld(f)
	w.clip()
	s := &writer{Parts: w.parts}
	w.must(s.small())
	f.Add(s.members[recordName])
	f.Add([]byte(`{"format":"polity-openings/1","salts":{}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parseRecord(b)
		about(t, err)
		if err == nil {
			if again, err := canonical.Encode(r); err != nil || !bytes.Equal(again, b) {
				t.Error("a record was taken that would be written otherwise")
			}
		}
		_, err = parseOpenings(b)
		about(t, err)
	})
}

func FuzzSegments(f *testing.F) {
	w := newWorld(f)
	f.Add(writeHeads(w.segments[:1]))
	f.Add(root.AppendLists(nil, Hour{Hour: filmed, Segments: [][32]byte{{1}, {2}}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, err := parseHeads(b)
		about(t, err)
		list, err := root.ParseLists(b)
		about(t, err)
		if err == nil && !bytes.Equal(root.AppendLists(nil, list...), b) {
			t.Error("hours were taken that would be written otherwise")
		}
	})
}

func TestNames(t *testing.T) {
	for _, good := range []string{"bundle.json", "clips/square.mp4", "clips/square.part002.mp4", "clips/square-2.mp4", "proofs/hour-square-20261201t14.proof", "rosters/12.roster", "segments/a.headers", "segments/a.hours"} {
		if _, err := memberOf(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", ".", "..", "/", "clips", "clips/", "clips/.mp4", "clips/a.mp3", "clips/../a.mp4", "clips//a.mp4", "./bundle.json", "clips/a.part001.mp4", "clips/a.part2.mp4", "clips/a.part1000.mp4", "clips/a.002.mp4", "clips/9a.mp4", "rosters/01.roster",
		"rosters/-1.roster", "proofs/A.proof", "clips/a.mp4/b", "clips\\a.mp4", "C:a.mp4", "readme.txt", "clips/a\x00.mp4", "clips/å.mp4", sumsName, sigName,
	} {
		if _, err := memberOf(bad); city.KindOf(err) != city.Invalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
