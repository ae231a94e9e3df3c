package casefile_test

import (
	"testing"

	"polity/city"
	"polity/ledger/roster"
	"polity/ledger/roster/rostertest"
	casefile "polity/release/case"
)

// successors are rosters 2 to n of a city, each with another quorum.
func successors(t *testing.T, c *rostertest.City, n int) (files [][]byte, newest *roster.Signed) {
	t.Helper()
	newest = c.Roster
	for version := 2; version <= n; version++ {
		r := c.Plain()
		r.Version, r.Quorum = version, 2+(version+1)%2
		files = append(files, c.Sign(r))
		var err error
		if newest, err = newest.Next(files[len(files)-1]); err != nil {
			t.Fatal(err)
		}
	}
	return files, newest
}

// TestAnOfficeFollowsRosters takes the rosters that the hub gives, and no other.
func TestAnOfficeFollowsRosters(t *testing.T) {
	s := newScene(t)
	versions := func() int { r, err := s.office.Roster(); s.must(err); return r.Version }
	if n, err := s.office.Follow(t.Context(), s.web); n != 0 || err != nil || versions() != 1 {
		t.Errorf("with none that follows: %d, %v", n, err)
	}
	files, newest := successors(t, s.City, 4)

	other := rostertest.New("another city's root")
	r := other.Plain()
	r.Version = 2
	s.hub.Rosters = [][]byte{other.Sign(r)}
	if n, err := s.office.Follow(t.Context(), s.web); n != 0 || city.KindOf(err) != city.Forbidden || versions() != 1 {
		t.Errorf("signed by another root: %d, %v, version %d", n, err, versions())
	}
	s.hub.Rosters = [][]byte{files[1]} // one is left out
	if n, err := s.office.Follow(t.Context(), s.web); n != 0 || err == nil || versions() != 1 {
		t.Errorf("with a version left out: %d, %v", n, err)
	}
	s.hub.Rosters = files
	if n, err := s.office.Follow(t.Context(), s.web); n != 3 || err != nil || versions() != 4 {
		t.Errorf("three that follow: %d, %v, version %d", n, err, versions())
	}
	again, err := casefile.Open(s.office.Dir())
	s.must(err)
	if _, err := again.Follow(t.Context(), s.web); err != nil {
		t.Error(err)
	}
	if list := again.Rosters(); len(list) != 4 || string(list[3].File()) != string(newest.File()) {
		t.Errorf("kept are %d", len(list))
	}
}

// TestACaseGoesByTheNewestRoster is fetched with a roster that came after its token.
func TestACaseGoesByTheNewestRoster(t *testing.T) {
	s := newScene(t)
	c := s.submitted("square")
	files, newest := successors(t, s.City, 2)
	s.hub.Rosters = files
	if _, err := c.Fetch(t.Context(), s.web); err == nil {
		t.Error("two cosignatures count, where roster 2 asks for three")
	}
	if r, err := s.office.Roster(); err != nil || r.Version != newest.Version {
		t.Errorf("roster %v, %v", r, err)
	}
}
