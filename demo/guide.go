package demo

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// guide leads somebody through a release: it says what comes, shows each command as it
// would be typed, and runs it.
type guide struct {
	*demo

	in    *bufio.Reader // nil: nobody is asked
	at    string        // the hub's address
	token string        // of the officer, for programs
	who   *officer
	n     int
}

// step begins the next step.
func (g *guide) step(title, words string) {
	g.n++
	g.say("\n%d. %s\n%s\n", g.n, title, strings.Repeat("-", len(title)+3))
	g.say("%s", words)
}

// pause waits until somebody has read that.
func (g *guide) pause(ctx context.Context, why string) error {
	if g.in == nil {
		return ctx.Err()
	}
	fmt.Fprintf(g.Out, "\n[Enter: %s] ", why)
	read := make(chan error, 1)
	go func() {
		_, err := g.in.ReadString('\n')
		read <- err
	}()
	select {
	case err := <-read:
		if err != nil { // the end of what is typed: go on without asking
			g.in = nil
			g.say("")
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// do shows a command, runs it, and shows what it says, which it also returns.
func (g *guide) do(ctx context.Context, args ...string) (string, error) {
	return g.doFrom(ctx, "", args...)
}

// doFrom is do for what a command says from a line on that begins with a word.
func (g *guide) doFrom(ctx context.Context, word string, args ...string) (string, error) {
	g.say("\n  $ %s\n", g.typed(args))
	cmd := g.prepared(ctx, args)
	var said bytes.Buffer
	shown := &indented{to: g.Out, fresh: true, from: word}
	cmd.Stdout, cmd.Stderr = io.MultiWriter(&said, shown), &indented{to: g.Out, fresh: true}
	if err := cmd.Run(); err != nil {
		return said.String(), fmt.Errorf("polity %s: %w", named(args), err)
	}
	return said.String(), nil
}

func (g *guide) prepared(ctx context.Context, args []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, g.Program, args...) //nolint:gosec // our own program
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Env = append(os.Environ(), "POLITY_TOKEN="+g.token)
	return cmd
}

// typed is a command line as somebody would type it where they are.
func (g *guide) typed(args []string) string {
	words := []string{shorter(g.Program)}
	for _, a := range args {
		if filepath.IsAbs(a) {
			a = shorter(a)
		}
		if strings.ContainsAny(a, " \t'\"") {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		words = append(words, a)
	}
	var b strings.Builder
	width := 0
	for i, w := range words {
		switch {
		case i == 0:
		case width+len(w) > 96 && !strings.HasPrefix(words[i-1], "--"): // no flag is parted from its value
			b.WriteString(" \\\n      ")
			width = 6
		default:
			b.WriteByte(' ')
			width++
		}
		b.WriteString(w)
		width += len(w)
	}
	return b.String()
}

// shorter is a path from where the program was started, if that is shorter.
func shorter(path string) string {
	here, err := os.Getwd()
	if err != nil {
		return path
	}
	if rel, err := filepath.Rel(here, path); err == nil && len(rel) < len(path) {
		return rel
	}
	return path
}

// indented writes lines a little to the right, as what a program said.
type indented struct {
	to    io.Writer
	fresh bool   // a line begins
	from  string // nothing is written before a line that begins with it; then it is empty
}

func (w *indented) Write(b []byte) (int, error) {
	for line := range bytes.Lines(b) {
		if w.from != "" {
			if !bytes.HasPrefix(line, []byte(w.from)) {
				continue
			}
			w.from = ""
		}
		if w.fresh {
			fmt.Fprint(w.to, "    ")
		}
		if _, err := w.to.Write(line); err != nil {
			return 0, err
		}
		w.fresh = bytes.HasSuffix(line, []byte("\n"))
	}
	return len(b), nil
}
