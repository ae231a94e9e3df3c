package edge_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"polity/edge"
	"polity/internal/attack"
	logged "polity/ledger/entry"
	"polity/ledger/proof"
	"polity/recording/recordtest"
	"polity/recording/share"
)

// TestAttackASilentBodysKeyIsSwapped: one body publishes no keys. Whoever runs the hub hands
// an edge with a real camera's process keys of their own in that body's name.
func TestAttackASilentBodysKeyIsSwapped(t *testing.T) {
	attack.Tell(t, "epoch-key-swapped",
		"Whoever runs the hub lays keys of their own in a body's name before a recording edge: behind the proof of a true key, signed by the other body's device, with a checkpoint without witnesses.",
		"The edge itself checks signature, inclusion and witnesses of each key; none counts, and nothing is sealed to it.")
	attack.Tell(t, "body-silent",
		"A body publishes no epoch keys, to stop the city's cameras, or so that footage is sealed to the other body alone.",
		"Recording stops, and the edge says why; the scene goes on, and not one segment is sealed to a single body.")
	s, town := recorded(t, 72, false)
	hub := &edge.Logged{Town: town.Town, Bodies: &recordtest.Bodies{Seed: "the hub's own"}}
	var court []logged.Entry
	for days := range 2 { // the test may run over midnight
		court = append(court, town.Key(t, share.Court, "short", share.Day(time.Now().AddDate(0, 0, days)), "court-1"))
	}
	town.Publish(t, s.path("keys"), court...)
	for days := range 2 {
		day := share.Day(time.Now().AddDate(0, 0, days))
		file, err := os.ReadFile(filepath.Join(s.path("keys"), "entry-0.proof"))
		if err != nil {
			t.Fatal(err)
		}
		own := hub.Key(t, share.Ombudsman, "short", day, "ombudsman-1") // as if its device's key were stolen
		byCourt := hub.Key(t, share.Ombudsman, "short", day, "ombudsman-1")
		byCourt.Device = "court-1"
		if err := logged.Sign(byCourt, town.Devices["court-1"].Key); err != nil {
			t.Fatal(err)
		}
		for name, e := range map[string]logged.Entry{"own": own, "by-court": byCourt} {
			p, err := proof.ParseInclusion(file)
			if err != nil {
				t.Fatal(err)
			}
			if p.Entry, err = logged.Encode(e); err != nil {
				t.Fatal(err)
			}
			s.write("keys/"+name+"-"+day+".proof", string(p.Marshal()))
		}
		lines := strings.SplitAfter(string(file), "\n")
		s.write("keys/uncosigned-"+day+".proof", strings.Join(lines[:len(lines)-3], ""))
	}
	s.start()
	s.eventually("recording has stopped, and that is told", func() bool { return strings.Contains(s.log.String(), "no-epoch-key") })
	s.eventually("frames are analysed", func() bool { return regexp.MustCompile(`Camera square: no detector`).MatchString(s.page("/")) })
	if n := strings.Count(s.log.String(), "a proof of an epoch key does not count"); n != 6 {
		t.Errorf("%d of 6 proofs are said not to count", n)
	}
	s.stop()
	if n := len(s.segments()); n > 0 {
		t.Errorf("%d segments were sealed", n)
	}
}
