package segment_test

import (
	"io"
	"testing"
	"time"

	"polity/recording/segment"
)

func BenchmarkSeal3MB(b *testing.B) {
	w := newWorld(b)
	text := content(3_000_000)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		s, err := segment.Seal(io.Discard, header(1, start), w.keys, w.recorder)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.Write(text); err != nil {
			b.Fatal(err)
		}
		if _, err := s.Close(start.Add(6*time.Second), 150); err != nil {
			b.Fatal(err)
		}
	}
}
