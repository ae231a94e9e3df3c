package scenario

import (
	"bufio"
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

var firstCode = regexp.MustCompile(`\n  ([0-9A-Z]{5}-[0-9A-Z]{5}-[0-9A-Z]{5})\n`)

// TestShift plays an operator's shift in a real browser with passkeys made of software:
// from the code that the hub prints to the handover (testdata/shift.mjs). With
// POLITY_SHOTS=FOLDER it leaves pictures to look at.
func TestShift(t *testing.T) {
	t.Parallel()
	modules, err := filepath.Abs("../node_modules")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(modules, "playwright-core")); err != nil {
		t.Skip("the web parts are not set up: run 'setup/setup test' first")
	}
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("no Chromium here: run 'setup/setup test' first")
	}
	w := newTown(t)
	w.more = "  access: {trust_loopback: true}\n"
	w.allow("square")
	w.startHub()
	w.eventually("the hub prints a code", soon, func() bool { return firstCode.MatchString(w.hub.said()) })
	_, port, err := net.SplitHostPort(w.hubAt)
	if err != nil {
		t.Fatal(err)
	}
	node := exec.CommandContext(t.Context(), "node", "testdata/shift.mjs")
	node.Env = append(os.Environ(), "POLITY_MODULES="+modules, "POLITY_HUB=http://localhost:"+port,
		"POLITY_CODE="+firstCode.FindStringSubmatch(w.hub.said())[1], "POLITY_CHROMIUM="+browser)
	node.Stderr = os.Stderr
	out, err := node.StdoutPipe()
	if err == nil {
		err = node.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	lines, steps := bufio.NewScanner(out), 0
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var step struct {
			Name, Error string
			MS          int
		}
		if err := json.Unmarshal(lines.Bytes(), &step); err != nil {
			t.Errorf("the shift said %q", lines.Text())
			continue
		}
		steps++
		t.Run(step.Name, func(t *testing.T) {
			t.Logf("%d ms", step.MS)
			if step.Error != "" {
				t.Error(errors.New(step.Error))
			}
		})
	}
	if err := node.Wait(); err != nil {
		t.Errorf("the shift ended with %v\n%s", err, w.tell())
	}
	if steps < 10 {
		t.Errorf("only %d steps of the shift were taken", steps)
	}
}
