package network

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Times of signal groups where nothing else is known.
const (
	// MinGreen is RiLSA 2010 (German guidelines for signals), 2.5: five seconds.
	MinGreen = 5 * time.Second
	// MinWalk is the shortest green for people on foot: MUTCD 2009, 4E.06, allows
	// four to seven seconds.
	MinWalk = 5 * time.Second
	// MaxRed is how long a movement that somebody waits for stays red at most: RiLSA
	// 2010, 2.4, bounds the cycle by 120 s.
	MaxRed = 120 * time.Second
	// WalkingSpeed in metres per second for clearing a crossing: RiLSA 2010, 2.6.
	WalkingSpeed = 1.2
)

// AmberFor returns the amber time for an approach with this speed limit: 3 s up to
// 50 km/h, 4 s up to 60, 5 s above (RiLSA 2010, 2.5).
func AmberFor(speed float64) time.Duration {
	switch kmh := speed * 3.6; {
	case kmh <= 50.5:
		return 3 * time.Second
	case kmh <= 60.5:
		return 4 * time.Second
	}
	return 5 * time.Second
}

// build forms the junction's groups from its signals and plans, then the conflicts,
// intergreens and stages. Foes and yields tell for two signals whether their ways
// cross and whether the first must give way.
func (n *Network) build(index int, foes, yields func(a, b int) bool, errorf func(string, ...any) error) error {
	j := n.Junctions[index]
	if err := n.formGroups(j, errorf); err != nil {
		return err
	}
	count := len(j.Groups)
	j.Conflicts, j.Yields, j.Traps = make([]Set, count), make([]Set, count), make([]Set, count)
	for a := range j.Groups {
		for b := range j.Groups {
			if a == b {
				continue
			}
			foe, yield := false, false
			for _, x := range j.Groups[a].Signals {
				for _, y := range j.Groups[b].Signals {
					foe = foe || foes(x, y) || foes(y, x)
					yield = yield || foes(x, y) && yields(x, y)
				}
			}
			if !foe {
				continue
			}
			if !j.planned(a, b) {
				j.Conflicts[a] = j.Conflicts[a].With(b)
			} else if yield {
				j.Yields[a] = j.Yields[a].With(b)
			}
		}
	}
	// Crossing ways exclude one another, whichever of the two the table names.
	for a := range j.Groups {
		for b := range j.Conflicts[a].All() {
			j.Conflicts[b] = j.Conflicts[b].With(a)
		}
	}
	for a := range j.Groups {
		j.Yields[a] &^= j.Conflicts[a]
		for b := range j.Yields[a].All() {
			for _, x := range j.Groups[a].Signals {
				for _, y := range j.Groups[b].Signals {
					if foes(x, y) && yields(x, y) {
						j.Signals[x].YieldsTo = append(j.Signals[x].YieldsTo, y)
						if n.turns(j, x, Left) && n.turns(j, y, Straight) {
							j.Traps[a] = j.Traps[a].With(b)
						}
					}
				}
			}
		}
	}
	j.setIntergreens()
	j.formStages()
	return nil
}

// turns tells whether one of a signal's links turns that way.
func (n *Network) turns(j *Junction, signal int, way Turn) bool {
	for _, l := range j.Signals[signal].Links {
		if n.Links[l].Turn == way {
			return true
		}
	}
	return false
}

// planned tells whether the junction's own plans show groups a and b green
// together: its engineer took that for safe, one giving way to the other.
func (j *Junction) planned(a, b int) bool {
	x, y := j.Groups[a].Signals[0], j.Groups[b].Signals[0]
	for _, p := range j.Plans {
		for _, ph := range p.Phases {
			if green(ph.State[x]) && green(ph.State[y]) {
				return true
			}
		}
	}
	return false
}

func green(letter byte) bool { return letter == 'G' || letter == 'g' }

// formGroups puts signals into one group that come from the same street section,
// show the same in all phases of all plans, or are one crossing each.
func (n *Network) formGroups(j *Junction, errorf func(string, ...any) error) error {
	byKey := map[string]int{}
	for i := range j.Signals {
		sig := &j.Signals[i]
		if len(sig.Links) == 0 && sig.Crossing < 0 {
			continue
		}
		column, from := j.column(i), ""
		switch {
		case !strings.ContainsAny(column, "Gg"):
			return errorf("junction %s: signal %d never gets green in any plan, so whoever waits there waits for ever", j.ID, i)
		case sig.Crossing >= 0:
			from = j.Crossings[sig.Crossing].ID
		default:
			from = n.Lanes[n.Links[sig.Links[0]].From].Edge
		}
		sig.TurnOnRed = strings.ContainsRune(column, 's')
		sig.AlwaysFree = strings.Trim(column, "Gg") == ""
		key := from + "|" + strings.ReplaceAll(column, "g", "G")
		g, ok := byKey[key]
		if !ok {
			g = len(j.Groups)
			byKey[key] = g
			j.Groups = append(j.Groups, Group{})
		}
		sig.Group = g
		grp := &j.Groups[g]
		grp.Signals = append(grp.Signals, i)
		if sig.Crossing >= 0 {
			grp.Kind = Pedestrians
		}
		for _, l := range sig.Links {
			if lane := n.Links[l].From; !slices.Contains(grp.Lanes, lane) {
				grp.Lanes = append(grp.Lanes, lane)
			}
		}
	}
	if len(j.Groups) == 0 {
		return errorf("junction %s: its signals control no lane and no crossing", j.ID)
	}
	if len(j.Groups) > MaxGroups {
		return errorf("junction %s has %d signal groups; at most %d are supported", j.ID, len(j.Groups), MaxGroups)
	}
	for g := range j.Groups {
		n.describe(j, &j.Groups[g])
	}
	return nil
}

func (j *Junction) column(signal int) string {
	var b strings.Builder
	for _, p := range j.Plans {
		for _, ph := range p.Phases {
			b.WriteByte(ph.State[signal])
		}
	}
	return b.String()
}

// describe names a group and gives it its times.
func (n *Network) describe(j *Junction, g *Group) {
	if g.Kind == Pedestrians {
		c := j.Crossings[j.Signals[g.Signals[0]].Crossing]
		g.Name = "crossing " + c.ID
		g.Timing = Timing{MinGreen: MinWalk, MaxRed: MaxRed}
		return
	}
	slices.Sort(g.Lanes)
	speed := 0.0
	turns := map[Turn]bool{}
	for _, s := range g.Signals {
		for _, l := range j.Signals[s].Links {
			turns[n.Links[l].Turn] = true
			speed = max(speed, n.Lanes[n.Links[l].From].Speed)
		}
	}
	var names []string
	for t, name := range map[Turn]string{Straight: "straight", Left: "left", Right: "right", Around: "around"} {
		if turns[t] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	g.Name = fmt.Sprintf("%s %s", n.Lanes[g.Lanes[0]].Edge, strings.Join(names, "+"))
	amber := j.plannedAmber(g.Signals[0])
	if amber == 0 {
		amber = AmberFor(speed)
	}
	g.Timing = Timing{MinGreen: MinGreen, Amber: amber, MaxRed: MaxRed}
}

// plannedAmber returns the longest amber that a plan gives the signal, 0 if none.
func (j *Junction) plannedAmber(signal int) time.Duration {
	var longest time.Duration
	for _, p := range j.Plans {
		for _, ph := range p.Phases {
			if c := ph.State[signal]; c == 'y' || c == 'Y' {
				longest = max(longest, ph.Duration)
			}
		}
	}
	return longest
}

// SetAmber gives all groups for vehicles this amber and intergreen, as a study does
// that compares controllers under equal terms.
func (n *Network) SetAmber(amber time.Duration) {
	for _, j := range n.Junctions {
		for g := range j.Groups {
			if j.Groups[g].Kind == Vehicles {
				j.Groups[g].Timing.Amber = amber
			}
		}
		j.setIntergreens()
	}
}

// setIntergreens sets the time between conflicting greens: amber, or for a crossing
// the time to clear it at WalkingSpeed.
func (j *Junction) setIntergreens() {
	j.Intergreen = make([][]time.Duration, len(j.Groups))
	for a := range j.Groups {
		j.Intergreen[a] = make([]time.Duration, len(j.Groups))
		clear := j.Groups[a].Timing.Amber
		if j.Groups[a].Kind == Pedestrians {
			clear = j.clearance(a)
		}
		for b := range j.Conflicts[a].All() {
			j.Intergreen[a][b] = clear
		}
	}
}

// clearance returns the time in which somebody who has just stepped onto the
// crossing of group g reaches the other side, in whole seconds.
func (j *Junction) clearance(g int) time.Duration {
	length := 0.0
	for _, s := range j.Groups[g].Signals {
		length = max(length, j.Crossings[j.Signals[s].Crossing].Length)
	}
	return time.Duration(length/WalkingSpeed+0.999) * time.Second
}

// maxStages bounds what is enumerated for one junction.
const maxStages = 64

// formStages lists the maximal sets of groups that may be green together, those of
// the junction's own plans first.
func (j *Junction) formStages() {
	seen := map[Set]bool{}
	for _, p := range j.Plans {
		for _, ph := range p.Phases {
			set, amber := j.StateGroups(ph.State)
			if set == 0 || amber != 0 || seen[set] || !j.Compatible(set) {
				continue
			}
			seen[set] = true
			j.Stages = append(j.Stages, Stage{Groups: set, Plan: true})
		}
	}
	var cliques, protected []Set
	all := j.all()
	j.cliques(j.Conflicts, 0, all, 0, &cliques)
	// A movement that need not give way discharges faster: stages in which nobody
	// must are stages of their own.
	alone := make([]Set, len(j.Groups))
	for a := range alone {
		alone[a] |= j.Conflicts[a] | j.Yields[a]
		for b := range j.Yields[a].All() {
			alone[b] = alone[b].With(a)
		}
	}
	for a := range alone {
		for b := range alone[a].All() {
			if j.Groups[a].Kind != j.Groups[b].Kind && !j.Conflicts[a].Has(b) {
				alone[a] = alone[a].Without(b) // people on foot cross beside turning cars
			}
		}
	}
	j.cliques(alone, 0, all, 0, &protected)
	cliques = append(cliques, protected...)
	slices.SortStableFunc(cliques, func(a, b Set) int { return cmp.Compare(b.Len(), a.Len()) })
	for _, c := range cliques {
		if len(j.Stages) >= maxStages {
			break
		}
		if !seen[c] {
			seen[c] = true
			j.Stages = append(j.Stages, Stage{Groups: c})
		}
	}
}

// MaximalSets returns the sets of groups that may be green together and to which no
// group can be added.
func (j *Junction) MaximalSets() []Set {
	var out []Set
	j.cliques(j.Conflicts, 0, j.all(), 0, &out)
	return out
}

// all returns the set of all groups.
func (j *Junction) all() Set {
	if len(j.Groups) == MaxGroups {
		return ^Set(0)
	}
	return Set(1)<<len(j.Groups) - 1
}

// cliques collects the maximal sets of groups none of which are apart (Bron and
// Kerbosch 1973).
func (j *Junction) cliques(apart []Set, chosen, candidates, done Set, out *[]Set) {
	if candidates == 0 {
		if done == 0 {
			*out = append(*out, chosen)
		}
		return
	}
	if len(*out) >= 4096 {
		return
	}
	pivot := -1
	for g := range (candidates | done).All() {
		if pivot < 0 || (candidates&^apart[g]).Len() > (candidates&^apart[pivot]).Len() {
			pivot = g
		}
	}
	for g := range (candidates & (apart[pivot] | SetOf(pivot))).All() {
		compatible := ^apart[g] &^ SetOf(g)
		j.cliques(apart, chosen.With(g), candidates&compatible, done&compatible, out)
		candidates, done = candidates.Without(g), done.With(g)
	}
}

// Compatible tells whether no two groups of the set conflict.
func (j *Junction) Compatible(set Set) bool {
	for g := range set.All() {
		if g >= len(j.Groups) || set&j.Conflicts[g] != 0 {
			return false
		}
	}
	return true
}

// Untrapped returns target less the groups that must end now because one ends that
// gives way to them. Whoever waits inside the junction to turn left takes his own
// amber for the end of the oncoming green too; if that went on, he would be trapped
// (the yellow trap, MUTCD 2009, 4D.05; FHWA Signal Timing Manual 2008, 4.3.3), and
// in a simulation the junction locks.
func (j *Junction) Untrapped(shown, target Set) Set {
	for ending := shown &^ target; ending != 0; {
		var more Set
		for a := range ending.All() {
			more |= j.Traps[a] & shown & target
		}
		target &^= more
		ending = more
	}
	return target
}

// StateGroups returns the groups that a plan's state shows green and amber.
func (j *Junction) StateGroups(state string) (greens, ambers Set) {
	for i := range j.Signals {
		g := j.Signals[i].Group
		if g < 0 || i >= len(state) {
			continue
		}
		switch state[i] {
		case 'G', 'g':
			greens = greens.With(g)
		case 'y', 'Y':
			ambers = ambers.With(g)
		}
	}
	return greens, ambers
}
