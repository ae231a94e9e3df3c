package link

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"polity/camera/wire"
)

// drainTime is how long what a dead process wrote may take to be read.
const drainTime = 2 * time.Second

// run is one life of a camera process, seen from the edge.
type run struct {
	cfg    Config
	camera string
	cmd    *exec.Cmd
	in     *os.File // its standard input
	out    *os.File // its standard output
	logs   *os.File // its standard error
	keeper *keeper
	ended  chan struct{} // closed when nothing more is to be said to it

	recording sync.WaitGroup // until what the process recorded is settled

	heard    atomic.Int64 // when it last said something, ns since 1970
	received atomic.Uint64
	stored   atomic.Uint64

	mu      sync.Mutex
	pending Command
	poke    chan struct{}
}

// start runs the program with pipes and the spool, in a process group of its own:
// a Ctrl-C in the edge's terminal is for the edge, which then stops its cameras.
func start(cfg Config, a Assignment, spool *os.File, k *keeper) (*run, error) {
	hello, err := json.Marshal(a)
	if err != nil {
		return nil, err
	}
	r := &run{cfg: cfg, camera: string(a.Camera), keeper: k, ended: make(chan struct{}), poke: make(chan struct{}, 1)}
	var theirs [4]*os.File
	defer func() {
		for _, f := range theirs {
			if f != nil {
				f.Close()
			}
		}
	}()
	if theirs[0], r.in, err = os.Pipe(); err != nil {
		return nil, err
	}
	if r.out, theirs[1], err = os.Pipe(); err != nil {
		r.close()
		return nil, err
	}
	if r.logs, theirs[2], err = os.Pipe(); err != nil {
		r.close()
		return nil, err
	}
	r.cmd = exec.Command(cfg.Program[0], cfg.Program[1:]...) //nolint:gosec // the edge's own configuration names it
	r.cmd.Env = cfg.Env
	r.cmd.Stdin, r.cmd.Stdout, r.cmd.Stderr = theirs[0], theirs[1], theirs[2]
	r.cmd.ExtraFiles = []*os.File{spool}
	var ours *os.File
	if a.Record != nil {
		if ours, theirs[3], err = socketPair(); err != nil {
			r.close()
			return nil, err
		}
		r.cmd.ExtraFiles = append(r.cmd.ExtraFiles, theirs[3])
	}
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := r.cmd.Start(); err != nil {
		if ours != nil {
			ours.Close()
		}
		r.close()
		return nil, err
	}
	if ours != nil {
		r.recording.Go(func() { cfg.Record(context.Background(), ours) }) // until the process goes
	}
	r.heard.Store(time.Now().UnixNano())
	go r.speak(append(hello, '\n'))
	return r, nil
}

// socketPair returns two connected ends. The first can be waited on by many.
func socketPair() (ours, theirs *os.File, err error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("connection for recording: %w", err)
	}
	if err := syscall.SetNonblock(fds[0], true); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("connection for recording: %w", err), syscall.Close(fds[0]), syscall.Close(fds[1]))
	}
	return os.NewFile(uintptr(fds[0]), "recording"), os.NewFile(uintptr(fds[1]), "recording"), nil
}

func (r *run) close() {
	for _, f := range []*os.File{r.in, r.out, r.logs} {
		if f != nil {
			f.Close()
		}
	}
}

// serve watches over the process until it has ended, and says how it did.
func (r *run) serve(ctx context.Context) (why string) {
	defer r.close()
	defer close(r.ended)
	read, exited, logged := make(chan error, 1), make(chan error, 1), make(chan struct{})
	go func() { read <- r.listen() }()
	go func() { exited <- r.cmd.Wait() }()
	go func() {
		defer close(logged)
		forwardLog(r.logs, r.cfg.Log.With(slog.String("camera", r.camera)))
	}()
	tick := time.NewTicker(max(r.cfg.Silence/20, time.Millisecond))
	defer tick.Stop()
	var grace <-chan time.Time
	asked := ctx.Done()
	for {
		select {
		case <-asked:
			asked = nil
			r.tell(Command{Stop: true})
			why, grace = "it was stopped", time.After(r.cfg.StopGrace)
		case <-grace:
			grace = nil
			why = orElse(why, "it did not end") + ", and had to be killed"
			r.kill()
		case <-tick.C:
			if quiet := time.Since(time.Unix(0, r.heard.Load())); quiet > r.cfg.Silence && asked != nil {
				why, asked = fmt.Sprintf("it said nothing for %v", quiet.Round(time.Second)), nil
				r.kill()
			}
		case err := <-read:
			read = nil
			switch {
			case err != nil && !errors.Is(err, os.ErrDeadlineExceeded):
				why, asked = fmt.Sprintf("it did not keep to the link: %v", err), nil
				r.kill()
			case grace == nil:
				grace = time.After(r.cfg.StopGrace)
			}
		case err := <-exited:
			r.drain(read, logged)
			r.recording.Wait()
			return orElse(why, exitWords(err))
		}
	}
}

// drain reads what the process had written before it ended.
func (r *run) drain(read <-chan error, logged <-chan struct{}) {
	deadline := time.Now().Add(drainTime)
	if r.out.SetReadDeadline(deadline) != nil || r.logs.SetReadDeadline(deadline) != nil {
		return // the pipe is closed: nothing is left in it
	}
	if read != nil {
		if err := <-read; err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			r.cfg.Log.Debug("a dead camera process's last message was cut short", slog.String("camera", r.camera), slog.Any("error", err))
		}
	}
	<-logged
}

func (r *run) kill() {
	// The group: the process may have children, and they hold frames too.
	_ = syscall.Kill(-r.cmd.Process.Pid, syscall.SIGKILL)
}

// listen takes messages until the process says no more. An error is something
// that is not a message.
func (r *run) listen() error {
	in := bufio.NewReaderSize(r.out, 64<<10)
	for {
		m, err := wire.Read(in)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		r.heard.Store(time.Now().UnixNano())
		if record(m) {
			r.received.Add(1)
			r.keeper.put(m, r)
		} else {
			r.cfg.Live(m)
		}
	}
}

// acknowledge tells the process that one more of its messages is durable.
func (r *run) acknowledge() { r.tell(Command{Stored: r.stored.Add(1)}) }

func (r *run) tell(c Command) {
	r.mu.Lock()
	r.pending.merge(c)
	r.mu.Unlock()
	select {
	case r.poke <- struct{}{}:
	default:
	}
}

// speak writes the assignment, then commands as they come, merged while the
// process is slow to read.
func (r *run) speak(line []byte) {
	for {
		if _, err := r.in.Write(line); err != nil {
			return // it is dead or dying, and serve knows
		}
		select {
		case <-r.ended:
			return
		case <-r.poke:
		}
		r.mu.Lock()
		c := r.pending
		r.pending = Command{}
		r.mu.Unlock()
		b, err := json.Marshal(c)
		if err != nil {
			return // plain values always encode
		}
		line = append(b, '\n')
	}
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func exitWords(err error) string {
	if err == nil {
		return "it ended by itself"
	}
	return "it ended with " + err.Error()
}
