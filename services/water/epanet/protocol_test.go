package epanet

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAdvanceTravels(t *testing.T) {
	drives := []Drive{
		{Object: Node, Property: BaseDemand, Indices: []int{3, 1}, Start: 60, Step: 300, Rows: [][]float64{{1, 2}, {3, 4.5}}},
		{Object: Link, Property: Status, Indices: []int{0}, Step: 1},
	}
	until, every, got, err := readAdvance(appendAdvance(nil, 3600, 300, drives))
	if err != nil || until != 3600 || every != 300 || !cmp.Equal(got, drives) {
		t.Errorf("%d %d %+v, %v", until, every, got, err)
	}
}

func FuzzReadAdvance(f *testing.F) {
	f.Add(appendAdvance(nil, 1, 2, []Drive{{Indices: []int{1}, Step: 5, Rows: [][]float64{{1}}}}))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		until, every, drives, err := readAdvance(b)
		if err != nil {
			if !errors.Is(err, ErrProtocol) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(appendAdvance(nil, until, every, drives), b) {
			t.Fatal("written again it is another")
		}
	})
}

func FuzzReadFrame(f *testing.F) {
	var b bytes.Buffer
	_ = writeFrame(&b, kindOpen, []byte("x"))
	f.Add(b.Bytes())
	f.Add([]byte{255, 255, 255, 255, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		kind, body, err := readFrame(bytes.NewReader(b), nil)
		if err != nil {
			if !errors.Is(err, ErrProtocol) && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatal(err)
			}
			return
		}
		var again bytes.Buffer
		if err := writeFrame(&again, kind, body); err != nil || !bytes.HasPrefix(b, again.Bytes()) {
			t.Fatalf("written again it is another (%v)", err)
		}
	})
}

func FuzzReadPeriod(f *testing.F) {
	f.Add(appendPeriod(nil, Period{Seconds: 5, Warning: 6, Values: [][]float64{{1}, {2, 3}}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := readPeriod(b, []int{1, 2})
		if err == nil && !bytes.Equal(appendPeriod(nil, p), b) {
			t.Fatal("written again it is another")
		}
	})
}
