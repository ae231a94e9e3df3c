package street_test

import (
	"testing"
	"time"

	"polity/services/traffic/control"
	"polity/services/traffic/control/adaptive"
	"polity/services/traffic/network"
	"polity/services/traffic/plan"
	"polity/services/traffic/rsmp"
	"polity/services/traffic/safety"
	"polity/services/traffic/street"
)

func corridor(t *testing.T) *network.Network {
	t.Helper()
	n, err := street.Corridor("Harbour Street", "Mill Lane", "Church Lane", "Market Lane", "Station Lane")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestTheCorridorsPlansAreSafe(t *testing.T) {
	for _, j := range corridor(t).Junctions {
		for i := range j.Plans {
			c := plan.Present(j, &j.Plans[i], nil)
			for _, d := range c.Check(j) {
				t.Errorf("%s: %s: %s", j.ID, j.Plans[i].ID, d)
			}
		}
	}
}

// run lets a controller rule the street for some minutes, with a guard at each junction.
func run(t *testing.T, n *network.Network, c control.Controller, minutes int) *street.Street {
	t.Helper()
	s, err := street.New(street.Config{Network: n, Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	shown, out := make([]safety.Aspects, len(n.Junctions)), make([]control.Decision, len(n.Junctions))
	var guards []*safety.Guard
	for _, j := range n.Junctions {
		g, err := safety.New(j)
		if err != nil {
			t.Fatal(err)
		}
		guards = append(guards, g)
	}
	for range minutes * 60 {
		now := time.Duration(s.Now()) * time.Second
		seen := s.See(200, 50)
		r := control.Reading{At: now, Passed: seen.Passed, Inside: seen.Inside, Standing: seen.Standing, Waiting: seen.Waiting}
		for _, list := range seen.Lanes {
			var row []control.Vehicle
			for _, v := range list {
				row = append(row, control.Vehicle{Distance: v.Distance, Speed: v.Speed, Length: v.Length})
			}
			r.Lanes = append(r.Lanes, row)
		}
		c.Decide(now, &r, shown, out)
		var letters []string
		for i, j := range n.Junctions {
			shown[i] = guards[i].Step(now, out[i].Want, j.All())
			letters = append(letters, rsmp.Letters(len(j.Groups), shown[i]))
		}
		s.Step(letters)
	}
	return s
}

// TestTheSamePeopleUnderTwoControls: who comes does not depend on the signals, the street
// carries them under both, and what the signals do makes a difference.
func TestTheSamePeopleUnderTwoControls(t *testing.T) {
	n := corridor(t)
	fixed, err := control.NewFixed(n, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	smart, err := adaptive.New(n, control.Sight{Before: 200, Beyond: 50}, adaptive.Default())
	if err != nil {
		t.Fatal(err)
	}
	a, b := run(t, n, fixed, 20).Figures(), run(t, n, smart, 20).Figures()
	t.Logf("fixed %+v\nadaptive %+v", a, b)
	if a.Trips.Count < 400 || a.Trips.Mean < 10 || a.Held > 150 {
		t.Errorf("the street does not carry its traffic under the fixed plan: %+v", a)
	}
	if b.Trips.Mean >= 0.95*a.Trips.Mean || b.Walks.Mean > a.Walks.Mean {
		t.Errorf("adaptive control saves nothing: %+v against %+v", b, a)
	}
	if all := run(t, n, silence{}, 1).Figures(); all.Trips.Count != 0 {
		t.Errorf("%d passed four junctions that were red all the time", all.Trips.Count)
	}
}

// silence wishes for red everywhere; the guard still serves whoever waits, within two minutes.
type silence struct{}

func (silence) Name() string { return "red" }
func (silence) Decide(_ time.Duration, _ *control.Reading, _ []safety.Aspects, out []control.Decision) {
	clear(out)
}
