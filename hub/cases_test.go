package hub_test

import (
	"bytes"
	"context"
	"crypto/hpke"
	"encoding/json"
	"io"
	"iter"
	"net/http"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"polity/access"
	"polity/access/policy"
	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/ledger/log/logtest"
	"polity/recording/root"
	"polity/recording/segment"
	"polity/recording/share"
	"polity/recording/store"
	casefile "polity/release/case"
	"polity/release/custodian"
	"polity/release/docket"
	"polity/release/releasetest"
	"polity/release/token"
)

// courthouse is a town whose footage is sealed, with an office that asks for it and two
// bodies that answer.
type courthouse struct {
	*town
	law      *logtest.Town
	devices  map[share.Body]*custodian.Device
	recorder *releasetest.Recorder
	filmed   time.Time
	caseKey  hpke.PrivateKey
}

func (c *courthouse) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// byToken takes a program's name for its token.
type byToken struct{ byHeader }

func (b byToken) Who(r *http.Request) (access.Who, error) {
	if name, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return b.who[name], nil
	}
	return b.byHeader.Who(r)
}

// epochKeys are what recorders know of the bodies.
type epochKeys map[string]share.EpochKey

func (k epochKeys) Key(_ context.Context, body share.Body, class city.Slug, day string) (share.EpochKey, error) {
	key, ok := k[string(body)+string(class)+day]
	if !ok {
		return key, city.Errorf(city.NotFound, "%s has no key for %s", body, day)
	}
	return key, nil
}

func newCourthouse(t *testing.T, own ...policy.File) *courthouse {
	t.Helper()
	c := &courthouse{town: newTown(t), devices: map[share.Body]*custodian.Device{}, filmed: time.Now().UTC().Truncate(time.Second).Add(-time.Hour)}
	c.law = withLedger(t, c.town)
	p, err := policy.New(own, nil)
	c.must(err)
	who := map[string]access.Who{"public": {}}
	add := func(name string, w access.Who) {
		w.ID, w.Name, w.Session = "p-"+name, name, "s-"+name
		who[name] = w
	}
	officer := []access.Role{access.EvidenceOfficer}
	add("officer", access.Who{Kind: access.Person, Body: "police", Roles: officer})
	add("customs", access.Who{Kind: access.Person, Body: "customs", Roles: officer})
	add("door", access.Who{Kind: access.Person, Body: "police", Roles: officer, Door: true})
	add("administrator", access.Who{Kind: access.Person, Body: "police", Roles: append(officer, access.IT)})
	add("auditor", access.Who{Kind: access.Person, Body: "city", Roles: []access.Role{access.Auditor}})
	add("operator", access.Who{Kind: access.Person, Body: "police", Roles: []access.Role{access.SafetyOperator}, Areas: []city.Slug{access.AllAreas}, Purpose: "incident"})
	add("program", access.Who{Kind: access.Program, Body: "police", Scope: []access.Action{access.CarryCase, access.SeeCases}})
	add("watching program", access.Who{Kind: access.Program, Body: "customs", Scope: []access.Action{access.SeeCases}})
	c.access = byToken{byHeader{p, who}}
	keys := epochKeys{}
	for _, body := range share.Bodies {
		c.devices[body] = c.device(body, keys)
	}
	c.caseKey, err = share.Kem().GenerateKey()
	c.must(err)
	c.recorder = releasetest.NewRecorder(t, t.TempDir(), c.law.Roster.Domain, keys, time.Now())
	for _, camera := range []city.Slug{"bridge", "square"} {
		c.enter(camera, "edge-1")
		c.recorder.Record(camera, c.filmed, 4, func(i int) []byte { return []byte("pictures of " + string(camera) + string(rune('0'+i))) })
	}
	c.films = &films{c.recorder.Store}
	c.start()
	return c
}

func (c *courthouse) device(body share.Body, keys epochKeys) *custodian.Device {
	c.t.Helper()
	id, dir := city.Slug(body)+"-1", c.t.TempDir()
	d, err := custodian.Init(custodian.Setup{
		Dir: filepath.Join(dir, "state"), Anchor: custodian.FileAnchor(filepath.Join(dir, "anchor")), Body: body, Device: id,
		Name: "helsinki.example/" + string(id), Passphrase: "correct horse battery", Seed: c.law.Devices[id].Key.Seed(), WorkFactor: 2,
	})
	c.must(err)
	c.t.Cleanup(d.Close)
	c.must(d.Adopt(c.law.Roster.File(), c.law.Roster.Words()))
	from := canonical.Day(c.filmed.AddDate(0, 0, -1).Format(time.DateOnly))
	_, err = d.MakeKeys("short", from, 4)
	c.must(err)
	var b bytes.Buffer
	_, _, err = d.Publish(&b, from)
	c.must(err)
	list, err := custodian.Statements(&b)
	c.must(err)
	for _, e := range list {
		if k, ok := e.(*entry.EpochKey); ok {
			key, err := share.NewEpochKey(body, k.Class, string(k.Day), k.Key)
			c.must(err)
			keys[string(body)+string(k.Class)+string(k.Day)] = key
		}
	}
	return d
}

// films are the recordings of an edge, without a line in between.
type films struct{ store *store.Store }

func (f *films) entries(camera city.Slug, from, to time.Time) (*store.Camera, []store.Entry, error) {
	if !slices.Contains(f.store.Cameras(), camera) {
		return nil, nil, city.Errorf(city.NotFound, "there is no camera %s", camera)
	}
	c, err := f.store.Camera(camera)
	if err != nil {
		return nil, nil, err
	}
	return c, slices.DeleteFunc(c.Entries(from, to), func(e store.Entry) bool { return e.Start.Before(from) || !e.Start.Before(to) }), nil
}

func readSegment(c *store.Camera, e store.Entry) (h *segment.Header, all []byte, err error) {
	f, err := c.Open(e)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	if all, err = io.ReadAll(io.NewSectionReader(f, 0, f.Size())); err == nil {
		h, err = segment.ReadHeader(bytes.NewReader(all))
	}
	return h, all, err
}

func (f *films) Segments(_ context.Context, camera city.Slug, from, to time.Time) (list []docket.Segment, err error) {
	c, entries, err := f.entries(camera, from, to)
	for _, e := range entries {
		h, all, err := readSegment(c, e)
		if err != nil {
			return nil, err
		}
		list = append(list, docket.Segment{Camera: camera, Name: path.Base(e.Name()), Sequence: e.Sequence, Start: e.Start, Size: int64(len(all)), HeaderHash: h.Hash()})
	}
	return list, err
}

func (f *films) Shares(_ context.Context, camera city.Slug, from, to time.Time, body share.Body) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		c, entries, err := f.entries(camera, from, to)
		for _, e := range entries {
			h, all, err := readSegment(c, e)
			if err != nil {
				yield(nil, err)
				return
			}
			n := len(h.Bytes()) + slices.Index(share.Bodies[:], body)*share.SealedSize
			if !yield(token.Pack(h, all[n:n+share.SealedSize]), nil) {
				return
			}
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

func (f *films) Hashes(_ context.Context, camera city.Slug, hour time.Time) (list []root.Hash, err error) {
	c, _, err := f.entries(camera, hour, hour.Add(time.Hour))
	if err != nil {
		return nil, err
	}
	for _, l := range c.Leaves(hour) {
		list = append(list, l.Hash)
	}
	return list, nil
}

func (f *films) Ciphertext(_ context.Context, camera city.Slug, name string, offset int64, w io.Writer) error {
	start, sequence, err := docket.ParseName(name)
	if err != nil {
		return err
	}
	c, entries, err := f.entries(camera, start, start.Add(time.Millisecond))
	for _, e := range entries {
		if e.Sequence != sequence {
			continue
		}
		_, all, err := readSegment(c, e)
		if err == nil && offset < int64(len(all)) {
			_, err = w.Write(all[offset:])
		}
		return err
	}
	if err == nil {
		err = city.Errorf(city.NotFound, "it is not there any more")
	}
	return err
}

// submission is what the office's machine makes.
func (c *courthouse) submission(cameras ...city.Slug) (file []byte, id string) {
	c.t.Helper()
	e, details, err := token.New(&c.law.Roster.Roster, token.Ask{
		Office: "police", Device: "police-1", Purpose: "serious-crime", Order: "HEL 2026-012345", Case: "POL 2026/77", Cameras: cameras,
		From: c.filmed, To: c.filmed.Add(time.Minute), Expires: time.Now().Add(48 * time.Hour), PublicOn: canonical.Day(time.Now().AddDate(0, 6, 0).Format(time.DateOnly)),
		CaseKey: c.caseKey.PublicKey().Bytes(),
	}, c.law.Devices["police-1"].Key)
	c.must(err)
	s, err := token.Submit(&c.law.Roster.Roster, e, details)
	c.must(err)
	file, err = s.Encode()
	c.must(err)
	return file, e.ID.String()
}

// answered is what the hub says to a request.
type answered struct {
	status int
	header http.Header
	body   []byte
}

func (a answered) detail() string {
	var p struct{ Detail string }
	_ = json.Unmarshal(a.body, &p) // no problem has no detail
	return p.Detail
}

func (c *courthouse) ask(who, method, at string, body []byte, headers ...string) answered {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.started.Address+at, bytes.NewReader(body))
	c.must(err)
	r.Header.Set("X-Who", who)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	a, err := http.DefaultTransport.RoundTrip(r)
	c.must(err)
	defer a.Body.Close()
	got, err := io.ReadAll(a.Body)
	c.must(err)
	return answered{a.StatusCode, a.Header, got}
}

type stateOfCase struct {
	ID, Code, Office string
	Cameras          []string
	Public, Opened   bool
	Index            *int64
	Answers          map[string]struct {
		State, Words string
		Count        int64
		Public       bool
	}
}

func (c *courthouse) state(who, id string) (s stateOfCase) {
	c.t.Helper()
	a := c.ask(who, "GET", "/api/v1/cases/"+id, nil)
	if a.status != http.StatusOK {
		c.t.Fatalf("%s: %d %s", who, a.status, a.body)
	}
	c.must(json.Unmarshal(a.body, &s))
	return s
}

func (c *courthouse) approve(body share.Body, request []byte) []byte {
	c.t.Helper()
	r, err := c.devices[body].Examine(bytes.NewReader(request))
	c.must(err)
	var b bytes.Buffer
	_, err = c.devices[body].Approve(r, r.Code(), &b)
	c.must(err)
	return b.Bytes()
}

const casesAt = "/api/v1/cases"

func TestACaseOverHTTP(t *testing.T) {
	c := newCourthouse(t)
	file, id := c.submission("bridge", "square")
	for _, who := range []string{"program", "program"} { // twice is once
		a := c.ask(who, "POST", casesAt, file)
		if a.status != http.StatusCreated || !strings.Contains(string(a.body), id) || a.header.Get("Location") != casesAt+"/"+id {
			t.Fatalf("%s hands in: %d %s", who, a.status, a.body)
		}
	}
	at := casesAt + "/" + id
	c.eventually("the token is public", func() bool { return c.state("program", id).Public })
	if s := c.state("program", id); s.Office != "police" || len(s.Cameras) != 2 || s.Index == nil || s.Answers["court"].State != "waiting" {
		t.Errorf("%+v", s)
	}
	if s := c.state("auditor", id); len(s.Cameras) != 0 || s.Answers["court"].State != "waiting" {
		t.Errorf("an auditor sees %+v", s)
	}
	var list []struct {
		Camera, Name string
		Size         int64
	}
	if a := c.ask("program", "GET", at+"/segments", nil); json.Unmarshal(a.body, &list) != nil || len(list) != 8 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	one := at + "/segments/" + list[6].Camera + "/" + list[6].Name
	for i, body := range share.Bodies {
		request := c.ask("program", "GET", at+"/requests/"+string(body), nil)
		if request.status != http.StatusOK || !strings.Contains(request.header.Get("Content-Disposition"), string(body)) {
			t.Fatalf("%d %s", request.status, request.body)
		}
		if a := c.ask("program", "GET", one, nil); a.status != http.StatusForbidden || !strings.Contains(a.detail(), "has not approved") || a.header.Get("Content-Type") != "application/problem+json" || a.header.Get("Content-Disposition") != "" {
			t.Fatalf("ciphertext after %d answers: %d %s", i, a.status, a.body)
		}
		answer := c.approve(body, request.body)
		for range 2 {
			if a := c.ask("program", "POST", at+"/answers", answer); a.status != http.StatusOK {
				t.Fatalf("%s answers: %d %s", body, a.status, a.body)
			}
		}
		c.eventually("the answer is public", func() bool { return c.state("program", id).Answers[string(body)].Public })
	}
	if a := c.ask("program", "GET", one, nil); a.status != http.StatusForbidden || !strings.Contains(a.detail(), "release-opened") {
		t.Fatalf("ciphertext before the opening is in the log: %d %s", a.status, a.body)
	}
	if a := c.ask("program", "GET", at+"/answers/court", nil); a.status != http.StatusOK || !bytes.HasPrefix(a.body, []byte("POLREL")) {
		t.Errorf("the court's answer: %d", a.status)
	}
	if a := c.ask("auditor", "GET", at+"/proofs", nil); a.status != http.StatusOK || bytes.Count(a.body, []byte("c2sp.org/tlog-proof@v1\n")) != 3 {
		t.Errorf("proofs: %d %s", a.status, a.body)
	}
	if a := c.ask("officer", "GET", "/cases/"+id+"/requests/court", nil); a.status != http.StatusConflict || !strings.Contains(string(a.body), "Step by step") {
		t.Errorf("a request that was answered, on the page: %d", a.status)
	}
	page := string(c.ask("officer", "GET", "/cases/"+id, nil).body)
	if !strings.Contains(page, "May be opened") || !strings.Contains(page, "polity case open "+c.state("officer", id).Code) {
		t.Error("the page does not say what is next")
	}
	for name, what := range map[string][]byte{"the file's first entry": []byte("HEL 2026"), "another": []byte("POL 2026/77")} {
		for _, who := range []string{"officer", "program"} {
			if bytes.Contains(c.ask(who, "GET", at, nil).body, what) || strings.Contains(page, string(what)) {
				t.Errorf("%s: the hub knows a reference", name)
			}
		}
	}
	if a := c.ask("program", "POST", "/api/v1/record/entries", c.opening(id)); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	whole := c.ask("program", "GET", one, nil)
	if whole.status != http.StatusOK || int64(len(whole.body)) != list[6].Size || bytes.Contains(whole.body, []byte("pictures of")) {
		t.Fatalf("ciphertext: %d, %d bytes of %d", whole.status, len(whole.body), list[6].Size)
	}
	rest := c.ask("program", "GET", one, nil, "Range", "bytes=100-")
	if rest.status != http.StatusPartialContent || !bytes.Equal(rest.body, whole.body[100:]) || !strings.HasPrefix(rest.header.Get("Content-Range"), "bytes 100-") {
		t.Errorf("from byte 100 on: %d %v", rest.status, rest.header)
	}
	if a := c.ask("program", "GET", one, nil, "Range", "bytes=99999999-"); a.status != http.StatusRequestedRangeNotSatisfiable || len(a.body) != 0 {
		t.Errorf("past its end: %d", a.status)
	}
}

// opening is the office's entry that it opens a case.
func (c *courthouse) opening(id string) []byte {
	c.t.Helper()
	var of canonical.Hash
	c.must(of.UnmarshalText([]byte(id)))
	e := &entry.ReleaseOpened{At: canonical.At(time.Now()), Body: "police", Device: "police-1", Segments: 8, Token: of}
	c.must(entry.Sign(e, c.law.Devices["police-1"].Key))
	text, err := entry.Encode(e)
	c.must(err)
	return text
}

// TestTheOfficesProgram has the office's own client go the whole way.
func TestTheOfficesProgram(t *testing.T) {
	c := newCourthouse(t)
	file, name := c.submission("bridge", "square")
	var id canonical.Hash
	c.must(id.UnmarshalText([]byte(name)))
	office, err := casefile.Web(c.started.Address, "program")
	c.must(err)
	c.must(office.Submit(t.Context(), file))
	state := func() *casefile.State {
		t.Helper()
		s, err := office.State(t.Context(), id)
		c.must(err)
		return s
	}
	c.eventually("the token is public", func() bool { return state().Public })
	var before bytes.Buffer
	if err := office.Answer(t.Context(), id, share.Court, &before); city.KindOf(err) != city.Forbidden {
		t.Errorf("an answer before both are public: %v", err)
	}
	for _, body := range share.Bodies {
		var request bytes.Buffer
		c.must(office.Request(t.Context(), id, body, &request))
		c.must(office.SendAnswer(t.Context(), id, bytes.NewReader(c.approve(body, request.Bytes()))))
		c.eventually("the answer is public", func() bool { return state().Answers[body].Public })
	}
	proofs, err := office.Proofs(t.Context(), id)
	if err != nil || len(proofs) != 3 {
		t.Errorf("%d proofs, %v", len(proofs), err)
	}
	list, err := office.Segments(t.Context(), id)
	if err != nil || len(list) != 8 {
		t.Fatalf("%d segments, %v", len(list), err)
	}
	c.must(office.Publish(t.Context(), c.opening(name)))
	var whole, rest bytes.Buffer
	c.must(office.Ciphertext(t.Context(), id, list[3], 0, &whole))
	c.must(office.Ciphertext(t.Context(), id, list[3], 500, &rest))
	if !bytes.Equal(whole.Bytes()[500:], rest.Bytes()) {
		t.Error("what goes on from a byte is another file")
	}
	c.recorder.Now = c.filmed.Add(2 * time.Hour)
	hours, err := office.Hours(t.Context(), id, "square")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, l := range hours {
		n += len(l.Segments)
	}
	if n != 4 || !hours[0].Hour.Equal(c.filmed.Truncate(time.Hour)) {
		t.Errorf("hashes of its hours: %+v", hours)
	}
	if _, err := office.Hours(t.Context(), id, "hospital"); city.KindOf(err) != city.Forbidden || err == nil {
		t.Errorf("hashes of a camera that the case does not ask for: %v", err)
	}
	c.eventually("the page says that it was opened", func() bool {
		return strings.Contains(string(c.ask("officer", "GET", "/cases/"+name, nil).body), "polity case play")
	})
}

func TestWhoMayCarryCases(t *testing.T) {
	c := newCourthouse(t)
	file, id := c.submission("square")
	at := casesAt + "/" + id
	for who, want := range map[string]struct {
		status int
		words  string
	}{
		"public": {401, "Send a token"}, "operator": {403, "evidence officer"}, "administrator": {403, "footage"}, "auditor": {403, ""},
		"watching program": {403, "scope"}, "customs": {403, "your account works for customs: an officer of police has to hand it in"},
	} {
		a := c.ask(who, "POST", casesAt, file)
		if a.status != want.status || !strings.Contains(a.detail(), want.words) {
			t.Errorf("%s: %d %s", who, a.status, a.body)
		}
	}
	if a := c.ask("officer", "GET", at, nil); a.status != http.StatusNotFound {
		t.Fatalf("a refused submission is a case: %d", a.status)
	}
	if a := c.ask("door", "POST", casesAt, file); a.status != http.StatusCreated { // its office signed it
		t.Fatalf("%d %s", a.status, a.body)
	}
	for who, want := range map[string]int{"officer": 200, "program": 200, "auditor": 200, "customs": 404, "watching program": 404, "operator": 403, "public": 401} {
		if a := c.ask(who, "GET", at, nil); a.status != want {
			t.Errorf("%s sees it: %d, want %d", who, a.status, want)
		}
	}
	for _, path := range []string{"/requests/court", "/answers/court", "/segments", "/segments/square/" + docket.Name(c.filmed, 1), "/hours/square"} {
		for who, want := range map[string]int{"customs": 404, "auditor": 403, "watching program": 403} {
			if a := c.ask(who, "GET", at+path, nil); a.status != want {
				t.Errorf("%s fetches %s: %d, want %d", who, path, a.status, want)
			}
		}
	}
	if a := c.ask("officer", "POST", at+"/answers", []byte("POLREL"), "Sec-Fetch-Site", "cross-site"); a.status != http.StatusForbidden {
		t.Errorf("from another site: %d", a.status)
	}
}

func TestACityKeepsACameraOutOfCases(t *testing.T) {
	c := newCourthouse(t, policy.File{Name: "bridge.cedar", Text: `@id("no-footage-of-the-bridge")
@reason("Nobody asks for footage of the bridge.")
@ask("Ask the council.")
forbid (principal, action == Action::"ask-footage", resource == Camera::"bridge");
`})
	file, _ := c.submission("bridge", "square")
	for _, who := range []string{"officer", "program"} {
		if a := c.ask(who, "POST", casesAt, file); a.status != http.StatusForbidden || !strings.Contains(a.detail(), "Nobody asks for footage of the bridge") {
			t.Errorf("%s: %d %s", who, a.status, a.body)
		}
	}
	file, _ = c.submission("square")
	if a := c.ask("program", "POST", casesAt, file); a.status != http.StatusCreated {
		t.Errorf("another camera: %d %s", a.status, a.body)
	}
}
