package segment_test

import (
	"bytes"
	"os"
	"testing"

	"polity/city"
	"polity/recording/segment"
)

// FuzzSegment: no file makes a reader panic or take long; what is accepted is what
// was signed, and what is mended is accepted after.
func FuzzSegment(f *testing.F) {
	w := newWorld(f)
	file, err := os.ReadFile("testdata/small.seg") // sealed once: each process of the fuzzer must have the same
	if err != nil {
		f.Fatal(err)
	}
	f.Add(file)
	f.Add(file[:len(file)-200])
	f.Add(file[:len(file)-10])
	f.Add(file[:100])
	f.Fuzz(func(t *testing.T, b []byte) {
		_, err := segment.Scan(bytes.NewReader(b), int64(len(b)), w.trust())
		if err == nil && !bytes.Equal(b, file) {
			t.Fatal("a file that nobody signed was accepted")
		}
		if err != nil && city.KindOf(err) != city.Invalid && city.KindOf(err) != city.TooLarge {
			t.Fatalf("bad input called anything else: %v", err)
		}
		torn, err := segment.Mend(bytes.NewReader(b), int64(len(b)), w.trust())
		if err != nil || torn.Trailer != nil {
			return
		}
		trailer, err := torn.Cut(w.recorder)
		if err != nil {
			t.Fatal(err)
		}
		mended := append(append([]byte(nil), b[:torn.Keep]...), trailer.Bytes()...)
		if _, err := segment.Scan(bytes.NewReader(mended), int64(len(mended)), w.trust()); err != nil {
			t.Fatalf("mended and not accepted: %v", err)
		}
	})
}
