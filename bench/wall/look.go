package main

import (
	"bufio"
	"context"
	_ "embed" // the script that drives the browser
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"polity/bench/harness"
)

//go:embed look.cjs
var script []byte

// seen is what the browser's driver found; memory in MiB, rates per second.
type seen struct {
	Live          int        `json:"live"`
	RSS           [2]float64 `json:"rss"`
	Heap          [2]float64 `json:"heap"`
	CPU           float64    `json:"cpu"`
	RendererCPU   float64    `json:"rendererCPU"`
	FramesLeast   float64    `json:"framesLeast"`
	FramesMean    float64    `json:"framesMean"`
	Moved         int        `json:"moved"`
	Feeds         int        `json:"feeds"` // connections of the live feed that were opened
	BytesPerScene float64    `json:"bytesPerScene"`
}

// look hangs the wall in a browser and returns what was seen. What the driver says on
// the way is printed; its last line is the result.
func look(ctx context.Context, r *harness.Run, address string, scenes int, long time.Duration) (seen, error) {
	browser, err := chromium()
	if err != nil {
		return seen{}, err
	}
	modules, err := filepath.Abs("node_modules")
	if err != nil {
		return seen{}, err
	}
	cmd := exec.CommandContext(ctx, "node", "-", address, strconv.Itoa(scenes), strconv.Itoa(int(long.Seconds())), browser) //nolint:gosec // our own script
	cmd.Env = append(os.Environ(), "NODE_PATH="+modules)
	cmd.Stdin = strings.NewReader(string(script))
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // it closes the browser
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		return seen{}, err
	}
	if err := cmd.Start(); err != nil {
		return seen{}, fmt.Errorf("node: %w; run 'setup/setup bench wall' first", err)
	}
	var last string
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if last = lines.Text(); !strings.HasPrefix(last, "{") {
			r.Say("%s", last)
		}
	}
	if err := cmd.Wait(); err != nil {
		return seen{}, fmt.Errorf("the browser's driver: %w: %s", err, last)
	}
	var s seen
	if err := json.Unmarshal([]byte(last), &s); err != nil {
		return seen{}, fmt.Errorf("the browser's driver said %q: %w", last, err)
	}
	return s, nil
}

func chromium() (string, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			return p, nil
		}
	}
	return "", fmt.Errorf("no Chromium here: run 'setup/setup bench wall' first")
}
