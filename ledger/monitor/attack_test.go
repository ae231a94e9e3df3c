package monitor

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"polity/internal/attack"
	"polity/internal/testport"
	"polity/ledger/roster"
	"polity/ledger/roster/rostertest"
	"polity/ledger/witness"
)

// part is what a process of its own is started with.
type part struct {
	Witness, Folder, Log, Listen, Address, Roster, Webhook string
	Peers                                                  []string
}

// TestMain lets this program be a witness or a monitor in a process of its own.
func TestMain(m *testing.M) {
	text := os.Getenv("POLITY_TEST_PART")
	if text == "" {
		os.Exit(m.Run())
	}
	if err := runPart(text); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func runPart(text string) error {
	var p part
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return err
	}
	ready := func(address string) { fmt.Println(address) }
	if p.Witness != "" {
		key, err := witness.ParseSigner(p.Witness)
		if err != nil {
			return err
		}
		v, err := note.NewVerifier(p.Log)
		if err != nil {
			return err
		}
		return witness.Run(context.Background(), witness.Config{Key: key, Logs: []note.Verifier{v}, Folder: p.Folder, Listen: p.Listen, Log: quiet, Clock: witness.SystemClock(), Ready: ready})
	}
	r, err := roster.First([]byte(p.Roster))
	if err != nil {
		return err
	}
	hook, err := NewWebhook(p.Webhook, "secret")
	if err != nil {
		return err
	}
	return Run(context.Background(), Config{
		Roster: r, Every: 100 * time.Millisecond, Listen: p.Listen, Ready: ready,
		Deps: Deps{Folder: p.Folder, Address: p.Address, Peers: p.Peers, Sinks: []Sink{hook}, Now: time.Now, Log: quiet},
	})
}

// anew connects for each question: at the address of a process that was killed another one
// answers.
var anew = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// process is a part that runs.
type process struct {
	part
	address string
	cmd     *exec.Cmd
}

func start(t *testing.T, p part) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	// A port that was free a moment ago may be somebody's for a moment.
	for try := 0; ; try++ {
		x, err := begin(t, self, p, string(text))
		if err == nil {
			return x
		}
		if try == 20 {
			t.Fatalf("the process did not start: %v", err)
		}
		time.Sleep(250 * time.Millisecond)
	}
}

func begin(t *testing.T, self string, p part, text string) (*process, error) {
	t.Helper()
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "POLITY_TEST_PART="+text, "GORACE=atexit_sleep_ms=0")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	x := &process{part: p, cmd: cmd}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		x.kill()
		return nil, err
	}
	t.Cleanup(x.kill)
	x.address = "http://" + strings.TrimSpace(line)
	return x, nil
}

// kill ends it as a loss of power would: no handler runs.
func (p *process) kill() { _ = p.cmd.Process.Kill(); _ = p.cmd.Wait() }

func freeAddress(t *testing.T) string {
	t.Helper()
	return testport.Address(t)
}

func startWitness(t *testing.T, w *town, i int) *process {
	t.Helper()
	return start(t, part{Witness: w.city.Witnesses[i].Private, Folder: t.TempDir(), Log: w.city.Log.Public, Listen: freeAddress(t)})
}

// ask has a witness cosign the log's newest tree, as the log does: it takes the size that
// the witness has, and proves from there. It returns the status and the answer.
func (w *town) ask(p *process) (int, string) {
	w.t.Helper()
	size, old := int64(len(w.entries)), int64(0)
	signed := w.city.Checkpoint(size, w.root(size), w.now)
	for {
		var proof strings.Builder
		if old > 0 && old <= size {
			hashes, err := tlog.ProveTree(size, old, w)
			if err != nil {
				w.t.Fatal(err)
			}
			for _, h := range hashes {
				fmt.Fprintf(&proof, "%s\n", h)
			}
		}
		resp, err := anew.Post(p.address+"/add-checkpoint", "", strings.NewReader(fmt.Sprintf("old %d\n%s\n%s", old, &proof, signed)))
		if err != nil {
			w.t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			w.t.Fatal(err)
		}
		if resp.StatusCode != http.StatusConflict {
			return resp.StatusCode, string(text)
		}
		var now int64
		if _, err := fmt.Sscan(string(text), &now); err != nil || now == old || now > size {
			return resp.StatusCode, string(text)
		}
		old = now
	}
}

// cosigned shows a checkpoint with the signatures of witnesses, all of which must agree.
func (w *town) cosigned(witnesses ...*process) {
	w.t.Helper()
	size := int64(len(w.entries))
	signed := w.city.Checkpoint(size, w.root(size), w.now)
	for _, p := range witnesses {
		code, line := w.ask(p)
		if code != http.StatusOK {
			w.t.Fatalf("an honest log was refused: %d %s", code, line)
		}
		signed = append(signed, line...)
	}
	w.show(signed)
}

// ears hear what monitors tell.
type ears struct {
	*httptest.Server
	heard chan Message
}

func newEars(t *testing.T) *ears {
	e := &ears{heard: make(chan Message, 1000)}
	e.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var m Message
		if json.NewDecoder(r.Body).Decode(&m) == nil {
			e.heard <- m
		}
	}))
	t.Cleanup(e.Close)
	return e
}

// wait hears of an alert.
func (e *ears) wait(t *testing.T, kind string) Message {
	t.Helper()
	deadline := time.After(2 * time.Minute)
	for {
		select {
		case m := <-e.heard:
			if m.Alert == kind {
				return m
			}
		case <-deadline:
			t.Fatalf("nobody was told of %q", kind)
		}
	}
}

func startMonitor(t *testing.T, w *town, e *ears, listen string, peers ...string) *process {
	t.Helper()
	return start(t, part{Folder: t.TempDir(), Address: w.server.URL, Roster: string(w.city.Roster.File()), Webhook: e.URL, Listen: listen, Peers: peers})
}

// reads waits until a monitor has read so many entries.
func (p *process) reads(t *testing.T, size int) {
	t.Helper()
	for range 1200 {
		resp, err := anew.Get(p.address + "/" + witness.Hash(rostertest.Origin) + "/checkpoint")
		if err == nil {
			data, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if c, err := witness.Peek(data); err == nil && c.Size == int64(size) {
				return
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("the monitor did not read %d entries", size)
}

// proven reads the proof of a fork that a monitor kept, from its file and from its
// address, and checks it with the keys of the roster alone.
func (p *process) proven(t *testing.T, w *town) witness.Found {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(p.Folder, "*.fork"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no proof was kept: %v", err)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	f, err := witness.ParseFork(data)
	if err != nil {
		t.Fatal(err)
	}
	v, err := w.city.Roster.LogVerifier()
	if err != nil {
		t.Fatal(err)
	}
	found, err := f.Verify([]note.Verifier{v}, Witnesses(&w.city.Roster.Roster))
	if err != nil {
		t.Fatal(err)
	}
	if data, err = newSource(p.address).get(context.Background(), witness.Hash(rostertest.Origin)+"/fork", 1<<20); err != nil || !bytes.Equal(data, f.Encode()) && len(files) == 1 {
		t.Errorf("served: %v", err)
	}
	return found
}

func newTownNow(t *testing.T) *town {
	w := newTown(t)
	w.now = time.Now()
	return w
}

// rewrite is the same log with an entry exchanged, and some more.
func (w *town) rewrite(at int, kind string, more int) *town {
	other := w.fork(at)
	other.fill(1, kind)
	other.addRaw(w.entries[at+1:]...)
	other.fill(more, kind)
	return other
}

// TestAttackLogRewritten gives the attacker the log and its key. An entry that everyone
// has read is exchanged; then witnesses are killed and asked again.
func TestAttackLogRewritten(t *testing.T) {
	attack.Tell(t, "log-rewritten",
		"Who keeps the log, with its key, exchanges an entry that everyone has read, asks three witness processes, kills them and asks again, and shows it without them.",
		"Witnesses remember through a kill and sign only what continues; monitors find the exchanged entry, and keep a proof against the log.")
	w, e := newTownNow(t), newEars(t)
	witnesses := []*process{startWitness(t, w, 0), startWitness(t, w, 1), startWitness(t, w, 2)}
	w.fill(30, "a")
	w.cosigned(witnesses...)
	m := startMonitor(t, w, e, "127.0.0.1:0")
	m.reads(t, 30)

	evil := w.rewrite(12, "evil", 5)
	for i, p := range witnesses {
		for _, log := range []*town{evil, w.rewrite(12, "evil", 0)} {
			if code, text := log.ask(p); code != http.StatusUnprocessableEntity {
				t.Errorf("witness %d cosigned a log that was rewritten: %d %s", i, code, text)
			}
		}
		p.kill()
		witnesses[i] = start(t, p.part)
		if code, text := evil.ask(witnesses[i]); code != http.StatusUnprocessableEntity {
			t.Errorf("witness %d cosigned a log that was rewritten, after it was killed: %d %s", i, code, text)
		}
	}

	// Under the checkpoint that was cosigned, exchanged entries are found at once by who
	// reads them for the first time.
	served := w.rewrite(12, "evil", 0)
	served.show(w.shown)
	fresh := newEars(t)
	startMonitor(t, served, fresh, "127.0.0.1:0")
	fresh.wait(t, "rewritten")

	// Shown without a quorum, it counts for nobody, and is proof against the log.
	w.mu.Lock()
	w.entries, w.hashes = evil.entries, evil.hashes
	w.mu.Unlock()
	w.show(w.city.Checkpoint(35, w.root(35), w.now))
	e.wait(t, "quorum")
	same := w.fork(30)
	w.show(w.city.Checkpoint(30, same.root(30), w.now))
	if text := e.wait(t, "fork").Text; !strings.Contains(text, "No witness signed both") {
		t.Error(text)
	}
	if found := m.proven(t, w); len(found.Witnesses) != 0 || found.First.Size != 30 {
		t.Errorf("%+v", found)
	}
}

// TestAttackSplitView gives the attacker the log's key and the keys of two witnesses: two
// readers are shown two logs, each with a quorum. The monitors meet.
func TestAttackSplitView(t *testing.T) {
	attack.Tell(t, "split-view",
		"Who keeps the log, with its key and those of two witnesses, shows two readers two logs, each with a quorum.",
		"Honest witnesses never sign both; once the two monitors ask one another, each holds a proof that names log and witnesses, and anyone can check it.")
	w := newTownNow(t)
	w.fill(20, "a")
	one, two := w.fork(20), w.fork(20)
	one.fill(3, "for the court")
	two.fill(7, "for everyone else")

	// Honest witnesses cannot be had for both: a quorum is more than half.
	honest := []*process{startWitness(t, w, 0), startWitness(t, w, 1), startWitness(t, w, 2)}
	one.cosigned(honest[0], honest[1])
	signed := 0
	for _, p := range honest {
		if code, _ := two.ask(p); code == http.StatusOK {
			signed++
		}
	}
	if signed >= w.city.Roster.Quorum {
		t.Fatalf("%d honest witnesses signed the second view", signed)
	}

	one.publish(0, 1)
	two.publish(0, 1)
	first, second := newEars(t), newEars(t)
	a, b := freeAddress(t), freeAddress(t)
	m1 := startMonitor(t, one, first, a, "http://"+b)
	m2 := startMonitor(t, two, second, b, "http://"+a)
	for i, e := range []*ears{first, second} {
		text := e.wait(t, "fork").Text
		if !strings.Contains(text, "witness-1.example, witness-2.example") || strings.Contains(text, "witness-3") {
			t.Errorf("monitor %d: %s", i+1, text)
		}
	}
	for _, m := range []*process{m1, m2} {
		if found := m.proven(t, w); found.First.Size != 23 || found.Second.Size != 27 || len(found.Witnesses) != 2 {
			t.Errorf("%+v", found)
		}
	}
}

// TestAttackWitnessLies gives the attacker the log's key and one witness. The other two
// are honest, and each is shown one view alone. A monitor asks the witness that was shown
// the other view.
func TestAttackWitnessLies(t *testing.T) {
	attack.Tell(t, "witness-lies",
		"One witness signs whatever it is given, so that two views have a quorum, each with one honest witness who sees only that view.",
		"A monitor asks the other honest witness, finds the other view, and both signatures of the liar are proof against it by name.")
	w := newTownNow(t)
	w.fill(20, "a")
	one, two := w.fork(20), w.fork(20)
	one.fill(8, "for the court")
	two.fill(5, "for everyone else")
	w1, w2 := startWitness(t, w, 1), startWitness(t, w, 2)
	liar, err := witness.ParseSigner(w.city.Witnesses[0].Private)
	if err != nil {
		t.Fatal(err)
	}
	for log, honest := range map[*town]*process{one: w1, two: w2} {
		log.cosigned(honest)
		c, err := witness.Peek(log.shown)
		if err != nil {
			t.Fatal(err)
		}
		log.show(append(log.shown, liar.Cosign(c.Text, time.Now())...))
	}
	e := newEars(t)
	m := startMonitor(t, one, e, "127.0.0.1:0", w2.address)
	text := e.wait(t, "fork").Text
	if !strings.Contains(text, w2.address) {
		t.Error(text)
	}
	// What the honest witness holds carries the log's signature and its own; the view with
	// the liar's is what others were shown.
	file := two.shown
	v, _ := w.city.Roster.LogVerifier()
	f, err := witness.ParseFork(firstProof(t, m))
	if err != nil {
		t.Fatal(err)
	}
	f.First = file
	found, err := f.Verify([]note.Verifier{v}, Witnesses(&w.city.Roster.Roster))
	if err != nil || len(found.Witnesses) != 1 || found.Witnesses[0] != "witness-1.example" {
		t.Fatalf("%+v, %v", found, err)
	}

	// A monitor that was shown the other view names the liar by itself.
	e2, e3 := newEars(t), newEars(t)
	a, b := freeAddress(t), freeAddress(t)
	startMonitor(t, one, e2, a, "http://"+b)
	startMonitor(t, two, e3, b, "http://"+a)
	for _, e := range []*ears{e2, e3} {
		if text := e.wait(t, "fork").Text; !strings.Contains(text, "signed both: witness-1.example.") {
			t.Error(text)
		}
	}
}

func firstProof(t *testing.T, p *process) []byte {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(p.Folder, "*.fork"))
	if len(files) == 0 {
		t.Fatal("no proof was kept")
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestAttackRollback replays an old checkpoint with all its signatures to a witness and to
// a monitor.
func TestAttackRollback(t *testing.T) {
	attack.Tell(t, "log-rolled-back",
		"An old checkpoint, with all its signatures, is put before witnesses and a monitor that were killed and started again.",
		"Both keep on disk how far the log had come: the witnesses refuse, the monitor tells people by how much it went back.")
	w, e := newTownNow(t), newEars(t)
	p := []*process{startWitness(t, w, 0), startWitness(t, w, 1)}
	w.fill(10, "a")
	w.cosigned(p...)
	early, small := w.shown, w.fork(10)
	m := startMonitor(t, w, e, "127.0.0.1:0")
	m.reads(t, 10)
	w.fill(10, "b")
	w.cosigned(p...)
	m.reads(t, 20)
	for _, x := range p {
		x.kill()
		x = start(t, x.part)
		if code, text := small.ask(x); code != http.StatusConflict || text != "20\n" {
			t.Errorf("an old checkpoint: %d %s", code, text)
		}
	}
	m.kill()
	w.show(early)
	start(t, m.part)
	if text := e.wait(t, "rolled-back").Text; !strings.Contains(text, "10 entries; it has shown 20") {
		t.Error(text)
	}
}

// TestAWitnessThatIsKilled is asked without a pause and killed again and again. Whatever it
// answered, it remembers.
func TestAWitnessThatIsKilled(t *testing.T) {
	w := newTownNow(t)
	p := startWitness(t, w, 0)
	answered := int64(0)
	for range 6 {
		stop := time.AfterFunc(30*time.Millisecond, func() { _ = p.cmd.Process.Kill() })
		for range 200 {
			w.fill(1, "a")
			size := int64(len(w.entries))
			old := size - 1
			hashes, _ := tlog.ProveTree(size, max(old, 1), w)
			var proof strings.Builder
			for _, h := range hashes {
				if old > 0 {
					fmt.Fprintf(&proof, "%s\n", h)
				}
			}
			resp, err := anew.Post(p.address+"/add-checkpoint", "", strings.NewReader(fmt.Sprintf("old %d\n%s\n%s", old, &proof, w.city.Checkpoint(size, w.root(size), w.now))))
			if err != nil {
				break
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				break
			}
			answered = size
		}
		stop.Stop()
		p.kill()
		p = start(t, p.part)
		resp, err := anew.Post(p.address+"/add-checkpoint", "", strings.NewReader(fmt.Sprintf("old 0\n\n%s", w.city.Checkpoint(int64(len(w.entries)), w.root(int64(len(w.entries))), w.now))))
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		var has int64
		if resp.StatusCode == http.StatusConflict {
			_, _ = fmt.Sscan(string(text), &has)
		}
		if has < answered {
			t.Fatalf("it answered %d and remembers %d (%d %s)", answered, has, resp.StatusCode, text)
		}
		if code, text := w.ask(p); code != http.StatusOK {
			t.Fatalf("%d %s", code, text)
		}
		answered = int64(len(w.entries))
	}
}
