package spine_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"polity/city"
	"polity/spine"
)

func itoa(n int) string { return strconv.Itoa(n) }

func TestLittleRoomCostsTheArchiveFirst(t *testing.T) {
	t.Parallel()
	k := newKey(t)
	var free atomic.Int64
	free.Store(10 << 20)
	e := startEdge(t, t.TempDir(), "", "edge-1", k, func(c *spine.EdgeConfig) { c.Free = func() (int64, error) { return free.Load(), nil } })
	keep(t, e, spine.Archive, "square", 0, 100)
	keep(t, e, spine.Observation, "square", 0, 10)
	stock := func() spine.Stock {
		s, err := e.Stock(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	waits(t, e, 10)
	if s := stock(); s.Archive != 100 || e.Space() != spine.Roomy {
		t.Fatalf("%+v, %v", s, e.Space())
	}

	free.Store(1<<20 - 1) // below KeepFree
	eventually(t, "the archive shrinks", func() bool { return e.Space() == spine.Shrinking && stock().Archive < 100 })
	if err := e.Keep(t.Context(), spine.Archive, "square", body(spine.Archive, 1)); city.KindOf(err) != city.Unavailable {
		t.Errorf("archived although there is little room: %v", err)
	}
	keep(t, e, spine.Observation, "square", 10, 20) // these still go in
	waits(t, e, 20)

	free.Store(1<<18 - 1) // below a quarter of it
	eventually(t, "the disk counts as full", func() bool { return e.Space() == spine.Full })
	stored := make(chan error, 1)
	go func() {
		stored <- e.Keep(context.Background(), spine.Observation, "square", body(spine.Observation, 20))
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := e.Keep(ctx, spine.Observation, "square", body(spine.Observation, 21)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("stored on a full disk: %v", err)
	}
	free.Store(10 << 20)
	if err := <-stored; err != nil {
		t.Errorf("the one that waited: %v", err)
	}
	eventually(t, "all is well again", func() bool { return e.Space() == spine.Roomy && stock().Waiting == 21 })
	keep(t, e, spine.Archive, "square", 100, 101)
}

// TestDiskThatIsReallyFull fills a small file system to its last byte behind the
// edge's back, so that writes fail where no look at the free space foresaw it.
func TestDiskThatIsReallyFull(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=24m"); err != nil {
		t.Skipf("a small file system cannot be mounted here (%v): run as root to test a full disk", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	k := newKey(t)
	h := startHub(t, t.TempDir(), "127.0.0.1:0", map[city.Slug]keys{"edge-1": k})
	var blind atomic.Bool
	blind.Store(true)
	store := filepath.Join(dir, "store")
	e := startEdge(t, store, h.Listen(), "edge-1", k, func(c *spine.EdgeConfig) {
		c.MaxStore, c.KeepFree = 16<<20, 4<<20
		c.Free = func() (int64, error) {
			if blind.Load() {
				return 100 << 20, nil
			}
			var st syscall.Statfs_t
			err := syscall.Statfs(dir, &st)
			return int64(st.Bavail) * st.Bsize, err
		}
	})
	defer e.Close()
	var s sink
	draw(t, h, "edge-1", &s)
	keep(t, e, spine.Observation, "square", 0, 50)
	ballast := filepath.Join(dir, "ballast")
	fill(t, ballast)

	// Somebody goes on measuring; some of it fits into the last block.
	var stored atomic.Int64
	var done sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	defer done.Wait()
	defer cancel()
	const all = 400
	done.Go(func() {
		for n := 50; n < all; n++ {
			if err := e.Keep(ctx, spine.Observation, "square", body(spine.Observation, n)); err != nil {
				return
			}
			stored.Add(1)
		}
	})
	eventually(t, "a write fails", func() bool { return e.Space() == spine.StoreBroken || stored.Load() == all-50 })
	if stored.Load() == all-50 {
		t.Fatal("the disk was not full")
	}
	blind.Store(false)
	eventually(t, "the edge knows why", func() bool { return e.Space() >= spine.Full })
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	eventually(t, "everything is stored and at the hub", func() bool { return stored.Load() == all-50 && s.count() == all })
	eventually(t, "the disk counts as roomy again", func() bool { return e.Space() == spine.Roomy })
}

func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for block := make([]byte, 4096); ; {
		if _, err := f.Write(block); err != nil {
			if !errors.Is(err, syscall.ENOSPC) {
				t.Fatal(err)
			}
			return
		}
	}
}

func TestStoreIsBoundedAndSaysWhatItLost(t *testing.T) {
	t.Parallel()
	e := startEdge(t, t.TempDir(), "", "edge-1", newKey(t), func(c *spine.EdgeConfig) { c.MaxStore = 256 << 10 })
	keep(t, e, spine.Observation, "square", 0, 4000)
	eventually(t, "it has as much as it may, and says what it lost", func() bool {
		s, err := e.Stock(t.Context())
		return err == nil && s.Bytes <= 256<<10 && s.Lost > 0 && s.Lost+s.Waiting >= 3900
	})
}

// What the hub has of observations is not kept at the edge any longer; events and statements
// are, and so is what the hub does not have.
func TestObservationsThatTheHubHasAreRemoved(t *testing.T) {
	t.Parallel()
	k := newKey(t)
	h := startHub(t, t.TempDir(), "127.0.0.1:0", map[city.Slug]keys{"edge-1": k})
	dir := t.TempDir()
	e := startEdge(t, dir, h.Listen(), "edge-1", k, nil)
	keep(t, e, spine.Observation, "square", 0, 50)
	keep(t, e, spine.Event, "square", 0, 7)
	var s sink
	draw(t, h, "edge-1", &s)
	eventually(t, "the hub has all", func() bool { return s.count() == 57 })
	stock := func() spine.Stock {
		s, err := e.Stock(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	eventually(t, "the observations are removed, and the edge has heard of all", func() bool { s := stock(); return s.Kept == 7 && s.Waiting == 0 })
	if s := stock(); s.Lost != 0 {
		t.Errorf("%+v", s)
	}
	h.Close()
	keep(t, e, spine.Observation, "square", 50, 60)
	time.Sleep(6 * time.Second) // the edge looks meanwhile
	waits(t, e, 10)
	if s := stock(); s.Kept != 17 || s.Lost != 0 {
		t.Errorf("without the hub: %+v", s)
	}
}
