package detect

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

func TestRequestsAndAnswersComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := request{
			number:    rapid.Uint32().Draw(t, "number"),
			size:      Size{Step * rapid.IntRange(2, 20).Draw(t, "w"), Step * rapid.IntRange(2, 20).Draw(t, "h")},
			threshold: rapid.Float32Range(0, 1).Draw(t, "threshold"),
		}
		q.picture = bytes.Repeat([]byte{rapid.Byte().Draw(t, "grey")}, q.size.bytes())
		wire := bytes.NewReader(append(q.head(nil), q.picture...))
		got, err := readRequest(wire, nil)
		if err != nil || !reflect.DeepEqual(got, q) {
			t.Fatalf("request %v came back as %v, %v", q.size, got.size, err)
		}
		if _, err := readRequest(wire, nil); !errors.Is(err, io.EOF) {
			t.Fatalf("at the end: %v", err)
		}
		boxes := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Box {
			x, y := rapid.Float32Range(-100, 1000).Draw(t, "x"), rapid.Float32Range(-100, 1000).Draw(t, "y")
			return Box{Class(rapid.IntRange(0, 3).Draw(t, "class")), rapid.Float32Range(0, 1).Draw(t, "score"), x, y, x + rapid.Float32Range(0, 500).Draw(t, "w"), y + rapid.Float32Range(0, 500).Draw(t, "h")}
		}), 0, 30).Draw(t, "boxes")
		back, err := readAnswer(bytes.NewReader(appendAnswer(nil, q.number, boxes)), q.number)
		if err != nil || len(back) != len(boxes) || (len(boxes) > 0 && !reflect.DeepEqual(back, boxes)) {
			t.Fatalf("%v came back as %v, %v", boxes, back, err)
		}
	})
}

func TestFailureAndWrongNumber(t *testing.T) {
	if _, err := readAnswer(bytes.NewReader(appendFailure(nil, 7)), 7); !errors.Is(err, errNetwork) {
		t.Errorf("failure: %v", err)
	}
	if _, err := readAnswer(bytes.NewReader(appendAnswer(nil, 7, nil)), 8); !errors.Is(err, ErrProtocol) {
		t.Errorf("another's answer: %v", err)
	}
}

func FuzzRequest(f *testing.F) {
	q := request{number: 1, size: Size{64, 64}, threshold: 0.5}
	f.Add(append(q.head(nil), make([]byte, q.size.bytes())...))
	f.Add(q.head(nil))
	f.Add([]byte("PDET"))
	f.Fuzz(func(t *testing.T, b []byte) {
		q, err := readRequest(bytes.NewReader(b), nil)
		if err == nil && (!q.size.valid() || len(q.picture) != q.size.bytes()) {
			t.Fatalf("took a request of %v", q.size)
		}
	})
}

func FuzzAnswer(f *testing.F) {
	f.Add(appendAnswer(nil, 1, []Box{{Person, 0.5, 1, 2, 3, 4}}))
	f.Add(appendFailure(nil, 1))
	f.Add(appendAnswer(nil, 2, make([]Box, 3)))
	f.Fuzz(func(t *testing.T, b []byte) {
		boxes, err := readAnswer(bytes.NewReader(b), 1)
		if err != nil {
			return
		}
		for _, x := range boxes {
			if x.Class >= classes || !(x.Score >= 0 && x.Score <= 1) || !(x.X0 <= x.X1 && x.Y0 <= x.Y1) {
				t.Fatalf("took the box %v", x)
			}
		}
	})
}

func FuzzGreeting(f *testing.F) {
	f.Add(appendGreeting(nil, [32]byte{1}))
	f.Add([]byte("PDET\x02"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if network, err := readGreeting(bytes.NewReader(b)); err == nil && !bytes.HasPrefix(b, appendGreeting(nil, network)) {
			t.Fatal("took another greeting")
		}
	})
}
