package dss

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"polity/services/power/grid"
)

func (r *reader) newBasics(name string) basics {
	return basics{name: name, origin: r.at, frequency: r.options.frequency}
}

// problem reports a mistake in an element found when the network is put
// together.
func (r *reader) problem(c *basics, format string, args ...any) {
	r.errs = append(r.errs, fmt.Errorf("%s: %s: %s", c.origin, r.called(c), fmt.Sprintf(format, args...)))
}

// called is an element's name with its class: line.l1.
func (r *reader) called(c *basics) string {
	for class, list := range r.objects {
		if o, has := list[c.name]; has && o.common() == c {
			return class + "." + c.name
		}
	}
	return c.name
}

// note tells what was left out of an element; of many alike only the first few.
func (r *reader) note(c *basics, format string, args ...any) {
	const few = 3
	if r.noted[format]++; r.noted[format] <= few {
		r.notes = append(r.notes, fmt.Sprintf("%s: %s: %s", c.origin, r.called(c), fmt.Sprintf(format, args...)))
	}
	if r.noted[format] == few+1 {
		r.notes = append(r.notes, fmt.Sprintf("%s: %s and others: the same", c.origin, r.called(c)))
	}
}

func (r *reader) hintName(class, name string) string {
	return hint(name, slices.Sorted(maps.Keys(r.objects[class])))
}

// terminal reads "bus.1.2.3": conductors without a node of their own sit on
// nodes 1, 2, … as far as there are phases, the others on earth.
func (r *reader) terminal(n *grid.Network, c *basics, spec string, phases, conductors int, what string) (grid.Terminal, bool) {
	name, rest, _ := strings.Cut(spec, ".")
	if name == "" {
		r.problem(c, "%s is not given", what)
		return grid.Terminal{}, false
	}
	nodes, given := make([]int, conductors), []string(nil)
	for i := range phases {
		nodes[i] = i + 1
	}
	if rest != "" {
		given = strings.Split(rest, ".")
		for i, text := range given {
			k, err := strconv.Atoi(text)
			if err != nil || k < 0 || k > 1000 {
				r.problem(c, "%s %q: %q is no node number", what, spec, text)
				return grid.Terminal{}, false
			}
			if i < conductors {
				nodes[i] = k
			}
		}
	}
	if len(given) > conductors {
		r.note(c, "%s %q names %d nodes for %d conductors: those behind the last are not connected", what, spec, len(given), conductors)
	}
	for i, k := range nodes[:phases] {
		if len(given) < phases && k != grid.Earth && slices.Contains(nodes[:i], k) {
			r.problem(c, "%s %q puts two of %d phases on node %d; name a node for each phase", what, spec, phases, k)
			return grid.Terminal{}, false
		}
	}
	return grid.Terminal{Bus: n.AddBus(name, c.origin), Nodes: nodes}, true
}

// buildable is an object that becomes part of the network.
type buildable interface {
	object
	build(r *reader, n *grid.Network)
}

// build puts the network together.
func (r *reader) build() *grid.Network {
	n := &grid.Network{Name: r.circuit.circuit, Frequency: r.options.frequency, VoltageBases: r.options.bases, MaxControlSteps: r.options.maxControl}
	for _, o := range r.ordered["swtcontrol"] {
		if !o.common().disabled {
			o.(*switchControl).apply(r)
		}
	}
	for _, class := range []string{"vsource", "line", "transformer", "capacitor", "reactor", "load", "generator", "pvsystem", "storage", "fault", "regcontrol", "capcontrol"} {
		for _, o := range r.ordered[class] {
			if b, ok := o.(buildable); ok && !o.common().disabled {
				b.build(r, n)
			}
		}
	}
	if r.options.controlOff {
		for i := range n.Regulators {
			n.Regulators[i].OutOfService = true
		}
		for i := range n.CapacitorControls {
			n.CapacitorControls[i].OutOfService = true
		}
	}
	for name, xy := range r.options.coordinates {
		if i := n.Bus(name); i >= 0 {
			n.Buses[i].X, n.Buses[i].Y, n.Buses[i].Located = xy[0], xy[1], true
		}
	}
	for _, class := range slices.Sorted(maps.Keys(r.left)) {
		r.notes = append(r.notes, fmt.Sprintf("%d of class %s left out: without effect on the power flow of one moment%s", r.left[class], class, consequence[class]))
	}
	n.Notes = r.notes
	return n
}

// consequence says what leaving a class out may change after all.
var consequence = map[string]string{
	"invcontrol":        ", but inverters keep the vars the script gives them",
	"storagecontroller": ", but storage stays as the script sets it", "recloser": " before a fault", "relay": " before a fault", "fuse": " before a fault",
}

// switchControl is a SwtControl: the state of a switched line.
type switchControl struct {
	basics
	of       string
	terminal int
	open     bool
	said     bool
}

func newSwitchControl(r *reader, name string) *switchControl {
	return &switchControl{basics: r.newBasics(name), terminal: 1}
}

func (*switchControl) class() *class { return switchControlClass }

func (s *switchControl) like(other object) { *s = *other.(*switchControl) }

func (s *switchControl) set(property string, v value) (err error) {
	switch property {
	case "switchedobj":
		s.of = v.lower()
	case "switchedterm":
		if s.terminal, err = v.integer(); err == nil && (s.terminal < 1 || s.terminal > 2) {
			err = fmt.Errorf("terminal %d of a line", s.terminal)
		}
	case "normal":
		if !s.said {
			s.open = strings.HasPrefix(v.lower(), "o")
		}
	case "action", "state":
		s.open, s.said = strings.HasPrefix(v.lower(), "o"), true
	}
	return err
}

func (s *switchControl) apply(r *reader) {
	l, ok := r.objects["line"][strings.TrimPrefix(s.of, "line.")].(*line)
	if !ok {
		r.problem(&s.basics, "there is no %q to switch", s.of)
		return
	}
	l.isSwitch = true
	if s.open {
		l.open[s.terminal-1] = 1<<32 - 1
	}
}
