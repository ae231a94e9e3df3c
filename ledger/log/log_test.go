package log_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"polity/city"
	"polity/internal/attack"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/ledger/log"
	"polity/ledger/log/logtest"
	"polity/ledger/proof"
)

// decision is the nth of entries that differ.
func decision(n int) entry.Entry {
	return &entry.Decision{At: "2026-12-01T14:00:00Z", By: "person", Commitment: canonical.Sum("test", fmt.Append(nil, n)), Outcome: "accepted", Service: "traffic"}
}

func open(t *testing.T, c log.Config) *log.Log {
	t.Helper()
	l, err := log.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func add(t *testing.T, l *log.Log, e entry.Entry, want int64) {
	t.Helper()
	index, err := l.Append(t.Context(), e)
	if err != nil || index != want {
		t.Fatalf("index %d, %v; want %d", index, err, want)
	}
}

// public waits until a number of entries is public; the test's own limit ends it.
func public(t *testing.T, l *log.Log, n int64) log.State {
	t.Helper()
	for ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute); ; {
		s, err := l.State(ctx)
		if err != nil || s.Public >= n {
			cancel()
			if err != nil {
				t.Fatalf("waiting for %d public entries: %v", n, err)
			}
			return s
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func verify(t *testing.T, town *logtest.Town) *proof.Report {
	t.Helper()
	source, err := proof.Folder(town.Config.Dir)
	if err != nil {
		t.Fatal(err)
	}
	r, err := proof.Verify(t.Context(), source, town.Roster, proof.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestEntriesStandInTheLogOnce(t *testing.T) {
	town := logtest.New(t, t.TempDir())
	l := open(t, town.Config)
	const n = 600 // more than two tiles
	indexes := make([]int64, n)
	var wait sync.WaitGroup
	for i := range n {
		wait.Go(func() {
			for range 2 { // each twice
				index, err := l.Append(t.Context(), decision(i))
				if err != nil {
					t.Error(err)
				}
				indexes[i] = index
			}
		})
	}
	wait.Wait()
	s := public(t, l, n)
	if s.Size != n || s.Published.IsZero() || !s.Waiting.IsZero() {
		t.Errorf("state %+v", s)
	}
	slices.Sort(indexes)
	if len(slices.Compact(indexes)) != n || indexes[n-1] != n-1 {
		t.Errorf("%d entries have other indexes: %v...", n, indexes[:10])
	}
	if r := verify(t, town); len(r.Problems) > 0 || r.Entries != n || r.Checkpoint == nil {
		t.Errorf("report %+v", r)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = open(t, town.Config)
	if index, err := l.Append(t.Context(), decision(n/2)); err != nil || index >= n {
		t.Errorf("after a restart the same entry is at %d, %v", index, err)
	}
	add(t, l, decision(n), n)
}

func TestEntriesAreReadInOrder(t *testing.T) {
	town := logtest.New(t, t.TempDir())
	l := open(t, town.Config)
	var list []entry.Entry
	for n := range 300 { // over the end of a bundle
		list = append(list, decision(n))
	}
	if _, err := l.AppendAll(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	want := int64(250)
	next, err := l.Entries(t.Context(), want, func(index int64, data []byte) error {
		text, err := entry.Encode(list[index])
		if err != nil || index != want || string(text) != string(data) {
			t.Fatalf("entry %d is %s, %v; want %d", index, data, err, want)
		}
		want++
		return nil
	})
	if err != nil || next != 300 || want != 300 {
		t.Fatalf("read up to %d of %d, %v", next, want, err)
	}
	enough := errors.New("enough")
	if next, err = l.Entries(t.Context(), 10, func(index int64, _ []byte) error {
		if index == 20 {
			return enough
		}
		return nil
	}); next != 20 || !errors.Is(err, enough) {
		t.Fatalf("stopped at %d, %v", next, err)
	}
	if next, err = l.Entries(t.Context(), 300, func(int64, []byte) error { return enough }); next != 300 || err != nil {
		t.Fatalf("behind the end: %d, %v", next, err)
	}
}

func TestOrderOfSeveral(t *testing.T) {
	town := logtest.New(t, t.TempDir())
	l := open(t, town.Config)
	list := []entry.Entry{decision(1), decision(2), decision(1), decision(3)}
	got, err := l.AppendAll(t.Context(), list)
	if err != nil || !slices.Equal(got, []int64{0, 1, 0, 2}) {
		t.Errorf("indexes %v, %v", got, err)
	}
	wrong := append(slices.Clone(list), &entry.Decision{})
	if _, err := l.AppendAll(t.Context(), append([]entry.Entry{decision(9)}, wrong...)); err == nil {
		t.Error("a wrong entry among right ones is taken")
	}
	add(t, l, decision(4), 3) // nothing of the wrong list was written
}

func TestNothingIsPublicWithoutAQuorum(t *testing.T) {
	town := logtest.New(t, t.TempDir())
	for _, w := range town.Witnesses[1:] {
		w.SetDown(true)
	}
	l := open(t, town.Config)
	add(t, l, decision(1), 0)
	before := town.Witnesses[0].Asked()
	for town.Witnesses[0].Asked() < before+3 {
		time.Sleep(10 * time.Millisecond)
	}
	if _, err := l.Checkpoint(); city.KindOf(err) != city.NotFound {
		t.Errorf("a checkpoint is public that one of three witnesses cosigned: %v", err)
	}
	s, err := l.State(t.Context())
	for end := time.Now().Add(time.Minute); err == nil && s.Witnesses[0].Problem != "" && time.Now().Before(end); { // one that begins is told of the size that it knows
		time.Sleep(10 * time.Millisecond)
		s, err = l.State(t.Context())
	}
	if err != nil || s.Size != 1 || s.Public != 0 || s.Waiting.IsZero() || s.Witnesses[0].Problem != "" || s.Witnesses[1].Problem == "" {
		t.Errorf("state %+v, %v", s, err)
	}
	town.Witnesses[2].SetDown(false)
	public(t, l, 1)
	if r := verify(t, town); len(r.Problems) > 0 {
		t.Errorf("problems %v", r.Problems)
	}
}

func TestAttackPersonalDataInLog(t *testing.T) {
	attack.Tell(t, "personal-data-in-log",
		"Names, a plate, a mail address and a sentence are appended as service, camera, body, class, device and word; then a plate, a telephone number and a position that somebody registered as names of cameras.",
		"No type of entry has room for text; names have to be registered or rostered and look like no plate, number or position, words stand on a list, and nothing refused reaches a disk.")
	town := logtest.New(t, t.TempDir())
	registered := map[entry.Named]bool{{Kind: entry.Service, Name: "traffic"}: true, {Kind: entry.Camera, Name: "square"}: true}
	smuggled := []city.Slug{"abc-123", "tel-0401234567", "n6017-e2494"} // somebody of the city registered cameras of these names
	for _, name := range smuggled {
		registered[entry.Named{Kind: entry.Camera, Name: name}] = true
	}
	town.Config.Names = func(n entry.Named) error {
		if !registered[n] {
			return city.Errorf(city.NotFound, "not registered")
		}
		return nil
	}
	l := open(t, town.Config)
	add(t, l, decision(1), 0)
	for name, e := range map[string]entry.Entry{
		"a person's name as a service":   &entry.Decision{At: "2026-12-01T14:00:00Z", By: "person", Outcome: "accepted", Service: "matti-virtanen"},
		"a person's name as a camera":    &entry.Alarm{At: "2026-12-01T14:00:00Z", Camera: "matti-virtanen", What: "clock"},
		"a plate as a camera":            &entry.Alarm{At: "2026-12-01T14:00:00Z", Camera: "abc-123", What: "clock"},
		"an address of mail as a camera": &entry.Alarm{At: "2026-12-01T14:00:00Z", Camera: "matti@example.com", What: "clock"},
		"a sentence as a word":           &entry.Alarm{At: "2026-12-01T14:00:00Z", What: "Matti walked by"},
		"a body that nobody knows":       &entry.Alarm{At: "2026-12-01T14:00:00Z", Body: "matti", What: "clock"},
		"a class that nobody knows":      &entry.Retention{At: "2026-12-01T14:00:00Z", Camera: "square", Class: "matti", Hours: 1},
		"a device that nobody knows":     &entry.Audit{At: "2026-12-01T14:00:00Z", Body: "court", Device: "matti", Week: "2026-W49", Signature: make([]byte, 64)},
	} {
		_, err := l.Append(t.Context(), e)
		if city.KindOf(err) != city.Invalid {
			t.Errorf("%s: %v", name, err)
		} else if strings.Contains(err.Error(), "atti") && name != "a device that nobody knows" {
			t.Errorf("%s: the refusal repeats it: %v", name, err)
		}
	}
	for _, name := range smuggled {
		if _, err := l.Append(t.Context(), &entry.Alarm{At: "2026-12-01T14:00:00Z", Camera: name, What: "clock"}); city.KindOf(err) != city.Invalid {
			t.Errorf("%s, which is registered: %v", name, err)
		}
	}
	public(t, l, 1)
	err := filepath.WalkDir(town.Config.Dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path) //nolint:gosec // the test's folder
		if strings.Contains(string(data), "atti") || slices.ContainsFunc(smuggled, func(n city.Slug) bool { return strings.Contains(string(data), string(n)) }) {
			t.Errorf("%s holds what was refused", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestOneProcessAppends(t *testing.T) {
	town := logtest.New(t, t.TempDir())
	open(t, town.Config)
	if l, err := log.Open(town.Config); city.KindOf(err) != city.Conflict {
		t.Errorf("a second one opens: %v, %v", l, err)
	}
}

func TestConfigurationsThatAreRefused(t *testing.T) {
	for want, change := range map[string]func(*log.Config){
		"private key is not that": func(c *log.Config) { c.Signer = logtest.New(t, "").Witnesses[0].Signer },
		"addresses of 1":          func(c *log.Config) { c.Witnesses = c.Witnesses[:1] },
		"not in roster":           func(c *log.Config) { c.Witnesses[0].Name = "stranger" },
		"write one such as":       func(c *log.Config) { c.Witnesses[0].URL = "witness.example" },
		"two witnesses":           func(c *log.Config) { c.Witnesses[0].URL = c.Witnesses[1].URL },
	} {
		town := logtest.New(t, t.TempDir())
		change(&town.Config)
		if _, err := log.Open(town.Config); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q", err, want)
		}
	}
}

func TestTheClockGoesBack(t *testing.T) {
	town := logtest.New(t, t.TempDir())
	l := open(t, town.Config)
	add(t, l, decision(1), 0)
	public(t, l, 1)
	path := filepath.Join(town.Config.Dir, "checkpoint")
	ahead := time.Now().Add(24 * time.Hour) // as if the clock had been a day ahead until now
	if err := os.Chtimes(path, ahead, ahead); err != nil {
		t.Fatal(err)
	}
	add(t, l, decision(2), 1)
	public(t, l, 2)
}

func TestADiskThatFails(t *testing.T) {
	town := logtest.New(t, t.TempDir())
	l := open(t, town.Config)
	add(t, l, decision(1), 0)
	public(t, l, 1)
	entries := filepath.Join(town.Config.Dir, "tile", "entries")
	if err := os.Rename(entries, entries+".away"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(entries, nil, 0o600); err != nil { // nothing can be written below it
		t.Fatal(err)
	}
	if _, err := l.Append(t.Context(), decision(2)); city.KindOf(err) != city.Unavailable {
		t.Errorf("an entry that is on no disk is acknowledged: %v", err)
	}
	if s, err := l.State(t.Context()); err != nil || s.Problem == "" {
		t.Errorf("state %+v, %v", s, err)
	}
	if err := os.Remove(entries); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(entries+".away", entries); err != nil {
		t.Fatal(err)
	}
	add(t, l, decision(2), 1)
	public(t, l, 2)
	if r := verify(t, town); len(r.Problems) > 0 || r.Entries != 2 {
		t.Errorf("report %+v", r)
	}
}

func TestAFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=2m"); err != nil {
		t.Skipf("a small file system cannot be mounted here (%v): run as root to test a full disk", err)
	}
	town := logtest.New(t, filepath.Join(dir, "log"))
	l, err := log.Open(town.Config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := errors.Join(l.Close(), syscall.Unmount(dir, syscall.MNT_DETACH)); err != nil {
			t.Error(err)
		}
	}()
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	var full error
	n := int64(0)
	for ; full == nil && n < 100_000; n++ {
		_, full = l.Append(t.Context(), decision(int(n)))
	}
	n-- // the last one is on no disk
	if city.KindOf(full) != city.Unavailable || !strings.Contains(full.Error(), "no space left") {
		t.Fatalf("after %d entries: %v", n, full)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	add(t, l, decision(int(n)), n)
	public(t, l, n+1)
	if r := verify(t, town); len(r.Problems) > 0 || r.Entries != n+1 {
		t.Errorf("report %+v", r)
	}
	unique(t, town)
}

func TestAnOlderBackupIsNotGoneOnWith(t *testing.T) {
	town := logtest.New(t, t.TempDir())
	l := open(t, town.Config)
	add(t, l, decision(1), 0)
	public(t, l, 1)
	backup := filepath.Join(t.TempDir(), "backup")
	if err := os.CopyFS(backup, os.DirFS(town.Config.Dir)); err != nil {
		t.Fatal(err)
	}
	add(t, l, decision(2), 1)
	add(t, l, decision(3), 2)
	public(t, l, 3)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}

	// The whole folder from the backup: the witnesses remember more than it has.
	town.Config.Dir = backup
	l = open(t, town.Config)
	add(t, l, decision(4), 1) // where another entry was published
	asked := town.Witnesses[0].Asked()
	for town.Witnesses[0].Asked() < asked+4 {
		time.Sleep(10 * time.Millisecond)
	}
	s, err := l.State(t.Context())
	told := slices.ContainsFunc(s.Witnesses, func(w log.WitnessState) bool { return strings.Contains(w.Problem, "older backup") }) // two of three make a quorum
	if err != nil || s.Public != 1 || !told {
		t.Errorf("state %+v, %v", s, err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}

	// The backup under the newest checkpoint: it does not open.
	town = logtest.New(t, t.TempDir())
	l = open(t, town.Config)
	add(t, l, decision(1), 0)
	public(t, l, 1)
	state := filepath.Join(town.Config.Dir, ".state", "treeState")
	old, err := os.ReadFile(state)
	if err != nil {
		t.Fatal(err)
	}
	add(t, l, decision(2), 1)
	public(t, l, 2)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(state, old, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := log.Open(town.Config); err == nil || !strings.Contains(err.Error(), "older backup") {
		t.Errorf("opened: %v", err)
	}

	// A copy without the hidden folder, and without a checkpoint to say what is missing.
	if err := errors.Join(os.RemoveAll(filepath.Dir(state)), os.Remove(filepath.Join(town.Config.Dir, "checkpoint"))); err != nil {
		t.Fatal(err)
	}
	if _, err := log.Open(town.Config); city.KindOf(err) != city.Invalid || !strings.Contains(err.Error(), ".state") {
		t.Errorf("a copy without its state is begun anew: %v", err)
	}
}

// unique says that no two roots of one size were ever cosigned.
func unique(t *testing.T, town *logtest.Town) {
	t.Helper()
	all := map[int64]tlog.Hash{}
	for _, w := range town.Witnesses {
		for n, h := range w.Signed() {
			if other, ok := all[n]; ok && other != h {
				t.Errorf("two roots of size %d were cosigned", n)
			}
			all[n] = h
		}
	}
}
