package scenario

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"polity/internal/attack"
)

// TestAttackARelease attacks a city whose hub, edge, witnesses and devices run as processes,
// after a release went through all of them.
func TestAttackARelease(t *testing.T) {
	attack.Tell(t, "hub-memory-searched",
		"The hub's memory is read after a release went through it, and searched for the references of order and case, which would tell whom it was about.",
		"The references never leave the officer's machine but encrypted to the bodies; the hub has commitments to them.")
	attack.Tell(t, "one-body-colludes",
		"The court approves, and the officer opens with its answer alone, with the court's answer in the ombudsman's place, and with the ombudsman's answer to another case.",
		"polity case open asks for both halves of this case; an answer is of one body and one token.")
	attack.Tell(t, "token-replayed",
		"An approval of one case is carried to another case, to the officer's machine and to the hub's interface.",
		"Each answer names the token that it answers, and its halves are sealed to that case.")
	attack.Tell(t, "scope-camera",
		"With an approved case the officer asks the hub for segments of another camera, and for files of the edge by path.",
		"The hub asks an edge for segments that the token names alone, by names that it puts together itself.")
	attack.Tell(t, "scope-time",
		"With an approved case the officer asks the hub for a segment before and after the token's times.",
		"The hub holds the start in a segment's name to the token's times.")
	attack.Tell(t, "token-unlogged",
		"The officer makes a case and never hands it in, then asks for its requests and for its segments.",
		"The hub offers requests and segments of tokens that are public alone.")
	attack.Tell(t, "opened-unseen",
		"Both bodies have approved, and the officer fetches the sealed segments with a program that says nothing of it in the public log.",
		"The hub hands out ciphertext only once the log has the office's entry release-opened; polity case open hands it in first.")
	attack.Tell(t, "case-of-another",
		"A control room operator, an administrator and somebody without an account ask for a case, its answers and its segments by its id.",
		"Cases are shown to evidence officers and to those who check them; to anybody else they answer as what does not exist or may not be seen.")
	attack.Tell(t, "log-rewritten",
		"Whoever runs the hub changes a byte of an entry in the log's folder, and puts the folder from before the release back.",
		"polity verify log names the place of the change, and the witnesses cosign no log that goes back: the hub says so and publishes nothing.")
	t.Parallel()
	s := &releasing{t: t, data: filepath.Join(t.TempDir(), "data")}
	var host string
	s.demo, host = startDemo(t, s.data, "--port", "0")
	s.at = "http://" + host
	before := filepath.Join(t.TempDir(), "before")
	s.until("the log has public entries", func() bool {
		b, err := os.ReadFile(filepath.Join(s.logFolder(), "checkpoint"))
		lines := strings.Split(string(b), "\n")
		return err == nil && len(lines) > 2 && lines[1] != "0"
	})
	copyLog(t, s.logFolder(), before)
	guided := launch(t, "the guided release", filepath.Join(t.TempDir(), "log"), nil, "demo", "--release", "--yes", "--data", s.data)
	if status := guided.wait(later); status != 0 {
		t.Fatalf("the guided release ends with %d:\n%s\n%s", status, guided.said(), s.demo.said())
	}
	s.signIn()
	s.misuse(caseToken.FindStringSubmatch(guided.said())[1])
	s.searchHub(s.mixUp(), "POL 2026/21", "POL 2026/22")
	s.rewrite(before)
}

func (s *releasing) logFolder() string {
	s.t.Helper()
	found := ""
	_ = filepath.WalkDir(s.path("hub"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Name() == "treeState" {
			found = filepath.Dir(filepath.Dir(path))
		}
		return nil
	})
	return found
}

func copyLog(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// searchHub looks for references of cases whose details are not public, and for the code of
// one, which the hub has to know.
func (s *releasing) searchHub(code string, references ...string) {
	s.t.Helper()
	memory := memoryOf(s.t, s.demo.pid()) // the hub is in the demo's own process, as is the film
	if !bytes.Contains(memory, []byte(code)) {
		s.t.Error("the search does not even find the code of the case")
	}
	for _, reference := range references {
		if bytes.Contains(memory, []byte(reference)) {
			s.t.Errorf("the hub's memory holds the reference %q", reference)
		}
	}
	s.t.Logf("%d MiB of the hub's memory were searched", len(memory)>>20)
}

// misuse asks for more than a case that was granted gives.
func (s *releasing) misuse(id string) {
	s.t.Helper()
	base := "/api/v1/cases/" + id
	status, text := s.api(base + "/segments")
	var offered []struct{ Camera, Name string }
	if status != http.StatusOK || json.Unmarshal([]byte(text), &offered) != nil || len(offered) == 0 {
		s.t.Fatalf("segments of the case: %d %s", status, text)
	}
	right := offered[0]
	if status, text := s.api(base + "/segments/" + right.Camera + "/" + right.Name); status != http.StatusOK || !strings.HasPrefix(text, "POLSEG\r\n") {
		s.t.Fatalf("a segment of the case: %d %.100q", status, text)
	}
	day := right.Name[:8]
	for what, path := range map[string]string{
		"another camera":     "/segments/bridge/" + right.Name,
		"a later time":       "/segments/" + right.Camera + "/20991231T235959.000Z-0000000001.seg",
		"an earlier time":    "/segments/" + right.Camera + "/20200101T000000.000Z-0000000001.seg",
		"a path":             "/segments/" + right.Camera + "/" + url.PathEscape("../../recorder.key"),
		"a camera as a path": "/segments/" + url.PathEscape("../../"+right.Camera) + "/" + right.Name,
		"a number changed":   "/segments/" + right.Camera + "/" + day + "T000000.000Z-0000000001.seg",
		"another body":       "/answers/press",
		"another's hours":    "/hours/bridge",
	} {
		if status, text := s.api(base + path); status < 400 || status >= 500 || strings.Contains(text, "POLSEG") {
			s.t.Errorf("%s: %d %.100q", what, status, text)
		}
	}
	// Segments that are there, and that the token does not name.
	var outside []string
	s.until("something is recorded outside of the token's times", func() bool {
		files, err := filepath.Glob(s.path("edge", "recordings", right.Camera, "*", "*.seg"))
		if err != nil {
			s.t.Fatal(err)
		}
		outside = nil
		_, text = s.api(base + "/segments") // one that began inside may have been finished since
		for _, file := range files {
			if !strings.Contains(text, filepath.Base(file)) {
				outside = append(outside, filepath.Base(file))
			}
		}
		return len(outside) > 0
	})
	for _, name := range outside {
		if status, text := s.api(base + "/segments/" + right.Camera + "/" + name); status != http.StatusForbidden {
			s.t.Errorf("the segment %s, which the token does not name: %d %.100q", name, status, text)
		}
	}
	officer := s.token
	for _, as := range []string{"safety", "it", ""} {
		jar, err := cookiejar.New(nil)
		if err != nil {
			s.t.Fatal(err)
		}
		c := &http.Client{Jar: jar, Timeout: soon}
		if as != "" {
			s.post(c, "/door", url.Values{"as": {as}})
		}
		for _, path := range []string{"", "/requests/court", "/answers/court", "/segments", "/segments/" + right.Camera + "/" + right.Name, "/hours/" + right.Camera, "/proofs"} {
			r, err := c.Get(s.at + base + path)
			if err != nil {
				s.t.Fatal(err)
			}
			r.Body.Close()
			if r.StatusCode != http.StatusForbidden && r.StatusCode != http.StatusNotFound && r.StatusCode != http.StatusUnauthorized {
				s.t.Errorf("%q asks for %s of a case: %d", as, path, r.StatusCode)
			}
		}
	}
	s.token = officer
}

// mixUp carries answers to where they do not belong, and returns the code of a case.
func (s *releasing) mixUp() string {
	s.t.Helper()
	one, _, first := s.ask("21")
	two, id, second := s.ask("22")
	dir := filepath.Dir(first["court"])
	answer := func(body, device, code, request, file string) string {
		file = filepath.Join(dir, file)
		s.run(true, s.device(body, device, "approve", request, "--code", code, "--out", file)...)
		return file
	}
	court := answer("court", "court-1", two, second["court"], "court-22.bin")
	other := answer("ombudsman", "ombudsman-1", one, first["ombudsman"], "ombudsman-21.bin")
	s.run(true, s.office("answers", two, court)...)
	s.says(s.run(false, s.office("open", two)...), "ombudsman")
	for name, file := range map[string]string{"the court's again": court, "of another case": other} {
		s.run(name == "the court's again", s.office("answers", two, file)...)
		s.says(s.run(false, s.office("open", two)...), "ombudsman")
		if status, text := s.send("/api/v1/cases/"+id+"/answers", file); name == "of another case" && (status < 400 || status >= 500) {
			s.t.Errorf("%s: the hub answers %d %s", name, status, text)
		}
	}
	// Both agree, and the officer's own program says nothing of it in the log.
	right := answer("ombudsman", "ombudsman-1", two, second["ombudsman"], "ombudsman-22.bin")
	s.run(true, s.office("answers", two, right)...)
	_, text := s.api("/api/v1/cases/" + id + "/segments")
	var offered []struct{ Camera, Name string }
	if json.Unmarshal([]byte(text), &offered) != nil || len(offered) == 0 {
		s.t.Fatalf("segments of the case: %s", text)
	}
	one = "/api/v1/cases/" + id + "/segments/" + offered[0].Camera + "/" + offered[0].Name
	s.until("both approvals are public", func() bool {
		status, text := s.api(one)
		if status != http.StatusForbidden {
			s.t.Fatalf("ciphertext of a case that nobody said to be opened: %d %.100q", status, text)
		}
		return strings.Contains(text, "release-opened")
	})
	s.run(true, s.office("open", two)...)
	if status, _ := s.api(one); status != http.StatusOK {
		s.t.Errorf("ciphertext of a case that is opened in public: %d", status)
	}
	// A case that was never handed in.
	dir = filepath.Join(s.t.TempDir(), "unlogged")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		s.t.Fatal(err)
	}
	drafts, err := filepath.Glob(s.path("police", "*", "case.json"))
	if err != nil || len(drafts) != 1 {
		s.t.Fatalf("drafts: %v, %v", drafts, err)
	}
	b := bytes.Replace(mustRead(s.t, drafts[0]), []byte("POL 2026/"), []byte("POL 2026/9"), 1)
	if err := os.WriteFile(filepath.Join(dir, "case.json"), b, 0o600); err != nil {
		s.t.Fatal(err)
	}
	said := s.run(true, s.office("new", filepath.Join(dir, "case.json"))...)
	code, unlogged := caseCode.FindStringSubmatch(said)[1], caseToken.FindStringSubmatch(said)[1]
	s.run(false, s.office("requests", code, "--out", dir)...)
	s.run(false, s.office("open", code)...)
	if status, text := s.api("/api/v1/cases/" + unlogged + "/segments"); status != http.StatusNotFound {
		s.t.Errorf("segments of a case that was never handed in: %d %s", status, text)
	}
	return two
}

// send posts a file with the officer's token.
func (s *releasing) send(path, file string) (int, string) {
	s.t.Helper()
	q, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.at+path, bytes.NewReader(mustRead(s.t, file)))
	if err != nil {
		s.t.Fatal(err)
	}
	q.Header.Set("Authorization", "Bearer "+s.token)
	q.Header.Set("Content-Type", "application/octet-stream")
	r, err := client.Do(q)
	if err != nil {
		s.t.Fatal(err)
	}
	defer r.Body.Close()
	var b bytes.Buffer
	_, _ = b.ReadFrom(r.Body)
	return r.StatusCode, b.String()
}

// rewrite changes the log's folder as who runs the hub can, and starts from an old one.
func (s *releasing) rewrite(before string) {
	s.t.Helper()
	if status := s.demo.interrupt(soon); status != 0 {
		s.t.Fatalf("the demo ends with %d: %s", status, s.demo.said())
	}
	dir := s.logFolder()
	s.says(s.run(true, "verify", "log", dir, "--roster", s.path("city.roster")), "holds together")
	changed := filepath.Join(s.t.TempDir(), "changed")
	copyLog(s.t, dir, changed)
	hits := 0
	err := filepath.WalkDir(filepath.Join(changed, "tile", "entries"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b := mustRead(s.t, path)
		if i := bytes.Index(b, []byte(`"cameras_count":`)); i >= 0 {
			hits++
			b[i+len(`"cameras_count":`)]++
			return os.WriteFile(path, b, 0o600) //nolint:gosec // the test's folder
		}
		return nil
	})
	if err != nil || hits == 0 {
		s.t.Fatalf("no request stands in the log: %v", err)
	}
	if said := s.run(false, "verify", "log", changed, "--roster", s.path("city.roster")); !strings.Contains(said, "entry") {
		s.t.Errorf("a changed entry is not named: %s", said)
	}
	if err := os.RemoveAll(dir); err != nil {
		s.t.Fatal(err)
	}
	copyLog(s.t, before, dir)
	// The hub remembers how far the log had come; and so do the witnesses, once somebody has
	// removed what it remembers.
	refused := launch(s.t, "a demo whose log went back", filepath.Join(s.t.TempDir(), "log"), nil, "demo", "--data", s.data, "--port", "0")
	if status := refused.wait(soon); status == 0 || !strings.Contains(refused.said(), "is from an older backup") {
		s.t.Fatalf("a demo whose log went back ends with %d: %s", status, refused.said())
	}
	memory := regexp.MustCompile(`(?m)remove (/\S+)$`).FindStringSubmatch(refused.said())
	if memory == nil || os.Remove(memory[1]) != nil {
		s.t.Fatalf("what the hub remembers of the log is not where it says: %s", refused.said())
	}
	again, host := startDemo(s.t, s.data, "--port", "0")
	defer again.interrupt(soon)
	w := &town{t: s.t}
	old := mustRead(s.t, filepath.Join(before, "checkpoint"))
	size := func(checkpoint []byte) string { return strings.Split(string(checkpoint), "\n")[1] }
	eventually(s.t, "it is told that the log went back", later, func() bool {
		return strings.Contains(w.get(host, "/record"), "its folder is from an older backup")
	}, again.said)
	if now := mustRead(s.t, filepath.Join(s.logFolder(), "checkpoint")); size(now) != size(old) {
		s.t.Errorf("a log that went back was published on, with %s entries after %s", size(now), size(old))
	}
}
