package uplink_test

import (
	"bytes"
	"reflect"
	"slices"
	"testing"
	"time"

	"polity/camera/uplink"
	"polity/city"
	"polity/recording/recordtest"
	"polity/recording/segment"
	"polity/recording/share"
	"polity/spine"
)

// shareRecord is a segment's header with the share of a body, and the rest of the file.
func shareRecord(t testing.TB, body int) (record, rest []byte) {
	t.Helper()
	bodies := &recordtest.Bodies{Seed: "handout"}
	var keys [2]share.EpochKey
	for i, b := range share.Bodies {
		var err error
		if keys[i], err = bodies.Key(t.Context(), b, "short", share.Day(moment)); err != nil {
			t.Fatal(err)
		}
	}
	var file bytes.Buffer
	w, err := segment.Seal(&file, segment.Header{Media: segment.H264, Domain: "helsinki.example", Camera: "square", Class: "short", Sequence: 8, Start: moment, GapStart: moment}, keys, recordtest.Recorder(1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("a picture")); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Close(moment.Add(6*time.Second), 150); err != nil {
		t.Fatal(err)
	}
	n := len(w.Header.Bytes())
	at := n + body*share.SealedSize
	return slices.Concat(w.Header.Bytes(), file.Bytes()[at:at+share.SealedSize]), file.Bytes()[n+2*share.SealedSize:]
}

func handouts(t testing.TB) map[string]any {
	t.Helper()
	var hash [32]byte
	for i := range hash {
		hash[i] = byte(i + 1)
	}
	at := moment.UnixMilli()
	return map[string]any{
		"bytes handout": uplink.Handout{What: uplink.Shares, Body: uplink.BodyOf(share.Court), From: at, To: at + time.Hour.Milliseconds(), Sequence: 7},
		"bytes handout-answer": &uplink.HandoutAnswer{
			HandoutHead: uplink.HandoutHead{What: uplink.List, Result: uplink.Here, Next: 8},
			Segments:    []uplink.HandoutSegment{{Sequence: 8, Start: at, Size: 3 << 19, Header: hash}},
		},
	}
}

// TestHandoutExamples holds docs/formats/handout.md to the codec.
func TestHandoutExamples(t *testing.T) {
	page, want := examples(t, "handout.md"), handouts(t)
	for name, text := range page {
		b := fromHex(t, text)
		var got any
		var err error
		if name == "bytes handout" {
			got, err = uplink.DecodeHandout(b)
		} else {
			got, err = uplink.DecodeHandoutAnswer(b)
		}
		if err != nil || !reflect.DeepEqual(got, want[name]) {
			t.Errorf("%s is %+v, want %+v, %v", name, got, want[name], err)
		}
	}
	if len(page) != len(want) {
		t.Errorf("the page has %d examples, %d are tried", len(page), len(want))
	}
}

func TestQuestionsOutOfBoundsAreRefused(t *testing.T) {
	at, hour := moment.UnixMilli(), time.Hour.Milliseconds()
	noon := at - at%hour
	for _, good := range []uplink.Handout{
		{What: uplink.List, From: at, To: at + hour},
		{What: uplink.Shares, Body: 2, From: at, To: at + 168*hour, Sequence: 5},
		{What: uplink.Piece, From: at, Sequence: 1, Offset: 1 << 20, Length: uplink.MaxPiece},
		{What: uplink.Hashes, From: noon, To: noon + hour, Sequence: 5},
	} {
		if err := uplink.Check(spine.Handout, uplink.Encode(good)); err != nil {
			t.Errorf("%+v: %v", good, err)
		}
	}
	for name, bad := range map[string]uplink.Handout{
		"nothing":             {},
		"another thing":       {What: 5, From: at, To: at + hour},
		"hashes of two hours": {What: uplink.Hashes, From: noon, To: noon + 2*hour},
		"hashes across hours": {What: uplink.Hashes, From: noon + 1, To: noon + 1 + hour},
		"hashes for a body":   {What: uplink.Hashes, Body: 1, From: noon, To: noon + hour},
		"hashes of a length":  {What: uplink.Hashes, From: noon, To: noon + hour, Length: 32},
		"backwards":           {What: uplink.List, From: at, To: at - 1},
		"no time":             {What: uplink.List, From: at, To: at},
		"for ever":            {What: uplink.List, From: at, To: at + 169*hour},
		"before 1970":         {What: uplink.List, From: -1, To: hour},
		"both bodies":         {What: uplink.Shares, Body: 3, From: at, To: at + hour},
		"no body":             {What: uplink.Shares, From: at, To: at + hour},
		"a list of a body":    {What: uplink.List, Body: 1, From: at, To: at + hour},
		"a list with offset":  {What: uplink.List, From: at, To: at + hour, Offset: 1},
		"a piece too large":   {What: uplink.Piece, From: at, Sequence: 1, Length: uplink.MaxPiece + 1},
		"a piece of nothing":  {What: uplink.Piece, From: at, Sequence: 1},
		"before the file":     {What: uplink.Piece, From: at, Sequence: 1, Offset: -1, Length: 1},
		"no segment":          {What: uplink.Piece, From: at, Length: 1},
	} {
		if err := uplink.Check(spine.Handout, uplink.Encode(bad)); city.KindOf(err) != city.Invalid || err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestOnlyWhatIsSealedIsHandedOut: a share record is a header that a recorder signed, and a
// sealed share that it names. Nothing else passes as one.
func TestOnlyWhatIsSealedIsHandedOut(t *testing.T) {
	record, rest := shareRecord(t, 1)
	head := uplink.HandoutHead{What: uplink.Shares, Result: uplink.Here, Next: 8}
	page := func(records ...[]byte) error {
		return uplink.Check(spine.HandoutAnswer, uplink.EncodeHandout(&uplink.HandoutAnswer{HandoutHead: head, Records: records}))
	}
	court, _ := shareRecord(t, 0)
	if err := page(record, court); err != nil {
		t.Error(err)
	}
	for i := range record {
		bad := bytes.Clone(record)
		bad[i] ^= 1
		if page(bad) == nil {
			t.Fatalf("byte %d flipped: it passes", i)
		}
	}
	many := slices.Repeat([][]byte{record}, uplink.MaxRecords+1)
	for name, err := range map[string]error{
		"a picture":                          page([]byte("\xff\xd8\xff\xe0 JFIF")),
		"a body":                             page(slices.Concat(record, rest)),
		"both":                               page(slices.Concat(record, record)),
		"without a share":                    page(record[:len(record)-share.SealedSize]),
		"nothing":                            page([]byte{}),
		"too many":                           page(many...),
		"a refusal with something behind it": uplink.Check(spine.HandoutAnswer, append(uplink.Encode(uplink.HandoutHead{What: uplink.Shares, Result: uplink.Gone}), 1)),
		"another result":                     uplink.Check(spine.HandoutAnswer, uplink.Encode(uplink.HandoutHead{What: uplink.Shares, Result: 9})),
		"a list that falls": uplink.Check(spine.HandoutAnswer, uplink.EncodeHandout(&uplink.HandoutAnswer{
			HandoutHead: uplink.HandoutHead{What: uplink.List, Result: uplink.Here}, Segments: []uplink.HandoutSegment{{Sequence: 2}, {Sequence: 1}},
		})),
		"a piece too large": uplink.Check(spine.HandoutAnswer, uplink.EncodeHandout(&uplink.HandoutAnswer{
			HandoutHead: uplink.HandoutHead{What: uplink.Piece, Result: uplink.Here}, Piece: make([]byte, uplink.MaxPiece+1),
		})),
		"hashes too many": uplink.Check(spine.HandoutAnswer, uplink.EncodeHandout(&uplink.HandoutAnswer{
			HandoutHead: uplink.HandoutHead{What: uplink.Hashes, Result: uplink.Here}, Hashes: make([][32]byte, uplink.MaxHashes+1),
		})),
		"a hash cut off": uplink.Check(spine.HandoutAnswer, append(uplink.Encode(uplink.HandoutHead{What: uplink.Hashes, Result: uplink.Here}), make([]byte, 31)...)),
		"cut off":        uplink.Check(spine.HandoutAnswer, []byte{1, 1}),
	} {
		if city.KindOf(err) != city.Invalid || err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzHandoutAnswer(f *testing.F) {
	record, rest := shareRecord(f, 0)
	f.Add(uplink.EncodeHandout(&uplink.HandoutAnswer{HandoutHead: uplink.HandoutHead{What: uplink.Shares, Result: uplink.Here}, Records: [][]byte{record}}))
	f.Add(uplink.EncodeHandout(&uplink.HandoutAnswer{HandoutHead: uplink.HandoutHead{What: uplink.Piece, Result: uplink.Here}, Piece: rest}))
	f.Add(uplink.EncodeHandout(&uplink.HandoutAnswer{HandoutHead: uplink.HandoutHead{What: uplink.Hashes, Result: uplink.Here, Next: 2}, Hashes: [][32]byte{{1}, {2}}}))
	for _, a := range handouts(f) {
		if a, ok := a.(*uplink.HandoutAnswer); ok {
			f.Add(uplink.EncodeHandout(a))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if a, err := uplink.DecodeHandoutAnswer(data); err == nil && !bytes.Equal(uplink.EncodeHandout(a), data) {
			t.Error("written again it is another answer")
		}
	})
}
