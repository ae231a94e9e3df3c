package detect

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"polity/internal/parts"
	"polity/internal/sandbox"
)

// Worker runs `polity-native detect` and starts it anew when it ends. It listens
// for cameras itself and hands the listening socket to each worker process, so that
// cameras that connect while there is none are only kept waiting.
type Worker struct {
	socket   string
	own      string // a folder of its own for the socket, or ""
	listener *os.File
	log      *slog.Logger
	start    Starter
	dial     Dialer
	stop     context.CancelFunc
	done     chan struct{}

	mu       sync.Mutex
	running  bool
	restarts int
}

// Starter starts one worker process, which accepts cameras on listener and ends
// when ctx does or when stdin, of which the caller keeps the other end, is closed.
// wait returns when it has ended.
type Starter func(ctx context.Context, listener *os.File) (wait func() error, err error)

// StartWorker listens on a unix socket at the path socket, in a folder that only
// our own user may enter ("" makes one), and keeps a worker running until ctx ends
// or Stop. A nil start is Native.
func StartWorker(ctx context.Context, socket string, start Starter, log *slog.Logger) (*Worker, error) {
	if start == nil {
		start = Native
	}
	if socket != "" {
		return startWorker(ctx, socket, start, log)
	}
	own, err := os.MkdirTemp("", "polity-detect-")
	if err != nil {
		return nil, fmt.Errorf("detector: %w", err)
	}
	w, err := startWorker(ctx, filepath.Join(own, "socket"), start, log)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(own))
	}
	w.own = own
	return w, nil
}

// maxSocketPath is what fits into a unix socket's address with its end (unix(7)).
const maxSocketPath = 107

func startWorker(ctx context.Context, socket string, start Starter, log *slog.Logger) (*Worker, error) {
	if len(socket) > maxSocketPath {
		return nil, fmt.Errorf("detector: the path of its socket has %d characters, and the system allows %d: choose a data folder with a shorter name than %s", len(socket), maxSocketPath, filepath.Dir(socket))
	}
	if err := os.Remove(socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("detector: %w", err)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "unix", socket)
	if err != nil {
		return nil, fmt.Errorf("detector: %w", err)
	}
	unix := listener.(*net.UnixListener)
	unix.SetUnlinkOnClose(false) // the copy below goes on listening
	file, err := unix.File()
	if err := errors.Join(err, unix.Close()); err != nil {
		return nil, fmt.Errorf("detector: %w", err)
	}
	ctx, stop := context.WithCancel(ctx)
	w := &Worker{socket: socket, listener: file, log: log, start: start, dial: Socket(socket), stop: stop, done: make(chan struct{})}
	first, err := w.launch(ctx)
	if err != nil { // nothing that another attempt would mend
		stop()
		return nil, fmt.Errorf("detector: %w", errors.Join(err, file.Close(), os.Remove(socket)))
	}
	go w.run(ctx, first)
	return w, nil
}

// A worker that ran this long has proven that it can: the next wait is short again.
const healthy = time.Minute

func (w *Worker) run(ctx context.Context, p *launched) {
	defer close(w.done)
	wait := firstWait
	for {
		began := time.Now()
		err := w.attend(ctx, p)
		for p = nil; p == nil; wait = min(2*wait, lastWait) {
			if ctx.Err() != nil {
				return
			}
			if time.Since(began) > healthy {
				wait = firstWait
			}
			w.log.Error("the detector ended; starting another", slog.Any("error", err), slog.Duration("after", wait))
			select {
			case <-ctx.Done():
				return
			case <-time.After(wait):
			}
			w.mu.Lock()
			w.restarts++
			w.mu.Unlock()
			began = time.Now()
			p, err = w.launch(ctx)
		}
	}
}

// launched is a worker process that runs.
type launched struct {
	cancel context.CancelFunc
	ended  chan error
}

func (w *Worker) launch(ctx context.Context) (*launched, error) {
	ctx, cancel := context.WithCancel(ctx)
	wait, err := w.start(ctx, w.listener)
	if err != nil {
		cancel()
		return nil, err
	}
	p := &launched{cancel: cancel, ended: make(chan error, 1)}
	w.setRunning(true)
	go func() {
		err := wait()
		w.setRunning(false)
		p.ended <- err
	}()
	return p, nil
}

// A worker is asked this often for an answer to an empty picture; one that fails
// to give it in time is ended, because cameras would wait for it for ever.
const (
	watchEvery = 10 * time.Second
	watchLimit = 10 * time.Second
)

// attend returns when the worker process has ended, and why.
func (w *Worker) attend(ctx context.Context, p *launched) error {
	defer p.cancel()
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case err := <-p.ended:
			return err
		case <-tick.C:
			if err := w.watch(ctx); err != nil && ctx.Err() == nil {
				p.cancel()
				return errors.Join(fmt.Errorf("it did not answer: %w", err), <-p.ended)
			}
		}
	}
}

func (w *Worker) watch(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, watchLimit)
	defer cancel()
	conn, err := w.Dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return err
	}
	if _, err := readGreeting(conn); err != nil {
		return err
	}
	q := request{number: 1, size: Size{MinSide, MinSide}, threshold: 1}
	if _, err := conn.Write(append(q.head(nil), make([]byte, q.size.bytes())...)); err != nil {
		return err
	}
	_, err = readAnswer(conn, 1)
	return err
}

// Dial is a Dialer for a Client in this process.
func (w *Worker) Dial(ctx context.Context) (Conn, error) { return w.dial(ctx) }

func (w *Worker) setRunning(is bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running = is
}

// Running says whether there is a worker process now.
func (w *Worker) Running() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.running
}

// Restarts returns how often a worker had to be replaced.
func (w *Worker) Restarts() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.restarts
}

// Stop ends the worker, waits for its end, and removes the socket.
func (w *Worker) Stop() error {
	w.stop()
	<-w.done
	err := errors.Join(w.listener.Close(), os.Remove(w.socket))
	if w.own != "" {
		err = errors.Join(err, os.Remove(w.own))
	}
	return err
}

// Socket returns a Dialer for a detector's socket at path.
func Socket(path string) Dialer {
	return func(ctx context.Context) (Conn, error) { return (&net.Dialer{}).DialContext(ctx, "unix", path) }
}

// workerMemory bounds the address space of a worker: the library, the network, and
// what one run at the greatest size needs on every core, with a margin.
const workerMemory = 4 << 30

// Native starts polity-native as it is installed beside the running program, in a
// sandbox: it may accept cameras on the listener, read ONNX Runtime's library, and
// compute.
func Native(ctx context.Context, listener *os.File) (wait func() error, err error) {
	program, err := parts.Program("polity-native")
	if err != nil {
		return nil, err
	}
	library, err := parts.Find("libonnxruntime.so.1")
	if err != nil {
		return nil, err
	}
	var said lastWords
	p, err := sandbox.Start(ctx, sandbox.Spec{
		Program: program, Args: []string{"detect", "--listen", "3", "--library", library, "--parallel", strconv.Itoa(max(1, runtime.NumCPU()/2))},
		Read:   []string{library},
		Memory: workerMemory, Stderr: &said, Extra: []*os.File{listener}, Accept: 3,
	})
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", filepath.Base(program), err)
	}
	return func() error {
		defer p.In.Close()
		defer p.Out.Close()
		err := p.Wait()
		if words := said.String(); words != "" {
			err = errors.Join(err, errors.New(words))
		}
		return err
	}, nil
}

// lastWords keeps the end of what a worker said, for the error that tells why it
// ended.
type lastWords struct {
	mu   sync.Mutex
	text []byte
}

const mostWords = 1000

// Write implements io.Writer.
func (w *lastWords) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text = append(w.text, b...)
	if n := len(w.text); n > mostWords {
		w.text = w.text[n-mostWords:]
	}
	return len(b), nil
}

func (w *lastWords) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.TrimSpace(string(w.text))
}
