package custodian

import (
	"bytes"
	"path/filepath"
	"testing"
	"time"

	"polity/city"
	"polity/internal/attack"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/recording/segment"
	"polity/recording/share"
	"polity/release/token"
)

// A recorder is given another epoch key in place of the ombudsman's: by whoever runs
// the hub, who would open that share. The signature in the log does not fit it, and the
// audit finds footage sealed to it.
func TestAttackEpochKeySwapped(t *testing.T) {
	attack.Tell(t, "epoch-key-swapped",
		"Whoever runs the hub puts a key of their own in place of a body's, in the log and before a recorder.",
		"The key does not pass under the device's signature, and the body's audit of that week finds what was sealed to it.")
	w := newWorld(t)
	d := w.devices["ombudsman-1"]
	for _, b := range w.pub.Entries {
		e, err := entry.Decode(b)
		w.must(e, err)
		k, ok := e.(*entry.EpochKey)
		if !ok || k.Body != "ombudsman" {
			continue
		}
		k.Key = w.caseKey.PublicKey().Bytes()
		if entry.Verify(k, &w.Roster.Roster) == nil {
			t.Fatal("a swapped key passes under the device's signature")
		}
		break
	}
	keys := w.keys("2026-12-01")
	var err error
	keys[1], err = share.NewEpochKey(share.Ombudsman, "short", "2026-12-01", w.caseKey.PublicKey().Bytes())
	w.must(nil, err)
	w.audited(d, token.NoKey, w.film("square", filmed), w.filmTo("bridge", filmed.Add(time.Minute), keys))
}

// A recorder seals something else than the share that it committed to.
func TestAttackShareWrong(t *testing.T) {
	attack.Tell(t, "share-wrong",
		"A recorder seals something else than the half that it committed to, so that the footage could never be opened.",
		"The weekly audit finds and counts it, and in a case the half is refused and the segment named.")
	w := newWorld(t)
	d := w.devices["court-1"]
	good := w.film("square", filmed)
	bad := w.film("bridge", filmed)
	h := *bad.header
	h.Commitments[0][5]++
	raw := resigned(t, bad.header.Bytes(), bad.header, &h)
	header, err := segment.ReadHeader(bytes.NewReader(raw))
	w.must(header, err)
	wrong := film{header, append(raw, bad.file[len(raw):]...)}
	w.audited(d, token.Wrong, good, wrong)
	// In a release the case gets no wrong share, and is told which.
	r := w.request(d, w.ask(), good, wrong)
	shares, a := w.approve(d, r)
	if s := shares[canonical.Hash(wrong.header.Hash())]; s.State != token.Wrong || a.States[token.Right] != 1 {
		t.Errorf("%v, %v", s.State, a.States)
	}
}

// audited runs the week's audit two days after the film and expects one finding.
func (w *world) audited(d *Device, want token.State, films ...film) {
	w.t.Helper()
	var out bytes.Buffer
	a, findings, err := d.Audit(w.weekly(d, filmed.Add(48*time.Hour), films...).file(w.t), &out)
	w.must(a, err)
	e := a.Entry.(*entry.Audit)
	if e.Checked != int64(len(films)) || e.Wrong != 1 || len(findings) != 1 || findings[0].State != want || e.Week != "2026-W49" {
		w.t.Errorf("%+v, %v", e, findings)
	}
	if err := entry.Verify(e, &w.Roster.Roster); err != nil {
		w.t.Error(err)
	}
	if _, _, err := token.ReadAnswer(&out, &w.Roster.Roster, nil); err != nil {
		w.t.Error(err)
	}
}

// After both devices of one body destroyed the keys, no backup opens a segment.
func TestAttackBackupAfterShreddingOfADevice(t *testing.T) {
	attack.Tell(t, "backup-after-shredding",
		"A full backup of a device is put back after the keys were destroyed, and the body's other device hands the keys over once more.",
		"The backup lacks the anchor's new secret and does not open; a destroyed day is known and neither taken nor made again.")
	w := newWorld(t)
	f := w.film("square", filmed)
	dir, anchor := w.paths("court-1")
	backup := filepath.Join(t.TempDir(), "backup")
	copyFolder(t, dir, backup)
	d := w.devices["court-1"]
	var out bytes.Buffer
	n, _, err := d.Destroy(filmed.Add(5*24*time.Hour), &out)
	if err != nil || n == 0 {
		t.Fatal(n, err)
	}
	list, err := Statements(&out)
	w.must(nil, err)
	said := false
	for _, e := range list {
		g := e.(*entry.EpochKeyDestroyed)
		said = said || g.KeyID == canonical.Hash(f.header.EpochKeys[0])
		w.must(nil, entry.Verify(g, &w.Roster.Roster))
	}
	if !said {
		t.Error("the key of that day is not said to be destroyed")
	}
	d.Close()
	if _, err := Unlock(backup, anchor, passphrase); city.KindOf(err) != city.Conflict {
		t.Errorf("the backup opens: %v", err)
	}
	noVault(t, backup, anchor)
	if d, err = w.reopen("court-1"); err != nil {
		t.Fatal(err)
	}
	if _, state := d.rewrap(record{header: f.header, sealed: f.record(share.Court)[len(f.header.Bytes()):]}, nil); state != token.Destroyed {
		t.Errorf("the share: %v", state)
	}
	// The other device still has it and hands it over: it is not taken again, nor made anew.
	w.handKeys(w.devices["court-2"], d)
	if _, ok := d.find("short", "2026-12-01"); ok {
		t.Error("a destroyed key came back from the other device")
	}
	made, err := d.MakeKeys("short", "2026-12-01", 1)
	if made != 0 || err != nil {
		t.Errorf("a key for a destroyed day: %d, %v", made, err)
	}
}
