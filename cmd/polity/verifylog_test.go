package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/ledger/log"
	"polity/ledger/log/logtest"
	"polity/ledger/proof"
	"polity/ledger/roster/rostertest"
)

// ran runs polity with arguments.
func ran(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	cmd := root()
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

// TestRosterIsMadeByThree lets three holders of root keys sign, one after another.
func TestRosterIsMadeByThree(t *testing.T) {
	dir := t.TempDir()
	c := rostertest.New("town")
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	text, err := canonical.Encode(c.Plain())
	if err != nil {
		t.Fatal(err)
	}
	draft, out := write("draft.json", string(text)), filepath.Join(dir, "city.roster")
	var keys []string
	for i, k := range c.Root[:3] {
		keys = append(keys, write(fmt.Sprintf("root-%d.key", i+1), k.Private+"\n"))
	}
	if said, err := ran(t, "roster", "make", draft, "--key", keys[0], "--out", out); err != nil || !strings.Contains(said, "with 1 of the 3") {
		t.Fatalf("%s%v", said, err)
	}
	if said, err := ran(t, "roster", "sign", out, "--key", keys[1]); err != nil || !strings.Contains(said, "not yet complete: 2 of the 5 keys") {
		t.Errorf("%s%v", said, err)
	}
	if said, err := ran(t, "roster", "sign", out, "--key", keys[2]); err != nil || !strings.Contains(said, "roster 1 of helsinki.example") {
		t.Errorf("%s%v", said, err)
	}
	if said, err := ran(t, "roster", "check", out); err != nil || !strings.Contains(said, "2 must cosign") {
		t.Errorf("%s%v", said, err)
	}
}

func TestVerifyLogAndProof(t *testing.T) {
	dir := t.TempDir()
	town := logtest.New(t, filepath.Join(dir, "log"))
	l, err := log.Open(town.Config)
	if err != nil {
		t.Fatal(err)
	}
	e := &entry.Decision{At: "2026-12-01T14:00:00Z", By: "person", Commitment: canonical.Sum("test"), Outcome: "accepted", Service: "traffic"}
	if _, err := l.AppendAll(t.Context(), []entry.Entry{&entry.Roster{Roster: town.Roster.File(), Version: 1}, e}); err != nil {
		t.Fatal(err)
	}
	for s := (log.State{}); s.Public < 2; time.Sleep(10 * time.Millisecond) {
		if s, err = l.State(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	source, err := proof.Folder(town.Config.Dir)
	if err != nil {
		t.Fatal(err)
	}
	p, err := proof.Prove(t.Context(), source, 1, &town.Roster.Roster)
	if err != nil {
		t.Fatal(err)
	}
	roster, file := filepath.Join(dir, "a.roster"), filepath.Join(dir, "a.proof")
	for name, data := range map[string][]byte{roster: town.Roster.File(), file: p.Marshal()} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}

	out, err := ran(t, "verify", "log", town.Config.Dir, "--roster", roster)
	if err != nil || !strings.Contains(out, "holds together under roster 1. Entries: 2.") || !strings.Contains(out, "decision             1") {
		t.Errorf("%s%v", out, err)
	}
	if out, err = ran(t, "verify", "proof", file, "--roster", roster); err != nil || !strings.Contains(out, "Entry 1 of helsinki.example/log stands in the log") || !strings.Contains(out, `"service":"traffic"`) {
		t.Errorf("%s%v", out, err)
	}
	if _, err = ran(t, "verify", "log", town.Config.Dir); err == nil || exitCode(err) != 2 {
		t.Errorf("without a roster: %v", err)
	}
	if _, err = ran(t, "verify", "log", filepath.Join(dir, "nowhere"), "--roster", roster); err == nil {
		t.Error("a folder that is not there is right")
	}

	bundle := filepath.Join(town.Config.Dir, "tile", "entries", "000.p", "2")
	data, err := os.ReadFile(bundle) //nolint:gosec // the test's folder
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(bundle, bytes.Replace(data, []byte("traffic"), []byte("traffik"), 1), 0o600); err != nil { //nolint:gosec // the test's folder
		t.Fatal(err)
	}
	out, err = ran(t, "verify", "log", town.Config.Dir, "--roster", roster)
	if err == nil || exitCode(err) != 1 || !strings.Contains(out, "wrong  entry 1: tile/0/000.p/2: the entry and its hash in this file differ") || !strings.Contains(out, "the entries named above were changed") {
		t.Errorf("%s%v", out, err)
	}
}
