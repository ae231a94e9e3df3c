package fmp4_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"polity/recording/fmp4"
	"polity/recording/recordtest"
)

func mux(t *testing.T, units []*fmp4.Unit) []byte {
	t.Helper()
	sets, ok := fmp4.SetsOf(units[0])
	if !ok {
		t.Fatal("the key has no parameter sets")
	}
	var file bytes.Buffer
	m, err := fmp4.NewMuxer(&file, units[0].Codec, sets)
	if err != nil {
		t.Fatal(err)
	}
	var order fmp4.Order
	var dts, pts []int64
	for _, u := range units {
		d, p := order.Decode(u)
		dts, pts = append(dts, d), append(pts, p)
	}
	dts = append(dts, dts[len(dts)-1]+fmp4.TimeScale/25)
	for i, u := range units {
		if err := m.Add(u, dts[i], pts[i], dts[i+1]-dts[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if int(m.Pictures()) != len(units) {
		t.Fatalf("%d pictures counted of %d", m.Pictures(), len(units))
	}
	return file.Bytes()
}

func TestPicturesStayAsTheyCame(t *testing.T) {
	for _, name := range []string{"h264.mp4", "h265.mp4"} {
		units := recordtest.Film(name, time.Now())
		if len(units) != 100 {
			t.Fatalf("%s: %d units", name, len(units))
		}
		got := recordtest.Samples(mux(t, units))
		if len(got) != len(units) {
			t.Fatalf("%s: %d of %d pictures", name, len(got), len(units))
		}
		shift := units[0].PTS.Seconds()*fmp4.TimeScale - float64(got[0].PTS)
		for i, s := range got {
			nals, err := s.NALs()
			if err != nil || !slices.EqualFunc(nals, units[i].NALs, bytes.Equal) {
				t.Fatalf("%s: picture %d was changed: %v", name, i, err)
			}
			if s.IsNonSyncSample == units[i].Key {
				t.Errorf("%s: picture %d: key %v", name, i, !s.IsNonSyncSample)
			}
			if d := units[i].PTS.Seconds()*fmp4.TimeScale - float64(s.PTS) - shift; d > 2 || d < -2 {
				t.Errorf("%s: picture %d is shown %g ticks off", name, i, d)
			}
			if s.PTS < s.DTS {
				t.Errorf("%s: picture %d is shown before it is decoded", name, i)
			}
		}
	}
}

// TestOrdinaryPlayersPlayIt decodes with ffmpeg what was muxed from the second key on,
// and holds each picture to that of the original.
func TestOrdinaryPlayersPlayIt(t *testing.T) {
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("ffmpeg is not installed: whether players play the files was not tried")
	}
	for _, name := range []string{"h264.mp4", "h265.mp4"} {
		units := recordtest.Film(name, time.Now())
		ours, theirs := filepath.Join(t.TempDir(), name), filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(theirs, recordtest.File(name), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(ours, mux(t, units), 0o600); err != nil {
			t.Fatal(err)
		}
		want, got := pictures(t, ffmpeg, theirs), pictures(t, ffmpeg, ours)
		if len(want) != 100 || !slices.Equal(got, want) {
			t.Errorf("%s: %d pictures decode, %d are wanted, or they differ", name, len(got), len(want))
		}
	}
}

// pictures returns a hash of each decoded picture.
func pictures(t *testing.T, ffmpeg, file string) (sums []string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), ffmpeg, "-v", "error", "-i", file, "-f", "framemd5", "-")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	for line := range strings.Lines(string(out)) {
		if fields := strings.Split(line, ","); len(fields) == 6 && !strings.HasPrefix(line, "#") {
			sums = append(sums, strings.TrimSpace(fields[5]))
		}
	}
	return sums
}

func TestBadUnitsDoNotStopTheOrder(t *testing.T) {
	units := recordtest.Film("h264.mp4", time.Now())
	var order fmp4.Order
	last := int64(-1 << 62)
	for i, u := range units {
		bad := *u
		switch i % 7 {
		case 3:
			bad.NALs = [][]byte{{0x41}}
		case 5:
			bad.PTS -= time.Hour
		}
		dts, _ := order.Decode(&bad)
		if dts <= last {
			t.Fatalf("unit %d: time of decoding went back from %d to %d", i, last, dts)
		}
		last = dts
	}
}

func TestParameterSetsThatCannotBeReadAreRefused(t *testing.T) {
	var file bytes.Buffer
	if _, err := fmp4.NewMuxer(&file, fmp4.H264, fmp4.Sets{SPS: []byte{0x67}, PPS: []byte{0x68}}); err == nil || file.Len() > 0 {
		t.Fatalf("%d bytes, %v", file.Len(), err)
	}
	if _, ok := fmp4.SetsOf(&fmp4.Unit{Codec: fmp4.H264, NALs: [][]byte{{}, {0x67}, {0x65, 1}}}); ok {
		t.Fatal("parameter sets out of nothing")
	}
}
