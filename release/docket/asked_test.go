package docket_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"polity/city"
	"polity/ledger/canonical"
	"polity/recording/share"
	"polity/release/docket"
)

// TestCiphertextOfACaseStaysAsLongAsItsShares: both bodies approve, and the officer opens
// after the edge has let the segments go, before the epoch keys are due.
func TestCiphertextOfACaseStaysAsLongAsItsShares(t *testing.T) {
	for _, refused := range []bool{false, true} {
		w := newWorld(t)
		now := time.Now()
		w.cfg.Now = func() time.Time { return now }
		w.must(w.docket.Close())
		w.open()
		files := func() int {
			list, err := os.ReadDir(filepath.Join(w.cfg.Path, "held"))
			w.must(err)
			return len(list)
		}
		class, ok := w.Roster.Class(w.recorder.Class)
		if !ok {
			t.Fatal("the recorder's class is in no roster")
		}
		over := w.filmed.Add(time.Duration(class.Hours) * time.Hour)
		due := canonical.Day(w.filmed.Format(time.DateOnly)).Time().Add(24*time.Hour + time.Duration(class.Hours)*time.Hour)

		a := w.ask()
		a.Expires = over.Add(time.Hour)
		sub, _ := w.submission(a)
		id, err := w.docket.Submit(t.Context(), "aino", sub)
		w.must(err)
		w.isPublic(id, func(c *docket.Case) bool { return c.Public })
		requests := map[share.Body][]byte{}
		for _, body := range share.Bodies {
			requests[body] = w.request(id, body)
		}
		w.must(w.docket.Tend(t.Context()))
		if files() != 0 {
			t.Fatalf("%d segments were fetched that their edge keeps", files())
		}
		answer := w.approve(share.Court, requests[share.Court])
		w.must(w.docket.Answer(t.Context(), id, bytes.NewReader(answer)))
		if answer = w.approve(share.Ombudsman, requests[share.Ombudsman]); refused {
			answer = w.refuse(share.Ombudsman, requests[share.Ombudsman])
		}
		w.must(w.docket.Answer(t.Context(), id, bytes.NewReader(answer)))
		if !refused {
			w.isPublic(id, (*docket.Case).Granted)
		}
		now = over.Add(-time.Hour)
		w.must(w.docket.Tend(t.Context()))
		if refused {
			if files() != 0 {
				t.Errorf("%d segments are kept of a case that a body refused", files())
			}
			continue
		}
		if files() != 8 {
			t.Fatalf("%d segments are kept", files())
		}
		now = over.Add(5 * time.Minute)
		w.recorder.Now = now
		w.must(w.recorder.Store.Tend())
		w.must(w.docket.Tend(t.Context()))
		list, err := w.docket.Segments(t.Context(), id)
		if err != nil || len(list) != 8 {
			t.Fatalf("%d segments, %v", len(list), err)
		}
		w.opens(id)
		var b bytes.Buffer
		w.must(w.docket.Ciphertext(t.Context(), id, list[5].Camera, list[5].Name, 0, &b))
		if got := w.seen(id, b.Bytes()); got != "pictures of square1" {
			t.Errorf("the office sees %q", got)
		}
		now = due.Add(time.Minute)
		w.must(w.docket.Tend(t.Context()))
		if files() != 0 {
			t.Errorf("once the epoch keys are due %d segments are there", files())
		}
		fails(t, w.docket.Ciphertext(t.Context(), id, list[5].Camera, list[5].Name, 0, &b), city.NotFound, "any more")
	}
}

// TestTheSegmentThatCoversTheBeginning is asked for, and none before it.
func TestTheSegmentThatCoversTheBeginning(t *testing.T) {
	w := newWorld(t)
	a := w.ask()
	a.Cameras, a.From = []city.Slug{"square"}, w.filmed.Add(24*time.Second) // when the last segment ends
	sub, _ := w.submission(a)
	id, err := w.docket.Submit(t.Context(), "aino", sub)
	w.must(err)
	w.isPublic(id, func(c *docket.Case) bool { return c.Public })
	_, err = w.docket.Request(t.Context(), id, share.Court, new(bytes.Buffer))
	fails(t, err, city.NotFound, "nothing is left")
	for after, want := range map[time.Duration]int{0: 4, 2 * time.Second: 4, 6 * time.Second: 3, 8 * time.Second: 3, 23 * time.Second: 1, 40 * time.Second: 0} {
		a := w.ask()
		a.Cameras, a.From = []city.Slug{"square"}, w.filmed.Add(after)
		sub, _ := w.submission(a)
		id, err := w.docket.Submit(t.Context(), "aino", sub)
		if want == 0 {
			fails(t, err, city.NotFound, "")
			continue
		}
		w.must(err)
		w.isPublic(id, func(c *docket.Case) bool { return c.Public })
		r, err := w.devices[share.Court].Examine(bytes.NewReader(w.request(id, share.Court)))
		if err != nil || r.Segments != want {
			t.Errorf("%s after the first begins: %d segments, %v; want %d", after, r.Segments, err, want)
		}
		if list, err := w.docket.Segments(t.Context(), id); err != nil || len(list) != want {
			t.Errorf("%s after the first begins: the office gets %d, %v; want %d", after, len(list), err, want)
		}
	}
}
