package bundle

import (
	"bytes"
	"crypto/sha256"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"polity/city"
	"polity/internal/sandbox"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/ledger/proof/prooftest"
	"polity/ledger/roster"
	"polity/ledger/roster/rostertest"
	"polity/recording/fmp4"
	"polity/recording/recordtest"
	"polity/recording/root"
	"polity/recording/segment"
	"polity/recording/share"
	"polity/release/export"
	"polity/release/token"
)

func TestMain(m *testing.M) {
	sandbox.Stage()
	os.Exit(m.Run())
}

var (
	filmed = time.Date(2026, 12, 1, 14, 0, 0, 0, time.UTC)
	asked  = time.Date(2026, 12, 2, 9, 0, 0, 0, time.UTC)
)

const four = 4 * time.Second

// world is a city with a release that went as it has to, and the parts of its bundle.
type world struct {
	*rostertest.City
	t        testing.TB
	log      *prooftest.Log
	entries  map[string]entry.Entry // by the name of its proof, in the order below
	segments []export.Segment
	details  *token.Details
	parts    Parts
	pictures uint32 // that a trailer tells of
}

// order is the order of a release's entries in the log.
var inOrder = []string{"camera-square", "hour-square-20261201T14", "requested", "court", "ombudsman", "opened"}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{City: rostertest.New("bundle"), t: t, pictures: 100, entries: map[string]entry.Entry{}}
	recorder := recordtest.Recorder(1)
	for i := range 3 {
		w.segments = append(w.segments, w.seal(uint64(i)+41, filmed.Add(time.Duration(i)*four))) //nolint:gosec // small
	}
	w.chain()
	var hashes [][32]byte
	for _, s := range w.segments {
		hashes = append(hashes, s.Trailer.Hash())
	}
	hour := root.Hour{Domain: w.Roster.Domain, Camera: "square", Hour: filmed, Count: 3, Root: root.Of(hashes)}
	signature, err := hour.Sign(recorder)
	w.must(err)
	w.entries["camera-square"] = &entry.Registration{
		At: canonical.At(filmed.Add(-24 * time.Hour)), Camera: "square", Class: "short", Edge: "edge-1", Entry: canonical.Sum("test"), FootageHours: 72,
		From: canonical.At(filmed.Add(-24 * time.Hour)), Recorder: canonical.Bytes(recorder.Public()), State: "registered", Until: canonical.At(filmed.Add(9000 * time.Hour)),
	}
	w.entries["hour-square-20261201T14"] = &entry.Segments{
		Camera: "square", Count: 3, Domain: w.Roster.Domain, Hour: canonical.At(filmed), Recorder: canonical.Bytes(recorder.Public()), Root: canonical.Hash(hour.Root), Signature: signature,
	}
	key, err := share.Kem().DeriveKeyPair(bytes.Repeat([]byte{7}, 32))
	w.must(err)
	request, details, err := token.New(&w.Roster.Roster, token.Ask{
		Office: "police", Device: "police-1", Purpose: "serious-crime", Order: "HEL 2026-012345", Case: "POL 2026/77", Cameras: []city.Slug{"bridge", "square"},
		From: filmed, To: filmed.Add(time.Hour), Expires: asked.Add(48 * time.Hour), PublicOn: "2027-06-01", CaseKey: key.PublicKey().Bytes(),
	}, w.Devices["police-1"].Key)
	w.must(err)
	w.details = details
	w.entries["requested"] = request
	for _, body := range []city.Slug{"court", "ombudsman"} {
		w.entries[string(body)] = w.signed(body+"-1", &entry.ReleaseApproved{At: canonical.At(asked), Body: body, Count: 3, Device: body + "-1", Shares: canonical.Sum("shares"), Token: request.ID})
	}
	w.entries["opened"] = w.signed("police-1", &entry.ReleaseOpened{At: canonical.At(asked.Add(time.Hour)), Body: "police", Device: "police-1", Segments: 3, Token: request.ID})
	w.parts = Parts{
		Rosters: []*roster.Signed{w.Roster}, Token: request.ID, Office: "police", Device: "police-1", Key: w.Devices["police-1"].Key,
		By: "Ö. <b>Example</b> (Łódź)", Program: "polity 0.1.0", Made: asked.Add(2 * time.Hour), Segments: map[city.Slug][]export.Segment{"square": w.segments},
	}
	w.prove(inOrder...)
	w.views("begun", "segment", "exported")
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) signed(device city.Slug, e entry.Signed) entry.Entry {
	w.t.Helper()
	w.must(entry.Sign(e, w.Devices[device].Key))
	return e
}

// prove logs entries in an order and takes their proofs.
func (w *world) prove(names ...string) {
	w.t.Helper()
	w.log = &prooftest.Log{City: w.City}
	at := map[string]int64{}
	for _, name := range names {
		at[name] = w.log.Append(w.entries[name])
	}
	checkpoint := w.log.Checkpoint(asked.Add(2*time.Hour), 0, 1)
	w.parts.Proofs = map[string][]byte{}
	for name, index := range at {
		w.parts.Proofs[name] = w.log.Inclusion(index, checkpoint)
	}
}

func (w *world) views(what ...string) {
	var b strings.Builder
	prev := canonical.Sum("view", w.parts.Token[:])
	for i, one := range what {
		text, err := canonical.Encode(struct {
			At   canonical.Time `json:"at"`
			N    int64          `json:"n"`
			Prev canonical.Hash `json:"prev"`
			What string         `json:"what"`
		}{canonical.At(asked), int64(i) + 1, prev, one})
		w.must(err)
		prev = canonical.Sum("view", text)
		b.WriteString(string(text) + "\n")
	}
	w.parts.Views = []byte(b.String())
}

// sealedFiles are the segments' files, by start.
var bodiesOf = &recordtest.Bodies{Seed: "bundle"}

// seal makes a segment that knows no other.
func (w *world) seal(sequence uint64, start time.Time) export.Segment {
	w.t.Helper()
	return w.sealAfter(sequence, start, [32]byte{})
}

func (w *world) sealAfter(sequence uint64, start time.Time, previous [32]byte) export.Segment {
	w.t.Helper()
	var keys [2]share.EpochKey
	for i, b := range share.Bodies {
		var err error
		keys[i], err = bodiesOf.Key(w.t.Context(), b, "short", share.Day(start))
		w.must(err)
	}
	var file bytes.Buffer
	s, err := segment.Seal(&file, segment.Header{
		Media: segment.H264, Domain: "helsinki.example", Camera: "square", Class: "short", Sequence: sequence, Start: start, GapStart: start, Previous: previous,
	}, keys, recordtest.Recorder(1))
	w.must(err)
	_, err = s.Write(film(w.t))
	w.must(err)
	trailer, err := s.Close(start.Add(four), w.pictures)
	w.must(err)
	return export.Segment{Header: s.Header, Trailer: trailer, Open: func() (io.ReadCloser, error) {
		b, err := bodiesOf.Open(bytes.NewReader(file.Bytes()), int64(file.Len()), segment.Recorders(recordtest.Recorder(1).Public()))
		return io.NopCloser(bytes.NewReader(b)), err
	}}
}

// chain seals the segments anew, each after the one before.
func (w *world) chain() {
	w.t.Helper()
	for i := 1; i < len(w.segments); i++ {
		h := w.segments[i].Header
		w.segments[i] = w.sealAfter(h.Sequence, h.Start, w.segments[i-1].Trailer.Hash())
	}
}

// film is the test film as a recorder writes it: 4 s at 25 pictures a second.
func film(t testing.TB) []byte {
	t.Helper()
	units := recordtest.Film("h264.mp4", filmed)
	sets, ok := fmp4.SetsOf(units[0])
	if !ok {
		t.Fatal("no parameter sets")
	}
	var b bytes.Buffer
	m, err := fmp4.NewMuxer(&b, fmp4.H264, sets)
	for i, u := range units {
		if err == nil {
			at := int64(i) * 3600
			err = m.Add(u, at, at, 3600)
		}
	}
	if err == nil {
		err = m.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// clip puts a film into the folder in place of an export, and its record into the parts.
func (w *world) clip() {
	w.t.Helper()
	w.parts.Dir = filepath.Join(w.t.TempDir(), "bundle")
	w.must(os.MkdirAll(filepath.Join(w.parts.Dir, "clips"), 0o700))
	b := film(w.t)
	w.must(os.WriteFile(filepath.Join(w.parts.Dir, "clips", "square.mp4"), b, 0o600))
	ms := filmed.UnixMilli()
	mask, err := export.MaskOf(export.Mosaic)
	w.must(err)
	w.parts.Film = &export.Record{
		Mask: mask, Decoder: export.Tool{Arguments: "-i pipe:0", Program: "ffmpeg", Version: "ffmpeg version 5"}, Encoder: export.Tool{Arguments: "-i pipe:0", Program: "ffmpeg", Version: "ffmpeg version 5"},
		Clips: []export.ClipRecord{{
			Camera: "square", File: "clips/square.mp4", First: 41, From: ms, Height: 64, Last: 41, Pictures: 100, PicturesHash: sha256.Sum256(b), Problems: []export.Problem{}, Segments: 1, To: ms + 4000, Width: 96,
			Marks: []export.Mark{{From: ms, To: ms + 1000, Keys: []export.Position{{At: ms, Left: 1, Top: 2, Width: 3, Height: 4}}}},
		}},
	}
}

// write writes the bundle, folder and ZIP file, whatever is wrong with it, and returns
// the path of the file.
func (w *world) write() string {
	w.t.Helper()
	w.clip()
	w.parts.File = filepath.Join(w.t.TempDir(), "case.zip")
	_, err := Write(w.t.Context(), w.parts)
	w.must(err)
	return w.parts.File
}

// again signs the folder anew after members were changed, and packs it.
func (w *world) again(change func(dir string)) string {
	w.t.Helper()
	change(w.parts.Dir)
	s := &writer{Parts: w.parts}
	for _, name := range []string{sumsName, sigName} {
		w.must(os.Remove(filepath.Join(w.parts.Dir, name)))
	}
	w.must(s.sign())
	w.must(s.pack(w.t.Context()))
	return w.parts.File
}

func (w *world) verify(path string) *Report {
	w.t.Helper()
	r, err := Verify(w.t.Context(), path, Options{Trusted: w.Roster})
	w.must(err)
	return r
}

// text is a report as lines.
func (r *Report) text() string {
	var b strings.Builder
	for _, f := range r.Findings {
		b.WriteString(string(f.State) + " " + f.Where + ": " + f.What + "\n")
	}
	return b.String()
}
