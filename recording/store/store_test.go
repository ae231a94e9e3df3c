package store_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"polity/city"
	"polity/internal/attack"
	"polity/recording/disk/disktest"
	"polity/recording/root"
	"polity/recording/segment"
	"polity/recording/share"
	"polity/recording/store"
)

const domain = "city.example"

var (
	start    = time.Date(2026, 12, 1, 14, 30, 0, 0, time.UTC)
	recorder = segment.Key(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32)))
	trust    = segment.Recorders(recorder.Public())
	secret   = []byte("a person walks by")
)

// site is a store with a clock that is set by hand, and what it told.
type site struct {
	t      testing.TB
	cfg    store.Config
	disk   *disktest.Disk
	s      *store.Store
	now    time.Time
	events []store.Event
	hours  []root.Hour
	leaked bool
	keys   map[string][2]share.EpochKey
}

func newSite(t testing.TB) *site {
	t.Helper()
	w := &site{t: t, now: start, keys: map[string][2]share.EpochKey{}}
	w.cfg = store.Config{
		Domain: domain, Keep: map[city.Slug]time.Duration{"street": 72 * time.Hour, "short": time.Hour}, Signer: recorder, Trust: trust,
		Event: func(e store.Event) { w.events = append(w.events, e) },
		Hour:  func(h root.Hour) error { w.hours = append(w.hours, h); return nil },
		Now:   func() time.Time { return w.now },
	}
	w.use(disktest.New())
	return w
}

// use opens a store on a disk.
func (w *site) use(d *disktest.Disk) {
	w.t.Helper()
	d.Wrote = func(_ string, p []byte) { w.leaked = w.leaked || bytes.Contains(p, secret) }
	w.disk, w.cfg.Disk, w.s = d, d, nil
	w.reopen()
}

func (w *site) close() {
	w.t.Helper()
	if w.s != nil {
		if err := w.s.Close(); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *site) reopen() {
	w.t.Helper()
	w.close()
	var err error
	if w.s, err = store.Open(w.cfg); err != nil {
		w.t.Fatal(err)
	}
}

func (w *site) camera(name city.Slug) *store.Camera {
	w.t.Helper()
	c, err := w.s.Camera(name)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// epochs returns epoch keys of a day and class; their private halves are forgotten.
func (w *site) epochs(class city.Slug, day string) [2]share.EpochKey {
	w.t.Helper()
	id := string(class) + day
	if _, ok := w.keys[id]; !ok {
		var keys [2]share.EpochKey
		for i, body := range share.Bodies {
			private, err := share.Kem().GenerateKey()
			if err != nil {
				w.t.Fatal(err)
			}
			if keys[i], err = share.NewEpochKey(body, class, day, private.PublicKey().Bytes()); err != nil {
				w.t.Fatal(err)
			}
		}
		w.keys[id] = keys
	}
	return w.keys[id]
}

// header returns what the camera's next segment has to say.
func (w *site) header(c *store.Camera, name, class city.Slug) segment.Header {
	head, gap := c.Next()
	h := segment.Header{
		Media: segment.H264, Domain: domain, Camera: name, Class: class, Sequence: head.Sequence + 1, Previous: head.Hash, Start: w.now, GapStart: w.now,
	}
	if gap != nil {
		h.Gap, h.GapStart = gap.Reason, gap.Start
	} else if head.Sequence > 0 && w.now.Sub(head.End) > segment.Slack {
		h.Gap, h.GapStart = segment.NoPicture, head.End
	}
	return h
}

// record writes six seconds of a camera, of n bytes, and sets the clock to their end.
func (w *site) record(name, class city.Slug, n int) error {
	w.t.Helper()
	c, err := w.s.Camera(name)
	if err != nil {
		return err
	}
	p, err := c.Begin()
	if err != nil {
		return err
	}
	h := w.header(c, name, class)
	s, err := segment.Seal(p, h, w.epochs(class, h.Day()), recorder)
	if err != nil {
		return errors.Join(err, p.Abort(store.Reason(err)))
	}
	w.now = w.now.Add(6 * time.Second)
	_, err = s.Write(bytes.Repeat(secret, n/len(secret)+1)[:n])
	if err == nil {
		_, err = s.Close(w.now, 150)
	}
	s.Abandon()
	if err != nil {
		return errors.Join(err, p.Abort(store.Reason(err)))
	}
	_, err = p.Commit()
	return err
}

func (w *site) mustRecord(name, class city.Slug, n int) {
	w.t.Helper()
	if err := w.record(name, class, n); err != nil {
		w.t.Fatal(err)
	}
}

func (w *site) entries(name city.Slug) []store.Entry {
	w.t.Helper()
	return w.camera(name).Entries(start.AddDate(-1, 0, 0), start.AddDate(1, 0, 0))
}

// check scans every segment of a camera and walks its chain.
func (w *site) check(name city.Slug) {
	w.t.Helper()
	var chain segment.Chain
	c := w.camera(name)
	for _, e := range w.entries(name) {
		f, err := c.Open(e)
		if err != nil {
			w.t.Fatal(err)
		}
		s, err := segment.Scan(f, f.Size(), trust)
		if err != nil {
			w.t.Fatalf("segment %d: %v", e.Sequence, err)
		}
		if s.Hash != e.Hash || s.Size != e.Size || s.Trailer.State != e.State {
			w.t.Fatalf("segment %d is not what the index says", e.Sequence)
		}
		if err := chain.Add(s.Header, s.Trailer); err != nil {
			w.t.Fatal(err)
		}
	}
	if w.leaked {
		w.t.Fatal("plaintext reached the disk")
	}
}

func (w *site) told(kind store.EventKind) (n int) {
	for _, e := range w.events {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

func TestSegmentsAreFoundByTimeAndAfterARestart(t *testing.T) {
	w := newSite(t)
	for range 5 {
		w.mustRecord("square", "street", 100_000)
	}
	w.check("square")
	before := w.entries("square")
	found := w.camera("square").Entries(start.Add(7*time.Second), start.Add(13*time.Second))
	if len(before) != 5 || len(found) != 2 || found[0].Sequence != 2 {
		t.Fatalf("%d entries, found %+v", len(before), found)
	}
	w.reopen()
	if got := w.entries("square"); !slices.Equal(got, before) {
		t.Fatalf("after a restart %+v", got)
	}
	if _, gap := w.camera("square").Next(); gap == nil || gap.Reason != segment.Started || !gap.Start.Equal(w.now) {
		t.Fatalf("the restart is no gap: %+v", gap)
	}
	w.now = w.now.Add(time.Minute)
	w.mustRecord("square", "street", 100)
	w.check("square")
	gaps := w.camera("square").Gaps(start, w.now)
	if len(gaps) != 1 || gaps[0].Reason != segment.Started || gaps[0].End.Sub(gaps[0].Start) != time.Minute {
		t.Fatalf("gaps %+v", gaps)
	}
}

func TestAnIndexIsMadeAnewFromHeaders(t *testing.T) {
	for name, harm := range map[string]func(d *disktest.Disk, file string){
		"lost": func(d *disktest.Disk, file string) {
			if err := d.Remove(file); err != nil {
				t.Fatal(err)
			}
		},
		"cut":     func(d *disktest.Disk, file string) { d.Change(file, func(b []byte) []byte { return b[:len(b)-20] }) },
		"garbage": func(d *disktest.Disk, file string) { d.Change(file, func(b []byte) []byte { b[3] = 0xff; return b }) },
		"empty":   func(d *disktest.Disk, file string) { d.Change(file, func([]byte) []byte { return nil }) },
	} {
		w := newSite(t)
		for range 3 {
			w.mustRecord("square", "street", 70_000)
		}
		before := w.entries("square")
		w.close()
		harm(w.disk, "square/2026-12-01/index.jsonl")
		w.reopen()
		if got := w.entries("square"); !slices.Equal(got, before) || w.told(store.Rebuilt) != 1 {
			t.Errorf("%s: %d entries, told %d times", name, len(got), w.told(store.Rebuilt))
		}
	}
}

func TestWhoTakesASegmentAwayIsFoundOut(t *testing.T) {
	w := newSite(t)
	for range 3 {
		w.mustRecord("square", "street", 100)
	}
	last := w.entries("square")[2]
	w.close()
	if err := w.disk.Remove("square/" + last.Name()); err != nil {
		t.Fatal(err)
	}
	w.reopen()
	if w.told(store.Missing) != 1 || len(w.entries("square")) != 2 {
		t.Fatalf("told %+v", w.events)
	}
	w.mustRecord("square", "street", 100)
	if got := w.entries("square")[2]; got.Sequence != 4 {
		t.Fatalf("the sequence %d was used again", got.Sequence)
	}
}

func TestOnlySealedSegmentsOfThisChainAreTaken(t *testing.T) {
	w := newSite(t)
	w.mustRecord("square", "street", 100)
	w.mustRecord("bridge", "street", 100)
	c := w.camera("square")
	good := w.header(c, "square", "street")
	for name, change := range map[string]func(*segment.Header){
		"another camera":    func(h *segment.Header) { h.Camera = "bridge" },
		"another city":      func(h *segment.Header) { h.Domain = "other.example" },
		"sequence":          func(h *segment.Header) { h.Sequence++ },
		"another chain":     func(h *segment.Header) { h.Previous[0]++ },
		"clock went back":   func(h *segment.Header) { h.Start = h.Start.Add(-7 * time.Second); h.GapStart = h.Start },
		"silent gap":        func(h *segment.Header) { h.Gap, h.GapStart = segment.None, h.Start },
		"foreign recorder":  nil,
		"no sealed segment": nil,
	} {
		p, err := c.Begin()
		if err != nil {
			t.Fatal(err)
		}
		h, by := good, recorder
		if change != nil {
			change(&h)
		} else {
			by = segment.Key(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{2}, 32)))
		}
		if name == "no sealed segment" {
			_, err = p.Write(bytes.Repeat(secret, 1000))
		} else {
			_, err = segment.Seal(p, h, w.epochs("street", "2026-12-01"), by)
		}
		if err == nil {
			t.Errorf("%s: taken", name)
		}
		if err := p.Abort(segment.DiskFailed); err != nil {
			t.Fatal(err)
		}
	}
	w.mustRecord("square", "street", 100)
	w.check("square")
}

func TestAGapMustBeNamed(t *testing.T) {
	w := newSite(t)
	w.mustRecord("square", "street", 100)
	c := w.camera("square")
	if err := c.Stop(segment.NoEpochKey, w.now); err != nil {
		t.Fatal(err)
	}
	if err := c.Stop(segment.NoPicture, w.now.Add(time.Hour)); err != nil { // the first reason stays
		t.Fatal(err)
	}
	w.now = w.now.Add(2 * time.Hour)
	h := w.header(c, "square", "street")
	h.Gap, h.GapStart = segment.None, h.Start
	p, err := c.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := segment.Seal(p, h, w.epochs("street", "2026-12-01"), recorder); err == nil {
		t.Fatal("a silent gap was taken")
	}
	if err := p.Abort(segment.DiskFailed); err != nil {
		t.Fatal(err)
	}
	w.reopen() // the gap outlasts the program
	w.mustRecord("square", "street", 100)
	gaps := w.camera("square").Gaps(start, w.now)
	if len(gaps) != 1 || gaps[0].Reason != segment.NoEpochKey || gaps[0].End.Sub(gaps[0].Start) != 2*time.Hour {
		t.Fatalf("gaps %+v", gaps)
	}
	w.check("square")
}

// TestAttackCrashSeal loses power after each operation of a recording in turn: what
// was committed is there, what was torn is cut off or a gap, and recording goes on.
func TestAttackCrashSeal(t *testing.T) {
	attack.Tell(t, "crash-seal",
		"Power is lost after each single operation on the disk while segments are sealed, in five ways of losing what was not synced.",
		"What was committed is whole, what was torn is cut off or a named gap, nothing is in the clear, and recording goes on.")
	for seed := range uint64(5) {
		powerLoss(t, seed)
	}
}

func powerLoss(t *testing.T, seed uint64) {
	t.Helper()
	for step := 1; ; step++ {
		w := newSite(t)
		w.now = time.Date(2026, 12, 1, 23, 59, 50, 0, time.UTC) // over midnight
		at, crashed := 0, false
		w.disk.Fail = func(string, string) error {
			if at++; at > step {
				crashed = true
				return syscall.EIO
			}
			return nil
		}
		committed := 0
		for range 4 {
			if w.record("square", "street", 150_000) != nil {
				break
			}
			committed++
		}
		w.use(w.disk.Crash(rand.New(rand.NewPCG(uint64(step), seed))))
		got := w.entries("square")
		if len(got) < committed || len(got) > committed+1 {
			t.Fatalf("step %d: %d of %d segments survived", step, len(got), committed)
		}
		for i, e := range got {
			if e.Sequence != uint64(i+1) || i < committed && e.State != segment.Whole {
				t.Fatalf("step %d: segment %d: %+v", step, i+1, e)
			}
		}
		if _, gap := w.camera("square").Next(); len(got) > 0 && gap == nil {
			t.Fatalf("step %d: no gap after power was lost", step)
		}
		w.now = w.now.Add(time.Minute)
		w.mustRecord("square", "street", 100)
		w.check("square")
		if slices.ContainsFunc(w.disk.Names(), func(n string) bool { return strings.HasSuffix(n, ".part") }) {
			t.Fatalf("step %d: torn files were left: %v", step, w.disk.Names())
		}
		if !crashed {
			return
		}
	}
}

// TestAFailingDiskAtEveryStep has one operation fail: the gap is named, nothing that was
// committed is lost, and recording goes on.
func TestAFailingDiskAtEveryStep(t *testing.T) {
	for step := 1; ; step++ {
		w := newSite(t)
		at, failed := 0, false
		w.disk.Fail = func(string, string) error {
			if at++; at == step {
				failed = true
				return syscall.EIO
			}
			return nil
		}
		committed := 0
		for range 4 {
			if w.record("square", "street", 150_000) == nil {
				committed++
			}
		}
		if got := len(w.entries("square")); got < committed {
			t.Fatalf("step %d: %d of %d", step, got, committed)
		}
		if committed < 3 {
			t.Fatalf("step %d: one failure cost %d segments", step, 4-committed)
		}
		w.disk.Fail = nil
		w.check("square")
		w.reopen()
		w.now = w.now.Add(time.Minute)
		w.mustRecord("square", "street", 100)
		w.check("square")
		if !failed {
			return
		}
	}
}

func TestHoursAreHandedOnOnceAndProven(t *testing.T) {
	w := newSite(t)
	w.now = start.Add(29*time.Minute + 40*time.Second) // 14:59:40
	for range 7 {
		w.mustRecord("school", "short", 100)
	}
	if err := w.camera("school").Stop(segment.NoPicture, w.now); err != nil {
		t.Fatal(err)
	}
	if err := w.s.Tend(); err != nil || len(w.hours) != 0 { // the hour's last segment may still come
		t.Fatalf("%d hours, %v", len(w.hours), err)
	}
	w.cfg.Hour = func(root.Hour) error { return errors.New("the log is away") }
	w.reopen()
	w.now = w.now.Add(time.Minute)
	if w.s.Tend() == nil {
		t.Fatal("that an hour was not taken is not told")
	}
	w.cfg.Hour = func(h root.Hour) error { w.hours = append(w.hours, h); return nil }
	w.reopen()
	for range 3 {
		if err := w.s.Tend(); err != nil {
			t.Fatal(err)
		}
	}
	if len(w.hours) != 1 || w.hours[0].Count != 4 || !w.hours[0].Hour.Equal(start.Truncate(time.Hour)) {
		t.Fatalf("hours %+v", w.hours)
	}
	w.now = start.Add(3 * time.Hour)
	if err := w.s.Tend(); err != nil || len(w.hours) != 3 {
		t.Fatalf("%d hours, %v", len(w.hours), err)
	}
	if w.hours[1].Count != 3 || w.hours[1].Gaps != 1 || w.hours[2].Count != 0 {
		t.Fatalf("hours %+v", w.hours)
	}
}

func TestAProofOutlastsTheRemovalOfOthersOfItsHour(t *testing.T) {
	w := newSite(t)
	for range 9 {
		w.mustRecord("school", "short", 100)
	}
	w.now = start.Add(time.Hour + 33*time.Second) // five are over
	if err := w.s.Tend(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		left := w.entries("school")
		if len(left) != 4 || len(w.hours) != 1 || w.hours[0].Count != 9 {
			t.Fatalf("%d left, hours %+v", len(left), w.hours)
		}
		for _, e := range left {
			h, place, proof, err := w.camera("school").Proof(e)
			if err != nil || h.Root != w.hours[0].Root {
				t.Fatalf("%v: another root than the log has", err)
			}
			if err := root.Verify(w.hours[0].Root, int(h.Count), place, e.Hash, proof); err != nil {
				t.Fatal(err)
			}
		}
		w.reopen()
	}
}

func TestAForeignFileIsToldAndLeftAlone(t *testing.T) {
	w := newSite(t)
	w.mustRecord("square", "street", 100)
	w.mustRecord("bridge", "street", 100)
	theirs := w.entries("bridge")[0]
	if err := w.disk.Rename("bridge/"+theirs.Name(), "square/2026-12-01/"+path.Base(theirs.Name())); err != nil {
		t.Fatal(err)
	}
	w.reopen()
	if w.told(store.Damaged) != 1 || len(w.entries("square")) != 1 {
		t.Fatalf("told %+v", w.events)
	}
}
