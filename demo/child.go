package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

const (
	// grace is how long an edge may take to end in order: its cameras have ten
	// seconds each, at the same time.
	grace = 20 * time.Second
	// steady is how long an edge must have run to be started again at once.
	steady = 30 * time.Second
	// Waits before an edge is started again.
	firstWait = time.Second
	lastWait  = 30 * time.Second
)

// child is the edge's process. It is told to end by the end of its standard input,
// of which the demo alone holds the other end: so it ends whatever becomes of the
// demo. It is in a process group of its own, since a Ctrl-C in the terminal is for
// the demo.
type child struct {
	program []string
	out     *os.File

	mu  sync.Mutex
	pid int
}

func newChild(program []string, out *os.File) *child { return &child{program: program, out: out} }

// PID is that of the process, or 0 while there is none.
func (c *child) PID() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pid
}

func (c *child) setPID(pid int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pid = pid
}

// wrong is the status of a program whose configuration is wrong: starting it again
// does not help.
const wrong = 2

// keep runs the process until ctx ends, and starts it again when it ends before.
func (c *child) keep(ctx context.Context, say func(string, ...any)) error {
	wait := firstWait
	for {
		began := time.Now()
		err := c.once(ctx)
		if ctx.Err() != nil {
			return err
		}
		if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == wrong {
			return fmt.Errorf("the edge does not start; its last words are in %s", c.out.Name())
		}
		if time.Since(began) > steady {
			wait = firstWait
		}
		say("The edge ended (%v) and is started again in %v; its words are in %s.", err, wait, c.out.Name())
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		wait = min(2*wait, lastWait)
	}
}

// once runs the process until it has ended. Once ctx has, it is asked to end, and
// killed if it does not.
func (c *child) once(ctx context.Context) error {
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer write.Close()
	cmd := exec.Command(c.program[0], c.program[1:]...) //nolint:gosec // our own program
	cmd.Stdin, cmd.Stdout, cmd.Stderr = read, c.out, c.out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = cmd.Start()
	read.Close()
	if err != nil {
		return fmt.Errorf("start the edge: %w", err)
	}
	c.setPID(cmd.Process.Pid)
	defer c.setPID(0)
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		if err == nil {
			err = errors.New("by itself")
		}
		return err
	case <-ctx.Done():
	}
	write.Close()
	select {
	case err := <-ended:
		return err
	case <-time.After(grace):
		_ = cmd.Process.Kill()
		return errors.Join(fmt.Errorf("the edge did not end within %v and was killed", grace), <-ended)
	}
}
