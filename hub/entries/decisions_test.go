package entries_test

import (
	"testing"
	"time"

	"polity/hub/entries"
	"polity/ledger/canonical"
	"polity/room/decision"
)

// TestADecisionsEntryOpens: who has salt and value can show what an entry is about; the
// person's name is in neither.
func TestADecisionsEntryOpens(t *testing.T) {
	s := decision.Logged{N: 1, At: time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC), Service: "traffic", ID: "plan-3", Reason: "The queue grows.", State: decision.Accepted, Person: true, Salt: [32]byte{1}}
	e, value, err := entries.Decision(&s)
	if err != nil || e == nil {
		t.Fatal(e, err)
	}
	const want = `{"at":"2026-12-01T12:00:00Z","by":"person","decision":"plan-3","outcome":"accepted","reason":"The queue grows.","service":"traffic"}`
	if string(value) != want || e.Commitment != canonical.Commit(s.Salt, []byte(want)) || e.Service != "traffic" || e.Outcome != "accepted" {
		t.Errorf("%s, %+v", value, e)
	}
	again, _, err := entries.Decision(&s)
	if err != nil || *again != *e {
		t.Error("another entry for the same step: the log would have both")
	}
	s.State = decision.Expired
	if e, _, err := entries.Decision(&s); e != nil || err != nil {
		t.Errorf("%+v, %v", e, err)
	}
}
