package sandbox

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Spec says what to run and what it may use.
type Spec struct {
	// Program is the path of an executable; not a script. It runs from a copy in
	// memory: what lies beside it, it must be told by argument.
	Program string
	Args    []string // without the program's name
	Env     []string // all of its environment
	// Read lists files and folders that it may open for reading, besides its
	// shared libraries. They need not exist.
	Read []string
	// Memory bounds what it may fill, in bytes; 0 means 2 GiB. Its address space, with
	// code, libraries and what is reserved only, may be a GiB larger.
	Memory uint64
	// Processor bounds the processor time of its whole life; 0 means none.
	Processor time.Duration
	// Stderr receives what it says; nil throws it away. Write is called by one
	// goroutine.
	Stderr io.Writer
	// Extra pipes become its file descriptors 3, 4 and so on. The caller closes
	// them after Start.
	Extra []*os.File
	// Accept is the descriptor, among Extra, of a listening unix socket on which it
	// may accept connections; 0 for none. It can read, write and close them, and do
	// nothing else that one can do to a socket.
	Accept int
}

const (
	defaultMemory = 2 << 30
	reserved      = 1 << 30 // address space beside it
)

// Shields says what holds around a process.
type Shields struct {
	Seccomp      bool // allow list of system calls: the floor
	Landlock     bool // sees no file but its libraries and those named
	NetworkApart bool // in an empty network namespace
	NoDump       bool // no core dump, not traceable by another process of its user
	Bounded      bool // memory and files are limited
}

// Process is a running sandboxed program. Its methods may be called by any
// goroutine.
type Process struct {
	In   *os.File // its stdin
	Out  *os.File // its stdout
	Held Shields

	cmd  *exec.Cmd
	done chan struct{}
	err  error
	stop sync.Once
}

// ready is set by Stage: this program can be re-executed as a stage.
var ready atomic.Bool

// command is the first argument of a program that is started as a stage.
const command = "sandbox-exec"

// ErrNoFloor is returned by Start where the kernel gives no seccomp.
var ErrNoFloor = errors.New("this kernel offers no seccomp filter, so a decoder could reach the network: refusing to start it")

// Start runs the program of spec in a sandbox and returns when it runs. ctx ends
// it; so does the end of the calling process.
func Start(ctx context.Context, spec Spec) (*Process, error) {
	if !ready.Load() {
		return nil, errors.New("sandbox: this program must call sandbox.Stage first thing in main (tests: in TestMain)")
	}
	var first error
	for _, ns := range attempts() {
		p, err := start(ctx, spec, ns)
		if err == nil {
			return p, nil
		}
		if first == nil {
			first = err
		}
		var failed *stageError
		if errors.As(err, &failed) || ctx.Err() != nil {
			return nil, err
		}
	}
	return nil, first
}

// attempt is one way to make the child, by what the system allows.
type attempt struct {
	flags  uintptr
	nobody bool // become the user nobody: possible for root without a user namespace
}

const (
	apart  = syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC | syscall.CLONE_NEWPID
	nobody = 65534
)

// attempts lists them from best to least. The user namespace has no user mapped:
// none is needed, and a mapping could not be written by a process that cannot be
// dumped.
func attempts() []attempt {
	if os.Geteuid() == 0 {
		return []attempt{{apart, true}, {apart | syscall.CLONE_NEWUSER, false}, {0, true}, {0, false}}
	}
	return []attempt{{apart | syscall.CLONE_NEWUSER, false}, {0, false}}
}

// order is what the stage is told.
type order struct {
	Program   string
	Args      []string
	Env       []string
	Read      []string
	Memory    uint64
	Processor uint64 // seconds
	Accept    int    // file descriptor to accept on, or 0
	Report    int    // file descriptor to report on
}

// report is what the stage answers before it becomes the program.
type report struct {
	Landlock bool
	NoDump   bool
	Error    string
	NoFloor  bool
}

type stageError struct{ text string }

func (e *stageError) Error() string { return e.text }

func start(ctx context.Context, spec Spec, how attempt) (*Process, error) {
	program, read, err := absolute(spec)
	if err != nil {
		return nil, &stageError{fmt.Sprintf("sandbox: %v", err)}
	}
	if how.nobody && !forAll(slices.Concat(read, []string{program})) {
		how.nobody = false // the user nobody could not read what it is to read
	}
	told, err := json.Marshal(order{
		Program: program, Args: spec.Args, Env: spec.Env, Read: read,
		Memory: cmp.Or(spec.Memory, defaultMemory), Processor: uint64(spec.Processor / time.Second), Accept: spec.Accept, Report: 3 + len(spec.Extra),
	})
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	var open pipes
	defer open.closeChild()
	stdin, stdout, answer := open.toChild(), open.fromChild(), open.fromChild()
	if open.err != nil {
		open.closeParent()
		return nil, fmt.Errorf("sandbox: %w", open.err)
	}
	cmd := exec.CommandContext(ctx, "/proc/self/exe", string(told)) //nolint:gosec // ourselves
	cmd.Args = []string{command, command, string(told)}
	cmd.Env = []string{"GOMAXPROCS=1", "GOGC=off"} // of the stage; the program gets the order's
	cmd.Dir = "/"
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin.child, stdout.child, spec.Stderr
	cmd.ExtraFiles = append(append([]*os.File{}, spec.Extra...), answer.child)
	cmd.WaitDelay = time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: how.flags, Pdeathsig: syscall.SIGKILL, Setsid: true}
	if how.nobody {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	p := &Process{In: stdin.parent, Out: stdout.parent, cmd: cmd, done: make(chan struct{})}
	if err := p.launch(); err != nil {
		open.closeParent()
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	open.closeChild()
	if err := p.settle(answer.parent, how.flags); err != nil {
		p.Kill()
		_ = p.Wait()
		open.closeParent()
		return nil, err
	}
	return p, nil
}

// absolute makes paths such that they mean the same in the stage, which starts in
// the root folder.
func absolute(spec Spec) (program string, read []string, err error) {
	if program, err = filepath.Abs(spec.Program); err == nil {
		program, err = filepath.EvalSymlinks(program)
	}
	for _, path := range spec.Read {
		if err == nil {
			path, err = filepath.Abs(path)
		}
		read = append(read, path)
	}
	return program, read, err
}

// launch starts the child on a thread of its own that lives as long as the child
// does: the kernel ties "dies with its parent" to the thread.
func (p *Process) launch() error {
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		err := p.cmd.Start()
		started <- err
		if err != nil {
			return
		}
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return <-started
}

// settle waits for the stage's report, which ends when the stage has become the
// program, and checks from outside that the floor holds.
func (p *Process) settle(answer *os.File, flags uintptr) error {
	defer answer.Close()
	// One report before the program is executed, and another if that failed.
	var got report
	for from, n := json.NewDecoder(io.LimitReader(answer, 64<<10)), 0; ; n++ {
		err := from.Decode(&got)
		if errors.Is(err, io.EOF) && n > 0 {
			break
		}
		if err != nil {
			return &stageError{fmt.Sprintf("sandbox: the stage ended without a report (%v)", err)}
		}
	}
	switch {
	case got.NoFloor:
		return errors.Join(ErrNoFloor, &stageError{got.Error})
	case got.Error != "":
		return &stageError{"sandbox: " + got.Error}
	}
	if err := p.checkFloor(); err != nil {
		return err
	}
	p.Held = Shields{
		Seccomp: true, Landlock: got.Landlock, NoDump: got.NoDump, Bounded: true,
		NetworkApart: flags&syscall.CLONE_NEWNET != 0,
	}
	return nil
}

// checkFloor reads from the kernel that a filter is on.
func (p *Process) checkFloor() error {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/status")
	if err != nil {
		return nil //nolint:nilerr // it has ended: it can do no harm
	}
	field := func(name string) string {
		_, rest, _ := bytes.Cut(status, []byte("\n"+name+":"))
		value, _, _ := bytes.Cut(rest, []byte("\n"))
		return string(bytes.TrimSpace(value))
	}
	if ended := field("State") == "" || field("State")[0] == 'Z'; ended || field("Seccomp") == "2" {
		return nil
	}
	return ErrNoFloor
}

// Kill ends the program at once.
func (p *Process) Kill() { p.stop.Do(func() { _ = p.cmd.Process.Kill() }) }

// Wait waits for the program's end and returns how it ended.
func (p *Process) Wait() error {
	<-p.done
	return p.err
}

// Done is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Pid returns the program's process id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Spent returns the processor time that the program used, once it has ended.
func (p *Process) Spent() time.Duration {
	select {
	case <-p.done:
	default:
		return 0
	}
	if s := p.cmd.ProcessState; s != nil {
		return s.UserTime() + s.SystemTime()
	}
	return 0
}
