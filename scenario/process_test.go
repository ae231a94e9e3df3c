package scenario

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"polity/internal/sandbox"
)

// program is the binary under test, partsDir what set-up put beside it.
var program, partsDir string

func TestMain(m *testing.M) {
	sandbox.Stage() // films are read through it
	os.Exit(run(m))
}

// run builds the programs as they are in the tree, with the flags of 'make build' so
// that the build cache serves both: a stale binary proves nothing.
func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "polity-scenario-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	build := exec.CommandContext(context.Background(), "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", dir, "../cmd/polity", "../cmd/polity-native")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the programs: %v\n%s", err, out)
		return 1
	}
	program = filepath.Join(dir, "polity")
	if partsDir, err = filepath.Abs("../bin/parts"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for _, part := range []string{"square.mp4", "libonnxruntime.so.1"} {
		if _, err := os.Stat(filepath.Join(partsDir, part)); err != nil {
			fmt.Fprintf(os.Stderr, "%v; run 'setup/setup test' first\n", err)
			return 1
		}
	}
	os.Setenv("POLITY_PARTS", partsDir)
	return m.Run()
}

// process is a running program of ours.
type process struct {
	t    *testing.T
	name string
	cmd  *exec.Cmd
	log  string // path of what it says
	done chan struct{}
	err  error
	left []kin // what it had started when it was killed
}

// launch starts the program under test. It dies with the test, whatever happens.
func launch(t *testing.T, name, log string, env []string, args ...string) *process {
	t.Helper()
	return launchAfter(t, nil, name, log, env, args...)
}

// launchAfter calls before in the thread that starts the program.
func launchAfter(t *testing.T, before func() error, name, log string, env []string, args ...string) *process {
	t.Helper()
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	p := &process{t: t, name: name, cmd: exec.Command(program, args...), log: log, done: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // the kernel ties "dies with its parent" to the thread
		var err error
		if before != nil {
			err = before()
		}
		if err == nil {
			err = p.cmd.Start()
		}
		started <- err
		if err == nil {
			p.err = p.cmd.Wait()
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	t.Cleanup(p.clear)
	return p
}

func (p *process) pid() int { return p.cmd.Process.Pid }

func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// kill ends it at once, without a word.
func (p *process) kill() {
	if p.running() {
		p.left = append(p.left, descendants(p.t, p.pid())...)
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// clear kills it and waits until what it had started is gone too: what is still writing
// would keep the test's folder from being removed.
func (p *process) clear() {
	p.kill()
	for deadline := time.Now().Add(soon); slices.ContainsFunc(p.left, kin.alive); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Errorf("%s was killed and some of its processes still run after %v: %v", p.name, soon, p.left)
			return
		}
	}
}

// interrupt ends it as Ctrl-C does and returns its exit status.
func (p *process) interrupt(limit time.Duration) int {
	p.t.Helper()
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil && p.running() {
		p.t.Fatal(err)
	}
	return p.wait(limit)
}

// wait waits for its end and returns its exit status.
func (p *process) wait(limit time.Duration) int {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(limit):
		p.t.Fatalf("%s did not end within %v:\n%s", p.name, limit, p.said())
	}
	if exit, ok := errors.AsType[*exec.ExitError](p.err); ok {
		return exit.ExitCode()
	}
	if p.err != nil {
		p.t.Fatalf("%s: %v", p.name, p.err)
	}
	return 0
}

func (p *process) said() string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// kin is a process of the machine, by what the kernel tells.
type kin struct {
	pid, parent int
	began       string // ticks since the machine's start: the kernel uses a pid again
	words       string // its command line
}

func (k kin) is(word string) bool { return strings.Contains(k.words, word) }

// descendants lists what a process has started, directly or not.
func descendants(t *testing.T, root int) []kin {
	t.Helper()
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	var all []kin
	for _, dir := range dirs {
		stat, err := os.ReadFile(dir + "/stat")
		if err != nil {
			continue // it has ended
		}
		fields := afterName(stat)
		if fields == nil {
			continue
		}
		words, err := os.ReadFile(dir + "/cmdline")
		if err != nil {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(dir))
		parent, _ := strconv.Atoi(fields[1])
		all = append(all, kin{pid, parent, fields[19], strings.ReplaceAll(string(words), "\x00", " ")})
	}
	var found []kin
	for front := []int{root}; len(front) > 0; front = front[1:] {
		for _, k := range all {
			if k.parent == front[0] && !slices.ContainsFunc(found, func(f kin) bool { return f.pid == k.pid }) {
				found = append(found, k)
				front = append(front, k.pid)
			}
		}
	}
	return found
}

// child finds the one descendant that a word names, 0 for none.
func child(t *testing.T, root int, word string) int {
	t.Helper()
	for _, k := range descendants(t, root) {
		if k.is(word) {
			return k.pid
		}
	}
	return 0
}

// afterName is what the kernel tells of a process behind its name, from its state on (proc(5));
// nil: it is a corpse.
func afterName(stat []byte) []string {
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:])) // the name may hold anything
	if len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return nil
	}
	return fields
}

// alive says whether a process is there and no corpse.
func alive(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && afterName(stat) != nil
}

// alive says whether the very process still runs.
func (k kin) alive() bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(k.pid) + "/stat")
	if err != nil {
		return false
	}
	fields := afterName(stat)
	return fields != nil && fields[19] == k.began
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, limit time.Duration, condition func() bool, tell func() string) {
	t.Helper()
	for deadline := time.Now().Add(limit); !condition(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s\n%s", limit, what, tell())
		}
	}
}
