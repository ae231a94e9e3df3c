package sandbox_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"polity/internal/sandbox"
)

// TestMain is the stage of the sandboxes that the tests start, and the helpers
// that they need as processes.
func TestMain(m *testing.M) {
	sandbox.Stage()
	if len(os.Args) > 1 && strings.HasPrefix(os.Args[1], "helper:") {
		helper(os.Args[1])
		return
	}
	os.Exit(withProbe(m))
}

// withProbe builds the program that tries things from inside: static, so that
// also a test binary built otherwise (race detector) has one that fits the limits.
func withProbe(m *testing.M) int {
	if os.Getenv("POLITY_PROBE") != "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "probe")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	probe := filepath.Join(dir, "probe")
	build := exec.Command("go", "build", "-o", probe, "./testdata/probe")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the probe: %v: %s\n", err, out)
		return 1
	}
	if err := errors.Join(os.Chmod(dir, 0o755), os.Setenv("POLITY_PROBE", probe)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

func probe(args ...string) sandbox.Spec {
	return sandbox.Spec{Program: os.Getenv("POLITY_PROBE"), Args: args}
}

// inside runs the probe to its end and returns what it said.
func inside(t *testing.T, spec sandbox.Spec) string {
	t.Helper()
	var stderr bytes.Buffer
	spec.Stderr = &stderr
	p, err := sandbox.Start(t.Context(), spec)
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	p.In.Close()
	out, err := io.ReadAll(p.Out)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Logf("%v ended: %v; it said %s", spec.Args, err, stderr.String())
	}
	return string(out)
}

func lines(s string) []string { return strings.Split(strings.TrimSpace(s), "\n") }

const denied = "operation not permitted"

func TestInsideNoSocketCanBeMade(t *testing.T) {
	for _, line := range lines(inside(t, probe("socket"))) {
		if !strings.HasSuffix(line, denied) {
			t.Errorf("socket of family %s", line)
		}
	}
}

func TestInsideNothingCanBeSent(t *testing.T) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	socket := os.NewFile(uintptr(fd), "socket")
	defer socket.Close()
	spec := probe("udp")
	spec.Extra = []*os.File{socket}
	got := lines(inside(t, spec))
	if len(got) != 3 {
		t.Fatalf("said %q", got)
	}
	for _, line := range got {
		if !strings.HasSuffix(line, denied) {
			t.Errorf("%s", line)
		}
	}
}

func TestInsideDangerousCallsAreRefused(t *testing.T) {
	const absent = "function not implemented" // so that newer C libraries fall back
	calls := []struct {
		name string
		args []uintptr
		want string
	}{
		{"io_uring_setup", []uintptr{unix.SYS_IO_URING_SETUP, 8}, denied},
		{"ptrace", []uintptr{unix.SYS_PTRACE, unix.PTRACE_TRACEME}, denied},
		{"process_vm_readv", []uintptr{unix.SYS_PROCESS_VM_READV, 1}, denied},
		{"bpf", []uintptr{unix.SYS_BPF}, denied},
		{"perf_event_open", []uintptr{unix.SYS_PERF_EVENT_OPEN}, denied},
		{"userfaultfd", []uintptr{unix.SYS_USERFAULTFD}, denied},
		{"unshare", []uintptr{unix.SYS_UNSHARE, unix.CLONE_NEWUSER}, denied},
		{"clone a process", []uintptr{unix.SYS_CLONE, uintptr(unix.SIGCHLD)}, denied},
		{"execveat another", []uintptr{unix.SYS_EXECVEAT, 0, 0, 0, 0, unix.AT_EMPTY_PATH}, denied},
		{"memfd_create", []uintptr{unix.SYS_MEMFD_CREATE}, denied},
		{"dumpable again", []uintptr{unix.SYS_PRCTL, unix.PR_SET_DUMPABLE, 1}, denied},
		{"type on a terminal", []uintptr{unix.SYS_IOCTL, 0, unix.TIOCSTI}, denied},
		{"clone3", []uintptr{unix.SYS_CLONE3}, absent},
		{"none such", []uintptr{1999}, absent},
		{"quotactl", []uintptr{unix.SYS_QUOTACTL}, absent},
	}
	args := []string{"call"}
	for _, c := range calls {
		var list []string
		for _, a := range c.args {
			list = append(list, strconv.FormatUint(uint64(a), 10))
		}
		args = append(args, strings.Join(list, ","))
	}
	got := lines(inside(t, probe(args...)))
	if len(got) != len(calls) {
		t.Fatalf("%d answers to %d calls", len(got), len(calls))
	}
	for i, c := range calls {
		if got[i] != c.want {
			t.Errorf("%s: %s, want %s", c.name, got[i], c.want)
		}
	}
}

func TestInsideOneSocketCanBeAcceptedOn(t *testing.T) {
	path := filepath.Join(openDir(t), "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	socket, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "hello"); err != nil {
		t.Fatal(err)
	}
	spec := probe("accept")
	spec.Extra, spec.Accept = []*os.File{socket}, 3
	if got := inside(t, spec); got != "other "+denied+"\ngiven ok\nsend "+denied+"\n" {
		t.Errorf("said %q", got)
	}
	back := make([]byte, 5)
	if _, err := io.ReadFull(c, back); err != nil || string(back) != "hello" {
		t.Errorf("came back %q, %v", back, err)
	}
	spec.Accept = 0
	if got := inside(t, spec); !strings.Contains(got, "given "+denied) {
		t.Errorf("without leave: %q", got)
	}
}

func TestInsideThreadsWork(t *testing.T) {
	if got := strings.TrimSpace(inside(t, probe("threads"))); got != "threads 28" {
		t.Errorf("said %q", got)
	}
}

// openDir makes a folder that every user may read and write, so that only the
// sandbox can be what forbids it.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "open")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil { //nolint:gosec // that is the point
		t.Fatal(err)
	}
	return dir
}

func TestInsideNoFileIsSeen(t *testing.T) {
	dir := openDir(t)
	secret, given := filepath.Join(dir, "secret"), filepath.Join(dir, "given")
	for _, f := range []string{secret, given} {
		if err := os.WriteFile(f, []byte("12345"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p, err := sandbox.Start(t.Context(), probe("echo"))
	if err != nil {
		t.Fatal(err)
	}
	p.Kill()
	if !p.Held.Landlock {
		t.Skip("this kernel has no landlock: files are not hidden, and Held says so")
	}
	for _, f := range []string{secret, "/etc/passwd", "/proc/self/mem", "/"} {
		if got := lines(inside(t, probe("open", f)))[0]; got != "permission denied" {
			t.Errorf("%s: %s", f, got)
		}
	}
	t.Chdir(dir)
	spec := probe("open", given)
	spec.Read = []string{"given"} // paths count from where the caller stands
	if got := inside(t, spec); got != "ok\n5 ok\n" {
		t.Errorf("the file that it may read, by a relative path: %q", got)
	}
	spec.Read = []string{given, filepath.Join(dir, "missing")}
	if got := inside(t, spec); got != "ok\n5 ok\n" {
		t.Errorf("the file that it may read: %q", got)
	}
}

func TestInsideNothingIsWritten(t *testing.T) {
	dir := openDir(t)
	spec := probe("create", filepath.Join(dir, "new"))
	spec.Read = []string{dir}
	if got := strings.TrimSpace(inside(t, spec)); got != denied {
		t.Errorf("create: %s", got)
	}
	if found, _ := os.ReadDir(dir); len(found) != 0 {
		t.Errorf("there is %v", found)
	}
}

func TestInsideNoOtherProgramRuns(t *testing.T) {
	if got := strings.TrimSpace(inside(t, probe("exec", "/bin/true"))); got != denied && got != "permission denied" {
		t.Errorf("said %q", got)
	}
}

func TestInsideNoOtherProcessIsSignalled(t *testing.T) {
	for _, line := range lines(inside(t, probe("kill", strconv.Itoa(os.Getpid())))) {
		if line != denied {
			t.Errorf("kill: %s", line)
		}
	}
}

func TestInsideLimitsHold(t *testing.T) {
	spec := probe("limits")
	spec.Memory = 3 << 30
	want := []string{"4 0 0 ok", "1 0 0 ok", "2 3221225472 3221225472 ok", "9 4294967296 4294967296 ok", "raise " + denied}
	got := lines(inside(t, spec))
	for i := range want {
		if i >= len(got) || got[i] != want[i] {
			t.Fatalf("limits: %q, want %q", got, want)
		}
	}
}

func TestMemoryLimitKillsOnlyTheChild(t *testing.T) {
	spec := probe("memory", "32")
	spec.Memory = 256 << 20
	if got := inside(t, spec); got != "held 32\n" {
		t.Fatalf("within the limit: %q", got)
	}
	var said bytes.Buffer
	spec.Args, spec.Stderr = []string{"memory", "512"}, &said
	p, err := sandbox.Start(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	out, _ := io.ReadAll(p.Out)
	if p.Wait() == nil || strings.Contains(string(out), "held") || !strings.Contains(said.String(), "out of memory") {
		t.Fatalf("past the limit: %q, %s", out, said.String())
	}
}

func TestProcessorLimitEndsTheChild(t *testing.T) {
	spec := probe("spin")
	spec.Processor = time.Second
	p, err := sandbox.Start(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err == nil {
		t.Fatal("it ended by itself")
	}
	if p.Spent() > 10*time.Second {
		t.Errorf("it spent %v", p.Spent())
	}
}

func TestEnvironmentIsOnlyWhatIsGiven(t *testing.T) {
	t.Setenv("SECRET", "1")
	spec := probe("environment", "a b", "")
	spec.Env = []string{"LANG=C"}
	if got := strings.TrimSpace(inside(t, spec)); got != "[LANG=C] [environment a b ]" {
		t.Errorf("said %q", got)
	}
}

func TestPipesGoBothWays(t *testing.T) {
	p, err := sandbox.Start(t.Context(), probe("echo"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.In.WriteString("one\ntwo\n"); err != nil {
		t.Fatal(err)
	}
	p.In.Close()
	if out, _ := io.ReadAll(p.Out); string(out) != "one\ntwo\n" {
		t.Errorf("came back %q", out)
	}
	if err := p.Wait(); err != nil {
		t.Error(err)
	}
}

func TestEndOfTheContextEndsTheChild(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p, err := sandbox.Start(ctx, probe("sleep"))
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if p.Wait() == nil {
		t.Error("it ended well")
	}
}

func TestStartSaysWhatIsMissing(t *testing.T) {
	for _, c := range []struct{ program, text string }{
		{"/nowhere/ffmpeg", "no such file"}, {"/etc/hostname", "execute /etc/hostname: "},
	} {
		if _, err := sandbox.Start(t.Context(), sandbox.Spec{Program: c.program}); err == nil || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v", c.program, err)
		}
	}
}
