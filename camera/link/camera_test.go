package link_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"polity/camera/layout"
	"polity/camera/link"
	"polity/camera/link/linktest"
	"polity/camera/wire"
)

func TestMain(m *testing.M) {
	linktest.Main()
	if len(os.Args) > 1 && os.Args[1] == crashingEdge {
		crashEdge()
	}
	os.Exit(m.Run())
}

// street collects what an edge's end got.
type street struct {
	mu      sync.Mutex
	stored  map[int64]int // start in ms, how often
	marks   int
	wholes  int
	places  int
	state   wire.State
	failing bool
	log     bytes.Buffer
}

func (s *street) live(m wire.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch m := m.(type) {
	case *wire.Marks:
		s.marks++
	case *wire.Place:
		s.places++
		if m.Whole {
			s.wholes++
		}
	case *wire.State:
		s.state = *m
	}
}

func (s *street) store(ctx context.Context, m wire.Message) error {
	for {
		s.mu.Lock()
		failing := s.failing
		if o, ok := m.(*wire.Observation); ok && !failing {
			s.stored[o.Start.UnixMilli()]++
		}
		s.mu.Unlock()
		if !failing {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (s *street) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(b)
}

func (s *street) see(f func() bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return f()
}

func (s *street) setFailing(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failing = on
}

// eventually waits for a condition; what it says is why the test fails otherwise.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("not within a minute: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func testConfig(s *street, dir, query string) link.Config {
	return link.Config{
		Program: []string{os.Args[0], linktest.Arg}, Env: []string{"GORACE=atexit_sleep_ms=0"}, Spool: filepath.Join(dir, "square.spool"),
		Assignment: func() (link.Assignment, error) {
			a := assignment()
			a.Source.Address = "script://square?" + query
			return a, nil
		},
		Live: s.live, Store: s.store, Log: slog.New(slog.NewTextHandler(s, nil)),
		FirstWait: 20 * time.Millisecond, LastWait: 50 * time.Millisecond, StopGrace: 8 * time.Second,
	}
}

// begin runs a camera until the test, or the function it returns, ends it.
func begin(t *testing.T, cfg link.Config) (*link.Camera, func()) {
	t.Helper()
	c := link.NewCamera(cfg)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	end := sync.OnceFunc(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(end)
	return c, end
}

// lines reads a file of numbers.
func lines(t *testing.T, path string) []int64 {
	t.Helper()
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []int64
	for in := bufio.NewScanner(f); in.Scan(); {
		n, err := strconv.ParseInt(in.Text(), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, n)
	}
	return out
}

func (s *street) missing(truth []int64) []int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []int64
	for _, n := range truth {
		if s.stored[n] == 0 {
			out = append(out, n)
		}
	}
	return out
}

func TestCameraRunsIsWatchedAndStops(t *testing.T) {
	s := &street{stored: map[int64]int{}}
	dir := t.TempDir()
	truth := filepath.Join(dir, "truth")
	c, end := begin(t, testConfig(s, dir, "observe=2ms&marks=5ms&place=20ms&state=20ms&truth="+truth))
	eventually(t, "places and observations arrive", func() bool { return s.see(func() bool { return s.places > 3 && len(s.stored) > 20 }) })
	if s.see(func() bool { return s.marks > 0 }) {
		t.Error("marks although nobody looks")
	}
	c.Watch(true)
	eventually(t, "marks arrive", func() bool { return s.see(func() bool { return s.marks > 3 }) })
	c.Whole()
	eventually(t, "the whole place comes again", func() bool { return s.see(func() bool { return s.wholes > 1 }) })
	c.SetLayout(layout.Layout{Revision: 9})
	if st := c.Status(); st.PID == 0 || st.Starts != 1 {
		t.Errorf("%+v", st)
	}
	end()
	if got := s.missing(lines(t, truth)); len(got) > 0 {
		t.Errorf("an orderly stop lost %d observations", len(got))
	}
	if left, _ := os.ReadDir(dir); len(left) != 2 {
		t.Errorf("left behind: %v", left)
	}
	if log := s.log.String(); strings.Contains(log, "s3cret") {
		t.Errorf("the password is in the log: %s", log)
	}
}

func TestKilledProcessComesBackAndWhatItSaidIsStored(t *testing.T) {
	s := &street{stored: map[int64]int{}}
	dir := t.TempDir()
	stored := filepath.Join(dir, "stored")
	c, end := begin(t, testConfig(s, dir, "observe=1ms&state=20ms&stored="+stored))
	for n := range uint64(3) {
		eventually(t, "it runs and stores", func() bool {
			return c.Status().Starts == n+1 && c.Status().PID != 0 && s.see(func() bool { return len(s.stored) > 50*int(n+1) })
		})
		if err := syscall.Kill(c.Status().PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the death is noticed", func() bool { st := c.Status(); return st.Starts > n+1 || st.PID == 0 })
	}
	eventually(t, "it runs again", func() bool { return c.Status().Starts == 4 })
	end()
	if got := s.missing(lines(t, stored)); len(got) > 0 {
		t.Errorf("%d observations that the process was told are stored are not", len(got))
	}
	if !strings.Contains(s.log.String(), "signal: killed") {
		t.Errorf("the log does not say how it ended: %s", s.log.String())
	}
}

func TestSilentHangingAndTalkingNonsense(t *testing.T) {
	for name, c := range map[string]struct {
		query, says string
		silence     time.Duration // more than a process takes to start, where it is not waited for in vain
	}{
		"silent":           {"silent=50ms&state=10ms", "said nothing", 2 * time.Second},
		"nonsense":         {"garbage=30ms&state=10ms", "did not keep to the link", 30 * time.Second},
		"ends with status": {"exit=30ms&state=10ms", "exit status 3", 30 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			s := &street{stored: map[int64]int{}}
			cfg := testConfig(s, t.TempDir(), c.query)
			cfg.Silence = c.silence
			cam, _ := begin(t, cfg)
			eventually(t, "it is started again", func() bool { return cam.Status().Starts >= 2 })
			if why := cam.Status().LastExit; !strings.Contains(why, c.says) {
				t.Errorf("it says %q, want %q", why, c.says)
			}
		})
	}
}

func TestDeafProcessIsKilledAtTheStop(t *testing.T) {
	s := &street{stored: map[int64]int{}}
	cfg := testConfig(s, t.TempDir(), "deaf=true&state=10ms")
	cfg.StopGrace = 100 * time.Millisecond
	c, end := begin(t, cfg)
	eventually(t, "it runs", func() bool { return s.see(func() bool { return s.state.Condition == wire.Live }) })
	end()
	if why := c.Status().LastExit; !strings.Contains(why, "had to be killed") {
		t.Errorf("%q", why)
	}
}

func TestProgramThatIsNotThere(t *testing.T) {
	s := &street{stored: map[int64]int{}}
	cfg := testConfig(s, t.TempDir(), "")
	cfg.Program = []string{"/nowhere/polity"}
	c, _ := begin(t, cfg)
	eventually(t, "the reason is known", func() bool { return strings.Contains(c.Status().LastExit, "no such file") })
}

func TestFullDiskLosesNothingAndKeepsTheSceneLive(t *testing.T) {
	s := &street{stored: map[int64]int{}, failing: true}
	dir := t.TempDir()
	truth := filepath.Join(dir, "truth")
	c, end := begin(t, testConfig(s, dir, "observe=1ms&state=10ms&marks=10ms&truth="+truth))
	c.Watch(true)
	eventually(t, "far more than the window wait", func() bool { return len(lines(t, truth)) > 700 })
	before := 0
	s.see(func() bool { before = s.marks; return true })
	eventually(t, "the scene goes on", func() bool { return s.see(func() bool { return s.marks > before+3 }) })
	if st := c.Status(); st.Waiting > 256 {
		t.Errorf("%d wait in the edge", st.Waiting)
	}
	s.setFailing(false)
	eventually(t, "what waited is stored", func() bool { return len(s.missing(lines(t, truth)[:700])) == 0 })
	end()
	if got := s.missing(lines(t, truth)); len(got) > 0 {
		t.Errorf("%d lost", len(got))
	}
}

// crashingEdge is the argument that makes this binary an edge that stores half of
// what it gets, into the file of its second argument, until it is killed.
const crashingEdge = "crashing-edge"

func crashEdge() {
	out, err := os.OpenFile(os.Args[3], os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		panic(err)
	}
	dir, n := os.Args[2], 0
	s := &street{stored: map[int64]int{}}
	cfg := testConfig(s, dir, "observe=1ms&state=10ms&truth="+filepath.Join(dir, "truth"))
	cfg.Store = func(ctx context.Context, m wire.Message) error {
		if n++; n > 300 { // the disk is full from here on
			<-ctx.Done()
			return ctx.Err()
		}
		_, err := fmt.Fprintln(out, m.(*wire.Observation).Start.UnixMilli())
		return err
	}
	_ = link.NewCamera(cfg).Run(context.Background())
}

func TestKilledEdgeLosesNothing(t *testing.T) {
	dir := t.TempDir()
	storedBefore, truth := filepath.Join(dir, "stored"), filepath.Join(dir, "truth")
	cmd := exec.Command(os.Args[0], crashingEdge, dir, storedBefore)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the first edge has more than it stored", func() bool { return len(lines(t, truth)) > 900 })
	if err := errors.Join(cmd.Process.Kill(), ignoreExit(cmd.Wait())); err != nil {
		t.Fatal(err)
	}
	// The camera process may still be writing its spool when the next edge starts.
	s := &street{stored: map[int64]int{}}
	_, end := begin(t, testConfig(s, dir, "state=10ms"))
	all := func() []int64 { return lines(t, truth) }
	for _, n := range lines(t, storedBefore) {
		s.see(func() bool { s.stored[n]++; return true })
	}
	eventually(t, "everything is stored", func() bool { return len(s.missing(all())) == 0 })
	end()
	if names, _ := filepath.Glob(filepath.Join(dir, "square.spool.*")); len(names) != 0 {
		t.Errorf("spools left: %v", names)
	}
	if !slices.IsSorted(all()) || len(all()) < 900 {
		t.Errorf("the script wrote %d observations", len(all()))
	}
}

func ignoreExit(err error) error {
	if _, killed := errors.AsType[*exec.ExitError](err); killed {
		return nil
	}
	return err
}

func TestDamagedSpoolIsSetAsideAndTheRestKept(t *testing.T) {
	dir := t.TempDir()
	var b bytes.Buffer
	for n := range 3 {
		if err := wire.Write(&b, observation(n)); err != nil {
			t.Fatal(err)
		}
	}
	whole := b.Len()
	b.WriteString("\x00\x00\x00\x02no message after all")
	path := filepath.Join(dir, "square.spool")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &street{stored: map[int64]int{}}
	_, end := begin(t, testConfig(s, dir, "state=10ms"))
	eventually(t, "three are stored and the file set aside", func() bool {
		found, _ := filepath.Glob(path + ".*-damaged")
		return len(found) == 1 && s.see(func() bool { return len(s.stored) == 3 })
	})
	end()

	// A last message cut short is a loss of power, not damage.
	if err := os.WriteFile(path, b.Bytes()[:whole-5], 0o600); err != nil {
		t.Fatal(err)
	}
	s = &street{stored: map[int64]int{}}
	_, end = begin(t, testConfig(s, dir, "state=10ms"))
	eventually(t, "two are stored and the file is gone", func() bool {
		found, _ := filepath.Glob(path + ".*")
		return len(found) == 1 && s.see(func() bool { return len(s.stored) == 2 })
	})
	end()
}
