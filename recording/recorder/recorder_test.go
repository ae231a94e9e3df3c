package recorder_test

import (
	"bytes"
	"context"
	"slices"
	"testing"
	"time"

	"polity/city"
	"polity/internal/attack"
	"polity/recording/disk/disktest"
	"polity/recording/fmp4"
	"polity/recording/recorder"
	"polity/recording/recordtest"
	"polity/recording/segment"
	"polity/recording/share"
	"polity/recording/store"
)

var (
	start = time.Date(2026, 12, 1, 14, 30, 0, 0, time.UTC)
	key   = recordtest.Recorder(1)
	trust = segment.Recorders(key.Public())
)

// site records one camera onto a disk in memory.
type site struct {
	t      *testing.T
	disk   *disktest.Disk
	s      *store.Store
	camera *store.Camera
	bodies *recordtest.Bodies
	r      *recorder.Recorder
	events []recorder.Event
	units  []*fmp4.Unit // that were given
	leaked bool
}

func newSite(t *testing.T, keys share.KeySource) *site {
	t.Helper()
	w := &site{t: t, disk: disktest.New(), bodies: &recordtest.Bodies{Seed: "test"}}
	w.disk.Wrote = func(_ string, p []byte) {
		for _, u := range w.units {
			for _, nal := range u.NALs {
				w.leaked = w.leaked || len(nal) > 20 && bytes.Contains(p, nal[:20])
			}
		}
	}
	var err error
	if w.s, err = store.Open(store.Config{Disk: w.disk, Domain: "city.example", Signer: key, Trust: trust}); err != nil {
		t.Fatal(err)
	}
	if w.camera, err = w.s.Camera("square"); err != nil {
		t.Fatal(err)
	}
	if keys == nil {
		keys = w.bodies
	}
	if w.r, err = recorder.New(recorder.Config{
		Domain: "city.example", Camera: "square", Class: "street", Keys: keys, Signer: key, Place: recorder.Local(w.camera),
		Event: func(e recorder.Event) { w.events = append(w.events, e) },
	}); err != nil {
		t.Fatal(err)
	}
	return w
}

// film gives the recorder so many seconds (a multiple of four) of a film from a time on.
func (w *site) film(name string, from time.Time, seconds int, stream int) {
	for at := 0; at < seconds; at += 4 {
		for _, u := range recordtest.Film(name, from.Add(time.Duration(at)*time.Second)) {
			u.PTS += time.Duration(at) * time.Second
			u.Stream = stream
			w.add(u)
		}
	}
}

func (w *site) add(u *fmp4.Unit) {
	w.units = append(w.units, u)
	w.r.Add(w.t.Context(), u)
}

// opened returns each segment's content, having checked segments and chain.
func (w *site) opened() (files [][]byte) {
	w.t.Helper()
	if w.leaked {
		w.t.Fatal("a picture reached the disk as it was")
	}
	var chain segment.Chain
	for _, e := range w.entries() {
		f, err := w.camera.Open(e)
		if err != nil {
			w.t.Fatal(err)
		}
		s, err := segment.Scan(f, f.Size(), trust)
		if err != nil {
			w.t.Fatal(err)
		}
		if err := chain.Add(s.Header, s.Trailer); err != nil {
			w.t.Fatal(err)
		}
		b, err := w.bodies.Open(f, f.Size(), trust)
		if err != nil {
			w.t.Fatal(err)
		}
		files = append(files, b)
	}
	return files
}

func (w *site) entries() []store.Entry {
	return w.camera.Entries(start.AddDate(-1, 0, 0), start.AddDate(1, 0, 0))
}

func (w *site) gaps() []store.Gap {
	return w.camera.Gaps(start.AddDate(-1, 0, 0), start.AddDate(1, 0, 0))
}

func (w *site) told(kind recorder.EventKind) (n int) {
	for _, e := range w.events {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

func TestEveryPictureIsKeptInSegmentsOfSixSeconds(t *testing.T) {
	for _, name := range []string{"h264.mp4", "h265.mp4"} {
		w := newSite(t, nil)
		w.film(name, start, 60, 1)
		w.r.Stop(segment.Refused, start.Add(time.Hour))
		files := w.opened()
		if len(files) != 10 {
			t.Fatalf("%s: %d segments", name, len(files))
		}
		at := 0
		for i, b := range files {
			samples := recordtest.Samples(b)
			if len(samples) != 150 {
				t.Errorf("%s: segment %d has %d pictures", name, i+1, len(samples))
			}
			for _, s := range samples {
				nals, err := s.NALs()
				if err != nil || !slices.EqualFunc(nals, w.units[at].NALs, bytes.Equal) {
					t.Fatalf("%s: picture %d is not the one that came: %v", name, at, err)
				}
				at++
			}
			e := w.entries()[i]
			if d := e.End.Sub(e.Start); d < 5*time.Second || d > 7*time.Second || e.Gap != segment.None {
				t.Errorf("%s: segment %d: %v, gap %v", name, i+1, d, e.Gap)
			}
		}
		if at != len(w.units) {
			t.Errorf("%s: %d of %d pictures were kept", name, at, len(w.units))
		}
		if g := w.gaps(); len(g) != 1 || g[0].Reason != segment.Refused || g[0].Start.After(start.Add(61*time.Second)) {
			t.Errorf("%s: gaps %+v", name, g)
		}
	}
}

func TestTimesWithoutPicturesAreGaps(t *testing.T) {
	w := newSite(t, nil)
	w.film("h264.mp4", start, 8, 1)
	w.film("h264.mp4", start.Add(time.Minute), 8, 1) // pictures tell of the gap
	w.r.Tick(t.Context(), start.Add(2*time.Minute))  // the clock does
	if g := w.gaps(); len(g) != 2 || !g[1].End.IsZero() {
		t.Fatalf("gaps %+v", g)
	}
	w.film("h264.mp4", start.Add(3*time.Minute), 8, 1)
	w.r.Stop(segment.Refused, start.Add(4*time.Minute))
	w.opened()
	g := w.gaps()
	if len(g) != 3 || g[0].Reason != segment.NoPicture || g[1].Reason != segment.NoPicture || g[2].Reason != segment.Refused {
		t.Fatalf("gaps %+v", g)
	}
	if d := g[0].End.Sub(g[0].Start); d < 51*time.Second || d > 53*time.Second {
		t.Errorf("a gap of 52 s is %v", d)
	}
	if w.told(recorder.Stopped) != 3 || w.told(recorder.Resumed) != 2 {
		t.Errorf("told %+v", w.events)
	}
}

func TestRecordingStopsWithoutEpochKeysAndGoesOnWithThem(t *testing.T) {
	w := newSite(t, nil)
	w.bodies.Last = "2026-12-01"
	midnight := time.Date(2026, 12, 2, 0, 0, 0, 0, time.UTC)
	w.film("h264.mp4", midnight.Add(-20*time.Second), 40, 1)
	if w.told(recorder.NoKey) != 1 {
		t.Fatalf("told %+v", w.events)
	}
	last := w.entries()[len(w.entries())-1]
	if !last.Start.Before(midnight) || last.End.After(midnight.Add(recorder.Length)) {
		t.Fatalf("recorded on with the key of the day before: %+v", last)
	}
	if g := w.gaps(); len(g) != 1 || g[0].Reason != segment.NoEpochKey || g[0].Start.After(midnight.Add(recorder.Length)) {
		t.Fatalf("gaps %+v", g)
	}
	w.bodies.Last = ""
	w.film("h264.mp4", midnight.Add(20*time.Second), 12, 1)
	w.r.Stop(segment.Refused, midnight.Add(time.Hour))
	w.opened()
	if g := w.gaps(); g[0].End.IsZero() || w.told(recorder.Resumed) != 1 {
		t.Fatalf("gaps %+v, told %+v", g, w.events)
	}
}

func TestAnAlarmWhenKeysRunOut(t *testing.T) {
	for last, want := range map[string]int{"2027-03-01": -1, "2026-12-30": 30, "2026-12-05": 5, "2026-11-30": 0} {
		w := newSite(t, nil)
		w.bodies.Last = last
		for range 3 {
			w.r.Tick(t.Context(), start)
		}
		if want < 0 != (len(w.events) == 0) || len(w.events) > 1 {
			t.Errorf("keys until %s: told %+v", last, w.events)
		} else if want >= 0 && (w.events[0].Kind != recorder.KeysLow || w.events[0].Days != want) {
			t.Errorf("keys until %s: told %+v", last, w.events)
		}
	}
}

// swapped gives keys that are not what was asked for.
type swapped struct {
	*recordtest.Bodies
	change func(*share.EpochKey)
}

func (s swapped) Key(ctx context.Context, body share.Body, class city.Slug, day string) (share.EpochKey, error) {
	k, err := s.Bodies.Key(ctx, body, class, day)
	s.change(&k)
	return k, err
}

func TestAWrongEpochKeyIsNotSealedTo(t *testing.T) {
	bodies := &recordtest.Bodies{Seed: "test"}
	stranger, err := (&recordtest.Bodies{Seed: "other"}).Key(t.Context(), share.Court, "street", "2026-12-01")
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*share.EpochKey){
		"another day":   func(k *share.EpochKey) { k.Day = "2026-11-30" },
		"another class": func(k *share.EpochKey) { k.Class = "hospital" },
		"another body":  func(k *share.EpochKey) { k.Body = share.Court },
		"another key":   func(k *share.EpochKey) { k.Public = stranger.Public },
	} {
		w := newSite(t, swapped{bodies, change})
		w.film("h264.mp4", start, 8, 1)
		if len(w.entries()) != 0 || w.told(recorder.NoKey) != 1 || len(w.disk.Names()) > 1 {
			t.Errorf("%s: %d segments, told %+v, files %v", name, len(w.entries()), w.events, w.disk.Names())
		}
	}
}

func TestWithoutKeyFramesASegmentIsCutAndThatIsTold(t *testing.T) {
	w := newSite(t, nil)
	for i, u := range recordtest.Film("h264.mp4", start) {
		if i == 0 || !u.Key {
			w.add(u)
		}
	}
	again := w.units[1:25]
	for at := 4; at < 28; at++ {
		for i, u := range again {
			copied := *u
			copied.PTS = time.Duration(at)*time.Second + time.Duration(i)*40*time.Millisecond
			copied.Taken = start.Add(copied.PTS)
			w.add(&copied)
		}
	}
	w.r.Stop(segment.Refused, start.Add(time.Minute))
	if files := w.opened(); len(files) != 3 || w.told(recorder.NoKeyFrame) != 2 {
		t.Fatalf("%d segments, told %+v", len(files), w.events)
	}
	for _, e := range w.entries() {
		if e.End.Sub(e.Start) > recorder.MaxLength+time.Second || e.Gap != segment.None {
			t.Errorf("a segment of %v, gap %v", e.End.Sub(e.Start), e.Gap)
		}
	}
}

func TestAttackClockBackRecorder(t *testing.T) {
	attack.Tell(t, "clock-back-recorder",
		"The recorder's clock is set back an hour while it records, so that footage would pass for that of an earlier time.",
		"Nothing is recorded until the clock has caught up, and the log of the camera has a gap with that reason.")
	w := newSite(t, nil)
	w.film("h264.mp4", start, 12, 1)
	w.film("h264.mp4", start.Add(-time.Hour), 12, 1)
	if n := len(w.entries()); n != 2 {
		t.Fatalf("%d segments", n)
	}
	w.film("h264.mp4", start.Add(time.Minute), 8, 1)
	w.r.Stop(segment.Refused, start.Add(time.Hour))
	w.opened()
	if g := w.gaps(); len(g) != 2 || g[0].Reason != segment.ClockBack || !g[0].End.Equal(start.Add(time.Minute)) {
		t.Fatalf("gaps %+v", g)
	}
}

func TestAnotherStreamBeginsAnotherSegment(t *testing.T) {
	w := newSite(t, nil)
	w.film("h264.mp4", start, 4, 1)
	w.film("h265.mp4", start.Add(4*time.Second), 4, 2)
	w.r.Stop(segment.Refused, start.Add(time.Minute))
	if files := w.opened(); len(files) != 2 {
		t.Fatalf("%d segments", len(files))
	}
	for i, e := range w.entries() {
		f, err := w.camera.Open(e)
		if err != nil {
			t.Fatal(err)
		}
		if h, err := segment.ReadHeader(bytes.NewReader(mustRead(t, f, f.Size()))); err != nil || h.Media != segment.Media(i+1) {
			t.Errorf("segment %d holds %v, %v", i+1, h, err)
		}
	}
}

func mustRead(t *testing.T, f interface {
	ReadAt(p []byte, off int64) (int, error)
}, n int64,
) []byte {
	t.Helper()
	b := make([]byte, n)
	if _, err := f.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAFullDiskIsAGapAndRecordingGoesOnAfter(t *testing.T) {
	w := newSite(t, nil)
	w.film("h264.mp4", start, 12, 1)
	w.disk.Size = w.s.Size() // less than what is there with index and state
	w.film("h264.mp4", start.Add(12*time.Second), 12, 1)
	if w.told(recorder.Stopped) != 1 {
		t.Fatalf("told %+v", w.events)
	}
	w.disk.Size = 0
	w.film("h264.mp4", start.Add(24*time.Second), 12, 1)
	w.r.Stop(segment.Refused, start.Add(time.Minute))
	w.opened()
	g := w.gaps()
	if len(g) < 1 || g[0].Reason != segment.DiskFull {
		t.Fatalf("gaps %+v", g)
	}
}

func TestBadPicturesAreAGap(t *testing.T) {
	w := newSite(t, nil)
	w.film("h264.mp4", start, 4, 1)
	w.add(&fmp4.Unit{Codec: fmp4.H264, Taken: start.Add(4 * time.Second), Stream: 1})
	w.film("h264.mp4", start.Add(8*time.Second), 8, 1)
	w.r.Stop(segment.Refused, start.Add(time.Minute))
	w.opened()
	if g := w.gaps(); len(g) < 1 || g[0].Reason != segment.BadStream {
		t.Fatalf("gaps %+v", g)
	}
}

// TestAttackDiskCopied: whoever copies the disk, with one body's keys besides, has
// ciphertext.
func TestAttackDiskCopied(t *testing.T) {
	attack.Tell(t, "disk-copied",
		"The whole disk of a recorder is copied, and one body's keys are stolen besides; pictures, keys and halves are searched for.",
		"Each segment is encrypted before its first byte is written, and its key lies nowhere but in two halves, each sealed to one body.")
	w := newSite(t, nil)
	w.film("h264.mp4", start, 12, 1)
	w.r.Stop(segment.Refused, start.Add(time.Minute))
	w.opened()
	var image []byte
	for _, name := range w.disk.Names() {
		f, err := w.disk.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		image = append(image, mustRead(t, f, f.Size())...)
	}
	for _, e := range w.entries() {
		f, err := w.camera.Open(e)
		if err != nil {
			t.Fatal(err)
		}
		s, err := segment.Scan(f, f.Size(), trust)
		if err != nil {
			t.Fatal(err)
		}
		key, err := w.bodies.KeyOf(s)
		if err != nil {
			t.Fatal(err)
		}
		for i, body := range share.Bodies {
			private := w.bodies.Private(body, "street", s.Header.Day())
			half, err := share.Open(private, s.Header.Context(i), s.Shares[i], s.Header.Commitments[i])
			if err != nil {
				t.Fatal(err)
			}
			if _, err := share.Open(private, s.Header.Context(1-i), s.Shares[1-i], s.Header.Commitments[1-i]); err == nil {
				t.Errorf("%s opens both halves", body)
			}
			if _, err := segment.Open(f, f.Size(), &half, trust); err == nil {
				t.Errorf("the half of %s opens the segment", body)
			}
			if bytes.Contains(image, half[:]) {
				t.Errorf("the half of %s lies on the disk", body)
			}
		}
		if bytes.Contains(image, key[:]) {
			t.Error("the key lies on the disk")
		}
	}
	for _, u := range w.units {
		if nal := u.NALs[len(u.NALs)-1]; len(nal) > 40 && bytes.Contains(image, nal[len(nal)-40:]) {
			t.Fatal("a picture lies on the disk")
		}
	}
}

// TestAttackBackupAfterShredding: whoever has every file there ever was, one body's keys
// and the other's of all other days and classes, opens nothing of a day whose key is gone.
func TestAttackBackupAfterShredding(t *testing.T) {
	attack.Tell(t, "backup-after-shredding",
		"Every file there ever was is put back after one body's key of the day was destroyed, with the other body's key and all of its own of other days and classes.",
		"A half opens under the key of its own day and class alone, and the other half says nothing of the segment's key.")
	w := newSite(t, nil)
	w.film("h264.mp4", start, 12, 1)
	w.r.Stop(segment.Refused, start.Add(time.Minute))
	backup := w.entries()
	if len(backup) == 0 {
		t.Fatal("nothing to attack")
	}
	for gone, body := range share.Bodies { // whose key of the day was destroyed
		for _, e := range backup {
			f, err := w.camera.Open(e)
			if err != nil {
				t.Fatal(err)
			}
			s, err := segment.Scan(f, f.Size(), trust)
			if err != nil {
				t.Fatal(err)
			}
			other := w.bodies.Private(share.Bodies[1-gone], "street", s.Header.Day())
			half, err := share.Open(other, s.Header.Context(1-gone), s.Shares[1-gone], s.Header.Commitments[1-gone])
			if err != nil {
				t.Fatal(err)
			}
			for days := -3; days <= 3; days++ {
				for _, class := range []city.Slug{"street", "hospital"} {
					day := share.Day(start.AddDate(0, 0, days))
					if days == 0 && class == "street" {
						continue // this one is gone
					}
					c := s.Header.Context(gone)
					if _, err := share.Open(w.bodies.Private(body, class, day), c, s.Shares[gone], s.Header.Commitments[gone]); err == nil {
						t.Fatalf("the key of %s for %s, class %s, opens the half of another day", body, day, class)
					}
				}
			}
			nothing := share.Key{}
			for _, guess := range []share.Key{half, share.Join(&half, &half), share.Join(&half, &nothing)} {
				if _, err := segment.Open(f, f.Size(), &guess, trust); err == nil {
					t.Fatal("opened with one half")
				}
			}
		}
	}
}
