package live

import (
	"log/slog"
	"time"

	"polity/services/traffic/control"
	"polity/services/traffic/network"
	"polity/services/traffic/rsmp"
	"polity/services/traffic/safety"
)

// greens reads the letters of S0001: 1 to 8 are greens of all sorts.
func greens(letters string) (s network.Set) {
	for g := range min(len(letters), network.MaxGroups) {
		if letters[g] >= '1' && letters[g] <= '8' {
			s = s.With(g)
		}
	}
	return s
}

// second decides what each junction should show now, and asks those controllers for it that
// follow.
func (s *Service) second(now time.Time, brain control.Controller, sup *rsmp.Supervisor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	clock := now.Sub(s.began).Truncate(time.Second)
	seen := s.detect(clock)
	shown, out := make([]safety.Aspects, len(s.sites)), make([]control.Decision, len(s.sites))
	for i, x := range s.sites {
		shown[i] = x.shown
	}
	brain.Decide(clock, &seen, shown, out)
	for i, x := range s.sites {
		x.meter.see(s.net, i, &seen, clock, now)
		if x.connected && x.letters != "" {
			x.green = append(x.green, green{now, greens(x.letters)})
		} else {
			x.green = nil
		}
		for len(x.green) > 0 && now.Sub(x.green[0].at) > watched {
			x.green = x.green[1:]
		}
		s.decide(i, out[i], clock, now, sup)
	}
}

// decide leads or follows one junction for a second. Before it leads, the service's guard
// comes to show what the controller shows: so nothing ends too early when it takes over.
func (s *Service) decide(i int, d control.Decision, clock time.Duration, now time.Time, sup *rsmp.Supervisor) {
	x := s.sites[i]
	mode, reason := s.allowed(i, d)
	if mode != Adaptive && mode != Actuated {
		x.leading = false
	}
	is := greens(x.letters)
	if x.leading {
		x.shown = x.guard.Step(clock, d.Want, x.j.All())
		if err := sup.Wish(x.j.ID, x.shown.Green()); err != nil {
			s.deps.Log.Warn("a wish is not sent", slog.String("junction", x.j.ID), slog.Any("error", err))
		}
		x.differs++
		if x.shown.Green() == is {
			x.differs = 0
		}
		if x.differs > differsFor {
			x.leading = false
			s.deps.Log.Warn("a controller does not follow; the junction is taken up anew", slog.String("junction", x.j.ID), slog.String("shows", x.letters))
		}
	} else {
		x.shown = x.guard.Step(clock, is, x.j.All())
		x.leading = (mode == Adaptive || mode == Actuated) && x.shown.Mode() == safety.Running && x.shown.Green() == is
		x.differs = 0
		if !x.leading && (mode == Adaptive || mode == Actuated) {
			mode, reason = Joining, ""
		}
	}
	if mode != x.mode {
		s.deps.Log.Info("a junction changes", slog.String("junction", x.j.ID), slog.String("from", string(x.mode)), slog.String("to", string(mode)), slog.String("reason", reason))
		x.mode, x.modeSince = mode, now
	}
	x.reason = reason
}

// allowed says who may decide about a junction, and why.
func (s *Service) allowed(i int, d control.Decision) (Mode, string) {
	x := s.sites[i]
	silent := s.silent(i)
	st := s.kept.Junctions[x.j.ID]
	switch {
	case !x.connected:
		return Away, ""
	case st == nil || !st.On && !st.Off:
		return Waiting, ""
	case st.Off:
		return Held, ""
	case silent != "":
		return ByPlan, silent
	case d.Instead == control.ByPlan:
		return ByPlan, d.Reason
	case d.Instead == control.ByActuated:
		return Actuated, d.Reason
	}
	return Adaptive, d.Reason
}
