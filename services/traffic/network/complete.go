package network

import (
	"fmt"
	"slices"
	"strings"

	"polity/city"
)

// Complete finishes a network that was put together elsewhere: lanes, links and
// junctions with their signals, groups, conflicts, yields, traps, intergreens and
// plans. It works out what follows from those (who arrives where, the lanes of the
// groups, who gives way at which signal, the stages) and refuses what refers to
// something that is not there or must not be run. The error names all of it.
func Complete(n *Network) error {
	var problems []string
	say := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	n.checkReferences(say)
	if len(problems) > 0 {
		return refuse(n, problems)
	}
	n.index()
	for i, j := range n.Junctions {
		before := len(problems)
		j.checkSignals(i, n, say)
		j.checkPlans(say)
		if len(problems) > before {
			continue
		}
		for _, d := range Dangers(j) {
			say("junction %s: %s", j.ID, d)
		}
		for _, p := range j.Plans {
			for _, d := range j.conflictingGreens(p) {
				say("junction %s: plan %s: %s", j.ID, p.ID, d)
			}
		}
		if len(problems) == before {
			j.Stages = nil
			j.formStages()
		}
	}
	if len(problems) > 0 {
		return refuse(n, problems)
	}
	return nil
}

func refuse(n *Network, problems []string) error {
	const most = 20
	text := strings.Join(problems[:min(most, len(problems))], "\n  ")
	if len(problems) > most {
		text += fmt.Sprintf("\n  and %d more", len(problems)-most)
	}
	if len(problems) == 1 {
		return city.Errorf(city.Invalid, "%s: %s", n.Name, text)
	}
	return city.Errorf(city.Invalid, "%s: %d things are wrong:\n  %s", n.Name, len(problems), text)
}

func (n *Network) checkReferences(say func(string, ...any)) {
	seen := map[string]bool{}
	once := func(what, id string) {
		if id == "" {
			say("a %s has no id", what)
		} else if seen[what+id] {
			say("%s %s is there twice", what, id)
		}
		seen[what+id] = true
	}
	for i := range n.Lanes {
		l := &n.Lanes[i]
		once("lane", l.ID)
		if !(l.Length > 0) || l.Length > 1e6 || !(l.Speed > 0) || l.Speed > 200 {
			say("lane %s: length %g m and speed %g m/s must be above 0, and at most 1000 km and 200 m/s", l.ID, l.Length, l.Speed)
		}
	}
	for _, j := range n.Junctions {
		once("junction", j.ID)
	}
	for i, l := range n.Links {
		if l.From < 0 || l.From >= len(n.Lanes) || l.To < 0 || l.To >= len(n.Lanes) {
			say("link %d joins lanes that are not there", i)
		}
		if l.Junction < -1 || l.Junction >= len(n.Junctions) {
			say("link %d belongs to a junction that is not there", i)
		} else if l.Junction >= 0 && (l.Signal < 0 || l.Signal >= len(n.Junctions[l.Junction].Signals)) {
			say("link %d has the signal %d, which junction %s has not", i, l.Signal, n.Junctions[l.Junction].ID)
		}
	}
}

// checkSignals ties signals, groups and lanes together.
func (j *Junction) checkSignals(index int, n *Network, say func(string, ...any)) {
	count := len(j.Groups)
	switch {
	case count == 0:
		say("junction %s has no signal groups", j.ID)
		return
	case count > MaxGroups:
		say("junction %s has %d signal groups; at most %d are supported", j.ID, count, MaxGroups)
		return
	case len(j.Conflicts) != count || len(j.Yields) != count || len(j.Traps) != count || len(j.Intergreen) != count:
		say("junction %s: conflicts, yields, traps or intergreens do not cover its %d groups", j.ID, count)
		return
	}
	for s := range j.Signals {
		j.Signals[s].Links = nil
	}
	for l := range n.Links {
		if n.Links[l].Junction == index {
			s := &j.Signals[n.Links[l].Signal]
			s.Links = append(s.Links, l)
		}
	}
	for g := range j.Groups {
		j.Groups[g].Signals, j.Groups[g].Lanes = nil, nil
	}
	for s := range j.Signals {
		sig := &j.Signals[s]
		switch {
		case sig.Group < 0 && len(sig.Links) == 0 && sig.Crossing < 0:
			continue // an unused index
		case sig.Group < 0 || sig.Group >= count:
			say("junction %s: signal %d belongs to no group", j.ID, s)
			return
		case sig.Crossing >= len(j.Crossings):
			say("junction %s: signal %d is for a crossing that is not there", j.ID, s)
			return
		case (len(sig.Links) > 0) == (sig.Crossing >= 0):
			say("junction %s: signal %d (%s) must be for lanes or for a crossing", j.ID, s, j.GroupID(sig.Group))
			return
		}
		g := &j.Groups[sig.Group]
		if (g.Kind == Pedestrians) != (sig.Crossing >= 0) {
			say("junction %s: signal %d of %s is not for %s", j.ID, s, j.GroupID(sig.Group), g.Kind)
		}
		g.Signals = append(g.Signals, s)
		for _, l := range sig.Links {
			if lane := n.Links[l].From; !slices.Contains(g.Lanes, lane) {
				g.Lanes = append(g.Lanes, lane)
			}
		}
		for _, y := range sig.YieldsTo {
			if y < 0 || y >= len(j.Signals) || j.Signals[y].Group < 0 {
				say("junction %s: signal %d gives way to signal %d, which is not there", j.ID, s, y)
				return
			}
		}
	}
	for g := range j.Groups {
		slices.Sort(j.Groups[g].Lanes)
		if len(j.Groups[g].Signals) == 0 {
			say("junction %s: %s (%s) has no signal", j.ID, j.GroupID(g), j.Groups[g].Name)
		}
	}
}

// checkPlans looks at the form of the plans.
func (j *Junction) checkPlans(say func(string, ...any)) {
	if len(j.Plans) == 0 {
		say("junction %s has no signal plan", j.ID)
	}
	var ever Set
	for _, p := range j.Plans {
		if p.Cycle() <= 0 {
			say("junction %s: plan %s has a cycle of no time: give its phases durations", j.ID, p.ID)
		}
		for i, ph := range p.Phases {
			if len(ph.State) != len(j.Signals) || strings.Trim(ph.State, "GgyYrRusoO") != "" {
				say("junction %s: plan %s: phase %d has the state %q; it must have %d letters of GgyYrRusoO", j.ID, p.ID, i, ph.State, len(j.Signals))
				return
			}
			if ph.Duration < 0 {
				say("junction %s: plan %s: phase %d lasts %v", j.ID, p.ID, i, ph.Duration)
			}
			greens, _ := j.StateGroups(ph.State)
			ever |= greens
		}
	}
	for g := range j.Groups {
		if len(j.Plans) > 0 && !ever.Has(g) {
			say("junction %s: no plan ever shows green to %s (%s), so whoever waits there waits for ever", j.ID, j.GroupID(g), j.Groups[g].Name)
		}
	}
}

// conflictingGreens lists the groups that a plan shows green or amber together though
// they conflict.
func (j *Junction) conflictingGreens(p Plan) []string {
	var list []string
	seen := map[[2]int]bool{}
	for i, ph := range p.Phases {
		greens, ambers := j.StateGroups(ph.State)
		lit := greens | ambers
		for a := range lit.All() {
			for b := range (lit & j.Conflicts[a]).All() {
				if a < b && !seen[[2]int{a, b}] {
					seen[[2]int{a, b}] = true
					list = append(list, fmt.Sprintf("phase %d lights %s (%s) and %s (%s) together, which conflict", i, j.GroupID(a), j.Groups[a].Name, j.GroupID(b), j.Groups[b].Name))
				}
			}
		}
	}
	return list
}
