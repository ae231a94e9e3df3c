package edge

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"polity/city"
	"polity/ledger/entry"
	"polity/recording/recorder"
	"polity/recording/segment"
	"polity/recording/share"
	"polity/recording/store"
)

// alarmed is an edge's alarms as a test hears them, with its clock.
type alarmed struct {
	*alarms

	t    *testing.T
	said []string // what and about
	at   time.Time
}

func newAlarmed(t *testing.T, path string, at time.Time) *alarmed {
	t.Helper()
	w := &alarmed{t: t, at: at}
	e := &edge{cfg: Config{Name: "edge-1", Data: filepath.Dir(path)}, log: slog.New(slog.DiscardHandler), now: func() time.Time { return w.at }, carry: newCarry(t.TempDir())}
	a, err := openAlarms(e)
	if err != nil {
		t.Fatal(err)
	}
	a.say = func(name string, s entry.Entry) error {
		if _, err := entry.Encode(s); err != nil {
			t.Errorf("the log refuses %s: %v", name, err)
		}
		x, ok := s.(*entry.Alarm)
		if !ok || x.Edge != "edge-1" {
			t.Fatalf("%+v", s)
		}
		w.said = append(w.said, string(x.What)+" "+string(x.Camera)+string(x.Body))
		return nil
	}
	w.alarms = a
	return w
}

func (w *alarmed) want(said ...string) {
	w.t.Helper()
	if !slices.Equal(w.said, said) {
		w.t.Fatalf("said %q, want %q", w.said, said)
	}
	w.said = nil
}

// daysOfKeys has keys of each body for so many days.
type daysOfKeys struct {
	from time.Time
	days map[share.Body]int
}

func (d *daysOfKeys) Key(_ context.Context, body share.Body, _ city.Slug, on string) (share.EpochKey, error) {
	at, err := time.Parse(time.DateOnly, on)
	if err != nil || at.Sub(d.from) >= time.Duration(d.days[body])*dayLength {
		return share.EpochKey{}, city.Errorf(city.NotFound, "none")
	}
	return share.EpochKey{}, nil
}

func (w *alarmed) looks(keys share.KeySource, minutes int) {
	for range minutes {
		w.look(w.t.Context(), keys, []city.Slug{"short"})
		w.at = w.at.Add(time.Minute)
	}
}

func TestKeysRunShort(t *testing.T) {
	start := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	path := filepath.Join(t.TempDir(), "alarms.json")
	w := newAlarmed(t, path, start)
	keys := &daysOfKeys{start.Truncate(dayLength), map[share.Body]int{share.Court: 90, share.Ombudsman: 31}}
	w.looks(keys, 5)
	w.want()
	keys.days[share.Ombudsman] = 30
	w.looks(keys, 1)
	w.want() // proofs may be under way
	w.looks(keys, 30)
	w.want("epoch-keys-few ombudsman")
	w = newAlarmed(t, path, w.at) // what was told is told once, over restarts too
	w.looks(keys, 5)
	w.want()
	keys.days[share.Ombudsman] = 0
	w.looks(keys, 5)
	w.want("epoch-keys-none ombudsman")
	keys.days[share.Ombudsman] = 3
	w.looks(keys, 5)
	w.want()
	keys.days[share.Ombudsman] = 90
	w.looks(keys, 2)
	keys.days[share.Ombudsman] = 29
	w.looks(keys, 5)
	w.want("epoch-keys-few ombudsman")
}

func TestRecordingStopsAndGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alarms.json")
	w := newAlarmed(t, path, time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC))
	none := &daysOfKeys{w.at, map[share.Body]int{share.Court: 90, share.Ombudsman: 90}}
	records := func(minutes int) {
		for range minutes {
			w.recorded("square", "short")
			w.at = w.at.Add(time.Minute)
		}
	}
	records(10)
	w.stopped("square", "short", segment.NoPicture)
	w.stopped("square", "short", segment.Started)
	w.stopped("square", "short", segment.TooSlow)
	w.want() // told of elsewhere
	w.stopped("square", "short", segment.DiskFull)
	w.stopped("square", "short", segment.DiskFull)
	w.want("disk-full square")
	records(4) // a disk at its limit takes some
	w.stopped("square", "short", segment.DiskFull)
	w.want()
	w.stopped("square", "short", segment.DiskFailed)
	w.want("disk-failed square")
	w = newAlarmed(t, path, w.at)
	w.stopped("square", "short", segment.DiskFailed)
	w.want()
	records(8)
	w.want("recording-resumed square")
	records(8)
	w.want()
	w.stopped("square", "short", segment.ClockBack)
	w.want("clock square")
	records(8)
	w.want("recording-resumed square")

	w.stopped("square", "short", segment.NoEpochKey)
	w.want() // proofs may be under way
	records(1)
	w.looks(none, 3)
	w.want()
	w.stopped("square", "short", segment.NoEpochKey)
	w.looks(none, 3)
	w.want("recording-stopped square")
}

// brokenPlace takes what a test lets it take.
type brokenPlace struct{ begin, commit error }

func (b *brokenPlace) Next() (store.Head, *store.Gap, error) { return store.Head{}, nil, nil }
func (b *brokenPlace) Stop(segment.Gap, time.Time) error     { return nil }
func (b *brokenPlace) Begin() (recorder.Pending, error)      { return b, b.begin }
func (b *brokenPlace) Write(p []byte) (int, error)           { return len(p), nil }
func (b *brokenPlace) Commit() error                         { return b.commit }
func (b *brokenPlace) Abort(segment.Gap) error               { return nil }

func TestWhatTheDiskSaysIsHeard(t *testing.T) {
	full, failed := &brokenPlace{}, errors.New("input/output error")
	w := newAlarmed(t, filepath.Join(t.TempDir(), "alarms.json"), time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC))
	p := &place{full, w.alarms, "square", "short"}
	full.begin = syscall.ENOSPC
	if _, err := p.Begin(); !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	w.want("disk-full square")
	full.begin, full.commit = nil, failed
	pending, err := p.Begin()
	if err != nil || !errors.Is(pending.Commit(), failed) {
		t.Fatal(err)
	}
	w.want("disk-failed square")
	full.commit = nil
	for range 7 {
		pending, err = p.Begin()
		if err != nil || pending.Commit() != nil {
			t.Fatal(err)
		}
		w.at = w.at.Add(time.Minute)
	}
	w.want("recording-resumed square")
	if pending, err = p.Begin(); err != nil || pending.Abort(segment.DiskFull) != nil {
		t.Fatal(err)
	}
	w.want("disk-full square")
	if err := p.Stop(segment.BadStream, w.at); err != nil {
		t.Fatal(err)
	}
	w.want("recording-stopped square")
}
