// Package restore works out what to do after a fault: which switches cut the
// fault off, and which switching order gives most of the others their power back
// within limits (FLISR: fault location, isolation, service restoration). It
// proposes orders; people operate.
package restore

import (
	"fmt"
	"slices"
	"strings"

	"polity/city"
	"polity/services/power/grid"
	"polity/services/power/switching"
)

// Fault is where the network is broken: in a line.
type Fault struct {
	Line int
	// Dark are buses without power because of it, where the network's switches show
	// the trip already. Other dead parts are left alone: somebody may work there.
	Dark []int
}

// Options are how to restore.
type Options struct {
	// Switchable says which lines can be opened and closed; nil: those with a
	// switch of their own.
	Switchable func(line int) bool
	// AtEnds says that a switchable line has a switch at each of its ends, so that a
	// fault in it can be cut out with nothing else. Otherwise a fault in a switch is
	// one of both sections beside it.
	AtEnds bool
	// Breakers are lines whose breaker trips on a fault behind it. Where none stands
	// between the fault and the source, the source's own trips.
	Breakers []int
	Limits   switching.Limits
	Tags     []switching.Tag
	// Trials bounds how many configurations are judged; 0 stands for 100,000.
	Trials int
}

// situation is the network after the trip, with the fault cut off.
type situation struct {
	net    *grid.Network // after trip and isolation
	before *grid.Network
	o      Options
	fault  Fault

	section  map[int]bool // buses that stay dark
	opened   []int        // switches that cut the fault off
	tripped  int          // line of the breaker that tripped, -1: the source's
	source   int
	darkened map[int]bool // buses that the trip darkened
}

// fixed says whether the state of a line cannot be changed.
func (o *Options) fixed(line int) bool {
	return !o.Switchable(line) || slices.ContainsFunc(o.Tags, func(t switching.Tag) bool { return t.Line == line })
}

// newSituation trips the protection and cuts the fault off.
func newSituation(net *grid.Network, fault Fault, o Options) (*situation, error) {
	if fault.Line < 0 || fault.Line >= len(net.Lines) {
		return nil, city.Errorf(city.NotFound, "there is no line %d", fault.Line)
	}
	s := &situation{net: net.Clone(), before: net, o: o, fault: fault, section: map[int]bool{}, darkened: map[int]bool{}, tripped: -1, source: -1}
	s.trip()
	top := s.net.Topology()
	for _, b := range fault.Dark {
		if b < 0 || b >= len(net.Buses) {
			return nil, city.Errorf(city.NotFound, "there is no bus %d", b)
		}
		if !top.BusLive(b) {
			s.darkened[b] = true
		}
	}
	s.spread()
	s.cut()
	return s, nil
}

// neighbours lists for each bus the closed lines and transformers at it.
type link struct {
	bus, line, transformer int
	winding, other         int
}

func links(net *grid.Network) [][]link {
	next := make([][]link, len(net.Buses))
	for i := range net.Lines {
		if l := &net.Lines[i]; l.Closed() {
			a, b := l.Ends[0].Bus, l.Ends[1].Bus
			next[a] = append(next[a], link{bus: b, line: i, transformer: -1})
			next[b] = append(next[b], link{bus: a, line: i, transformer: -1})
		}
	}
	for i := range net.Transformers {
		t := &net.Transformers[i]
		if t.OutOfService {
			continue
		}
		for w := 1; w < len(t.Windings); w++ {
			a, b := t.Windings[0].Bus, t.Windings[w].Bus
			next[a] = append(next[a], link{bus: b, line: -1, transformer: i, winding: 0, other: w})
			next[b] = append(next[b], link{bus: a, line: -1, transformer: i, winding: w, other: 0})
		}
	}
	return next
}

// tree walks from the sources and returns, per bus, how it was reached.
func tree(net *grid.Network) (parent []int, by []link, order []int) {
	next := links(net)
	parent, by = make([]int, len(net.Buses)), make([]link, len(net.Buses))
	for i := range parent {
		parent[i] = -2
	}
	for i := range net.Sources {
		if s := &net.Sources[i]; !s.OutOf && parent[s.At.Bus] == -2 {
			parent[s.At.Bus] = -1
			order = append(order, s.At.Bus)
		}
	}
	for k := 0; k < len(order); k++ {
		for _, l := range next[order[k]] {
			if parent[l.bus] == -2 {
				parent[l.bus], by[l.bus] = order[k], l
				order = append(order, l.bus)
			}
		}
	}
	return parent, by, order
}

// trip opens the breaker nearest to the fault on the way to the source.
func (s *situation) trip() {
	l := &s.net.Lines[s.fault.Line]
	parent, by, order := tree(s.net)
	bus := l.Ends[0].Bus
	if b := l.Ends[1].Bus; l.Closed() && parent[bus] == b || parent[bus] == -2 {
		bus = b
	}
	if parent[bus] == -2 || (!l.Closed() && parent[l.Ends[0].Bus] == -2 && parent[l.Ends[1].Bus] == -2) {
		return // it was dead already
	}
	if !l.Closed() && s.o.AtEnds {
		return // an open line that can be cut out trips nothing
	}
	if slices.Contains(s.o.Breakers, s.fault.Line) && l.Closed() {
		s.tripped = s.fault.Line
	}
	for at := bus; s.tripped < 0 && parent[at] >= 0; at = parent[at] {
		if line := by[at].line; line >= 0 && slices.Contains(s.o.Breakers, line) {
			s.tripped = line
		}
		bus = parent[at]
	}
	if s.tripped >= 0 {
		s.net.Lines[s.tripped].SetClosed(false)
	} else {
		root := bus
		for parent[root] >= 0 {
			root = parent[root]
		}
		for i := range s.net.Sources {
			if src := &s.net.Sources[i]; src.At.Bus == root && !src.OutOf {
				src.OutOf, s.source = true, i
			}
		}
	}
	_, _, left := tree(s.net)
	for _, b := range order {
		s.darkened[b] = true
	}
	for _, b := range left {
		delete(s.darkened, b)
	}
}

// spread finds the faulted section: all that no switch separates from the fault.
func (s *situation) spread() {
	l := &s.net.Lines[s.fault.Line]
	// a tag on an open line says that it stays out, which is all that is needed
	free := !s.o.fixed(s.fault.Line) || (s.o.Switchable(s.fault.Line) && !l.Closed())
	if free && s.o.AtEnds {
		return // the line alone
	}
	next := make([][]int, len(s.net.Buses))
	join := func(a, b int) {
		next[a] = append(next[a], b)
		next[b] = append(next[b], a)
	}
	for i := range s.before.Lines {
		if x := &s.before.Lines[i]; s.o.fixed(i) && (x.Closed() || i == s.fault.Line) {
			join(x.Ends[0].Bus, x.Ends[1].Bus)
		}
	}
	for i := range s.net.Transformers {
		t := &s.net.Transformers[i]
		for w := 1; !t.OutOfService && w < len(t.Windings); w++ {
			join(t.Windings[0].Bus, t.Windings[w].Bus)
		}
	}
	queue := []int{l.Ends[0].Bus, l.Ends[1].Bus}
	for _, b := range queue {
		s.section[b] = true
	}
	for len(queue) > 0 {
		bus := queue[0]
		queue = queue[1:]
		for _, other := range next[bus] {
			if !s.section[other] {
				s.section[other] = true
				queue = append(queue, other)
			}
		}
	}
}

// cut opens all switches around the faulted section, and those inside it stay as
// they are: nothing reaches them.
func (s *situation) cut() {
	open := func(i int) {
		if l := &s.net.Lines[i]; l.Closed() {
			l.SetClosed(false)
			s.opened = append(s.opened, i)
		}
	}
	if len(s.section) == 0 {
		open(s.fault.Line)
		return
	}
	for i := range s.net.Lines {
		l := &s.net.Lines[i]
		if !s.o.fixed(i) && s.section[l.Ends[0].Bus] != s.section[l.Ends[1].Bus] {
			open(i)
		}
	}
}

// around says whether a line touches the faulted section, or is the faulted one:
// it must stay open.
func (s *situation) around(i int) bool {
	l := &s.net.Lines[i]
	return i == s.fault.Line || s.section[l.Ends[0].Bus] || s.section[l.Ends[1].Bus]
}

// Isolation is what to do at once.
type Isolation struct {
	// Tripped is the line whose breaker tripped, -1 for a source's; Source is that
	// source, -1 for none.
	Tripped, Source int
	// Open are the switches to open so that nothing can feed the fault.
	Open []int
	// Section are the buses that stay dark until the repair.
	Section []int
	Reason  string
}

// Isolate says which switches cut a fault off. It needs no power flow and is the
// first thing to propose.
func Isolate(net *grid.Network, fault Fault, o Options) (*Isolation, error) {
	o.defaults(net)
	s, err := newSituation(net, fault, o)
	if err != nil {
		return nil, err
	}
	return s.isolation(), nil
}

func (s *situation) isolation() *Isolation {
	out := &Isolation{Tripped: s.tripped, Source: s.source, Open: s.opened}
	for b := range s.section {
		out.Section = append(out.Section, b)
	}
	slices.Sort(out.Section)
	name := s.net.Lines[s.fault.Line].Name
	switch {
	case len(s.opened) == 0:
		out.Reason = fmt.Sprintf("All switches around %s are open already.", name)
	default:
		out.Reason = fmt.Sprintf("Opening %s leaves %s without any feed.", s.names(s.opened), name)
	}
	return out
}

func (s *situation) names(lines []int) string {
	names := make([]string, len(lines))
	for k, i := range lines {
		names[k] = s.net.Lines[i].Name
	}
	return strings.Join(names, ", ")
}

func (o *Options) defaults(net *grid.Network) {
	if o.Switchable == nil {
		o.Switchable = func(i int) bool { return net.Lines[i].Switch }
	}
	if o.Trials == 0 {
		o.Trials = 100000
	}
}
