package sqlite_test

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"polity/city"
	"polity/plane"
	"polity/plane/sqlite"
)

// writerArg makes this binary a program that writes into the file of its second
// argument and says on standard output what was acknowledged, until it is killed.
const writerArg = "write-until-killed"

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == writerArg {
		writeUntilKilled(os.Args[2])
	}
	os.Exit(m.Run())
}

func writeUntilKilled(path string) {
	s, err := sqlite.Open(context.Background(), path, sqlite.Config{})
	if err != nil {
		panic(err)
	}
	var next atomic.Int64
	var mu sync.Mutex
	for range 8 {
		go func() {
			for {
				n := next.Add(1)
				id := fmt.Sprintf("urn:x:%d-%d", os.Getpid(), n)
				if _, err := s.Write(context.Background(), &plane.Batch{
					Changes:      []plane.Change{plane.Create(thing(id))},
					Observations: []plane.Observation{{Series: plane.Series{Key: plane.Key{ID: "urn:x:series"}, Attribute: "n"}, Start: time.UnixMilli(int64(os.Getpid())*1e6 + n)}},
				}); err != nil {
					panic(err)
				}
				mu.Lock()
				fmt.Println(id)
				mu.Unlock()
			}
		}()
	}
	select {}
}

func thing(id string) *plane.Entity {
	return &plane.Entity{Key: plane.Key{ID: id}, Types: []string{"T"}, Attributes: []plane.Attribute{{Name: "n", Kind: plane.Property, Value: json.RawMessage(`1`)}}}
}

func open(t *testing.T, path string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path, sqlite.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestWhatWasAcknowledgedSurvivesKills(t *testing.T) {
	path := filepath.Join(t.TempDir(), "city.db")
	var acknowledged []string
	for round := range 4 {
		cmd := exec.Command(os.Args[0], writerArg, path)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewReader(out)
		for n := 0; ; n++ {
			line, err := lines.ReadString('\n')
			if err != nil {
				break
			}
			acknowledged = append(acknowledged, strings.TrimSpace(line))
			if n == 50+40*round {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = cmd.Wait()
	}
	s := open(t, path)
	for _, id := range acknowledged {
		if _, err := s.Entity(t.Context(), plane.Key{ID: id}); err != nil {
			t.Errorf("acknowledged and lost: %v", err)
		}
	}
	p, err := s.Find(t.Context(), plane.Query{Types: []string{"T"}, Count: true})
	if err != nil {
		t.Fatal(err)
	}
	observed := int64(0)
	if err := s.History(t.Context(), plane.HistoryQuery{Key: plane.Key{ID: "urn:x:series"}}, func(plane.Observation) error { observed++; return nil }); err != nil {
		t.Fatal(err)
	}
	if len(acknowledged) < 300 || observed != p.Total || p.Total < int64(len(acknowledged)) {
		t.Errorf("%d acknowledged, %d entities, %d observations of the same batches", len(acknowledged), p.Total, observed)
	}
}

func TestCommitsAreSynced(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "city.db"))
	if mode, sync := s.Durability(t.Context()); mode != "wal" || sync != 2 {
		t.Errorf("journal_mode %s, synchronous %d; want wal and 2 (FULL)", mode, sync)
	}
}

func TestFilesThatAreNotOurs(t *testing.T) {
	dir := t.TempDir()
	ours := filepath.Join(dir, "ours.db")
	open(t, ours)
	change := func(name, statement string) string {
		path := filepath.Join(dir, name)
		if name != "foreign.db" {
			b, err := os.ReadFile(closedCopy(t, dir))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
		return path
	}
	text := filepath.Join(dir, "text.db")
	if err := os.WriteFile(text, []byte(strings.Repeat("this is no database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, says := range map[string]string{
		change("newer.db", "PRAGMA user_version = 99"):          "a newer Polity",
		change("other.db", "UPDATE migration SET digest = 'x'"): "another program",
		change("id.db", "PRAGMA application_id = 7"):            "not one of Polity's",
		change("foreign.db", "CREATE TABLE somebody (x)"):       "not one of Polity's",
		text:                                     "damaged or no database",
		filepath.Join(dir, "nowhere", "city.db"): "city.db",
	} {
		if s, err := sqlite.Open(t.Context(), path, sqlite.Config{}); err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), filepath.Base(path)) {
			t.Errorf("%s: %v, %v", path, s, err)
		}
	}
}

// closedCopy makes a closed file of ours.
func closedCopy(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "closed.db")
	s, err := sqlite.Open(t.Context(), path, sqlite.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFullDiskRefusesAndRecovers(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=8m"); err != nil {
		t.Skipf("a small file system cannot be mounted here (%v): run as root to test a full disk", err)
	}
	s, err := sqlite.Open(t.Context(), filepath.Join(dir, "city.db"), sqlite.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := errors.Join(s.Close(), syscall.Unmount(dir, 0)); err != nil {
			t.Error(err)
		}
	}()
	ballast, err := os.Create(filepath.Join(dir, "ballast"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(ballast, zeros{}, 16<<20); !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	stored := 0
	var full error
	for n := 0; full == nil && n < 100_000; n++ {
		if _, full = s.Write(t.Context(), &plane.Batch{Changes: []plane.Change{plane.Put(thing(fmt.Sprintf("urn:x:%d", n)))}}); full == nil {
			stored++
		}
	}
	if city.KindOf(full) != city.Unavailable || !strings.Contains(full.Error(), "full") {
		t.Fatalf("after %d: %v", stored, full)
	}
	if err := errors.Join(ballast.Close(), os.Remove(ballast.Name())); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write(t.Context(), &plane.Batch{Changes: []plane.Change{plane.Put(thing("urn:x:after"))}}); err != nil {
		t.Errorf("with room again: %v", err)
	}
	p, err := s.Find(t.Context(), plane.Query{Count: true})
	if err != nil || p.Total != int64(stored+1) {
		t.Errorf("%d stored, %d there, %v", stored+1, p.Total, err)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func TestPanickingEditHarmsNobodyElse(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "city.db"))
	var all sync.WaitGroup
	for n := range 20 {
		all.Go(func() {
			c := plane.Create(thing(fmt.Sprintf("urn:x:%d", n)))
			if n == 7 {
				c.Edit = func(*plane.Entity) (*plane.Entity, error) { panic("a fault") }
			}
			if _, err := s.Write(t.Context(), &plane.Batch{Changes: []plane.Change{c}}); (err != nil) != (n == 7) {
				t.Errorf("%d: %v", n, err)
			}
		})
	}
	all.Wait()
}

// TestBytesOfAnObservation holds the arithmetic of doc.go: cameras write a minute's
// counts of many series, minute after minute.
func TestBytesOfAnObservation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "city.db")
	s, err := sqlite.Open(t.Context(), path, sqlite.Config{})
	if err != nil {
		t.Fatal(err)
	}
	const series, minutes = 50, 150
	begin := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for minute := range minutes {
		var b plane.Batch
		for n := range series {
			b.Observations = append(b.Observations, plane.Observation{
				Series: plane.Series{Key: plane.Key{ID: fmt.Sprintf("urn:polity:camera:c%d", n/10)}, Attribute: "occupancy", Dataset: fmt.Sprintf("person/zone-%d", n%10)},
				Start:  begin.Add(time.Duration(minute) * time.Minute), Length: time.Minute, Covered: time.Minute, Value: float64(n*minute%97) / 60,
			})
		}
		if _, err := s.Write(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if each := float64(info.Size()) / (series * minutes); each > 60 {
		t.Errorf("%.1f bytes an observation", each)
	} else {
		t.Logf("%.1f bytes an observation", each)
	}
}
