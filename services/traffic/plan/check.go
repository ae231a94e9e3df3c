package plan

import (
	"fmt"
	"slices"
	"strings"

	"polity/services/traffic/network"
)

// Check lists what is wrong with a timetable for a junction, each in a sentence with
// the groups and the seconds: greens of groups that conflict, intergreens that are too
// short, greens too short or too long, reds longer than the junction's limit, a
// crossing that cannot be cleared in time, a yellow trap, a group that is not there or
// never green. An empty list means none of these.
func Check(j *network.Junction, t Timetable) []string {
	c := checker{j: j, t: &t, index: map[string]int{}}
	for g := range j.Groups {
		c.index[j.GroupID(g)] = g
	}
	if t.Junction != j.ID {
		c.say("the plan is for junction %s, not %s", t.Junction, j.ID)
	}
	for _, id := range t.groups() {
		if _, ok := c.index[id]; !ok {
			c.say("there is no group %s; there are %s", id, strings.Join(c.ids(), ", "))
		}
	}
	for g := range j.Groups {
		c.group(g)
	}
	for a := range j.Groups {
		for b := range j.Conflicts[a].All() {
			if a < b {
				c.together(a, b)
			}
			c.between(a, b)
		}
		for b := range j.Traps[a].All() {
			c.trap(a, b)
		}
	}
	return c.found
}

type checker struct {
	j     *network.Junction
	t     *Timetable
	index map[string]int
	found []string
}

func (c *checker) say(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(c.found, text) {
		c.found = append(c.found, text)
	}
}

func (c *checker) ids() []string {
	var ids []string
	for g := range c.j.Groups {
		ids = append(ids, c.j.GroupID(g))
	}
	return ids
}

func (c *checker) name(g int) string {
	return fmt.Sprintf("%s (%s)", c.j.GroupID(g), c.j.Groups[g].Name)
}

func (c *checker) windows(g int) []Window { return c.t.Greens[c.j.GroupID(g)] }

// group looks at the greens and reds of one group.
func (c *checker) group(g int) {
	windows, timing := c.windows(g), c.j.Groups[g].Timing
	if len(windows) == 0 {
		c.say("%s is never green", c.name(g))
		return
	}
	for i, w := range windows {
		length := c.t.lasts(w[0], w[1])
		always := length >= c.t.Cycle-1e-9
		if least := timing.MinGreen.Seconds(); length < least-1e-9 {
			c.say("%s is green for %s s from %s s; its minimum is %s s", c.name(g), number(length), number(w[0]), number(least))
		}
		if most := timing.MaxGreen.Seconds(); most > 0 && length > most+1e-9 && c.j.Conflicts[g] != 0 {
			c.say("%s is green for %s s from %s s; its maximum is %s s", c.name(g), number(length), number(w[0]), number(most))
		}
		for k, o := range windows {
			if i != k && (c.t.within(w[0], w[1], o[0]) || always) {
				c.say("%s has two greens that overlap, from %s s and from %s s", c.name(g), number(w[0]), number(o[0]))
			}
		}
		if always {
			continue
		}
		red := c.t.Cycle // until its next green
		for _, o := range windows {
			red = min(red, c.t.after(w[1], o[0]))
		}
		if most := timing.MaxRed.Seconds(); most > 0 && red > most+1e-9 {
			c.say("%s is red for %s s from %s s; its maximum is %s s", c.name(g), number(red), number(w[1]), number(most))
		}
		if amber := timing.Amber.Seconds(); amber > 0 && red < amber+1-1e-9 {
			c.say("%s becomes green again %s s after its green ended at %s s; it needs %s s of amber and a second of red", c.name(g), number(red), number(w[1]), number(amber))
		}
	}
}

// together finds conflicting greens.
func (c *checker) together(a, b int) {
	for _, x := range c.windows(a) {
		for _, y := range c.windows(b) {
			var from float64
			switch {
			case c.t.within(x[0], x[1], y[0]):
				from = y[0]
			case c.t.within(y[0], y[1], x[0]):
				from = x[0]
			default:
				continue
			}
			to := x[1]
			if c.t.lasts(from, y[1]) < c.t.lasts(from, x[1]) {
				to = y[1]
			}
			c.say("%s and %s conflict, and both are green from %s s to %s s", c.name(a), c.name(b), number(from), number(to))
		}
	}
}

// between finds intergreens that are too short, and crossings that cannot be cleared.
func (c *checker) between(a, b int) {
	needed := c.j.Intergreen[a][b].Seconds()
	clearing := 0.0
	metres := 0.0
	if c.j.Groups[a].Kind == network.Pedestrians {
		for _, s := range c.j.Groups[a].Signals {
			metres = max(metres, c.j.Crossings[c.j.Signals[s].Crossing].Length)
		}
		clearing = metres / network.WalkingSpeed
	}
	for _, x := range c.windows(a) {
		for _, y := range c.windows(b) {
			if c.t.within(x[0], x[1], y[0]) || c.t.within(y[0], y[1], x[1]) {
				continue // together says it
			}
			gap := c.t.after(x[1], y[0])
			walk := ""
			if clearing > 0 && gap < clearing-1e-9 {
				walk = fmt.Sprintf("to clear %s m at %s m/s takes %s s", number(metres), number(network.WalkingSpeed), number(clearing))
			}
			switch {
			case gap < needed-1e-9:
				if walk != "" {
					walk = "; " + walk
				}
				c.say("%s ends at %s s and %s begins at %s s: %s s between, the intergreen is %s s, %s s too short%s", c.name(a), number(x[1]), c.name(b), number(y[0]), number(gap), number(needed), number(needed-gap), walk)
			case walk != "":
				c.say("%s ends at %s s and %s begins at %s s: %s s between; %s", c.name(a), number(x[1]), c.name(b), number(y[0]), number(gap), walk)
			}
		}
	}
}

// trap finds greens of oncoming traffic that go on when who gives way to it ends.
func (c *checker) trap(a, b int) {
	for _, x := range c.windows(a) {
		if c.t.lasts(x[0], x[1]) >= c.t.Cycle-1e-9 {
			continue
		}
		for _, y := range c.windows(b) {
			before := x[1] - 0.05
			if before < 0 {
				before += c.t.Cycle
			}
			if c.t.within(y[0], y[1], before) && c.t.within(y[0], y[1], x[1]) {
				c.say("%s ends at %s s while %s, to which it gives way, stays green until %s s: who waits to turn is trapped (yellow trap)", c.name(a), number(x[1]), c.name(b), number(y[1]))
			}
		}
	}
}
