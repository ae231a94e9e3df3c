// Package cityhub runs `polity hub` for benchmarks: the real program, on a loopback
// port, with an empty store.
package cityhub

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/mod/sumdb/note"

	"polity/bench/harness"
)

// startTime is how long the hub may take until its pages can be opened.
const startTime = 30 * time.Second

// Hub is one that runs.
type Hub struct {
	Address string // host:port
	PID     int
	process *os.Process
	stop    func()
}

// Stop ends it and waits.
func (h *Hub) Stop() { h.stop() }

// Kill ends it at once, as a loss of power would, and waits.
func (h *Hub) Kill() error {
	err := h.process.Kill()
	h.stop()
	return err
}

// Start runs polity hub in dir, which it makes, or goes on with the data that is there.
// More are lines of YAML below "hub:", indented by two. Port 0 chooses a free one.
func Start(ctx context.Context, dir string, port int, more string) (*Hub, error) {
	if port == 0 {
		free, err := FreePorts(1)
		if err != nil {
			return nil, err
		}
		port = free[0]
	}
	_, public, err := note.GenerateKey(rand.Reader, "bench.example/cameras")
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(dir, "register"), 0o700); err != nil {
		return nil, err
	}
	config := fmt.Sprintf("hub:\n  data: data\n  listen: 127.0.0.1:%d\n  city_keys: [%q]\n  register: register\n  edges: {listen: \"127.0.0.1:0\"}\n  access: {trust_loopback: true}\n%s", port, public, more)
	file := filepath.Join(dir, "polity.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, "hub.log"))
	if err != nil {
		return nil, err
	}
	program := filepath.Join("bin", "polity")
	if folder := os.Getenv("POLITY_PROGRAMS"); folder != "" {
		program = filepath.Join(folder, "polity")
	}
	running, cancel := context.WithCancel(ctx)
	cmd := exec.CommandContext(running, program, "hub", "--config", file) //nolint:gosec // the program under test
	cmd.Stderr = log
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		log.Close()
		return nil, fmt.Errorf("start %s: %w; run 'make build' first", program, err)
	}
	h := &Hub{Address: fmt.Sprintf("127.0.0.1:%d", port), PID: cmd.Process.Pid, process: cmd.Process, stop: func() {
		cancel()
		_ = cmd.Wait() // a signal ended it
		log.Close()
	}}
	ready := make(chan bool, 1)
	go func() {
		lines := bufio.NewScanner(out)
		ready <- lines.Scan()
		for lines.Scan() {
			continue
		}
	}()
	select {
	case ok := <-ready:
		if ok {
			return h, nil
		}
	case <-time.After(startTime):
	}
	h.Stop()
	said, _ := os.ReadFile(log.Name())
	return nil, fmt.Errorf("the hub did not start: %s", harness.LastLine(string(said)))
}

// FreePorts returns n loopback ports that nothing listens on now.
func FreePorts(n int) ([]int, error) {
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}
