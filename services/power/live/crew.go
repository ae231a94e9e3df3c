package live

import (
	"context"
	"fmt"
	"log/slog"

	"polity/city"
	"polity/service"
)

// Work is the work order by which a crew mends a line.
type Work struct {
	ID, State, Crew, Reason string
	Number                  int64
}

// ordersChanged is closed at the next change of any work order; nil: there are none.
func (s *Service) ordersChanged() <-chan struct{} {
	if s.deps.Orders == nil {
		return nil
	}
	return s.deps.Orders.Changed()
}

// hearCrews asks for a crew where a line is cut out and fed from nowhere, and takes their
// word that it is mended. Made-up crews come by themselves.
func (s *Service) hearCrews(ctx context.Context) error {
	if s.deps.Orders == nil || s.cfg.Simulate != "" {
		return nil
	}
	type job struct {
		f        *Fault
		decision service.Decision
		work     service.Work
		asked    bool
	}
	var jobs []job
	s.mu.Lock()
	for _, f := range s.kept.Faults {
		if f.Isolated && !f.Mended && f.Decided != nil {
			jobs = append(jobs, job{f, *f.Decided, s.workOn(f), f.Work != nil})
		}
	}
	s.mu.Unlock()
	for _, j := range jobs {
		var o service.WorkOrder
		var err error
		if j.asked {
			o, err = s.deps.Orders.Of(ctx, j.decision.ID)
		} else {
			o, err = s.deps.Orders.Ask(ctx, j.decision, j.work)
		}
		switch {
		case city.KindOf(err) == city.NotFound: // kept no longer: the desk says when it is mended
			continue
		case city.KindOf(err) == city.Invalid:
			s.deps.Log.Error("a work order cannot be made", slog.String("fault", j.f.ID), slog.Any("error", err))
			continue
		case err != nil:
			return fmt.Errorf("the work order for %s: %w", j.f.Name, err)
		}
		s.mu.Lock()
		now := Work{o.ID, o.State, o.Crew, o.Reason, o.Number}
		if j.f.Work == nil || *j.f.Work != now {
			j.f.Work = &now
			if o.State == service.WorkDone && !j.f.Mended {
				j.f.Mended, j.f.MendedBy, j.f.Note = true, fmt.Sprintf("Work order %d", o.Number), ""
			}
			err = s.save()
		}
		s.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

// workOn is what a crew is asked for. The lock is held.
func (s *Service) workOn(f *Fault) service.Work {
	l := &s.net.Lines[f.Line]
	w := service.Work{
		Kind: "outage", Asset: entityOf(f.Name), Place: s.placeOf(f.Line), Priority: "soon",
		Task:  fmt.Sprintf("Find the fault in %s and mend it. It is cut out at both ends; %d customers wait for it. Hang a tag before work begins, and have it taken off when nobody is at the line any more.", f.Name, f.Dark),
		Where: fmt.Sprintf("between buses %s and %s", s.net.Buses[l.Ends[0].Bus].Name, s.net.Buses[l.Ends[1].Bus].Name),
	}
	if f.Dark > 0 {
		w.Priority = "urgent"
	}
	return w
}
