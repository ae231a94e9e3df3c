package segment_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hpke"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"polity/city"
	"polity/internal/attack"
	"polity/recording/segment"
	"polity/recording/share"
)

var start = time.Date(2026, 12, 1, 14, 30, 0, 125e6, time.UTC)

// world is a recorder and two bodies.
type world struct {
	recorder segment.Key
	keys     [2]share.EpochKey
	private  [2]hpke.PrivateKey
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{recorder: segment.Key(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32)))}
	for i, body := range share.Bodies {
		var err error
		if w.private[i], err = share.Kem().DeriveKeyPair(bytes.Repeat([]byte{byte(i)}, 32)); err != nil {
			t.Fatal(err)
		}
		if w.keys[i], err = share.NewEpochKey(body, "street", "2026-12-01", w.private[i].PublicKey().Bytes()); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func (w *world) trust() segment.Trust { return segment.Recorders(w.recorder.Public()) }

func header(sequence uint64, start time.Time) segment.Header {
	return segment.Header{Media: segment.H264, Domain: "city.example", Camera: "square", Class: "street", Sequence: sequence, Start: start, GapStart: start}
}

// seal returns a segment's file and its trailer.
func (w *world) seal(t testing.TB, h segment.Header, content []byte) ([]byte, *segment.Trailer) {
	t.Helper()
	var file bytes.Buffer
	s, err := segment.Seal(&file, h, w.keys, w.recorder)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write(content); err != nil {
		t.Fatal(err)
	}
	trailer, err := s.Close(h.Start.Add(6*time.Second), 150)
	if err != nil {
		t.Fatal(err)
	}
	return file.Bytes(), trailer
}

// key puts the key together as a case does, from both bodies' shares.
func (w *world) key(t testing.TB, s *segment.Sealed) share.Key {
	t.Helper()
	var shares [2]share.Key
	for i := range shares {
		var err error
		if shares[i], err = share.Open(w.private[i], s.Header.Context(i), s.Shares[i], s.Header.Commitments[i]); err != nil {
			t.Fatal(err)
		}
	}
	return share.Join(&shares[0], &shares[1])
}

func (w *world) open(t testing.TB, file []byte) ([]byte, error) {
	t.Helper()
	s, err := segment.Ends(bytes.NewReader(file), int64(len(file)), w.trust())
	if err != nil {
		return nil, err
	}
	key := w.key(t, s)
	r, err := segment.Open(bytes.NewReader(file), int64(len(file)), &key, w.trust())
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// content is n bytes that look like nothing else.
func content(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i>>8) ^ byte(i*7)
	}
	return b
}

func TestASegmentOpensWithBothShares(t *testing.T) {
	w := newWorld(t)
	for _, n := range []int{1, 100, 65535, 65536, 65537, 131072, 1_500_000} {
		file, trailer := w.seal(t, header(1, start), content(n))
		s, err := segment.Scan(bytes.NewReader(file), int64(len(file)), w.trust())
		if err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		if s.Hash != trailer.Hash() || s.Trailer.Pictures != 150 || !s.Header.Start.Equal(start) || s.Header.Day() != "2026-12-01" {
			t.Errorf("%d bytes: read %+v", n, s.Header)
		}
		got, err := w.open(t, file)
		if err != nil || !bytes.Equal(got, content(n)) {
			t.Errorf("%d bytes: opened %d, %v", n, len(got), err)
		}
	}
}

func TestNothingThatIsWrittenIsPlaintext(t *testing.T) {
	w := newWorld(t)
	text := bytes.Repeat([]byte("a person walks by, "), 10000)
	file, _ := w.seal(t, header(1, start), text)
	if bytes.Contains(file, []byte("person")) {
		t.Fatal("the file holds plaintext")
	}
	again, _ := w.seal(t, header(1, start), text)
	if bytes.Equal(file[3000:4000], again[3000:4000]) {
		t.Fatal("two segments have the same ciphertext")
	}
}

func TestAnotherKeyIsRefusedBeforeAnythingIsDecrypted(t *testing.T) {
	w := newWorld(t)
	file, _ := w.seal(t, header(1, start), content(100))
	var key share.Key
	if _, err := segment.Open(bytes.NewReader(file), int64(len(file)), &key, w.trust()); err == nil || !strings.Contains(err.Error(), "commits to another") {
		t.Fatalf("got %v", err)
	}
}

func TestAForeignRecorderIsRefused(t *testing.T) {
	w := newWorld(t)
	file, _ := w.seal(t, header(1, start), content(100))
	stranger := segment.Recorders(ed25519.NewKeyFromSeed(make([]byte, 32)).Public().(ed25519.PublicKey))
	if _, err := segment.Scan(bytes.NewReader(file), int64(len(file)), stranger); err == nil || !strings.Contains(err.Error(), "none of the city's") {
		t.Fatalf("got %v", err)
	}
}

func TestEveryBitIsCovered(t *testing.T) {
	w := newWorld(t)
	file, _ := w.seal(t, header(1, start), content(70000))
	for at := range len(file) {
		if at > 4000 && at < len(file)-400 && at%977 != 0 {
			continue
		}
		bad := slices.Clone(file)
		bad[at] ^= 1 << (at % 8)
		_, err := segment.Scan(bytes.NewReader(bad), int64(len(bad)), w.trust())
		if k := city.KindOf(err); k != city.Invalid {
			t.Fatalf("bit %d of byte %d: %v", at%8, at, err)
		}
	}
	for n := 0; n < len(file); n += 1 + n/50 {
		if _, err := segment.Scan(bytes.NewReader(file[:n]), int64(n), w.trust()); city.KindOf(err) != city.Invalid {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
	if _, err := segment.Scan(bytes.NewReader(append(file, 0)), int64(len(file)+1), w.trust()); city.KindOf(err) != city.Invalid {
		t.Fatalf("with a byte more: %v", err)
	}
}

// frame is the length of a full frame in the file.
const frame = 4 + 65536 + 16 + 4

// TestAttackSegmentReordered: even if the trailer were signed anew, the tags hold each
// chunk in its place.
func TestAttackSegmentReordered(t *testing.T) {
	attack.Tell(t, "segment-reordered",
		"With the recorder's stolen signing key, the chunks within a segment change places, one is repeated, and the end is cut off, and all is signed anew.",
		"Each chunk's tag is bound to its number, to its being the last, and to the header: the first one out of place is not decrypted.")
	w := newWorld(t)
	file, _ := w.seal(t, header(1, start), content(3*65536))
	at := len(file) - segment.TrailerSize - 3*frame
	w.forged(t, file[:at], map[string][]byte{
		"reordered": slices.Concat(file[at+frame:at+2*frame], file[at:at+frame], file[at+2*frame:at+3*frame]),
		"shortened": file[at : at+2*frame],
		"repeated":  slices.Concat(file[at:at+frame], file[at:at+3*frame]),
	})
}

// TestAttackSegmentSpliced: a chunk of another segment, signed anew, is none of this one.
func TestAttackSegmentSpliced(t *testing.T) {
	attack.Tell(t, "segment-spliced",
		"With the recorder's stolen signing key, a chunk of another segment, and one of the same place in a segment that is otherwise the same, are put into a segment, and all is signed anew.",
		"Each segment has a key of its own, and each chunk's tag covers the header's hash: a chunk of another segment is not decrypted.")
	w := newWorld(t)
	file, _ := w.seal(t, header(1, start), content(3*65536))
	other, _ := w.seal(t, header(2, start), content(3*65536))
	twin, _ := w.seal(t, header(1, start), content(3*65536))
	at := len(file) - segment.TrailerSize - 3*frame
	w.forged(t, file[:at], map[string][]byte{
		"spliced":           slices.Concat(file[at:at+frame], other[at+frame:at+2*frame], file[at+2*frame:at+3*frame]),
		"spliced of a twin": slices.Concat(file[at:at+frame], twin[at+frame:at+2*frame], file[at+2*frame:at+3*frame]),
	})
}

// forged signs bodies behind a header anew, and has each refused when it is read.
func (w *world) forged(t *testing.T, front []byte, bodies map[string][]byte) {
	t.Helper()
	for name, body := range bodies {
		forged := segment.Resign(t, front, body, w.recorder)
		if _, err := segment.Scan(bytes.NewReader(forged), int64(len(forged)), w.trust()); err != nil {
			t.Fatalf("%s: the forgery is not good enough: %v", name, err)
		}
		if _, err := w.open(t, forged); err == nil || !strings.Contains(err.Error(), "not genuine") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatWasReadBeforeAForgedChunkIsGenuine(t *testing.T) {
	w := newWorld(t)
	file, _ := w.seal(t, header(1, start), content(3*65536))
	file[len(file)-segment.TrailerSize-frame+100] ^= 1
	got, err := w.open(t, file)
	if err == nil || !bytes.Equal(got, content(3 * 65536)[:2*65536]) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
}

func TestSealRefusesWrongKeysAndHeaders(t *testing.T) {
	w := newWorld(t)
	swapped := [2]share.EpochKey{w.keys[1], w.keys[0]}
	for name, c := range map[string]struct {
		keys   [2]share.EpochKey
		change func(*segment.Header)
	}{
		"keys swapped":    {swapped, func(*segment.Header) {}},
		"another day":     {w.keys, func(h *segment.Header) { h.Start = h.Start.AddDate(0, 0, 1); h.GapStart = h.Start }},
		"another class":   {w.keys, func(h *segment.Header) { h.Class = "hospital" }},
		"no camera":       {w.keys, func(h *segment.Header) { h.Camera = "" }},
		"path as camera":  {w.keys, func(h *segment.Header) { h.Camera = "../x" }},
		"no domain":       {w.keys, func(h *segment.Header) { h.Domain = "" }},
		"sequence 0":      {w.keys, func(h *segment.Header) { h.Sequence = 0 }},
		"clock of 1970":   {w.keys, func(h *segment.Header) { h.Start = time.Unix(0, 0); h.GapStart = h.Start }},
		"gap unexplained": {w.keys, func(h *segment.Header) { h.GapStart = h.Start.Add(-time.Hour) }},
		"sound":           {w.keys, func(h *segment.Header) { h.Media = 3 }},
	} {
		h := header(1, start)
		c.change(&h)
		var file bytes.Buffer
		if _, err := segment.Seal(&file, h, c.keys, w.recorder); city.KindOf(err) != city.Invalid || file.Len() > 0 {
			t.Errorf("%s: %d bytes written, %v", name, file.Len(), err)
		}
	}
}

type failing struct{ after int }

func (f *failing) Write(p []byte) (int, error) {
	if f.after -= len(p); f.after < 0 {
		return 0, errors.New("no space")
	}
	return len(p), nil
}

func TestAFailedWriteIsFinal(t *testing.T) {
	w := newWorld(t)
	s, err := segment.Seal(&failing{after: 100_000}, header(1, start), w.keys, w.recorder)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write(content(300_000)); err == nil {
		t.Fatal("a write that failed was not told")
	}
	if _, err := s.Close(start, 1); err == nil {
		t.Fatal("closed as if nothing had happened")
	}
	if _, err := segment.Seal(&failing{}, header(1, start), w.keys, w.recorder); err == nil {
		t.Fatal("the header's failure was not told")
	}
	empty, err := segment.Seal(io.Discard, header(1, start), w.keys, w.recorder)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := empty.Close(start, 0); err == nil {
		t.Fatal("an empty segment was closed")
	}
}

func TestMendKeepsWhatIsWhole(t *testing.T) {
	w := newWorld(t)
	text := content(3*65536 + 500)
	file, _ := w.seal(t, header(1, start), text)
	body := len(file) - segment.TrailerSize - 3*frame - 524
	for _, c := range []struct {
		name string
		torn []byte
		keep int // bytes of content
	}{
		{"in the second chunk", file[:body+frame+10], 65536},
		{"at a chunk's end", file[:body+2*frame], 2 * 65536},
		{"in the trailer", file[:len(file)-1], len(text)},
		{"zeros where the disk had not written", slices.Concat(file[:body+frame], make([]byte, 2*frame)), 65536},
		{"a hole in the middle", slices.Concat(file[:body+frame+4096], make([]byte, 4096), file[body+frame+8192:]), 65536},
	} {
		torn, err := segment.Mend(bytes.NewReader(c.torn), int64(len(c.torn)), w.trust())
		if err != nil || torn.Trailer != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		trailer, err := torn.Cut(w.recorder)
		if err != nil {
			t.Fatal(err)
		}
		mended := slices.Concat(c.torn[:torn.Keep], trailer.Bytes())
		s, err := segment.Scan(bytes.NewReader(mended), int64(len(mended)), w.trust())
		if err != nil || s.Trailer.State != segment.Cut {
			t.Fatalf("%s: %v", c.name, err)
		}
		if got, err := w.open(t, mended); err != nil || !bytes.Equal(got, text[:c.keep]) {
			t.Errorf("%s: %d bytes of %d, %v", c.name, len(got), c.keep, err)
		}
	}
	if torn, err := segment.Mend(bytes.NewReader(file), int64(len(file)), w.trust()); err != nil || torn.Trailer == nil || torn.Keep != int64(len(file)) {
		t.Errorf("a whole file: %v", err)
	}
	full, _ := w.seal(t, header(1, start), content(65536)) // its last chunk is as long as others
	torn, err := segment.Mend(bytes.NewReader(full), int64(len(full)-5), w.trust())
	if err != nil {
		t.Fatal(err)
	}
	trailer, err := torn.Cut(w.recorder)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := w.open(t, slices.Concat(full[:torn.Keep], trailer.Bytes())); err != nil || len(got) != 65536 {
		t.Errorf("cut after a full last chunk: %d bytes, %v", len(got), err)
	}
	for name, n := range map[string]int{"header": 100, "shares": 2000, "first chunk": body + 100, "nothing": 0} {
		if _, err := segment.Mend(bytes.NewReader(file[:n]), int64(n), w.trust()); city.KindOf(err) != city.Invalid {
			t.Errorf("torn in the %s: %v", name, err)
		}
	}
}

func TestAttackSegmentDropped(t *testing.T) {
	attack.Tell(t, "segment-dropped",
		"Whoever has the disk takes a segment out of a camera's chain, repeats one, exchanges one, or leaves a gap without a reason.",
		"Each header names the hash of the segment before it and its number, and a gap without a reason is refused.")
	w := newWorld(t)
	type link struct {
		h *segment.Header
		t *segment.Trailer
	}
	var links []link
	var previous [32]byte
	at := start
	for i := range 5 {
		h := header(uint64(i+1), at)
		h.Previous = previous
		if i == 3 { // a minute without pictures
			h.Start = at.Add(time.Minute)
			h.Gap, h.GapStart = segment.NoPicture, at
		}
		file, trailer := w.seal(t, h, content(100))
		s, err := segment.Scan(bytes.NewReader(file), int64(len(file)), w.trust())
		if err != nil {
			t.Fatal(err)
		}
		links = append(links, link{s.Header, s.Trailer})
		previous, at = trailer.Hash(), trailer.End
	}
	walk := func(order ...int) error {
		var c segment.Chain
		for _, i := range order {
			if err := c.Add(links[i].h, links[i].t); err != nil {
				return err
			}
		}
		return nil
	}
	if err := walk(0, 1, 2, 3, 4); err != nil {
		t.Fatal(err)
	}
	if err := walk(2, 3, 4); err != nil {
		t.Fatalf("after retention took the first: %v", err)
	}
	for name, order := range map[string][]int{"dropped": {0, 1, 3, 4}, "reordered": {0, 2, 1, 3}, "repeated": {0, 1, 1, 2}} {
		if walk(order...) == nil {
			t.Errorf("%s: no refusal", name)
		}
	}
	for name, change := range map[string]func(*segment.Header){
		"exchanged":      func(h *segment.Header) { h.Previous[0] ^= 1 },
		"another camera": func(h *segment.Header) { h.Camera = "bridge" },
		"clock back":     func(h *segment.Header) { h.Start = start; h.GapStart = start },
		"silent gap":     func(h *segment.Header) { h.Start = h.Start.Add(2 * time.Second); h.GapStart = h.Start },
	} {
		h := header(2, links[1].h.Start)
		h.Previous = links[1].h.Previous
		change(&h)
		file, _ := w.seal(t, h, content(10))
		s, err := segment.Scan(bytes.NewReader(file), int64(len(file)), w.trust())
		if err != nil {
			t.Fatal(err)
		}
		var c segment.Chain
		if err := c.Add(links[0].h, links[0].t); err != nil {
			t.Fatal(err)
		}
		if err := c.Add(s.Header, s.Trailer); city.KindOf(err) != city.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}
