package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Limits of what is tried again.
const (
	againMost  = 3 // tests that failed, of all packages; with more, something is broken
	againTimes = 3 // that each must pass then, without one failure
)

// never are tests that are not tried again: one attack that succeeds once has succeeded.
var never = regexp.MustCompile(`Attack`)

// hopeless is what no second try excuses, wherever it is said.
var hopeless = []string{"WARNING: DATA RACE", "panic: ", "fatal error: ", "goroutine leak"}

// again runs one test by itself so often and tells what it wrote as test2json.
type again func(pkg, pattern string, times int) ([]byte, error)

// command is again by a command line such as go test -race.
func command(ctx context.Context, line string) again {
	return func(pkg, pattern string, times int) ([]byte, error) {
		words := strings.Fields(line)
		words = append(words, "-json", "-count", strconv.Itoa(times), "-run", pattern, pkg)
		return exec.CommandContext(ctx, words[0], words[1:]...).Output() //nolint:gosec // the Makefile's own command
	}
}

// unsteady are the tests that failed once and passed every time they were run again alone;
// ok says that no other failed. Whoever reads it mends them: they depend on timing.
func (t *teller) unsteady(run again) (list []key, ok bool) {
	var leaves []key
	for pkg := range t.failed {
		tests := t.leaves(pkg)
		if len(tests) == 0 || t.beyond[pkg] {
			return nil, false
		}
		leaves = append(leaves, tests...)
	}
	if len(leaves) > againMost || slices.ContainsFunc(leaves, func(k key) bool { return never.MatchString(k.test) }) {
		return nil, false
	}
	slices.SortFunc(leaves, func(a, b key) int { return strings.Compare(a.pkg+" "+a.test, b.pkg+" "+b.test) })
	for _, k := range leaves {
		fmt.Fprintf(t.out, "again, alone, %d times: %s %s\n", againTimes, k.pkg, k.test)
		said, err := run(k.pkg, pattern(k.test), againTimes)
		if passed := passes(said, k); err != nil || passed != againTimes {
			fmt.Fprintf(t.out, "it passed %d of %d times\n", passed, againTimes)
			return nil, false
		}
	}
	return leaves, true
}

// leaves are a package's failed tests without those that failed by a part alone.
func (t *teller) leaves(pkg string) (list []key) {
	for _, k := range t.tests {
		part := func(other key) bool { return other.pkg == pkg && strings.HasPrefix(other.test, k.test+"/") }
		if k.pkg == pkg && !slices.ContainsFunc(t.tests, part) {
			list = append(list, k)
		}
	}
	return list
}

// pattern is what go test -run takes for one test.
func pattern(test string) string {
	parts := strings.Split(test, "/")
	for i, p := range parts {
		parts[i] = "^" + regexp.QuoteMeta(p) + "$"
	}
	return strings.Join(parts, "/")
}

// passes is how often a test passed by what go test -json wrote.
func passes(said []byte, k key) (n int) {
	lines := bufio.NewScanner(bytes.NewReader(said))
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) == nil && e.Action == "pass" && e.Package == k.pkg && e.Test == k.test {
			n++
		}
	}
	return n
}
