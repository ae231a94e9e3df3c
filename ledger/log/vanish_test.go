package log_test

import (
	"context"
	"errors"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"

	"polity/city"
	"polity/ledger/entry"
	"polity/ledger/log"
	"polity/ledger/log/logtest"
)

// unwell waits until the log says by itself what is wrong with its disk, or that nothing is.
func unwell(t *testing.T, l *log.Log, want bool) log.State {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		s, err := l.State(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if (s.Problem != "") == want {
			return s
		}
		if time.Now().After(end) {
			t.Fatalf("problem %q; want one: %t", s.Problem, want)
		}
	}
}

// TestTheFolderVanishes moves the log's folder away under a running log, whole or a part of
// it, and brings it back.
func TestTheFolderVanishes(t *testing.T) {
	for _, gone := range []string{"", ".state", "tile", ".state/treeState"} {
		t.Run("log/"+gone, func(t *testing.T) {
			town := logtest.New(t, filepath.Join(t.TempDir(), "log"))
			l := open(t, town.Config)
			add(t, l, decision(1), 0)
			add(t, l, decision(2), 1)
			public(t, l, 2)
			path := filepath.Join(town.Config.Dir, gone)
			away := filepath.Join(t.TempDir(), "away")
			if err := os.Rename(path, away); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				if _, err := l.Append(t.Context(), decision(3)); city.KindOf(err) != city.Unavailable || !strings.Contains(err.Error(), town.Config.Dir) {
					t.Fatalf("an entry without a folder: %v", err)
				}
			}
			if s := unwell(t, l, true); s.Size != 2 || s.Public != 2 {
				t.Errorf("state %+v", s)
			}
			if err := os.RemoveAll(path); err != nil { // whatever was written meanwhile
				t.Fatal(err)
			}
			if err := os.Rename(away, path); err != nil {
				t.Fatal(err)
			}
			add(t, l, decision(3), 2)
			public(t, l, 3)
			unwell(t, l, false)
			if r := verify(t, town); len(r.Problems) > 0 || r.Entries != 3 {
				t.Errorf("report %+v", r)
			}
			unique(t, town)
		})
	}
}

// TestTheDiskComesBack unmounts the log's disk and mounts it again: the files are the same
// ones, on another file system than the running log began with.
func TestTheDiskComesBack(t *testing.T) {
	base := t.TempDir()
	at, copied := filepath.Join(base, "disk"), filepath.Join(base, "copied")
	if err := os.Mkdir(at, 0o700); err != nil {
		t.Fatal(err)
	}
	mount := func() {
		if err := syscall.Mount("tmpfs", at, "tmpfs", 0, "size=4m"); err != nil {
			t.Skipf("a small file system cannot be mounted here (%v): run as root to take a disk away", err)
		}
	}
	mount()
	defer func() { _ = syscall.Unmount(at, syscall.MNT_DETACH) }() //nolint:errcheck // it may be gone
	town := logtest.New(t, filepath.Join(at, "log"))
	l, err := log.Open(town.Config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }() //nolint:errcheck // the test closes it
	handler := l.Handler()
	get := func(path string) (int, string) {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", path, nil))
		body, err := io.ReadAll(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		return w.Code, string(body)
	}
	add(t, l, decision(1), 0)
	public(t, l, 1)
	if err := errors.Join(os.CopyFS(copied, os.DirFS(at)), syscall.Unmount(at, syscall.MNT_DETACH)); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(t.Context(), decision(2)); city.KindOf(err) != city.Unavailable {
		t.Fatalf("without a disk: %v", err)
	}
	unwell(t, l, true)
	if status, _ := get("/checkpoint"); status != 503 {
		t.Errorf("without a disk the checkpoint is answered with %d", status)
	}
	mount()
	if err := os.CopyFS(at, os.DirFS(copied)); err != nil {
		t.Fatal(err)
	}
	add(t, l, decision(2), 1)
	public(t, l, 2)
	unwell(t, l, false)
	if status, text := get("/checkpoint"); status != 200 || !strings.Contains(text, "\n2\n") {
		t.Errorf("the checkpoint is %d %s", status, text)
	}
	if second, err := log.Open(town.Config); city.KindOf(err) != city.Conflict {
		t.Errorf("on the disk that came back a second process may append: %v, %v", second, err)
	}
	if r := verify(t, town); len(r.Problems) > 0 || r.Entries != 2 {
		t.Errorf("report %+v", r)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// TestAnOlderFolderComesBack puts an older copy, an empty folder and another log's in the
// place of a running log's: it does not go on with any of them.
func TestAnOlderFolderComesBack(t *testing.T) {
	town := logtest.New(t, filepath.Join(t.TempDir(), "log"))
	l := open(t, town.Config)
	add(t, l, decision(1), 0)
	public(t, l, 1)
	older := snapshot(t, town.Config.Dir)
	add(t, l, decision(2), 1)
	public(t, l, 2)
	other := logtest.New(t, t.TempDir())
	o := open(t, other.Config)
	for n := range 3 {
		add(t, o, decision(10+n), int64(n))
	}
	public(t, o, 3)
	empty := t.TempDir()
	away := filepath.Join(t.TempDir(), "away")
	if err := os.Rename(town.Config.Dir, away); err != nil {
		t.Fatal(err)
	}
	for name, dir := range map[string]string{"an older copy": older, "an empty folder": empty, "another log": other.Config.Dir} {
		if err := os.CopyFS(town.Config.Dir, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		if index, err := l.Append(t.Context(), decision(3)); city.KindOf(err) != city.Unavailable {
			t.Errorf("%s is gone on with: %d, %v", name, index, err)
		}
		if s := unwell(t, l, true); s.Size != 2 {
			t.Errorf("%s: state %+v", name, s)
		}
		if err := os.RemoveAll(town.Config.Dir); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Rename(away, town.Config.Dir); err != nil {
		t.Fatal(err)
	}
	add(t, l, decision(3), 2)
	public(t, l, 3)
	if r := verify(t, town); len(r.Problems) > 0 || r.Entries != 3 {
		t.Errorf("report %+v", r)
	}
	unique(t, town)
}

// TestWithoutFileDescriptors has no file opened any more: the log says so and goes on after.
func TestWithoutFileDescriptors(t *testing.T) {
	town := logtest.New(t, t.TempDir())
	l := open(t, town.Config)
	add(t, l, decision(1), 0)
	public(t, l, 1)
	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 3, Max: was.Max}); err != nil {
		t.Fatal(err)
	}
	_, none := l.Append(t.Context(), decision(2))
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	if city.KindOf(none) != city.Unavailable {
		t.Errorf("without a file descriptor: %v", none)
	}
	add(t, l, decision(2), 1)
	public(t, l, 2)
}

// TestTilesThatWholeOnesReplaceGo looks at the disk of a log that grew over many tiles.
func TestTilesThatWholeOnesReplaceGo(t *testing.T) {
	town := logtest.New(t, t.TempDir())
	l := open(t, town.Config)
	for n := range int64(300) {
		add(t, l, decision(int(n)), n)
	}
	public(t, l, 300)
	swept := filepath.Join(town.Config.Dir, ".state", "gcState")
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(swept); err == nil {
			break
		}
	}
	for name, want := range map[string]bool{"tile/0/000.p": false, "tile/entries/000.p": false, "tile/0/000": true, "tile/0/001.p": true, "tile/1/000.p": true} {
		if _, err := os.Stat(filepath.Join(town.Config.Dir, name)); (err == nil) != want {
			t.Errorf("%s: %v; want it there: %t", name, err, want)
		}
	}
	if r := verify(t, town); len(r.Problems) > 0 || r.Entries != 300 {
		t.Errorf("report %+v", r)
	}
}

// TestATesseraLogIsGoneOnWith opens a folder that transparency-dev/tessera itself wrote.
func TestATesseraLogIsGoneOnWith(t *testing.T) {
	town := logtest.New(t, t.TempDir())
	driver, err := posix.New(t.Context(), posix.Config{Path: town.Config.Dir})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	appender, stop, _, err := tessera.NewAppender(ctx, driver, tessera.NewAppendOptions().WithCheckpointSigner(town.Config.Signer).WithBatching(256, 5*time.Millisecond).WithCheckpointInterval(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	var last tessera.IndexFuture
	for n := range 300 {
		data, err := entry.Encode(decision(n))
		if err != nil {
			t.Fatal(err)
		}
		last = appender.Add(ctx, tessera.NewEntry(data))
	}
	if at, err := last(); err != nil || at.Index != 299 {
		t.Fatalf("the last is at %d, %v", at.Index, err)
	}
	if err := stop(ctx); err != nil {
		t.Fatal(err)
	}
	cancel()
	l := open(t, town.Config)
	add(t, l, decision(7), 7)
	add(t, l, decision(300), 300)
	public(t, l, 301)
	if r := verify(t, town); len(r.Problems) > 0 || r.Entries != 301 {
		t.Errorf("report %+v", r)
	}
}
