// Command testtell reads what `go test -json` writes and tells it to a person: a line
// per package, all of what a failed test said, and at the end every test that was left
// out with its reason, which go test keeps to itself.
//
// With -again COMMAND up to three tests that failed are run again alone by it, three times
// each. Those that pass every time are told as unsteady, to be mended, and do not fail the
// whole. No data race, panic, time-out or succeeded attack is tried again.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

func main() {
	line := flag.String("again", "", "the `command` that runs a failed test again, such as 'go test -race'")
	flag.Parse()
	var run again
	if *line != "" {
		run = command(context.Background(), *line)
	}
	ok, err := tell(os.Stdin, os.Stdout, run)
	if err != nil {
		fmt.Fprintf(os.Stderr, "testtell: %v\n", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

// event is one line of test2json (go doc test2json).
type event struct {
	Action, Package, ImportPath, Test, Output string
	Elapsed                                   float64 // seconds
}

type key struct{ pkg, test string }

// teller collects what tests say until their end is known.
type teller struct {
	out     io.Writer
	said    map[key]*strings.Builder
	skipped []string
	failed  map[string]bool // packages
	beyond  map[string]bool // packages with what no second try excuses
	tests   []key           // that failed
	passed  int
}

// tell reports whether every package passed, but for unsteady tests if there is a way to run
// them again. No package at all is an error.
func tell(in io.Reader, out io.Writer, run again) (bool, error) {
	t := teller{out: out, said: map[key]*strings.Builder{}, failed: map[string]bool{}, beyond: map[string]bool{}}
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) != nil {
				fmt.Fprintf(out, "%s", line) // of go itself
			} else {
				t.take(e)
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return false, fmt.Errorf("read the tests' results: %w", err)
		}
	}
	if len(t.skipped) > 0 {
		slices.Sort(t.skipped)
		fmt.Fprintf(out, "left out:\n%s", strings.Join(t.skipped, ""))
	}
	if t.passed+len(t.failed) == 0 {
		return false, errors.New("there was no result of any package: is it the output of 'go test -json'?")
	}
	fmt.Fprintf(out, "%d packages passed, %d failed, %d tests were left out\n", t.passed, len(t.failed), len(t.skipped))
	if len(t.failed) == 0 || run == nil {
		return len(t.failed) == 0, nil
	}
	list, ok := t.unsteady(run)
	for _, k := range list {
		fmt.Fprintf(out, "UNSTEADY %s %s: it failed once (above) and passed %d of %d times alone. It depends on timing or on its neighbours: mend it.\n", k.pkg, k.test, againTimes, againTimes)
	}
	return ok, nil
}

func (t *teller) take(e event) {
	k := key{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		fmt.Fprint(t.out, e.Output)
	case "output":
		if strings.HasPrefix(e.Output, "=== ") {
			return // that it runs, waits or goes on
		}
		if t.said[k] == nil {
			t.said[k] = &strings.Builder{}
		}
		t.said[k].WriteString(e.Output)
		if slices.ContainsFunc(hopeless, func(w string) bool { return strings.Contains(e.Output, w) }) {
			t.beyond[e.Package] = true
		}
	case "skip":
		if e.Test != "" {
			t.skipped = append(t.skipped, fmt.Sprintf("  %s %s: %s\n", e.Package, e.Test, t.reason(k)))
		}
		delete(t.said, k)
	case "pass":
		if e.Test == "" {
			t.passed++
			fmt.Fprintf(t.out, "ok    %6.1fs %s\n", e.Elapsed, e.Package)
		}
		delete(t.said, k)
	case "fail":
		if t.said[k] != nil {
			fmt.Fprint(t.out, t.said[k])
		}
		if e.Test != "" {
			t.tests = append(t.tests, k)
		} else {
			t.failed[e.Package] = true
			t.rest(e.Package)
			fmt.Fprintf(t.out, "FAIL  %6.1fs %s\n", e.Elapsed, e.Package)
		}
		delete(t.said, k)
	}
}

// rest tells what tests said that never came to an end: a panic or a timeout stands
// there.
func (t *teller) rest(pkg string) {
	var open []string
	for k, said := range t.said {
		if k.pkg == pkg && k.test != "" {
			open = append(open, said.String())
			delete(t.said, k)
		}
	}
	slices.Sort(open)
	fmt.Fprint(t.out, strings.Join(open, ""))
}

// reason is what a skipped test said, in one line.
func (t *teller) reason(k key) string {
	var words []string
	if t.said[k] != nil {
		for line := range strings.Lines(t.said[k].String()) {
			line = strings.TrimSpace(line)
			if line != "" && !strings.HasPrefix(line, "--- ") {
				words = append(words, line)
			}
		}
	}
	if len(words) == 0 {
		return "no reason was given"
	}
	return strings.Join(words, " ")
}
