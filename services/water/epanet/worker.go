package epanet

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"polity/city"
	"polity/internal/parts"
	"polity/internal/sandbox"
)

// LibraryName is the file name of EPANET's shared library among the parts.
const LibraryName = "libepanet.so.2"

// Error is what EPANET itself says is wrong with a network or a run.
type Error struct {
	Code  int // EPANET's error code, or 0
	Words string
}

func (e *Error) Error() string { return e.Words }

// ErrDied is the root of errors of a worker that ended by itself.
var ErrDied = errors.New("the EPANET worker died")

// Conn is a line to a worker.
type Conn struct {
	In   io.Writer
	Out  io.Reader
	End  func() error // ends the worker and says how it ended
	Path func(network []byte) (path string, remove func(), err error)
}

// Dialer makes a worker. [Native] is the usual one.
type Dialer func(ctx context.Context) (*Conn, error)

// Worker is one network in a process of its own. Its methods are called by one
// goroutine at a time.
type Worker struct {
	Layout Layout
	conn   *Conn
	out    *bufio.Reader
	counts []int
	buf    []byte
	remove func()
}

// Start starts a worker on the text of a network file (.inp). The context ends it.
// What EPANET finds wrong with the file is an [Error] of kind city.Invalid.
func Start(ctx context.Context, dial Dialer, network []byte) (*Worker, error) {
	conn, err := dial(ctx)
	if err != nil {
		return nil, err
	}
	w := &Worker{conn: conn, out: bufio.NewReaderSize(conn.Out, 256<<10)}
	path, remove, err := conn.Path(network)
	if err != nil {
		return nil, errors.Join(err, conn.End())
	}
	w.remove = remove
	body, err := w.ask(kindOpen, []byte(path), kindOpened)
	if err == nil {
		err = json.Unmarshal(body, &w.Layout)
	}
	if err != nil {
		return nil, w.abandon(fmt.Errorf("open the network in EPANET: %w", err))
	}
	return w, nil
}

// abandon ends the worker because of err, adding its last words when it died.
func (w *Worker) abandon(err error) error {
	end := w.Close()
	if errors.Is(err, ErrDied) && end != nil {
		return fmt.Errorf("%w: %w", err, end)
	}
	return err
}

// Close ends the worker. It returns how it ended.
func (w *Worker) Close() error {
	if w.remove != nil {
		w.remove()
		w.remove = nil
	}
	return w.conn.End()
}

// ask sends a frame and returns the body of the answer, which holds until the next
// call.
func (w *Worker) ask(kind byte, body []byte, want byte) ([]byte, error) {
	if err := writeFrame(w.conn.In, kind, body); err != nil {
		return nil, fmt.Errorf("%w (%w)", ErrDied, err)
	}
	got, answer, err := w.read()
	if err != nil {
		return nil, err
	}
	if got != want {
		return nil, fmt.Errorf("%w: answer %q in place of %q", ErrProtocol, got, want)
	}
	return answer, nil
}

func (w *Worker) read() (kind byte, body []byte, err error) {
	kind, w.buf, err = readFrame(w.out, w.buf)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, os.ErrClosed):
		return 0, nil, fmt.Errorf("%w (%w)", ErrDied, err)
	case err != nil:
		return 0, nil, err
	case kind == kindFailed:
		var f failure
		if err := json.Unmarshal(w.buf, &f); err != nil {
			return 0, nil, fmt.Errorf("%w: %w", ErrProtocol, err)
		}
		return 0, nil, city.Errorf(city.Invalid, "%w", &Error{Code: f.Code, Words: f.Words})
	}
	return kind, w.buf, nil
}

// Set sets values, in order.
func (w *Worker) Set(values ...SettingValue) error {
	body, err := json.Marshal(values)
	if err != nil {
		return err
	}
	_, err = w.ask(kindSet, body, kindOK)
	return err
}

// Begin starts a run at time 0 that will report the columns.
func (w *Worker) Begin(columns []Column) error {
	w.counts = w.counts[:0]
	for _, c := range columns {
		n := len(c.Indices)
		if n == 0 {
			n = len(w.Layout.Links)
			if c.Object == Node {
				n = len(w.Layout.Nodes)
			}
		}
		w.counts = append(w.counts, n)
	}
	body, err := json.Marshal(columns)
	if err != nil {
		return err
	}
	_, err = w.ask(kindBegin, body, kindOK)
	return err
}

// Advance solves all periods before the time until, in seconds, under the drives,
// and calls each with those whose time is a multiple of every (0: with all). It
// says whether the run is over. An error of each ends the worker.
func (w *Worker) Advance(until, every int64, drives []Drive, each func(Period) error) (over bool, err error) {
	drives = slices.DeleteFunc(slices.Clone(drives), func(d Drive) bool { return len(d.Indices) == 0 })
	for _, d := range drives {
		for r, row := range d.Rows {
			if len(row) != len(d.Indices) {
				return false, fmt.Errorf("row %d of a drive has %d values for %d objects", r, len(row), len(d.Indices))
			}
		}
	}
	if err := writeFrame(w.conn.In, kindAdvance, appendAdvance(nil, until, every, drives)); err != nil {
		return false, fmt.Errorf("%w (%w)", ErrDied, err)
	}
	for {
		kind, body, err := w.read()
		if err != nil {
			return false, err
		}
		switch kind {
		case kindPeriod:
			p, err := readPeriod(body, w.counts)
			if err == nil {
				err = each(p)
			}
			if err != nil {
				_ = w.Close()
				return false, err
			}
		case kindAdvanced:
			if len(body) != advancedSize {
				return false, fmt.Errorf("%w: an end of %d bytes", ErrProtocol, len(body))
			}
			_ = binary.BigEndian.Uint64(body)
			return body[8] == 1, nil
		default:
			return false, fmt.Errorf("%w: kind %q within a run", ErrProtocol, kind)
		}
	}
}

// Native starts polity-native as it is installed beside the running program, in a
// sandbox: it may read EPANET's library and one folder with the network file, and
// compute.
func Native(ctx context.Context) (*Conn, error) {
	program, err := parts.Program("polity-native")
	if err != nil {
		return nil, err
	}
	library, err := parts.Find(LibraryName)
	if err == nil {
		library, err = filepath.Abs(library) // the worker runs in another folder
	}
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "polity-epanet-")
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(folder, 0o755); err != nil { //nolint:gosec // the worker runs as nobody; a network file holds no secret of the machine
		return nil, errors.Join(err, os.Remove(folder))
	}
	said := &lastWords{}
	p, err := sandbox.Start(ctx, sandbox.Spec{
		Program: program, Args: []string{"epanet", "--library", library}, Read: []string{library, folder}, Stderr: said,
		Env: []string{"GOMAXPROCS=2", "GOGC=400"},
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", filepath.Base(program), err), os.RemoveAll(folder))
	}
	var once sync.Once
	var ended error
	end := func() error {
		once.Do(func() {
			_ = p.In.Close()
			p.Kill()
			err := p.Wait()
			_ = p.Out.Close()
			if words := said.String(); words != "" {
				ended = errors.Join(err, errors.New(words))
			}
			_ = os.RemoveAll(folder)
		})
		return ended
	}
	return &Conn{In: p.In, Out: p.Out, End: end, Path: func(network []byte) (string, func(), error) {
		path := filepath.Join(folder, "network.inp")
		if err := os.WriteFile(path, network, 0o644); err != nil { //nolint:gosec // as above
			return "", nil, err
		}
		return path, func() {}, nil
	}}, nil
}

// lastWords keeps the end of what a worker said, for the error that tells why it
// ended.
type lastWords struct {
	mu   sync.Mutex
	text []byte
}

// Write implements io.Writer.
func (w *lastWords) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text = append(w.text, b...)
	if n := len(w.text); n > 2000 {
		w.text = w.text[n-2000:]
	}
	return len(b), nil
}

func (w *lastWords) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.TrimSpace(string(w.text))
}
