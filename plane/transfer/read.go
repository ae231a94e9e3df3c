package transfer

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"polity/city"
	"polity/plane"
	"polity/plane/record"
)

// lineMost is the longest line: an entity of plane's bounds.
const lineMost = plane.MaxAttributes*plane.MaxValue + 16<<20

// item is what a line holds: an entity, a summary or an observation.
type item struct {
	entity      *plane.Entity
	kept        *plane.Kept
	observation plane.Observation
}

// reader reads a file line by line. Its errors are of kind Invalid with the line's
// number, but for those of the file beneath.
type reader struct {
	from   *bufio.Reader
	sum    hash.Hash
	number int64 // of the line
	line   []byte
	counts Counts
	series plane.Series // empty before the first
	last   item         // for the order
}

// newReader reads the first line.
func newReader(from io.Reader) (*reader, error) {
	r := &reader{from: bufio.NewReaderSize(from, 256<<10), sum: sha256.New()}
	if err := r.next(); err != nil {
		return nil, err
	}
	r.sum.Write(r.line)
	var h header
	if err := strict(r.line, &h); err != nil {
		return nil, city.Errorf(city.Invalid, "this is no export of a city's data: its first line is not {\"format\":%q}", Format)
	}
	if h.Format != Format {
		return nil, city.Errorf(city.Invalid, "the file's format is %.60q; this Polity reads %q: use the Polity that wrote it, or a newer one", h.Format, Format)
	}
	return r, nil
}

// next reads a line with its end.
func (r *reader) next() error {
	r.line = r.line[:0]
	r.number++
	for {
		part, err := r.from.ReadSlice('\n')
		r.line = append(r.line, part...)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, io.EOF):
			return r.wrong("the file is cut off: its last line, with counts and digest, is missing; export again")
		case !errors.Is(err, bufio.ErrBufferFull):
			return fmt.Errorf("line %d: %w", r.number, err)
		case len(r.line) > lineMost:
			return r.wrong("the line is longer than any entity")
		}
	}
}

func (r *reader) wrong(format string, args ...any) error {
	return city.Errorf(city.Invalid, "line %d: %w", r.number, fmt.Errorf(format, args...))
}

// read returns the next item, checked and in order, or false behind
// the last, when counts and digest are right.
func (r *reader) read() (item, bool, error) {
	for {
		if err := r.next(); err != nil {
			return item{}, false, err
		}
		if bytes.HasPrefix(r.line, []byte(endStart)) {
			return item{}, false, r.end()
		}
		r.sum.Write(r.line)
		x, is, err := r.parse(bytes.TrimSuffix(r.line, []byte{'\n'}))
		if err != nil {
			return item{}, false, city.Errorf(city.Invalid, "line %d: %w", r.number, err)
		}
		if !is {
			continue
		}
		if r.counts != (Counts{}) && compare(&r.last, &x) >= 0 {
			return item{}, false, r.wrong("what stands here should come before, or is there twice; the file was changed")
		}
		switch r.last = x; {
		case x.entity != nil:
			r.counts.Entities++
		case x.kept != nil:
			r.counts.Summaries++
		default:
			r.counts.Observations++
		}
		return x, true, nil
	}
}

func (r *reader) parse(line []byte) (x item, is bool, err error) {
	if text, ok := inner(line, entityStart); ok {
		if x.entity, err = record.Decode(text); err == nil {
			c := plane.Restore(x.entity) // what a store would refuse
			x.entity, _, err = c.Apply(nil, time.Time{})
		}
		return x, true, err
	}
	if text, ok := inner(line, seriesStart); ok {
		var s series
		if err := strict(text, &s); err != nil {
			return x, false, err
		}
		r.series = plane.Series{Key: plane.Key{Tenant: s.Tenant, ID: s.ID}, Attribute: s.Attribute, Dataset: s.Dataset}
		return x, false, nil
	}
	for start, span := range map[string]time.Duration{hourStart: time.Hour, dayStart: plane.Day} {
		if text, ok := strings.CutPrefix(string(line), start); ok {
			x.kept, err = r.parseKept(text, span)
			return x, true, err
		}
	}
	if len(line) < 2 || line[0] != '[' || line[len(line)-1] != ']' {
		return x, false, errors.New("this is neither an entity, a series, an observation, a summary nor the end")
	}
	if r.series.ID == "" {
		return x, false, errors.New("an observation stands before the series that it is of")
	}
	if x.observation, err = parseObservation(string(line[1 : len(line)-1])); err == nil {
		x.observation.Series = r.series
		err = x.observation.Check()
	}
	return x, true, err
}

func (r *reader) parseKept(text string, span time.Duration) (*plane.Kept, error) {
	text, whole := strings.CutSuffix(text, "]")
	fields := strings.Split(text, ",")
	if !whole || len(fields) != 6 {
		return nil, errors.New(`a summary is ["hour", start, count, sum, squares, least, most], or the same of a "day"`)
	}
	if r.series.ID == "" {
		return nil, errors.New("a summary stands before the series that it is of")
	}
	k := &plane.Kept{Span: span}
	k.Series = r.series
	ms, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil {
		return nil, fmt.Errorf("%.40q is no whole number of milliseconds", fields[0])
	}
	k.Start = time.UnixMilli(ms).UTC()
	if k.Count, err = strconv.ParseInt(fields[1], 10, 64); err != nil {
		return nil, fmt.Errorf("%.40q is no number of observations", fields[1])
	}
	for i, to := range []*float64{&k.Sum, &k.Squares, &k.Least, &k.Most} {
		if *to, err = parseNumber(fields[2+i]); err != nil {
			return nil, err
		}
	}
	return k, k.Check()
}

func parseNumber(text string) (float64, error) {
	if strings.Trim(text, "0123456789+-.e") == "" {
		if x, err := strconv.ParseFloat(text, 64); err == nil {
			return x, nil
		}
	}
	return 0, fmt.Errorf("%.40q is no number", text)
}

// inner returns what stands between a line's beginning and its last brace.
func inner(line []byte, start string) ([]byte, bool) {
	text, ok := bytes.CutPrefix(line, []byte(start))
	if !ok {
		return nil, false
	}
	return bytes.CutSuffix(text, []byte{'}'})
}

// strict decodes JSON in which a field that nobody knows is an error.
func strict(text []byte, to any) error {
	in := json.NewDecoder(bytes.NewReader(text))
	in.DisallowUnknownFields()
	if err := in.Decode(to); err != nil {
		return err
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the object")
	}
	return nil
}

func parseObservation(text string) (o plane.Observation, err error) {
	fields := strings.SplitN(text, ",", 5)
	if len(fields) < 4 {
		return o, errors.New("an observation is [start, length, covered, value] or [start, length, covered, value, detail]")
	}
	var n [3]int64
	for i := range n {
		if n[i], err = strconv.ParseInt(fields[i], 10, 64); err != nil {
			return o, fmt.Errorf("%.40q is no whole number of milliseconds", fields[i])
		}
		if i > 0 && n[i] > math.MaxInt64/int64(time.Millisecond) {
			return o, fmt.Errorf("%d milliseconds are too many", n[i])
		}
	}
	o.Start, o.Length, o.Covered = time.UnixMilli(n[0]).UTC(), millis(n[1]), millis(n[2])
	if o.Value, err = parseNumber(fields[3]); err != nil {
		return o, err
	}
	if len(fields) == 5 {
		var detail []byte
		if err := json.Unmarshal([]byte(fields[4]), &detail); err != nil || len(detail) == 0 {
			return o, errors.New("the detail is no base64 between quotes")
		}
		if base64.StdEncoding.EncodeToString(detail) != strings.Trim(fields[4], `"`) {
			return o, errors.New("the detail is not written as base64 is")
		}
		o.Detail = detail
	}
	return o, nil
}

// compare orders as a store's dump does: all entities, all observations, all summaries.
func compare(a, b *item) int {
	switch {
	case a.entity != nil && b.entity != nil:
		return cmp.Or(strings.Compare(a.entity.Tenant, b.entity.Tenant), strings.Compare(a.entity.ID, b.entity.ID))
	case a.entity != nil:
		return -1
	case b.entity != nil:
		return 1
	}
	switch {
	case a.kept != nil && b.kept != nil:
		x, y := a.kept, b.kept
		return cmp.Or(compareSeries(&x.Series, &y.Series), cmp.Compare(x.Span, y.Span), x.Start.Compare(y.Start))
	case a.kept != nil:
		return 1
	case b.kept != nil:
		return -1
	}
	x, y := &a.observation, &b.observation
	return cmp.Or(compareSeries(&x.Series, &y.Series), x.Start.Compare(y.Start), cmp.Compare(x.Length, y.Length))
}

func compareSeries(x, y *plane.Series) int {
	return cmp.Or(strings.Compare(x.Tenant, y.Tenant), strings.Compare(x.ID, y.ID), strings.Compare(x.Attribute, y.Attribute), strings.Compare(x.Dataset, y.Dataset))
}

// end checks the last line, and that nothing follows.
func (r *reader) end() error {
	text, _ := inner(bytes.TrimSuffix(r.line, []byte{'\n'}), endStart)
	var e end
	if err := strict(text, &e); err != nil {
		return r.wrong("the last line is wrong: %w", err)
	}
	if sum := hex.EncodeToString(r.sum.Sum(nil)); e.SHA256 != sum {
		return r.wrong("the file was changed: its digest is %s, its last line says %.64s", sum, e.SHA256)
	}
	if e.Counts != r.counts {
		return r.wrong("the file holds %d entities, %d observations and %d summaries; its last line says %d, %d and %d",
			r.counts.Entities, r.counts.Observations, r.counts.Summaries, e.Entities, e.Observations, e.Summaries)
	}
	if _, err := r.from.ReadByte(); !errors.Is(err, io.EOF) {
		return r.wrong("something follows the last line")
	}
	return nil
}

// Verify reads a file to its end and reports what is wrong with it: errors are of
// kind Invalid, with the line.
func Verify(from io.Reader, progress Progress) (Counts, error) {
	r, err := newReader(from)
	if err != nil {
		return Counts{}, err
	}
	for {
		_, more, err := r.read()
		if err != nil || !more {
			return r.counts, err
		}
		progress.tell(r.counts)
	}
}
