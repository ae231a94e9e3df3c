package sqlitefile

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"polity/city"
)

func TestAPrivateFileWithAnAwkwardName(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a ?b#c%20.db")
	if err := os.WriteFile(path, nil, 0o644); err != nil { //nolint:gosec // others may read it: that is to change
		t.Fatal(err)
	}
	if err := Private(path); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", Address(path, "rw", "journal_mode(WAL)"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE t (x INTEGER); PRAGMA user_version = 3; PRAGMA application_id = 7"); err != nil {
		t.Fatal(err)
	}
	if f, err := ReadForm(t.Context(), db); err != nil || f != (Form{3, 7, 1}) {
		t.Errorf("the form is %+v, %v", f, err)
	}
	for _, name := range []string{path, path + "-wal"} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}

func TestKinds(t *testing.T) {
	say := Words{Full: "full", Busy: "busy", Failing: "failing", Damaged: "damaged"}
	dir := t.TempDir()
	foreign := filepath.Join(dir, "foreign.db")
	if err := os.WriteFile(foreign, []byte(strings.Repeat("no database ", 400)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		path, words string
		kind        city.Kind
	}{
		"damaged":   {foreign, "damaged: ", city.Internal},
		"not there": {filepath.Join(dir, "none", "x.db"), "failing: ", city.Unavailable},
	} {
		db, err := sql.Open("sqlite", Address(c.path, "rw"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = ReadForm(t.Context(), db)
		if got := Kind(err, say); city.KindOf(got) != c.kind || !strings.HasPrefix(got.Error(), c.words) {
			t.Errorf("%s: %v", name, got)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
	if got := Kind(fmt.Errorf("ask: %w", context.Canceled), say); city.KindOf(got) != city.Unavailable {
		t.Errorf("cancelled: %v", got)
	}
	ours := city.Errorf(city.Conflict, "a newer one")
	if got := Kind(ours, say); !errors.Is(got, ours) || city.KindOf(got) != city.Conflict {
		t.Errorf("our own: %v", got)
	}
	if Kind(nil, say) != nil {
		t.Error("nothing is an error")
	}
}
