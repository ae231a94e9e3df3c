package register_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"pgregory.net/rapid"

	"polity/city"
	"polity/register"
)

var (
	from  = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	until = from.AddDate(1, 0, 0)
)

func entry() register.Entry {
	return register.Entry{
		Camera: "square", Edge: "edge-1", Title: "Market square, east side", Purpose: "Keep the tram tracks free & notice dangerous crowding.",
		View:     register.View{Words: "The square between the fountain and the tram stop.", Lon: 24.9521, Lat: 60.1695, Heading: 140, Field: 70, Reach: 60},
		Body:     "City of Helsinki, Urban Environment Division",
		Contact:  "cameras@helsinki.example",
		Decision: register.Decision{Reference: "HEL 2026-012345", On: "2026-11-02"},
		Retention: register.Retention{
			CountsDays: 365, PlaceDays: 30,
		},
		Public: register.Public{DelayMinutes: 10, Threshold: 5},
		Events: []string{"crowding", "stopped"}, CrowdAtLeast: 20, From: from, Until: until,
	}
}

type keyPair struct {
	private, public string
	signer          note.Signer
	keys            register.Keys
}

func newKey(t testing.TB) keyPair {
	t.Helper()
	private, public, err := register.NewKey("helsinki.example/cameras")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := register.ReadKey([]byte(private+"\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := register.ParseKeys([]string{public})
	if err != nil {
		t.Fatal(err)
	}
	return keyPair{private, public, signer, keys}
}

func sign(t testing.TB, e register.Entry, k keyPair) []byte {
	t.Helper()
	signed, err := register.Sign(e, k.signer)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func TestSignedEntryOpensAsItWas(t *testing.T) {
	k := newKey(t)
	file := sign(t, entry(), k)
	s, err := k.keys.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	want := entry()
	if s.Purpose != want.Purpose || s.View != want.View || !s.Until.Equal(want.Until) || !s.Allows("stopped") || s.Allows("intrusion") {
		t.Errorf("%+v", s.Entry)
	}
	if !strings.HasPrefix(s.Key, "helsinki.example/cameras ") || s.Position() != (city.Point{Lon: 24.9521, Lat: 60.1695}) {
		t.Errorf("key %q", s.Key)
	}
	if err := s.For("square", "edge-1", from); err != nil {
		t.Errorf("at its first moment: %v", err)
	}
	if !bytes.Contains(file, []byte(`"purpose": "Keep the tram tracks free & notice`)) {
		t.Error("the text cannot be read as it is: & was escaped")
	}
}

// TestEveryRefusalNamesItsReason is the charter's sixth point, reason by reason.
func TestEveryRefusalNamesItsReason(t *testing.T) {
	k, other := newKey(t), newKey(t)
	good := sign(t, entry(), k)
	text := good[:bytes.Index(good, []byte("\n\n"))+1]
	edit := func(old, now string) []byte {
		if !bytes.Contains(good, []byte(old)) {
			t.Fatalf("%q is not in the entry", old)
		}
		return bytes.Replace(good, []byte(old), []byte(now), 1)
	}
	foreign := entry()
	for name, c := range map[string]struct {
		file   []byte
		now    time.Time
		camera city.Slug
		edge   city.Slug
		want   register.Reason
	}{
		"valid":                 {file: good},
		"last second":           {file: good, now: until.Add(-time.Second)},
		"unsigned":              {file: text, want: register.Unsigned},
		"unsigned with blank":   {file: append(bytes.Clone(text), '\n'), want: register.Unsigned},
		"unknown key":           {file: sign(t, foreign, other), want: register.UnknownKey},
		"until pushed out":      {file: edit("2027-11-22", "2028-11-22"), want: register.Altered},
		"another word":          {file: edit("Keep", "Kept"), want: register.Altered},
		"a space more":          {file: edit(`": "Keep`, `":  "Keep`), want: register.Altered},
		"expired":               {file: good, now: until, want: register.Expired},
		"not yet valid":         {file: good, now: from.Add(-time.Second), want: register.NotYetValid},
		"other camera":          {file: good, camera: "harbour", want: register.OtherCamera},
		"other edge":            {file: good, edge: "edge-2", want: register.OtherEdge},
		"empty":                 {file: nil, want: register.Unreadable},
		"not an entry":          {file: []byte("hello\n\n— a b\n"), want: register.Unreadable},
		"something else, sound": {file: signText(t, k, "{}\n"), want: register.Unreadable},
		"other order, signed":   {file: signText(t, k, strings.Replace(string(text), `  "camera": "square",`+"\n"+`  "edge": "edge-1",`, `  "edge": "edge-1",`+"\n"+`  "camera": "square",`, 1)), want: register.Unreadable},
		"a field more, signed":  {file: signText(t, k, strings.Replace(string(text), `"camera"`, `"watch_list": [],`+"\n"+`  "camera"`, 1)), want: register.Unreadable},
		"a field twice":         {file: signText(t, k, strings.Replace(string(text), `  "camera": "square",`, `  "camera": "square",`+"\n"+`  "camera": "square",`, 1)), want: register.Unreadable},
		"huge":                  {file: bytes.Repeat([]byte("x"), 1<<20), want: register.Unreadable},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			camera, edge, now := c.camera, c.edge, c.now
			if camera == "" {
				camera = "square"
			}
			if edge == "" {
				edge = "edge-1"
			}
			if now.IsZero() {
				now = from.AddDate(0, 1, 0)
			}
			folder := register.Folder{Dir: dir, Keys: k.keys}
			if err := os.WriteFile(folder.Path(camera), c.file, 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := folder.Load(camera)
			if err == nil {
				err = s.For(camera, edge, now)
			}
			if got := register.ReasonOf(err); got != c.want {
				t.Errorf("reason %q, want %q (%v)", got, c.want, err)
			}
		})
	}
	folder := register.Folder{Dir: t.TempDir(), Keys: k.keys}
	if _, err := folder.Load("square"); register.ReasonOf(err) != register.Missing || !strings.Contains(err.Error(), "polity camera register") {
		t.Errorf("missing: %v", err)
	}
}

// signText signs a text that Sign would refuse.
func signText(t testing.TB, k keyPair, text string) []byte {
	t.Helper()
	b, err := note.Sign(&note.Note{Text: text}, k.signer)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestNoChangedByteIsAccepted changes any byte of a signed entry: it is refused,
// or says exactly the same (base64 has spare bits in its last character).
func TestNoChangedByteIsAccepted(t *testing.T) {
	k := newKey(t)
	good := sign(t, entry(), k)
	rapid.Check(t, func(t *rapid.T) {
		b := bytes.Clone(good)
		i := rapid.IntRange(0, len(b)-1).Draw(t, "at")
		b[i] ^= rapid.ByteRange(1, 255).Draw(t, "flip")
		s, err := k.keys.Open(b)
		if err == nil && (s.Words() != mustOpen(t, k, good).Words() || !bytes.Equal(b[:bytes.Index(b, []byte("\n\n"))], good[:bytes.Index(good, []byte("\n\n"))])) {
			t.Fatalf("byte %d changed and accepted:\n%s", i, b)
		}
	})
}

func mustOpen(t *rapid.T, k keyPair, file []byte) *register.Signed {
	s, err := k.keys.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestBoundsAreSaidInWords(t *testing.T) {
	k := newKey(t)
	for says, change := range map[string]func(*register.Entry){
		"camera":                 func(e *register.Entry) { e.Camera = "The Square" },
		"edge":                   func(e *register.Entry) { e.Edge = "" },
		"title: it is missing":   func(e *register.Entry) { e.Title = "  " },
		"purpose: it is longer":  func(e *register.Entry) { e.Purpose = strings.Repeat("x", 301) },
		"body: it is one line":   func(e *register.Entry) { e.Body = "a\nb" },
		"view.heading":           func(e *register.Entry) { e.View.Heading = 360 },
		"view.field":             func(e *register.Entry) { e.View.Field = 0 },
		"not on the Earth":       func(e *register.Entry) { e.View.Lat = 91 },
		"retention.footage":      func(e *register.Entry) { e.Retention.FootageHours = 721 },
		"public.threshold":       func(e *register.Entry) { e.Public.Threshold = 1 },
		"crowd_at_least":         func(e *register.Entry) { e.CrowdAtLeast = 1 },
		`no event "loitering"`:   func(e *register.Entry) { e.Events = []string{"loitering"} },
		"order of the alphabet":  func(e *register.Entry) { e.Events = []string{"stopped", "crowding"} },
		"decision.on":            func(e *register.Entry) { e.Decision.On = "2 November" },
		"before it was decided":  func(e *register.Entry) { e.Decision.On = "2026-12-01" },
		"before it begins":       func(e *register.Entry) { e.Until = e.From },
		"more than five years":   func(e *register.Entry) { e.Until = e.From.AddDate(6, 0, 0) },
		"whole seconds in UTC":   func(e *register.Entry) { e.From = e.From.Add(time.Millisecond) },
		"whole seconds in UTC, ": func(e *register.Entry) { e.Until = e.Until.In(time.FixedZone("", 3600)) },
	} {
		e := entry()
		change(&e)
		if _, err := register.Sign(e, k.signer); city.KindOf(err) != city.Invalid || !strings.Contains(err.Error(), strings.TrimSuffix(says, ", ")) {
			t.Errorf("%s: %v", says, err)
		}
	}
}

func TestLockedKey(t *testing.T) {
	register.CheapPassphrases()
	k := newKey(t)
	locked, err := register.Seal(k.private, "correct horse")
	if err != nil || bytes.Contains(locked, []byte(k.private)) {
		t.Fatalf("%v, %s", err, locked)
	}
	signer, err := register.ReadKey(locked, func() (string, error) { return "correct horse", nil })
	if err != nil || signer.KeyHash() != k.signer.KeyHash() {
		t.Fatal(err)
	}
	if _, err := register.ReadKey(locked, func() (string, error) { return "wrong", nil }); city.KindOf(err) != city.Forbidden {
		t.Errorf("wrong passphrase: %v", err)
	}
	for _, bad := range []string{"", "hello", k.public, k.private[:40]} {
		if _, err := register.ReadKey([]byte(bad), nil); city.KindOf(err) != city.Invalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for _, bad := range []string{"", "a b", "a+b", "a\n"} {
		if _, _, err := register.NewKey(bad); err == nil {
			t.Errorf("key name %q passed", bad)
		}
	}
	if _, err := register.ParseKeys(nil); city.KindOf(err) != city.Invalid {
		t.Error("no keys passed")
	}
	if _, err := register.ParseKeys([]string{k.private}); city.KindOf(err) != city.Invalid {
		t.Error("a private key passed as a public one")
	}
}

func TestFolderListsEntriesAndProblems(t *testing.T) {
	k := newKey(t)
	f := register.Folder{Dir: t.TempDir(), Keys: k.keys}
	write := func(name string, b []byte) {
		if err := os.WriteFile(filepath.Join(f.Dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("square.entry", sign(t, entry(), k))
	write("harbour.entry", sign(t, entry(), k)) // another camera's entry under this name
	write("Bad Name.entry", nil)
	write("README", nil)
	entries, problems, err := f.All()
	if err != nil || len(entries) != 1 || len(problems) != 2 || entries[0].Camera != "square" {
		t.Fatalf("%d entries, %v, %v", len(entries), problems, err)
	}
}

func TestWords(t *testing.T) {
	e := entry()
	got := e.Words()
	want, err := os.ReadFile("testdata/words.txt")
	if err != nil || got != string(want) {
		t.Errorf("%v\n%s", err, got)
	}
}

func FuzzOpen(f *testing.F) {
	k := newKey(f)
	f.Add(sign(f, entry(), k))
	f.Add([]byte("{}\n\n— a b\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := k.keys.Open(b)
		if err != nil && register.ReasonOf(err) == 0 {
			t.Fatalf("an error without a reason: %v", err)
		}
		if err == nil && s.Check() != nil {
			t.Fatal("an entry that does not hold its bounds was accepted")
		}
	})
}

func TestSealedFootageNamesItsRecorder(t *testing.T) {
	k := newKey(t)
	recorder := bytes.Repeat([]byte{7}, 32)
	e := entry()
	e.Retention.FootageHours, e.Class, e.Recorder = 72, "short", recorder
	s, err := k.keys.Open(sign(t, e, k))
	if err != nil || s.Class != "short" || !bytes.Equal(s.Recorder, recorder) || !strings.Contains(s.Words(), "class short, signed by recorder 0707") {
		t.Errorf("%+v, %v", s, err)
	}
	if bytes.Contains(sign(t, entry(), k), []byte("recorder")) {
		t.Error("an entry without footage speaks of a recorder")
	}
	for want, change := range map[string]func(*register.Entry){
		"belong together": func(e *register.Entry) { e.Class = "" },
		"class: ":         func(e *register.Entry) { e.Class = "Short!" },
		"has 31 bytes":    func(e *register.Entry) { e.Recorder = recorder[1:] },
		"there is none":   func(e *register.Entry) { e.Retention.FootageHours = 0 },
	} {
		bad := e
		change(&bad)
		if _, err := register.Sign(bad, k.signer); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q", err, want)
		}
	}
}
