package wire

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"time"
)

// MaxSize bounds an encoded message, bytes. A whole 3840 x 2160 place fits.
const MaxSize = 8 << 20

// ErrFormat is the root of every error about bytes that are not a message.
var ErrFormat = errors.New("not a camera message")

// Append adds the byte form of m to b: its kind, then its fields in the order of
// the type, big-endian.
func Append(b []byte, m Message) []byte {
	e := encoder{b: append(b, byte(m.kind()))}
	switch m := m.(type) {
	case *Place:
		e.time(m.At)
		e.u32(m.Sequence)
		e.u16(m.Width)
		e.u16(m.Height)
		e.bool(m.Whole)
		e.u16(uint16(len(m.Tiles)))
		for _, t := range m.Tiles {
			e.u16(t)
		}
		e.b = append(e.b, m.Known...)
		e.bytes(m.Atlas)
	case *Marks:
		e.time(m.At)
		e.u8(uint8(m.Grid))
		e.u16(uint16(len(m.Marks)))
		for _, k := range m.Marks {
			e.u8(uint8(k.Class))
			e.u16(k.Column)
			e.u16(k.Row)
		}
	case *Observation:
		e.u8(uint8(m.Metric))
		e.u8(uint8(m.Class))
		e.u8(m.Where)
		e.u8(uint8(m.Direction))
		e.u32(m.Layout)
		e.time(m.Start)
		e.duration(m.Length)
		e.duration(m.Covered)
		e.f64(m.Value)
		for _, n := range m.Histogram {
			e.u32(n)
		}
	case *Event:
		e.u8(uint8(m.Kind))
		e.u8(uint8(m.Class))
		e.u8(m.Where)
		e.u32(m.Layout)
		e.time(m.Start)
		e.time(m.End)
		e.f64(m.Value)
		e.bytes(m.Place)
	case *State:
		e.time(m.At)
		e.u8(uint8(m.Condition))
		e.u16(uint16(m.Shields))
		e.u64(m.Decoded)
		e.u64(m.Analysed)
		e.u64(m.Detected)
		e.u32(m.Restarts)
		e.duration(m.Delay)
		e.f32(m.PerSecond)
		e.f32(m.Wanted)
		e.f32(m.Unknown)
		e.duration(m.ClockSkew)
	}
	return e.b
}

// Parse reads exactly one message and checks every field against its bounds: no
// unknown kind, class or metric, no byte left over.
func Parse(b []byte) (Message, error) {
	if len(b) == 0 || len(b) > MaxSize {
		return nil, fmt.Errorf("%w: %d bytes", ErrFormat, len(b))
	}
	d := decoder{b: b[1:]}
	var m Message
	switch Kind(b[0]) {
	case KindPlace:
		m = d.place()
	case KindMarks:
		m = d.marks()
	case KindObservation:
		m = d.observation()
	case KindEvent:
		m = d.event()
	case KindState:
		m = d.state()
	default:
		return nil, fmt.Errorf("%w: kind %d", ErrFormat, b[0])
	}
	if d.err == nil && len(d.b) != 0 {
		d.fail("%d bytes left over", len(d.b))
	}
	if d.err != nil {
		return nil, fmt.Errorf("%w: kind %d: %w", ErrFormat, b[0], d.err)
	}
	return m, nil
}

// Write sends m as one frame: length (4 bytes, big-endian), then the message.
func Write(w io.Writer, m Message) error {
	b := Append(make([]byte, 4, 256), m)
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	_, err := w.Write(b)
	return err
}

// Read reads one frame. It returns io.EOF only between frames.
func Read(r *bufio.Reader) (Message, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n == 0 || n > MaxSize {
		return nil, fmt.Errorf("%w: frame of %d bytes", ErrFormat, n)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, fmt.Errorf("camera message cut short: %w", noEOF(err))
	}
	return Parse(b)
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

type encoder struct{ b []byte }

func (e *encoder) u8(v uint8)   { e.b = append(e.b, v) }
func (e *encoder) u16(v uint16) { e.b = binary.BigEndian.AppendUint16(e.b, v) }
func (e *encoder) u32(v uint32) { e.b = binary.BigEndian.AppendUint32(e.b, v) }
func (e *encoder) u64(v uint64) { e.b = binary.BigEndian.AppendUint64(e.b, v) }
func (e *encoder) f32(v float32) {
	e.u32(math.Float32bits(v))
}

func (e *encoder) f64(v float64) {
	e.u64(math.Float64bits(v))
}

func (e *encoder) bool(v bool) {
	if v {
		e.u8(1)
	} else {
		e.u8(0)
	}
}

func (e *encoder) bytes(v []byte) {
	e.u32(uint32(len(v)))
	e.b = append(e.b, v...)
}

// time is milliseconds since 1970; the zero time is 0.
func (e *encoder) time(t time.Time) {
	if t.IsZero() {
		e.u64(0)
		return
	}
	e.u64(uint64(t.UnixMilli()))
}

func (e *encoder) duration(d time.Duration) { e.u64(uint64(d.Milliseconds())) }

type decoder struct {
	b   []byte
	err error
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf(format, args...)
	}
}

func (d *decoder) take(n int) []byte {
	if d.err != nil || n > len(d.b) {
		d.fail("cut short")
		return nil
	}
	b := d.b[:n]
	d.b = d.b[n:]
	return b
}

func (d *decoder) u8() uint8 {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) u16() uint16 {
	if b := d.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (d *decoder) u32() uint32 {
	if b := d.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (d *decoder) u64() uint64 {
	if b := d.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// upTo reads a byte that names one of a closed list 0..last.
func (d *decoder) upTo(what string, last uint8) uint8 {
	v := d.u8()
	if v > last {
		d.fail("unknown %s %d", what, v)
	}
	return v
}

func (d *decoder) flag() bool { return d.upTo("flag", 1) == 1 }

// number reads a finite float64 not below zero.
func (d *decoder) number() float64 {
	v := math.Float64frombits(d.u64())
	if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
		d.fail("value %g", v)
		return 0
	}
	return v
}

func (d *decoder) share() float32 {
	v := math.Float32frombits(d.u32())
	if !(v >= 0 && v <= 1000) { // also NaN
		d.fail("rate or share %g", v)
		return 0
	}
	return v
}

const lastMilli = 253402300799999 // the end of the year 9999

func (d *decoder) time() time.Time {
	v := d.u64()
	if v > lastMilli {
		d.fail("time %d", v)
		return time.Time{}
	}
	if v == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(v)).UTC()
}

const longest = 366 * 24 * time.Hour

func (d *decoder) duration() time.Duration {
	v := d.signedDuration()
	if v < 0 {
		d.fail("negative duration")
	}
	return v
}

func (d *decoder) signedDuration() time.Duration {
	ms := int64(d.u64())
	if ms > longest.Milliseconds() || ms < -longest.Milliseconds() {
		d.fail("duration %d ms", ms)
		return 0
	}
	return time.Duration(ms) * time.Millisecond
}

// picture reads a JPEG and checks that it begins and ends as one; whoever shows
// it decodes it first.
func (d *decoder) picture(mayBeEmpty bool) Picture {
	n := d.u32()
	if n > MaxSize {
		d.fail("picture of %d bytes", n)
		return nil
	}
	b := d.take(int(n))
	if len(b) == 0 {
		if !mayBeEmpty {
			d.fail("no picture")
		}
		return nil
	}
	if len(b) < 4 || b[0] != 0xff || b[1] != 0xd8 || b[len(b)-2] != 0xff || b[len(b)-1] != 0xd9 {
		d.fail("picture is not a JPEG")
		return nil
	}
	return append(Picture(nil), b...)
}

func (d *decoder) place() *Place {
	m := &Place{At: d.time(), Sequence: d.u32(), Width: d.u16(), Height: d.u16(), Whole: d.flag()}
	columns, rows := TilesIn(int(m.Width), int(m.Height))
	if m.Width == 0 || m.Height == 0 || columns*rows > math.MaxUint16 {
		d.fail("picture of %d x %d", m.Width, m.Height)
	}
	n := int(d.u16())
	if n > columns*rows || (m.Whole && n != columns*rows) {
		d.fail("%d tiles of %d", n, columns*rows)
	}
	last := -1
	for i := 0; i < n && d.err == nil; i++ {
		t := d.u16()
		if int(t) <= last || int(t) >= columns*rows {
			d.fail("tile %d after %d", t, last)
		}
		last = int(t)
		m.Tiles = append(m.Tiles, t)
	}
	for _, k := range d.take(n) {
		if k > 0x0f {
			d.fail("known bits %#x", k)
		}
		m.Known = append(m.Known, k)
	}
	m.Atlas = d.picture(n == 0)
	return m
}

// TilesIn returns how many columns and rows of tiles a picture of width x height
// pixels has.
func TilesIn(width, height int) (columns, rows int) {
	return (width + TileSize - 1) / TileSize, (height + TileSize - 1) / TileSize
}

func (d *decoder) marks() *Marks {
	m := &Marks{At: d.time(), Grid: Grid(d.upTo("grid", uint8(HalfMetres)))}
	n := int(d.u16())
	for i := 0; i < n && d.err == nil; i++ {
		k := Mark{Class: d.class(), Column: d.u16(), Row: d.u16()}
		if i > 0 && before(k, m.Marks[i-1]) {
			d.fail("marks out of order")
		}
		m.Marks = append(m.Marks, k)
	}
	return m
}

func before(a, b Mark) bool {
	switch {
	case a.Row != b.Row:
		return a.Row < b.Row
	case a.Column != b.Column:
		return a.Column < b.Column
	}
	return a.Class < b.Class
}

func (d *decoder) class() Class { return Class(d.upTo("class", uint8(Vehicle))) }

func (d *decoder) observation() *Observation {
	m := &Observation{
		Metric: Metric(d.upTo("metric", uint8(QueueMax))), Class: d.class(), Where: d.u8(),
		Direction: Direction(d.upTo("direction", uint8(ToLeft))), Layout: d.u32(),
		Start: d.time(), Length: d.duration(), Covered: d.duration(), Value: d.number(),
	}
	for i := range m.Histogram {
		m.Histogram[i] = d.u32()
	}
	if m.Metric == 0 || m.Length == 0 || m.Covered > m.Length || m.Start.IsZero() {
		d.fail("observation without metric or interval")
	}
	return m
}

func (d *decoder) event() *Event {
	m := &Event{
		Kind: EventKind(d.upTo("event", uint8(ObservingLess))), Class: d.class(), Where: d.u8(), Layout: d.u32(),
		Start: d.time(), End: d.time(), Value: d.number(), Place: d.picture(true),
	}
	if m.Kind == 0 || m.Start.IsZero() || (!m.End.IsZero() && m.End.Before(m.Start)) {
		d.fail("event without kind, or that ends before it starts")
	}
	return m
}

func (d *decoder) state() *State {
	m := &State{
		At: d.time(), Condition: Condition(d.upTo("condition", uint8(Ended))), Shields: Shield(d.u16()),
		Decoded: d.u64(), Analysed: d.u64(), Detected: d.u64(), Restarts: d.u32(), Delay: d.duration(),
		PerSecond: d.share(), Wanted: d.share(), Unknown: d.share(), ClockSkew: d.signedDuration(),
	}
	if m.Condition == 0 || m.Shields >= MemoryBounded<<1 || m.Unknown > 1 {
		d.fail("state out of range")
	}
	return m
}
