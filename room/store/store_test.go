package store_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"polity/city"
	"polity/room/store"
)

func open(t *testing.T) *store.DB {
	t.Helper()
	d, err := store.Open(t.Context(), filepath.Join(t.TempDir(), store.File))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func count(t *testing.T, d *store.DB) (n int) {
	t.Helper()
	if err := d.Read().QueryRowContext(t.Context(), "SELECT count(*) FROM entry").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func add(tx *store.Tx, subject string) error {
	return tx.Exec("INSERT INTO entry (subject, body) VALUES (?, '{}')", subject)
}

// TestOneAtFaultHarmsNobodyElse: those who share a commit with one that fails, or panics,
// are stored; of that one nothing is, and nobody is told of it.
func TestOneAtFaultHarmsNobodyElse(t *testing.T) {
	d := open(t)
	fault := errors.New("a fault")
	var told sync.Map
	var all sync.WaitGroup
	for n := range 60 {
		all.Go(func() {
			err := d.Do(t.Context(), func(tx *store.Tx) error {
				tx.After(func() { told.Store(n, true) })
				if err := add(tx, fmt.Sprint(n)); err != nil {
					return err
				}
				switch n % 10 {
				case 3:
					return fault
				case 7:
					panic("a fault of ours")
				}
				return nil
			})
			if bad := n%10 == 3 || n%10 == 7; bad == (err == nil) || n%10 == 3 && !errors.Is(err, fault) {
				t.Errorf("%d: %v", n, err)
			}
		})
	}
	all.Wait()
	heard := 0
	told.Range(func(any, any) bool { heard++; return true })
	if n := count(t, d); n != 48 || heard != 48 {
		t.Errorf("%d are stored, %d told, want 48", n, heard)
	}
}

// TestWhatIsToldIsStored: After runs once the transaction can be read by others.
func TestWhatIsToldIsStored(t *testing.T) {
	d := open(t)
	for n := range 20 {
		if err := d.Do(t.Context(), func(tx *store.Tx) error {
			tx.After(func() {
				if got := count(t, d); got != n+1 {
					t.Errorf("told of %d, %d can be read", n+1, got)
				}
			})
			return add(tx, "x")
		}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestClosed(t *testing.T) {
	d := open(t)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if err := d.Do(t.Context(), func(tx *store.Tx) error { return add(tx, "x") }); city.KindOf(err) != city.Unavailable {
		t.Errorf("%v", err)
	}
	gone, stop := context.WithCancel(t.Context())
	stop()
	if err := open(t).Do(gone, func(tx *store.Tx) error { return add(tx, "x") }); city.KindOf(err) != city.Unavailable {
		t.Errorf("%v", err)
	}
}

// TestReadersCannotWrite: what reads for pages has no way to change anything.
func TestReadersCannotWrite(t *testing.T) {
	d := open(t)
	if _, err := d.Read().ExecContext(t.Context(), "INSERT INTO entry (subject, body) VALUES ('x', '{}')"); err == nil {
		t.Error("a reader wrote")
	}
	origin := d.Origin()
	if len(origin) != 16 || open(t).Origin() == origin {
		t.Errorf("the origin %q", origin)
	}
}
