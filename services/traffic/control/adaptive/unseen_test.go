package adaptive

import (
	"testing"
	"time"

	"polity/services/traffic/control"
	"polity/services/traffic/network"
	"polity/services/traffic/safety"
)

func TestGone(t *testing.T) {
	at := func(list ...control.Vehicle) []control.Vehicle { return list }
	v := func(distance, speed float64) control.Vehicle {
		return control.Vehicle{Distance: distance, Speed: speed, Length: 5}
	}
	for name, c := range map[string]struct {
		before, after []control.Vehicle
		want          int
	}{
		"nobody":                     {nil, nil, 0},
		"stands at red":              {at(v(1, 0), v(8, 0)), at(v(1, 0), v(8, 0)), 0},
		"the first goes":             {at(v(1, 3), v(8, 2)), at(v(5, 4)), 1},
		"two in one second":          {at(v(2, 12), v(9, 12), v(40, 12)), at(v(28, 12)), 2},
		"comes nearer":               {at(v(20, 10)), at(v(10, 10)), 0},
		"too far to have gone":       {at(v(80, 10)), nil, 0},
		"one comes into sight":       {nil, at(v(90, 10)), 0},
		"goes while another appears": {at(v(1, 8)), at(v(90, 10)), 1},
	} {
		if got := gone(c.before, c.after, 1); got != c.want {
			t.Errorf("%s: %d have gone, want %d", name, got, c.want)
		}
	}
}

// drive lets vehicles pass group by group, every nth of them unseen.
func (j *junction) drive(minutes, nth int) {
	count := 0
	for range minutes * 6 {
		for g := range j.n.Junctions[0].Groups {
			if j.n.Junctions[0].Groups[g].Kind != network.Vehicles {
				continue
			}
			lane := j.n.Junctions[0].Groups[g].Lanes[0]
			count++
			if nth == 0 || count%nth != 0 {
				j.seen.Lanes[lane] = []control.Vehicle{{Distance: 3, Speed: 8, Length: 5}}
			}
			j.second()
			j.seen.Lanes[lane] = nil
			j.seen.Passed[j.n.Lanes[lane].Out[0]]++
			j.second()
		}
	}
}

func TestWhatDetectorsMiss(t *testing.T) {
	sees := newJunction(t)
	sees.drive(10, 0)
	if m := sees.c.state[0].missed; m != 0 || sees.out[0].Presumed != 0 {
		t.Errorf("detectors that see all: %.3f missed, %v presumed", m, sees.out[0].Presumed)
	}
	blind := newJunction(t)
	blind.drive(10, 5)
	m := &blind.c.state[0]
	if m.missed < 0.12 || m.missed > 0.25 {
		t.Errorf("every fifth is unseen, found %.3f", m.missed)
	}
	for g := range blind.n.Junctions[0].Groups {
		red := blind.n.Junctions[0].Groups[g].Kind == network.Vehicles && blind.shown[0].Of(g) != safety.Green
		if blind.out[0].Presumed.Has(g) != red {
			t.Errorf("%s: presumed %v, red %v", blind.n.Junctions[0].Groups[g].Name, blind.out[0].Presumed.Has(g), red)
		}
	}
}

// TestWhoIsUnseenIsServed: where detectors miss vehicles, everyone gets green within the
// longest red though nobody is seen.
func TestWhoIsUnseenIsServed(t *testing.T) {
	j := newJunction(t)
	j.drive(10, 5)
	var red [network.MaxGroups]time.Duration
	for range 900 {
		j.second()
		j.shown[0] = j.guard.Step(j.now, j.out[0].Want, j.out[0].Presumed)
		for g := range j.n.Junctions[0].Groups {
			if red[g] += time.Second; j.shown[0].Of(g) == safety.Green {
				red[g] = 0
			}
			if j.n.Junctions[0].Groups[g].Kind == network.Vehicles && red[g] > network.MaxRed {
				t.Fatalf("%s is red for %v", j.n.Junctions[0].Groups[g].Name, red[g])
			}
		}
	}
}
