package main

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"polity/recording/recordtest"
	"polity/recording/segment"
	"polity/recording/share"
	"polity/release/case/casetest"
)

// police is an office's machine whose every step is a process of its own.
type police struct {
	*casetest.World

	t   *testing.T
	dir string
	hub *casetest.Hub
	at  string
}

func (p *police) path(name string) string { return filepath.Join(p.dir, name) }

func (p *police) command(args ...string) *exec.Cmd {
	office := []string{"case", "--office", p.path("office"), "--passphrase-file", p.path("passphrase")}
	cmd := exec.CommandContext(p.t.Context(), "polity", append(office, args...)...)
	cmd.Env = append(os.Environ(), "POLITY_TOKEN=polity_x")
	return cmd
}

func (p *police) run(ok bool, args ...string) string {
	p.t.Helper()
	b, err := p.command(args...).CombinedOutput()
	if (err == nil) != ok {
		p.t.Fatalf("polity case %v: %v\n%s", args, err, b)
	}
	return string(b)
}

func (p *police) write(name, text string) string {
	p.t.Helper()
	if err := os.WriteFile(p.path(name), []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
	return p.path(name)
}

func says(t *testing.T, said string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(said, w) {
			t.Errorf("it does not say %q:\n%s", w, said)
		}
	}
}

func newPolice(t *testing.T) *police {
	t.Helper()
	// The program goes by its own clock: what was filmed is of yesterday.
	filmed, asked := casetest.Filmed, casetest.Asked
	t.Cleanup(func() { casetest.Filmed, casetest.Asked = filmed, asked })
	casetest.Asked = time.Now().UTC().Truncate(time.Second)
	casetest.Filmed = casetest.Asked.Truncate(24 * time.Hour).Add(-10 * time.Hour)
	p := &police{World: casetest.New(t, t.TempDir()), t: t, dir: t.TempDir()}
	p.hub = casetest.NewHub(p.World)
	p.hub.Time = time.Now()
	server := httptest.NewServer(p.hub.Handler())
	t.Cleanup(server.Close)
	p.at = server.URL
	p.write("passphrase", casetest.Passphrase+"\n")
	return p
}

// begin makes the machine with a fresh key, which stands in a roster of this city.
func (p *police) begin() {
	p.t.Helper()
	said := p.run(true, "init", "--body", "police", "--device", "police-1", "--name", "helsinki.example/police-1", "--work-factor", "2")
	key := regexp.MustCompile(`helsinki\.example/police-1\+\S+`).FindString(said)
	p.Replace(key)
	p.write("city.roster", string(p.Roster.File()))
	says(p.t, p.run(false, "roster", p.path("city.roster"), "--words", "wrong words"), "not those of this roster")
	says(p.t, p.run(true, "roster", p.path("city.roster"), "--words", p.Roster.Words()), "police-1 of police")
}

// An officer at a terminal, from the draft to the bundle.
func TestCaseAtATerminal(t *testing.T) {
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("ffmpeg is not installed here: nothing can be exported")
	}
	p := newPolice(t)
	p.begin()
	units := recordtest.Film("h264.mp4", casetest.Filmed)
	p.Shoot("square", casetest.Filmed, casetest.Filmed.Add(12*time.Second), units)
	p.Seal("square", casetest.Filmed.Add(20*time.Second), segment.PowerLost, units)
	p.LogHour("square", casetest.Filmed)
	draft := strings.NewReplacer("HUB", p.at, "EXPIRES", time.Now().Add(48*time.Hour).UTC().Format(time.RFC3339), "DAY", time.Now().AddDate(0, 6, 0).UTC().Format(time.DateOnly),
		"FROM", casetest.Filmed.Format(time.RFC3339), "TO", casetest.Filmed.Add(time.Hour).Format(time.RFC3339)).Replace(
		`{"format":"polity-draft/1","hub":"HUB","purpose":"missing-person","cameras":["square"],"from":"FROM","to":"TO","order":"HEL 2026-012345","case":"POL 2026/77","expires":"EXPIRES","details_public_on":"DAY"}`)
	says(t, p.run(false, "new", p.write("wrong.json", strings.Replace(draft, "trial", "x", 1)+"x")), "something follows")
	says(t, p.run(true, "list"), "No case yet")
	said := p.run(true, "new", p.write("case.json", draft))
	code := regexp.MustCompile(`(?m)^Case\s+(\S+)$`).FindStringSubmatch(said)[1]
	if strings.Contains(said, "HEL 2026") {
		t.Errorf("the order's reference is told:\n%s", said)
	}
	says(t, p.run(true, "submit", code), "Handed in")
	says(t, p.run(true, "status", code), "public, entry", "court has not answered", "waiting")
	says(t, p.run(false, "open", code), "the answer of court is not here yet")
	says(t, p.run(true, "requests", code, "--out", p.dir), "For court", "Its words")
	for _, body := range share.Bodies {
		request, err := os.ReadFile(p.path("request-" + code + "-" + string(body) + ".bin"))
		if err != nil {
			t.Fatal(err)
		}
		file := p.write(string(body)+".bin", string(p.Approve(body, request)))
		says(t, p.run(true, "answers", code, file), "Taken: the answer of "+string(body), "Handed in at the hub", "approved: 4 shares")
	}
	says(t, p.run(false, "play", code), "not opened yet")
	says(t, p.run(true, "open", code[:4]), "Opened: in the public log", "4 segments here, 4 open", "the recorder lost power", "missing       14:00:24", "1 hour of a camera whole and as logged", "polity case play "+code)
	says(t, p.run(true, "open", code), "4 segments here, 4 open") // again: nothing changes
	says(t, p.run(true, "list"), code, "court approved, ombudsman approved, opened")
	opened := filepath.Join(p.path("office"), "cases", code, "proofs", "opened.proof")
	other, err := os.ReadFile(filepath.Join(filepath.Dir(opened), "court.proof"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(opened, other, 0o600); err != nil { // a true proof, of another entry
		t.Fatal(err)
	}
	p.hub.Unproven = "opened"
	says(t, p.run(false, "play", code), "\"opened\" is not in the public log")
	says(t, p.run(false, "open", code, "--play"), "\"opened\" is not in the public log")
	p.hub.Unproven = ""
	p.play(code, "play", code)
	p.play(code, "open", code, "--play")
	says(t, p.run(true, "export", code, "--out", p.path("bundle"), "--to", casetest.Filmed.Add(30*time.Second).Format(time.RFC3339), "--by", "Officer 12"), "clips/square.mp4", "polity verify bundle")
	says(t, p.run(false, "export", code, "--out", p.path("bundle")), "is not empty")
	says(t, p.run(true, "check", code, p.path("bundle")), "those that were sealed", "the same to the byte")
	says(t, p.run(true, "disclose", code, "--out", p.path("details.statements")), "hand in")
	says(t, p.run(true, "disclose", code), "Disclosed: in the public log")
	p.write("passphrase", "another passphrase\n")
	says(t, p.run(false, "play", code), "passphrase is wrong")
}

// play opens the page as a browser does.
func (p *police) play(code string, args ...string) {
	p.t.Helper()
	cmd := p.command(args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	lines, address := bufio.NewScanner(out), ""
	for address == "" && lines.Scan() {
		address, _ = strings.CutPrefix(lines.Text(), "Open ")
		if !strings.HasPrefix(address, "http://127.0.0.1:") {
			address = ""
		}
	}
	if address == "" {
		p.t.Fatalf("%v tells no address", args)
	}
	for _, want := range []int{http.StatusOK, http.StatusForbidden} {
		a, err := http.Get(address)
		if err != nil {
			p.t.Fatal(err)
		}
		_ = a.Body.Close()
		if a.StatusCode != want {
			p.t.Errorf("%d; want %d", a.StatusCode, want)
		}
	}
	busy := p.run(false, "play", code)
	says(p.t, busy, "another program has the case")
	_ = cmd.Process.Signal(os.Interrupt)
	if err := cmd.Wait(); err != nil {
		p.t.Errorf("it ended with %v", err)
	}
}
