package main

import (
	"bufio"
	"context"
	_ "embed" // the script that drives the browser
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

//go:embed screen.cjs
var script []byte

// screen is an operator's page in Chromium.
type screen struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Scanner
	last string
}

// onScreen is what the page showed: when each row was painted, milliseconds since 1970.
type onScreen struct {
	Seen  map[string]float64 `json:"seen"`
	All   []string           `json:"all"` // scrolled through
	Lines []float64          `json:"lines"`
	Rows  int                `json:"rows"`
	// Processor seconds a second of the page's process, and of all of the browser's.
	PageCPU    float64 `json:"pageCPU"`
	BrowserCPU float64 `json:"browserCPU"`
}

// painted is when each alert was on the screen. One that came beneath what was in sight,
// because newer ones came with it, was there when the next newer one was painted at the
// latest: the feed keeps the order. Hidden is how many those are.
func (o *onScreen) painted(sent map[string]posted) (at map[string]float64, hidden int) {
	at = map[string]float64{}
	next := math.Inf(1)
	for _, k := range slices.Backward(slices.Sorted(maps.Keys(sent))) { // keys are in the order of sending
		if seen, there := o.Seen[k]; there {
			at[k], next = seen, min(next, seen)
		} else if !math.IsInf(next, 1) {
			at[k] = next
			hidden++
		}
	}
	return at, hidden
}

// openScreen returns once the page follows the feed.
func openScreen(ctx context.Context, dir, address string, cookie *http.Cookie) (*screen, error) {
	browser := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			browser = p
			break
		}
	}
	modules, err := filepath.Abs("node_modules")
	if err != nil {
		return nil, err
	}
	if browser == "" {
		return nil, errors.New("no Chromium here: run 'setup/setup bench alerts' first")
	}
	file := filepath.Join(dir, "screen.cjs")
	if err := os.WriteFile(file, script, 0o600); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "node", file, address, cookie.Name, cookie.Value, browser) //nolint:gosec // our own script
	cmd.Env = append(os.Environ(), "NODE_PATH="+modules)
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // it closes the browser
	cmd.WaitDelay = 10 * time.Second
	s := &screen{cmd: cmd}
	if s.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.out = bufio.NewScanner(out)
	s.out.Buffer(nil, 64<<20)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("node: %w; run 'setup/setup bench alerts' first", err)
	}
	for s.out.Scan() {
		if s.last = s.out.Text(); s.last == "the page follows" {
			return s, nil
		}
	}
	return nil, fmt.Errorf("the browser's driver: %w: %s", cmd.Wait(), s.last)
}

// end scrolls through the page, closes it, and returns what it showed.
func (s *screen) end(say func(string, ...any)) (onScreen, error) {
	if _, err := io.WriteString(s.in, "end\n"); err != nil {
		return onScreen{}, err
	}
	for s.out.Scan() {
		if s.last = s.out.Text(); !strings.HasPrefix(s.last, "{") {
			say("%s", s.last)
		}
	}
	if err := s.cmd.Wait(); err != nil {
		return onScreen{}, fmt.Errorf("the browser's driver: %w: %.300s", err, s.last)
	}
	var o onScreen
	if err := json.Unmarshal([]byte(s.last), &o); err != nil {
		return onScreen{}, fmt.Errorf("the browser's driver said %.300q: %w", s.last, err)
	}
	return o, nil
}
