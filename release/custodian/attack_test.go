package custodian

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"polity/city"
	"polity/internal/attack"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/ledger/proof/prooftest"
	"polity/ledger/roster"
	"polity/ledger/roster/rostertest"
	"polity/recording/segment"
	"polity/recording/share"
	"polity/release/identity"
	"polity/release/token"
)

// TestARightRequestIsAnswered is what the attacks are held against.
func TestARightRequestIsAnswered(t *testing.T) {
	w := newWorld(t)
	films := []film{w.film("square", filmed), w.film("bridge", filmed.Add(30*time.Minute))}
	court, ombudsman := w.devices["court-1"], w.devices["ombudsman-2"]
	r := w.request(court, w.ask(), films...)
	x, a := w.approve(court, r)
	y, _ := w.approve(ombudsman, w.requestFor(ombudsman, r.entry, r.details, r.index, asked, films...))
	for _, f := range films {
		if text, err := w.open(f, r.entry.ID, x, y); err != nil || text != "pictures of "+string(f.header.Camera) {
			t.Errorf("%s: %q, %v", f.header.Camera, text, err)
		}
	}
	if e, ok := a.Entry.(*entry.ReleaseApproved); !ok || e.Count != 2 || e.At != canonical.At(asked) || entry.Verify(e, &w.Roster.Roster) != nil {
		t.Errorf("the entry says %+v", a.Entry)
	}
}

// The office hands in the same token again, for more than before.
func TestAttackTokenReplayed(t *testing.T) {
	attack.Tell(t, "token-replayed",
		"The office hands a token to a body's device a second time, with segments from after the token's times, then unchanged.",
		"Each share is held to the token's cameras and times right before a key is used; the same request gives the same shares to the same case key, and another entry in the log.")
	w := newWorld(t)
	one, two := w.film("square", filmed), w.film("square", filmed.Add(2*time.Hour))
	d := w.devices["court-1"]
	r := w.request(d, w.ask(), one)
	first, a := w.approve(d, r)
	// Later than the token's times: a share that the token does not name.
	r2 := w.requestFor(d, r.entry, r.details, r.index, asked.Add(time.Hour), one, two)
	_, err := d.Examine(r2.file(t))
	refused(t, err, Scope)
	// The same again: the same share to the same case, another entry, and the device says so.
	d, err = w.reopen("court-1")
	w.must(d, err)
	r3 := w.requestFor(d, r.entry, r.details, r.index, asked.Add(time.Hour), one)
	req, err := d.Examine(r3.file(t))
	w.must(req, err)
	if req.Known.Approved != 1 {
		t.Errorf("the device knows of %d uses", req.Known.Approved)
	}
	again, b := w.approve(d, r3)
	header := canonical.Hash(one.header.Hash())
	target := share.Target{Purpose: share.Case, ID: r.entry.ID, Body: share.Court, Header: header}
	x, err1 := share.OpenRewrapped(w.caseKey, target, first[header].Sealed, one.header.Commitments[0])
	y, err2 := share.OpenRewrapped(w.caseKey, target, again[header].Sealed, one.header.Commitments[0])
	if err := errors.Join(err1, err2); err != nil || x != y {
		t.Errorf("another share (%v)", err)
	}
	e1, _ := entry.Encode(a.Entry)
	e2, _ := entry.Encode(b.Entry)
	if bytes.Equal(e1, e2) {
		t.Error("the second use would not show in the log")
	}
}

// A token that was never logged, with a proof of another entry, of another tree, or of
// a log that the office made up.
func TestAttackTokenUnlogged(t *testing.T) {
	attack.Tell(t, "token-unlogged",
		"A token that is in no log, with a proof of another entry, of another tree, of a log under the log's stolen key with one witness, and under made-up witnesses.",
		"The device asks for a quorum of the roster's witnesses, for a checkpoint that continues the one it saw last, and for inclusion, before it uses a key.")
	w := newWorld(t)
	f := w.film("square", filmed)
	d := w.devices["court-1"]
	e, details, err := token.New(&w.Roster.Roster, w.ask(), w.Devices["police-1"].Key)
	w.must(e, err)
	unlogged, err := entry.Encode(e)
	w.must(nil, err)
	r := w.requestFor(d, e, details, 0, asked, f)
	_, err = d.Examine(r.file(t))
	refused(t, err, Token) // the proof is of another entry
	kept := w.pub.Entries[0]
	w.pub.Entries[0] = unlogged // the right hashes, another entry
	r = w.requestFor(d, e, details, 0, asked, f)
	w.pub.Entries[0] = kept
	_, err = d.Examine(r.file(t))
	refused(t, err, Inclusion)
	// A log of the office's own, signed by the log's stolen key, cosigned by one witness.
	fake := &world{City: w.City, t: t, pub: &prooftest.Log{City: w.City}}
	n := fake.log(e)
	alone := fake.pub.Checkpoint(asked, 0)
	r.parts.Proof = fake.pub.Inclusion(n, alone)
	_, err = d.Examine(r.file(t))
	refused(t, err, Quorum)
	// The witnesses' names under keys of the office's own.
	other := rostertest.New("office")
	r.parts.Proof = fake.pub.Inclusion(n, other.Checkpoint(1, fake.pub.Tree().Hash, asked, 0, 1, 2))
	_, err = d.Examine(r.file(t))
	refused(t, err, Quorum)
	// A quorum that was deceived: it is not the log that the device saw.
	r.parts.Proof = fake.pub.Inclusion(n, fake.pub.Checkpoint(asked, 0, 1))
	_, err = d.Examine(r.file(t))
	refused(t, err, Checkpoint)
	if len(d.state.Uses) > 0 {
		t.Error("a use was counted")
	}
}

// A split view: the log of the same size, or longer, with another history.
func TestAttackSplitViewOfOneDevice(t *testing.T) {
	attack.Tell(t, "split-view",
		"One body's device is shown a log of its own, cosigned by a deceived quorum: of the same size, longer, with proofs from the false and from the true log.",
		"The device keeps the highest checkpoint that it saw and takes another only with a proof that it continues that one; it never remembers the false one.")
	w := newWorld(t)
	f := w.film("square", filmed)
	d := w.devices["court-1"]
	w.approve(d, w.request(d, w.ask(), f))
	seen := d.state.Seen
	other := &world{City: w.City, t: t, pub: &prooftest.Log{City: w.City}}
	for range seen.Size - 1 {
		other.log(&entry.Alarm{At: canonical.At(asked), What: "clock"})
	}
	r := other.request(d, w.ask(), f)
	_, err := d.Examine(r.file(t)) // of the same size
	refused(t, err, Checkpoint)
	same := other.pub.Tree()
	other.log(&entry.Alarm{At: canonical.At(asked), What: "clock"})
	r = other.requestFor(d, r.entry, r.details, r.index, asked, f) // longer, with its own consistency proof
	_, err = d.Examine(r.file(t))
	refused(t, err, Checkpoint)
	r.parts.Consistency = other.consistency(Seen{Size: same.N, Root: canonical.Hash(same.Hash)}, other.pub.Checkpoint(asked, 0, 1))
	_, err = d.Examine(r.file(t)) // with a proof that is right, from the other log
	refused(t, err, Checkpoint)
	w.log(&entry.Alarm{At: canonical.At(asked), What: "clock"})
	r.parts.Consistency = w.consistency(seen, w.pub.Checkpoint(asked, 0, 1))
	_, err = d.Examine(r.file(t)) // with a proof that is right, from the true log, to another checkpoint
	refused(t, err, Checkpoint)
	if d.state.Seen != seen {
		t.Error("the device remembers the other log")
	}
}

// An expired token, with the machine's clock set back, and with a single witness's.
func TestAttackTokenExpired(t *testing.T) {
	attack.Tell(t, "token-expired",
		"A token that was logged rightly is handed in a minute after it expired.",
		"The time is that of the witnesses' signatures on the checkpoint, and no key is used after the token's expiry.")
	w := newWorld(t)
	f := w.film("square", filmed)
	d := w.devices["court-1"]
	a := w.ask()
	a.Expires = asked.Add(-time.Minute)
	r := w.request(d, a, f)
	_, err := d.Examine(r.file(t))
	refused(t, err, Expiry)
}

// The device's clock is of no use to whoever sets it, and an old checkpoint is refused.
func TestAttackClockBackDevice(t *testing.T) {
	attack.Tell(t, "clock-back-device",
		"To use an expired token: a file kept back from before, a newer checkpoint under clocks set back, and one witness of three with its clock set back.",
		"The device's own clock decides nothing; its time is the median of the witnesses', never below the highest that it saw, and older checkpoints are refused.")
	w := newWorld(t)
	f := w.film("square", filmed)
	d := w.devices["court-1"]
	a := w.ask()
	a.Expires = asked.Add(time.Hour)
	r := w.request(d, a, f) // made while the token counted
	w.log(&entry.Alarm{At: canonical.At(asked), What: "clock"})
	late := w.request(d, w.ask(), f)
	later := w.requestFor(d, late.entry, late.details, late.index, asked.Add(2*time.Hour), f)
	w.must(d.Examine(later.file(t)))
	_, err := d.Examine(r.file(t)) // the file from before, kept back
	refused(t, err, Checkpoint)
	// A newer checkpoint whose witnesses set their clocks back: time never falls.
	w.log(&entry.Alarm{At: canonical.At(asked), What: "clock"})
	back := w.requestFor(d, r.entry, r.details, r.index, asked, f)
	_, err = d.Examine(back.file(t))
	refused(t, err, Expiry)
	// One witness of three set its clock back: the median is another's.
	w2 := newWorldOf(t, "median")
	d2 := w2.devices["court-1"]
	r2 := w2.request(d2, a, w2.film("square", filmed))
	honest := w2.pub.Checkpoint(asked.Add(2*time.Hour), 0, 1)
	liar := w2.pub.Checkpoint(asked.Add(-48*time.Hour), 2)
	lines := bytes.Split(bytes.TrimSpace(liar), []byte("\n"))
	r2.parts.Proof = w2.pub.Inclusion(r2.index, append(append(honest, lines[len(lines)-1]...), '\n'))
	_, err = d2.Examine(r2.file(t))
	refused(t, err, Expiry)
}

// Segments of a camera that the token does not name, also under the label of one.
func TestAttackScopeCamera(t *testing.T) {
	attack.Tell(t, "scope-camera",
		"Segments of a camera that the token does not name, of the same camera name in another city, with details that name more, and under a header of the thief's own.",
		"The details open the logged commitments or nothing, and a sealed share opens as that of its own city and camera only.")
	w := newWorld(t)
	right, wrong := w.film("square", filmed), w.film("hospital", filmed)
	d := w.devices["court-1"]
	r := w.request(d, w.ask(), right, wrong)
	_, err := d.Examine(r.file(t))
	refused(t, err, Scope)
	// A camera of the same name in another city.
	r = w.request(d, w.ask(), right, w.filmIn("espoo.example", "square", filmed, w.keys("2026-12-01")))
	_, err = d.Examine(r.file(t))
	refused(t, err, Scope)
	// Details that name the camera, too, do not open the commitment.
	r = w.request(d, w.ask(), right, wrong)
	r.details.Cameras = append(r.details.Cameras[:1:1], "hospital", "square")
	r = w.requestFor(d, r.entry, r.details, r.index, asked, right, wrong)
	_, err = d.Examine(r.file(t))
	refused(t, err, Commitments)
	// The hospital's share under a header that says square, signed by a recorder of the thief's.
	forged := w.relabelled(wrong, "square", filmed)
	r = w.request(d, w.ask(), forged)
	shares, _ := w.approve(d, r)
	if s := shares[canonical.Hash(forged.header.Hash())]; s.State == token.Right || len(s.Sealed) > 0 {
		t.Errorf("the share was opened under another camera's name: %v", s.State)
	}
}

// Segments before or after the times that the token names, also under another start.
func TestAttackScopeTime(t *testing.T) {
	attack.Tell(t, "scope-time",
		"Segments that end before or begin just after the token's times, a day later, two that begin before, past retention, and under a header with another start.",
		"Each start is held to the committed times and to retention, one segment of a camera may begin up to 12 s before, and a sealed share opens under its own start only.")
	w := newWorld(t)
	d := w.devices["court-1"]
	for _, start := range []time.Time{filmed.Add(-token.Lead - time.Millisecond), filmed.Add(time.Hour), filmed.Add(24 * time.Hour)} {
		r := w.request(d, w.ask(), w.film("square", filmed), w.film("square", start))
		_, err := d.Examine(r.file(t))
		refused(t, err, Scope)
	}
	r := w.request(d, w.ask(), w.film("square", filmed.Add(-12*time.Second)), w.film("square", filmed.Add(-6*time.Second)), w.film("square", filmed))
	_, err := d.Examine(r.file(t))
	refused(t, err, Scope)
	one := w.film("square", filmed.Add(-6*time.Second)) // reaches into the asked time
	if shares, _ := w.approve(d, w.request(d, w.ask(), one, w.film("square", filmed))); shares[canonical.Hash(one.header.Hash())].State != token.Right {
		t.Error("the segment that covers the beginning of the asked time is not given")
	}
	forged := w.relabelled(w.film("square", filmed.Add(3*time.Hour)), "square", filmed.Add(time.Minute))
	shares, _ := w.approve(d, w.request(d, w.ask(), forged))
	if s := shares[canonical.Hash(forged.header.Hash())]; s.State == token.Right || len(s.Sealed) > 0 {
		t.Errorf("the share was opened under another time: %v", s.State)
	}
	// Footage past its retention, whose keys are still there.
	a := w.ask()
	a.From, a.To = filmed.Add(-96*time.Hour), filmed.Add(-90*time.Hour)
	r = w.request(d, a, w.film("square", filmed.Add(-91*time.Hour)))
	r = w.requestFor(d, r.entry, r.details, r.index, asked.Add(36*time.Hour), w.film("square", filmed.Add(-91*time.Hour)))
	_, err = d.Examine(r.file(t))
	refused(t, err, Scope)
}

// relabelled puts a sealed court's share under a new header of a thief's own recorder.
func (w *world) relabelled(f film, camera city.Slug, start time.Time) film {
	w.t.Helper()
	thief := w.film(camera, start)
	h := *thief.header
	h.Commitments[0], h.Seals[0], h.EpochKeys[0] = f.header.Commitments[0], f.header.Seals[0], f.header.EpochKeys[0]
	raw := resigned(w.t, thief.header.Bytes(), thief.header, &h)
	n := len(f.header.Bytes())
	file := append(append([]byte(nil), raw...), f.file[n:n+2*share.SealedSize]...)
	got, err := segment.ReadHeader(bytes.NewReader(raw))
	w.must(got, err)
	return film{got, file}
}

// One body alone, with the officer, has nothing: its share is not the key.
func TestAttackOneBodyColludes(t *testing.T) {
	attack.Tell(t, "one-body-colludes",
		"The court, with all keys of its device and the officer's case key, opens a segment with its own half, with that half twice, and with its keys on the other body's half.",
		"One half says nothing of the key, the halves are committed to by body, and each is sealed to the other body's keys.")
	w := newWorld(t)
	f := w.film("square", filmed)
	d := w.devices["court-1"]
	r := w.request(d, w.ask(), f)
	x, _ := w.approve(d, r)
	if _, err := w.open(f, r.entry.ID, x); err == nil {
		t.Error("one body's share opened the segment")
	}
	if _, err := w.open(f, r.entry.ID, x, x); err == nil {
		t.Error("one body's share passed as the other's")
	}
	// All keys of the court's device do not open the ombudsman's share.
	i, _ := d.find("short", "2026-12-01")
	key, err := d.state.Keys[i].private()
	w.must(key, err)
	n := len(f.header.Bytes()) + share.SealedSize
	for body := range share.Bodies {
		c := f.header.Context(1)
		c.Body = share.Bodies[body]
		if _, err := share.Open(key, c, f.file[n:n+share.SealedSize], f.header.Commitments[1]); err == nil {
			t.Error("the court opened the ombudsman's share")
		}
	}
	// A request to the ombudsman is nothing to the court's device.
	other := w.requestFor(w.devices["ombudsman-1"], r.entry, r.details, r.index, asked, f)
	_, err = d.Examine(other.file(t))
	refused(t, err, File)
}

func copyFolder(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// The state folder is copied, with a spy who knows the passphrase.
func TestAttackDeviceCopied(t *testing.T) {
	attack.Tell(t, "device-copied",
		"A spy who knows the passphrase copies a device's state folder, and uses it without the anchor, after the original went on, with another's anchor, and with the anchor itself.",
		"Each change takes a new secret into the anchor: without it, or after it went on, the folder is noise, and of two copies with one anchor the second to go on is stopped.")
	w := newWorld(t)
	f := w.film("square", filmed)
	d := w.devices["court-1"]
	dir, anchor := w.paths("court-1")
	spy := filepath.Join(t.TempDir(), "copy")
	copyFolder(t, dir, spy)
	// On another machine there is no anchor.
	_, err := Unlock(spy, FileAnchor(filepath.Join(t.TempDir(), "anchor")), passphrase)
	if city.KindOf(err) != city.Conflict {
		t.Errorf("a copy without anchor: %v", err)
	}
	// On the same machine the original went on.
	w.approve(d, w.request(d, w.ask(), f))
	d.Close()
	if _, err := Unlock(spy, anchor, passphrase); city.KindOf(err) != city.Conflict {
		t.Errorf("a copy from before the original went on: %v", err)
	}
	noVault(t, spy, anchor)
	// A restored backup loses nothing else: the state itself still opens.
	if _, err := w.reopen("court-1"); err != nil {
		t.Error(err)
	}
	// A copy with its anchor (software): whichever goes on second is found out as soon as both meet one anchor;
	// here the copy goes on, and the original's vault no longer fits the anchor.
	w.devices["court-1"].Close()
	late := filepath.Join(t.TempDir(), "late")
	copyFolder(t, dir, late)
	copied, err := Unlock(late, anchor, passphrase)
	w.must(copied, err)
	w.must(copied.MakeKeys("short", "2027-03-01", 1))
	copied.Close()
	if _, err := w.reopen("court-1"); city.KindOf(err) != city.Conflict {
		t.Errorf("the original does not notice that a copy went on: %v", err)
	}
	// The anchor of another device opens nothing.
	_, others := w.paths("court-2")
	if _, err := Unlock(late, others, passphrase); err == nil {
		t.Error("another device's anchor was taken")
	}
}

// noVault tries to read an old vault as a program of the attacker's would: one that looks at
// no counter, knows the passphrase, and has what the anchor holds now.
func noVault(t *testing.T, dir string, anchor Anchor) {
	t.Helper()
	locked, err := os.ReadFile(filepath.Join(dir, identity.File))
	if err != nil {
		t.Fatal(err)
	}
	who, err := identity.Open(locked, passphrase)
	if err != nil {
		t.Fatal(err)
	}
	vault, err := os.ReadFile(filepath.Join(dir, vaultFile))
	if err != nil {
		t.Fatal(err)
	}
	counter, err := vaultCounter(vault)
	if err != nil {
		t.Fatal(err)
	}
	now, next, err := anchor.load()
	if err != nil {
		t.Fatal(err)
	}
	tries := []slot{{counter: counter}, now, {counter, now.secret}}
	if next != nil {
		tries = append(tries, *next, slot{counter, next.secret})
	}
	for _, s := range tries {
		if st, err := openVault(vault, who.Vault, s); err == nil {
			t.Errorf("an old vault with %d keys opens with the anchor of change %d", len(st.Keys), s.counter)
		}
	}
}

// A device is lost: the body's other one answers, and the lost one is taken off the roster.
func TestAttackDeviceLost(t *testing.T) {
	attack.Tell(t, "device-lost",
		"The finder of a device, with anchor and passphrase, answers a request; and one without the passphrase searches the folder.",
		"The body's other device answers meanwhile; off the roster, answers of the lost one count no more, and it stops when it sees that roster; without the passphrase all of it is noise.")
	w := newWorld(t)
	f := w.film("square", filmed)
	lost := w.devices["court-1"]
	r := w.request(lost, w.ask(), f)
	thief := r.file(t) // the finder has the device, its anchor and passphrase
	x, _ := w.approve(w.devices["court-2"], w.requestFor(w.devices["court-2"], r.entry, r.details, r.index, asked, f))
	y, _ := w.approve(w.devices["ombudsman-1"], w.requestFor(w.devices["ombudsman-1"], r.entry, r.details, r.index, asked, f))
	if text, err := w.open(f, r.entry.ID, x, y); err != nil || text == "" {
		t.Errorf("the other device's share does not open: %v", err)
	}
	next := w.Plain()
	next.Version = 2
	fresh := rostertest.NewKey("helsinki.example/court-3", "custodian")
	next.Bodies[0].Devices[0] = roster.Device{ID: "court-3", Key: fresh.Public}
	file := w.Sign(next)
	second, err := w.Roster.Next(file)
	w.must(second, err)
	// What the lost device signs counts no more, with its shares.
	req, err := lost.Examine(thief)
	w.must(req, err)
	var out bytes.Buffer
	a, err := lost.Approve(req, req.Code(), &out)
	w.must(a, err)
	if _, _, err := token.ReadAnswer(&out, &second.Roster, nil); err == nil {
		t.Error("an answer by a lost device counts under the new roster")
	}
	// And shown that roster, it stops by itself.
	r = w.requestFor(lost, r.entry, r.details, r.index, asked, f)
	r.parts.Rosters = [][]byte{file}
	_, err = lost.Examine(r.file(t))
	refused(t, err, Roster)
	// Without the passphrase the folder is noise.
	lost.Close()
	dir, anchor := w.paths("court-1")
	if _, err := Unlock(dir, anchor, "wrong "+passphrase); city.KindOf(err) != city.Forbidden {
		t.Errorf("another passphrase: %v", err)
	}
	noLeak(t, dir)
}

// noLeak searches a folder for secrets in the clear.
func noLeak(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, s := range []string{"AGE-SECRET-KEY", "\"Keys\"", "short", "square"} {
			if bytes.Contains(b, []byte(s)) {
				t.Errorf("%s holds %q in the clear", path, s)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A whole body is lost: nothing that it had sealed opens, and nothing else is harmed.
func TestAttackBodyLost(t *testing.T) {
	attack.Tell(t, "body-lost",
		"All devices of a body are destroyed; the other body opens footage alone, and new devices of the lost body try on old footage.",
		"Nothing that was sealed to the lost keys opens ever again; recording goes on with new devices once the roots have put them on the roster.")
	w := newWorld(t)
	f := w.film("square", filmed)
	for _, id := range []city.Slug{"ombudsman-1", "ombudsman-2"} {
		w.devices[id].Close()
		dir, anchor := w.paths(id)
		w.must(nil, errors.Join(os.RemoveAll(dir), anchor.remove()))
		if _, err := Unlock(dir, anchor, passphrase); city.KindOf(err) != city.NotFound {
			t.Errorf("%s: %v", id, err)
		}
	}
	d := w.devices["court-1"]
	r := w.request(d, w.ask(), f)
	x, _ := w.approve(d, r)
	for _, answers := range [][]map[canonical.Hash]token.Share{{x}, {x, x}} {
		if _, err := w.open(f, r.entry.ID, answers...); err == nil {
			t.Error("the court alone opened it")
		}
	}
	// New devices with new keys, rostered by the root: recording goes on with them, old footage stays shut.
	again := newWorldOf(t, "again")
	g := again.film("square", filmed)
	if g.header.EpochKeys[1] == f.header.EpochKeys[1] {
		t.Error("the new body has the old keys")
	}
	old := again.devices["ombudsman-1"]
	_, state := old.rewrap(record{header: f.header, sealed: f.record(share.Ombudsman)[len(f.header.Bytes()):]}, nil)
	if state != token.NoKey {
		t.Errorf("new keys and old footage: %v", state)
	}
}

// A body is silent: no answer, no keys for later days. The other one's answer is
// nothing alone, and how many days of keys are left can be seen in time.
func TestAttackBodySilent(t *testing.T) {
	attack.Tell(t, "body-silent",
		"A body answers no request and makes no more keys; the other one opens without it, or with an empty answer.",
		"There is no key without its half, and how many days of keys are left is told in time.")
	w := newWorld(t)
	d := w.devices["ombudsman-1"]
	if n := d.Left("short", "2026-12-01"); n != 83 {
		t.Errorf("%d days left", n)
	}
	if n := d.Left("short", "2027-02-22"); n != 0 {
		t.Errorf("%d days left after the last", n)
	}
	f := w.film("square", filmed)
	court := w.devices["court-1"]
	r := w.request(court, w.ask(), f)
	x, _ := w.approve(court, r)
	if _, err := w.open(f, r.entry.ID, x); err == nil {
		t.Error("opened without the silent body")
	}
	if _, err := w.open(f, r.entry.ID, x, map[canonical.Hash]token.Share{}); err == nil {
		t.Error("opened with an empty answer of the silent body")
	}
}

// weekly is an audit of what lies on the recorder.
func (w *world) weekly(d *Device, at time.Time, films ...film) *requested {
	w.t.Helper()
	n := w.log(&entry.Alarm{At: canonical.At(at), What: "clock"})
	checkpoint := w.pub.Checkpoint(at, 1, 2)
	r := &requested{kind: token.Audit, parts: token.Parts{Body: d.state.Body, Consistency: w.consistency(d.state.Seen, checkpoint), Proof: w.pub.Inclusion(n, checkpoint)}}
	for _, f := range films {
		r.records = append(r.records, f.record(d.state.Body))
	}
	return r
}

func TestTheTokenIsOfThisLogAndOffice(t *testing.T) {
	w := newWorld(t)
	f := w.film("square", filmed)
	d := w.devices["court-1"]
	other := w.Roster.Roster
	other.Log.Origin = "espoo.example/log"
	e, details, err := token.New(&other, w.ask(), w.Devices["police-1"].Key)
	w.must(e, err)
	r := w.requestFor(d, e, details, w.log(e), asked, f)
	_, err = d.Examine(r.file(t))
	refused(t, err, Log)
	e, details, err = token.New(&w.Roster.Roster, w.ask(), w.Devices["court-2"].Key) // not the office's key
	w.must(e, err)
	r = w.requestFor(d, e, details, w.log(e), asked, f)
	_, err = d.Examine(r.file(t))
	refused(t, err, Token)
	a := w.ask()
	a.Office, a.Device = "court", "court-2" // a body that asks itself
	e, details, err = token.New(&w.Roster.Roster, a, w.Devices["court-2"].Key)
	w.must(e, err)
	r = w.requestFor(d, e, details, w.log(e), asked, f)
	_, err = d.Examine(r.file(t))
	refused(t, err, Token)
}

func TestNothingIsApprovedWithoutItsCode(t *testing.T) {
	w := newWorld(t)
	d := w.devices["court-1"]
	req, err := d.Examine(w.request(d, w.ask(), w.film("square", filmed)).file(t))
	w.must(req, err)
	var out bytes.Buffer
	for _, typed := range []string{"", "yes", strings.Replace(req.Code(), "-", "x", 1), req.Words()} {
		if _, err := d.Approve(req, typed, &out); city.KindOf(err) != city.Forbidden {
			t.Errorf("%q: %v", typed, err)
		}
	}
	if out.Len() > 0 || len(d.state.Uses) > 0 {
		t.Error("something was used or written")
	}
	a, err := d.Refuse(req, "scope-too-wide", &out)
	w.must(a, err)
	if _, _, err := token.ReadAnswer(&out, &w.Roster.Roster, nil); err != nil {
		t.Error(err)
	}
}
