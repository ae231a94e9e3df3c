package switching

import (
	"fmt"

	"polity/city"
	"polity/services/power/flow"
	"polity/services/power/grid"
)

// Kind is what an action does.
type Kind uint8

// The kinds of action.
const (
	Open Kind = iota
	Close
	// Neutral sets a regulator to its middle and blocks it: one that is fed from
	// behind would run to an end of its range.
	Neutral
	// Energise closes the breaker of a source.
	Energise
)

// Action is one thing done to the network.
type Action struct {
	Kind  Kind
	Index int // of the line, the regulator or the source
}

// Describe puts an action into words: "open line.sw3".
func (a Action) Describe(net *grid.Network) string {
	switch a.Kind {
	case Open:
		return "open " + net.Lines[a.Index].Name
	case Close:
		return "close " + net.Lines[a.Index].Name
	case Neutral:
		return "set " + net.Regulators[a.Index].Name + " to neutral and block it"
	default:
		return "close the breaker of " + net.Sources[a.Index].Name
	}
}

// Tag keeps a switch from being operated.
type Tag struct {
	Line int
	// Reason is what the person who hung it wrote; By is who.
	Reason, By string
}

// State is what the network looks like after actions.
type State struct {
	FedW       float64
	Customers  int
	Result     *flow.Result
	Violations []Violation
}

// Board is a network to try switching on: each action is checked, shown with
// what it leads to, and can be undone. It works on a copy; nothing operates.
type Board struct {
	net    *grid.Network
	limits Limits
	tags   []Tag
	done   []Action
	undone []Action
	states []*grid.Network
}

// NewBoard starts from net as it stands.
func NewBoard(net *grid.Network, limits Limits, tags []Tag) *Board {
	return &Board{net: net.Clone(), limits: limits, tags: tags}
}

// Network returns the network as the actions so far leave it.
func (b *Board) Network() *grid.Network { return b.net }

// Done lists the actions so far.
func (b *Board) Done() []Action { return b.done }

// Do does an action, if it can be done, and returns what it leads to. With an
// error nothing has changed: a tagged or locked switch, an action without effect,
// or a state without a power flow.
func (b *Board) Do(a Action) (*State, error) {
	next, err := apply(b.net, a, b.tags)
	if err != nil {
		return nil, err
	}
	state, err := Look(next, b.limits)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", a.Describe(b.net), err)
	}
	b.states = append(b.states, b.net)
	b.net, b.done, b.undone = next, append(b.done, a), nil
	return state, nil
}

// Undo takes the last action back; false when there is none.
func (b *Board) Undo() bool {
	n := len(b.done)
	if n == 0 {
		return false
	}
	b.undone = append(b.undone, b.done[n-1])
	b.net, b.states, b.done = b.states[n-1], b.states[:n-1], b.done[:n-1]
	return true
}

// Redo does again what was undone last.
func (b *Board) Redo() (*State, error) {
	n := len(b.undone)
	if n == 0 {
		return nil, city.Errorf(city.Conflict, "nothing was undone")
	}
	rest, a := b.undone[:n-1], b.undone[n-1]
	state, err := b.Do(a)
	if err == nil {
		b.undone = rest
	}
	return state, err
}

// Look solves the network and checks it. A network in which nothing is fed is a
// state too, without a power flow.
func Look(net *grid.Network, limits Limits) (*State, error) {
	state := &State{}
	state.FedW, state.Customers = Fed(net)
	live := false
	for i := range net.Sources {
		live = live || !net.Sources[i].OutOf
	}
	if !live {
		return state, nil
	}
	s, err := flow.New(net, flow.Options{})
	if err != nil {
		return nil, err
	}
	if state.Result, err = s.Solve(); err != nil {
		return nil, err
	}
	state.Violations = Check(state.Result, limits)
	return state, nil
}

// apply returns a copy of the network after the action.
func apply(net *grid.Network, a Action, tags []Tag) (*grid.Network, error) {
	next := net.Clone()
	switch a.Kind {
	case Open, Close:
		if a.Index < 0 || a.Index >= len(net.Lines) {
			return nil, city.Errorf(city.NotFound, "there is no line %d", a.Index)
		}
		l := &next.Lines[a.Index]
		for _, t := range tags {
			if t.Line == a.Index {
				return nil, city.Errorf(city.Forbidden, "%s is tagged by %s: %s", l.Name, t.By, t.Reason)
			}
		}
		if l.Closed() == (a.Kind == Close) {
			return nil, city.Errorf(city.Conflict, "%s is so already: %s", l.Name, a.Describe(net))
		}
		l.SetClosed(a.Kind == Close)
	case Neutral:
		if a.Index < 0 || a.Index >= len(net.Regulators) {
			return nil, city.Errorf(city.NotFound, "there is no regulator %d", a.Index)
		}
		r := &next.Regulators[a.Index]
		w := &next.Transformers[r.Transformer].Windings[r.TapWinding]
		w.SetPosition(0)
		r.OutOfService = true
	case Energise:
		if a.Index < 0 || a.Index >= len(net.Sources) || !net.Sources[a.Index].OutOf {
			return nil, city.Errorf(city.Conflict, "there is no source %d to close a breaker of", a.Index)
		}
		next.Sources[a.Index].OutOf = false
	}
	return next, nil
}
