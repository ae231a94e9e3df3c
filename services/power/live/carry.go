package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"polity/city"
	"polity/service"
	"polity/services/power/iec104"
	"polity/services/power/outage"
)

// carryOut does what people agreed to, step by step, each tried on the network as it stands
// now before its switch moves.
func (s *Service) carryOut(ctx context.Context) error {
	list, err := s.deps.Decisions.Due(ctx)
	if err != nil {
		return err
	}
	for _, d := range list {
		var o order
		if err := json.Unmarshal(d.Detail, &o); err != nil {
			return errors.Join(err, s.deps.Decisions.Failed(ctx, d, "its detail cannot be read"))
		}
		s.mu.Lock()
		s.carrying = d.ID
		s.mu.Unlock()
		failed := s.do(ctx, d, &o)
		s.mu.Lock()
		s.carrying = ""
		s.mu.Unlock()
		if ctx.Err() != nil {
			return ctx.Err() // it is due at the next start
		}
		if failed != nil {
			s.deps.Log.Error("a switching order was not carried out", slog.String("decision", d.ID), slog.Any("error", failed))
			err = s.deps.Decisions.Failed(ctx, d, service.Sentence(failed.Error(), 300))
		} else {
			err = s.deps.Decisions.Done(ctx, d)
		}
		if err = errors.Join(err, s.over(ctx, &o, d, failed)); err != nil {
			return err
		}
	}
	return nil
}

// do moves the switches of an order, or moves them back. Nothing is selected, let alone
// moved, without the name of a person who agreed.
func (s *Service) do(ctx context.Context, d service.Due, o *order) error {
	switch {
	case d.By == "":
		return city.Errorf(city.Forbidden, "nobody agreed to it: switches move for a person alone")
	case s.field == nil:
		return city.Errorf(city.Unavailable, "no outstation is configured: nothing can be operated from here")
	}
	steps := slices.Clone(o.Steps)
	if d.Undo {
		slices.Reverse(steps)
		for i := range steps {
			steps[i].Close = !steps[i].Close
		}
		if o.Kind == giveBack {
			steps = steps[:len(steps)-1] // the faulty line stays open
		}
	}
	s.mu.Lock()
	f, about := s.byID(o.Fault), -1
	s.mu.Unlock()
	switch {
	case f != nil:
		about = f.Line
	case o.Kind != byHand:
		return errStale
	}
	for i, x := range steps {
		s.mu.Lock()
		net, r := s.standing(), s.rules(o.Kind != giveBack || d.Undo, about)
		s.mu.Unlock()
		if x.Line < 0 || x.Line >= len(net.Lines) || net.Lines[x.Line].Name != x.Name {
			return errStale
		}
		isolates := x.Line == about && !x.Close // the network has it open already
		if !isolates && net.Lines[x.Line].Closed() == x.Close {
			continue
		}
		if _, err := checked(net, steps[i:i+1], r); err != nil {
			return fmt.Errorf("nothing more was moved: %w", err)
		}
		if err := s.field.operate(ctx, x.Line, x.Close, iec104.Confirmation{By: d.By, Decision: d.ID}); err != nil {
			return fmt.Errorf("step %d, %s: %w", i+1, verb(x), err)
		}
		s.mu.Lock()
		s.moved(d, x)
		if x.Line == about {
			f.Isolated = !x.Close
		}
		err := s.save()
		s.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

// movesMost is how many moves are remembered, for the sheets of orders.
const movesMost = 500

// Moved is a switch that moved, and for which decision.
type Moved struct {
	Decision string
	Line     string
	Close    bool
	At       time.Time
	By       string // the person who agreed
}

// moved notes that a switch stands where an order wants it. The lock is held.
func (s *Service) moved(d service.Due, x step) {
	s.kept.Moves = append(s.kept.Moves, Moved{d.ID, x.Name, x.Close, s.deps.Now().UTC(), d.By})
	s.kept.Moves = slices.Delete(s.kept.Moves, 0, max(0, len(s.kept.Moves)-movesMost))
}

// Moves are those made for a decision, the first first.
func (s *Service) Moves(decision string) (list []Moved) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.kept.Moves {
		if m.Decision == decision {
			list = append(list, m)
		}
	}
	return list
}

func (s *Service) byID(id string) *Fault {
	for _, f := range s.kept.Faults {
		if f.ID == id {
			return f
		}
	}
	return nil
}

// pastMost is how many faults that are over are remembered.
const pastMost = 50

// over notes what an order came to.
func (s *Service) over(ctx context.Context, o *order, d service.Due, failed error) error {
	s.mu.Lock()
	now := s.deps.Now()
	f, ended := s.byID(o.Fault), false
	if f != nil {
		f.Waiting, f.Order = "", nil
	}
	switch {
	case f == nil:
	case failed != nil:
		if f.Tries >= 3 {
			f.Note = "Three orders could not be carried out: people at the place are needed."
		}
	case d.Undo:
		f.Note = "A person had the order undone."
	case o.Kind == giveBack:
		for _, x := range o.Steps[1:] {
			if x.Close {
				f.Closed = append(f.Closed, x.Line)
			} else {
				f.Opened = append(f.Opened, x.Line)
			}
		}
		f.Restored, f.Decided = now.UTC(), &d.Decision
	case o.Kind == usual:
		f.Isolated, ended = false, true
	}
	s.settled(now)
	if ended {
		s.kept.Faults = slices.DeleteFunc(s.kept.Faults, func(x *Fault) bool { return x == f })
		s.kept.Past = append(s.kept.Past, Past{f.Name, f.Found, f.Restored, now.UTC(), f.Customers, f.Gained})
		s.kept.Past = slices.Delete(s.kept.Past, 0, max(0, len(s.kept.Past)-pastMost))
		s.known = s.standing()
		s.publish(f, now.UTC())
	}
	err := s.save()
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return s.tell(ctx)
}

// Past is a fault that is over.
type Past struct {
	Name            string // of the line
	Found, Restored time.Time
	Ended           time.Time // the line is back in service
	Customers       int       // without power when it was found
	Gained          int       // that had it back before the repair, by switching
}

// settled notes what an order changed: who has power again, since when they had not.
// The lock is held.
func (s *Service) settled(now time.Time) {
	before := s.known
	if before == nil { // nothing was looked at yet: after a restart an order may be due at once
		before = s.standing()
	}
	had := before.Topology()
	s.known = s.standing()
	top := s.known.Topology()
	// Whoever has power again need not say so. What others say meanwhile stays: it may be
	// of a fault that nobody knows of yet.
	for load := range s.reports {
		bus := s.net.Loads[load].At.Bus
		out := !had.BusLive(bus) || slices.ContainsFunc(s.kept.Faults, func(f *Fault) bool { return slices.Contains(f.Buses, bus) })
		if out && top.BusLive(bus) {
			delete(s.reports, load)
		}
	}
	for _, f := range s.kept.Faults {
		before := f.Dark
		f.Dark = dark(s.known, f.Buses)
		if f.Dark >= before {
			continue
		}
		if !f.Mended {
			f.Gained += before - f.Dark
		}
		s.kept.Interruptions = append(s.kept.Interruptions, outage.Interruption{Start: f.Found, End: now.UTC(), Customers: before - f.Dark})
	}
	s.kept.Interruptions = slices.DeleteFunc(s.kept.Interruptions, func(x outage.Interruption) bool { return now.Sub(x.End) > keepPast })
}
