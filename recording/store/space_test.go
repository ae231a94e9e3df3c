package store_test

import (
	"strings"
	"testing"
	"time"

	"polity/recording/disk"
	"polity/recording/segment"
	"polity/recording/store"
)

func TestAgeByClass(t *testing.T) {
	w := newSite(t)
	for range 3 {
		w.mustRecord("square", "street", 100)
		w.mustRecord("school", "short", 100)
	}
	w.now = start.Add(time.Hour + 13*time.Second)
	if err := w.s.Tend(); err != nil {
		t.Fatal(err)
	}
	if n := len(w.entries("school")); n != 2 {
		t.Fatalf("%d of the class of one hour are left", n)
	}
	w.now = start.Add(73 * time.Hour)
	if err := w.s.Tend(); err != nil {
		t.Fatal(err)
	}
	if len(w.entries("school"))+len(w.entries("square")) > 0 || w.s.Size() != 0 {
		t.Fatalf("something outlasted its time: %d bytes", w.s.Size())
	}
	for _, name := range w.disk.Names() {
		if strings.HasSuffix(name, ".seg") {
			t.Errorf("%s is still there", name)
		}
	}
	w.reopen()
	w.mustRecord("square", "street", 100) // the chain goes on though no segment is left
	if e := w.entries("square")[0]; e.Sequence != 4 || e.Gap != segment.Started || w.told(store.Missing) > 0 {
		t.Fatalf("%+v, %+v", e, w.events)
	}
}

func TestAFullDiskTakesTheOldestByRetentionAndNeverTheNewest(t *testing.T) {
	w := newSite(t)
	w.mustRecord("bridge", "street", 300_000) // the only one of its camera, and the oldest
	for range 4 {
		w.mustRecord("square", "street", 300_000)
	}
	for range 2 {
		w.mustRecord("school", "short", 300_000) // younger, but over sooner
	}
	w.disk.Size = w.s.Size() + 40_000
	w.mustRecord("square", "street", 300_000)
	if n, m := len(w.entries("school")), len(w.entries("square")); n != 1 || m != 5 || w.told(store.RemovedEarly) != 1 {
		t.Fatalf("left of school %d, of square %d; told %+v", n, m, w.events)
	}
	w.mustRecord("square", "street", 300_000)
	if got := w.entries("square"); len(got) != 5 || got[0].Sequence != 2 || len(w.entries("bridge")) != 1 || len(w.entries("school")) != 1 {
		t.Fatalf("square %d from %d", len(got), got[0].Sequence)
	}
	w.check("square")
	w.reopen()
	if w.told(store.Missing) > 0 {
		t.Fatal("what was removed for space counts as missing")
	}
}

func TestADiskThatIsFullForGoodIsAGap(t *testing.T) {
	w := newSite(t)
	w.mustRecord("square", "street", 100_000)
	w.disk.Size = w.s.Size() + 100_000
	if err := w.record("square", "street", 400_000); !disk.Full(err) {
		t.Fatalf("got %v", err)
	}
	if w.told(store.Full) == 0 {
		t.Error("nobody was told")
	}
	_, gap := w.camera("square").Next()
	if gap == nil || gap.Reason != segment.DiskFull {
		t.Fatalf("gap %+v", gap)
	}
	w.disk.Size = 0
	w.now = w.now.Add(time.Minute)
	w.mustRecord("square", "street", 100)
	w.check("square")
	gaps := w.camera("square").Gaps(start, w.now)
	if len(gaps) != 1 || gaps[0].Reason != segment.DiskFull {
		t.Fatalf("gaps %+v", gaps)
	}
}

func TestMaxBytesAndMinFree(t *testing.T) {
	w := newSite(t)
	w.cfg.MaxBytes = 1_000_000
	w.reopen()
	for range 12 {
		w.mustRecord("square", "street", 200_000)
		if err := w.s.Tend(); err != nil {
			t.Fatal(err)
		}
		if w.s.Size() > w.cfg.MaxBytes {
			t.Fatalf("%d bytes", w.s.Size())
		}
	}
	w.check("square")
	w.cfg.MaxBytes, w.cfg.MinFree, w.disk.Size = 0, 1<<40, 1<<20
	w.reopen()
	if err := w.record("square", "street", 100); !disk.Full(err) {
		t.Fatalf("recorded into what is to stay free: %v", err)
	}
	if n := len(w.entries("square")); n != 1 {
		t.Fatalf("%d segments are left: the last one is, and no other", n)
	}
}
