package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"polity/internal/attack"
	"polity/ledger/entry"
	"polity/ledger/proof/prooftest"
	"polity/release/token"
)

// TestAttackADeviceAtATerminal attacks a court's device as its files and the program polity
// custodian: what is carried to it, and copies of its folder.
func TestAttackADeviceAtATerminal(t *testing.T) {
	attack.Tell(t, "token-replayed",
		"polity custodian approve is run a second time on the file of a request that was answered, and on one with the same token and a hospital's segment.",
		"The second answer has the same share for the same case and another entry for the log; the hospital's segment is refused by the check of scope.")
	attack.Tell(t, "token-expired",
		"A request that comes after the token's expiry is carried to the device, with its approval typed rightly.",
		"polity custodian approve goes by the witnesses' time, refuses by the check of expiry, and writes no answer.")
	attack.Tell(t, "scope-camera",
		"A hospital's segment is put into a request whose token names the square.",
		"polity custodian approve refuses by the check of scope, and writes no answer.")
	attack.Tell(t, "split-view",
		"The device, which has seen the true log, is handed a token in a second log that log and witnesses signed as well.",
		"polity custodian approve keeps on disk how far the log had come, refuses by the check of the checkpoint, and writes no answer.")
	attack.Tell(t, "device-copied",
		"The device's folder is copied with its passphrase, and used without its anchor, and with it after the device went on.",
		"polity custodian opens no copy whose anchor is missing or has moved on.")
	attack.Tell(t, "device-lost",
		"Somebody who found the device, its folder and its anchor guesses at the passphrase, and searches all files for keys and names.",
		"The folder is encrypted under the passphrase (scrypt), and shows neither keys nor cameras.")
	attack.Tell(t, "backup-after-shredding",
		"The device's folder is put back from a full backup after polity custodian destroy, to have the day's key again.",
		"Each change took a new secret into the anchor, which no backup has: the old folder does not open, and the device has no such key any more.")
	c := newCourt(t)
	e, opens := c.request("request.bin", "square", asked, tlog.Tree{})
	seen := c.log.Tree()
	code := token.Code(e.ID) + "\n"
	approve := func(ok bool, typed, request, answer string) string {
		return c.run(ok, typed, "approve", c.path(request), "--out", c.path(answer))
	}
	refused := func(said, check, answer string) {
		t.Helper()
		if !strings.Contains(said, `check "`+check+`"`) {
			t.Errorf("not refused by the check of %s: %s", check, said)
		}
		if _, err := os.Stat(c.path(answer)); err == nil {
			t.Errorf("there is an answer %s", answer)
		}
	}
	c.must(os.CopyFS(c.path("spy"), os.DirFS(c.path("state"))))
	approve(true, code, "request.bin", "answer.bin")

	approve(true, code, "request.bin", "again.bin")
	var shares [2][32]byte
	var entries [2][]byte
	for i, name := range []string{"answer.bin", "again.bin"} {
		b, err := os.ReadFile(c.path(name))
		c.must(err)
		a := c.answered(b, opens)
		shares[i] = a.(*entry.ReleaseApproved).Token
		entries[i], err = entry.Encode(a)
		c.must(err)
	}
	if shares[0] != e.ID || shares[1] != e.ID || bytes.Equal(entries[0], entries[1]) {
		t.Error("the second use does not show, or is of another token")
	}

	hospital, _ := c.request("hospital.bin", "hospital", asked, seen)
	refused(approve(false, token.Code(hospital.ID)+"\n", "hospital.bin", "hospital.answer"), "scope", "hospital.answer")

	seen = c.log.Tree() // of the refused request, too
	late, _ := c.request("late.bin", "square", asked.Add(49*time.Hour), seen)
	refused(approve(false, token.Code(late.ID)+"\n", "late.bin", "late.answer"), "expiry", "late.answer")

	view := *c
	view.log = &prooftest.Log{City: c.log.City}
	unseen, _ := view.request("view.bin", "square", asked.Add(50*time.Hour), tlog.Tree{})
	refused(approve(false, token.Code(unseen.ID)+"\n", "view.bin", "view.answer"), "checkpoint", "view.answer")

	as := func(state, anchor string) string {
		other := c.command("status")
		for i, word := range other.Args {
			switch word {
			case c.path("state"):
				other.Args[i] = state
			case c.path("anchor"):
				other.Args[i] = anchor
			}
		}
		b, err := other.CombinedOutput()
		if err == nil {
			t.Errorf("polity custodian opens %s with %s:\n%s", state, anchor, b)
		}
		return string(b)
	}
	as(c.path("spy"), c.path("no-anchor"))
	as(c.path("spy"), c.path("anchor"))

	c.must(os.CopyFS(c.path("backup"), os.DirFS(c.path("state"))))
	if said := c.run(true, "", "destroy", "--due", "--out", c.path("destroyed.statements")); !strings.Contains(said, "epoch keys destroyed") {
		t.Fatal(said)
	}
	as(c.path("backup"), c.path("anchor"))
	c.run(true, "", "status") // the device itself goes on

	c.must(os.WriteFile(c.path("passphrase"), []byte("correct horse batterx\n"), 0o600))
	if said := c.run(false, "", "status"); !strings.Contains(said, "passphrase is wrong") {
		t.Error(said)
	}
	for _, name := range []string{"state", "anchor"} {
		searchFolder(t, c.path(name), "AGE-SECRET-KEY", "square", "short", "2026-12-01", "HEL 2026")
	}
}

// searchFolder looks for words in all files of a folder, or in a file.
func searchFolder(t *testing.T, path string, words ...string) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.IsDir() {
		list, err := os.ReadDir(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			searchFolder(t, path+"/"+e.Name(), words...)
		}
		return
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range words {
		if bytes.Contains(b, []byte(w)) {
			t.Errorf("%s holds %q in the clear", path, w)
		}
	}
}
