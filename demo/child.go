package demo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

const (
	// grace is how long a process may take to end in order: the edge's cameras have ten
	// seconds each, at the same time.
	grace = 20 * time.Second
	// steady is how long a process must have run to be started again at once.
	steady = 30 * time.Second
	// Waits before a process is started again.
	firstWait = time.Second
	lastWait  = 30 * time.Second
)

// child is a process of the demo: the edge, a witness, a body's pages. It is told to end
// by the end of its standard input, of which the demo alone holds the other end: so it
// ends whatever becomes of the demo. It is in a process group of its own, since a Ctrl-C
// in the terminal is for the demo.
type child struct {
	name    string          // as people read it, at the start of a sentence
	program func() []string // asked at each start
	out     *os.File
	heard   func(line string) // each line of its standard output; nil: nobody asks

	mu  sync.Mutex
	pid int
}

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
			return fmt.Errorf("%s does not start; its last words are in %s", c.name, c.out.Name())
		}
		if time.Since(began) > steady {
			wait = firstWait
		}
		say("%s ended (%v) and is started again in %v; its words are in %s.", c.name, err, wait, c.out.Name())
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
	program := c.program()
	cmd := exec.Command(program[0], program[1:]...) //nolint:gosec // our own program
	cmd.Stdin, cmd.Stdout, cmd.Stderr = read, c.out, c.out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	listened := make(chan struct{})
	if c.heard != nil {
		var told io.Reader
		cmd.Stdout = nil
		if told, err = cmd.StdoutPipe(); err == nil {
			go func() { defer close(listened); c.listen(told) }()
		}
	} else {
		close(listened)
	}
	if err == nil {
		err = cmd.Start()
	}
	read.Close()
	if err != nil {
		return fmt.Errorf("start %s: %w", c.name, err)
	}
	c.setPID(cmd.Process.Pid)
	defer c.setPID(0)
	ended := make(chan error, 1)
	go func() { <-listened; ended <- cmd.Wait() }()
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
		return errors.Join(fmt.Errorf("%s did not end within %v and was killed", c.name, grace), <-ended)
	}
}

// listen hears what the process says, and keeps it beside its log.
func (c *child) listen(told io.Reader) {
	lines := bufio.NewScanner(told)
	for lines.Scan() {
		fmt.Fprintln(c.out, lines.Text())
		c.heard(lines.Text())
	}
	_, _ = io.Copy(io.Discard, told) // a line that was too long ended the scanner
}
