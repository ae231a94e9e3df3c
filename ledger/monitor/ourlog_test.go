package monitor

import (
	"context"
	"net/http/httptest"
	"testing"
	"time"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/entry"
	"polity/ledger/log"
)

// TestTheCitysOwnLog runs the city's log with three witnesses and a monitor in processes
// of their own. One witness may be gone; with two gone nothing is public, and everything
// is once one is back.
func TestTheCitysOwnLog(t *testing.T) {
	w, e := newTownNow(t), newEars(t)
	var at []log.Witness
	var witnesses []*process
	for i := range 3 {
		p := startWitness(t, w, i)
		witnesses = append(witnesses, p)
		at = append(at, log.Witness{Name: city.Slug("witness-" + string(rune('1'+i))), URL: p.address})
	}
	l, err := log.Open(log.Config{Dir: t.TempDir(), Signer: w.city.Log.Signer(), Roster: w.city.Roster, Witnesses: at, Batch: 5 * time.Millisecond, Publish: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	h := l.Handler()
	s := httptest.NewServer(h)
	defer s.Close()
	n := 0
	add := func(more int) {
		t.Helper()
		for range more {
			if _, err := l.Append(context.Background(), &entry.Decision{At: canonical.At(w.now), By: "program", Commitment: sum("own", n), Outcome: "proposed", Service: "traffic"}); err != nil {
				t.Fatal(err)
			}
			n++
		}
	}
	add(5)
	m := start(t, part{Folder: t.TempDir(), Address: s.URL, Roster: string(w.city.Roster.File()), Webhook: e.URL, Listen: "127.0.0.1:0", Peers: []string{witnesses[0].address, witnesses[1].address, witnesses[2].address}})
	m.reads(t, n)
	witnesses[0].kill()
	add(5)
	m.reads(t, n)
	witnesses[1].kill()
	add(5)
	time.Sleep(time.Second) // some tries to publish
	if c, err := l.Checkpoint(); err != nil || c.Size != int64(n-5) {
		t.Errorf("public without a quorum: %+v, %v", c, err)
	}
	start(t, witnesses[0].part)
	m.reads(t, n)
	add(300)
	m.reads(t, n)
	select {
	case a := <-e.heard:
		t.Errorf("an honest log, and people were told %+v", a)
	default:
	}
}
