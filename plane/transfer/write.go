package transfer

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"hash"
	"io"
	"strconv"
	"time"

	"polity/plane"
	"polity/plane/record"
)

// Format is what the first line of a file says.
const Format = "polity-city-data/1"

// Counts is how much a file, or the part of it that was gone through, holds.
type Counts struct {
	Entities     int64 `json:"entities"`
	Observations int64 `json:"observations"`
	Summaries    int64 `json:"summaries,omitempty"` // that stand for observations
}

// Progress is told now and then what is done; nil tells nobody.
type Progress func(Counts)

func (p Progress) tell(c Counts) {
	if p != nil && (c.Entities+c.Observations+c.Summaries)%1000 == 0 {
		p(c)
	}
}

type header struct {
	Format string `json:"format"`
}

type series struct {
	Tenant    string `json:"tenant,omitempty"`
	ID        string `json:"id"`
	Attribute string `json:"attribute"`
	Dataset   string `json:"dataset,omitempty"`
}

type end struct {
	Counts
	SHA256 string `json:"sha256"` // of all bytes before this line, in hexadecimal
}

// What lines begin with; an observation's begins with a bracket and a number.
const (
	entityStart = `{"entity":`
	seriesStart = `{"series":`
	endStart    = `{"end":`
	hourStart   = `["hour",`
	dayStart    = `["day",`
)

// Export writes the content of a store, one state of it, as a file. When it fails
// what was written is not whole, and Verify says so.
func Export(ctx context.Context, s plane.Store, to io.Writer, progress Progress) (Counts, error) {
	w := writer{to: bufio.NewWriterSize(to, 256<<10), sum: sha256.New()}
	if err := w.object("", header{Format}); err != nil {
		return w.counts, err
	}
	err := dump(ctx, s, func(e *plane.Entity) error {
		if err := w.entity(e); err != nil {
			return err
		}
		progress.tell(w.counts)
		return nil
	}, func(o plane.Observation) error {
		if err := w.observation(&o); err != nil {
			return err
		}
		progress.tell(w.counts)
		return nil
	}, func(k plane.Kept) error {
		if err := w.kept(&k); err != nil {
			return err
		}
		progress.tell(w.counts)
		return nil
	})
	if err != nil {
		return w.counts, err
	}
	return w.counts, w.end()
}

// dump goes through all that a store holds.
func dump(ctx context.Context, s plane.Store, entity func(*plane.Entity) error, observation func(plane.Observation) error, kept func(plane.Kept) error) error {
	if all, ok := s.(plane.Thinner); ok {
		return all.DumpAll(ctx, entity, observation, kept)
	}
	return s.Dump(ctx, entity, observation)
}

type writer struct {
	to     *bufio.Writer
	sum    hash.Hash
	counts Counts
	last   plane.Series // the one whose line was written last
	line   []byte
}

func (w *writer) write(line []byte) error {
	w.line = append(line, '\n')
	w.sum.Write(w.line)
	_, err := w.to.Write(w.line)
	return err
}

// object writes a line {"start":value}, or the value alone.
func (w *writer) object(start string, value any) error {
	b, err := json.Marshal(value)
	if err != nil {
		return err
	}
	line := append(append(w.line[:0], start...), b...)
	if start != "" {
		line = append(line, '}')
	}
	return w.write(line)
}

func (w *writer) entity(e *plane.Entity) error {
	line, err := appendEntity(w.line[:0], e)
	if err != nil {
		return err
	}
	w.counts.Entities++
	return w.write(line)
}

func appendEntity(to []byte, e *plane.Entity) ([]byte, error) {
	line, err := record.Append(append(to, entityStart...), e)
	return append(line, '}'), err
}

// of writes of what series the next lines are.
func (w *writer) of(x plane.Series) error {
	if x == w.last {
		return nil
	}
	w.last = x
	return w.object(seriesStart, series{x.Tenant, x.ID, x.Attribute, x.Dataset})
}

func (w *writer) kept(k *plane.Kept) error {
	if err := w.of(k.Series); err != nil {
		return err
	}
	w.counts.Summaries++
	return w.write(appendKept(w.line[:0], k))
}

func appendKept(b []byte, k *plane.Kept) []byte {
	word, ms := hourStart, k.Start.UnixMilli()
	if k.Span == plane.Day {
		word = dayStart
	}
	b = strconv.AppendInt(append(b, word...), ms, 10)
	b = strconv.AppendInt(append(b, ','), k.Count, 10)
	for _, x := range []float64{k.Sum, k.Squares, k.Least, k.Most} {
		b = appendNumber(append(b, ','), x)
	}
	return append(b, ']')
}

func appendNumber(b []byte, value float64) []byte {
	if value == 0 {
		value = 0 // not every backend knows a negative one
	}
	return strconv.AppendFloat(b, value, 'g', -1, 64)
}

func (w *writer) observation(o *plane.Observation) error {
	if err := w.of(o.Series); err != nil {
		return err
	}
	w.counts.Observations++
	return w.write(appendObservation(w.line[:0], o))
}

func appendObservation(b []byte, o *plane.Observation) []byte {
	b = append(b, '[')
	b = append(strconv.AppendInt(b, o.Start.UnixMilli(), 10), ',')
	b = append(strconv.AppendInt(b, o.Length.Milliseconds(), 10), ',')
	b = append(strconv.AppendInt(b, o.Covered.Milliseconds(), 10), ',')
	b = appendNumber(b, o.Value)
	if len(o.Detail) > 0 {
		b = append(base64.StdEncoding.AppendEncode(append(b, `,"`...), o.Detail), '"')
	}
	return append(b, ']')
}

func (w *writer) end() error {
	if err := w.object(endStart, end{w.counts, hex.EncodeToString(w.sum.Sum(nil))}); err != nil {
		return err
	}
	return w.to.Flush()
}

// millis is a length of time as a file has it.
func millis(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
