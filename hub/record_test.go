package hub_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"polity/ledger/entry"
	"polity/ledger/log/interop"
	"polity/ledger/proof"
	"polity/ledger/summary"
)

// page reads an address of the hub.
func page(t *testing.T, address string) (int, []byte) {
	t.Helper()
	answer, err := http.Get(address) //nolint:noctx // the test's own hub
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // it is only read
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, data
}

// TestThePublicRecordIsTheLogs: what the hub's pages count is what anybody counts who
// verifies the log, and an independent client reads every entry; a restart reads it again.
func TestThePublicRecordIsTheLogs(t *testing.T) {
	w := newTown(t)
	l := withLedger(t, w)
	w.enter("square", "edge-1")
	w.start()
	verified(t, w.started.Address, l.Roster, 2)
	for range 2 {
		var shown summary.Summary
		var said []byte
		w.eventually("the record is summed up", func() bool {
			status, data := page(t, w.started.Address+"/record/summary.json")
			said = bytes.TrimSpace(data)
			return status == http.StatusOK && json.Unmarshal(data, &shown) == nil && shown.Entries["registration"] == 1
		})
		source, err := proof.Web(w.started.Address+"/log", nil)
		if err != nil {
			t.Fatal(err)
		}
		w.eventually("whoever verifies counts the same", func() bool {
			var facts summary.Facts
			report, err := proof.Verify(t.Context(), source, l.Roster, proof.Options{Each: facts.Add})
			if err != nil || len(report.Problems) > 0 {
				t.Fatal(err, report)
			}
			counted, err := facts.At(report.Checkpoint).Marshal()
			if err != nil {
				t.Fatal(err)
			}
			_, data := page(t, w.started.Address+"/record/summary.json")
			return bytes.Equal(bytes.TrimSpace(data), counted)
		})
		if !strings.Contains(string(said), `"camera":"square"`) {
			t.Errorf("summary %s", said)
		}
		w.stop()
		w.start()
	}

	status, data := page(t, w.started.Address+"/record/entry/1/proof")
	p, err := proof.ParseInclusion(data)
	if status != http.StatusOK || err != nil {
		t.Fatalf("status %d, %v", status, err)
	}
	if e, _, err := p.Check(&l.Roster.Roster); err != nil || p.Index != 1 || e == nil {
		t.Errorf("entry %v, %v", e, err)
	}
	w.eventually("the page is there", func() bool {
		status, _ := page(t, w.started.Address+"/record")
		return status == http.StatusOK
	})

	key, err := note.NewVerifier(l.Log.Public)
	if err != nil {
		t.Fatal(err)
	}
	c := &interop.Client{Address: w.started.Address + "/log", Key: key, HTTP: &http.Client{Timeout: time.Minute}}
	older, err := c.Tree()
	if err != nil {
		t.Fatal(err)
	}
	w.stop()
	w.enter("quay", "edge-2")
	w.start()
	c.Address = w.started.Address + "/log"
	tree := older
	w.eventually("the log grows", func() bool {
		var err error
		if tree, err = c.Tree(); err != nil {
			t.Fatal(err)
		}
		return tree.N > older.N
	})
	records, err := c.Records(tree)
	if err != nil || int64(len(records)) != tree.N {
		t.Fatalf("%d of %d records, %v", len(records), tree.N, err)
	}
	for i, r := range records {
		if _, err := entry.Decode(r); err != nil {
			t.Errorf("entry %d: %v", i, err)
		}
	}
	if err := c.Continues(older, tree); err != nil {
		t.Error(err)
	}
}

// TestNothingIsShownBeforeItIsPublic: without a quorum the record says so, and shows no
// entry.
func TestNothingIsShownBeforeItIsPublic(t *testing.T) {
	w := newTown(t)
	l := withLedger(t, w)
	for _, x := range l.Witnesses[:2] {
		x.SetDown(true)
	}
	w.enter("square", "edge-1")
	w.start()
	w.eventually("the hub has looked at the log", func() bool {
		status, _ := page(t, w.started.Address+"/record")
		return status == http.StatusNotFound
	})
	for _, path := range []string{"/record", "/record/entry/0", "/record/entry/0/entry.json", "/record/entry/0/proof", "/record/summary.json", "/record/openings.json"} {
		if status, data := page(t, w.started.Address+path); status != http.StatusNotFound || bytes.Contains(data, []byte(`"type":"registration"`)) {
			t.Errorf("%s: status %d", path, status)
		}
	}
}
