package safety

import (
	"fmt"
	"os"
	"testing"
	"time"

	"polity/services/traffic/network"
)

// node is one state of a small junction and of an onlooker who counts seconds for
// himself, all times relative to now and cut off where they stop to matter.
type node struct {
	green, amber, waits network.Set
	began, ended, from  [3]int8 // seconds ago, of the Guard
	shown               [3]int8 // aspect
	since, dark, thirst [3]int8 // seconds ago, of the onlooker: aspect, end of green, waiting
}

// old is an age in seconds beyond which no rule of the small junctions asks for it.
const old = 3

// TestEveryStateOfSmallJunctions visits all states that any sequence of wishes and
// demands can reach, and tries every wish with every demand in each.
func TestEveryStateOfSmallJunctions(t *testing.T) {
	for name, j := range smallJunctions() {
		t.Run(name, func(t *testing.T) {
			g, err := New(j)
			if err != nil {
				t.Fatal(err)
			}
			g.started, g.mode = true, Running
			states, steps := explore(t, g)
			if states < 500 || steps < 10_000 {
				t.Fatalf("only %d states and %d steps", states, steps)
			}
			t.Logf("%d states, %d steps", states, steps)
		})
	}
}

// smallJunctions have short times, so that their states can be counted.
func smallJunctions() map[string]*network.Junction {
	make3 := func(conflicts, yields [][2]int, maxRed time.Duration) *network.Junction {
		j := &network.Junction{ID: "small", Conflicts: make([]network.Set, 3), Yields: make([]network.Set, 3), Traps: make([]network.Set, 3)}
		for i := range 3 {
			j.Groups = append(j.Groups, network.Group{Name: fmt.Sprint(i), Timing: network.Timing{MinGreen: time.Second, Amber: time.Second, MaxRed: maxRed}})
			j.Intergreen = append(j.Intergreen, make([]time.Duration, 3))
		}
		for _, c := range conflicts {
			for _, d := range [][2]int{{c[0], c[1]}, {c[1], c[0]}} {
				j.Conflicts[d[0]] = j.Conflicts[d[0]].With(d[1])
				j.Intergreen[d[0]][d[1]] = time.Second
			}
		}
		for _, y := range yields {
			j.Yields[y[0]] = j.Yields[y[0]].With(y[1])
			j.Traps[y[0]] = j.Yields[y[0]]
		}
		return j
	}
	walk := make3([][2]int{{0, 1}, {0, 2}}, nil, 22*time.Second)
	walk.Groups[2].Kind = network.Pedestrians
	walk.Groups[2].Timing.Amber = 0
	walk.Intergreen[2][0] = 2 * time.Second
	turn := make3([][2]int{{0, 1}, {0, 2}}, [][2]int{{1, 2}}, 20*time.Second)
	// With a clock of waiting less there are twenty times fewer states.
	if os.Getenv("POLITY_EXHAUSTIVE") == "" {
		turn.Groups[2].Timing.MaxRed, walk.Groups[1].Timing.MaxRed = 0, 0
		if RaceDetector {
			turn.Groups[1].Timing.MaxRed, walk.Groups[2].Timing.MaxRed = 0, 0
		}
	}
	// Two streets that cross; the third group is idle.
	two := make3([][2]int{{0, 1}}, nil, 20*time.Second)
	two.Groups[2].Timing.MaxRed = 0
	two.Stages = []network.Stage{{Groups: network.SetOf(0, 2)}, {Groups: network.SetOf(1, 2)}}
	return map[string]*network.Junction{"left turn beside its opposing stream": turn, "crossing beside a street": walk, "two streets": two}
}

func explore(t *testing.T, g *Guard) (states, steps int) {
	t.Helper()
	var first node
	for i := range 3 {
		first.ended[i], first.began[i], first.dark[i], first.since[i], first.thirst[i], first.from[i] = old, old, old, old, -1, -1
	}
	seen := map[node]bool{first: true}
	queue := []node{first}
	for len(queue) > 0 {
		n := queue[0]
		queue = queue[1:]
		for want := range network.Set(8) {
			for demand := range network.Set(8) {
				next := g.tryStep(t, n, want, demand)
				steps++
				if !seen[next] {
					seen[next] = true
					queue = append(queue, next)
				}
			}
		}
	}
	return len(seen), steps
}

// tryStep puts the Guard into a state, lets a second pass, and checks it.
func (g *Guard) tryStep(t *testing.T, n node, want, demand network.Set) node {
	t.Helper()
	const now = 1000 * time.Second
	ago := func(s int8) time.Duration { return now - time.Second - time.Duration(s)*time.Second }
	g.now, g.mode = now-time.Second, Running
	g.state.green, g.state.amber, g.state.waits = n.green, n.amber, n.waits
	for i := range 3 {
		g.state.began[i], g.state.ended[i], g.state.waitingFrom[i] = ago(n.began[i]), ago(n.ended[i]), ago(n.from[i])
	}
	a := g.Step(now, want, demand)
	m := node{green: g.state.green, amber: g.state.amber, waits: g.state.waits}
	rel := func(at time.Duration) int8 { return int8(min(old, (now-at)/time.Second)) }
	for i := range 3 {
		m.began[i], m.ended[i], m.from[i] = rel(g.state.began[i]), rel(g.state.ended[i]), -1
		if !m.green.Has(i) {
			m.began[i] = old
		}
		if m.waits.Has(i) {
			m.from[i] = int8((now - g.state.waitingFrom[i]) / time.Second)
		}
		is := a.Of(i)
		m.shown[i], m.since[i], m.dark[i], m.thirst[i] = int8(is), min(old, n.since[i]+1), min(old, n.dark[i]+1), n.thirst[i]
		if is != Aspect(n.shown[i]) {
			if Aspect(n.shown[i]) == Green {
				m.dark[i] = 0
			}
			m.since[i] = 0
		}
		switch {
		case is == Green || g.j.Groups[i].Timing.MaxRed == 0:
			m.thirst[i] = -1
		case n.thirst[i] >= 0:
			m.thirst[i]++
		case demand.Has(i):
			m.thirst[i] = 0
		}
	}
	g.judge(t, n, m, a, want, demand)
	return m
}

func (g *Guard) judge(t *testing.T, n, m node, a Aspects, want, demand network.Set) {
	t.Helper()
	fail := func(format string, args ...any) {
		t.Fatalf("from %+v, wish %b, demand %b: %s", n, want, demand, fmt.Sprintf(format, args...))
	}
	for i := range 3 {
		was, is := Aspect(n.shown[i]), a.Of(i)
		timing := g.j.Groups[i].Timing
		switch {
		case a.Mode() != Running:
			fail("mode %v", a.Mode())
		case was == Green && is != Green && time.Duration(n.since[i]+1)*time.Second < timing.MinGreen:
			fail("%d was green for %d s", i, n.since[i]+1)
		case was == Green && is == Red && timing.Amber > 0, was == Amber && is == Green:
			fail("%d went from %v to %v", i, was, is)
		case timing.MaxRed > 0 && time.Duration(m.thirst[i])*time.Second >= timing.MaxRed:
			fail("%d is red for %d s with somebody waiting", i, m.thirst[i])
		}
		for c := range g.j.Conflicts[i].All() {
			if is != Red && a.Of(c) != Red {
				fail("%d and %d are lit together", i, c)
			}
			if was != Green && is == Green && time.Duration(m.dark[c])*time.Second < g.j.Intergreen[c][i] {
				fail("%d became green %d s after %d", i, m.dark[c], c)
			}
		}
		for c := range g.j.Traps[i].All() {
			if was == Green && is != Green && a.Of(c) == Green {
				fail("%d ended while %d went on", i, c)
			}
		}
	}
}
