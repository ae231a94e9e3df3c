package switching

import (
	"fmt"
	"strings"

	"polity/city"
	"polity/services/power/grid"
)

// Step is one action of an order, with why it is taken and what it leads to.
type Step struct {
	Action    Action
	Text      string  // "open line.sw3"
	Why       string  // in one sentence
	FedW      float64 // after it
	Customers int
	LowestPU  float64 // 0 where nothing is live
	HighestPU float64
	Loading   float64 // highest of any line or transformer, as a part of its emergency rating
}

// Order is a sequence of steps that a person confirms one by one.
type Order struct {
	Title string
	Steps []Step
}

// Make applies actions one after the other and makes an order of them. It fails
// at the first step that cannot be done or that breaks a limit.
func Make(title string, net *grid.Network, actions []Action, why []string, limits Limits, tags []Tag) (*Order, error) {
	order := &Order{Title: title}
	for k, a := range actions {
		next, err := apply(net, a, tags)
		if err != nil {
			return nil, fmt.Errorf("step %d: %w", k+1, err)
		}
		state, err := Look(next, limits)
		if err != nil {
			return nil, fmt.Errorf("step %d, %s: %w", k+1, a.Describe(net), err)
		}
		if len(state.Violations) > 0 {
			return nil, city.Errorf(city.Conflict, "step %d, %s: %s", k+1, a.Describe(net), state.Violations[0].Text)
		}
		order.Steps = append(order.Steps, step(net, a, why[k], state))
		net = next
	}
	return order, nil
}

func step(net *grid.Network, a Action, why string, state *State) Step {
	s := Step{Action: a, Text: a.Describe(net), Why: why, FedW: state.FedW, Customers: state.Customers}
	if r := state.Result; r != nil {
		s.LowestPU, s.HighestPU, _, _ = r.Extreme()
		s.Loading = Loading(r)
	}
	return s
}

// Sheet is the order as text for a printed sheet.
func (o *Order) Sheet() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", o.Title)
	for k, s := range o.Steps {
		fmt.Fprintf(&b, "%3d  [ ]  %-36s %s\n", k+1, s.Text, s.Why)
		fmt.Fprintf(&b, "          then %.0f kW fed", s.FedW/1000)
		if s.LowestPU > 0 {
			fmt.Fprintf(&b, ", voltages %.4f to %.4f", s.LowestPU, s.HighestPU)
		}
		if s.Loading > 0 {
			fmt.Fprintf(&b, ", highest loading %.0f%%", 100*s.Loading)
		}
		b.WriteString("\n")
	}
	return b.String()
}
