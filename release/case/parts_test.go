package casefile_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"polity/city"
	"polity/ledger/canonical"
	"polity/recording/recordtest"
	casefile "polity/release/case"
	"polity/release/case/casetest"
)

// The example of the format is one.
func TestDraftOfTheFormat(t *testing.T) {
	page, err := os.ReadFile("../../docs/formats/case.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := bytes.Cut(page, []byte("```json\n"))
	example, _, _ := bytes.Cut(rest, []byte("```"))
	d, err := casefile.ParseDraft(example)
	if err != nil || d.Purpose != "missing-person" || len(d.Cameras) != 2 || d.Hub != "https://helsinki.example" {
		t.Fatalf("%+v, %v", d, err)
	}
}

func TestWrongDrafts(t *testing.T) {
	right := map[string]any{
		"format": "polity-draft/1", "hub": "", "purpose": "trial", "cameras": []string{"square", "bridge"}, "from": "2026-12-01T14:00:00Z", "to": "2026-12-01T15:00:00Z",
		"order": "HEL 2026-012345", "case": "POL 2026/77", "expires": "2026-12-04T09:00:00Z", "details_public_on": "2027-06-01",
	}
	text := func(change func(map[string]any)) []byte {
		m := maps.Clone(right)
		change(m)
		b, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	if _, err := casefile.ParseDraft(text(func(map[string]any) {})); err != nil {
		t.Fatal(err)
	}
	set := func(k string, v any) []byte { return text(func(m map[string]any) { m[k] = v }) }
	good := text(func(map[string]any) {})
	for want, b := range map[string][]byte{
		"no draft":                       []byte("[]"),
		"cut off":                        good[:len(good)-1],
		"something follows":              append(bytes.Clone(good), "{}"...),
		`"officer" is not known`:         set("officer", "x"),
		"stands twice":                   append([]byte(`{"hub":"",`), good[1:]...),
		"hub is missing":                 text(func(m map[string]any) { delete(m, "hub") }),
		"format is":                      set("format", "polity-draft/2"),
		"no address":                     set("hub", "helsinki.example"),
		"without encryption":             set("hub", "http://helsinki.example"),
		"from: a time":                   set("from", "yesterday"),
		"to is not after":                set("to", "2026-12-01T14:00:00Z"),
		"details_public_on: a day":       set("details_public_on", "2027"),
		"order:":                         set("order", "Meier, Anna"),
		"0 cameras":                      set("cameras", []string{}),
		"camera square stands twice":     set("cameras", []string{"square", "square"}),
		"cameras is of another kind":     set("cameras", "square"),
		"65 cameras; 1 to 64 may be ask": set("cameras", strings.Split(strings.Repeat("a ", 64)+"a", " ")),
		"more than":                      append(good, bytes.Repeat([]byte(" "), 17<<10)...),
	} {
		_, err := casefile.ParseDraft(b)
		if k := city.KindOf(err); err == nil || (k != city.Invalid && k != city.TooLarge) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q", err, want)
		}
		if err != nil && strings.Contains(err.Error(), "Meier") {
			t.Errorf("the refusal repeats the reference: %v", err)
		}
	}
}

func FuzzDraft(f *testing.F) {
	f.Add([]byte(`{"format":"polity-draft/1","hub":"","purpose":"trial","cameras":["square"],"from":"2026-12-01T14:00:00Z","to":"2026-12-01T15:00:00Z","order":"HEL 2026-1","case":"POL 2026/7","expires":"2026-12-04T09:00:00Z","details_public_on":"2027-06-01"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := casefile.ParseDraft(b)
		if err == nil && (len(d.Cameras) == 0 || d.Order.Check() != nil) {
			t.Errorf("%+v", d)
		}
	})
}

// locked is a case with footage and both answers.
func answered(t *testing.T) (*scene, *casefile.Case) {
	s := newScene(t)
	s.Shoot("square", casetest.Filmed, casetest.Filmed.Add(8*time.Second), recordtest.Film("h264.mp4", casetest.Filmed))
	c := s.submitted("square")
	s.approved(c)
	return s, c
}

func TestNotesAndMarks(t *testing.T) {
	s, c := answered(t)
	from := casetest.Filmed.UnixMilli()
	n, revision, err := c.Notes()
	if err != nil || revision != 0 {
		t.Fatalf("%d, %v", revision, err)
	}
	n.Notes = []casefile.Note{{At: from, ID: 1, Text: "a bag\nis put down"}, {At: from + 500, Camera: "square", ID: 4, Text: "taken"}}
	n.Marks = []casefile.Mark{{Camera: "square", From: from, ID: 1, Keys: []casefile.Key{
		{At: from, Height: 1000, Left: 0, Top: 9000, Width: 1000}, {At: from + 1000, Height: 2000, Left: 5000, Top: 0, Width: 3000},
	}, Label: "bag", To: from + 2000}}
	revision, err = c.SaveNotes(n, 0)
	if err != nil || revision != 1 {
		t.Fatalf("%d, %v", revision, err)
	}
	if _, err := c.SaveNotes(n, 0); city.KindOf(err) != city.Conflict {
		t.Errorf("another's notes were written over: %v", err)
	}
	again, revision, err := c.Notes()
	if err != nil || revision != 1 || len(again.Notes) != 2 || again.Notes[0].Text != "a bag\nis put down" {
		t.Fatalf("%+v, %d, %v", again, revision, err)
	}
	m := &again.Marks[0]
	for at, want := range map[int64]casefile.Key{
		0: {Height: 1000, Left: 0, Top: 9000, Width: 1000}, 500: {Height: 1500, Left: 2500, Top: 4500, Width: 2000}, 1999: {Height: 2000, Left: 5000, Top: 0, Width: 3000},
	} {
		got, ok := m.At(from + at)
		if got.At = 0; !ok || got != want {
			t.Errorf("at %d: %+v", at, got)
		}
	}
	if _, ok := m.At(from + 2000); ok {
		t.Error("it is there after its end")
	}
	b, err := os.ReadFile(filepath.Join(c.Dir(), "notes"))
	s.must(err)
	if bytes.Contains(b, []byte("bag")) {
		t.Error("notes are in the clear")
	}
	for name, change := range map[string]func(*casefile.Notes){
		"another case":    func(n *casefile.Notes) { n.Token[0]++ },
		"another format":  func(n *casefile.Notes) { n.Format = "x" },
		"ids":             func(n *casefile.Notes) { n.Notes[1].ID = 1 },
		"camera":          func(n *casefile.Notes) { n.Notes[1].Camera = "bridge" },
		"empty":           func(n *casefile.Notes) { n.Notes[0].Text = " " },
		"long":            func(n *casefile.Notes) { n.Notes[0].Text = strings.Repeat("ä", 2001) },
		"control":         func(n *casefile.Notes) { n.Notes[0].Text = "a\x1b[2J" },
		"time":            func(n *casefile.Notes) { n.Notes[0].At = 0 },
		"mark's camera":   func(n *casefile.Notes) { n.Marks[0].Camera = "bridge" },
		"mark's end":      func(n *casefile.Notes) { n.Marks[0].To = from },
		"no position":     func(n *casefile.Notes) { n.Marks[0].Keys = nil },
		"order":           func(n *casefile.Notes) { n.Marks[0].Keys[1].At = from },
		"outside":         func(n *casefile.Notes) { n.Marks[0].Keys[0].Left = 9500 },
		"negative":        func(n *casefile.Notes) { n.Marks[0].Keys[0].Top = -1 },
		"label":           func(n *casefile.Notes) { n.Marks[0].Label = "a\nb" },
		"overflow":        func(n *casefile.Notes) { n.Marks[0].Keys[0].Width = 1 << 62; n.Marks[0].Keys[0].Left = 1 << 62 },
		"position's time": func(n *casefile.Notes) { n.Marks[0].Keys[1].At = from + 3000 },
	} {
		wrong, _, err := c.Notes()
		s.must(err)
		change(wrong)
		if _, err := c.SaveNotes(wrong, 1); city.KindOf(err) != city.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i := range b {
		bad := bytes.Clone(b)
		bad[i] ^= 1
		s.must(os.WriteFile(filepath.Join(c.Dir(), "notes"), bad, 0o600))
		if _, _, err := c.Notes(); city.KindOf(err) != city.Invalid {
			t.Fatalf("byte %d changed: %v", i, err)
		}
	}
}

func TestViewsAreChained(t *testing.T) {
	s, c := answered(t)
	v, err := c.Views()
	s.must(err)
	for i := range 5 {
		s.must(v.Add(casefile.View{What: casefile.Looked, Camera: "square", Sequence: uint64(i + 1), Start: casetest.Filmed.UnixMilli()}))
	}
	s.must(v.Close())
	if err := v.Add(casefile.View{What: casefile.Ended}); err == nil {
		t.Error("a line was added to a closed log")
	}
	file := filepath.Join(c.Dir(), "views.log")
	b, err := os.ReadFile(file)
	s.must(err)
	lines := bytes.SplitAfter(b, []byte("\n"))[:5]
	read := func(b []byte) error {
		_, _, err := casefile.ReadViews(bytes.NewReader(b), c.Token.ID, nil)
		return err
	}
	s.must(read(b))
	for name, bad := range map[string][]byte{
		"one taken out":   bytes.Join([][]byte{lines[0], lines[2], lines[3]}, nil),
		"two exchanged":   bytes.Join([][]byte{lines[0], lines[2], lines[1]}, nil),
		"one twice":       bytes.Join([][]byte{lines[0], lines[0]}, nil),
		"the first gone":  bytes.Join(lines[1:], nil),
		"one changed":     bytes.Replace(b, []byte(`"sequence":2`), []byte(`"sequence":3`), 1),
		"not canonical":   append([]byte(" "), b...),
		"an unknown word": bytes.Replace(b, []byte(`"what"`), []byte(`"whom"`), 1),
	} {
		if city.KindOf(read(bad)) != city.Invalid {
			t.Errorf("%s: no refusal", name)
		}
	}
	if _, _, err := casefile.ReadViews(bytes.NewReader(b), canonical.Hash{}, nil); city.KindOf(err) != city.Invalid {
		t.Error("a log of another case")
	}
	// Power was lost within a line.
	s.must(os.WriteFile(file, b[:len(b)-7], 0o600))
	v, err = c.Views()
	s.must(err)
	if n, _ := v.Head(); n != 4 || !v.Torn {
		t.Errorf("%d lines, torn: %t", n, v.Torn)
	}
	s.must(v.Add(casefile.View{What: casefile.Ended}))
	s.must(v.Close())
	b, err = os.ReadFile(file)
	s.must(err)
	s.must(read(b))
	s.must(os.WriteFile(file, append([]byte("{}\n"), b...), 0o600))
	if _, err := c.Views(); city.KindOf(err) != city.Invalid {
		t.Errorf("a log with another beginning was gone on with: %v", err)
	}
}

func FuzzViews(f *testing.F) {
	f.Add([]byte(`{"at":"2026-12-02T09:00:00Z","n":1,"prev":"AAAA","what":"begun"}` + "\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		n := 0
		whole, _, err := casefile.ReadViews(bytes.NewReader(b), canonical.Hash{1}, func(casefile.View) error { n++; return nil })
		if err == nil && whole > int64(len(b)) || err == nil && n > 0 && whole == 0 {
			t.Errorf("%d lines, %d of %d bytes", n, whole, len(b))
		}
	})
}

func TestAnOfficeThatIsNotListed(t *testing.T) {
	dir := t.TempDir()
	setup := casefile.Setup{Dir: dir, Office: "police", Device: "police-9", Name: "helsinki.example/police-9", Passphrase: casetest.Passphrase, WorkFactor: 2}
	for name, change := range map[string]func(*casefile.Setup){
		"short passphrase": func(s *casefile.Setup) { s.Passphrase = "short" },
		"a body":           func(s *casefile.Setup) { s.Office = "court" },
		"a key's name":     func(s *casefile.Setup) { s.Name = "with space" },
		"a device's name":  func(s *casefile.Setup) { s.Device = "Police 1" },
	} {
		wrong := setup
		change(&wrong)
		if _, err := casefile.Init(wrong); city.KindOf(err) != city.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	o, err := casefile.Init(setup)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := casefile.Init(setup); city.KindOf(err) != city.Conflict {
		t.Errorf("written over: %v", err)
	}
	s := newScene(t)
	if err := o.Adopt(s.Roster.File(), "other words"); city.KindOf(err) != city.Forbidden {
		t.Errorf("other words: %v", err)
	}
	if _, err := o.New(s.Draft("", "square"), casetest.Asked); city.KindOf(err) != city.NotFound {
		t.Errorf("without a roster: %v", err)
	}
	s.must(o.Adopt(s.Roster.File(), s.Roster.Words()))
	if _, err := o.New(s.Draft("", "square"), casetest.Asked); city.KindOf(err) != city.Forbidden {
		t.Errorf("a device that is not in the roster: %v", err)
	}
	late := s.Draft("", "square")
	if _, err := s.office.New(late, late.Expires.Time()); city.KindOf(err) != city.Invalid {
		t.Errorf("a draft that has expired: %v", err)
	}
	if codes, err := s.office.Codes(); err != nil || len(codes) != 0 {
		t.Errorf("%v, %v", codes, err)
	}
	if _, err := s.office.Case("babab"); city.KindOf(err) != city.NotFound {
		t.Error(err)
	}
}
