package live

import (
	"context"
	"slices"
	"time"

	"polity/city"
	"polity/service"
)

// What there is to do for the made-up crews when somebody takes a tour, or leaves it.
const (
	taken = "taken"
	freed = "freed"
)

// errand is what follows from a report besides its counting: alerts, and asking people. It is
// kept until it is done, and doing it twice does no harm.
type errand struct {
	What      string
	Truck     string
	Container string
	At        time.Time
	Person    bool // a person told it, not the made-up world
}

// wake has the run loop look at once.
func (s *Service) wake() {
	select {
	case s.told <- struct{}{}:
	default:
	}
}

// run does what is left to be done.
func (s *Service) run(ctx context.Context) error {
	s.mu.Lock()
	list := slices.Clone(s.kept.Errands)
	s.mu.Unlock()
	if len(list) == 0 {
		return nil
	}
	for _, e := range list {
		if err := s.errand(ctx, e); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return nil // it is done at the next start
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept.Errands = slices.Delete(s.kept.Errands, 0, len(list))
	if err := s.tidy(); err != nil {
		return err
	}
	return s.save()
}

func (s *Service) errand(ctx context.Context, e errand) error {
	switch e.What {
	case Collected:
		i := s.index[e.Container]
		if s.world != nil {
			s.histories[i].Emptied = append(s.histories[i].Emptied, e.At)
			if e.Person {
				s.world.Empty(e.Container)
			}
		}
		return s.settle(ctx, containerURN(e.Container), "")
	case Missed:
		s.mu.Lock()
		_, still := s.kept.Misses[e.Container]
		s.mu.Unlock()
		if !still {
			return nil
		}
		return s.raiseMissed(ctx, e.Container)
	case Stands:
		if s.world != nil && e.Person {
			s.world.Stop(e.Truck)
		}
		return s.brokeDown(ctx, e.Truck)
	case Goes:
		return s.goesAgain(ctx, e.Truck)
	case Back:
		if s.world != nil && e.Person {
			s.world.Stop(e.Truck)
		}
	case taken:
		if s.world != nil {
			s.world.Leave(e.Truck)
		}
	case freed:
		s.mu.Lock()
		defer s.mu.Unlock()
		for i := range s.kept.Today.Tours {
			if t := &s.kept.Today.Tours[i]; t.Truck == e.Truck && !t.Broken && !t.Home && s.kept.Today.Phase == Driving {
				s.send(t)
			}
		}
	}
	return nil
}

func (s *Service) raiseMissed(ctx context.Context, id string) error {
	i, known := s.index[id]
	if !known { // tables without it were taken over since
		return nil
	}
	place := s.town.Containers[i].Place
	return s.raise(ctx, "missed-"+id, service.Alert{SubCategory: "missedPickup", Severity: "low", Asset: containerURN(id), Place: &place})
}

// brokeDown tells of a truck that stands, and asks who takes its containers.
func (s *Service) brokeDown(ctx context.Context, truck string) error {
	s.mu.Lock()
	var place *city.Point
	stands := false
	for i := range s.kept.Today.Tours {
		if t := &s.kept.Today.Tours[i]; t.Truck == truck {
			stands = t.Broken && !t.Asked
			if t.Done > 0 {
				place = &t.Calls[t.Done-1].Place
			}
		}
	}
	s.mu.Unlock()
	if !stands {
		return nil
	}
	if err := s.raise(ctx, "breakdown-"+truck, service.Alert{SubCategory: "vehicleBreakdown", Severity: "high", Asset: truckURN(truck), Place: place}); err != nil {
		return err
	}
	if err := s.dropMoves(ctx, "Another truck has broken down since; who takes what is asked anew."); err != nil {
		return err
	}
	return s.proposeMoves(ctx, truck)
}

// goesAgain ends what a breakdown began: who takes its containers is no question any more.
func (s *Service) goesAgain(ctx context.Context, truck string) error {
	s.mu.Lock()
	still, other := true, ""
	for i := range s.kept.Today.Tours {
		t := &s.kept.Today.Tours[i]
		still = still && !(t.Truck == truck && t.Broken)
		if t.Truck != truck && t.Broken {
			other = t.Truck // which stands, too
		}
		if t.Truck == truck && !t.Broken && !t.Home {
			s.send(t)
		}
	}
	s.mu.Unlock()
	if !still {
		return nil
	}
	if err := s.settle(ctx, truckURN(truck), ""); err != nil {
		return err
	}
	if err := s.dropMoves(ctx, truck+" drives again."); err != nil || other == "" {
		return err
	}
	return s.proposeMoves(ctx, other)
}

// dropMoves withdraws what was asked about a broken truck's containers, if nobody answered.
func (s *Service) dropMoves(ctx context.Context, why string) error {
	s.mu.Lock()
	moves := s.kept.Today.Moves
	waits := moves != "" && slices.Contains(s.kept.Waiting, moves)
	s.mu.Unlock()
	if !waits {
		return nil
	}
	if err := s.deps.Moot(ctx, moves, why); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept.Waiting = slices.DeleteFunc(s.kept.Waiting, func(id string) bool { return id == moves })
	return s.save()
}
