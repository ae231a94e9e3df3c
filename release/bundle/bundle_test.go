package bundle

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/checkpoint"
	"polity/ledger/entry"
	"polity/ledger/proof"
	"polity/ledger/roster/rostertest"
	"polity/recording/root"
	"polity/release/export"
)

func TestABundleHolds(t *testing.T) {
	w := newWorld(t)
	file := w.write()
	for _, path := range []string{file, w.parts.Dir} {
		r := w.verify(path)
		if !r.Right() || r.Words != w.Roster.Words() {
			t.Fatalf("%s", r.text())
		}
		for _, want := range []string{
			"roster 1 is the one that you gave", "device police-1 of police signed it", "6 entries stand in the public log", "police asked (entry 2, for serious-crime)",
			"3 sealed segments", "3 of them stand in the public log", "no more than the token asks for", "1 film without sound, 100 pictures", "3 lines of what was looked at",
		} {
			if !strings.Contains(r.text(), want) {
				t.Errorf("%q is not in\n%s", want, r.text())
			}
		}
		if n := strings.Count(r.text(), "open "); n != 3 {
			t.Errorf("%d things are said to be open:\n%s", n, r.text())
		}
	}
	r, err := Verify(t.Context(), file, Options{})
	if err != nil || !r.Right() || !strings.Contains(r.text(), "compare the words of roster 1 with those that you were given: "+w.Roster.Words()) {
		t.Errorf("%s%v", r.text(), err)
	}
}

func TestWhatIsWrittenTwiceIsTheSame(t *testing.T) {
	w := newWorld(t)
	a, err := os.ReadFile(w.write())
	w.must(err)
	b, err := os.ReadFile(w.write())
	w.must(err)
	if !bytes.Equal(a, b) {
		t.Error("the same parts give two bundles")
	}
}

func TestRecordsAreCanonical(t *testing.T) {
	for _, v := range []any{Record{}, Openings{}} {
		if err := canonical.Ordered(reflect.TypeOf(v)); err != nil {
			t.Error(err)
		}
	}
}

// TestNoBundleIsWrittenThatDoesNotHold leaves things out or takes wrong ones. What is
// true of the city is missing in the parts.
func TestNoBundleIsWrittenThatDoesNotHold(t *testing.T) {
	for want, change := range map[string]func(*world){
		"no proof that the opening was made public": func(w *world) { delete(w.parts.Proofs, "opened") },
		"without an approval of the ombudsman":      func(w *world) { delete(w.parts.Proofs, "ombudsman") },
		"nobody asked for this release":             func(w *world) { delete(w.parts.Proofs, "requested") },
		"not the signature of device":               func(w *world) { w.parts.Key = w.Devices["court-1"].Key },
		"names no device":                           func(w *world) { w.parts.Device = "police-9" },
		"court made the bundle": func(w *world) {
			w.parts.Office, w.parts.Device, w.parts.Key = "court", "court-1", w.Devices["court-1"].Key
		},
		"that is not of this release":   func(w *world) { w.parts.Token[0]++ },
		"the bundle has the heads of 0": func(w *world) { w.parts.Segments["square"] = w.segments[1:] },
		"the record does not tell of it": func(w *world) {
			w.must(os.WriteFile(filepath.Join(w.parts.Dir, "clips", "bridge.mp4"), film(w.t), 0o600))
		},
		"it is missing in the bundle": func(w *world) { w.must(os.Remove(filepath.Join(w.parts.Dir, "clips", "square.mp4"))) },
		"cut off": func(w *world) {
			w.must(os.WriteFile(filepath.Join(w.parts.Dir, "clips", "square.mp4"), film(w.t)[:5000], 0o600))
		},
	} {
		w := newWorld(t)
		w.clip()
		w.parts.File = filepath.Join(t.TempDir(), "case.zip")
		change(w)
		if _, err := Write(t.Context(), w.parts); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %v", want, err)
		}
		if _, err := os.Stat(w.parts.File); err == nil {
			t.Errorf("%s: a bundle is left", want)
		}
	}
}

// TestASignedBundleThatIsWrongIsFound lets the office sign whatever it wants.
func TestASignedBundleThatIsWrongIsFound(t *testing.T) {
	other := newWorld(t)
	put := func(name string, b []byte) func(*world, string) {
		return func(w *world, dir string) {
			w.must(os.WriteFile(filepath.Join(dir, filepath.FromSlash(name)), b, 0o600))
		}
	}
	edit := func(name, from, to string) func(*world, string) {
		return func(w *world, dir string) {
			path := filepath.Join(dir, name)
			b, err := os.ReadFile(path) //nolint:gosec // the test's folder
			w.must(err)
			if !bytes.Contains(b, []byte(from)) {
				w.t.Fatalf("%s has no %q", name, from)
			}
			w.must(os.WriteFile(path, bytes.Replace(b, []byte(from), []byte(to), 1), 0o600)) //nolint:gosec // the test's folder
		}
	}
	other.pictures = 99
	few := other.seal(41, filmed)
	other.pictures = 100
	stranger := other.sealAfter(44, filmed.Add(3*four), other.segments[2].Trailer.Hash())
	exchanged := other.sealAfter(42, filmed.Add(four), other.segments[0].Trailer.Hash())
	later := other.sealAfter(41, filmed.Add(30*24*time.Hour), [32]byte{})
	heads := func(list ...export.Segment) func(*world, string) {
		return put("segments/square.headers", writeHeads(list))
	}
	for want, change := range map[string]func(*world, string){
		"this version reads polity-bundle/1: use a newer release": edit(recordName, "polity-bundle/1", "polity-bundle/2"),
		"bundle.json: clip 1: times":                              edit(recordName, `"pictures":100`, `"pictures":0`),
		"a problem that this version does not know":               edit(recordName, `"problems":[]`, `"problems":[{"sequence":1,"what":"spring"}]`),
		"it lasts 4000 ms":                                        edit(recordName, `"segments":1,"to":1796133604000`, `"segments":1,"to":1796133605000`),
		"the record tells of 99":                                  edit(recordName, `"pictures":100`, `"pictures":99`),
		"a mask that this version does not know":                  edit(recordName, `"levels":16`, `"levels":256`),
		"it is roster 1": func(w *world, dir string) {
			w.must(os.Rename(filepath.Join(dir, "rosters/1.roster"), filepath.Join(dir, "rosters/2.roster")))
		},
		"it says espoo.example":                       edit(recordName, `"domain":"helsinki.example"`, `"domain":"espoo.example"`),
		"not the roster that you gave":                put("rosters/1.roster", rostertest.New("another").Roster.File()),
		"not the key of device":                       put(pemName, []byte("-----BEGIN PUBLIC KEY-----\n")),
		"this is no proof":                            put("proofs/court.proof", []byte("proof\n")),
		"does not stand at index":                     edit("proofs/court.proof", "index 3", "index 4"),
		"signed by a recorder":                        func(w *world, dir string) { w.strangeRecorder(dir) },
		"were exchanged":                              heads(other.segments[0], exchanged, other.sealAfter(43, filmed.Add(2*four), exchanged.Trailer.Hash())),
		"does not continue segment":                   heads(other.segments[0], exchanged, other.segments[2]),
		"out of order, or one is there twice":         heads(other.segments[0], other.segments[0]),
		"the bundle has the heads of 0":               heads(other.segments[1], other.segments[2]),
		"it shows 100 pictures, its segments have 99": heads(few),
		"segment 42 is of another time than the film": func(w *world, dir string) {
			heads(other.segments[0], other.segments[1], other.segments[2], stranger)(w, dir)
			edit(recordName, `"last":41`, `"last":44`)(w, dir)
		},
		"the token asks for 1 hours":                 heads(other.segments[0], other.segments[1], other.segments[2], other.sealAfter(46, later.Header.Start, [32]byte{})),
		"its trailer is cut off":                     put("segments/square.headers", cut(writeHeads(other.segments), 10)),
		"a list of hours of a camera":                put("segments/bridge.hours", root.AppendLists(nil, Hour{Hour: filmed, Segments: [][32]byte{{1}}})),
		"not among those that its list names":        put("segments/square.hours", root.AppendLists(nil, Hour{Hour: filmed, Segments: [][32]byte{{1}, {2}, {3}}})),
		"out of order or damaged":                    put("segments/square.hours", []byte{1, 2, 3}),
		"line 2 does not continue":                   edit(viewsName, `"what":"begun"`, `"what":"ended"`),
		"openings.json: format":                      put(openingsName, []byte(`{"format":"polity-openings/2","salts":{}}`)),
		"a value without its salt":                   put(openingsName, []byte(`{"format":"polity-openings/1","order":"HEL 2026-012345","salts":{}}`)),
		"the order is not what the token commits to": put(openingsName, []byte(`{"format":"polity-openings/1","order":"HEL 2026-012345","salts":{"order":"`+canonical.Hash{}.String()+`"}}`)),
	} {
		t.Run(want, func(t *testing.T) {
			w := newWorld(t)
			w.write()
			file := w.again(func(dir string) { change(w, dir) })
			r := w.verify(file)
			if r.Right() || !strings.Contains(r.text(), want) {
				t.Errorf("%s", r.text())
			}
		})
	}
}

// strangeRecorder has the registration name another recorder.
func (w *world) strangeRecorder(dir string) {
	e := *w.entries["camera-square"].(*entry.Registration)
	e.Recorder = canonical.Bytes(bytes.Repeat([]byte{9}, 32))
	w.entries["camera-square"] = &e
	w.prove(inOrder...)
	for _, name := range inOrder {
		w.must(os.WriteFile(filepath.Join(dir, "proofs", strings.ToLower(name)+".proof"), w.parts.Proofs[name], 0o600))
	}
}

func TestAReleaseThatWentWrongIsFound(t *testing.T) {
	approved := func(w *world, body city.Slug, change func(*entry.ReleaseApproved)) {
		e := *w.entries[string(body)].(*entry.ReleaseApproved)
		change(&e)
		w.entries[string(body)] = w.signed(body+"-1", &e)
	}
	for want, change := range map[string]func(*world) []string{
		"before the approval of the ombudsman stood in the log": func(*world) []string {
			return []string{"camera-square", "hour-square-20261201T14", "requested", "court", "opened", "ombudsman"}
		},
		"stands in the log before the request": func(*world) []string {
			return []string{"court", "camera-square", "hour-square-20261201T14", "requested", "ombudsman", "opened"}
		},
		"after the request had expired": func(w *world) []string {
			approved(w, "court", func(e *entry.ReleaseApproved) { e.At = canonical.At(asked.Add(49 * time.Hour)) })
			return inOrder
		},
		"of another city or log": func(w *world) []string {
			e := *w.entries["requested"].(*entry.ReleaseRequested)
			e.HoursCount = 99
			w.entries["requested"] = w.signed("police-1", &e)
			return inOrder
		},
		"does not fit": func(w *world) []string {
			e := *w.entries["court"].(*entry.ReleaseApproved)
			e.Count = 9
			w.entries["court"] = &e
			return inOrder
		},
	} {
		w := newWorld(t)
		order := change(w)
		w.prove(order...)
		w.clip()
		if _, err := Write(t.Context(), w.parts); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %v", want, err)
		}
	}
}

// TestWhatIsNotProvenIsSaid leaves out what a bundle may do without.
func TestWhatIsNotProvenIsSaid(t *testing.T) {
	for want, change := range map[string]func(*world){
		"whether the recorder with the key": func(w *world) { delete(w.parts.Proofs, "camera-square") },
		"of 3 segments the bundle does not": func(w *world) { delete(w.parts.Proofs, "hour-square-20261201T14") },
		"is not in the bundle":              func(w *world) { w.parts.Views = nil },
		"missing between others in 1 place": func(w *world) { w.skip() },
	} {
		w := newWorld(t)
		change(w)
		w.clip()
		r, err := Write(t.Context(), w.parts)
		if err != nil || !strings.Contains(r.text(), want) {
			t.Errorf("want %q: %v", want, err)
		}
	}
}

// skip leaves out the segment in the middle.
func (w *world) skip() {
	w.parts.Segments["square"] = []export.Segment{w.segments[0], w.segments[2]}
}

func TestPartOfAnHourStandsInTheLogByItsList(t *testing.T) {
	w := newWorld(t)
	w.skip()
	var all [][32]byte
	for _, s := range w.segments {
		all = append(all, s.Trailer.Hash())
	}
	w.parts.Hours = map[city.Slug][]Hour{"square": {{Hour: filmed, Segments: all}}}
	w.clip()
	r, err := Write(t.Context(), w.parts)
	if err != nil || !strings.Contains(r.text(), "2 of them stand in the public log") {
		t.Errorf("%v", err)
	}
}

func TestAListOfAnHourThatIsNotTheLogs(t *testing.T) {
	partly := func() (*world, [][32]byte) {
		w := newWorld(t)
		w.skip()
		var all [][32]byte
		for _, s := range w.segments {
			all = append(all, s.Trailer.Hash())
		}
		return w, all
	}
	for name, c := range map[string]struct {
		list func(all [][32]byte) [][32]byte
		want string
	}{
		"lacks one that is not here": {func(all [][32]byte) [][32]byte { return [][32]byte{all[0], all[2]} }, "names 2 segments; the public log has 3"},
		"lacks one that is here":     {func(all [][32]byte) [][32]byte { return all[:2] }, "not among those that its list names"},
		"one too many":               {func(all [][32]byte) [][32]byte { return append(all, [32]byte{1}) }, "names 4 segments; the public log has 3"},
		"another in its place":       {func(all [][32]byte) [][32]byte { return [][32]byte{all[0], {1}, all[2]} }, "they were exchanged"},
		"another order":              {func(all [][32]byte) [][32]byte { return [][32]byte{all[2], all[1], all[0]} }, "not among those that its list names"},
		"another hour's":             {func([][32]byte) [][32]byte { return [][32]byte{{1}, {2}, {3}} }, "not among those that its list names"},
	} {
		w, all := partly()
		w.parts.Hours = map[city.Slug][]Hour{"square": {{Hour: filmed, Segments: c.list(all)}}}
		w.clip()
		if _, err := Write(t.Context(), w.parts); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w, all := partly() // its hour is not in the log yet: nothing is said of the list
	delete(w.parts.Proofs, "hour-square-20261201T14")
	w.parts.Hours = map[city.Slug][]Hour{"square": {{Hour: filmed, Segments: all}}}
	w.clip()
	if r, err := Write(t.Context(), w.parts); err != nil || !strings.Contains(r.text(), "of 2 segments the bundle does not") {
		t.Errorf("of an hour that is not in the log: %v", err)
	}
}

func TestOpenings(t *testing.T) {
	w := newWorld(t)
	d := w.details
	w.parts.Openings = &Openings{Format: OpeningsFormat, Cameras: d.Cameras, From: d.From, To: d.To, Salts: Salts{Cameras: &d.Salts.Cameras, Times: &d.Salts.Times}}
	w.clip()
	r, err := Write(t.Context(), w.parts)
	if err != nil || !strings.Contains(r.text(), "cameras and times: as the token commits to") {
		t.Errorf("%v", err)
	}
	page, err := os.ReadFile(filepath.Join(w.parts.Dir, htmlName))
	w.must(err)
	if !bytes.Contains(page, []byte("bridge, square")) || bytes.Contains(page, []byte("HEL 2026")) {
		t.Error("the report tells more or less than was opened")
	}
	w.entries["details"] = w.signed("police-1", &entry.ReleaseDetails{
		At: canonical.At(asked), Body: "police", Cameras: d.Cameras, Case: d.Case, Device: "police-1", From: d.From, Order: d.Order, Salts: &d.Salts, To: d.To, Token: d.Token, What: "published",
	})
	w.prove(append(inOrder, "details")...)
	w.parts.Openings = nil
	w.clip()
	if _, err := Write(t.Context(), w.parts); err != nil {
		t.Fatal(err)
	}
	page, err = os.ReadFile(filepath.Join(w.parts.Dir, htmlName))
	if err != nil || !bytes.Contains(page, []byte("HEL 2026-012345")) {
		t.Errorf("the report does not tell what is public: %v", err)
	}
}

// TestARosterHoldsFromItsEntryOn lets an office's device sign after it was struck off.
func TestARosterHoldsFromItsEntryOn(t *testing.T) {
	w := newWorld(t)
	next := w.Plain()
	next.Version = 2
	fresh := rostertest.NewKey("helsinki.example/court-3", "bundle")
	next.Bodies[0].Devices[0].ID, next.Bodies[0].Devices[0].Key = "court-3", fresh.Public // in place of court-1
	second, err := w.Roster.Next(w.Sign(next))
	w.must(err)
	w.entries["roster"] = &entry.Roster{Roster: second.File(), Version: 2}
	w.parts.Rosters = append(w.parts.Rosters, second)
	w.prove(append(inOrder, "roster")...)
	w.clip()
	if r, err := Write(t.Context(), w.parts); err != nil || !strings.Contains(r.text(), "rosters 1 to 2") {
		t.Errorf("approved before roster 2: %v", err)
	}
	w.parts.Rosters = w.parts.Rosters[1:]
	w.entries["court"] = w.approvedBy("court-3", fresh)
	w.clip()
	w.prove(append([]string{"roster"}, inOrder...)...)
	if _, err := Write(t.Context(), w.parts); err != nil {
		t.Errorf("roster 2 alone: %v", err)
	}
	if r := w.verify(w.parts.Dir); !r.Right() || !strings.Contains(r.text(), "roster 2 follows the one that you gave") {
		t.Errorf("roster 1 was given:\n%s", r.text())
	}
	other := rostertest.New("another")
	if r, err := Verify(t.Context(), w.parts.Dir, Options{Trusted: other.Roster}); err != nil || r.Right() || !strings.Contains(r.text(), "does not follow the roster that you gave") {
		t.Errorf("another city's roster 1 was given: %v\n%s", err, r.text())
	}
	w = newWorld(t)
	w.entries["roster"] = &entry.Roster{Roster: second.File(), Version: 2}
	w.parts.Rosters = append(w.parts.Rosters, second)
	w.prove(append([]string{"roster"}, inOrder...)...)
	w.clip()
	if _, err := Write(t.Context(), w.parts); err == nil || !strings.Contains(err.Error(), "court-1") {
		t.Errorf("approved after roster 2: %v", err)
	}
}

// TestOtherToolsReadIt runs the commands of formats/bundle.md as they stand there.
func TestOtherToolsReadIt(t *testing.T) {
	for _, tool := range []string{"unzip", "sha256sum", "openssl", "ffprobe"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
	doc, err := os.ReadFile("../../docs/formats/bundle.md")
	if err != nil {
		t.Fatal(err)
	}
	_, recipe, _ := strings.Cut(string(doc), "## With other tools")
	_, recipe, _ = strings.Cut(recipe, "```\n")
	recipe, _, ok := strings.Cut(recipe, "```")
	if !ok || !strings.Contains(recipe, "openssl pkeyutl") {
		t.Fatal("formats/bundle.md has no recipe")
	}
	w := newWorld(t)
	file, dir := w.write(), t.TempDir()
	run := func(script string) (string, error) {
		cmd := exec.CommandContext(t.Context(), "sh", "-euc", script) //nolint:gosec // the recipe of our own page
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := run("unzip -q " + file); err != nil {
		t.Fatalf("%s%v", out, err)
	}
	signed := filepath.Join(t.TempDir(), "signed")
	out, err := run(strings.ReplaceAll(recipe, "/tmp/signed", signed))
	for _, want := range []string{"bundle.json: OK", "Signature Verified Successfully", "codec_name=h264"} {
		if err != nil || !strings.Contains(out, want) {
			t.Fatalf("want %q: %s%v", want, out, err)
		}
	}
	found := false
	for l := range strings.Lines(out) {
		if key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(l)); err == nil && len(key) == 32 {
			found = strings.Contains(string(w.Roster.File()), base64.StdEncoding.EncodeToString(append([]byte{1}, key...)))
		}
	}
	if !found {
		t.Errorf("the key is not in the roster: %s", out)
	}
	w.must(os.WriteFile(filepath.Join(dir, sumsName), []byte("x"), 0o600))
	if out, err := run(strings.ReplaceAll(recipe, "/tmp/signed", signed)); err == nil {
		t.Errorf("changed sums: %s", out)
	}
	z, err := zip.OpenReader(file)
	w.must(err)
	defer z.Close()
	if len(z.File) != len(w.parts.Proofs)+8+2 {
		t.Errorf("%d files", len(z.File))
	}
}

// TestALargeBundle has a ZIP file of over 4 GiB, of which all but the heads are holes.
func TestALargeBundle(t *testing.T) {
	path := filepath.Join(t.TempDir(), "large.zip")
	f, err := os.Create(path) //nolint:gosec // the test's folder
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var list []packed
	at := int64(0)
	for _, p := range []packed{{name: sumsName}, {name: sigName}, {name: "clips/a.mp4", size: 3 << 30}, {name: "clips/b.mp4", size: 3 << 30}, {name: "clips/c.mp4", size: 5}} {
		p.at = at
		if _, err := f.WriteAt(p.local(), at); err != nil {
			t.Fatal(err)
		}
		at += int64(len(p.local())) + p.size
		list = append(list, p)
	}
	end := tail(list, at)
	if _, err := f.WriteAt(end, at); err != nil {
		t.Fatal(err)
	}
	got, err := readZip(f, at+int64(len(end)))
	if err != nil || !reflect.DeepEqual(got, list) {
		t.Fatalf("%+v, %v", got, err)
	}
	z, err := zip.NewReader(f, at+int64(len(end)))
	if err != nil || len(z.File) != 5 || z.File[4].UncompressedSize64 != 5 {
		t.Fatalf("another reader: %v", err)
	}
	if at, err := z.File[4].DataOffset(); err != nil || at != list[4].at+int64(len(list[4].local())) {
		t.Errorf("another reader: %d, %v", at, err)
	}
}

// TestExportToBundle goes from sealed segments to a bundle that holds.
func TestExportToBundle(t *testing.T) {
	w := newWorld(t)
	w.parts.Dir = filepath.Join(t.TempDir(), "bundle")
	var err error
	w.parts.Film, err = export.Export(t.Context(), export.Job{Out: w.parts.Dir, Clips: []export.Clip{{Camera: "square", From: filmed, To: filmed.Add(3 * four), Segments: w.segments}}})
	if err != nil {
		t.Fatal(err)
	}
	w.parts.File = filepath.Join(t.TempDir(), "case.zip")
	var done, all int64
	w.parts.Progress = func(n, of int64) { done, all = n, of }
	r, err := Write(t.Context(), w.parts)
	if err != nil || !r.Right() || done != all || all == 0 {
		t.Fatalf("%v, %d of %d", err, done, all)
	}
}

func cut(b []byte, n int) []byte { return b[:len(b)-n] }

func TestDetailsAreOverdueAfterTheirDay(t *testing.T) {
	w := newWorld(t)
	s := newStory(w.parts.Token)
	for i, name := range inOrder {
		s.add(int64(i), w.entries[name])
	}
	at := func(day string) *proof.Report {
		on, err := time.Parse(time.DateOnly, day)
		w.must(err)
		return &proof.Report{Checkpoint: &checkpoint.Checkpoint{Time: on}, Roster: w.Roster}
	}
	for day, want := range map[string]Status{"2027-05-31": Opened, "2027-06-01": Opened, "2027-06-02": Overdue} {
		if got := s.Status(at(day)); got != want || (len(s.Wrong(at(day))) > 0) != (want == Overdue) {
			t.Errorf("%s: %s, %v", day, got, s.Wrong(at(day)))
		}
	}
	s.add(7, w.signed("court-1", &entry.ReleaseDetails{At: canonical.At(asked), Body: "court", Device: "court-1", PublicOn: "2027-08-01", Token: s.Token, What: "extended"}))
	if got := s.Status(at("2027-06-02")); got != Opened {
		t.Errorf("extended: %s", got)
	}
	if got := s.Status(at("2027-08-02")); got != Overdue {
		t.Errorf("extended, and past that: %s", got)
	}
}

// approvedBy is the court's approval by another device.
func (w *world) approvedBy(device city.Slug, key rostertest.Key) entry.Entry {
	e := *w.entries["court"].(*entry.ReleaseApproved)
	e.Device = device
	w.must(entry.Sign(&e, key.Key))
	return &e
}

func TestNothingIsWrittenOver(t *testing.T) {
	w := newWorld(t)
	file := w.write()
	if _, err := Write(t.Context(), w.parts); city.KindOf(err) != city.Conflict {
		t.Errorf("the same folder: %v", err)
	}
	w.clip()
	if _, err := Write(t.Context(), w.parts); city.KindOf(err) != city.Conflict {
		t.Errorf("the same file: %v", err)
	}
	if r := w.verify(file); !r.Right() {
		t.Errorf("%s", r.text())
	}
}
