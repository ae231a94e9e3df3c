package flow

import (
	"errors"
	"fmt"
)

// Solve solves the power flow and lets regulators act until all are in band or
// their number of actions is spent. It starts from the last solution, if there
// was one.
func (s *Solver) Solve() (*Result, error) {
	result := &Result{}
	control := newControl(s)
	for {
		if err := s.ready(); err != nil {
			return nil, err
		}
		if err := s.once(result); err != nil {
			s.warm = false
			return nil, err
		}
		s.warm = true
		moved, err := control.act()
		if err != nil {
			return nil, err
		}
		result.ControlSteps = control.steps
		if !moved {
			break
		}
	}
	result.Hunting = control.hunting
	s.shared = true
	result.net, result.top, result.place, result.elements, result.other, result.node = s.net, s.top, s.place, s.elements, s.other, s.node
	result.perNode = s.perNode
	result.v = append([]complex128(nil), s.v...)
	if s.newton != nil {
		result.holding = append([]holder(nil), s.newton.holding...)
	}
	return result, nil
}

// once solves with the taps as they are.
func (s *Solver) once(result *Result) error {
	method := s.options.Method
	holds := false
	for i := range s.net.Generators {
		holds = holds || (s.net.Generators[i].Hold > 0 && !s.net.Generators[i].OutOfService)
	}
	if method == Sweep && holds {
		return errors.New("a generator holds its voltage: that needs Newton's method")
	}
	var failed error
	if method != Newton && !holds {
		iterations, err := s.sweep()
		result.Iterations += iterations
		result.Method = Sweep
		if err == nil || method == Sweep {
			return s.explain(err)
		}
		failed = err
		s.warm = false
		if err := s.ready(); err != nil {
			return err
		}
	}
	iterations, err := s.solveNewton()
	result.Iterations += iterations
	result.Method = Newton
	if err != nil && failed != nil {
		err = fmt.Errorf("%w; before that the sweep: %w", err, failed)
	}
	return s.explain(err)
}

// explain adds to a failure where the power balances least.
func (s *Solver) explain(err error) error {
	if err == nil {
		return nil
	}
	worst, node := s.mismatch()
	bus := &s.net.Buses[node.Bus]
	return fmt.Errorf("%w; the power balances least at %s.%d (%.3g kVA missing; %s): is the load too heavy for the lines there, or a unit wrong?", err, bus.Name, node.Number, worst*s.perNode/1000, bus.Origin)
}
