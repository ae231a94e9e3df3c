package demo

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// commandTime is the longest that a command which the demo runs to its end may take.
const commandTime = time.Minute

// command runs a subcommand of the program to its end, and returns
// what it said.
func (d *demo) command(ctx context.Context, args ...string) (string, error) {
	ctx, stop := context.WithTimeout(ctx, commandTime)
	defer stop()
	cmd := exec.CommandContext(ctx, d.Program, args...) //nolint:gosec // our own program
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("polity %s: %w: %s", named(args), err, strings.TrimSpace(said.String()))
	}
	return said.String(), nil
}

// named is a command line without its flags and files.
func named(args []string) string {
	var words []string
	for i := 0; i < len(args); i++ {
		switch a := args[i]; {
		case strings.HasPrefix(a, "--"):
			i++ // and its value
		case !strings.ContainsAny(a, "/."):
			words = append(words, a)
		}
	}
	return strings.Join(words, " ")
}

// crowd are processes that run beside the hub until it has ended.
type crowd struct {
	say   func(string, ...any)
	stop  context.CancelFunc
	ctx   context.Context //nolint:containedctx // they all end with it
	done  sync.WaitGroup
	files []*os.File
}

func newCrowd(ctx context.Context, say func(string, ...any)) *crowd {
	c := &crowd{say: say}
	c.ctx, c.stop = context.WithCancel(ctx)
	return c
}

// add starts a process, whose words go into a log.
func (c *crowd) add(p *child) {
	c.files = append(c.files, p.out)
	c.done.Go(func() {
		if err := p.keep(c.ctx, c.say); err != nil {
			c.say("%v", err)
		}
	})
}

// end ends all of them.
func (c *crowd) end() {
	c.stop()
	c.done.Wait()
	for _, f := range c.files {
		f.Close()
	}
}
