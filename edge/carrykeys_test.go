package edge

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"polity/camera/uplink"
	"polity/city"
	"polity/ledger/entry"
	"polity/ledger/roster"
	"polity/ledger/roster/rostertest"
	"polity/recording/recordtest"
	"polity/recording/share"
)

// asking is an edge that has what the hub sent it.
type asking struct {
	*recordings

	t   *testing.T
	dir string
	at  time.Time
}

func newAsking(t *testing.T, first *roster.Signed, dir string, at time.Time) *asking {
	t.Helper()
	a := &asking{t: t, dir: dir, at: at}
	r, err := openRosters(first, filepath.Join(dir, "rosters"))
	if err != nil {
		t.Fatal(err)
	}
	keys := filepath.Join(dir, "keys")
	if err := os.MkdirAll(keys, 0o700); err != nil {
		t.Fatal(err)
	}
	a.recordings = &recordings{rosters: r, keys: newEpochKeys(keys, r), log: slog.New(slog.DiscardHandler), now: func() time.Time { return a.at }}
	if err := a.keys.refresh(a.wrongProof); err != nil {
		t.Fatal(err)
	}
	return a
}

var shortOnly = map[city.Slug]city.Slug{"short": "square"}

// proofsOf logs entries and returns the proof of each.
func proofsOf(t *testing.T, g *Logged, entries ...entry.Entry) (files [][]byte) {
	t.Helper()
	dir := t.TempDir()
	g.Publish(t, dir, entries...)
	names, err := filepath.Glob(filepath.Join(dir, "*.proof"))
	if err != nil || len(names) != len(entries) {
		t.Fatalf("%d proofs of %d entries, %v", len(names), len(entries), err)
	}
	for _, name := range names {
		file, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

func (a *asking) has(body share.Body, day string) bool {
	_, err := a.keys.Key(a.t.Context(), body, "short", day)
	return err == nil
}

// TestALyingHubCanOnlyWithhold: whatever the hub sends is checked as if a stranger had.
func TestALyingHubCanOnlyWithhold(t *testing.T) {
	g := NewLogged(t)
	noon := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	a := newAsking(t, g.Roster, t.TempDir(), noon)
	court := g.Key(t, share.Court, "short", day, "court-1")
	files := proofsOf(t, g, court, g.Key(t, share.Court, "usual", day, "court-1"),
		g.Key(t, share.Court, "short", "2027-06-01", "court-1"), g.Key(t, share.Court, "short", "2026-11-01", "court-1"),
		&entry.Alarm{At: "2026-12-01T12:00:00Z", Edge: "edge-1", What: "clock"})
	swapped := &Logged{Town: g.Town, Bodies: &recordtest.Bodies{Seed: "the hub's own"}}
	second := proofsOf(t, g, swapped.Key(t, share.Court, "short", day, "court-1"))[0]
	for name, file := range map[string][]byte{
		"another class": files[1], "too far ahead": files[2], "past": files[3], "no key": files[4],
		"cut": files[0][:100], "uncosigned": uncosigned(files[0]), "empty": nil,
	} {
		if err := a.takeProof(file, shortOnly); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	if left, err := os.ReadDir(a.keys.dir); err != nil || len(left) != 0 {
		t.Fatalf("files were written: %v, %v", left, err)
	}
	for range 2 {
		if err := a.takeProof(files[0], shortOnly); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.takeProof(second, shortOnly); err != nil {
		t.Errorf("a key that was logged later: %v", err)
	}
	key, err := a.keys.Key(t.Context(), share.Court, "short", day)
	if err != nil || key.ID != [32]byte(court.ID()) {
		t.Fatalf("another key than the first logged counts: %v", err)
	}
	if left, err := os.ReadDir(a.keys.dir); err != nil || len(left) != 1 {
		t.Fatalf("%d files, %v", len(left), err)
	}
	s := a.keyState(t.Context(), "short")
	if time.Unix(s.Day*86400, 0).UTC().Format(time.DateOnly) != day || !s.Has(false, 0) || s.Has(false, 1) || s.Has(true, 0) || s.Roster != 1 {
		t.Errorf("it says that it has %+v", s)
	}
	if _, err := uplink.DecodeKeyState(uplink.Encode(s)); err != nil {
		t.Error(err)
	}
	again := newAsking(t, g.Roster, a.dir, noon) // a restart
	if !again.has(share.Court, day) {
		t.Error("the key is forgotten")
	}
	if again.at = noon.AddDate(0, 0, 2); again.forgetProofs() != nil {
		t.Error("proofs cannot be removed")
	}
	if left, err := os.ReadDir(a.keys.dir); err != nil || len(left) != 1 {
		t.Fatalf("%d files are left after two days, %v", len(left), err)
	}
	if again.at = noon.AddDate(0, 0, 3); again.forgetProofs() != nil {
		t.Error("proofs cannot be removed")
	}
	if left, err := os.ReadDir(a.keys.dir); err != nil || len(left) != 0 {
		t.Fatalf("%v, %v are left after three days", left, err)
	}
}

// TestRostersFollowOneAnother: a roster counts if the one before says so; a device that the
// newest does not have signs no key that counts.
func TestRostersFollowOneAnother(t *testing.T) {
	g := NewLogged(t)
	noon := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	dir := t.TempDir()
	a := newAsking(t, g.Roster, dir, noon)
	kept, lost := g.Key(t, share.Court, "short", day, "court-1"), g.Key(t, share.Ombudsman, "short", day, "ombudsman-2")
	for _, file := range proofsOf(t, g, kept, lost) {
		if err := a.takeProof(file, shortOnly); err != nil {
			t.Fatal(err)
		}
	}
	next := g.Plain()
	next.Version, next.Classes[0].Hours = 2, 48
	next.Bodies[1].Devices[1].ID, next.Bodies[1].Devices[1].Key = "ombudsman-3", rostertest.NewKey("helsinki.example/ombudsman-3", "town").Public
	foreign := rostertest.New("another city")
	skipped := *next
	skipped.Version = 3
	for name, file := range map[string][]byte{
		"by others": foreign.Sign(next), "a version left out": g.Sign(&skipped), "of another city": foreign.Roster.File(), "cut": g.Sign(next)[:200], "empty": nil,
	} {
		if _, err := a.rosters.take(file); err == nil || city.KindOf(err) == city.Conflict {
			t.Errorf("%s: %v", name, err)
		}
	}
	if a.rosters.newest().Version != 1 {
		t.Fatal("a roster that does not follow counts")
	}
	if _, err := a.rosters.take(g.Sign(next)); err != nil {
		t.Fatal(err)
	}
	if _, err := a.rosters.take(g.Sign(next)); city.KindOf(err) != city.Conflict {
		t.Errorf("the same again: %v", err)
	}
	if keep := keepOf(a.rosters.newest()); keep["short"] != 48*time.Hour {
		t.Errorf("kept for %v", keep)
	}
	if err := a.keys.renew(a.wrongProof); err != nil || !a.has(share.Court, day) || a.has(share.Ombudsman, day) {
		t.Errorf("at once: court %v, ombudsman %v, %v", a.has(share.Court, day), a.has(share.Ombudsman, day), err)
	}
	again := newAsking(t, g.Roster, dir, noon)
	if again.rosters.newest().Version != 2 || !again.has(share.Court, day) || again.has(share.Ombudsman, day) {
		t.Errorf("after a restart: roster %d, court %v, ombudsman %v", again.rosters.newest().Version, again.has(share.Court, day), again.has(share.Ombudsman, day))
	}
	if err := os.WriteFile(filepath.Join(dir, "rosters", "00003.roster"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openRosters(g.Roster, filepath.Join(dir, "rosters")); err == nil {
		t.Error("a damaged roster is passed over")
	}
}
