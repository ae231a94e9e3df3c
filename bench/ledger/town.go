package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"polity/bench/harness"
	"polity/city"
	"polity/internal/groupcommit"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/ledger/log"
	"polity/ledger/proof"
	"polity/ledger/roster/rostertest"
	"polity/ledger/witness"
)

// town is a log with its witnesses.
type town struct {
	*rostertest.City
	dir      string
	log      *log.Log
	recorder rostertest.Key
	cancel   context.CancelFunc
	running  sync.WaitGroup
	mu       sync.Mutex
	failed   error // of a witness
}

func begin(ctx context.Context, dir string) (*town, error) {
	t := &town{City: rostertest.New("bench"), dir: filepath.Join(dir, "log"), recorder: rostertest.NewKey("recorder", "bench")}
	key, err := t.Roster.LogVerifier()
	if err != nil {
		return nil, err
	}
	ctx, t.cancel = context.WithCancel(ctx)
	config := log.Config{Dir: t.dir, Signer: t.Log.Signer(), Roster: t.Roster}
	for i, k := range t.Witnesses {
		address, err := t.witness(ctx, k, key, filepath.Join(dir, fmt.Sprint("witness-", i+1)))
		if err != nil {
			return nil, errors.Join(err, t.end())
		}
		config.Witnesses = append(config.Witnesses, log.Witness{Name: city.Slug(fmt.Sprint("witness-", i+1)), URL: "http://" + address})
	}
	if t.log, err = log.Open(config); err != nil {
		return nil, errors.Join(err, t.end())
	}
	return t, nil
}

// witness starts one and returns its address.
func (t *town) witness(ctx context.Context, k rostertest.Key, log note.Verifier, dir string) (string, error) {
	signer, err := witness.ParseSigner(k.Private)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	ready := make(chan string, 1)
	ended := make(chan error, 1)
	t.running.Go(func() {
		err := witness.Run(ctx, witness.Config{
			Key: signer, Logs: []note.Verifier{log}, Folder: dir, Listen: "127.0.0.1:0", Clock: witness.SystemClock(),
			Log: slog.New(slog.DiscardHandler), Ready: func(address string) { ready <- address },
		})
		t.mu.Lock()
		t.failed = errors.Join(t.failed, err)
		t.mu.Unlock()
		ended <- err
	})
	select {
	case address := <-ready:
		return address, nil
	case err := <-ended:
		return "", fmt.Errorf("a witness ended: %w", err)
	}
}

func (t *town) end() (err error) {
	if t.log != nil {
		err = t.log.Close()
	}
	t.cancel()
	t.running.Wait()
	return errors.Join(err, t.failed)
}

// entries are n that differ, signed where they are.
func (t *town) entries(n int) ([]entry.Entry, error) {
	start := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	list := make([]entry.Entry, n)
	for i := range list {
		h := canonical.Sum("bench", fmt.Append(nil, i))
		at := canonical.At(start.Add(time.Duration(i/100) * time.Hour))
		camera := city.Slug(fmt.Sprintf("camera-%d", i%100))
		var key rostertest.Key
		switch {
		case i < 100:
			list[i] = &entry.Registration{At: at, Camera: camera, Edge: "edge-1", Entry: h, FootageHours: 72, From: at, Recorder: public(t.recorder), State: "registered", Until: "2100-01-01T00:00:00Z"}
		case i%10 < 7:
			list[i], key = &entry.Segments{Camera: camera, Count: 600, Domain: t.Roster.Domain, Hour: at, Recorder: public(t.recorder), Root: h}, t.recorder
		case i%10 == 7:
			k := make([]byte, 1216)
			for j := range 38 {
				copy(k[j*32:], h[:])
			}
			list[i], key = &entry.EpochKey{Body: "court", Class: "usual", Day: canonical.Day(at[:10]), Device: "court-1", Kem: "MLKEM768-X25519", Key: k}, t.Devices["court-1"]
		case i%10 == 8:
			list[i] = &entry.Looks{Count: &entry.LooksCount{Body: "safety", Day: "2026-11-30", Do: "look-live", Looks: 1, Minutes: 2, Name: camera, On: "Camera", Purpose: "incident"}, Line: h}
		default:
			list[i] = &entry.Decision{At: at, By: "program", Commitment: h, Outcome: "applied", Service: "traffic"}
		}
		if s, ok := list[i].(entry.Signed); ok {
			if err := entry.Sign(s, key.Key); err != nil {
				return nil, err
			}
		}
	}
	return list, nil
}

func public(k rostertest.Key) []byte { return k.Key[32:] }

// by lets clients take entries one after another.
func by(clients, n int, do func(i int) error) error {
	var wait sync.WaitGroup
	var mu sync.Mutex
	var failed error
	next := 0
	for range clients {
		wait.Go(func() {
			for {
				mu.Lock()
				i := next
				next++
				stop := failed != nil
				mu.Unlock()
				if i >= n || stop {
					return
				}
				if err := do(i); err != nil {
					mu.Lock()
					failed = err
					mu.Unlock()
				}
			}
		})
	}
	wait.Wait()
	return failed
}

// appendAll appends entries, each client one at a time.
func (t *town) appendAll(ctx context.Context, list []entry.Entry, clients int) (time.Duration, error) {
	began := time.Now()
	// Registrations come first, as in life.
	first := min(100, len(list))
	if _, err := t.log.AppendAll(ctx, list[:first]); err != nil {
		return 0, err
	}
	err := by(clients, len(list)-first, func(i int) error {
		_, err := t.log.Append(ctx, list[first+i])
		return err
	})
	return time.Since(began), err
}

// plainly appends the same bytes to one file, with the same waiting for the disk.
func plainly(ctx context.Context, path string, list []entry.Entry, clients int) (time.Duration, error) {
	f, err := os.Create(path) //nolint:gosec // the bench's own folder
	if err != nil {
		return 0, err
	}
	defer f.Close() //nolint:errcheck // what was acknowledged is synced
	q := groupcommit.New(func(group [][]byte) error {
		for _, b := range group {
			if _, err := f.Write(b); err != nil {
				return err
			}
		}
		return f.Sync()
	}, func(error) bool { return false })
	defer q.Close()
	began := time.Now()
	err = by(clients, len(list), func(i int) error {
		data, err := entry.Encode(list[i])
		if err != nil {
			return err
		}
		return q.Do(ctx, append(data, '\n'))
	})
	return time.Since(began), err
}

// public waits until so many entries are public.
func (t *town) public(ctx context.Context, n int64) error {
	for {
		s, err := t.log.State(ctx)
		if err != nil || s.Public >= n {
			return err
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// durations are rising.
type durations []time.Duration

func (d durations) at(share float64) any {
	if len(d) == 0 {
		return nil
	}
	return harness.Rounded(float64(d[min(int(share*float64(len(d))), len(d)-1)].Microseconds())/1000, 0)
}

// waits appends at a pace and measures how long each entry takes until it is public.
func (t *town) waits(ctx context.Context, s settings) (durations, error) {
	n := s.pace * s.seconds
	begun, index := make([]time.Time, n), make([]int64, n)
	var list durations
	var wait sync.WaitGroup
	var mu sync.Mutex
	var failed error
	tick := time.NewTicker(time.Second / time.Duration(s.pace))
	defer tick.Stop()
	published := make(chan struct{})
	seen := map[int64]time.Time{} // sizes, and when they were public
	var sizes []int64
	go func() {
		defer close(published)
		for last := int64(0); ; {
			c, err := t.log.Checkpoint()
			if err == nil && c.Size > last {
				last = c.Size
				seen[last] = time.Now()
				sizes = append(sizes, last)
			}
			if err == nil && c.Size >= int64(s.entries+n) || pause(ctx, 5*time.Millisecond) != nil {
				return
			}
		}
	}()
	for i := range n {
		<-tick.C
		begun[i] = time.Now()
		wait.Go(func() {
			e := &entry.Decision{At: canonical.At(begun[i]), By: "person", Commitment: canonical.Sum("pace", fmt.Append(nil, i)), Outcome: "accepted", Service: "traffic"}
			at, err := t.log.Append(ctx, e)
			mu.Lock()
			index[i], failed = at, errors.Join(failed, err)
			mu.Unlock()
		})
	}
	wait.Wait()
	if failed != nil {
		return nil, failed
	}
	<-published
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for i := range n {
		j, _ := slices.BinarySearch(sizes, index[i]+1)
		list = append(list, seen[sizes[j]].Sub(begun[i]))
	}
	slices.Sort(list)
	return list, nil
}

// half is the tree of the first half of the log.
func (t *town) half(ctx context.Context, entries int64) (tlog.Tree, error) {
	source, err := proof.Folder(t.dir)
	if err != nil {
		return tlog.Tree{}, err
	}
	var p proof.Peaks
	var failed error
	_, err = proof.Verify(ctx, source, t.Roster, proof.Options{NoSignatures: true, Each: func(i int64, e entry.Entry) {
		if i < entries/2 {
			data, err := canonical.Encode(e)
			failed = errors.Join(failed, err)
			p.Add(tlog.RecordHash(data))
		}
	}})
	return tlog.Tree{N: p.N(), Hash: p.Root()}, errors.Join(err, failed)
}

func bytesIn(dir string) (sum int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			sum += info.Size()
		}
		return err
	})
	return sum, err
}

func cpu() (time.Duration, error) {
	var u syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), err
}
