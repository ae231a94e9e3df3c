package main

import (
	"bufio"
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"polity/city"
	"polity/ledger/entry"
	"polity/ledger/proof/prooftest"
	"polity/ledger/roster"
	"polity/ledger/roster/rostertest"
	"polity/recording/recordtest"
	"polity/recording/segment"
	"polity/recording/share"
	"polity/release/custodian"
	"polity/release/token"
)

// court is a court's device whose every step is a process of its own.
type court struct {
	t   *testing.T
	dir string
	log *prooftest.Log
	key share.EpochKey // of 1 December, class short
}

var (
	filmed = time.Date(2026, 12, 1, 14, 0, 0, 0, time.UTC)
	asked  = time.Date(2026, 12, 2, 9, 0, 0, 0, time.UTC)
)

func (c *court) path(name string) string { return filepath.Join(c.dir, name) }

func (c *court) command(args ...string) *exec.Cmd {
	state := []string{"custodian", "--state", c.path("state"), "--anchor", c.path("anchor"), "--passphrase-file", c.path("passphrase")}
	return exec.CommandContext(c.t.Context(), "polity", append(state, args...)...)
}

// run runs a command with what a person types; it has to succeed or not.
func (c *court) run(ok bool, typed string, args ...string) string {
	c.t.Helper()
	cmd := c.command(args...)
	cmd.Stdin = strings.NewReader(typed)
	b, err := cmd.CombinedOutput()
	if (err == nil) != ok {
		c.t.Fatalf("polity custodian %v: %v\n%s", args, err, b)
	}
	return string(b)
}

func newCourt(t *testing.T) *court {
	t.Helper()
	c := &court{t: t, dir: t.TempDir()}
	if err := os.WriteFile(c.path("passphrase"), []byte("correct horse battery\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	said := c.run(true, "", "init", "--body", "court", "--device", "court-1", "--name", "helsinki.example/court-1", "--work-factor", "2")
	key := regexp.MustCompile(`helsinki\.example/court-1\+\S+`).FindString(said)
	people := rostertest.New("cli")
	plain := people.Plain()
	plain.Bodies[0].Devices[0].Key = key
	file := people.Sign(plain)
	signed, err := roster.First(file)
	if err != nil {
		t.Fatal(err)
	}
	people.Roster = signed
	c.log = &prooftest.Log{City: people}
	if err := os.WriteFile(c.path("city.roster"), file, 0o600); err != nil {
		t.Fatal(err)
	}
	if said := c.run(false, "wrong words\n", "roster", c.path("city.roster")); !strings.Contains(said, "not those of this roster") {
		t.Error(said)
	}
	if said := c.run(true, signed.Words()+"\n", "roster", c.path("city.roster")); !strings.Contains(said, "court-1 of District Court of Helsinki") {
		t.Error(said)
	}
	c.run(true, "", "keys", "make", "--class", "short", "--from", "2026-11-28", "--days", "10")
	c.run(true, "", "keys", "publish", "--from", "2026-11-28", "--out", c.path("keys.statements"))
	f, err := os.Open(c.path("keys.statements"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	list, err := custodian.Statements(f)
	if err != nil || len(list) != 10 {
		t.Fatalf("%d statements, %v", len(list), err)
	}
	for _, e := range list {
		if err := entry.Verify(e, &signed.Roster); err != nil {
			t.Error(err)
		}
		c.log.Append(e)
		if k := e.(*entry.EpochKey); k.Day == "2026-12-01" {
			if c.key, err = share.NewEpochKey(share.Court, k.Class, string(k.Day), k.Key); err != nil {
				t.Fatal(err)
			}
		}
	}
	return c
}

// request writes a request file for segments of a camera, which stands in the log.
func (c *court) request(name string, camera city.Slug, at time.Time, from tlog.Tree) (*entry.ReleaseRequested, func(token.Share) error) {
	c.t.Helper()
	record, h := c.record(camera)
	caseKey, err := share.Kem().GenerateKey()
	c.must(err)
	r := &c.log.City.Roster.Roster
	e, details, err := token.New(r, token.Ask{
		Office: "police", Device: "police-1", Purpose: "missing-person", Order: "HEL 2026-012345", Case: "POL 2026/77",
		Cameras: []city.Slug{"square"}, From: filmed, To: filmed.Add(time.Hour), Expires: asked.Add(48 * time.Hour), PublicOn: "2027-06-01", CaseKey: caseKey.PublicKey().Bytes(),
	}, c.log.City.Devices["police-1"].Key)
	c.must(err)
	index := c.log.Append(e)
	checkpoint := c.log.Checkpoint(at, 0, 2)
	secret, err := token.Encrypt(details, r)
	c.must(err)
	var out bytes.Buffer
	_, err = token.WriteRequest(&out, token.Request, token.Parts{Body: share.Court, Consistency: c.log.Consistency(from, checkpoint), Proof: c.log.Inclusion(index, checkpoint), Secret: secret},
		func(yield func([]byte, error) bool) { yield(record, nil) })
	c.must(err)
	c.must(os.WriteFile(c.path(name), out.Bytes(), 0o600))
	return e, func(s token.Share) error {
		_, err := share.OpenRewrapped(caseKey, share.Target{Purpose: share.Case, ID: e.ID, Body: share.Court, Header: h.Hash()}, s.Sealed, h.Commitments[0])
		return err
	}
}

// record is the court's share record of a segment of a camera.
func (c *court) record(camera city.Slug) ([]byte, *segment.Header) {
	c.t.Helper()
	bodies := &recordtest.Bodies{Seed: "cli"}
	other, err := bodies.Key(c.t.Context(), share.Ombudsman, "short", "2026-12-01")
	c.must(err)
	var file bytes.Buffer
	w, err := segment.Seal(&file, segment.Header{Media: segment.H264, Domain: "helsinki.example", Camera: camera, Class: "short", Sequence: 1, Start: filmed, GapStart: filmed},
		[2]share.EpochKey{c.key, other}, recordtest.Recorder(1))
	c.must(err)
	defer w.Abandon()
	n := len(w.Header.Bytes())
	return token.Pack(w.Header, file.Bytes()[n:n+share.SealedSize]), w.Header
}

// hold writes a request to hold a segment of the square.
func (c *court) hold(name string, from tlog.Tree) {
	c.t.Helper()
	record, _ := c.record("square")
	details, err := token.HoldDetails("HEL 2026-012345", "POL 2026/77", []city.Slug{"square"}, filmed, filmed.Add(time.Hour))
	c.must(err)
	secret, err := token.Encrypt(details, &c.log.City.Roster.Roster)
	c.must(err)
	checkpoint := c.log.Checkpoint(asked, 0, 1)
	var out bytes.Buffer
	_, err = token.WriteRequest(&out, token.HoldAsked, token.Parts{Body: share.Court, Consistency: c.log.Consistency(from, checkpoint), Proof: c.log.Inclusion(0, checkpoint), Secret: secret},
		func(yield func([]byte, error) bool) { yield(record, nil) })
	c.must(err)
	c.must(os.WriteFile(c.path(name), out.Bytes(), 0o600))
}

func (c *court) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *court) answered(b []byte, opens func(token.Share) error) entry.Signed {
	c.t.Helper()
	e, _, err := token.ReadAnswer(bytes.NewReader(b), &c.log.City.Roster.Roster, opens)
	c.must(err)
	return e
}

// A device from its first day to an answer, at a terminal.
func TestCustodianAtATerminal(t *testing.T) {
	c := newCourt(t)
	e, opens := c.request("request.bin", "square", asked, tlog.Tree{})
	seen := c.log.Tree()
	said := c.run(true, "", "show", c.path("request.bin"))
	for _, want := range []string{"police, with the device police-1", "a missing person", "HEL 2026-012345", "1: square", "Tuesday 1 December 2026, 14:00 UTC", "2 of the city's 3 witnesses", "Every check passed", token.Code(e.ID)} {
		if !strings.Contains(said, want) {
			t.Errorf("it does not say %q:\n%s", want, said)
		}
	}
	said = c.run(false, "yes\n", "approve", c.path("request.bin"), "--out", c.path("answer.bin"))
	if _, err := os.Stat(c.path("answer.bin")); err == nil || !strings.Contains(said, "not the token's code") {
		t.Errorf("approved without the code: %s", said)
	}
	said = c.run(true, token.Code(e.ID)+"\n", "approve", c.path("request.bin"), "--out", c.path("answer.bin"), "--qr", c.path("answer.png"))
	b, err := os.ReadFile(c.path("answer.bin"))
	c.must(err)
	if a := c.answered(b, opens).(*entry.ReleaseApproved); a.Count != 1 || a.Token != e.ID {
		t.Errorf("%+v\n%s", a, said)
	}
	if png, err := os.ReadFile(c.path("answer.png")); err != nil || !bytes.HasPrefix(png, []byte("\x89PNG")) {
		t.Error("no QR code")
	}
	if said := c.run(false, token.Code(e.ID)+"\n", "approve", c.path("request.bin"), "--out", c.path("answer.bin")); !strings.Contains(said, "already") {
		t.Errorf("written over: %s", said)
	}
	if said := c.run(true, "", "show", c.path("request.bin")); !strings.Contains(said, "approved this request") {
		t.Errorf("it does not know of the first time: %s", said)
	}
	// What the token does not name, a damaged file, a log without proof that it goes on.
	c.request("wrong.bin", "hospital", asked, seen)
	if said := c.run(false, "", "show", c.path("wrong.bin")); !strings.Contains(said, `check "scope"`) {
		t.Error(said)
	}
	seen = c.log.Tree()
	c.request("gap.bin", "square", asked, tlog.Tree{})
	if said := c.run(false, "", "show", c.path("gap.bin")); !strings.Contains(said, `check "checkpoint"`) {
		t.Error(said)
	}
	b, err = os.ReadFile(c.path("request.bin"))
	c.must(err)
	b[len(b)/2] ^= 1
	c.must(os.WriteFile(c.path("damaged.bin"), b, 0o600))
	if said := c.run(false, "", "show", c.path("damaged.bin")); !strings.Contains(said, `check "file"`) {
		t.Error(said)
	}
	c.hold("hold.bin", seen)
	said = c.run(false, "", "hold", c.path("hold.bin"), "--reason", "because", "--until", "2027-01-31", "--out", c.path("held.bin"), "--code", "x")
	if !strings.Contains(said, "1 segment, without being opened") || !strings.Contains(said, "nothing is held") {
		t.Error(said)
	}
	code := regexp.MustCompile(`Type the code (\S+) `).FindStringSubmatch(c.run(false, "no\n", "hold", c.path("hold.bin"), "--reason", "appeal", "--until", "2027-01-31", "--out", c.path("held.bin")))
	said = c.run(true, code[1]+"\n", "hold", c.path("hold.bin"), "--reason", "appeal", "--until", "2027-01-31", "--out", c.path("held.bin"))
	if b, err = os.ReadFile(c.path("held.bin")); err != nil || !strings.Contains(said, "1 share until 2027-01-31") {
		t.Error(said, err)
	}
	if h := c.answered(b, nil).(*entry.Hold); h.Count != 1 {
		t.Errorf("%+v", h)
	}
	if said := c.run(true, "", "destroy", "--due", "--out", c.path("destroyed.statements")); !strings.Contains(said, "1 epoch keys destroyed, as of 2026-12-02") {
		t.Error(said)
	}
	if said := c.run(true, "", "status"); !strings.Contains(said, "Log last seen") || strings.Contains(said, "correct horse") {
		t.Error(said)
	}
	c.must(os.WriteFile(c.path("passphrase"), []byte("another passphrase\n"), 0o600))
	if said := c.run(false, "", "status"); !strings.Contains(said, "passphrase is wrong") {
		t.Error(said)
	}
}

// browser is one that keeps the cookie of the pages.
type browser struct {
	t    *testing.T
	base string
	http.Client
}

func (c *court) serve() *browser {
	c.t.Helper()
	cmd := c.command("serve", "--listen", "127.0.0.1:0")
	out, err := cmd.StdoutPipe()
	c.must(err)
	c.must(cmd.Start())
	c.t.Cleanup(func() { _ = cmd.Process.Signal(os.Interrupt); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	c.must(err)
	u, err := url.Parse(strings.TrimSpace(strings.TrimPrefix(line, "Open ")))
	c.must(err)
	jar, err := cookiejar.New(nil)
	c.must(err)
	b := &browser{t: c.t, base: "http://" + u.Host, Client: http.Client{Jar: jar}}
	if status, _ := b.get("/"); status != http.StatusForbidden {
		c.t.Errorf("without the address that was printed: %d", status)
	}
	if status, page := b.get(u.Path); status != http.StatusOK || !strings.Contains(page, "Passphrase") {
		c.t.Errorf("%d: %s", status, page)
	}
	return b
}

func (b *browser) get(path string) (int, string) { return b.ask(http.MethodGet, path, "", nil, nil) }

func (b *browser) post(path string, fields ...string) (int, string) {
	v := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		v.Set(fields[i], fields[i+1])
	}
	return b.ask(http.MethodPost, path, "application/x-www-form-urlencoded", strings.NewReader(v.Encode()), nil)
}

func (b *browser) upload(path, file string) (int, string) {
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	part, err := w.CreateFormFile("file", "request.bin")
	if err != nil {
		b.t.Fatal(err)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		b.t.Fatal(err)
	}
	_, _ = part.Write(content)
	_ = w.Close()
	return b.ask(http.MethodPost, path, w.FormDataContentType(), &body, nil)
}

func (b *browser) ask(method, path, kind string, body io.Reader, change func(*http.Request)) (int, string) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.base+path, body)
	if err != nil {
		b.t.Fatal(err)
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	if change != nil {
		change(r)
	}
	answer, err := b.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	if csp := answer.Header.Get("Content-Security-Policy"); answer.StatusCode == http.StatusOK && !strings.HasPrefix(csp, "default-src 'none'") {
		b.t.Errorf("%s: policy %q", path, csp)
	}
	return answer.StatusCode, string(text)
}

// The same as pages.
func TestCustodianAsPages(t *testing.T) {
	c := newCourt(t)
	e, opens := c.request("request.bin", "square", asked, tlog.Tree{})
	seen := c.log.Tree()
	c.request("wrong.bin", "hospital", asked, seen)
	b := c.serve()
	if status, page := b.upload("/request", c.path("request.bin")); status == http.StatusOK || !strings.Contains(page, "Passphrase") {
		t.Errorf("a locked device took a request: %d", status)
	}
	if status, page := b.post("/unlock", "passphrase", "not the passphrase"); status == http.StatusOK || !strings.Contains(page, "passphrase is wrong") {
		t.Errorf("%d: %s", status, page)
	}
	if _, page := b.post("/unlock", "passphrase", "correct horse battery"); !strings.Contains(page, "Check this request") {
		t.Error(page)
	}
	for name, change := range map[string]func(*http.Request){
		"another name": func(r *http.Request) { r.Host = "custodian.example:80" },
		"another site": func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
	} {
		if status, _ := b.ask(http.MethodPost, "/destroy", "", nil, change); status != http.StatusMisdirectedRequest && status != http.StatusForbidden {
			t.Errorf("%s: %d", name, status)
		}
	}
	if status, page := b.upload("/request", c.path("request.bin")); status != http.StatusOK || !strings.Contains(page, "HEL 2026-012345") || !strings.Contains(page, token.Code(e.ID)) {
		t.Errorf("%d: %s", status, page)
	}
	if status, page := b.post("/approve", "code", "wrong"); status == http.StatusOK || !strings.Contains(page, "not the token&#39;s code") {
		t.Errorf("%d: %s", status, page)
	}
	if status, page := b.post("/approve", "code", token.Code(e.ID)); status != http.StatusOK || !strings.Contains(page, "1 share resealed") {
		t.Errorf("%d: %s", status, page)
	}
	_, file := b.get("/file")
	if a := c.answered([]byte(file), opens).(*entry.ReleaseApproved); a.Token != e.ID || a.Count != 1 {
		t.Errorf("%+v", a)
	}
	if _, png := b.get("/qr.png"); !strings.HasPrefix(png, "\x89PNG") {
		t.Error("no picture")
	}
	if status, page := b.upload("/request", c.path("wrong.bin")); status == http.StatusOK || !strings.Contains(page, "scope") {
		t.Errorf("%d: %s", status, page)
	}
	if status, page := b.post("/approve", "code", token.Code(e.ID)); status == http.StatusOK || !strings.Contains(page, "no request to decide") {
		t.Errorf("decided twice: %d: %s", status, page)
	}
	if status, page := b.post("/lock"); status != http.StatusOK || !strings.Contains(page, "Passphrase") {
		t.Errorf("%d: %s", status, page)
	}
	if status, _ := b.get("/file"); status != http.StatusNotFound {
		t.Errorf("a locked device still gives the answer: %d", status)
	}
	if said := c.run(true, "", "status"); !strings.Contains(said, "Log last seen") {
		t.Error(said)
	}
}
