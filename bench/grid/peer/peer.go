// Package peer runs the programs that the power service is measured against, and
// takes the time that both use.
package peer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// python is where `setup/setup bench` puts the peers.
const python = ".cache/venv/power/bin/python"

// ErrMissing says that the peers are not installed: their figures are null.
var ErrMissing = errors.New("the peers are not installed; 'setup/setup bench grid' gets them")

// Run runs a script of the peers and decodes the JSON file that it writes to the
// path in place of the argument "OUT".
func Run(ctx context.Context, script string, result any, args ...string) error {
	if _, err := os.Stat(python); errors.Is(err, fs.ErrNotExist) {
		return ErrMissing
	}
	dir, err := os.MkdirTemp("", "polity-peer-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "out.json")
	call := []string{"-W", "ignore", script}
	for _, a := range args {
		if a == "OUT" {
			a = out
		}
		call = append(call, a)
	}
	cmd := exec.CommandContext(ctx, python, call...) //nolint:gosec // our own script with the user's files
	var words bytes.Buffer
	cmd.Stdout, cmd.Stderr = &words, &words
	if err := cmd.Run(); err != nil {
		tail := words.Bytes()
		if len(tail) > 600 {
			tail = tail[len(tail)-600:]
		}
		return fmt.Errorf("%s %v: %w\n%s", script, args, err, tail)
	}
	text, err := os.ReadFile(out)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, result)
}

// CPU returns the processor time that this process has used.
func CPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Best returns the processor time of the fastest of so many rounds of work.
func Best(rounds int, work func() error) (time.Duration, error) {
	best := time.Duration(0)
	for i := range rounds {
		start := CPU()
		if err := work(); err != nil {
			return 0, err
		}
		if d := CPU() - start; i == 0 || d < best {
			best = d
		}
	}
	return best, nil
}
