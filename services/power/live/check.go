package live

import (
	"fmt"
	"slices"

	"polity/city"
	"polity/services/power/grid"
	"polity/services/power/switching"
)

// Check is what a step leads to, as the power flow has it.
type Check struct {
	Customers int     `json:"customers"` // that have power then
	FedKW     float64 `json:"fed_kw"`
	LowestPU  float64 `json:"lowest_pu"` // 0 where nothing is live
	HighestPU float64 `json:"highest_pu"`
	Loading   float64 `json:"loading"` // highest, as a part of the emergency rating; 0: not known
	Loop      bool    `json:"loop,omitempty"`
}

// rules are what every step of an order is checked against.
type rules struct {
	limits switching.Limits
	tags   []switching.Tag
	loose  []int // lines that failed and are not cut out: nothing may feed them
}

// rules returns those of now. Going back to the usual state, and what people write, may
// close before it opens, so that nobody's light goes out: a loop for a moment. The tag of
// the fault in one line is left out: an order is about it. The lock is held.
func (s *Service) rules(loops bool, but int) rules {
	r := rules{limits: switching.Standard(), tags: s.tags(but)}
	r.limits.Loops, r.limits.Devices = loops, s.devices
	for _, f := range s.kept.Faults {
		if !f.Isolated && !f.Mended {
			r.loose = append(r.loose, f.Line)
		}
	}
	return r
}

// tags are those that people hung and those of faults but one. The lock is held.
func (s *Service) tags(but int) (tags []switching.Tag) {
	for _, f := range s.kept.Faults {
		if f.Line != but && !f.Mended {
			tags = append(tags, switching.Tag{Line: f.Line, Reason: "faulty: " + f.ID, By: "the power service"})
		}
	}
	for i := range s.kept.Tags {
		if t := &s.kept.Tags[i]; lineOf(s.net, t.Line) >= 0 {
			tags = append(tags, switching.Tag{Line: lineOf(s.net, t.Line), Reason: t.Reason, By: t.By})
		}
	}
	return tags
}

// feeds names the fault that a network would feed and the one before it did not; empty: none.
func (r *rules) feeds(before, after *grid.Network) string {
	if len(r.loose) == 0 {
		return ""
	}
	was, is := before.Topology(), after.Topology()
	for _, i := range r.loose {
		for _, end := range after.Lines[i].Ends {
			if is.BusLive(end.Bus) && !was.BusLive(end.Bus) {
				return after.Lines[i].Name
			}
		}
	}
	return ""
}

// cut notes that a step cuts a fault out.
func (r *rules) cut(x step) {
	if !x.Close {
		r.loose = slices.DeleteFunc(slices.Clone(r.loose), func(i int) bool { return i == x.Line })
	}
}

// checked tries steps on a copy of the network, each within the rules, and notes what each
// leads to. The first that breaks one is an error that says which.
func checked(net *grid.Network, steps []step, r rules) ([]step, error) {
	board := switching.NewBoard(net, r.limits, r.tags)
	state, err := switching.Look(net, r.limits)
	if err != nil {
		return nil, err
	}
	out := slices.Clone(steps)
	for i := range out {
		x := &out[i]
		if x.Line < 0 || x.Line >= len(net.Lines) || net.Lines[x.Line].Name != x.Name {
			return nil, errStale
		}
		r.cut(*x)
		if before := board.Network(); before.Lines[x.Line].Closed() != x.Close {
			if state, err = board.Do(x.action()); err != nil {
				return nil, fmt.Errorf("step %d, %s: %w", i+1, verb(*x), err)
			}
			if len(state.Violations) > 0 {
				return nil, city.Errorf(city.Conflict, "step %d, %s: %s", i+1, verb(*x), state.Violations[0].Text)
			}
			if fault := r.feeds(before, board.Network()); fault != "" {
				return nil, city.Errorf(city.Conflict, "step %d, %s: it would feed the fault in %s, which is not cut out yet", i+1, verb(*x), fault)
			}
		}
		check := checkOf(state, board.Network())
		x.After = &check
	}
	return out, nil
}

func checkOf(state *switching.State, net *grid.Network) Check {
	c := Check{Customers: state.Customers, FedKW: state.FedW / 1000, Loop: len(net.Topology().Loops) > 0}
	if r := state.Result; r != nil {
		c.LowestPU, c.HighestPU, _, _ = r.Extreme()
		c.Loading = switching.Loading(r)
	}
	return c
}
