package wire_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"polity/camera/wire"
)

type kindError struct{ kind int }

func (e *kindError) Error() string { return fmt.Sprintf("not a camera message: kind %d", e.kind) }

var (
	at   = time.Date(2026, 11, 22, 14, 2, 5, 250e6, time.UTC)
	jpeg = wire.Picture{0xff, 0xd8, 1, 2, 0xff, 0xd9}
)

func samples() []wire.Message {
	return []wire.Message{
		&wire.Place{At: at, Sequence: 7, Width: 40, Height: 20, Tiles: []uint16{0, 5}, Known: []uint8{0xf, 0x3}, Atlas: jpeg},
		&wire.Place{At: at, Width: 17, Height: 16, Whole: true, Tiles: []uint16{0, 1}, Known: []uint8{0xf, 0}, Atlas: jpeg},
		&wire.Marks{At: at, Grid: wire.HalfMetres, Marks: []wire.Mark{{wire.Person, 4, 1}, {wire.Vehicle, 2, 9}}},
		&wire.Observation{
			Metric: wire.Dwell, Class: wire.Person, Where: 2, Layout: 3, Start: at, Length: time.Minute, Covered: 50 * time.Second,
			Value: 3, Histogram: [wire.HistogramBins]uint32{1, 2},
		},
		&wire.Event{Kind: wire.Crowding, Class: wire.Person, Where: 1, Layout: 3, Start: at, End: at.Add(time.Hour), Value: 31, Place: jpeg},
		&wire.State{
			At: at, Condition: wire.Live, Shields: wire.NoDump | wire.Seccomp, Decoded: 1000, Analysed: 500, Detected: 300, Restarts: 1,
			Delay: 31 * time.Millisecond, PerSecond: 4.9, Wanted: 5, Unknown: .07, ClockSkew: -3 * time.Second,
		},
	}
}

func TestRoundTrip(t *testing.T) {
	var stream bytes.Buffer
	for _, m := range samples() {
		if err := wire.Write(&stream, m); err != nil {
			t.Fatal(err)
		}
	}
	r := bufio.NewReader(&stream)
	for _, want := range samples() {
		got, err := wire.Read(r)
		if err != nil {
			t.Fatalf("%T: %v", want, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%T (-want +got):\n%s", want, diff)
		}
	}
	if _, err := wire.Read(r); !errors.Is(err, io.EOF) {
		t.Fatalf("at the end: %v", err)
	}
}

func TestEveryTruncationAndExtraByteIsRefused(t *testing.T) {
	for _, m := range samples() {
		b := wire.Append(nil, m)
		for n := range b {
			if _, err := wire.Parse(b[:n]); !errors.Is(err, wire.ErrFormat) {
				t.Fatalf("%T cut to %d of %d bytes: %v", m, n, len(b), err)
			}
		}
		if _, err := wire.Parse(append(b, 0)); !errors.Is(err, wire.ErrFormat) {
			t.Fatalf("%T with a byte too many: %v", m, err)
		}
	}
}

func TestOutOfRangeIsRefused(t *testing.T) {
	for name, m := range map[string]wire.Message{
		"tiles not rising":  &wire.Place{At: at, Width: 40, Height: 20, Tiles: []uint16{5, 0}, Known: []uint8{0, 0}, Atlas: jpeg},
		"tile outside":      &wire.Place{At: at, Width: 16, Height: 16, Tiles: []uint16{1}, Known: []uint8{0}, Atlas: jpeg},
		"whole with a hole": &wire.Place{At: at, Width: 40, Height: 20, Whole: true, Tiles: []uint16{1}, Known: []uint8{0}, Atlas: jpeg},
		"not a picture":     &wire.Place{At: at, Width: 16, Height: 16, Tiles: []uint16{0}, Known: []uint8{0}, Atlas: wire.Picture("person!")},
		"class":             &wire.Marks{At: at, Marks: []wire.Mark{{Class: 9}}},
		"marks in an order": &wire.Marks{At: at, Marks: []wire.Mark{{wire.Person, 0, 9}, {wire.Person, 0, 1}}},
		"no interval":       &wire.Observation{Metric: wire.Occupancy, Start: at},
		"covers too much":   &wire.Observation{Metric: wire.Occupancy, Start: at, Length: time.Second, Covered: time.Minute},
		"negative":          &wire.Observation{Metric: wire.Occupancy, Start: at, Length: time.Second, Value: -1},
		"ends before start": &wire.Event{Kind: wire.Crowding, Start: at, End: at.Add(-time.Second)},
		"more than all":     &wire.State{At: at, Condition: wire.Live, Unknown: 1.5},
	} {
		if _, err := wire.Parse(wire.Append(nil, m)); !errors.Is(err, wire.ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSortIsAcceptedWhateverTheOrder(t *testing.T) {
	m := &wire.Marks{At: at, Marks: []wire.Mark{{wire.Vehicle, 3, 3}, {wire.Person, 3, 3}, {wire.Person, 9, 0}, {wire.Bicycle, 0, 3}}}
	m.Sort()
	if _, err := wire.Parse(wire.Append(nil, m)); err != nil {
		t.Fatal(err)
	}
}

func FuzzParse(f *testing.F) {
	for _, m := range samples() {
		f.Add(wire.Append(nil, m))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := wire.Parse(b)
		if err != nil {
			return
		}
		if !bytes.Equal(wire.Append(nil, m), b) {
			t.Fatalf("%T does not encode to the bytes it was parsed from", m)
		}
	})
}
