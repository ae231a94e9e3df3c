package docket_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"polity/city"
	"polity/ledger/canonical"
	"polity/recording/share"
	"polity/release/docket"
	"polity/release/token"
)

// holding is a request to hold, as an office submits it.
func (w *world) holding() *token.Submission {
	w.t.Helper()
	d, err := token.HoldDetails("HEL 2026-012345", "POL 2026/77", []city.Slug{"bridge", "square"}, w.filmed, w.filmed.Add(time.Minute))
	w.must(err)
	s, err := token.SubmitHold(&w.Roster.Roster, d)
	w.must(err)
	return s
}

// hold has a body's device answer it.
func (w *world) hold(body share.Body, s *token.Submission) []byte {
	w.t.Helper()
	var file, answer bytes.Buffer
	_, err := w.docket.HoldFile(w.t.Context(), body, s, &file)
	w.must(err)
	d := w.devices[body]
	h, err := d.ExamineHold(bytes.NewReader(file.Bytes()))
	w.must(err)
	_, err = d.Hold(h, h.Code(), "appeal", canonical.Day(time.Now().UTC().AddDate(0, 2, 0).Format(time.DateOnly)), &answer)
	w.must(err)
	return answer.Bytes()
}

// TestWhatIsHeldOutlastsItsRetention: both bodies hold, the edge's disk lets go, and a
// token still opens it.
func TestWhatIsHeldOutlastsItsRetention(t *testing.T) {
	w := newWorld(t)
	now := time.Now()
	w.cfg.Now = func() time.Time { return now }
	w.must(w.docket.Close())
	w.open()
	s := w.holding()
	for i, body := range share.Bodies {
		answer := w.hold(body, s)
		if i == 0 { // the hub loses its power in between
			w.docket.CrashAt(func(step string) error {
				if step == "hold appended" {
					return errCrash
				}
				return nil
			})
			if _, err := w.docket.Held(t.Context(), bytes.NewReader(answer)); !errors.Is(err, errCrash) {
				t.Fatal(err)
			}
			w.must(w.docket.Close())
			w.open()
		}
		for range 2 {
			e, err := w.docket.Held(t.Context(), bytes.NewReader(answer))
			if err != nil || e.Count != 8 {
				t.Fatalf("%+v, %v", e, err)
			}
		}
	}
	w.cfg.Recordings.(*disk).away = city.Errorf(city.Unavailable, "the edge is away")
	if err := w.docket.Tend(t.Context()); city.KindOf(err) != city.Unavailable {
		t.Errorf("while the edge is away: %v", err)
	}
	w.cfg.Recordings.(*disk).away = nil
	w.must(w.docket.Tend(t.Context()))
	w.recorder.Now = now.Add(48 * time.Hour)
	w.must(w.recorder.Store.Tend())
	files := func() int {
		list, err := os.ReadDir(filepath.Join(w.cfg.Path, "held"))
		w.must(err)
		return len(list)
	}
	if files() != 8 {
		t.Fatalf("%d segments are held", files())
	}
	a := w.ask()
	sub, _ := w.submission(a)
	id, err := w.docket.Submit(t.Context(), "aino", sub)
	w.must(err)
	w.isPublic(id, func(c *docket.Case) bool { return c.Public })
	for _, body := range share.Bodies {
		w.must(w.docket.Answer(t.Context(), id, bytes.NewReader(w.approve(body, w.request(id, body)))))
	}
	w.isPublic(id, (*docket.Case).Granted)
	list, err := w.docket.Segments(t.Context(), id)
	if err != nil || len(list) != 8 {
		t.Fatalf("%d segments, %v", len(list), err)
	}
	w.opens(id)
	var b, rest bytes.Buffer
	w.must(w.docket.Ciphertext(t.Context(), id, list[5].Camera, list[5].Name, 0, &b))
	w.must(w.docket.Ciphertext(t.Context(), id, list[5].Camera, list[5].Name, 50, &rest))
	if n, err := w.docket.Size(t.Context(), list[5].Camera, list[5].Name); err != nil || n != int64(b.Len()) {
		t.Errorf("its size is %d, %v", n, err)
	}
	if got := w.seen(id, b.Bytes()); got != "pictures of square1" || !bytes.Equal(rest.Bytes(), b.Bytes()[50:]) {
		t.Errorf("the office sees %q", got)
	}
	now = now.AddDate(0, 3, 0)
	w.must(w.docket.Tend(t.Context()))
	if files() != 0 {
		t.Errorf("after the hold is over %d segments are there", files())
	}
	fails(t, w.docket.Ciphertext(t.Context(), id, list[5].Camera, list[5].Name, 0, &b), city.NotFound, "any more")
}

func TestWhatIsNoRequestToHold(t *testing.T) {
	w := newWorld(t)
	id := w.submitted() // so that the log has something public
	approval := w.approve(share.Court, w.request(id, share.Court))
	ask := func(change func(*token.Submission)) error {
		s := w.holding()
		change(s)
		_, err := w.docket.HoldFile(t.Context(), share.Court, s, new(bytes.Buffer))
		return err
	}
	fails(t, ask(func(s *token.Submission) { s.Entry = []byte("{}") }), city.Invalid, "submit this one as a case")
	fails(t, ask(func(s *token.Submission) { s.Cameras = nil }), city.Invalid, "0 cameras")
	fails(t, ask(func(s *token.Submission) { s.Details = s.Details[:100] }), city.Invalid, "no age file")
	fails(t, ask(func(s *token.Submission) { s.From, s.To = "2026-10-01T00:00:00Z", "2026-10-01T01:00:00Z" }), city.NotFound, "nothing to hold")
	_, err := w.docket.Held(t.Context(), bytes.NewReader(approval))
	fails(t, err, city.Invalid, "no answer to a request to hold")
	answer := w.hold(share.Court, w.holding())
	fails(t, w.docket.Answer(t.Context(), id, bytes.NewReader(answer)), city.Invalid, "no answer to a case")
	w.must(w.docket.Close())
	w.cfg.Path += "-new"
	w.open()
	_, err = w.docket.Held(t.Context(), bytes.NewReader(answer))
	fails(t, err, city.Invalid, "no request to hold had")
}
