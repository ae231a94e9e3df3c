package casefile

import (
	"testing"
	"time"

	"polity/recording/recordtest"
)

// The name of an H.265 stream as ISO/IEC 14496-15 has it: Main, level 3.1, progressive.
func TestNameOfAnH265Stream(t *testing.T) {
	sps := []byte{0x42, 0x01, 0x01, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0xb0, 0x00, 0x00, 0x03, 0x00, 0x00, 0x03, 0x00, 0x5d, 0xa0}
	if got, err := hevc("hvc1", sps); err != nil || got != "hvc1.1.6.L93.B0" {
		t.Errorf("%s, %v", got, err)
	}
	if _, err := hevc("hvc1", sps[:9]); err == nil {
		t.Error("a name of half an SPS")
	}
}

func TestFilm(t *testing.T) {
	for _, name := range []string{"h264.mp4", "h265.mp4"} {
		b := recordtest.File(name)
		f, err := filmOf(b)
		if err != nil || f.Cut || f.Width != 96 || f.Height != 64 {
			t.Fatalf("%s: %v", name, err)
		}
		whole := len(f.MP4)
		// Power was lost within the last fragment.
		f, err = filmOf(append([]byte(nil), b[:whole-100]...))
		if err != nil || !f.Cut || len(f.MP4) >= whole-100 {
			t.Errorf("%s, cut: %d bytes of %d, %v", name, len(f.MP4), whole, err)
		}
		if _, err := filmOf(append([]byte(nil), b[:200]...)); err == nil {
			t.Errorf("%s: a film without a picture", name)
		}
	}
}

func FuzzFilm(f *testing.F) {
	for _, name := range []string{"h264.mp4", "h265.mp4"} {
		f.Add(recordtest.File(name)[:4000])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		film, err := filmOf(append([]byte(nil), b...))
		if err == nil && (len(film.MP4) > len(b) || film.Codec == "" || film.First < 0 || film.First > 100*time.Hour) {
			t.Errorf("%d bytes of %d, %q, %v", len(film.MP4), len(b), film.Codec, film.First)
		}
	})
}
