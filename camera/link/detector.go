package link

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// maxSocketPath is what fits into a unix socket's address with its end (unix(7)).
const maxSocketPath = 107

// Detector is the one detector process that all cameras of an edge share. The
// edge holds the listening socket, so that a camera that connects while the
// process is being started again waits instead of failing. It is safe for
// concurrent use.
type Detector struct {
	cfg      DetectorConfig
	listener *net.UnixListener

	mu     sync.Mutex
	status Status
}

// DetectorConfig is what NewDetector needs. Durations have a default.
type DetectorConfig struct {
	Program []string // gets the listening socket as descriptor 3
	Env     []string
	Socket  string // path of the socket; its folder exists and is the edge's alone
	Log     *slog.Logger

	FirstWait, LastWait, Steady time.Duration // as in Config
}

// NewDetector opens the socket. Run starts the process.
func NewDetector(cfg DetectorConfig) (*Detector, error) {
	d := Config{Log: cfg.Log, FirstWait: cfg.FirstWait, LastWait: cfg.LastWait, Steady: cfg.Steady}.withDefaults()
	cfg.Log, cfg.FirstWait, cfg.LastWait, cfg.Steady = d.Log, d.FirstWait, d.LastWait, d.Steady
	path, err := filepath.Abs(cfg.Socket)
	if err != nil {
		return nil, fmt.Errorf("detector's socket: %w", err)
	}
	if cfg.Socket = path; len(path) > maxSocketPath {
		return nil, fmt.Errorf("the path of the detector's socket has %d characters, and the system allows %d: choose a data folder with a shorter name than %s", len(path), maxSocketPath, filepath.Dir(path))
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("detector's socket of an earlier run: %w", err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("detector's socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return &Detector{cfg: cfg, listener: l}, nil
}

// Socket is the path that camera processes connect to.
func (d *Detector) Socket() string { return d.cfg.Socket }

// Status returns what is known now.
func (d *Detector) Status() Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.status
}

// Run starts the process again and again until ctx ends, then ends it and closes
// the socket.
func (d *Detector) Run(ctx context.Context) {
	defer d.listener.Close()
	wait := d.cfg.FirstWait
	for {
		start := time.Now()
		why := d.once(ctx)
		d.mu.Lock()
		d.status.PID, d.status.Since, d.status.LastExit = 0, time.Now(), why
		d.mu.Unlock()
		if ctx.Err() != nil {
			return
		}
		d.cfg.Log.Warn("the detector's process ended and will be started again", slog.String("why", why))
		if time.Since(start) > d.cfg.Steady {
			wait = d.cfg.FirstWait
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(jitter(wait)):
		}
		wait = min(2*wait, d.cfg.LastWait)
	}
}

func (d *Detector) once(ctx context.Context) (why string) {
	socket, err := d.listener.File()
	if err != nil {
		return fmt.Sprintf("it could not be started: %v", err)
	}
	defer socket.Close()
	logs, theirs, err := os.Pipe()
	if err != nil {
		return fmt.Sprintf("it could not be started: %v", err)
	}
	defer logs.Close()
	defer theirs.Close()
	cmd := exec.CommandContext(ctx, d.cfg.Program[0], d.cfg.Program[1:]...) //nolint:gosec // the edge's own configuration names it
	cmd.Env = d.cfg.Env
	cmd.Stderr = theirs
	cmd.ExtraFiles = []*os.File{socket}
	// It holds nothing that has to outlive the edge, so it dies with it. The signal
	// comes when the thread that started it ends: this one stays.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	if err := cmd.Start(); err != nil {
		return fmt.Sprintf("it could not be started: %v", err)
	}
	theirs.Close()
	d.mu.Lock()
	d.status.PID, d.status.Since = cmd.Process.Pid, time.Now()
	d.status.Starts++
	d.mu.Unlock()
	go forwardLog(logs, d.cfg.Log.With(slog.String("process", "detector")))
	return exitWords(cmd.Wait())
}
