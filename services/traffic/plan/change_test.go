package plan_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"polity/city"
	"polity/services/traffic/network"
	"polity/services/traffic/plan"
	"polity/services/traffic/safety"
	"polity/services/traffic/street"
)

func made(t *testing.T) *network.Junction {
	t.Helper()
	n, err := street.Corridor("Harbour Street", "Mill Lane", "Church Lane")
	if err != nil {
		t.Fatal(err)
	}
	return n.Junctions[0]
}

// TestChangesAreCheckedBeforeAnybodySeesThem: what is safe passes, and whatever is not is told
// in the words of the junction's model.
func TestChangesAreCheckedBeforeAnybodySeesThem(t *testing.T) {
	j := made(t)
	own := plan.Present(j, &j.Plans[0], []plan.Slot{{Minute: 6 * 60, Plan: "day"}, {Minute: 20*60 + 30, Plan: "evening"}})
	if !slices.Equal(own.Bands, []int{30, 5, 20, 5}) || own.Offset != 0 || len(own.Check(j)) > 0 {
		t.Fatalf("%+v: %q", own, own.Check(j))
	}
	if w := own.Words(j); w != "phases of 30, 5, 20, 5 s, a cycle of 70 s, offset 0 s; each day day from 06:00, evening from 20:30" {
		t.Error(w)
	}
	for name, x := range map[string]struct {
		change  func(c *plan.Change)
		problem string // empty: none
	}{
		"longer":          {func(c *plan.Change) { c.Bands[0], c.Offset = 45, 80 }, ""},
		"a short walk":    {func(c *plan.Change) { c.Bands[2] = 3 }, "P1 (over the main street) is green for 3 s from"},
		"no time to walk": {func(c *plan.Change) { c.Bands[1] = 0 }, "P2 (over the side street) ends at 30 s and V3 (northbound) begins at 35 s: 5 s between, the intergreen is 7 s, 2 s too short; to clear 8 m at 1.2 m/s takes 6.7 s"},
		"a long red":      {func(c *plan.Change) { c.Bands[0] = 99 + 0; c.Bands[1] = 40 }, "its maximum is 120 s"},
		"never green":     {func(c *plan.Change) { c.Bands[2], c.Bands[3] = 0, 0 }, "V3 (northbound) is never green"},
		"beyond a band":   {func(c *plan.Change) { c.Bands[0] = 100 }, "phase 1 lasts 100 s; from 0 to 99 are possible"},
		"offset":          {func(c *plan.Change) { c.Offset = 70 }, "the offset is 70 s; it must be from 0 to below the cycle of 70 s"},
		"cycle":           {func(c *plan.Change) { c.Bands = []int{99, 99, 99, 99} }, "the cycle would be 406 s; from 10 to 255 are possible"},
		"no such phase":   {func(c *plan.Change) { c.Bands = c.Bands[1:] }, "has 4 phases that can be stretched, not 3"},
		"no such plan":    {func(c *plan.Change) { c.Plan = "night" }, "has no plan night"},
		"elsewhere":       {func(c *plan.Change) { c.Junction = "corridor-9" }, "for junction corridor-9, not corridor-1"},
		"unknown by day":  {func(c *plan.Change) { c.Day[1].Plan = "night" }, "from 20:30 on plan night would run, which junction corridor-1 does not have"},
		"order of day":    {func(c *plan.Change) { c.Day[1].Minute = 60 }, "plan evening from 01:00 on does not come after plan day from 06:00 on"},
		"no time of day":  {func(c *plan.Change) { c.Day[1].Minute = 1440 }, "minute 1440 of the day is no time"},
	} {
		c := own
		c.Bands, c.Day = slices.Clone(own.Bands), slices.Clone(own.Day)
		x.change(&c)
		found := strings.Join(c.Check(j), "\n")
		if (x.problem == "") != (found == "") || !strings.Contains(found, x.problem) {
			t.Errorf("%s: %q, want %q", name, found, x.problem)
		}
		if own.Same(&c) {
			t.Errorf("%s: the same as before", name)
		}
	}
	if _, err := (&plan.Change{Junction: j.ID, Plan: "day", Bands: []int{1, 2, 3, -4}}).Apply(j); city.KindOf(err) != city.Invalid {
		t.Errorf("a phase of less than nothing: %v", err)
	}
}

// TestAControllersOwnLeast: a phase with a least time of its own is not made shorter.
func TestAControllersOwnLeast(t *testing.T) {
	j := made(t)
	p, _ := plan.Find(j, "day")
	p.Phases[0].Min = 20e9
	c := plan.Present(j, p, nil)
	c.Bands[0] = 19
	if found := c.Check(j); len(found) != 1 || !strings.Contains(found[0], "phase 1 lasts 19 s; from 20 to 119 are possible") {
		t.Errorf("%q", found)
	}
}

// TestWhatPassesIsShown: whatever passes the check, a guard shows as the plan has it.
func TestWhatPassesIsShown(t *testing.T) {
	j := made(t)
	passed := 0
	rapid.Check(t, func(t *rapid.T) {
		c := plan.Change{Junction: j.ID, Plan: "day", Bands: rapid.SliceOfN(rapid.IntRange(0, 60), 4, 4).Draw(t, "bands")}
		if len(c.Check(j)) > 0 {
			return
		}
		passed++
		p, err := c.Apply(j)
		if err != nil {
			t.Fatal(err)
		}
		guard, err := safety.New(j)
		if err != nil {
			t.Fatal(err)
		}
		cycle, green := int(p.Cycle()/time.Second), 0
		for s := range 4 * cycle {
			at := time.Duration(s%cycle) * time.Second
			for _, ph := range p.Phases {
				if at -= ph.Duration; at < 0 {
					want, _ := j.StateGroups(ph.State)
					if shown := guard.Step(time.Duration(s)*time.Second, want, j.All()); s >= 3*cycle && shown.Green().Has(street.Main) {
						green++
					}
					break
				}
			}
		}
		if green < c.Bands[2]-2 {
			t.Fatalf("%v: who crosses the main street has %d s of %d", c.Bands, green, c.Bands[2])
		}
	})
	if passed == 0 {
		t.Error("nothing passed")
	}
}
