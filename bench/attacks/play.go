package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"polity/bench/harness"
	"polity/internal/attack"
)

// event is one line of test2json (go doc test2json).
type event struct {
	Action, Package, Test, Output, Key, Value string
	Elapsed                                   float64 // seconds
}

// result is what came of a test with its subtests.
type result struct {
	ended   string // pass, fail, skip; "" if it never ended
	seconds float64
	told    []attack.Told
	skipped []string // subtests and the test itself, with their reason
	said    strings.Builder
	wrong   error // in what it told
}

// limit is how long all tests of a package have.
const limit = "8m"

// play runs the tests of attacks of some packages.
func play(ctx context.Context, r *harness.Run, pkgs []string, only string) (map[string]*result, error) {
	pattern := "^TestAttack"
	if only != "" {
		pattern += ".*" + only
	}
	cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-json", "-count=1", "-timeout", limit, "-run", pattern}, pkgs...)...) //nolint:gosec // packages and tests of this tree
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("run the tests: %w", err)
	}
	results, readErr := gather(out, r.Say)
	err = cmd.Wait()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && ctx.Err() == nil {
		err = nil // a test failed: the events say which
	}
	return results, errors.Join(readErr, err)
}

// gather reads what go test says until its end, and tells each test that ends.
func gather(in io.Reader, say func(string, ...any)) (map[string]*result, error) {
	results := map[string]*result{}
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) != nil {
				say("%s", strings.TrimSpace(string(line))) // of go itself
			} else {
				take(results, e, say)
			}
		}
		if errors.Is(err, io.EOF) {
			return results, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the tests' results: %w", err)
		}
	}
}

func take(results map[string]*result, e event, say func(string, ...any)) {
	if e.Test == "" {
		if e.Action == "build-output" || (e.Action == "output" && strings.HasPrefix(e.Output, "panic")) {
			say("%s", strings.TrimSpace(e.Output))
		}
		return
	}
	top, _, isSub := strings.Cut(e.Test, "/")
	key := e.Package + " " + top
	x := results[key]
	if x == nil {
		x = &result{}
		results[key] = x
	}
	switch e.Action {
	case "attr":
		if e.Key == attack.Key {
			a, err := attack.Read(e.Value)
			x.told, x.wrong = append(x.told, a), errors.Join(x.wrong, err)
		}
	case "output":
		x.said.WriteString(e.Output)
	case "skip":
		x.skipped = append(x.skipped, e.Test)
		fallthrough
	case "pass", "fail":
		if !isSub {
			x.ended, x.seconds = e.Action, e.Elapsed
			say("%-4s %5.1f s  %s %s", e.Action, e.Elapsed, strings.TrimPrefix(e.Package, "polity/"), top)
		}
	}
}
