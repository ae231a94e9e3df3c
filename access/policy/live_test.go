package policy

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"polity/access"
	"polity/city"
)

// office is a city that changes its policies.
type office struct {
	cfg Config
	at  time.Time
	*Live
}

func newOffice(t *testing.T) *office {
	t.Helper()
	dir := t.TempDir()
	o := &office{at: time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)}
	o.cfg = Config{Folder: filepath.Join(dir, "policies"), Book: filepath.Join(dir, "policies.jsonl"), Now: func() time.Time { return o.at }}
	o.start(t)
	t.Cleanup(func() { o.Close() })
	return o
}

func (o *office) start(t *testing.T) {
	t.Helper()
	if o.Live != nil {
		o.Close()
	}
	l, err := Open(o.cfg)
	if err != nil {
		t.Fatal(err)
	}
	o.Live = l
}

// fails says why the office cannot start.
func (o *office) fails(t *testing.T) error {
	t.Helper()
	o.Close()
	l, err := Open(o.cfg)
	if err == nil {
		l.Close()
		t.Error("it started")
	}
	return err
}

func (o *office) propose(t *testing.T, files ...File) Proposal {
	t.Helper()
	p, err := o.Propose(admin, files, "correction")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var (
	admin     = access.Who{Kind: access.Person, ID: "admin", Roles: []access.Role{access.IT}}
	officer   = access.Who{Kind: access.Person, ID: "officer", Roles: []access.Role{access.DataProtection}}
	both      = access.Who{Kind: access.Person, ID: "both", Roles: []access.Role{access.IT, access.DataProtection}}
	quietFile = File{"quiet.cedar", quiet}
	looker    = forPurpose(inArea(access.AllAreas))
)

func (o *office) looksAtYard() bool {
	return o.Decide(looker, access.LookLive, access.Camera("hospital-yard"), access.Circumstances{}).Allowed
}

func is(t *testing.T, err error, kind city.Kind, says string) {
	t.Helper()
	if err == nil || city.KindOf(err) != kind || !strings.Contains(err.Error(), says) {
		t.Errorf("got %v (%v), not %v with %q", err, city.KindOf(err), kind, says)
	}
}

func TestTwoPeopleChangeAPolicy(t *testing.T) {
	o := newOffice(t)
	p := o.propose(t, quietFile)
	if !o.looksAtYard() || !slices.Equal(p.Changed(), []string{"quiet.cedar"}) || p.Void {
		t.Fatalf("a proposal took effect, or is %+v", p)
	}
	is(t, o.Approve(t.Context(), admin, p.Number), city.Forbidden, "ask an administrator")
	if err := o.Approve(t.Context(), officer, p.Number); err != nil {
		t.Fatal(err)
	}
	if o.looksAtYard() {
		t.Error("an approved policy is not in effect")
	}
	is(t, o.Approve(t.Context(), officer, p.Number), city.NotFound, "no open proposal")
	entries, _ := o.Log()
	last := entries[len(entries)-1]
	if len(entries) != 3 || last.By != "officer" || last.Proposal != p.Number || last.Old != Hash(nil) || last.New != Hash([]File{quietFile}) || entries[1].Files[0].Text != quiet {
		t.Errorf("the book says %+v", entries)
	}
	o.start(t)
	if o.looksAtYard() || len(o.Proposals()) != 0 {
		t.Error("after a restart it is not in effect")
	}
	if files, err := ReadFolder(o.cfg.Folder); err != nil || !slices.Equal(files, []File{quietFile}) {
		t.Errorf("the folder holds %v, %v", files, err)
	}
	for _, name := range []string{o.cfg.Book, filepath.Join(o.cfg.Folder, "quiet.cedar")} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}

func TestWhoMayChangePolicies(t *testing.T) {
	o := newOffice(t)
	door := admin
	door.Door = true
	for name, who := range map[string]access.Who{
		"public": {}, "officer": officer, "operator": looker, "the door": door,
		"program": program(access.ProposePolicy), "auditor": person(access.Auditor, access.IT),
	} {
		if _, err := o.Propose(who, []File{quietFile}, "correction"); city.KindOf(err) != city.Forbidden {
			t.Errorf("%s proposes: %v", name, err)
		}
	}
	p, err := o.Propose(both, []File{quietFile}, "correction")
	if err != nil {
		t.Fatal(err)
	}
	is(t, o.Approve(t.Context(), both, p.Number), city.Forbidden, "your own")
	is(t, o.Refuse(t.Context(), both, p.Number), city.Forbidden, "your own")
	door = officer
	door.Door = true
	is(t, o.Approve(t.Context(), door, p.Number), city.Forbidden, "passkey")
	is(t, o.Withdraw(officer, p.Number), city.Forbidden, "not yours")
	is(t, o.Withdraw(access.Who{Kind: access.Program, ID: "both"}, p.Number), city.Forbidden, "person")
	if err := o.Withdraw(both, p.Number); err != nil {
		t.Error(err)
	}
	is(t, o.Approve(t.Context(), officer, p.Number), city.NotFound, "no open")
	p = o.propose(t, quietFile)
	if err := o.Refuse(t.Context(), officer, p.Number); err != nil {
		t.Error(err)
	}
	if entries, _ := o.Log(); !o.looksAtYard() || entries[4].What != Refused || entries[2].What != Withdrawn {
		t.Errorf("%+v", entries)
	}
	is(t, o.Refuse(t.Context(), officer, 1), city.NotFound, "no open")
	is(t, o.Refuse(t.Context(), officer, -1), city.NotFound, "no open")
}

// TestWhoLetThemIn keeps one person from being two.
func TestWhoLetThemIn(t *testing.T) {
	o := newOffice(t)
	var failing error
	o.cfg.Inviter = func(_ context.Context, id string) (string, error) {
		return map[string]string{"officer": "admin", "third": ""}[id], failing
	}
	o.start(t)
	p := o.propose(t, quietFile)
	is(t, o.Approve(t.Context(), officer, p.Number), city.Forbidden, "third person")
	third := officer
	third.ID = "third"
	failing = errors.New("the store is away")
	is(t, o.Approve(t.Context(), third, p.Number), city.Unavailable, "away")
	failing = nil
	if err := o.Approve(t.Context(), third, p.Number); err != nil {
		t.Error(err)
	}
}

func TestBadProposals(t *testing.T) {
	o := newOffice(t)
	_, err := o.Propose(admin, []File{{"own.cedar", "permit everything;"}}, "correction")
	is(t, err, city.Invalid, "own.cedar:1")
	_, err = o.Propose(admin, []File{quietFile}, "because Ms Somebody asked")
	is(t, err, city.Invalid, "choose one of")
	_, err = o.Propose(admin, nil, "correction")
	is(t, err, city.Invalid, "nothing to change")
	_, err = o.Propose(admin, []File{{"../escape.cedar", quiet}}, "correction")
	is(t, err, city.Invalid, "no name")
	_, err = o.Propose(admin, make([]File, maxFiles+1), "correction")
	is(t, err, city.Invalid, "files")
	for range maxOpen {
		o.propose(t, quietFile)
	}
	_, err = o.Propose(admin, []File{quietFile}, "correction")
	is(t, err, city.Conflict, "open already")
	o.at = o.at.Add(ProposalLife)
	is(t, o.Approve(t.Context(), officer, 2), city.Conflict, "older than 30 days")
	old := o.propose(t, quietFile, File{"empty.cedar", "// later\n"})
	p := o.propose(t, quietFile)
	if err := o.Approve(t.Context(), officer, p.Number); err != nil {
		t.Fatal(err)
	}
	is(t, o.Approve(t.Context(), officer, old.Number), city.Conflict, "have changed since")
	if err := o.Refuse(t.Context(), officer, old.Number); err != nil {
		t.Errorf("a void proposal cannot be refused: %v", err)
	}
	o.start(t)
}

// TestFilesChangedByHand: whoever can write the files alone changes nothing.
func TestFilesChangedByHand(t *testing.T) {
	o := newOffice(t)
	p := o.propose(t, quietFile)
	if err := o.Approve(t.Context(), officer, p.Number); err != nil {
		t.Fatal(err)
	}
	// Right after an approval a missing file may be a crash, and is put back.
	if err := o.Refuse(t.Context(), officer, o.propose(t).Number); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(o.cfg.Folder, "quiet.cedar")
	for what, change := range map[string]func() error{
		"was changed": func() error {
			return os.WriteFile(file, []byte(strings.Replace(quiet, "forbid", "permit", 1)), 0o600)
		},
		"is missing": func() error { return os.Remove(file) },
		"is new":     func() error { return os.WriteFile(filepath.Join(o.cfg.Folder, "more.cedar"), []byte("//"), 0o600) },
	} {
		if err := change(); err != nil {
			t.Fatal(err)
		}
		is(t, o.Check(), city.Conflict, what)
		if o.looksAtYard() {
			t.Errorf("%s: it took effect", what)
		}
		is(t, o.fails(t), city.Conflict, what)
		if err := Restore(o.cfg); err != nil {
			t.Fatal(err)
		}
		o.start(t)
		if err := o.Check(); err != nil || o.looksAtYard() {
			t.Errorf("%s: put back: %v", what, err)
		}
	}
}

// TestCrashes ends a change between the entry and each of the files.
func TestCrashes(t *testing.T) {
	one, two := File{"one.cedar", "// one\n"}, File{"two.cedar", "// two\n"}
	changed := File{"one.cedar", "// changed\n"}
	for name, left := range map[string][]File{
		"before the first file": {one, two}, "after the first": {changed, two, quietFile}, "before the last is removed": {changed, quietFile, two},
		"when all were written": {changed, quietFile},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			for _, files := range [][]File{{one, two}, {changed, quietFile}} {
				if err := o.Approve(t.Context(), officer, o.propose(t, files...).Number); err != nil {
					t.Fatal(err)
				}
			}
			o.Close()
			if err := writeFolder(o.cfg.Folder, left); err != nil {
				t.Fatal(err)
			}
			o.start(t)
			if files, err := ReadFolder(o.cfg.Folder); err != nil || !slices.Equal(files, []File{changed, quietFile}) || o.looksAtYard() {
				t.Errorf("%v, %v", files, err)
			}
		})
	}
	t.Run("in the middle of the entry", func(t *testing.T) {
		o := newOffice(t)
		p := o.propose(t, quietFile)
		whole, err := os.ReadFile(o.cfg.Book)
		if err != nil {
			t.Fatal(err)
		}
		if err := o.Approve(t.Context(), officer, p.Number); err != nil {
			t.Fatal(err)
		}
		longer, err := os.ReadFile(o.cfg.Book)
		if err != nil {
			t.Fatal(err)
		}
		for _, length := range []int{len(whole) + 1, len(longer) - 1} {
			o.Close()
			if err := errors.Join(os.WriteFile(o.cfg.Book, longer[:length], 0o600), writeFolder(o.cfg.Folder, nil)); err != nil {
				t.Fatal(err)
			}
			o.start(t)
			if now, err := os.ReadFile(o.cfg.Book); err != nil || !bytes.Equal(now, whole) || !o.looksAtYard() || len(o.Proposals()) != 1 {
				t.Errorf("cut at %d: %q, %v", length, now, err)
			}
		}
	})
}

// TestTheBookIsChanged changes, removes, doubles and exchanges its lines.
func TestTheBookIsChanged(t *testing.T) {
	o := newOffice(t)
	if err := o.Approve(t.Context(), officer, o.propose(t, quietFile).Number); err != nil {
		t.Fatal(err)
	}
	if err := o.Refuse(t.Context(), officer, o.propose(t).Number); err != nil {
		t.Fatal(err)
	}
	o.Close()
	good, err := os.ReadFile(o.cfg.Book)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(good, []byte("\n"))
	lines = lines[:len(lines)-1]
	bad := map[string][][]byte{
		"first removed":  lines[1:],
		"one removed":    slices.Concat(lines[:2], lines[3:]),
		"one doubled":    slices.Concat(lines[:3], lines[2:]),
		"two exchanged":  {lines[0], lines[2], lines[1], lines[3], lines[4]},
		"one without by": {lines[0], lines[1], bytes.Replace(lines[2], []byte(`"by":"officer",`), nil, 1)},
		"spaces added":   {bytes.Replace(lines[0], []byte(","), []byte(", "), 1)},
		"no entry":       {[]byte("{}\n")},
	}
	_, head, _, err := readBook(t, good)
	if err != nil {
		t.Fatal(err)
	}
	for i := range good[:len(good)-1] { // the last line feed taken away is a line never ended
		changed := bytes.Clone(good)
		changed[i] ^= 1
		// Of the last line, some changes show in the head alone.
		if _, now, _, err := readBook(t, changed); err == nil && (now == head || i < len(good)-len(lines[4])) {
			t.Fatalf("byte %d (%q for %q) changed unseen", i, changed[i], good[i])
		}
	}
	for name, l := range bad {
		_, _, _, err := readBook(t, bytes.Join(l, nil))
		if city.KindOf(err) != city.Invalid || !strings.Contains(err.Error(), ".jsonl:") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.WriteFile(o.cfg.Book, slices.Concat(lines[1:]...), 0o600); err != nil {
		t.Fatal(err)
	}
	is(t, o.fails(t), city.Invalid, "put back a copy")
}

func readBook(t *testing.T, data []byte) ([]Entry, string, int64, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "book.jsonl")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return ReadBook(file)
}

func TestTheClockGoesBack(t *testing.T) {
	o := newOffice(t)
	p := o.propose(t, quietFile)
	o.at = o.at.Add(-time.Hour)
	if err := o.Approve(t.Context(), officer, p.Number); err != nil {
		t.Fatal(err)
	}
	o.start(t)
	if entries, _ := o.Log(); entries[2].At.Before(entries[1].At) {
		t.Errorf("%v", entries)
	}
}

func TestASecondWriter(t *testing.T) {
	o := newOffice(t)
	_, err := Open(o.cfg)
	is(t, err, city.Unavailable, "is the hub running?")
	is(t, Reset(o.cfg), city.Unavailable, "is the hub running?")
	is(t, Restore(o.cfg), city.Unavailable, "is the hub running?")
	if entries, head, _, err := ReadBook(o.cfg.Book); err != nil || len(entries) != 1 || len(head) != 64 {
		t.Errorf("reading beside it: %v, %v", entries, err)
	}
}

// TestReset is the way on after an update that no longer takes the city's policies.
func TestReset(t *testing.T) {
	o := newOffice(t)
	if err := o.Approve(t.Context(), officer, o.propose(t, quietFile).Number); err != nil {
		t.Fatal(err)
	}
	o.Close()
	if err := Reset(o.cfg); err != nil {
		t.Fatal(err)
	}
	o.start(t)
	entries, _ := o.Log()
	if !o.looksAtYard() || entries[len(entries)-1].What != WasReset {
		t.Errorf("%+v", entries)
	}
	if aside, err := os.ReadFile(filepath.Join(o.cfg.Folder, "quiet.cedar.aside")); err != nil || string(aside) != quiet {
		t.Errorf("%q, %v", aside, err)
	}
}

// TestTheFirstStart takes what it finds, if it is in order.
func TestTheFirstStart(t *testing.T) {
	dir := t.TempDir()
	cfg := Config{Folder: filepath.Join(dir, "policies"), Book: filepath.Join(dir, "book.jsonl")}
	if err := errors.Join(os.Mkdir(cfg.Folder, 0o700), os.WriteFile(filepath.Join(cfg.Folder, "bad.cedar"), []byte("\n\npermit me;"), 0o600)); err != nil {
		t.Fatal(err)
	}
	_, err := Open(cfg)
	is(t, err, city.Invalid, "bad.cedar:3:")
	if err := errors.Join(os.Remove(filepath.Join(cfg.Folder, "bad.cedar")), writeFolder(cfg.Folder, []File{quietFile})); err != nil {
		t.Fatal(err)
	}
	l, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if entries, _ := l.Log(); len(entries) != 1 || entries[0].What != Begun || !slices.Equal(entries[0].Files, []File{quietFile}) {
		t.Errorf("%+v", entries)
	}
}

// TestAFullDisk changes nothing, and goes on when there is room.
func TestAFullDisk(t *testing.T) {
	o := newOffice(t)
	p := o.propose(t, quietFile)
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Skip("this machine has no /dev/full: ", err)
	}
	defer full.Close()
	disk := o.book.file
	o.book.file = full
	is(t, o.Approve(t.Context(), officer, p.Number), city.Unavailable, syscall.ENOSPC.Error())
	if !o.looksAtYard() || len(o.Proposals()) != 1 {
		t.Error("something changed all the same")
	}
	// /dev/full cannot be cut either, so that nobody knows what is on the disk.
	o.book.file = disk
	is(t, o.Approve(t.Context(), officer, p.Number), city.Unavailable, "restart the hub")
	o.start(t)
	if err := o.Approve(t.Context(), officer, p.Number); err != nil || o.looksAtYard() {
		t.Errorf("after a restart: %v", err)
	}
}

// TestOneProposalIsDecidedOnce lets many decide at once, while others ask.
func TestOneProposalIsDecidedOnce(t *testing.T) {
	o := newOffice(t)
	p := o.propose(t, quietFile)
	var group sync.WaitGroup
	results := make(chan error, 20)
	for i := range cap(results) {
		group.Go(func() {
			if i%2 == 0 {
				results <- o.Approve(t.Context(), officer, p.Number)
			} else {
				results <- o.Refuse(t.Context(), officer, p.Number)
			}
			o.looksAtYard()
		})
	}
	group.Wait()
	close(results)
	n := 0
	for err := range results {
		if err == nil {
			n++
		} else if city.KindOf(err) != city.NotFound {
			t.Error(err)
		}
	}
	if entries, _ := o.Log(); n != 1 || len(entries) != 3 {
		t.Errorf("%d decided, %d entries", n, len(entries))
	}
}
