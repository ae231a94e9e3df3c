package edge

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/ledger/log"
	"polity/ledger/log/logtest"
	"polity/ledger/proof"
	"polity/ledger/roster"
	"polity/recording/recordtest"
	"polity/recording/share"
)

// Logged is a town whose log holds epoch keys, for tests of this package.
type Logged struct {
	*logtest.Town

	Bodies *recordtest.Bodies
}

// Publish logs entries and writes the proof of each into dir, as NAME-INDEX.proof.
func (g *Logged) Publish(t testing.TB, dir string, entries ...entry.Entry) {
	t.Helper()
	l, err := log.Open(g.Config)
	if err != nil {
		t.Fatal(err)
	}
	indexes, err := l.AppendAll(t.Context(), entries)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		s, err := l.State(ctx)
		if err != nil || ctx.Err() != nil {
			t.Fatalf("waiting for the log: %v", err)
		}
		if s.Public == s.Size {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	source, err := proof.Folder(g.Config.Dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, index := range indexes {
		p, err := proof.Prove(t.Context(), source, index, &g.Roster.Roster)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("entry-%d.proof", index)), p.Marshal(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

// NewLogged makes the town.
func NewLogged(t testing.TB) *Logged {
	t.Helper()
	return &Logged{Town: logtest.New(t, t.TempDir()), Bodies: &recordtest.Bodies{}}
}

// Key is a body's epoch key of a day and class, signed by a device.
func (g *Logged) Key(t testing.TB, body share.Body, class city.Slug, day, device string) *entry.EpochKey {
	t.Helper()
	e := &entry.EpochKey{
		Body: city.Slug(body), Class: class, Day: canonical.Day(day), Device: city.Slug(device), Kem: "MLKEM768-X25519",
		Key: g.Bodies.Private(body, class, day).PublicKey().Bytes(),
	}
	if err := entry.Sign(e, g.Devices[city.Slug(device)].Key); err != nil {
		t.Fatal(err)
	}
	return e
}

const day = "2026-12-01"

func TestOnlyLoggedKeysOfRosteredDevicesCount(t *testing.T) {
	g := NewLogged(t)
	dir := t.TempDir()
	court, ombudsman := g.Key(t, share.Court, "short", day, "court-1"), g.Key(t, share.Ombudsman, "short", day, "ombudsman-2")
	foreign := g.Key(t, share.Court, "usual", day, "court-1") // signed by the other body's device
	if err := entry.Sign(foreign, g.Devices["ombudsman-1"].Key); err != nil {
		t.Fatal(err)
	}
	g.Publish(t, dir, court, ombudsman)
	later := &Logged{Town: g.Town, Bodies: &recordtest.Bodies{Seed: "another"}}
	g.Publish(t, dir, later.Key(t, share.Court, "short", day, "court-1")) // a second key for the same day
	whole, err := os.ReadFile(filepath.Join(dir, "entry-0.proof"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := proof.ParseInclusion(whole)
	if err != nil {
		t.Fatal(err)
	}
	forged := *p
	if forged.Entry, err = entry.Encode(foreign); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{
		"unlogged.proof": forged.Marshal(), "cut.proof": whole[:len(whole)/2], "empty.proof": nil,
		"uncosigned.proof": uncosigned(whole), "not-one.txt": whole,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	k := newEpochKeys(dir, &rosters{list: []*roster.Signed{g.Roster}})
	wrong := map[string]string{}
	for range 2 { // what was told is not told again
		if err := k.refresh(func(file string, err error) { wrong[file] += err.Error() }); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"unlogged.proof", "cut.proof", "empty.proof", "uncosigned.proof", "entry-2.proof"} {
		if wrong[file] == "" {
			t.Errorf("%s counts", file)
		}
	}
	if len(wrong) != 5 || !strings.Contains(wrong["entry-2.proof"], "was logged before it") {
		t.Errorf("wrong were %v", wrong)
	}
	for _, body := range share.Bodies {
		got, err := k.Key(t.Context(), body, "short", day)
		want, err2 := g.Bodies.Key(t.Context(), body, "short", day)
		if err != nil || err2 != nil || got.ID != want.ID || got.For(body, "short", day) != nil {
			t.Errorf("the key of %s: %v, %v", body, err, err2)
		}
		if _, err := k.Key(t.Context(), body, "usual", day); city.KindOf(err) != city.NotFound {
			t.Errorf("a key that nobody logged: %v", err)
		}
	}
	g.Publish(t, dir, g.Key(t, share.Court, "usual", day, "court-2"))
	if err := k.refresh(func(string, error) {}); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Key(t.Context(), share.Court, "usual", day); err != nil {
		t.Errorf("a key that came later: %v", err)
	}
}

// uncosigned takes the witnesses' signatures, the last lines, off a proof.
func uncosigned(file []byte) []byte {
	lines := bytes.SplitAfter(file, []byte("\n"))
	return bytes.Join(lines[:len(lines)-3], nil)
}
