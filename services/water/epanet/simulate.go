package epanet

import (
	"context"
	"errors"
	"fmt"
)

// Scenario is a whole run, described such that it can be run again from its start.
type Scenario struct {
	Network  []byte // text of an .inp file
	Settings []SettingValue
	Columns  []Column
	Seconds  int64 // duration; 0: the file's own
	Every    int64 // report periods at multiples of this, in seconds; 0: every one
	// Chunk is how many seconds are driven at once; 0: all. Drives is asked for each
	// chunk, with its first and last second, and must answer the same when it is asked
	// again. It may be nil.
	Chunk  int64
	Drives func(from, to int64) ([]Drive, error)
	// Restarts says how often a worker that dies is replaced.
	Restarts int
}

// forever is later than any run's end.
const forever = int64(1) << 60

// Simulate runs a scenario and calls each with every period once, in order. When
// the worker dies, another one repeats the run and each hears only what it has not
// heard: EPANET computes the same again. The context cancels it.
func Simulate(ctx context.Context, dial Dialer, s Scenario, each func(Layout, Period) error) error {
	heard := int64(-1)
	for attempt := 0; ; attempt++ {
		err := simulate(ctx, dial, s, func(l Layout, p Period) error {
			if p.Seconds <= heard {
				return nil
			}
			heard = p.Seconds
			return each(l, p)
		})
		if err == nil || !errors.Is(err, ErrDied) || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		if attempt >= s.Restarts {
			return fmt.Errorf("simulate the network, %d times: %w", attempt+1, err)
		}
	}
}

func simulate(ctx context.Context, dial Dialer, s Scenario, each func(Layout, Period) error) error {
	w, err := Start(ctx, dial, s.Network)
	if err != nil {
		return err
	}
	defer w.Close()
	settings := s.Settings
	if s.Seconds > 0 {
		settings = append([]SettingValue{{Object: Time, Property: Duration, Value: float64(s.Seconds)}}, settings...)
	}
	if len(settings) > 0 {
		if err := w.Set(settings...); err != nil {
			return w.abandon(err)
		}
	}
	if err := w.Begin(s.Columns); err != nil {
		return w.abandon(err)
	}
	for from := int64(0); ; {
		to := forever
		if s.Chunk > 0 {
			to = from + s.Chunk
		}
		var drives []Drive
		if s.Drives != nil {
			if drives, err = s.Drives(from, to); err != nil {
				return err
			}
		}
		over, err := w.Advance(to, s.Every, drives, func(p Period) error { return each(w.Layout, p) })
		if err != nil {
			return w.abandon(err)
		}
		if over || (s.Seconds > 0 && to > s.Seconds) {
			return nil
		}
		from = to
	}
}
