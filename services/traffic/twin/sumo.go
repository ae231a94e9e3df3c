// Package twin runs SUMO, the microscopic traffic simulator, as a twin of streets:
// it lets a controller see what detectors would see, shows its signals to the
// simulated drivers and people on foot, and measures what that did to everyone.
package twin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"polity/city"
	"polity/services/traffic/traci"
)

// FindSUMO returns the path of a program of SUMO's, such as sumo or netgenerate:
// given by the user, in $SUMO_HOME/bin, on the PATH, or in the virtual environment
// that set-up makes for the traffic benchmark.
func FindSUMO(program, given string) (string, error) {
	var tried []string
	candidates := []string{given}
	if home := os.Getenv("SUMO_HOME"); home != "" {
		candidates = append(candidates, filepath.Join(home, "bin", program))
	}
	if onPath, err := exec.LookPath(program); err == nil {
		candidates = append(candidates, onPath)
	}
	candidates = append(candidates, filepath.Join(".cache", "venv", "traffic", "bin", program))
	for _, c := range candidates {
		if c == "" {
			continue
		}
		tried = append(tried, c)
		if info, err := os.Stat(c); err == nil && !info.IsDir() {
			return behind(c), nil
		} else if c == given {
			return "", city.Errorf(city.NotFound, "%s is not at %s", program, given)
		}
	}
	return "", city.Errorf(city.NotFound, "SUMO's program %s is not on the PATH, nor in $SUMO_HOME/bin, nor at %s; install it with 'pip install eclipse-sumo' or say where it is with --sumo", program, strings.Join(tried, ", "))
}

// behind returns the program that PyPI's wrapper script beside it would start: one
// process instead of two, and one that ends when it is told to.
func behind(path string) string {
	real := filepath.Join(filepath.Dir(path), "..", "lib", "python3*", "site-packages", "sumo", "bin", filepath.Base(path))
	if found, err := filepath.Glob(real); err == nil && len(found) == 1 {
		return found[0]
	}
	return path
}

// process is a running SUMO.
type process struct {
	cmd    *exec.Cmd
	client *traci.Client
	stderr *tail
	done   chan error
}

// start runs SUMO with these arguments and connects to it.
func start(ctx context.Context, program string, args []string) (*process, error) {
	const attempts = 3 // the free port may be taken before SUMO takes it
	var last error
	for range attempts {
		p, err := startOnce(ctx, program, args)
		if err == nil {
			return p, nil
		}
		last = err
		if !strings.Contains(err.Error(), "ddress already in use") {
			break
		}
	}
	return nil, last
}

func startOnce(ctx context.Context, program string, args []string) (*process, error) {
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	p := &process{stderr: &tail{}, done: make(chan error, 1)}
	p.cmd = exec.CommandContext(ctx, program, append(args, "--remote-port", strconv.Itoa(port), "--num-clients", "1")...) //nolint:gosec // the program that the user names, with our arguments
	if home := filepath.Dir(filepath.Dir(program)); os.Getenv("SUMO_HOME") == "" {
		p.cmd.Env = append(os.Environ(), "SUMO_HOME="+home, "PROJ_LIB="+filepath.Join(home, "data", "proj"))
	}
	p.cmd.Stderr = p.stderr
	p.cmd.Stdout = io.Discard
	p.cmd.WaitDelay = 5 * time.Second
	if err := p.cmd.Start(); err != nil {
		return nil, city.Errorf(city.Unavailable, "start SUMO: %w", err)
	}
	dialing, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		p.done <- p.cmd.Wait()
		stop()
	}()
	p.client, err = traci.Dial(dialing, net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return nil, p.failed(err)
	}
	return p, nil
}

func freePort(ctx context.Context) (int, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	addr, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return 0, errors.New("find a free port: not a TCP address")
	}
	return addr.Port, nil
}

// failed ends SUMO and returns cause with SUMO's own last words.
func (p *process) failed(cause error) error {
	if p.client != nil {
		p.client.Abort()
	}
	select {
	case err := <-p.done:
		p.done <- err
	case <-time.After(2 * time.Second):
		_ = p.cmd.Process.Kill() // it hangs: Wait then returns
		p.done <- <-p.done
	}
	if words := p.stderr.String(); words != "" {
		return fmt.Errorf("%w; SUMO said: %s", cause, words)
	}
	return cause
}

// finish lets SUMO write its outputs and waits for its end.
func (p *process) finish() error {
	if err := p.client.Close(); err != nil {
		return p.failed(err)
	}
	if err := <-p.done; err != nil {
		return city.Errorf(city.Unavailable, "SUMO ended with %w; it said: %s", err, p.stderr)
	}
	return nil
}

// tail keeps the errors among what SUMO writes, the last 2,000 bytes.
type tail struct{ buf []byte }

func (t *tail) Write(b []byte) (int, error) {
	t.buf = append(t.buf, b...)
	if len(t.buf) > 8000 {
		t.buf = t.buf[len(t.buf)-8000:]
	}
	return len(b), nil
}

func (t *tail) String() string {
	var lines []string
	for line := range bytes.Lines(t.buf) {
		if s := strings.TrimSpace(string(line)); s != "" && !strings.HasPrefix(s, "Warning:") {
			lines = append(lines, s)
		}
	}
	if len(lines) > 6 {
		lines = lines[len(lines)-6:]
	}
	return strings.Join(lines, " | ")
}
