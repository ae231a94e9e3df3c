package custodian

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/release/identity"
	"polity/release/token"
)

var errCrash = errors.New("no space left on device")

// crashAt ends a device at the n-th step of what follows. It returns the steps seen.
func crashAt(d *Device, n int) *[]string {
	steps := &[]string{}
	d.step = func(name string) error {
		if *steps = append(*steps, name); len(*steps) > n {
			return errCrash
		}
		return nil
	}
	return steps
}

// A crash, or a full disk, between any two steps of an approval: the device opens again,
// knows at least of every answer that went out, and gives the same share.
func TestACrashDuringAnApprovalLosesNothing(t *testing.T) {
	w := newWorld(t)
	f := w.film("square", filmed)
	d := w.devices["court-1"]
	r := w.request(d, w.ask(), f)
	done := 0
	for n := 0; ; n++ {
		w.log(&entry.Alarm{At: canonical.At(asked.Add(time.Duration(n) * time.Minute)), What: "clock"}) // a checkpoint to remember, too
		r = w.requestFor(d, r.entry, r.details, r.index, asked.Add(time.Duration(n)*time.Minute), f)
		var out bytes.Buffer
		steps := crashAt(d, n)
		req, err := d.Examine(r.file(t))
		if err == nil {
			_, err = d.Approve(req, req.Code(), &out)
		}
		if err == nil {
			if n < 9 {
				t.Errorf("only the steps %v", *steps)
			}
			w.shares(&out)
			break
		}
		if !errors.Is(err, errCrash) {
			t.Fatal(n, err)
		}
		if _, _, err := token.ReadAnswer(bytes.NewReader(out.Bytes()), &w.Roster.Roster, nil); err == nil {
			t.Errorf("step %d: what was written until the crash passes for an answer", n)
		}
		if d, err = w.reopen("court-1"); err != nil {
			t.Fatalf("after a crash at step %d (%v): %v", n, *steps, err)
		}
		r = w.requestFor(d, r.entry, r.details, r.index, asked.Add(time.Duration(n)*time.Minute), f)
		shares, _ := w.approve(d, r)
		if shares[canonical.Hash(f.header.Hash())].State != token.Right {
			t.Errorf("step %d: no share afterwards", n)
		}
		done++
		if u := d.state.use(r.entry.ID); u.Approved < done {
			t.Errorf("step %d: %d answers, %d known", n, done, u.Approved)
		}
	}
}

// A crash between any two steps of destroying: a key is there or gone, never half, and
// once it is said to be gone no older vault has it.
func TestACrashDuringDestroyingNeverBringsAKeyBack(t *testing.T) {
	for n := range 4 {
		w := newWorld(t)
		d := w.devices["court-1"]
		dir, anchor := w.paths("court-1")
		backup := filepath.Join(t.TempDir(), "backup")
		copyFolder(t, dir, backup)
		before := len(d.state.Keys)
		at := filmed.Add(5 * 24 * time.Hour)
		var out bytes.Buffer
		crashAt(d, n)
		_, _, err := d.Destroy(at, &out)
		if !errors.Is(err, errCrash) {
			t.Fatal(n, err)
		}
		if out.Len() > 0 {
			t.Errorf("step %d: a statement went out before the key was gone", n)
		}
		if _, _, err := d.Destroy(at, &out); err == nil {
			t.Errorf("step %d: a device goes on with a state that is on no disk", n)
		}
		if d, err = w.reopen("court-1"); err != nil {
			t.Fatal(n, err)
		}
		if gone := len(d.state.Gone); len(d.state.Keys)+gone != before {
			t.Errorf("step %d: %d keys and %d gone of %d", n, len(d.state.Keys), gone, before)
		}
		out.Reset()
		if _, _, err := d.Destroy(at, &out); err != nil {
			t.Fatal(n, err)
		}
		list, err := Statements(&out)
		if err != nil || len(list) == 0 || d.Due(at) > 0 {
			t.Errorf("step %d: %d statements, %d due, %v", n, len(list), d.Due(at), err)
		}
		d.Close()
		if _, err := Unlock(backup, anchor, passphrase); city.KindOf(err) != city.Conflict {
			t.Errorf("step %d: a backup opens: %v", n, err)
		}
	}
}

// Power is lost while the anchor is written: half a slot counts as none.
func TestAnAnchorTornInHalf(t *testing.T) {
	w := newWorld(t)
	d := w.devices["court-1"]
	path := filepath.Join(w.dir, "court-1.anchor")
	crashAt(d, 1) // the next slot is in the anchor, the vault is the old one
	if _, err := d.MakeKeys("short", "2027-06-01", 1); !errors.Is(err, errCrash) {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	w.must(b, err)
	list, err := d.anchor.(fileAnchor).places()
	w.must(list, err)
	i := 0
	if list[0].counter < list[1].counter {
		i = 1
	}
	b[i*slotSize+20]++
	w.must(nil, os.WriteFile(path, b, 0o600))
	if d, err = w.reopen("court-1"); err != nil {
		t.Fatal(err)
	}
	if n, err := d.MakeKeys("short", "2027-06-01", 1); n != 1 || err != nil {
		t.Error(n, err)
	}
	for name, bad := range map[string][]byte{"cut": b[:40], "empty": nil, "noise": bytes.Repeat([]byte{7}, anchorSize)} {
		d.Close()
		kept, err := os.ReadFile(path)
		w.must(kept, err)
		w.must(nil, os.WriteFile(path, bad, 0o600))
		if _, err := w.reopen("court-1"); city.KindOf(err) != city.Invalid {
			t.Errorf("%s: %v", name, err)
		}
		w.must(nil, os.WriteFile(path, kept, 0o600))
	}
	if _, err := w.reopen("court-1"); err != nil {
		t.Error(err)
	}
}

// A disk that is full when the answer is written: no answer, and the use is known.
func TestAFullDiskGivesNoAnswer(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no /dev/full here")
	}
	defer full.Close() //nolint:errcheck // nothing is written
	w := newWorld(t)
	d := w.devices["court-1"]
	r := w.request(d, w.ask(), w.film("square", filmed))
	req, err := d.Examine(r.file(t))
	w.must(req, err)
	if _, err := d.Approve(req, req.Code(), full); err == nil {
		t.Error("approved into a full disk")
	}
	w.approve(d, r)
	if u := d.state.use(r.entry.ID); u.Approved != 2 {
		t.Errorf("%d uses known", u.Approved)
	}
}

// Every byte of the vault and of identity.age counts.
func TestADamagedStateIsRefused(t *testing.T) {
	w := newWorld(t)
	w.devices["court-1"].Close()
	dir, anchor := w.paths("court-1")
	for _, name := range []string{vaultFile, identity.File} {
		path := filepath.Join(dir, name)
		good, err := os.ReadFile(path)
		w.must(good, err)
		for _, i := range []int{0, 9, 17, 25, len(good) / 2, len(good) - 1} {
			bad := slices.Clone(good)
			bad[i] ^= 1
			w.must(nil, os.WriteFile(path, bad, 0o600))
			if _, err := Unlock(dir, anchor, passphrase); city.KindOf(err) == city.Internal || err == nil {
				t.Errorf("%s, byte %d: %v", name, i, err)
			}
			w.must(nil, os.WriteFile(path, good[:i], 0o600))
			if _, err := Unlock(dir, anchor, passphrase); err == nil {
				t.Errorf("%s cut at %d is taken", name, i)
			}
		}
		w.must(nil, os.WriteFile(path, good, 0o600))
	}
	if _, err := w.reopen("court-1"); err != nil {
		t.Error(err)
	}
}

func TestBeginningADevice(t *testing.T) {
	dir := t.TempDir()
	anchor := FileAnchor(filepath.Join(dir, "anchor"))
	s := Setup{Dir: filepath.Join(dir, "state"), Anchor: anchor, Body: "court", Device: "court-1", Name: "helsinki.example/court-1", Passphrase: passphrase, WorkFactor: 2}
	for name, change := range map[string]func(*Setup){
		"short passphrase": func(s *Setup) { s.Passphrase = "short" },
		"body":             func(s *Setup) { s.Body = "police" },
		"device":           func(s *Setup) { s.Device = "../x" },
		"name":             func(s *Setup) { s.Name = "with space" },
		"anchor inside":    func(s *Setup) { s.Anchor = FileAnchor(filepath.Join(s.Dir, "x", "anchor")) },
	} {
		bad := s
		change(&bad)
		if _, err := Init(bad); city.KindOf(err) != city.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	d, err := Init(s)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Unlock(s.Dir, anchor, passphrase); city.KindOf(err) != city.Conflict {
		t.Errorf("opened twice at once: %v", err)
	}
	if _, err := d.MakeKeys("short", "2026-12-01", 1); city.KindOf(err) != city.Conflict {
		t.Errorf("keys without a roster: %v", err)
	}
	d.Close()
	if _, err := Init(s); city.KindOf(err) != city.Conflict {
		t.Errorf("made over another: %v", err)
	}
	for _, bad := range []string{"", passphrase + "x"} {
		if _, err := Unlock(s.Dir, anchor, bad); city.KindOf(err) != city.Forbidden {
			t.Errorf("passphrase %q: %v", bad, err)
		}
	}
	d, err = Unlock(s.Dir, anchor, passphrase)
	if err != nil {
		t.Fatal(err)
	}
	d.Close()
}
