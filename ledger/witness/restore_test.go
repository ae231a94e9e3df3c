package witness

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// TestARestoredBackup puts an older state back. What another folder, a request or the
// log's public checkpoint shows of our own signatures raises it again.
func TestARestoredBackup(t *testing.T) {
	l := newTree(t).grow("a", 30)
	evil := l.fork()
	evil.size, evil.hashes = 12, evil.hashes[:tlog.StoredHashCount(12)]
	evil.grow("b", 18)
	k, h, d := testKey(t), newHand(), newDisk()
	w := newWitness(t, k, l, d, h)
	post(t, w.Handler(), l.ask(0, 10))
	backup := d.kept[origin]
	h.pass(time.Minute)
	_, line, _ := post(t, w.Handler(), l.ask(10, 20))
	public := l.checkpoint(20) + line

	d.kept[origin] = backup
	w = newWitness(t, k, l, d, h)
	if err := w.Learn([]byte(public)); err != nil {
		t.Fatal(err)
	}
	if code, _, _ := post(t, w.Handler(), evil.ask(10, 25)); code != 409 {
		t.Errorf("a fork after the backup: %d", code)
	}

	d.kept[origin] = backup
	w = newWitness(t, k, l, d, h)
	if code, text, _ := post(t, w.Handler(), body(10, nil, public)); code != 409 || text != "20\n" {
		t.Errorf("our own signature in a request: %d %s", code, text)
	}
	for name, signed := range map[string]string{
		"nobody's": "", "the log's alone": l.checkpoint(30), "cut": public[:len(public)-10], "of another text": strings.Replace(public, "\n20\n", "\n29\n", 1),
	} {
		if err := w.Learn([]byte(signed)); err == nil || w.States()[0].Size != 20 {
			t.Errorf("%s taught something: %v, %+v", name, err, w.States())
		}
	}

	// Our key was used elsewhere: nothing more is signed with these folders.
	forged := evil.text(20)
	forged = evil.checkpoint(20) + k.Cosign(forged, h.now)
	if err := w.Learn([]byte(forged)); err == nil || len(d.forks) != 1 {
		t.Errorf("%v, %d proofs", err, len(d.forks))
	}
	for _, data := range d.forks {
		f, err := ParseFork(data)
		if err != nil {
			t.Fatal(err)
		}
		if found, err := f.Verify([]note.Verifier{l.vkey}, []Verifier{k.Verifier}); err != nil || len(found.Witnesses) != 1 {
			t.Errorf("%+v, %v", found, err)
		}
	}
}
