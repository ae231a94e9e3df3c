package stream_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"polity/camera/stream"
)

// Parameter sets of x264 for 768 x 576, and made-up slices: an
// Assembler looks at their first bytes only.
var (
	sps768 = hexed("674d401fda030049a1000003000100000300148f1832a0")
	spsBad = []byte{0x67, 0x64, 0x00}
	pps    = hexed("68ef0fc8")
	idr    = []byte{0x65, 0x88, 0x84, 0x00, 0x10, 0xff}
	idrB   = []byte{0x65, 0x08, 0x84, 0x00, 0x10, 0xff} // a second slice: first_mb_in_slice is not 0
	pSlice = []byte{0x41, 0x9a, 0x21, 0x6c, 0x42, 0x3f} // first_mb 0, type 5 (P)
	pRest  = []byte{0x41, 0x1a, 0x21, 0x6c, 0x42, 0x3f}
	iSlice = []byte{0x41, 0x88, 0x80, 0x10, 0x00, 0x3f} // first_mb 0, type 7 (I)
	aud    = []byte{0x09, 0xf0}
	sei    = []byte{0x06, 0x05, 0x04, 1, 2, 3, 4, 0x80}
	recov  = []byte{0x06, 0x06, 0x01, 0xc4, 0x80}
	filler = []byte{0x0c, 0xff, 0x80}
)

func hexed(s string) []byte {
	var b []byte
	_, err := fmt.Sscanf(strings.ReplaceAll(s, " ", ""), "%x", &b)
	if err != nil {
		panic(err)
	}
	return b
}

// feed adds units and returns what came out, each as the numbers of its NAL types.
func feed(t *testing.T, a *stream.Assembler, units ...[][]byte) (out []string) {
	t.Helper()
	for i, nals := range units {
		got, err := a.Add(nals, time.Duration(i)*time.Second, time.Unix(int64(i), 0))
		if err != nil {
			out = append(out, "error: "+err.Error())
		}
		for _, u := range got {
			line := fmt.Sprintf("%d", u.Stream)
			if u.Key {
				line += "K"
			}
			for _, n := range u.NALs {
				line += fmt.Sprintf(" %d", n[0]&0x1f)
			}
			out = append(out, line)
		}
	}
	return out
}

func TestAssembleH264(t *testing.T) {
	u := func(nals ...[]byte) [][]byte { return nals }
	for _, c := range []struct {
		name  string
		sets  [][]byte
		units [][][]byte
		want  []string
	}{
		{
			"as it should be", nil,
			[][][]byte{u(aud, sps768, pps, sei, idr), u(aud, pSlice), u(aud, sps768, pps, idr)},
			[]string{"1K 7 8 6 5", "1 1", "1K 7 8 5"},
		},
		{
			"sets in the description only",
			[][]byte{sps768, pps},
			[][][]byte{u(idr), u(pSlice), u(idr)},
			[]string{"1K 7 8 5", "1 1", "1K 7 8 5"},
		},
		{
			"pictures before the first that stands alone", nil,
			[][][]byte{u(pSlice), u(pSlice), u(sps768, pps, idr)},
			[]string{"1K 7 8 5"},
		},
		{
			"sets as units of their own", nil,
			[][][]byte{u(sps768), u(pps), u(sei), u(idr), u(pSlice)},
			[]string{"1K 7 8 6 5", "1 1"},
		},
		{
			"several NAL units as one", nil,
			[][][]byte{u(bytes.Join([][]byte{sps768, pps, idr}, []byte{0, 0, 0, 1})), u(pSlice)},
			[]string{"1K 7 8 5", "1 1"},
		},
		{
			"each slice as a unit", nil,
			[][][]byte{u(sps768, pps, idr), u(idrB), u(pSlice), u(pRest), u(pSlice), u(pRest), u(sps768, pps, idr), u(idrB), u(pSlice)},
			[]string{"1K 7 8 5", "1 1 1", "1 1 1", "1K 7 8 5 5"},
		},
		{
			"no IDR but recovery points", nil,
			[][][]byte{u(sps768, pps, recov, iSlice), u(pSlice)},
			[]string{"1K 7 8 6 1", "1 1"},
		},
		{"filler and no picture", nil, [][][]byte{u(filler), u(aud), u()}, nil},
		{"empty and forbidden NAL units", nil, [][][]byte{u(nil, []byte{}, []byte{0xff, 1, 2}, sps768, pps, idr)}, []string{"1K 7 8 5"}},
		{"a size that cannot be read", nil, [][][]byte{u(spsBad, pps, idr), u(pSlice)}, []string{"1K 7 8 5", "1 1"}},
		{"no parameter sets at all", nil, [][][]byte{u(idr)}, []string{"error: the stream cannot be decoded: it refers to parameter sets that the camera has not sent"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := feed(t, stream.NewAssembler(stream.H264, 0, c.sets...), c.units...)
			if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestNoIDREverStillStarts(t *testing.T) {
	a := stream.NewAssembler(stream.H264, 0, sps768, pps)
	for range 101 {
		if got := feed(t, a, [][]byte{pSlice}); got != nil {
			t.Fatalf("started at %q", got)
		}
	}
	if got := feed(t, a, [][]byte{iSlice}, [][]byte{pSlice}); len(got) != 2 || got[0] != "1K 7 8 1" {
		t.Errorf("got %q", got)
	}
}

func TestSizeIsRead(t *testing.T) {
	a := stream.NewAssembler(stream.H264, 6)
	got, err := a.Add([][]byte{sps768, pps, idr}, 0, time.Time{})
	if err != nil || len(got) != 1 || got[0].Width != 768 || got[0].Height != 576 || got[0].Stream != 7 {
		t.Fatalf("%+v, %v", got, err)
	}
}

// TestHoldingBackEnds: a camera that was seen to send a slice by itself, but does
// not any more, is followed without delay again.
func TestHoldingBackEnds(t *testing.T) {
	a := stream.NewAssembler(stream.H264, 0)
	feed(t, a, [][]byte{sps768, pps, idr}, [][]byte{pRest})
	behind := 0
	for n := range 300 {
		got, err := a.Add([][]byte{pSlice}, time.Duration(n), time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		if behind += 1 - len(got); n > 0 && (behind < 0 || behind > 1) {
			t.Fatalf("picture %d: %d behind", n, behind)
		}
	}
	if behind != 0 {
		t.Errorf("still %d behind", behind)
	}
}

// TestDamageDoesNotLast feeds noise under the headers of a good stream: whatever
// parameter sets it seemed to hold, the next good picture brings its own.
func TestDamageDoesNotLast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := stream.NewAssembler(stream.H264, 0, sps768, pps)
		for range rapid.IntRange(1, 60).Draw(t, "units") {
			var nals [][]byte
			for _, head := range rapid.SliceOfN(rapid.SampledFrom([]byte{0x67, 0x68, 0x65, 0x41, 0x06}), 1, 4).Draw(t, "headers") {
				nals = append(nals, append([]byte{head}, rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "noise")...))
			}
			if _, err := a.Add(nals, 0, time.Time{}); err != nil && !errors.Is(err, stream.ErrBad) {
				t.Fatal(err)
			}
		}
		// Twice: a camera that was seen to send slices one by one is a picture behind.
		var got []*stream.Unit
		for range 2 {
			units, err := a.Add([][]byte{sps768, pps, idr}, 0, time.Time{})
			if err != nil && !errors.Is(err, stream.ErrBad) { // of the noise held back
				t.Fatal(err)
			}
			got = append(got, units...)
		}
		if len(got) == 0 {
			t.Fatal("no picture")
		}
		u := got[len(got)-1]
		if len(u.NALs) < 3 || !bytes.Equal(u.NALs[0], sps768) || u.Width != 768 || u.Height != 576 || !u.Key {
			t.Fatalf("%d parts, %d x %d", len(u.NALs), u.Width, u.Height)
		}
	})
}

func TestBoundsOfAUnit(t *testing.T) {
	a := stream.NewAssembler(stream.H264, 0, sps768, pps)
	if _, err := a.Add([][]byte{append(bytes.Clone(idr), make([]byte, stream.MaxUnit)...)}, 0, time.Time{}); !errors.Is(err, stream.ErrBad) {
		t.Errorf("a unit too large: %v", err)
	}
	many := make([][]byte, stream.MaxNALs+1)
	for i := range many {
		many[i] = idr
	}
	if _, err := a.Add(many, 0, time.Time{}); !errors.Is(err, stream.ErrBad) {
		t.Errorf("too many parts: %v", err)
	}
	for range 3 * stream.MaxNALs { // SEI without a picture must not pile up
		if got, err := a.Add([][]byte{sei}, 0, time.Time{}); err != nil || got != nil {
			t.Fatal(got, err)
		}
	}
	if got, err := a.Add([][]byte{idr}, 0, time.Time{}); err != nil || len(got) != 1 || len(got[0].NALs) > stream.MaxNALs+8 {
		t.Errorf("after it: %v, %v", got, err)
	}
}

func TestJPEG(t *testing.T) {
	image := hexed("ffd8 ffdb 0003 00 ffc0 0011 08 0030 0040 03 012200 021101 031101 ffda 0002 1234 ffd9")
	a := stream.NewAssembler(stream.MJPEG, 0)
	got, err := a.Add([][]byte{image}, 0, time.Time{})
	if err != nil || len(got) != 1 || got[0].Width != 64 || got[0].Height != 48 || !got[0].Key || !bytes.Equal(got[0].AppendAnnexB(nil), image) {
		t.Fatalf("%+v, %v", got, err)
	}
	for _, bad := range [][]byte{nil, {0xff, 0xd8}, []byte("GIF89a"), image[:8], hexed("ffd8 ffc0 0011 08 ffff ffff 03 012200 021101 031101")} {
		if _, err := a.Add([][]byte{bad}, 0, time.Time{}); !errors.Is(err, stream.ErrBad) {
			t.Errorf("%x: %v", bad, err)
		}
	}
}

func TestSplitting(t *testing.T) {
	nals := [][]byte{{1, 2}, {3}, {4, 0, 0, 3, 5}}
	var annexB, lengths []byte
	for i, n := range nals {
		annexB = append(annexB, [][]byte{{0, 0, 1}, {0, 0, 0, 1}, {0, 0, 0, 0, 1}}[i]...)
		annexB = append(annexB, n...)
		lengths = append(append(lengths, 0, 0, 0, byte(len(n))), n...)
	}
	for name, got := range map[string][][]byte{
		"Annex B": stream.SplitAnnexB(append([]byte{9, 9}, annexB...)), "lengths": stream.SplitLengths(lengths, 4),
	} {
		if fmt.Sprint(got) != fmt.Sprint(nals) {
			t.Errorf("%s: %v", name, got)
		}
	}
	for _, bad := range [][]byte{nil, {0}, {0, 0, 1}, {0, 0, 0, 0, 0, 0}} {
		if got := stream.SplitAnnexB(bad); len(got) != 0 {
			t.Errorf("%v: %v", bad, got)
		}
	}
	if got := stream.SplitLengths([]byte{0, 0, 0, 9, 1}, 4); len(got) != 0 {
		t.Errorf("a length past the end: %v", got)
	}
}

func FuzzAssembler(f *testing.F) {
	f.Add(byte(1), bytes.Join([][]byte{sps768, pps, idr, pSlice}, []byte{0, 0, 0, 1}))
	f.Add(byte(2), hexed("00000001 40010c01ffff01600000030090000003000003005d9598 09 00000001 2601af"))
	f.Add(byte(3), hexed("ffd8ffc000110800300040"))
	f.Fuzz(func(t *testing.T, codec byte, b []byte) {
		a := stream.NewAssembler(stream.Codec(codec%3+1), 0)
		last := 0
		for i, nal := range append(stream.SplitAnnexB(b), b) {
			got, err := a.Add([][]byte{nal}, time.Duration(i), time.Time{})
			if err != nil && !errors.Is(err, stream.ErrBad) {
				t.Fatal(err)
			}
			for _, u := range got {
				if u.Stream < last || u.Width > 8192 || u.Height > 8192 || len(u.NALs) == 0 || u.Size() > 2*stream.MaxUnit {
					t.Fatalf("%+v", u)
				}
				last = u.Stream
			}
		}
	})
}

// FuzzSplit cuts byte streams both ways: no part is empty, all of them lie in the
// input, and joined with start codes they split alike again.
func FuzzSplit(f *testing.F) {
	f.Add(4, bytes.Join([][]byte{nil, sps768, pps, idr}, []byte{0, 0, 0, 1}))
	f.Add(2, []byte{0, 3, 1, 2, 3, 0, 1, 9})
	f.Add(1, []byte{0, 0, 1})
	f.Fuzz(func(t *testing.T, size int, b []byte) {
		total := 0
		for _, nal := range stream.SplitLengths(b, size&3+1) {
			if total += len(nal); len(nal) == 0 || total > len(b) {
				t.Fatalf("parts of %d bytes out of %d", total, len(b))
			}
		}
		nals := stream.SplitAnnexB(b)
		again := stream.SplitAnnexB(bytes.Join(append([][]byte{nil}, nals...), []byte{0, 0, 1}))
		if !slices.EqualFunc(nals, again, bytes.Equal) {
			t.Fatalf("%x splits into %x and then into %x", b, nals, again)
		}
	})
}
