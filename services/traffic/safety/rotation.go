package safety

import (
	"time"

	"polity/services/traffic/network"
)

// The Guard keeps the maximum red by always holding a way out: a rotation that
// serves those who wait, in the order in which they came, bundle by bundle. A wish
// is followed as long as the rotation would still be in time afterwards; at the last
// moment the Guard takes over.
//
// Bundles are fixed sets of groups that are served together whether or not somebody
// waits for all of them. So what the rotation does until somebody is served depends
// on the signals' state and on him alone: who comes later cannot make it late for
// him, and a way out that was in time stays in time.

// margin covers that a wait is noticed at the next Step only, and shown another later.
const margin = 2 * time.Second

// deadline is when group i must be green.
func (g *Guard) deadline(s *state, i int) time.Duration {
	return s.waitingFrom[i] + g.maxRed - margin
}

// first returns the group that somebody has waited for longest, or -1.
func (g *Guard) first(s *state) int {
	first := -1
	for i := range s.waits.All() {
		if first < 0 || s.waitingFrom[i] < s.waitingFrom[first] {
			first = i
		}
	}
	return first
}

// bundles puts every group into one set of compatible groups, few sets in all.
func bundles(j *network.Junction) []network.Set {
	of := make([]network.Set, len(j.Groups))
	var done network.Set
	for done.Len() < len(j.Groups) {
		var best network.Set
		for _, st := range j.Stages {
			if fresh := st.Groups &^ done; fresh.Len() > best.Len() {
				best = fresh
			}
		}
		for i := range j.Groups { // what no stage has, and to fill up
			if !done.Has(i) && !best.Has(i) && best&j.Conflicts[i] == 0 {
				best = best.With(i)
			}
		}
		for i := range best.All() {
			of[i] = best
		}
		done |= best
	}
	return of
}

// rescue returns what the Guard shows when it takes over: the bundle of who has
// waited longest, and of the rest what need not end for it.
func (g *Guard) rescue(s *state) (target, bundle network.Set) {
	bundle = g.bundles[g.first(s)]
	target = bundle
	for i := range s.green.All() {
		if bundle&g.j.Conflicts[i] == 0 {
			target = target.With(i)
		}
	}
	return target, bundle
}

// late runs the rotation second by second from s, in which now has been shown. It
// returns the first group that would get green too late, or -1, and when the
// rotation is through.
func (g *Guard) late(s *state, now time.Duration) (group int, end time.Duration) {
	if s.waits == 0 || g.deadline(s, g.first(s))-now > g.rotation {
		return -1, now
	}
	r := *s
	for r.waits != 0 {
		now += time.Second
		g.endAmbers(&r, now)
		waited := r.waits
		target, _ := g.rescue(&r)
		g.apply(&r, now, target)
		for i := range waited.All() {
			if now > g.deadline(&r, i) {
				return i, now
			}
		}
	}
	return -1, now
}

// longestRotation bounds how long it takes to serve all groups from any state: what
// is green now may just have begun, and then every bundle needs its longest minimum
// green and the longest intergreen out of it, and a second for the change.
func (g *Guard) longestRotation() time.Duration {
	var sum, longest time.Duration
	seen := map[network.Set]bool{}
	for _, bundle := range g.bundles {
		if seen[bundle] {
			continue
		}
		seen[bundle] = true
		var green, clear time.Duration
		for i := range bundle.All() {
			green = max(green, g.j.Groups[i].Timing.MinGreen)
			clear = max(clear, g.j.Groups[i].Timing.Amber+restart)
			for _, t := range g.j.Intergreen[i] {
				clear = max(clear, t)
			}
		}
		sum += green + clear + time.Second
		longest = max(longest, green+clear+time.Second)
	}
	return sum + longest
}
