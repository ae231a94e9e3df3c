package docket_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"polity/city"
	"polity/internal/attack"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/recording/share"
	"polity/release/docket"
	"polity/release/token"
)

var errCrash = errors.New("the power went")

// TestAttackCrashRelease lets the hub lose its power at each step of a release: what
// the docket then has on its disk is all that is left. The office and the bodies' people do
// again what was not acknowledged. Nothing is lost, nothing stands in the log twice.
func TestAttackCrashRelease(t *testing.T) {
	attack.Tell(t, "crash-release",
		"the hub loses its power at each step from a submission to the handing out, to lose an entry or have it in the log twice",
		"each step is on disk before the next begins, what is stored is appended at the next start, and the log gives the same entry the same index")
	w := newWorld(t)
	var steps []string
	w.docket.CrashAt(func(step string) error { steps = append(steps, step); return nil })
	w.release()
	if len(steps) != 3+2*4 {
		t.Fatalf("a release has the steps %v", steps)
	}
	for n, step := range steps {
		crashed := false
		i := 0
		w.docket.CrashAt(func(string) error {
			if i++; i-1 != n {
				return nil
			}
			crashed = true
			w.cfg.Path = copied(t, w.cfg.Path) // as it is on the disk now
			return errCrash
		})
		id := w.release()
		if !crashed {
			t.Fatalf("step %d, %s: it did not crash", n, step)
		}
		if got := w.entriesOf(id); got["release-requested"] != 1 || got["release-approved"] != 2 {
			t.Errorf("after a crash at step %d, %s: the log has %v", n, step, got)
		}
		if list, err := w.docket.Cases(t.Context()); err != nil || len(list) != n+2 || !list[0].Granted() {
			t.Errorf("after a crash at step %d, %s: %d cases, %v", n, step, len(list), err)
		}
	}
}

// release goes from a submission to the footage. Whatever fails by a crash is done again
// with what the people have on their sticks, once the hub was started again.
func (w *world) release() canonical.Hash {
	w.t.Helper()
	again := func(do func() error) {
		w.t.Helper()
		for range 3 {
			err := do()
			if err == nil {
				return
			}
			if !errors.Is(err, errCrash) {
				w.t.Fatal(err)
			}
			w.must(w.docket.Close())
			w.open()
		}
		w.t.Fatal("it does not get on")
	}
	s, e := w.submission(w.ask())
	var id canonical.Hash
	again(func() (err error) { id, err = w.docket.Submit(w.t.Context(), "aino", s); return err })
	if id != e.ID {
		w.t.Fatal("another id")
	}
	w.isPublic(id, func(c *docket.Case) bool { return c.Public })
	answers := map[share.Body][]byte{}
	for _, body := range share.Bodies {
		var file bytes.Buffer
		again(func() error {
			file.Reset()
			_, err := w.docket.Request(w.t.Context(), id, body, &file)
			return err
		})
		answers[body] = w.approve(body, file.Bytes())
		again(func() error { return w.docket.Answer(w.t.Context(), id, bytes.NewReader(answers[body])) })
	}
	c := w.isPublic(id, (*docket.Case).Granted)
	for _, body := range share.Bodies {
		var b bytes.Buffer
		w.must(w.docket.WriteAnswer(w.t.Context(), id, body, &b))
		if !bytes.Equal(b.Bytes(), answers[body]) || c.Answers[body].Words != token.Words([32]byte(b.Bytes()[b.Len()-32:])) {
			w.t.Errorf("the answer of %s is another one", body)
		}
	}
	list, err := w.docket.Segments(w.t.Context(), id)
	w.must(err)
	w.opens(id)
	var b bytes.Buffer
	w.must(w.docket.Ciphertext(w.t.Context(), id, list[0].Camera, list[0].Name, 0, &b))
	if got := w.seen(id, b.Bytes()); got != "pictures of bridge0" {
		w.t.Errorf("the office sees %q", got)
	}
	return id
}

// TestWhatACrashLeftIsTakenUpAtTheStart: nobody has to ask again for what was stored.
func TestWhatACrashLeftIsTakenUpAtTheStart(t *testing.T) {
	w := newWorld(t)
	s, _ := w.submission(w.ask())
	w.docket.CrashAt(func(step string) error {
		if step == "ask stored" {
			return errCrash
		}
		return nil
	})
	if _, err := w.docket.Submit(t.Context(), "aino", s); !errors.Is(err, errCrash) {
		t.Fatal(err)
	}
	w.must(w.docket.Close())
	w.open()
	list, err := w.docket.Cases(t.Context())
	if err != nil || len(list) != 1 || list[0].Index < 0 {
		t.Fatalf("%+v, %v", list, err)
	}
	if n := w.entriesOf(list[0].ID); n["release-requested"] != 1 {
		t.Errorf("the log has %v", n)
	}
	id := list[0].ID
	w.isPublic(id, func(c *docket.Case) bool { return c.Public })
	answer := w.approve(share.Ombudsman, w.request(id, share.Ombudsman))
	w.docket.CrashAt(func(step string) error {
		if step == "answer stored" {
			return errCrash
		}
		return nil
	})
	if err := w.docket.Answer(t.Context(), id, bytes.NewReader(answer)); !errors.Is(err, errCrash) {
		t.Fatal(err)
	}
	w.must(w.docket.Close())
	w.open()
	w.isPublic(id, func(c *docket.Case) bool { return c.Answers[share.Ombudsman].Public })
	if n := w.entriesOf(id); n[entry.Type("release-approved")] != 1 {
		t.Errorf("the log has %v", n)
	}
}

// changed is a log whose roster lost the devices that signed: it takes nothing of theirs.
type changed struct{ docket.Log }

func (changed) Append(context.Context, entry.Entry) (int64, error) {
	return 0, city.Errorf(city.Invalid, "the device is not in the roster")
}

// TestARosterThatChangedDuringACrash: what is in the log counts, what is not goes, and the
// body's other device answers.
func TestARosterThatChangedDuringACrash(t *testing.T) {
	for step, in := range map[string]bool{"answer stored": false, "answer appended": true} {
		w := newWorld(t)
		id := w.submitted()
		answer := w.approve(share.Court, w.request(id, share.Court))
		w.docket.CrashAt(func(s string) error {
			if s == step {
				return errCrash
			}
			return nil
		})
		if err := w.docket.Answer(t.Context(), id, bytes.NewReader(answer)); !errors.Is(err, errCrash) {
			t.Fatal(err)
		}
		w.must(w.docket.Close())
		w.cfg.Log = changed{w.public}
		w.open()
		c, err := w.docket.Case(t.Context(), id)
		w.must(err)
		if a := c.Answers[share.Court]; (a.State == docket.Approved) != in || (a.Index >= 0) != in || (a.Words != "") != in {
			t.Errorf("crash at %s: %+v", step, a)
		}
		w.must(w.docket.Close())
		w.cfg.Log = w.public
		w.open()
		w.must(w.docket.Answer(t.Context(), id, bytes.NewReader(answer)))
		if n := w.entriesOf(id); n["release-approved"] != 1 {
			t.Errorf("crash at %s: the log has %v", step, n)
		}
	}
	// The same for a token.
	w := newWorld(t)
	s, _ := w.submission(w.ask())
	w.docket.CrashAt(func(string) error { return errCrash })
	if _, err := w.docket.Submit(t.Context(), "aino", s); !errors.Is(err, errCrash) {
		t.Fatal(err)
	}
	w.must(w.docket.Close())
	w.cfg.Log = changed{w.public}
	w.open()
	if list, err := w.docket.Cases(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
}
