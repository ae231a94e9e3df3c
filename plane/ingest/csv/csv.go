// Package csv brings files of old values into the city's data: each line is a message,
// by the same mapping as over the wire. A file is looked through first; every line that
// cannot be taken is told with its number.
package csv

import (
	"context"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"polity/city"
	"polity/plane"
	"polity/plane/ingest/mapping"
	"polity/plane/ingest/sums"
)

// maxTold bounds the lines that a report tells of one by one.
const maxTold = 1000

// Report is what a file has.
type Report struct {
	Lines    int       // with values; without the head
	Good     int       // that can be taken
	Bad      []BadLine // the first of them
	BadLines int       // all of them
	Devices  int
	From, To time.Time // of the observations
	Sums     int       // of households: that can be made
	TooFew   int       // and that cannot, of fewer homes than there must be
	Samples  []*mapping.Reading
}

// BadLine is a line that cannot be taken.
type BadLine struct {
	Line int // counted from 1
	Why  string
}

// Stored is what was stored of a file.
type Stored struct {
	Observations int // in the file, or sums of households
	Added        int // that were not there before
	Late         int // passed over: of their time only summaries are kept
	Entities     int
}

// Look reads a file and says what it has; nothing is stored. The error is of kind
// Invalid for a file that cannot be read as the mapping says.
func Look(m *mapping.Mapping, r io.Reader) (Report, error) {
	homes := sums.New(time.Time{})
	rep, err := read(m, r, func(reading *mapping.Reading) error {
		if m.Household {
			return homes.Add(m, reading, time.Time{})
		}
		return nil
	})
	if err != nil || !m.Household {
		return rep, err
	}
	rep.Samples = nil // single values of homes are shown to nobody
	if err := homes.Ended(forever, func(*plane.Batch) error { return nil }); err != nil {
		return rep, err
	}
	rep.Sums, rep.TooFew = int(homes.Counts().Summed), int(homes.Counts().TooFew)
	return rep, nil
}

// forever is when every interval is over.
var forever = time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)

// batchSize is how many lines are stored in one commit.
const batchSize = 1000

// Store stores the lines of a file that can be taken. What is stored already stays as it
// is, so that storing a file twice, or again after an error, is right.
func Store(ctx context.Context, m *mapping.Mapping, r io.Reader, store plane.Store) (Stored, error) {
	w := &writer{ctx: ctx, store: store, entities: map[string]*plane.Entity{}, seen: map[string]bool{}}
	homes := sums.New(time.Time{})
	_, err := read(m, r, func(reading *mapping.Reading) error {
		if m.Household {
			return homes.Add(m, reading, time.Time{})
		}
		return w.add(reading)
	})
	if err == nil && m.Household {
		err = homes.Ended(forever, w.write)
	}
	if err == nil {
		err = w.flush()
	}
	return w.stored, err
}

type writer struct {
	ctx      context.Context
	store    plane.Store
	lines    int
	batch    plane.Batch
	entities map[string]*plane.Entity // as the lines of the batch make them
	seen     map[string]bool
	stored   Stored
}

func (w *writer) add(r *mapping.Reading) error {
	e, err := r.Change().Edit(w.entities[r.Entity.ID])
	if err != nil {
		return err
	}
	w.entities[e.ID] = e
	w.batch.Observations = append(w.batch.Observations, r.Observations()...)
	if w.lines++; w.lines < batchSize {
		return nil
	}
	return w.flush()
}

func (w *writer) flush() error {
	for _, e := range w.entities {
		w.batch.Changes = append(w.batch.Changes, mapping.Merge(e))
	}
	err := w.write(&w.batch)
	w.lines, w.batch = 0, plane.Batch{}
	clear(w.entities)
	return err
}

func (w *writer) write(b *plane.Batch) error {
	if len(b.Changes) == 0 && len(b.Observations) == 0 {
		return nil
	}
	result, err := w.store.Write(w.ctx, b)
	if err == nil {
		err = result.Err()
	}
	if err != nil {
		return err
	}
	for _, c := range b.Changes {
		w.seen[c.Key.ID] = true
	}
	w.stored.Observations += len(b.Observations)
	w.stored.Added += result.Added
	w.stored.Late += result.Late
	w.stored.Entities = len(w.seen)
	return nil
}

// read calls each with the readings of a file.
func read(m *mapping.Mapping, r io.Reader, each func(*mapping.Reading) error) (Report, error) {
	rep := Report{}
	if m.Payload != "csv" {
		return rep, city.Errorf(city.Invalid, "the mapping %s is for payloads of %s, not csv", m.Name, m.Payload)
	}
	c := m.Reader(r)
	columns, first, err := head(m, c)
	if err != nil {
		return rep, err
	}
	devices := map[string]bool{}
	for {
		cells := first
		first = nil
		if cells == nil {
			cells, err = c.Read()
		}
		if errors.Is(err, io.EOF) {
			rep.Devices = len(devices)
			return rep, nil
		}
		var broken *csv.ParseError
		if err != nil && !errors.As(err, &broken) {
			return rep, city.Errorf(city.Invalid, "read the file: %w", err)
		}
		rep.Lines++
		var reading *mapping.Reading
		line := 0
		if err == nil {
			line, _ = c.FieldPos(0)
			reading, err = apply(m, columns, cells)
		} else {
			line = broken.StartLine
		}
		if err != nil {
			rep.bad(line, err)
			err = nil
			continue
		}
		rep.good(reading, devices)
		if err := each(reading); err != nil {
			return rep, err
		}
	}
}

func (rep *Report) bad(line int, err error) {
	rep.BadLines++
	if len(rep.Bad) < maxTold {
		rep.Bad = append(rep.Bad, BadLine{line, err.Error()})
	}
}

func (rep *Report) good(r *mapping.Reading, devices map[string]bool) {
	rep.Good++
	devices[r.Device] = true
	if rep.From.IsZero() || r.At.Before(rep.From) {
		rep.From = r.At
	}
	if r.At.After(rep.To) {
		rep.To = r.At
	}
	if len(rep.Samples) < 2 {
		rep.Samples = append(rep.Samples, r)
	}
}

func apply(m *mapping.Mapping, columns, cells []string) (*mapping.Reading, error) {
	record, err := mapping.Record(columns, cells)
	if err != nil {
		return nil, err
	}
	return m.Apply(mapping.Message{Record: record, History: true})
}

// head finds the names of the columns: in the first line, unless the mapping has them;
// then a first line that repeats them is passed over.
func head(m *mapping.Mapping, c *csv.Reader) (columns, first []string, err error) {
	line, err := c.Read()
	if errors.Is(err, io.EOF) {
		return nil, nil, city.Errorf(city.Invalid, "the file is empty")
	}
	if err != nil {
		return nil, nil, city.Errorf(city.Invalid, "the first line cannot be read: %w", err)
	}
	for i := range line {
		line[i] = strings.TrimSpace(strings.TrimPrefix(line[i], "\uFEFF"))
	}
	switch {
	case len(m.Columns) == 0:
	case slices.Equal(m.Columns, line):
		return m.Columns, nil, nil
	default:
		return m.Columns, line, nil
	}
	for i, name := range line {
		if name == "" || slices.Contains(line[:i], name) {
			return nil, nil, city.Errorf(city.Invalid, "line 1: column %d is called %q, which is nothing or a name that was there before", i+1, name)
		}
	}
	for _, name := range m.Cells() {
		if !slices.Contains(line, name) {
			return nil, nil, city.Errorf(city.Invalid, "line 1: there is no column %q, which the mapping %s needs; there are: %s", name, m.Name, strings.Join(line[:min(50, len(line))], ", "))
		}
	}
	return line, nil, nil
}
