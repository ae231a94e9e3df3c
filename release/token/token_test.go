package token_test

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"iter"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/ledger/roster/rostertest"
	"polity/recording/recordtest"
	"polity/recording/segment"
	"polity/recording/share"
	"polity/release/token"
)

var update = flag.Bool("update", false, "write the vectors anew")

var at = time.Date(2026, 12, 1, 14, 0, 0, 0, time.UTC)

func ask(t *testing.T) token.Ask {
	t.Helper()
	key, err := share.Kem().DeriveKeyPair(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return token.Ask{
		Office: "police", Device: "police-1", Purpose: "serious-crime", Order: "HEL 2026-012345", Case: "POL 2026/77",
		Cameras: []city.Slug{"square", "bridge"}, From: at, To: at.Add(90 * time.Minute), Expires: at.Add(72 * time.Hour),
		PublicOn: "2027-06-01", CaseKey: key.PublicKey().Bytes(),
	}
}

func made(t *testing.T) (*rostertest.City, *entry.ReleaseRequested, *token.Details) {
	t.Helper()
	c := rostertest.New("token")
	e, d, err := token.New(&c.Roster.Roster, ask(t), c.Devices["police-1"].Key)
	if err != nil {
		t.Fatal(err)
	}
	return c, e, d
}

func record(t *testing.T, camera city.Slug, start time.Time, body int) []byte {
	t.Helper()
	bodies := &recordtest.Bodies{Seed: "token"}
	var keys [2]share.EpochKey
	for i, b := range share.Bodies {
		var err error
		if keys[i], err = bodies.Key(t.Context(), b, "short", share.Day(start)); err != nil {
			t.Fatal(err)
		}
	}
	var file bytes.Buffer
	w, err := segment.Seal(&file, segment.Header{Media: segment.H264, Domain: "helsinki.example", Camera: camera, Class: "short", Sequence: 1, Start: start, GapStart: start}, keys, recordtest.Recorder(1))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abandon()
	h := w.Header
	n := len(h.Bytes()) + body*share.SealedSize
	return token.Pack(h, file.Bytes()[n:n+share.SealedSize])
}

func one(records ...[]byte) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for _, r := range records {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func TestATokenSaysNothingWithoutItsDetails(t *testing.T) {
	c, e, d := made(t)
	if err := entry.Verify(e, &c.Roster.Roster); err != nil {
		t.Fatal(err)
	}
	if err := d.Opens(e); err != nil {
		t.Fatal(err)
	}
	public, err := entry.Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"square", "bridge", "HEL", "012345", "2026-12-01"} {
		if bytes.Contains(public, []byte(secret)) {
			t.Errorf("the public part tells %s", secret)
		}
	}
	_, _, again := made(t)
	if again.Salts == d.Salts || again.Token == d.Token {
		t.Error("salts came twice")
	}
	if e.HoursCount != 2 || e.CamerasCount != 2 {
		t.Errorf("%d hours, %d cameras", e.HoursCount, e.CamerasCount)
	}
}

func TestDetailsOpenTheirOwnTokenOnly(t *testing.T) {
	_, e, d := made(t)
	for name, change := range map[string]func(*token.Details){
		"another token":  func(d *token.Details) { d.Token[0]++ },
		"the cameras":    func(d *token.Details) { d.Cameras = []city.Slug{"bridge", "hospital"} },
		"one camera":     func(d *token.Details) { d.Cameras = d.Cameras[:1] },
		"the times":      func(d *token.Details) { d.To = "2026-12-01T15:45:00Z" },
		"the order":      func(d *token.Details) { d.Order = "HEL 2026-012346" },
		"the case":       func(d *token.Details) { d.Case = "POL 2026/78" },
		"a salt":         func(d *token.Details) { d.Salts.Case[3]++ },
		"no camera":      func(d *token.Details) { d.Cameras = nil },
		"falling":        func(d *token.Details) { d.Cameras = []city.Slug{"square", "bridge"} },
		"a later format": func(d *token.Details) { d.Format = "polity-details/2" },
		"backwards":      func(d *token.Details) { d.From, d.To = d.To, d.From },
		"too long":       func(d *token.Details) { d.To = "2026-12-30T00:00:00Z" },
	} {
		wrong := *d
		change(&wrong)
		if err := wrong.Opens(e); city.KindOf(err) != city.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestATokenOfAnotherLogHasAnotherID(t *testing.T) {
	c, e, _ := made(t)
	for name, change := range map[string]func(){
		"domain": func() { c.Roster.Domain = "espoo.example" },
		"log":    func() { c.Roster.Log.Origin = "helsinki.example/log2" },
	} {
		before := c.Roster.Roster
		change()
		if id, err := token.ID(&c.Roster.Roster, e); err != nil || id == e.ID {
			t.Errorf("%s: same id (%v)", name, err)
		}
		c.Roster.Roster = before
	}
	if id, err := token.ID(&c.Roster.Roster, e); err != nil || id != e.ID {
		t.Errorf("not its id: %v", err)
	}
}

func TestDetailsAreForDevicesOfTheBodies(t *testing.T) {
	c, _, d := made(t)
	sealed, err := token.Encrypt(d, &c.Roster.Roster)
	if err != nil {
		t.Fatal(err)
	}
	for _, device := range []city.Slug{"court-1", "court-2", "ombudsman-1", "ombudsman-2"} {
		got, err := token.Decrypt(sealed, c.Devices[device].Key)
		if err != nil || !reflect.DeepEqual(got, d) {
			t.Errorf("%s: %v", device, err)
		}
	}
	if _, err := token.Decrypt(sealed, c.Devices["police-1"].Key); city.KindOf(err) != city.Forbidden {
		t.Errorf("the office's own device: %v", err)
	}
	for i := 0; i < len(sealed); i += 37 {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if got, err := token.Decrypt(bad, c.Devices["court-1"].Key); err == nil && !reflect.DeepEqual(got, d) {
			t.Errorf("byte %d flipped: other details", i)
		}
		if _, err := token.Decrypt(sealed[:i], c.Devices["court-1"].Key); err == nil {
			t.Errorf("cut at %d: taken", i)
		}
	}
}

func TestWords(t *testing.T) {
	// 127.0.0.1 and 63.84.220.193 are the examples of arXiv:0901.4016.
	if w := token.Code(canonical.Hash{127, 0, 0, 1}); w != "lusab-babad" {
		t.Errorf("127.0.0.1 is %s", w)
	}
	id := canonical.Hash{63, 84, 220, 193}
	if w := token.Code(id); w != "gutih-tugad" {
		t.Errorf("63.84.220.193 is %s", w)
	}
	for typed, want := range map[string]bool{"gutih-tugad": true, " GUTIH tugad ": true, "gutihtugad": true, "": false, "gutih": false, "gutih-tugaf": false} {
		if token.SameCode(id, typed) != want {
			t.Errorf("%q: %v", typed, !want)
		}
	}
	if n := len(strings.Split(token.Words([32]byte(id)), "-")); n != 5 {
		t.Errorf("%d words", n)
	}
}

// sections reads all of a file.
func sections(file []byte, kind token.Kind) (n int, err error) {
	f, err := token.Open(bytes.NewReader(file), kind)
	if err != nil {
		return 0, err
	}
	for {
		if _, _, err := f.Next(); errors.Is(err, io.EOF) {
			return n, nil
		} else if err != nil {
			return n, err
		}
		n++
	}
}

func request(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	_, err := token.WriteRequest(&b, token.Request, token.Parts{Body: share.Court, Rosters: [][]byte{[]byte("roster")}, Proof: []byte("proof"), Secret: []byte("secret")},
		one(record(t, "square", at, 0), record(t, "square", at.Add(6*time.Second), 0)))
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestEveryFlippedBitAndEveryCutIsFound(t *testing.T) {
	file := request(t)
	if n, err := sections(file, token.Request); n != 6 || err != nil {
		t.Fatalf("%d sections, %v", n, err)
	}
	for i := range file {
		bad := bytes.Clone(file)
		bad[i] ^= 1 << (i % 8)
		if _, err := sections(bad, token.Request); city.KindOf(err) != city.Invalid && city.KindOf(err) != city.TooLarge {
			t.Fatalf("byte %d flipped: %v", i, err)
		}
		if _, err := sections(file[:i], token.Request); city.KindOf(err) != city.Invalid {
			t.Fatalf("cut at %d: %v", i, err)
		}
	}
	for want, bad := range map[string][]byte{
		"follows":        append(bytes.Clone(file), 0),
		"newer release":  append(append(bytes.Clone(file[:8]), 0, 2), file[10:]...),
		"its mark":       []byte("PK\x03\x04 something else"),
		"no known kind":  append(append(bytes.Clone(file[:10]), 9, 0), file[12:]...),
		"wanted here":    append(append(bytes.Clone(file[:10]), 2, 0), file[12:]...),
		"not belong":     append(bytes.Clone(file[:12]), 99, 0, 0, 0, 0),
		"out of order":   append(append(bytes.Clone(file[:12]), 4, 0, 0, 0, 0), 1, 0, 0, 0, 0),
		"more than 1":    append(append(bytes.Clone(file[:12]), 1, 0, 0, 0, 0), 1, 0, 0, 0, 0),
		"are allowed":    append(bytes.Clone(file[:12]), 1, 255, 255, 255, 255),
		"ends too early": nil,
	} {
		if _, err := sections(bad, token.Request); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %v", want, err)
		}
	}
}

func TestAShareRecordIsOfItsBody(t *testing.T) {
	r := record(t, "square", at, 0)
	h, sealed, err := token.Unpack(r, share.Court)
	if err != nil || h.Camera != "square" || len(sealed) != share.SealedSize {
		t.Fatalf("%+v, %v", h, err)
	}
	if _, _, err := token.Unpack(r, share.Ombudsman); err == nil {
		t.Error("taken as the other body's")
	}
	for _, i := range []int{0, 20, len(r) - 1} {
		bad := bytes.Clone(r)
		bad[i] ^= 1
		if _, _, err := token.Unpack(bad, share.Court); city.KindOf(err) != city.Invalid {
			t.Errorf("byte %d flipped: %v", i, err)
		}
	}
}

func answer(t *testing.T, c *rostertest.City, device city.Slug, change func(*entry.ReleaseApproved)) []byte {
	t.Helper()
	var b bytes.Buffer
	a := token.CreateAnswer(&b)
	for i := range 3 {
		s := token.Share{Header: canonical.Hash{byte(i)}, Sealed: bytes.Repeat([]byte{byte(i)}, share.SealedSize)}
		if i == 2 {
			s.State, s.Sealed = token.Wrong, nil
		}
		if err := a.Add(s); err != nil {
			t.Fatal(err)
		}
	}
	e := &entry.ReleaseApproved{At: canonical.At(at), Body: "court", Count: a.Count, Device: device, Shares: a.Shares(), Token: canonical.Hash{1}}
	change(e)
	if err := entry.Sign(e, c.Devices[device].Key); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Close(e); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestAnAnswerIsItsDevices(t *testing.T) {
	c := rostertest.New("token")
	var got []token.State
	e, _, err := token.ReadAnswer(bytes.NewReader(answer(t, c, "court-1", func(*entry.ReleaseApproved) {})), &c.Roster.Roster, func(s token.Share) error {
		got = append(got, s.State)
		return nil
	})
	if err != nil || len(got) != 3 || got[2] != token.Wrong || e.(*entry.ReleaseApproved).Count != 2 {
		t.Fatalf("%v, %v", got, err)
	}
	for name, bad := range map[string][]byte{
		"count":  answer(t, c, "court-1", func(e *entry.ReleaseApproved) { e.Count = 3 }),
		"shares": answer(t, c, "court-1", func(e *entry.ReleaseApproved) { e.Shares[0]++ }),
		"device": answer(t, c, "police-1", func(*entry.ReleaseApproved) {}),
	} {
		if _, _, err := token.ReadAnswer(bytes.NewReader(bad), &c.Roster.Roster, nil); city.KindOf(err) != city.Invalid && city.KindOf(err) != city.NotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestVectors(t *testing.T) {
	c := rostertest.New("token")
	if *update {
		_, e, d := made(t)
		public, err := entry.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		details, err := canonical.Encode(d)
		if err != nil {
			t.Fatal(err)
		}
		for name, b := range map[string][]byte{"entry.json": public, "details.json": details, "request.bin": request(t), "answer.bin": answer(t, c, "court-1", func(*entry.ReleaseApproved) {})} {
			if err := os.WriteFile(filepath.Join("testdata", name), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	e, err := entry.Decode(read("entry.json"))
	if err != nil {
		t.Fatal(err)
	}
	asked := e.(*entry.ReleaseRequested)
	d := new(token.Details)
	if err := canonical.Decode(read("details.json"), d); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(d.Opens(asked), entry.Verify(asked, &c.Roster.Roster), canonical.Ordered(reflect.TypeFor[token.Details]())); err != nil {
		t.Error(err)
	}
	if id, err := token.ID(&c.Roster.Roster, asked); err != nil || id != asked.ID {
		t.Errorf("another id, %v", err)
	}
	if n, err := sections(read("request.bin"), token.Request); n != 6 || err != nil {
		t.Errorf("request: %d sections, %v", n, err)
	}
	if _, _, err := token.ReadAnswer(bytes.NewReader(read("answer.bin")), &c.Roster.Roster, nil); err != nil {
		t.Error(err)
	}
}

func FuzzCarried(f *testing.F) {
	for _, name := range []string{"request.bin", "answer.bin"} {
		if b, err := os.ReadFile(filepath.Join("testdata", name)); err == nil {
			f.Add(b)
		}
	}
	c := rostertest.New("token")
	f.Fuzz(func(t *testing.T, data []byte) {
		for kind := token.Request; kind <= token.EpochKeys; kind++ {
			r, err := token.Open(bytes.NewReader(data), kind)
			if err != nil {
				continue
			}
			var again bytes.Buffer
			w := token.Create(&again, kind)
			for {
				tag, b, err := r.Next()
				if errors.Is(err, io.EOF) {
					if sum, err := w.Close(); err != nil || sum != r.Sum() || !bytes.Equal(again.Bytes(), data) {
						t.Errorf("written again it is another file (%v)", err)
					}
					break
				}
				if err != nil {
					break
				}
				if tag == token.Record {
					_, _, _ = token.Unpack(b, share.Court)
				}
				if err := w.Add(tag, b); err != nil {
					t.Errorf("what a reader took a writer does not: %v", err)
				}
			}
		}
		_, _, _ = token.ReadAnswer(bytes.NewReader(data), &c.Roster.Roster, nil)
	})
}
