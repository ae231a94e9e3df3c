package grid

import (
	"fmt"
	"math"
	"math/cmplx"
	"slices"
	"strings"
)

// Severity says what a Problem means for a power flow.
type Severity uint8

// The severities.
const (
	// Remark is unusual, and may be meant: a loop, a switched-off island.
	Remark Severity = iota
	// Warning is most likely a mistake; the flow can be computed, but its result
	// should not be trusted.
	Warning
	// Fault is wrong: no flow can be computed, or only without the element.
	Fault
)

// String returns the severity as a word.
func (s Severity) String() string { return [...]string{"remark", "warning", "fault"}[s] }

// Problem is something that looks wrong in a network.
type Problem struct {
	Severity Severity `json:"-"`
	Word     string   `json:"severity"`
	Element  string   `json:"element"`
	Origin   Origin   `json:"origin"`
	Text     string   `json:"text"`
}

// String returns the problem as one line.
func (p Problem) String() string {
	at := p.Origin.String()
	if at != "" {
		at += ": "
	}
	return fmt.Sprintf("%s%s: %s: %s", at, p.Severity, p.Element, p.Text)
}

// checker gathers problems. Of many alike it keeps the first few.
type checker struct {
	n        *Network
	t        *Topology
	problems []Problem
	alike    map[string]int
}

const fewAlike = 8

func (c *checker) add(s Severity, name string, at Origin, format string, args ...any) {
	if c.alike[format]++; c.alike[format] > fewAlike {
		if c.alike[format] == fewAlike+1 {
			c.problems = append(c.problems, Problem{s, s.String(), name, at, "and others: as the ones before"})
		}
		return
	}
	c.problems = append(c.problems, Problem{s, s.String(), name, at, fmt.Sprintf(format, args...)})
}

// Check looks for what makes a power flow fail or its result wrong: wrong or
// missing phases, zero impedances, loops, islands without a source, and
// quantities that look like another unit. The worst come first.
func (n *Network) Check() []Problem {
	c := &checker{n: n, t: n.Topology(), alike: map[string]int{}}
	c.sources()
	c.islands()
	c.impedances()
	c.phases()
	c.voltages()
	c.powers()
	c.loops()
	slices.SortStableFunc(c.problems, func(a, b Problem) int { return int(b.Severity) - int(a.Severity) })
	return c.problems
}

func (c *checker) sources() {
	if len(c.n.Sources) == 0 {
		c.add(Fault, c.n.Name, Origin{}, "there is no source: nothing feeds this network")
	}
	for i := range c.n.Sources {
		s := &c.n.Sources[i]
		for _, v := range s.V {
			if pu := cmplx.Abs(v) * math.Sqrt(3) / 1000 / c.n.Buses[s.At.Bus].BaseKV; c.n.Buses[s.At.Bus].BaseKV > 0 && (pu < 0.8 || pu > 1.2) {
				c.add(Warning, s.Name, s.Origin, "it holds %.3g times the nominal %.4g kV of bus %s%s", pu, c.n.Buses[s.At.Bus].BaseKV, c.n.Buses[s.At.Bus].Name, unitHint(pu))
				break
			}
		}
	}
}

// islands lists groups of buses without a source, one problem for each.
func (c *checker) islands() {
	groups := map[int][]int{}
	var order []int
	for bus := range c.n.Buses {
		from, to := c.t.At(bus)
		if from == to || c.t.BusLive(bus) {
			continue
		}
		k := c.t.Island(from)
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], bus)
	}
	for _, k := range order {
		buses := groups[k]
		dead := map[int]bool{}
		var names []string
		for _, b := range buses {
			dead[b] = true
			names = append(names, c.n.Buses[b].Name)
		}
		watts := 0.0
		for i := range c.n.Loads {
			if l := &c.n.Loads[i]; dead[l.At.Bus] && !l.OutOfService {
				watts += real(l.S)
			}
		}
		severity := Remark
		if watts != 0 {
			severity = Warning
		}
		first := &c.n.Buses[buses[0]]
		c.add(severity, "bus "+first.Name, first.Origin, "no source reaches this island of %d buses (%s) with %.4g kW of load%s",
			len(buses), shorten(names), watts/1000, c.openTo(dead))
	}
}

// openTo names a switch whose closing would feed the island.
func (c *checker) openTo(dead map[int]bool) string {
	for i := range c.n.Lines {
		l := &c.n.Lines[i]
		if dead[l.Ends[0].Bus] != dead[l.Ends[1].Bus] && !l.Closed() {
			return fmt.Sprintf("; %s, which is open, leads to it", l.Name)
		}
	}
	return ""
}

func shorten(names []string) string {
	if len(names) > 5 {
		return strings.Join(names[:5], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}

// impedances finds lines without impedance, and with one that no line has.
func (c *checker) impedances() {
	for i := range c.n.Lines {
		l := &c.n.Lines[i]
		if _, err := l.Z.Inverse(); err != nil {
			c.add(Fault, l.Name, l.Origin, "its series impedance is zero or singular; give a switch a small one, such as 1 milliohm")
			continue
		}
		for k := range l.Z.N {
			if z := l.Z.At(k, k); real(z) < 0 {
				c.add(Warning, l.Name, l.Origin, "conductor %d has a resistance of %.3g ohms, below zero", k+1, real(z))
			}
		}
		if l.Switch || !(l.Metres > 1) || l.Metres == 1000 || c.n.Buses[l.Ends[0].Bus].BaseKV > 60 {
			continue // case files give the impedance of a whole line as that of 1 km
		}
		perKM := cmplx.Abs(l.Z.At(0, 0)) / l.Metres * 1000
		switch {
		case perKM > 30:
			c.add(Warning, l.Name, l.Origin, "%.4g ohms per km over %.4g m is more than any line has (0.05 to 10); is the length or the impedance in another unit?", perKM, l.Metres)
		case perKM < 0.005:
			c.add(Warning, l.Name, l.Origin, "%.2g ohms per km over %.4g m is less than any line has (0.05 to 10); is the length or the impedance in another unit?", perKM, l.Metres)
		}
		if l.Metres > 500e3 {
			c.add(Warning, l.Name, l.Origin, "it is %.4g km long; is the length in another unit?", l.Metres/1000)
		}
	}
}

// phases finds conductors that meet other phases at their far end, and loads,
// generators and shunts on phases that do not reach their bus.
func (c *checker) phases() {
	for i := range c.n.Lines {
		l := &c.n.Lines[i]
		if l.Ends[0].Bus == l.Ends[1].Bus {
			c.add(Warning, l.Name, l.Origin, "both its ends are at bus %s: it leads nowhere", c.n.Buses[l.Ends[0].Bus].Name)
		}
		for k, a := range l.Ends[0].Nodes {
			b := l.Ends[1].Nodes[k]
			if a != b && a >= 1 && a <= 3 && b >= 1 && b <= 3 {
				c.add(Warning, l.Name, l.Origin, "its conductor %d joins phase %d of bus %s to phase %d of bus %s", k+1, a, c.n.Buses[l.Ends[0].Bus].Name, b, c.n.Buses[l.Ends[1].Bus].Name)
			}
		}
		c.fed(l.Name, l.Origin, l.Ends[0], l.Closed() && c.t.BusLive(l.Ends[0].Bus) && c.t.BusLive(l.Ends[1].Bus))
	}
	for i := range c.n.Loads {
		l := &c.n.Loads[i]
		c.fed(l.Name, l.Origin, l.At, !l.OutOfService && l.S != 0)
	}
	for i := range c.n.Generators {
		g := &c.n.Generators[i]
		c.fed(g.Name, g.Origin, g.At, !g.OutOfService)
	}
	for i := range c.n.Shunts {
		s := &c.n.Shunts[i]
		c.fed(s.Name, s.Origin, s.At, s.On() > 0)
	}
}

// fed complains where a terminal uses a node that no source reaches, at a bus
// that one does reach.
func (c *checker) fed(name string, at Origin, t Terminal, counts bool) {
	if !counts || !c.t.BusLive(t.Bus) {
		return
	}
	for _, k := range t.Nodes {
		v := c.t.Index(t.Bus, k)
		if v < 0 || c.t.Live[v] {
			continue
		}
		c.add(Fault, name, at, "it uses node %d of bus %s, which only nodes %s reach", k, c.n.Buses[t.Bus].Name, c.reaching(t.Bus))
		return
	}
}

func (c *checker) reaching(bus int) string {
	var list []string
	from, to := c.t.At(bus)
	for v := from; v < to; v++ {
		if c.t.Live[v] {
			list = append(list, fmt.Sprint(c.t.Nodes[v].Number))
		}
	}
	return strings.Join(list, ", ")
}

// voltages compares rated voltages with those of the buses.
func (c *checker) voltages() {
	for i := range c.n.Loads {
		l := &c.n.Loads[i]
		c.rated(l.Name, l.Origin, l.At, l.Volts, lineToLine(l.At, l.Phases, l.Delta))
	}
	for i := range c.n.Generators {
		g := &c.n.Generators[i]
		c.rated(g.Name, g.Origin, g.At, g.Volts, lineToLine(g.At, g.Phases, g.Delta))
	}
	for i := range c.n.Transformers {
		t := &c.n.Transformers[i]
		for w := range t.Windings {
			at := t.Windings[w].Terminal
			c.rated(fmt.Sprintf("%s winding %d", t.Name, w+1), t.Origin, at, t.BaseVolts(w), lineToLine(at, t.Phases, t.Windings[w].Delta))
		}
	}
	for i := range c.n.Lines {
		l := &c.n.Lines[i]
		a, b := c.n.Buses[l.Ends[0].Bus].BaseKV, c.n.Buses[l.Ends[1].Bus].BaseKV
		if a > 0 && b > 0 && (a/b > 1.1 || b/a > 1.1) {
			c.add(Warning, l.Name, l.Origin, "it joins a bus of %.4g kV to one of %.4g kV", a, b)
		}
	}
}

// lineToLine says whether each phase of a terminal sits between two phases; of
// a single phase its nodes tell, whatever it is called.
func lineToLine(t Terminal, phases int, delta bool) bool {
	if phases == 1 && len(t.Nodes) >= 2 {
		return t.Nodes[0] != Earth && t.Nodes[1] != Earth
	}
	return delta
}

func (c *checker) rated(name string, at Origin, t Terminal, volts float64, toLine bool) {
	nominal := c.n.Buses[t.Bus].BaseKV * 1000
	if !toLine {
		nominal /= math.Sqrt(3)
	}
	if nominal == 0 || volts == 0 || !c.t.BusLive(t.Bus) {
		return
	}
	ratio := volts / nominal
	if ratio > 0.75 && ratio < 1.3 {
		return
	}
	if math.Abs(ratio-2/math.Sqrt(3)) < 0.02 || math.Abs(ratio-0.5*math.Sqrt(3)) < 0.02 || math.Abs(ratio-2) < 0.1 || math.Abs(ratio-0.5) < 0.05 {
		return // split-phase and high-leg supplies
	}
	c.add(Warning, name, at, "it is rated %.5g V where bus %s has %.5g V (%.3g times)%s", volts, c.n.Buses[t.Bus].Name, nominal, ratio, unitHint(ratio))
}

// unitHint says which slip would explain a ratio.
func unitHint(ratio float64) string {
	near := func(x float64) bool { return ratio > x*0.93 && ratio < x*1.07 }
	switch {
	case near(math.Sqrt(3)), near(1 / math.Sqrt(3)):
		return ": line to line instead of line to neutral, or the other way round?"
	case ratio > 600 && ratio < 1500, ratio > 1.0/1500 && ratio < 1.0/600:
		return ": volts instead of kilovolts, or the other way round?"
	}
	return ""
}

// powers finds loads beyond what a distribution network feeds.
func (c *checker) powers() {
	rating := 0.0
	for i := range c.n.Transformers {
		rating = max(rating, c.n.Transformers[i].RatedVA)
	}
	for i := range c.n.Loads {
		l := &c.n.Loads[i]
		s := cmplx.Abs(l.S)
		switch {
		case math.IsNaN(s) || math.IsInf(s, 0):
			c.add(Fault, l.Name, l.Origin, "its power is not a number")
		case s > 2e9, rating > 0 && s > 20*rating && s > 1e6:
			c.add(Warning, l.Name, l.Origin, "it draws %.4g kVA, far more than the network's largest transformer carries; is its power in W instead of kW?", s/1000)
		}
	}
}

// loops names what closes loops, in one remark.
func (c *checker) loops() {
	if len(c.t.Loops) == 0 {
		return
	}
	var names []string
	for _, e := range c.t.Loops {
		name, _ := c.n.Describe(e)
		names = append(names, name)
	}
	name, at := c.n.Describe(c.t.Loops[0])
	c.add(Remark, name, at, "the network is not radial: loops are closed by %s (%d in all)", shorten(names), len(names))
}
