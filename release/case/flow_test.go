package casefile_test

import (
	"bytes"
	"context"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/ledger/proof/prooftest"
	"polity/recording/recordtest"
	"polity/recording/segment"
	"polity/recording/share"
	casefile "polity/release/case"
	"polity/release/case/casetest"
)

// scene is a case in a city whose hub is reached over HTTP.
type scene struct {
	*casetest.World

	t      *testing.T
	hub    *casetest.Hub
	web    casefile.Hub
	office *casefile.Office
}

// later is a second after the officer asks.
var later = casetest.Asked.Add(time.Second)

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{World: casetest.New(t, t.TempDir()), t: t}
	s.hub = casetest.NewHub(s.World)
	server := httptest.NewServer(s.hub.Handler())
	t.Cleanup(server.Close)
	var err error
	if s.web, err = casefile.Web(server.URL, "token"); err != nil {
		t.Fatal(err)
	}
	s.office = s.Office()
	return s
}

func (s *scene) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// submitted makes a case and hands it in.
func (s *scene) submitted(cameras ...city.Slug) *casefile.Case {
	s.t.Helper()
	c, err := s.office.New(s.Draft("https://helsinki.example", cameras...), casetest.Asked)
	s.must(err)
	b, err := c.Submission()
	s.must(err)
	s.must(s.web.Submit(s.t.Context(), b))
	return c
}

// approved has both bodies approve, by the files that they get.
func (s *scene) approved(c *casefile.Case) {
	s.t.Helper()
	for _, body := range share.Bodies {
		path, _, err := c.FetchRequest(s.t.Context(), s.web, body)
		s.must(err)
		request, err := os.ReadFile(path)
		s.must(err)
		s.must(s.web.SendAnswer(s.t.Context(), c.Token.ID, bytes.NewReader(s.Approve(body, request))))
	}
	_, err := c.Fetch(s.t.Context(), s.web)
	s.must(err)
}

// opened publishes the opening and fetches everything.
func (s *scene) opened(c *casefile.Case) (*casefile.Shelf, []string) {
	s.t.Helper()
	o, err := c.Opening(later)
	s.must(err)
	s.must(s.web.Publish(s.t.Context(), o.Bytes))
	shelf, err := c.Shelf()
	s.must(err)
	s.t.Cleanup(shelf.Close)
	problems, err := shelf.Download(s.t.Context(), s.web, nil)
	s.must(err)
	return shelf, problems
}

// decoded counts the pictures of a film by ffprobe.
func decoded(t *testing.T, mp4 []byte) string {
	t.Helper()
	program, err := exec.LookPath("ffprobe")
	if err != nil {
		t.Skip("ffprobe is not installed here: the pictures of an opened segment were not decoded")
	}
	cmd := exec.Command(program, "-v", "error", "-count_frames", "-show_entries", "stream=codec_name,width,height,nb_read_frames", "-of", "csv=p=0", "-")
	cmd.Stdin = bytes.NewReader(mp4)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return strings.TrimSpace(string(out))
}

// From a draft to a picture, with real devices of both bodies.
func TestFromDraftToPicture(t *testing.T) {
	s := newScene(t)
	units := recordtest.Film("h264.mp4", casetest.Filmed)
	for _, camera := range []city.Slug{"bridge", "square"} {
		s.Shoot(camera, casetest.Filmed, casetest.Filmed.Add(20*time.Second), units)
		s.LogHour(camera, casetest.Filmed)
	}
	s.Seal("tower", casetest.Filmed, segment.None, recordtest.Film("h265.mp4", casetest.Filmed))
	s.Seal("square", casetest.Filmed.Add(60*time.Second), segment.PowerLost, units)
	c := s.submitted("square", "bridge", "tower")
	state, err := s.web.State(t.Context(), c.Token.ID)
	s.must(err)
	if state.Answers[share.Court].State != "waiting" || !state.Public {
		t.Errorf("%+v", state)
	}
	if _, err := c.Opening(later); city.KindOf(err) != city.Conflict {
		t.Errorf("opened before anybody answered: %v", err)
	}
	s.approved(c)
	for _, name := range []string{"requested", "court", "ombudsman"} {
		if _, _, err := c.Proof(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	shelf, problems := s.opened(c)
	if len(problems) > 0 {
		t.Errorf("problems: %q", problems)
	}
	want := map[city.Slug]struct{ shown, codec string }{
		"bridge": {"h264,96,64,100", "avc1."}, "square": {"h264,96,64,100", "avc1."}, "tower": {"hevc,96,64,100", "h"},
	}
	for camera, w := range want {
		for _, p := range shelf.Pieces(camera) {
			f, err := shelf.Film(p)
			s.must(err)
			if got := decoded(t, f.MP4); got != w.shown || !strings.HasPrefix(f.Codec, w.codec) || f.Width != 96 || f.Height != 64 || f.Cut {
				t.Errorf("%s, %d: %s %s %dx%d", camera, p.Header.Sequence, got, f.Codec, f.Width, f.Height)
			}
		}
	}
	reports := shelf.Report(true, nil)
	if r := reports[1]; r.Camera != "square" || r.Opens != 6 || len(r.Gaps) != 1 || r.Gaps[0].Why != "the recorder lost power" || len(r.Problems) != 0 {
		t.Errorf("%+v", r)
	}
	logged, err := shelf.CheckLog(t.Context(), s.Source(casetest.Asked), nil)
	s.must(err)
	// The square's hour was logged before its last segment was filmed; the tower's never.
	if logged.Hours != 1 || logged.Absent != 1 || len(logged.Problems) != 2 || !strings.Contains(logged.Problems[0], "the log has 5 segments of this hour, 6 are here") || !strings.Contains(logged.Problems[1], "no registration") {
		t.Errorf("%+v", logged)
	}
	for _, name := range []string{"opened", "camera-bridge", "hour-bridge-20261201T14"} {
		if _, _, err := c.Proof(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	s.nothingInTheClear(c, shelf)
}

// nothingInTheClear looks through the office's folder for what is in a segment, and for
// the references.
func (s *scene) nothingInTheClear(c *casefile.Case, shelf *casefile.Shelf) {
	s.t.Helper()
	f, err := shelf.Film(shelf.Pieces("square")[0])
	s.must(err)
	secret := f.MP4[len(f.MP4)-64:]
	files := 0
	s.must(filepath.WalkDir(filepath.Dir(filepath.Dir(c.Dir())), func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		for what, text := range map[string][]byte{"pictures": secret, "the order": []byte("HEL 2026"), "the case": []byte("POL 2026")} {
			if bytes.Contains(b, text) {
				s.t.Errorf("%s holds %s in the clear", name, what)
			}
		}
		if info, err := d.Info(); err != nil || info.Mode().Perm()&0o077 != 0 {
			s.t.Errorf("%s: others can read it", name)
		}
		return nil
	}))
	if files < 20 {
		s.t.Errorf("%d files were looked at", files)
	}
}

// Everything by files alone: no hub.
func TestByFilesAlone(t *testing.T) {
	s := newScene(t)
	units := recordtest.Film("h264.mp4", casetest.Filmed)
	s.Shoot("square", casetest.Filmed, casetest.Filmed.Add(8*time.Second), units)
	c := s.submitted("square") // the file is carried to the hub
	for _, body := range share.Bodies {
		request, err := s.hub.Request(body)
		s.must(err)
		words, err := c.TakeRequest(body, bytes.NewReader(request))
		s.must(err)
		if _, again, err := c.Request(body); err != nil || again != words {
			t.Errorf("%q, %q, %v", words, again, err)
		}
		if _, err := c.TakeRequest(other(body), bytes.NewReader(request)); err == nil {
			t.Error("a request to one body was taken as one to the other")
		}
		answer := s.Approve(body, request)
		if _, err := c.TakeAnswer(bytes.NewReader(answer[:len(answer)-1])); city.KindOf(err) != city.Invalid {
			t.Errorf("a cut answer: %v", err)
		}
		a, err := c.TakeAnswer(bytes.NewReader(answer))
		s.must(err)
		if a.Body != body || a.Approved == nil || a.Shares != 2 {
			t.Errorf("%+v", a)
		}
		if _, err := c.TakeAnswer(bytes.NewReader(answer)); err != nil {
			t.Errorf("the same again: %v", err)
		}
		if _, err := c.TakeAnswer(bytes.NewReader(s.Approve(body, request))); city.KindOf(err) != city.Conflict {
			t.Errorf("another answer of %s in the place of the first: %v", body, err)
		}
	}
	shelf, err := c.Shelf()
	s.must(err)
	defer shelf.Close()
	problems, err := shelf.Import([]string{filepath.Dir(s.Films["square"][0].File)}, nil)
	if err != nil || len(problems) > 0 {
		t.Fatalf("%q, %v", problems, err)
	}
	// Another process, which unlocks anew.
	o, err := casefile.Open(filepath.Dir(filepath.Dir(c.Dir())))
	s.must(err)
	again, err := o.Case(c.Code()[:5])
	s.must(err)
	if err := again.Unlock(); city.KindOf(err) != city.Forbidden {
		t.Errorf("unlocked without a passphrase: %v", err)
	}
	if err := o.Unlock("not the passphrase"); city.KindOf(err) != city.Forbidden {
		t.Errorf("another passphrase: %v", err)
	}
	s.must(o.Unlock(casetest.Passphrase))
	s.must(again.Unlock())
	second, err := again.Shelf()
	s.must(err)
	defer second.Close()
	f, err := second.Film(second.Pieces("square")[1])
	s.must(err)
	if got := decoded(t, f.MP4); got != "h264,96,64,100" {
		t.Error(got)
	}
}

func other(b share.Body) share.Body {
	if b == share.Court {
		return share.Ombudsman
	}
	return share.Court
}

// What a hub gives is not trusted, and what is wrong with it is named.
func TestALyingHub(t *testing.T) {
	s := newScene(t)
	units := recordtest.Film("h264.mp4", casetest.Filmed)
	s.Shoot("square", casetest.Filmed, casetest.Filmed.Add(40*time.Second), units)
	c := s.submitted("square")
	s.approved(c)
	films := s.Films["square"]
	s.hub.Withhold = func(f *casetest.Film) bool { return f == films[3] }
	s.hub.Spoil = func(_ city.Slug, name string, b []byte) []byte {
		switch name {
		case films[1].Name(): // a bit of the pictures
			b[len(b)/2] ^= 1
		case films[5].Name(): // another segment
			b, _ = os.ReadFile(films[6].File)
		case films[7].Name():
			return b[:len(b)-1]
		}
		return b
	}
	shelf, problems := s.opened(c)
	text := strings.Join(problems, "\n")
	for _, want := range []string{"segment 2:", "segment 6:", "segment 8:", "does not hand over 1 segment "} {
		if !strings.Contains(text, want) {
			t.Errorf("nothing is said of %q:\n%s", want, text)
		}
	}
	if n := len(shelf.Pieces("square")); n != 6 {
		t.Errorf("%d pieces were kept", n)
	}
	r := shelf.Report(true, nil)[0]
	var missing []string
	for _, m := range r.Missing {
		missing = append(missing, m.Why)
	}
	if !slices.Contains(missing, "1 segment between not here") || r.Opens != 6 {
		t.Errorf("%+v", r)
	}
	// What was right then is exchanged on this machine.
	p := shelf.Pieces("square")[0]
	b, err := os.ReadFile(p.File)
	s.must(err)
	b[len(b)-segment.TrailerSize-40] ^= 1
	s.must(os.WriteFile(p.File, b, 0o600))
	if _, err := shelf.Film(p); city.KindOf(err) != city.Invalid {
		t.Errorf("a changed segment was shown: %v", err)
	}
	if r := shelf.Report(true, nil)[0]; r.Opens != 5 || len(r.Problems) != 1 {
		t.Errorf("%+v", r)
	}
}

// A line that breaks goes on where it broke.
func TestADownloadGoesOn(t *testing.T) {
	s := newScene(t)
	units := recordtest.Film("h264.mp4", casetest.Filmed)
	s.Shoot("square", casetest.Filmed, casetest.Filmed.Add(12*time.Second), units)
	c := s.submitted("square")
	s.approved(c)
	broken := &breaks{Hub: s.web, after: 1000}
	shelf, err := c.Shelf()
	s.must(err)
	defer shelf.Close()
	if _, err := shelf.Download(t.Context(), broken, nil); city.KindOf(err) != city.Unavailable {
		t.Fatalf("it did not break: %v", err)
	}
	parts, err := filepath.Glob(filepath.Join(c.Dir(), "segments", "square", "*.part"))
	if err != nil || len(parts) == 0 {
		t.Fatalf("no half file: %v, %v", parts, err)
	}
	broken.after, broken.from = -1, nil
	if problems, err := shelf.Download(t.Context(), broken, nil); err != nil || len(problems) > 0 {
		t.Fatalf("%q, %v", problems, err)
	}
	if !slices.Contains(broken.from, int64(1000)) {
		t.Errorf("it began again from %v", broken.from)
	}
	if n := len(shelf.Pieces("square")); n != 3 {
		t.Errorf("%d pieces", n)
	}
}

// breaks is a hub whose line breaks after some bytes.
type breaks struct {
	casefile.Hub

	after int64
	mu    sync.Mutex
	from  []int64
}

func (b *breaks) Ciphertext(ctx context.Context, id canonical.Hash, o casefile.Offered, from int64, w io.Writer) error {
	b.mu.Lock()
	b.from = append(b.from, from)
	b.mu.Unlock()
	if b.after >= 0 {
		_ = b.Hub.Ciphertext(ctx, id, o, from, &first{w, b.after})
		return city.Errorf(city.Unavailable, "the line broke")
	}
	return b.Hub.Ciphertext(ctx, id, o, from, w)
}

// first writes the first n bytes and drops the rest.
type first struct {
	w io.Writer
	n int64
}

func (f *first) Write(p []byte) (int, error) {
	n := min(f.n, int64(len(p)))
	f.n -= n
	if _, err := f.w.Write(p[:n]); err != nil {
		return 0, err
	}
	return len(p), nil
}

// A refusal is told, and nothing opens.
func TestARefusal(t *testing.T) {
	s := newScene(t)
	s.Shoot("square", casetest.Filmed, casetest.Filmed.Add(4*time.Second), recordtest.Film("h264.mp4", casetest.Filmed))
	c := s.submitted("square")
	court, err := s.hub.Request(share.Court)
	s.must(err)
	_, err = c.TakeAnswer(bytes.NewReader(s.World.Approve(share.Court, court)))
	s.must(err)
	ombudsman, err := s.hub.Request(share.Ombudsman)
	s.must(err)
	_, err = c.TakeAnswer(bytes.NewReader(s.Refuse(share.Ombudsman, ombudsman)))
	s.must(err)
	if _, err := c.Opening(later); city.KindOf(err) != city.Forbidden || !strings.Contains(err.Error(), "scope-too-wide") {
		t.Errorf("%v", err)
	}
	if _, err := c.Shelf(); city.KindOf(err) != city.Forbidden {
		t.Errorf("%v", err)
	}
}

// The opening is one entry, however often it is asked for; the details are those of the token.
func TestStatements(t *testing.T) {
	s := newScene(t)
	s.Shoot("square", casetest.Filmed, casetest.Filmed.Add(4*time.Second), recordtest.Film("h264.mp4", casetest.Filmed))
	c := s.submitted("square")
	s.approved(c)
	first, err := c.Opening(later)
	s.must(err)
	second, err := c.Opening(later.Add(time.Hour))
	s.must(err)
	if !bytes.Equal(first.Bytes, second.Bytes) || first.Entry.(*entry.ReleaseOpened).Segments != 1 {
		t.Errorf("%s\n%s", first.Bytes, second.Bytes)
	}
	d, err := c.Disclose(later)
	s.must(err)
	e := d.Entry.(*entry.ReleaseDetails)
	if err := entry.Verify(e, &s.Roster.Roster); err != nil || e.Order != "HEL 2026-012345" || e.Token != c.Token.ID {
		t.Errorf("%+v, %v", e, err)
	}
	for day, want := range map[string]city.Kind{"2027-05-31": city.Invalid, "2028-01-01": city.Invalid, "tomorrow": city.Invalid} {
		if _, err := c.Extend(canonical.Day(day), later); city.KindOf(err) != want {
			t.Errorf("%s: %v", day, err)
		}
	}
	x, err := c.Extend("2027-08-01", later)
	s.must(err)
	if err := entry.Verify(x.Entry, &s.Roster.Roster); err != nil {
		t.Error(err)
	}
}

// A recorder that was given another key than the ombudsman's: the answers say so, the rest
// opens, and the report names it.
func TestAMissingShareIsNamed(t *testing.T) {
	s := newScene(t)
	units := recordtest.Film("h264.mp4", casetest.Filmed)
	s.Shoot("square", casetest.Filmed, casetest.Filmed.Add(8*time.Second), units)
	keys := s.Keys("2026-12-01")
	swapped := &recordtest.Bodies{Seed: "another"}
	var err error
	keys[1], err = swapped.Key(t.Context(), share.Ombudsman, casetest.Class, "2026-12-01")
	s.must(err)
	s.SealTo(keys, "square", casetest.Filmed.Add(8*time.Second), segment.None, units)
	c := s.submitted("square")
	s.approved(c)
	o, err := c.Opening(later)
	s.must(err)
	if n := o.Entry.(*entry.ReleaseOpened).Segments; n != 2 {
		t.Errorf("the log is told of %d segments", n)
	}
	shelf, problems := s.opened(c)
	if len(problems) > 0 {
		t.Errorf("%q", problems)
	}
	r := shelf.Report(true, nil)[0]
	if r.Segments != 3 || r.Opens != 2 || len(r.Problems) != 1 || !strings.Contains(r.Problems[0], "the share of ombudsman is sealed to an epoch key that this body never made") {
		t.Errorf("%+v", r)
	}
	last := shelf.Pieces("square")[2]
	if _, err := shelf.Film(last); err == nil || !strings.Contains(err.Error(), "ombudsman") {
		t.Errorf("%v", err)
	}
	if shelf.Lacks(last) == "" || shelf.Lacks(shelf.Pieces("square")[0]) != "" {
		t.Error("the page would not say it")
	}
}

// A log that contradicts the one that this machine saw is found out.
func TestTwoLogs(t *testing.T) {
	s := newScene(t)
	s.Shoot("square", casetest.Filmed, casetest.Filmed.Add(4*time.Second), recordtest.Film("h264.mp4", casetest.Filmed))
	s.LogHour("square", casetest.Filmed)
	c := s.submitted("square")
	s.approved(c)
	shelf, _ := s.opened(c)
	if l, err := shelf.CheckLog(t.Context(), s.Source(casetest.Asked), nil); err != nil || l.Hours != 1 || len(l.Problems) > 0 {
		t.Fatalf("%+v, %v", l, err)
	}
	other := *s.World
	other.Log = &prooftest.Log{City: s.City}
	for i, b := range s.Log.Entries {
		e, err := entry.Decode(b)
		s.must(err)
		if k, ok := e.(*entry.EpochKey); ok && i == 0 {
			k.Day = "2026-11-29"
		}
		other.Log.Append(e)
	}
	if _, err := shelf.CheckLog(t.Context(), other.Source(casetest.Asked), nil); city.KindOf(err) != city.Forbidden || !strings.Contains(err.Error(), "two logs") {
		t.Errorf("%v", err)
	}
	// A recorder's hour with another segment in it.
	films := s.Films["square"]
	s.Films["square"] = append(films[:0:0], s.Seal("square", casetest.Filmed.Add(4*time.Second), segment.None, recordtest.Film("h264.mp4", casetest.Filmed)))
	s.LogHour("square", casetest.Filmed)
	l, err := shelf.CheckLog(t.Context(), s.Source(casetest.Asked), nil)
	if err != nil || len(l.Problems) != 1 || !strings.Contains(l.Problems[0], "not those that the log has") {
		t.Errorf("%+v, %v", l, err)
	}
}
