package pumping

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"polity/city"
	"polity/services/water/epanet"
	"polity/services/water/network"
	"polity/services/water/steady"
)

// table is what steady states say of every hour, combination of pumps and level.
type table struct {
	s      *system
	grid   int       // points a tank, over the bounds of its level
	bins   int       // a tank, for the plan
	start  []float64 // levels, in parts of each tank's bounds
	values [][][]cell

	unbalanced int // states that EPANET did not solve
}

// cell is one steady state.
type cell struct {
	rise   []float64 // by tank, parts of its bounds per hour
	power  float64   // kW
	lowest float64   // m
}

// points and bins a tank, by the number of tanks.
var fineness = [mostTanks + 1]struct{ grid, bins int }{{}, {7, 400}, {4, 32}, {3, 12}}

func (s *system) combinations() int { return 1 << len(s.pumps) }

func (s *system) run(combination int) []bool {
	out := make([]bool, len(s.pumps))
	for p := range out {
		out[p] = combination>>p&1 == 1
	}
	return out
}

func power(base, exponent int) int {
	out := 1
	for range exponent {
		out *= base
	}
	return out
}

// table computes all states.
func (s *system) table(ctx context.Context, dial epanet.Dialer) (*table, error) {
	fine := fineness[len(s.tanks)]
	t := &table{s: s, grid: fine.grid, bins: fine.bins, values: make([][][]cell, s.b.Hours)}
	for k, node := range s.tanks {
		t.start = append(t.start, (s.n.Nodes[node].Level-s.low[k])/(s.high[k]-s.low[k]))
	}
	points := power(t.grid, len(s.tanks))
	count := s.b.Hours * s.combinations() * points
	if count > mostStates {
		return nil, city.Errorf(city.Invalid, "%d hours, %d pumps and %d tanks need %d steady states; %d is the most: plan fewer hours", s.b.Hours, len(s.pumps), len(s.tanks), count, mostStates)
	}
	use, err := s.n.Use()
	if err != nil {
		return nil, err
	}
	since, err := patternStart(s.n)
	if err != nil {
		return nil, err
	}
	m := steady.Model{Network: s.n, Tanks: s.tanks, Nodes: s.users, Links: s.pumps, Pumps: s.pumps}
	hour := -1
	demand := make([]float64, len(s.n.Nodes))
	unbalanced := 0
	err = m.Solve(ctx, dial, count, func(i int) steady.State {
		if h := i / points / s.combinations(); h != hour {
			hour = h
			for j := range demand {
				demand[j] = use.Mean(j, since+time.Duration(h)*time.Hour)
			}
		}
		return steady.State{Demand: demand, Level: t.levels(i % points), Run: statuses(s.run(i / points % s.combinations()))}
	}, func(i int, r steady.Result) error {
		h, c := i/points/s.combinations(), i/points%s.combinations()
		if t.values[h] == nil {
			t.values[h] = make([][]cell, s.combinations())
		}
		x := cell{lowest: math.Inf(1)}
		for k, q := range r.Inflow {
			x.rise = append(x.rise, q/s.area[k]/(s.high[k]-s.low[k]))
		}
		for _, v := range r.Power {
			x.power += v
		}
		for _, v := range r.Pressure {
			x.lowest = min(x.lowest, v)
		}
		if r.Unbalanced() {
			unbalanced++
			x.lowest = math.Inf(-1) // what is not solved is no plan
		}
		t.values[h][c] = append(t.values[h][c], x)
		return nil
	})
	if t.unbalanced = unbalanced; err == nil && unbalanced == count {
		err = city.Errorf(city.Invalid, "%s: EPANET balances none of the network's states: 'polity water simulate' shows more", s.n.File.Name)
	}
	return t, err
}

// patternStart is where patterns begin, by the file's times.
func patternStart(n *network.Network) (time.Duration, error) {
	for _, row := range n.File.Look("TIMES").Rows() {
		if len(row.Fields) > 2 && strings.EqualFold(row.Fields[0], "PATTERN") && strings.EqualFold(row.Fields[1], "START") {
			d, err := network.Clock(row.Fields[2:])
			if err != nil {
				return 0, city.Errorf(city.Invalid, "%s:%d: pattern start: %w", n.File.Name, row.Number, err)
			}
			return d, nil
		}
	}
	return 0, nil
}

// levels of a point of the grid, in m.
func (t *table) levels(point int) []float64 {
	out := make([]float64, len(t.s.tanks))
	for k := range out {
		part := float64(point%t.grid) / float64(t.grid-1)
		out[k] = t.s.low[k] + part*(t.s.high[k]-t.s.low[k])
		point /= t.grid
	}
	return out
}

// at interpolates between the points around levels, which are parts of bounds.
func (t *table) at(hour, combination int, parts []float64) cell {
	out := cell{rise: make([]float64, len(parts))}
	out.lowest = math.Inf(1)
	for corner := range 1 << len(parts) {
		weight, point, stride := 1.0, 0, 1
		for k, v := range parts {
			x := min(max(v, 0), 1) * float64(t.grid-1)
			i := min(int(x), t.grid-2)
			if corner>>k&1 == 1 {
				weight *= x - float64(i)
				i++
			} else {
				weight *= 1 - (x - float64(i))
			}
			point += i * stride
			stride *= t.grid
		}
		if weight == 0 {
			continue
		}
		c := t.values[hour][combination][point]
		for k, v := range c.rise {
			out.rise[k] += weight * v
		}
		out.power += weight * c.power
		out.lowest = min(out.lowest, c.lowest)
	}
	return out
}

// label is the cheapest way to a bin.
type label struct {
	cost  float64
	parts []float64
	from  int // bin of the hour before
	with  int // combination
}

func (t *table) bin(parts []float64) int {
	at, stride := 0, 1
	for _, v := range parts {
		at += min(int(v*float64(t.bins)), t.bins-1) * stride
		stride *= t.bins
	}
	return at
}

// cheapest is the cheapest plan by the table that leaves some room, a part of each
// tank's bounds, at both ends; nil: there is none. Every bin keeps its cheapest way
// with its true levels, so that nothing is lost by rounding.
func (t *table) cheapest(room float64) Plan {
	hours := t.s.b.Hours
	ways := make([]map[int]label, hours+1)
	ways[0] = map[int]label{t.bin(t.start): {parts: t.start}}
	for h := range hours {
		ways[h+1] = map[int]label{}
		for from, l := range ways[h] {
			for c := range t.s.combinations() {
				x := t.at(h, c, l.parts)
				if x.lowest < t.s.b.Pressure {
					continue
				}
				next, ok := make([]float64, len(l.parts)), true
				for k, v := range l.parts {
					next[k] = v + x.rise[k]
					ok = ok && next[k] >= room && next[k] <= 1-room
				}
				if !ok {
					continue
				}
				cost, bin := l.cost+x.power*t.s.price(h), t.bin(next)
				// Of ways of one cost the fuller one, then the smaller combination: plans come
				// out the same every time.
				if was, ok := ways[h+1][bin]; !ok || cost < was.cost-1e-9 || cost < was.cost+1e-9 && (next[0] > was.parts[0] || next[0] == was.parts[0] && c < was.with) {
					ways[h+1][bin] = label{cost: cost, parts: next, from: from, with: c}
				}
			}
		}
	}
	best, at := math.Inf(1), -1
	for bin, l := range ways[hours] {
		full := true
		for k, v := range l.parts {
			full = full && v >= t.start[k]+room
		}
		if full && (l.cost < best || l.cost == best && bin < at) {
			best, at = l.cost, bin
		}
	}
	if at < 0 {
		return nil
	}
	plan := make(Plan, hours)
	for h := hours; h > 0; h-- {
		l := ways[h][at]
		plan[h-1] = t.s.run(l.with)
		at = l.from
	}
	return plan
}

// bound is less than any plan costs: going backwards, a bin may be left from whichever
// of its levels is best, towards whichever bin is reached from any of them.
func (t *table) bound() float64 {
	tanks := len(t.s.tanks)
	count := power(t.bins, tanks)
	worth := make([]float64, count)
	for b := range worth {
		for k, i := range t.split(b) {
			if float64(i+1)/float64(t.bins) < t.start[k]-1e-9 {
				worth[b] = math.Inf(1)
			}
		}
	}
	for h := t.s.b.Hours - 1; h >= 0; h-- {
		before := make([]float64, count)
		for b := range before {
			before[b] = math.Inf(1)
			for c := range t.s.combinations() {
				cost, low, high, ok := t.box(h, c, b)
				if ok {
					before[b] = min(before[b], cost*t.s.price(h)+t.least(worth, low, high))
				}
			}
		}
		worth = before
	}
	return worth[t.bin(t.start)]
}

func (t *table) split(bin int) []int {
	out := make([]int, len(t.s.tanks))
	for k := range out {
		out[k] = bin % t.bins
		bin /= t.bins
	}
	return out
}

// box is where a bin's levels lead: least power, and the range of next levels, each over
// the bin's corners. ok is whether any of it keeps the bounds.
func (t *table) box(hour, combination, bin int) (cost float64, low, high []float64, ok bool) {
	at := t.split(bin)
	tanks := len(at)
	cost, low, high = math.Inf(1), make([]float64, tanks), make([]float64, tanks)
	for k := range tanks {
		low[k], high[k] = math.Inf(1), math.Inf(-1)
	}
	for corner := range 1 << tanks {
		parts := make([]float64, tanks)
		for k, i := range at {
			if corner>>k&1 == 1 {
				parts[k] = float64(i+1) / float64(t.bins)
			} else {
				parts[k] = float64(i) / float64(t.bins)
			}
		}
		x := t.at(hour, combination, parts)
		ok = ok || x.lowest >= t.s.b.Pressure
		cost = min(cost, x.power)
		for k := range tanks {
			low[k], high[k] = min(low[k], parts[k]+x.rise[k]), max(high[k], parts[k]+x.rise[k])
		}
	}
	for k := range tanks {
		ok = ok && high[k] >= 0 && low[k] <= 1
	}
	return cost, low, high, ok
}

// least is the least worth of the bins that a box touches.
func (t *table) least(worth, low, high []float64) float64 {
	first, last := make([]int, len(low)), make([]int, len(low))
	for k := range low {
		first[k] = min(max(int(math.Floor(low[k]*float64(t.bins)-1e-9)), 0), t.bins-1)
		last[k] = min(max(int(math.Floor(high[k]*float64(t.bins)+1e-9)), 0), t.bins-1)
	}
	best := math.Inf(1)
	at := append([]int(nil), first...)
	for {
		b, stride := 0, 1
		for _, i := range at {
			b += i * stride
			stride *= t.bins
		}
		best = min(best, worth[b])
		k := 0
		for ; k < len(at); k++ {
			if at[k]++; at[k] <= last[k] {
				break
			}
			at[k] = first[k]
		}
		if k == len(at) {
			return best
		}
	}
}

// why says what stands in the way when no plan is found.
func (t *table) why() string {
	s := t.s
	all := s.combinations() - 1
	for h := range s.b.Hours {
		best, at := math.Inf(-1), 0
		for c := range s.combinations() {
			for p := range power(t.grid, len(s.tanks)) {
				if v := t.values[h][c][p].lowest; v > best {
					best, at = v, c
				}
			}
		}
		if best < s.b.Pressure {
			return fmt.Sprintf("in hour %d some junction has %.1f m at most, with %d of %d pumps; %.1f m are wanted", h, best, count(s.run(at)), len(s.pumps), s.b.Pressure)
		}
	}
	for k, node := range s.tanks {
		sum := 0.0
		for h := range s.b.Hours {
			sum += t.at(h, all, t.start).rise[k]
		}
		if sum < 0 {
			return fmt.Sprintf("tank %s loses water even with all pumps on", s.n.Nodes[node].ID)
		}
	}
	return "tanks are too small for the hours between what pumps give and what is used"
}

func count(run []bool) int {
	n := 0
	for _, v := range run {
		if v {
			n++
		}
	}
	return n
}
