package epanet

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Engine is EPANET as the worker has it. It is used by one goroutine; indices
// count from 1, as EPANET's do.
type Engine interface {
	// Open reads the network file at path, in place of one that is open.
	Open(path string) (Layout, error)
	Set(object Object, index, property int, value float64) error
	// Begin starts a run at time 0, with or without water quality.
	Begin(quality bool) error
	// Solve computes the present period.
	Solve() (seconds int64, warning int, err error)
	// Next goes to the next period; its distance is 0 at the end of the run.
	Next() (seconds int64, err error)
	// All fills values with a property of every node or link.
	All(object Object, property int, values []float64) error
	// Code returns EPANET's code of an error, or 0.
	Code(err error) int
}

// Serve answers one client until r ends. What EPANET refuses is told to the client
// and does not end the service.
func Serve(engine Engine, r io.Reader, w io.Writer) error {
	s := server{engine: engine, out: bufio.NewWriterSize(w, 256<<10)}
	in := bufio.NewReaderSize(r, 256<<10)
	for {
		kind, body, err := readFrame(in, s.buf)
		s.buf = body
		if errors.Is(err, io.EOF) && !errors.Is(err, ErrProtocol) {
			return nil
		}
		if err == nil {
			err = s.answer(kind, body)
		}
		if err == nil {
			err = s.out.Flush()
		}
		if err != nil {
			return err
		}
	}
}

type server struct {
	engine  Engine
	out     *bufio.Writer
	buf     []byte
	layout  Layout
	columns []Column
	whole   map[Object]map[int][]float64 // by object and property: scratch for All
	begun   bool
	now     int64
	over    bool
	body    []byte
}

func (s *server) answer(kind byte, body []byte) error {
	var err error
	switch kind {
	case kindOpen:
		s.begun = false
		if s.layout, err = s.engine.Open(string(body)); err == nil {
			return writeJSON(s.out, kindOpened, s.layout)
		}
	case kindSet:
		err = s.set(body)
	case kindBegin:
		err = s.begin(body)
	case kindAdvance:
		if err = s.advance(body); err == nil {
			end := binary.BigEndian.AppendUint64(nil, uint64(s.now))
			if s.over {
				return writeFrame(s.out, kindAdvanced, append(end, 1))
			}
			return writeFrame(s.out, kindAdvanced, append(end, 0))
		}
	default:
		return fmt.Errorf("%w: kind %q", ErrProtocol, kind)
	}
	if err != nil {
		return writeJSON(s.out, kindFailed, failure{Code: s.engine.Code(err), Words: err.Error()})
	}
	return writeFrame(s.out, kindOK, nil)
}

func (s *server) count(o Object) int {
	if o == Node {
		return len(s.layout.Nodes)
	}
	return len(s.layout.Links)
}

func (s *server) within(o Object, indices []int) error {
	for _, i := range indices {
		if i < 0 || i >= s.count(o) {
			return fmt.Errorf("there is no object %d among %d", i, s.count(o))
		}
	}
	return nil
}

func (s *server) set(body []byte) error {
	var settings []SettingValue
	if err := json.Unmarshal(body, &settings); err != nil {
		return err
	}
	for _, v := range settings {
		if v.Object <= Link {
			if err := s.within(v.Object, []int{v.Index}); err != nil {
				return err
			}
		}
		if err := s.engine.Set(v.Object, v.Index+1, v.Property, v.Value); err != nil {
			return fmt.Errorf("set property %d of %s to %g: %w", v.Property, s.name(v.Object, v.Index), v.Value, err)
		}
	}
	return nil
}

func (s *server) name(o Object, i int) string {
	switch o {
	case Node:
		return "node " + s.layout.Nodes[i]
	case Link:
		return "link " + s.layout.Links[i]
	}
	return "the run"
}

func (s *server) begin(body []byte) error {
	var columns []Column
	if err := json.Unmarshal(body, &columns); err != nil {
		return err
	}
	s.whole = map[Object]map[int][]float64{Node: {}, Link: {}}
	for _, c := range columns {
		if c.Object > Link {
			return fmt.Errorf("%w: a column of object %d", ErrProtocol, c.Object)
		}
		if err := s.within(c.Object, c.Indices); err != nil {
			return err
		}
		if s.whole[c.Object][c.Property] == nil {
			s.whole[c.Object][c.Property] = make([]float64, s.count(c.Object))
		}
	}
	s.columns, s.now, s.over = columns, 0, false
	err := s.engine.Begin(slices.ContainsFunc(columns, Column.quality))
	s.begun = err == nil
	return err
}

// advance solves periods from the present one until the time asked for, which it
// leaves for the next advance.
func (s *server) advance(body []byte) error {
	until, every, drives, err := readAdvance(body)
	if err != nil {
		return err
	}
	if !s.begun {
		return errors.New("advance before begin")
	}
	for _, d := range drives {
		if err := s.within(d.Object, d.Indices); err != nil {
			return err
		}
	}
	last := slices.Repeat([]int{-1}, len(drives))
	for !s.over && s.now < until {
		for i, d := range drives {
			if err := s.drive(d, &last[i]); err != nil {
				return err
			}
		}
		seconds, warning, err := s.engine.Solve()
		if err != nil {
			return err
		}
		if every <= 0 || seconds%every == 0 {
			if err := s.report(seconds, warning); err != nil {
				return err
			}
		}
		step, err := s.engine.Next()
		if err != nil {
			return fmt.Errorf("after %d s: %w", seconds, err)
		}
		s.now, s.over = seconds+step, step <= 0
	}
	return nil
}

func (s *server) drive(d Drive, last *int) error {
	if s.now < d.Start || len(d.Rows) == 0 {
		return nil
	}
	row := min(int((s.now-d.Start)/d.Step), len(d.Rows)-1)
	if row == *last {
		return nil
	}
	for k, v := range d.Rows[row] {
		if *last >= 0 && d.Rows[*last][k] == v {
			continue
		}
		if err := s.engine.Set(d.Object, d.Indices[k]+1, d.Property, v); err != nil {
			return fmt.Errorf("at %d s set property %d of %s to %g: %w", s.now, d.Property, s.name(d.Object, d.Indices[k]), v, err)
		}
	}
	*last = row
	return nil
}

func (s *server) report(seconds int64, warning int) error {
	for object, properties := range s.whole {
		for property, values := range properties {
			if err := s.engine.All(object, property, values); err != nil {
				return err
			}
		}
	}
	p := Period{Seconds: seconds, Warning: warning}
	for _, c := range s.columns {
		values := s.whole[c.Object][c.Property]
		if len(c.Indices) > 0 {
			some := make([]float64, len(c.Indices))
			for k, i := range c.Indices {
				some[k] = values[i]
			}
			values = some
		}
		p.Values = append(p.Values, values)
	}
	s.body = appendPeriod(s.body[:0], p)
	return writeFrame(s.out, kindPeriod, s.body)
}
