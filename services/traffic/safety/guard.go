// Package safety stands between whoever decides about a junction's signals and the
// signals themselves. A decision is only ever a wish: the Guard turns it into
// aspects second by second and keeps, whatever it is asked for,
//
//   - that no two conflicting groups are green or amber together,
//   - the intergreen from the end of one green to the start of a conflicting one,
//   - minimum and maximum green, the minimum walk and the time to clear a crossing,
//   - that a movement somebody waits for is red no longer than its maximum red.
//
// Signals accept only an Aspects value, and only a Guard makes one with a light in
// it: there is no way around it in this program. What the Guard knows is the
// junction's model alone; it needs no detector, no network and no optimiser.
package safety

import (
	"fmt"
	"time"

	"polity/city"
	"polity/services/traffic/network"
)

// Aspect is what a signal group shows.
type Aspect byte

// The aspects.
const (
	Red Aspect = iota
	Green
	Amber
	Flashing // out of order: amber blinks, signs give the right of way
)

func (a Aspect) String() string {
	return [...]string{"red", "green", "amber", "flashing"}[a]
}

// Mode is the state of the junction as a whole.
type Mode byte

// The modes.
const (
	Starting Mode = iota // all red after power-on or reset
	Running
	Failing // a fault was found: greens end, then all is red
	Failed  // all flash until a person resets
)

func (m Mode) String() string {
	return [...]string{"starting", "running", "failing", "failed"}[m]
}

// StartUp is how long all is red after power-on, and after the greens of a failing
// junction have ended.
const StartUp = 3 * time.Second

// Aspects is what one junction shows during one second. Its zero value is all red.
type Aspects struct {
	mode   Mode
	green  network.Set
	amber  network.Set
	forced network.Set
	note   string
}

// Of returns the aspect of a group.
func (a Aspects) Of(group int) Aspect {
	switch {
	case a.mode == Failed:
		return Flashing
	case a.green.Has(group):
		return Green
	case a.amber.Has(group):
		return Amber
	}
	return Red
}

// Green returns the groups that are green.
func (a Aspects) Green() network.Set { return a.green }

// Amber returns the groups that are amber.
func (a Aspects) Amber() network.Set { return a.amber }

// Mode returns the state of the junction as a whole.
func (a Aspects) Mode() Mode { return a.mode }

// Forced returns the groups that the Guard itself makes green now because somebody
// has waited for them almost as long as is allowed.
func (a Aspects) Forced() network.Set { return a.forced }

// Note says in one sentence what of the wish the Guard did not follow, or "".
func (a Aspects) Note() string { return a.note }

// Guard watches over one junction. It serves one goroutine.
type Guard struct {
	j        *network.Junction
	bundles  []network.Set // per group, see rotation.go
	rotation time.Duration // see longestRotation
	maxRed   time.Duration // the strictest of all groups
	state    state
	mode     Mode
	since    time.Duration // of the mode
	now      time.Duration
	started  bool
	cause    string
}

// state is what the Guard knows of its groups; it is copied to look ahead.
type state struct {
	green, amber network.Set
	began        [network.MaxGroups]time.Duration // of green
	ended        [network.MaxGroups]time.Duration // of green
	waits        network.Set                      // red, and somebody waits
	waitingFrom  [network.MaxGroups]time.Duration
}

// restart is how long a group is red at least before it is green again.
const restart = time.Second

const never = -1 << 50 // long before any clock

// New makes the Guard of a junction, all red. It refuses a junction whose model is
// not safe or whose movements cannot all be served within their maximum red.
func New(j *network.Junction) (*Guard, error) {
	if problems := network.Dangers(j); len(problems) > 0 {
		return nil, city.Errorf(city.Invalid, "junction %s: %s", j.ID, problems[0])
	}
	g := &Guard{j: j, bundles: bundles(j)}
	for i := range g.state.ended {
		g.state.ended[i], g.state.began[i] = never, never
	}
	strictest := -1
	for i := range j.Groups {
		if limit := j.Groups[i].Timing.MaxRed; limit > 0 && (strictest < 0 || limit < g.maxRed) {
			strictest, g.maxRed = i, limit
		}
	}
	if strictest < 0 {
		return g, nil
	}
	g.rotation = g.longestRotation() + margin
	if g.maxRed-margin < g.rotation+StartUp {
		return nil, city.Errorf(city.Invalid, "junction %s: to serve every movement once takes up to %v, too long for the %v that %s may stay red: shorten minimum greens or intergreens, or let more movements go together",
			j.ID, g.rotation+StartUp, g.maxRed, j.Groups[strictest].Name)
	}
	return g, nil
}

// Step advances to now, a clock that only rises, wishing the groups in want to be
// green while somebody waits for the groups in demand. It returns what to show until
// the next Step.
func (g *Guard) Step(now time.Duration, want, demand network.Set) Aspects {
	if !g.started {
		g.started, g.since, g.now = true, now, now
	}
	if now < g.now {
		return g.show(0, "the clock went backwards; nothing changes until it is past "+g.now.String())
	}
	g.now = now
	g.endAmbers(&g.state, now)
	switch g.mode {
	case Starting:
		if now-g.since < StartUp {
			g.wait(&g.state, now, demand)
			return g.show(0, "all red after the start")
		}
		g.mode, g.since = Running, now
	case Failing, Failed:
		return g.failing(now)
	}
	g.wait(&g.state, now, demand)
	target, forced, note := g.target(now, want)
	g.apply(&g.state, now, target)
	g.wait(&g.state, now, demand) // who meets the end of a green waits from now on
	if fault := g.check(); fault != "" {
		g.Fail(now, fault)
		return g.failing(now)
	}
	return g.show(forced&g.state.green, note)
}

// target decides which groups shall be green or become so as soon as they may.
func (g *Guard) target(now time.Duration, want network.Set) (target, forced network.Set, note string) {
	target = want
	if !g.j.Compatible(want) {
		target = g.state.green
		note = "refused: " + g.conflict(want)
	}
	for i := range (target & g.state.green).All() {
		limit := g.j.Groups[i].Timing.MaxGreen
		if limit > 0 && now-g.state.began[i] >= limit && g.state.waits&g.j.Conflicts[i] != 0 {
			target = target.Without(i)
			note = fmt.Sprintf("%s was green for its maximum of %v and others wait", g.j.Groups[i].Name, limit)
		}
	}
	// Follow the wish only if, after it, everyone who waits can still be served in
	// time by the Guard alone.
	if g.state.waits == 0 {
		return target, 0, note
	}
	ahead := g.state
	g.apply(&ahead, now, target)
	if late, _ := g.late(&ahead, now); late < 0 {
		return target, 0, note
	}
	target, forced = g.rescue(&g.state)
	return target, forced, fmt.Sprintf("%s must get green now to be red for no more than %v", g.j.Groups[g.first(&g.state)].Name, g.maxRed)
}

// conflict says what is wrong with a wish.
func (g *Guard) conflict(want network.Set) string {
	for a := range want.All() {
		if a >= len(g.j.Groups) {
			return fmt.Sprintf("there is no group %d", a)
		}
		for b := range (want & g.j.Conflicts[a]).All() {
			return fmt.Sprintf("%s and %s must never be green together", g.j.Groups[a].Name, g.j.Groups[b].Name)
		}
	}
	return ""
}

// wait keeps the times since when somebody has waited at red. Who was once seen
// waiting counts as waiting until green: detectors lose people.
func (g *Guard) wait(s *state, now time.Duration, demand network.Set) {
	s.waits &^= s.green
	for i := range (demand &^ s.green &^ s.waits).All() {
		if i < len(g.j.Groups) && g.j.Groups[i].Timing.MaxRed > 0 {
			s.waits = s.waits.With(i)
			s.waitingFrom[i] = now
		}
	}
}

func (g *Guard) endAmbers(s *state, now time.Duration) {
	for i := range s.amber.All() {
		if now-s.ended[i] >= g.j.Groups[i].Timing.Amber {
			s.amber = s.amber.Without(i)
		}
	}
}

// apply moves s towards target as far as the rules allow at now.
func (g *Guard) apply(s *state, now time.Duration, target network.Set) {
	for i := range g.ending(s, now, target).All() {
		s.green = s.green.Without(i)
		s.ended[i] = now
		if g.j.Groups[i].Timing.Amber > 0 {
			s.amber = s.amber.With(i)
		}
	}
	for i := range (target &^ s.green &^ s.amber).All() {
		if g.mayStart(s, now, i) {
			s.green = s.green.With(i)
			s.began[i] = now
			s.waits = s.waits.Without(i)
		}
	}
}

// ending returns the groups that may end now on the way to target: their minimum
// green is over, and so is that of the streams to which they give way and which must
// end with them.
func (g *Guard) ending(s *state, now time.Duration, target network.Set) network.Set {
	ending := s.green &^ g.j.Untrapped(s.green, target)
	for {
		keep := network.Set(0)
		for i := range ending.All() {
			if now-s.began[i] < g.j.Groups[i].Timing.MinGreen {
				keep = keep.With(i)
				continue
			}
			if g.j.Traps[i]&s.green&^ending != 0 {
				keep = keep.With(i)
			}
		}
		if keep == 0 {
			return ending
		}
		ending &^= keep
	}
}

func (g *Guard) mayStart(s *state, now time.Duration, i int) bool {
	if g.j.Conflicts[i]&(s.green|s.amber) != 0 || now-s.ended[i] < g.j.Groups[i].Timing.Amber+restart {
		return false
	}
	for c := range g.j.Conflicts[i].All() {
		if now-s.ended[c] < g.j.Intergreen[c][i] {
			return false
		}
	}
	// Nor may a stream start into the amber of those who give way to it.
	for a := range s.amber.All() {
		if g.j.Yields[a].Has(i) {
			return false
		}
	}
	return true
}

// check looks at what is about to be shown, by the model alone: a fault in the rest
// of this file must not reach the street.
func (g *Guard) check() string {
	lit := g.state.green | g.state.amber
	for i := range lit.All() {
		for c := range (lit & g.j.Conflicts[i]).All() {
			return fmt.Sprintf("%s and %s would have been lit together", g.j.Groups[i].Name, g.j.Groups[c].Name)
		}
	}
	return ""
}

// Fail ends all greens and then lets all signals flash until Reset, for a fault that
// was found from outside, such as a lamp that does not answer.
func (g *Guard) Fail(now time.Duration, cause string) {
	if g.mode == Failing || g.mode == Failed {
		return
	}
	g.mode, g.since, g.cause = Failing, now, cause
	g.started = true
	for i := range g.state.green.All() {
		g.state.ended[i] = now
		if g.j.Groups[i].Timing.Amber > 0 {
			g.state.amber = g.state.amber.With(i)
		}
	}
	g.state.green = 0
}

// Reset starts the junction again, all red first.
func (g *Guard) Reset(now time.Duration) {
	g.state.green, g.state.amber, g.state.waits = 0, 0, 0
	g.mode, g.since, g.cause, g.started = Starting, max(now, g.now), "", true
}

func (g *Guard) failing(now time.Duration) Aspects {
	if g.mode == Failing && g.state.amber == 0 && now-g.since >= 2*StartUp {
		g.mode = Failed
	}
	return g.show(0, "out of order: "+g.cause)
}

func (g *Guard) show(forced network.Set, note string) Aspects {
	return Aspects{mode: g.mode, green: g.state.green, amber: g.state.amber, forced: forced, note: note}
}
