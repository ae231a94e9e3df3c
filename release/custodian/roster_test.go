package custodian

import (
	"testing"

	"polity/ledger/roster"
)

// TestRostersThatADeviceHasAreNoReasonToRefuse: a file brings what the slowest device of the
// body needs.
func TestRostersThatADeviceHasAreNoReasonToRefuse(t *testing.T) {
	w := newWorld(t)
	d := w.devices["court-1"]
	r := w.request(d, w.ask(), w.film("square", filmed))
	var files [][]byte
	at := w.Roster
	for version := 2; version <= 3; version++ {
		next := w.Plain()
		next.Version = version
		files = append(files, w.Sign(next))
		var err error
		at, err = at.Next(files[len(files)-1])
		w.must(at, err)
	}
	r.parts.Rosters = files[:1]
	_, err := d.Examine(r.file(t))
	w.must(nil, err)
	r.parts.Rosters = files
	for range 2 { // the second time it has both
		_, err := d.Examine(r.file(t))
		w.must(nil, err)
		if d.roster.Version != 3 {
			t.Errorf("it has roster %d", d.roster.Version)
		}
	}
	// One that goes on from nothing that the device has is none of those.
	gap := w.Plain()
	gap.Version = 5
	r.parts.Rosters = [][]byte{w.Sign(gap)}
	_, err = d.Examine(r.file(t))
	refused(t, err, Roster)
	if _, err := roster.First(r.parts.Rosters[0]); err != nil {
		t.Error(err)
	}
}
