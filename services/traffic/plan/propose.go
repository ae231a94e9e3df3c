// Package plan deals with signal plans as engineers write them: it checks them
// against a junction's model, reads and writes them as YAML, and proposes one to
// begin with where there is none.
package plan

import (
	"fmt"
	"math"
	"slices"
	"time"

	"polity/city"
	"polity/services/traffic/network"
)

// MaxCycle is the longest cycle that is proposed: RiLSA 2010, 2.4, bounds it by 120 s.
const MaxCycle = 120 * time.Second

// Propose works out a plan for a junction that has none, from its groups, conflicts,
// yields, traps, intergreens and times: the fewest stages that serve every group, and
// Webster's cycle (Webster 1958: C = (1.5 L + 5) / (1 - Y)), shared by the stages'
// flow ratios. flow gives per group the arriving flow of its busiest lane over its
// saturation flow. The plan is marked as proposed. The second result says in sentences
// how it came about.
func Propose(j *network.Junction, flow []float64) (network.Plan, []string, error) {
	stages := cover(j, flow)
	if len(stages) == 0 {
		return network.Plan{}, nil, city.Errorf(city.Invalid, "junction %s: no plan of at most %d stages serves all of its %d groups", j.ID, maxPhases, len(j.Groups))
	}
	stages = order(j, stages)
	d := newDraft(j, stages, flow)
	for range 20 {
		p := d.plan()
		dangers := j.PlanDangers(p)
		if len(dangers) == 0 {
			return p, d.notes(p), nil
		}
		d.stretch()
	}
	return network.Plan{}, nil, city.Errorf(city.Invalid, "junction %s: no safe plan was found: %s", j.ID, j.PlanDangers(d.plan())[0])
}

const maxPhases = 8

// cover returns the fewest maximal sets that serve all groups; of equally many those
// with the least sum of flow ratios, then those that serve most.
func cover(j *network.Junction, flow []float64) []network.Set {
	sets := j.MaximalSets()
	var all network.Set
	for g := range j.Groups {
		all = all.With(g)
	}
	var best []network.Set
	bestLoad := math.Inf(1)
	budget := 300_000
	var try func(chosen []network.Set, covered network.Set, left int)
	try = func(chosen []network.Set, covered network.Set, left int) {
		if budget--; budget < 0 {
			return
		}
		if covered == all {
			load := 0.0
			for _, s := range chosen {
				load += ratio(s, flow) - float64(s.Len())*1e-6
			}
			if load < bestLoad {
				best, bestLoad = slices.Clone(chosen), load
			}
			return
		}
		if left == 0 {
			return
		}
		for g := range (all &^ covered).All() { // the first group that is not served yet
			for _, s := range sets {
				if s.Has(g) {
					try(append(chosen, s), covered|s, left-1)
				}
			}
			break
		}
	}
	for n := 1; n <= maxPhases && best == nil; n++ {
		try(nil, 0, n)
	}
	return best
}

// ratio is the largest flow ratio in a stage.
func ratio(s network.Set, flow []float64) float64 {
	y := 0.0
	for g := range s.All() {
		y = max(y, flow[g])
	}
	return y
}

// order puts stages into the sequence with the least time lost between them.
func order(j *network.Junction, stages []network.Set) []network.Set {
	best, least := slices.Clone(stages), time.Duration(math.MaxInt64)
	var permute func(k int)
	permute = func(k int) {
		if k == len(stages) {
			var lost time.Duration
			for i := range stages {
				lost += longest(tails(j, stages[i], stages[(i+1)%len(stages)]))
			}
			if lost < least {
				best, least = slices.Clone(stages), lost
			}
			return
		}
		for i := k; i < len(stages); i++ {
			stages[k], stages[i] = stages[i], stages[k]
			permute(k + 1)
			stages[k], stages[i] = stages[i], stages[k]
		}
	}
	if len(stages) <= 6 {
		permute(1)
	}
	return best
}

// tails returns per group how long before the next stage begins its green ends: -1
// for one that goes on or is not green.
func tails(j *network.Junction, now, next network.Set) []time.Duration {
	out := make([]time.Duration, len(j.Groups))
	goesOn := j.Untrapped(now, now&next)
	for g := range out {
		out[g] = -1
		if !now.Has(g) || goesOn.Has(g) {
			continue
		}
		out[g] = j.Groups[g].Timing.Amber
		if next.Has(g) { // it begins again
			out[g] += time.Second
		}
		for b := range (next &^ goesOn & j.Conflicts[g]).All() {
			out[g] = max(out[g], j.Intergreen[g][b])
		}
	}
	for changed := true; changed; { // no yellow trap: see network.Junction.Untrapped
		changed = false
		for g := range now.All() {
			for oncoming := range (j.Traps[g] & now).All() {
				if out[g] >= 0 && out[oncoming] < out[g] {
					out[oncoming], changed = out[g], true
				}
			}
		}
	}
	for g := range out {
		if out[g] >= 0 {
			out[g] = time.Duration(math.Ceil(out[g].Seconds()-1e-6)) * time.Second
		}
	}
	return out
}

func longest(list []time.Duration) time.Duration {
	return max(0, slices.Max(list))
}

// draft is a plan in the making: stages that begin one after the other.
type draft struct {
	j      *network.Junction
	stages []network.Set
	tails  [][]time.Duration
	least  []int // seconds that each stage needs
	length []int // seconds from its beginning to that of the next
	load   []float64
	lost   int
}

func newDraft(j *network.Junction, stages []network.Set, flow []float64) *draft {
	d := &draft{j: j, stages: stages}
	for i, s := range stages {
		next := stages[(i+1)%len(stages)]
		tail := tails(j, s, next)
		d.tails = append(d.tails, tail)
		least := 0
		for g := range s.All() {
			if tail[g] >= 0 || len(stages) == 1 {
				least = max(least, seconds(max(0, tail[g])+j.Groups[g].Timing.MinGreen))
			}
		}
		d.least = append(d.least, max(least, seconds(network.MinGreen)))
		d.load = append(d.load, max(0.02, ratio(s, flow)))
		d.lost += seconds(longest(tail))
	}
	sum := 0.0
	for _, y := range d.load {
		sum += y
	}
	sum = min(sum, 0.9)
	d.share(int(math.Ceil((1.5*float64(d.lost)+5)/(1-sum)/5)) * 5)
	return d
}

func seconds(d time.Duration) int { return int(math.Ceil(d.Seconds() - 1e-6)) }

// share splits a cycle among the stages, none of which gets less than it needs.
func (d *draft) share(cycle int) {
	cycle = min(cycle, seconds(MaxCycle))
	needed := 0
	for _, l := range d.least {
		needed += l
	}
	cycle = max(cycle, needed)
	d.length = slices.Clone(d.least)
	for left := cycle - needed; left > 0; left-- { // a second each to whom it helps most
		worst, at := -1.0, 0
		for i := range d.length {
			green := max(1, d.length[i]-seconds(longest(d.tails[i])))
			if w := d.load[i] / float64(green); w > worst {
				worst, at = w, i
			}
		}
		d.length[at]++
	}
}

// stretch makes all stages longer.
func (d *draft) stretch() {
	for i := range d.least {
		d.least[i] += 2
		d.length[i] = max(d.length[i], d.least[i])
	}
}

// plan writes the stages as phases, letter by letter.
func (d *draft) plan() network.Plan {
	cycle := 0
	for _, l := range d.length {
		cycle += l
	}
	green := make([][]bool, len(d.j.Groups)) // per group and second
	amber := make([][]bool, len(d.j.Groups))
	for g := range green {
		green[g], amber[g] = make([]bool, cycle), make([]bool, cycle)
	}
	begin := 0
	for i, s := range d.stages {
		for g := range s.All() {
			tail := d.tails[i][g]
			end := begin + d.length[i]
			if tail >= 0 && len(d.stages) > 1 {
				end -= seconds(tail)
				for t := range seconds(d.j.Groups[g].Timing.Amber) {
					amber[g][(end+t)%cycle] = true
				}
			}
			for t := begin; t < end; t++ {
				green[g][t%cycle] = true
			}
		}
		begin += d.length[i]
	}
	p := network.Plan{ID: "proposed", Proposed: true}
	for t := range cycle {
		state := d.state(green, amber, t)
		if n := len(p.Phases); n > 0 && p.Phases[n-1].State == state {
			p.Phases[n-1].Duration += time.Second
			continue
		}
		p.Phases = append(p.Phases, network.Phase{State: state, Duration: time.Second})
	}
	return p
}

func (d *draft) state(green, amber [][]bool, t int) string {
	b := make([]byte, len(d.j.Signals))
	for s := range d.j.Signals {
		sig := &d.j.Signals[s]
		b[s] = 'r'
		switch {
		case sig.Group < 0:
		case green[sig.Group][t]:
			b[s] = 'G'
			for _, y := range sig.YieldsTo {
				if green[d.j.Signals[y].Group][t] {
					b[s] = 'g'
				}
			}
		case amber[sig.Group][t]:
			b[s] = 'y'
		}
	}
	return string(b)
}

func (d *draft) notes(p network.Plan) []string {
	out := []string{fmt.Sprintf("plan %q: %d stages in a cycle of %v (Webster 1958, %d s lost), from flows by the class of street; nobody counted or confirmed them", p.ID, len(d.stages), p.Cycle(), d.lost)}
	if len(d.stages) > 4 {
		out = append(out, fmt.Sprintf("it takes %d stages, for so many movements exclude one another; look for a simpler layout", len(d.stages)))
	}
	if p.Cycle() > MaxCycle {
		out = append(out, fmt.Sprintf("its cycle of %v is longer than the %v of RiLSA 2010, 2.4", p.Cycle(), MaxCycle))
	}
	return out
}
