package scenario

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// releasing is a demo city whose camera is recorded, with those who open its footage.
type releasing struct {
	t     *testing.T
	data  string
	demo  *process
	at    string // of the hub, http://host:port
	token string // of the officer's programs
}

func (s *releasing) path(name ...string) string {
	return filepath.Join(append([]string{s.data}, name...)...)
}

// run runs a command of the program to its end; it has to succeed or not.
func (s *releasing) run(ok bool, args ...string) string {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), program, args...)
	cmd.Env = append(os.Environ(), "POLITY_TOKEN="+s.token)
	b, err := cmd.CombinedOutput()
	if (err == nil) != ok {
		s.t.Fatalf("polity %v: %v\n%s", args, err, b)
	}
	return string(b)
}

func (s *releasing) office(args ...string) []string {
	return append([]string{"case", "--office", s.path("police", "machine"), "--passphrase-file", s.path("police", "passphrase")}, args...)
}

func (s *releasing) device(body, id string, args ...string) []string {
	return append([]string{"custodian", "--state", s.path(body, id), "--anchor", s.path(body, id+".anchor"), "--passphrase-file", s.path(body, "passphrase")}, args...)
}

// says fails unless a text has all the words.
func (s *releasing) says(text string, words ...string) {
	s.t.Helper()
	for _, w := range words {
		if !strings.Contains(text, w) {
			s.t.Errorf("it does not say %q:\n%s", w, text)
		}
	}
}

var apiToken = regexp.MustCompile(`polity_[A-Za-z0-9_-]+`)

// signIn comes in by the demo's door as the evidence officer, and makes a token.
func (s *releasing) signIn() {
	s.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	c := &http.Client{Jar: jar, Timeout: soon}
	s.post(c, "/door", url.Values{"as": {"evidence"}})
	if s.token = apiToken.FindString(s.post(c, "/account/tokens", url.Values{"name": {"machine"}, "scope": {"see-cases", "carry-case"}, "days": {"1"}})); s.token == "" {
		s.t.Fatal("the officer gets no token")
	}
}

func (s *releasing) post(c *http.Client, path string, form url.Values) string {
	s.t.Helper()
	q, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.at+path, strings.NewReader(form.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r, err := c.Do(q)
	if err != nil {
		s.t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		s.t.Fatalf("POST %s: %s, %v", path, r.Status, err)
	}
	return string(b)
}

// api asks the hub's interface with the officer's token.
func (s *releasing) api(path string) (status int, text string) {
	s.t.Helper()
	q, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.at+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	q.Header.Set("Authorization", "Bearer "+s.token)
	r, err := client.Do(q)
	if err != nil {
		s.t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return r.StatusCode, string(b)
}

var (
	caseCode  = regexp.MustCompile(`(?m)^\s*Case\s+(\S+)$`)
	caseToken = regexp.MustCompile(`(?m)^\s*Token\s+(\S+)$`)
)

// ask asks for what the guided release asked for, in another case, and returns its code and
// id, and the requests to court and ombudsman.
func (s *releasing) ask(name string) (code, id string, requests map[string]string) {
	s.t.Helper()
	drafts, err := filepath.Glob(s.path("police", "*", "case.json"))
	if err != nil || len(drafts) != 1 {
		s.t.Fatalf("drafts: %v, %v", drafts, err)
	}
	b, err := os.ReadFile(drafts[0])
	if err != nil {
		s.t.Fatal(err)
	}
	var draft map[string]any
	if err := json.Unmarshal(b, &draft); err != nil {
		s.t.Fatal(err)
	}
	draft["case"] = "POL 2026/" + name
	if b, err = json.Marshal(draft); err != nil {
		s.t.Fatal(err)
	}
	dir := filepath.Join(s.t.TempDir(), name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		s.t.Fatal(err)
	}
	file := filepath.Join(dir, "case.json")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		s.t.Fatal(err)
	}
	said := s.run(true, s.office("new", file)...)
	code, id = caseCode.FindStringSubmatch(said)[1], caseToken.FindStringSubmatch(said)[1]
	s.says(s.run(true, s.office("submit", code)...), "Handed in")
	s.until("the request is public", func() bool { return strings.Contains(s.run(true, s.office("status", code)...), "public, entry") })
	s.run(true, s.office("requests", code, "--out", dir)...)
	return code, id, map[string]string{"court": dir + "/request-" + code + "-court.bin", "ombudsman": dir + "/request-" + code + "-ombudsman.bin"}
}

func (s *releasing) until(what string, condition func() bool) {
	s.t.Helper()
	eventually(s.t, what, soon, condition, s.demo.said)
}

// TestRelease: footage from a draft to a bundle that anyone can check, on the demo's own
// processes; and what opens nothing: a refusal, a body that is silent, a bundle that was changed.
func TestRelease(t *testing.T) {
	t.Parallel()
	s := &releasing{t: t, data: filepath.Join(t.TempDir(), "data")}
	var host string
	s.demo, host = startDemo(t, s.data, "--port", "0")
	s.at = "http://" + host
	family := descendants(t, s.demo.pid())
	for word, want := range map[string]int{" witness ": 3, " custodian ": 2, " edge ": 1} {
		s.until(fmt.Sprintf("%d processes %s", want, word), func() bool {
			family = descendants(t, s.demo.pid())
			n := 0
			for _, k := range family {
				if k.is(word) && k.parent == s.demo.pid() {
					n++
				}
			}
			return n == want
		})
	}
	s.keysOfTheirOwn()

	guided := launch(t, "the guided release", filepath.Join(t.TempDir(), "log"), nil, "demo", "--release", "--yes", "--data", s.data)
	if status := guided.wait(later); status != 0 {
		t.Fatalf("the guided release ends with %d:\n%s\n%s", status, guided.said(), s.demo.said())
	}
	said := guided.said()
	s.says(said, "Every check passed", "Opened: in the public log", "Open http://127.0.0.1:", "Nothing is wrong with this bundle", "Disclosed: in the public log", "holds together", "release-opened       1")
	if strings.Contains(said, "First start") {
		t.Error("the guided release starts a city of its own though one runs")
	}
	code := caseCode.FindStringSubmatch(said)[1]
	s.signIn()
	s.until("the camera's page counts the opening", func() bool { return strings.Contains((&town{t: t}).get(host, "/cameras/square"), "1 time: ") })
	s.refused()
	s.silent()
	s.seen(code)
	s.changed()

	if status := s.demo.interrupt(soon); status != 0 {
		t.Errorf("the demo ends with %d: %s", status, s.demo.said())
	}
	noneLeft(t, family, 10*time.Second)
	s.demo, host = startDemo(t, s.data, "--port", "0")
	s.at = "http://" + host
	if strings.Contains(s.demo.said(), "First start") || strings.Contains(s.demo.said(), "root keys") {
		t.Error("a second start founds another city")
	}
	s.says(s.run(true, "verify", "release", code, "--log", s.at+"/log", "--roster", s.path("city.roster")), "opened")
}

// keysOfTheirOwn: each witness has a key that no other has, and nobody else can read it.
func (s *releasing) keysOfTheirOwn() {
	s.t.Helper()
	var keys []string
	for _, name := range []string{"press", "union", "university"} {
		b, err := os.ReadFile(s.path("witnesses", name, "key"))
		if err != nil {
			s.t.Fatal(err)
		}
		if info, err := os.Stat(s.path("witnesses", name, "key")); err != nil || info.Mode().Perm() != 0o600 {
			s.t.Errorf("the key of %s: %v, %v", name, info.Mode(), err)
		}
		keys = append(keys, string(b))
	}
	slices.Sort(keys)
	if len(slices.Compact(keys)) != 3 {
		s.t.Error("two witnesses have one key")
	}
}

// stayed: the reference of a case whose details are not public is nowhere in what the hub keeps.
func (s *releasing) stayed(reference string) {
	s.t.Helper()
	files := 0
	err := filepath.WalkDir(s.path("hub"), func(path string, f fs.DirEntry, err error) error {
		if err != nil || !f.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			return nil // it was a moment's
		}
		files++
		if bytes.Contains(b, []byte(reference)) {
			s.t.Errorf("the reference of the case is in %s", path)
		}
		return err
	})
	if err != nil || files < 10 {
		s.t.Errorf("%d files of the hub were read: %v", files, err)
	}
}

// refused: one body's refusal is final, public, and opens nothing.
func (s *releasing) refused() {
	s.t.Helper()
	code, _, requests := s.ask("11001")
	dir := filepath.Dir(requests["court"])
	s.run(true, s.device("court", "court-1", "approve", requests["court"], "--code", code, "--out", dir+"/court.bin")...)
	s.says(s.run(true, s.device("ombudsman", "ombudsman-2", "refuse", requests["ombudsman"], "--reason", "scope-too-wide", "--out", dir+"/ombudsman.bin")...), "Refused", "scope-too-wide")
	s.says(s.run(true, s.office("answers", code, dir+"/court.bin", dir+"/ombudsman.bin")...), "refused")
	s.says(s.run(false, s.office("open", code)...), "refused")
	follow := []string{"verify", "release", code, "--log", s.at + "/log", "--roster", s.path("city.roster")}
	s.until("the refusal is public", func() bool { return strings.Contains(s.run(true, follow...), "scope-too-wide") })
	w := &town{t: s.t}
	s.until("the public record shows it", func() bool {
		return strings.Contains(w.get(strings.TrimPrefix(s.at, "http://"), "/record"), "refused, asks for too much")
	})
}

// silent: with one answer nothing opens, and the hub hands no ciphertext over.
func (s *releasing) silent() {
	s.t.Helper()
	code, id, requests := s.ask("12001")
	dir := filepath.Dir(requests["court"])
	s.run(true, s.device("court", "court-2", "approve", requests["court"], "--code", code, "--out", dir+"/court.bin")...)
	s.run(true, s.office("answers", code, dir+"/court.bin")...)
	s.says(s.run(false, s.office("open", code)...), "ombudsman")
	s.stayed("POL 2026/12001")
	status, text := s.api("/api/v1/cases/" + id + "/segments")
	var offered []struct{ Camera, Name string }
	if status != http.StatusOK || json.Unmarshal([]byte(text), &offered) != nil || len(offered) == 0 {
		s.t.Fatalf("segments of the case: %d %s", status, text)
	}
	if status, text := s.api("/api/v1/cases/" + id + "/segments/" + offered[0].Camera + "/" + offered[0].Name); status != http.StatusForbidden {
		s.t.Errorf("with one approval the hub hands ciphertext over: %d %.200s", status, text)
	}
}

// seen: in a browser the clip plays, a mark is drawn, and the bundle leaves it open.
func (s *releasing) seen(code string) {
	s.t.Helper()
	modules, err := filepath.Abs("../node_modules")
	if err != nil {
		s.t.Fatal(err)
	}
	browser, missing := exec.LookPath("chromium")
	if _, err := os.Stat(filepath.Join(modules, "playwright-core")); err != nil || missing != nil {
		s.t.Log("the clip is not looked at: no Chromium, or the web parts are not set up; run 'setup/setup test' first")
		return
	}
	play := launch(s.t, "play", filepath.Join(s.t.TempDir(), "log"), []string{"POLITY_TOKEN=" + s.token}, s.office("play", code)...)
	page := regexp.MustCompile(`(?m)^Open (http://\S+)$`)
	s.until("the page of the case is served", func() bool { return page.MatchString(play.said()) || !play.running() })
	if !page.MatchString(play.said()) {
		s.t.Fatal(play.said())
	}
	node := exec.CommandContext(s.t.Context(), "node", "testdata/play.mjs")
	node.Env = append(os.Environ(), "POLITY_MODULES="+modules, "POLITY_CHROMIUM="+browser, "POLITY_PLAY="+page.FindStringSubmatch(play.said())[1])
	node.Stderr = os.Stderr
	out, err := node.Output()
	var saw struct {
		Errors, Outside []string
		First, Then     float64
		Width, Again    int
		Saved           string
	}
	if err != nil || json.Unmarshal(out, &saw) != nil || len(saw.Errors) > 0 {
		s.t.Fatalf("the page of the case: %v\n%s", err, out)
	}
	if saw.Then <= saw.First || saw.Width != 768 {
		s.t.Errorf("the clip does not play: %s", out)
	}
	if len(saw.Outside) > 0 || saw.Again < 400 {
		s.t.Errorf("the page asks others, or its address works twice: %s", out)
	}
	if status := play.interrupt(soon); status != 0 {
		s.t.Errorf("play ends with %d: %s", status, play.said())
	}
	bundle := s.path("marked")
	s.says(s.run(true, s.office("export", code, "--out", bundle)...), "1 mark")
	s.says(s.run(true, "verify", "bundle", bundle, "--roster", s.path("city.roster")), "Nothing is wrong with this bundle")
	s.says(s.run(true, s.office("check", code, bundle)...), "the pictures are those that were sealed")
}

// changed: a bundle with one byte changed is not right.
func (s *releasing) changed() {
	s.t.Helper()
	bundles, err := filepath.Glob(s.path("police", "*", "bundle"))
	if err != nil || len(bundles) != 1 {
		s.t.Fatalf("bundles: %v, %v", bundles, err)
	}
	film := filepath.Join(bundles[0], "clips", "square.mp4")
	b, err := os.ReadFile(film)
	if err != nil {
		s.t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(film, b, 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.says(s.run(false, "verify", "bundle", bundles[0], "--roster", s.path("city.roster")), "clips/square.mp4")
}
