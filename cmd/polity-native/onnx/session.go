package onnx

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"
)

// Session is a network ready to run, with one input of bytes and outputs of
// floats. Run may be called from several goroutines at once.
type Session struct {
	library *Library
	handle  handle
	input   *byte
	outputs []*byte
}

// Network names what a Session runs.
type Network struct {
	Model   []byte   // an ONNX file
	Input   string   // of unsigned bytes
	Outputs []string // of 32-bit floats
}

// Tensor is an output: its values in row order. Both slices belong to the library
// and hold only until the function that got them returns.
type Tensor struct {
	Shape  []int64
	Values []float32
}

// Session prepares a network. It computes on the calling thread: one run is one
// core's work, so that many cameras share a machine evenly.
func (l *Library) Session(n Network) (*Session, error) {
	if len(n.Model) == 0 {
		return nil, errors.New("prepare network: the model is empty")
	}
	s := &Session{library: l, input: cString(n.Input)}
	for _, name := range n.Outputs {
		s.outputs = append(s.outputs, cString(name))
	}
	var options handle
	if err := l.check(l.newOptions(&options)); err != nil {
		return nil, fmt.Errorf("prepare network: %w", err)
	}
	defer l.freeOptions(options)
	err := errors.Join(
		l.check(l.optimization(options, optimizeAll)),
		l.check(l.intraThreads(options, 1)),
		l.check(l.interThreads(options, 1)),
		l.check(l.noMemPattern(options)), // sizes change from run to run
		l.check(l.noArena(options)),      // memory goes back between runs
	)
	if err == nil {
		err = l.check(l.newSession(l.env, &n.Model[0], uintptr(len(n.Model)), options, &s.handle))
	}
	if err != nil {
		return nil, fmt.Errorf("prepare network: %w", err)
	}
	return s, nil
}

// Run computes the outputs for one input of the given shape and hands them to
// use.
func (s *Session) Run(input []byte, shape []int64, use func([]Tensor) error) error {
	size := int64(1)
	for _, n := range shape {
		if n < 1 || n > 1<<20 {
			return fmt.Errorf("run network: a side of %d", n)
		}
		size *= n
	}
	if int64(len(input)) != size {
		return fmt.Errorf("run network: input of %d bytes, its shape needs %d", len(input), size)
	}
	l := s.library
	var pin runtime.Pinner // the library keeps the input's address across calls
	defer pin.Unpin()
	pin.Pin(&input[0])
	pin.Pin(s.input)
	for _, name := range s.outputs {
		pin.Pin(name)
	}
	var in handle
	if err := l.check(l.newTensor(l.memory, &input[0], uintptr(len(input)), &shape[0], uintptr(len(shape)), elementUint8, &in)); err != nil {
		return fmt.Errorf("run network: %w", err)
	}
	defer l.freeValue(in)
	out := make([]handle, len(s.outputs))
	if err := l.check(l.run(s.handle, 0, &s.input, &in, 1, &s.outputs[0], uintptr(len(out)), &out[0])); err != nil {
		return fmt.Errorf("run network: %w", err)
	}
	defer func() {
		for _, v := range out {
			l.freeValue(v)
		}
	}()
	tensors := make([]Tensor, len(out))
	for i, v := range out {
		t, err := l.tensor(v)
		if err != nil {
			return fmt.Errorf("run network: output %d: %w", i, err)
		}
		tensors[i] = t
	}
	return use(tensors)
}

func (l *Library) tensor(v handle) (Tensor, error) {
	var info handle
	if err := l.check(l.typeAndShape(v, &info)); err != nil {
		return Tensor{}, err
	}
	defer l.freeShape(info)
	var rank uintptr
	if err := l.check(l.rank(info, &rank)); err != nil {
		return Tensor{}, err
	}
	if rank == 0 || rank > 8 {
		return Tensor{}, fmt.Errorf("%d dimensions", rank)
	}
	shape := make([]int64, rank)
	var data *float32
	if err := errors.Join(l.check(l.shape(info, &shape[0], rank)), l.check(l.tensorData(v, &data))); err != nil {
		return Tensor{}, err
	}
	size := int64(1)
	for _, n := range shape {
		size *= n
	}
	return Tensor{Shape: shape, Values: unsafe.Slice(data, size)}, nil //nolint:gosec // the library's own size
}

// Close frees the network. No run may be under way.
func (s *Session) Close() { s.library.freeSession(s.handle) }
