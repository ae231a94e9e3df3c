package decode_test

import (
	"context"
	"testing"
	"time"

	"polity/camera/decode"
	"polity/camera/frame"
	"polity/camera/stream"
)

// looped gives count units of a film of two seconds, over and over, each with its
// time.
func looped(units []*stream.Unit, count int) []*stream.Unit {
	out := make([]*stream.Unit, count)
	for i := range out {
		u := *units[i%len(units)]
		u.PTS += time.Duration(i/len(units)) * 2 * time.Second
		u.Taken = noon.Add(u.PTS)
		out[i] = &u
	}
	return out
}

// known is how many units a stream must show before frames are left out, warm more
// than that.
const known, warm = 32, 60

// timesOf says when the units' pictures were taken, as pace is asked.
func timesOf(units []*stream.Unit) []time.Duration {
	var pts []time.Duration
	for _, u := range units {
		pts = append(pts, u.Taken.Sub(time.Unix(0, 0)))
	}
	return pts
}

// TestLiveLeavesOutWhatTheRateDoes expects just the frames that the rate takes, each
// before the next unit goes in, and that the others are not even handed to us once
// the stream is known.
func TestLiveLeavesOutWhatTheRateDoes(t *testing.T) {
	steady := looped(unitsOf(t, testFilm(t, "a.mp4", "-c:v", "libx264", "-bf", "0", "-g", "20")), 160)
	jitter := looped(steady, len(steady))
	for i, u := range jitter {
		*u = *steady[i]
		u.Taken = u.Taken.Add(time.Duration(i*i%7) * 11 * time.Millisecond)
	}
	for _, c := range []struct {
		name  string
		units []*stream.Unit
		rate  float64
	}{{"steady at 5", steady, 5}, {"steady at 7.3", steady, 7.3}, {"jitter at 5", jitter, 5}, {"jitter at 1", jitter, 1}, {"all", jitter, 0}} {
		t.Run(c.name, func(t *testing.T) {
			d := start(t, decode.Config{Rate: c.rate})
			handed := 0
			for i, taken := range decode.Chosen(c.rate, timesOf(c.units)) {
				before := d.State().Decoded
				d.Push(c.units[i])
				if !taken {
					if i < known { // it comes out, and the next unit waits for it
						waitFor(t, "a frame", func() bool { return d.State().Decoded > before })
					}
					continue
				}
				handed++
				f := next(t, d)
				lumaIs(t, f, i%20)
				if !f.Taken.Equal(c.units[i].Taken) {
					t.Fatalf("frame %d: taken at %v, want %v", i, f.Taken, c.units[i].Taken)
				}
				d.Release(f)
				if s := d.State(); s.Decoded != uint64(i+1) || s.Handed != uint64(handed) {
					t.Fatalf("frame %d: %+v", i, s)
				}
				if i > known && c.name == "steady at 5" && before == uint64(i) {
					t.Fatalf("frame %d: the frame before it was handed to us", i)
				}
			}
			if s := d.State(); s.Late != 0 || s.Skipped != 0 || s.Restarts != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// feed pushes units one at a time and takes the frames as they come; each unit goes
// in when all frames but those of the held before it are out.
func feed(t *testing.T, d *decode.Decoder, units []*stream.Unit, held int) []*frame.Frame {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	frames := make(chan []*frame.Frame)
	go func() {
		var got []*frame.Frame
		for {
			f, err := d.Next(ctx)
			if err != nil {
				frames <- got
				return
			}
			got = append(got, f)
		}
	}()
	from := d.State().Decoded
	for i, u := range units {
		d.Push(u)
		waitFor(t, "frames", func() bool { return d.State().Decoded+uint64(held) >= from+uint64(i+1) })
	}
	cancel()
	return <-frames
}

// TestBFramesAreChosenAmongFrames: where units are out of order nothing can be told
// ahead.
func TestBFramesAreChosenAmongFrames(t *testing.T) {
	units := looped(unitsOf(t, testFilm(t, "b.mp4", "-c:v", "libx264", "-bf", "3", "-b_strategy", "0", "-g", "20", "-sc_threshold", "0")), 100)
	d := start(t, decode.Config{Rate: 4})
	frames := feed(t, d, units, 4)
	var pts []time.Duration
	for i := range units {
		pts = append(pts, noon.Add(time.Duration(i)*100*time.Millisecond).Sub(time.Unix(0, 0)))
	}
	at := 0
	for i, taken := range decode.Chosen(4, pts) {
		if !taken || at == len(frames) {
			continue
		}
		if got := frames[at].Taken.Sub(time.Unix(0, 0)); (got - pts[i]).Abs() > 2*time.Millisecond {
			t.Fatalf("frame %d: taken at %v, want %v", at, got, pts[i])
		}
		at++
	}
	if at < 35 || at != len(frames) || d.State().Late != 0 {
		t.Errorf("%d frames of %d; %+v", at, len(frames), d.State())
	}
}

// TestUnitWithoutFrame has damage hit a unit whose frame is wanted: it is missing,
// and those after it come.
func TestUnitWithoutFrame(t *testing.T) {
	units := looped(unitsOf(t, testFilm(t, "intra.mp4", "-c:v", "libx264", "-bf", "0", "-g", "1")), 2*warm+20)
	chosen := decode.Chosen(5, timesOf(units))
	lost := warm + 11
	for !chosen[lost] {
		lost++
	}
	units[lost].NALs = [][]byte{{9, 0xf0}} // an access unit delimiter, and nothing in it
	d := start(t, decode.Config{Rate: 5})
	for i, taken := range chosen {
		before := d.State().Decoded
		d.Push(units[i])
		switch {
		case taken && i != lost:
			f := next(t, d)
			lumaIs(t, f, i%20)
			if !f.Taken.Equal(units[i].Taken) {
				t.Fatalf("frame %d: taken at %v, want %v", i, f.Taken.Sub(noon), units[i].Taken.Sub(noon))
			}
		case i < known:
			waitFor(t, "a frame", func() bool { return d.State().Decoded > before })
		}
	}
	if s := d.State(); s.Restarts != 0 || s.Failing {
		t.Errorf("%+v", s)
	}
}

// TestRateChangesWhileFramesAreLeftOut goes from few frames to all and back.
func TestRateChangesWhileFramesAreLeftOut(t *testing.T) {
	units := looped(unitsOf(t, testFilm(t, "a.mp4", "-c:v", "libx264", "-bf", "0", "-g", "20")), 3*warm)
	d := start(t, decode.Config{Rate: 10})
	for _, u := range units[:warm] {
		d.Push(u)
		d.Release(next(t, d))
	}
	for part, rate := range []float64{5, 10, 2, 0, 5} {
		d.SetRate(rate)
		units := units[warm+part*21:][:21] // the last of them is wanted at each rate
		for i, taken := range decode.Chosen(rate, timesOf(units)) {
			d.Push(units[i])
			if taken {
				f := next(t, d)
				if !f.Taken.Equal(units[i].Taken) {
					t.Fatalf("at %g, frame %d: taken at %v, want %v", rate, i, f.Taken, units[i].Taken)
				}
			}
		}
	}
}

// TestLeavingOutIsNoHang: many units go in, and no frame is wanted for longer than
// it takes to give up; but a decoder that hangs then is found.
func TestLeavingOutIsNoHang(t *testing.T) {
	units := looped(unitsOf(t, testFilm(t, "a.mp4", "-c:v", "libx264", "-bf", "0", "-g", "20")), 2000)
	d := start(t, decode.Config{Rate: 10, Patience: 2 * time.Second, FirstWait: time.Millisecond})
	for _, u := range units[:warm] {
		d.Push(u)
		d.Release(next(t, d))
	}
	d.SetRate(0.05)
	rest := units[warm:]
	push := func() {
		d.Push(rest[0])
		rest = rest[1:]
		time.Sleep(20 * time.Millisecond) // as a camera would, only faster
	}
	for range 150 { // longer than it takes to give up
		push()
	}
	if s := d.State(); s.Restarts != 0 || s.Failing {
		t.Fatalf("%+v", s)
	}
	d.SetRate(5)
	if err := d.HangDecoder(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the restart", func() bool { push(); return d.State().Restarts == 1 })
	from := d.State().Decoded
	waitFor(t, "frames after it", func() bool { push(); return d.State().Decoded > from })
}
