package street

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"time"

	"polity/city"
	"polity/plane"
	"polity/service"
	"polity/services/power/iec104"
	"polity/services/power/lighting"
)

// night is a night of an area: one decision, made at dusk, so that neither the book of
// decisions nor the public log has a time at which people came or went.
type night struct {
	Day      time.Time         `json:"day"`      // on which it begins
	Proposal *service.Proposal `json:"proposal"` // nil: nothing is dimmed in it
	Proposed bool              `json:"proposed"`
	Active   bool              `json:"active"`
	Full     bool              `json:"full"` // a person ended it
}

// detail is what the service has to know of a decision.
type detail struct {
	Area city.Slug `json:"area"`
}

// nightOf is the day on which the night of a moment begins.
func nightOf(t time.Time) time.Time {
	t = t.Add(-12 * time.Hour)
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
}

// nights decides for each area, once a night at dusk, that it may be dimmed by counts.
func (s *Service) nights(ctx context.Context, now time.Time) error {
	for i := range s.town.Areas {
		a := &s.town.Areas[i]
		s.mu.Lock()
		n := s.kept.Nights[a.Name]
		var err error
		if day := nightOf(now); n == nil || !n.Day.Equal(day) {
			if s.groups(a, now, func(p lighting.Plan) bool { return p.Most > 0 }) == 0 {
				s.mu.Unlock()
				continue // it is day
			}
			n = &night{Day: day, Proposal: s.proposal(a, now)}
			s.kept.Nights[a.Name] = n
			err = s.save()
		}
		waits := n.Proposal != nil && !n.Proposed
		s.mu.Unlock()
		if err != nil || !waits {
			if err != nil {
				return err
			}
			continue
		}
		err = s.deps.Decisions.Propose(ctx, *n.Proposal)
		known := city.KindOf(err) == city.Conflict || city.KindOf(err) == city.Invalid
		if err != nil && !known {
			return err
		}
		s.mu.Lock()
		n.Proposed = true
		n.Full = n.Full || known // nobody knows what became of it: full light is right
		err = s.save()
		s.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

// groups counts the groups of an area whose plan is such.
func (s *Service) groups(a *lighting.Area, at time.Time, such func(lighting.Plan) bool) (n int) {
	for _, name := range a.Groups {
		if such(s.group[name].Plan(at)) {
			n++
		}
	}
	return n
}

// proposal is the decision of a night, or nil where nothing may be dimmed in it.
func (s *Service) proposal(a *lighting.Area, now time.Time) *service.Proposal {
	dims := func(p lighting.Plan) bool { return p.Most > 0 && p.Least < 1 }
	day := nightOf(now)
	var from, until time.Time
	for t := now.Truncate(lighting.Quarter); nightOf(t).Equal(day); t = t.Add(lighting.Quarter) {
		if s.groups(a, t, dims) > 0 {
			if from.IsZero() {
				from = t
			}
			until = t.Add(lighting.Quarter)
		}
	}
	if from.IsZero() || !until.After(now) {
		return nil
	}
	lamps, saved := 0, 0.0
	var inputs []service.Input
	for _, name := range a.Groups {
		g := s.group[name]
		lamps += g.Lamps
		for t := from; t.Before(until); t = t.Add(lighting.Quarter) {
			if p := g.Plan(t); dims(p) {
				saved += (g.Watts(1, 0) - g.Watts(p.Least, 0)) * lighting.Quarter.Hours() / 1000
			}
		}
		if len(inputs) < 200 {
			inputs = append(inputs, service.Input{Entity: groupID(name), Attribute: "lightingClass", Value: g.Class + ", at least " + g.StepClass(0), At: now})
		}
	}
	for _, c := range a.Counts[:min(len(a.Counts), 50)] {
		inputs = append(inputs, service.Input{Entity: "urn:polity:camera:" + string(c.Camera), Attribute: "occupancy", Value: "quarters of an hour, as they come", At: now})
	}
	text, err := json.Marshal(detail{a.Name})
	if err != nil {
		panic(err) // ours: a name
	}
	return &service.Proposal{
		Decision: service.Decision{
			ID: fmt.Sprintf("%s%s-%s", Prefix, a.Name, day.Format("20060102")), Service: Name, Level: service.Bounded, Algorithm: a.Register, At: now.UTC(), Inputs: inputs,
			Reason: service.Sentence(fmt.Sprintf("Late in the evening fewer people are out, and with fewer than %d a lower class of EN 13201 is enough.", lighting.LeastCrowd), 300),
		},
		Do: service.Sentence(fmt.Sprintf("Dim %d lamps of %d streets (%s) between %s and %s by how many people are out, never below the registered classes.",
			lamps, len(a.Groups), a.Title, from.Format("15:04"), until.Format("15:04")), 300),
		Effect: fmt.Sprintf("At most %.0f kWh less than full light.", math.Floor(saved)), Until: until.UTC(), Detail: text,
	}
}

// carryOut does what is due of decisions: a night begins to be dimmed, or a person had it end.
func (s *Service) carryOut(ctx context.Context, now time.Time) error {
	list, err := s.deps.Decisions.Due(ctx)
	if err != nil {
		return err
	}
	for _, d := range list {
		var x detail
		if err := json.Unmarshal(d.Detail, &x); err != nil {
			if err := s.deps.Decisions.Failed(ctx, d, "its detail cannot be read"); err != nil {
				return err
			}
			continue
		}
		s.mu.Lock()
		n := s.kept.Nights[x.Area]
		ours := n != nil && n.Proposal != nil && n.Proposal.ID == d.ID && now.Before(d.Until)
		if ours {
			n.Active, n.Full = !d.Undo, n.Full || d.Undo
			err = s.save()
		}
		s.mu.Unlock()
		switch {
		case err != nil:
			return err
		case d.Undo && ours:
			if err := s.full(ctx, x.Area, now, iec104.Confirmation{By: d.By, Decision: d.ID}); err != nil {
				if city.KindOf(err) == city.Unavailable {
					continue // the cabinets forget by themselves; it is tried again meanwhile
				}
				return err
			}
			err = s.deps.Decisions.Done(ctx, d)
		case d.Undo || ours:
			err = s.deps.Decisions.Done(ctx, d)
		default:
			err = s.deps.Decisions.Failed(ctx, d, "its night is over")
		}
		if err != nil {
			return err
		}
		s.deps.Log.Info("lamps of an area", slog.String("decision", d.ID), slog.Bool("dimmed", !d.Undo))
	}
	return nil
}

// full tells all cabinets of an area that were allowed less to burn in full, at once.
func (s *Service) full(ctx context.Context, area city.Slug, now time.Time, word iec104.Confirmation) error {
	i := slices.IndexFunc(s.town.Areas, func(a lighting.Area) bool { return a.Name == area })
	if i < 0 || s.line == nil {
		return nil
	}
	var errs []error
	for _, name := range s.town.Areas[i].Groups {
		g := s.group[name]
		if last, was := s.told[name]; !was || last.level >= 1 || now.Sub(last.at) > g.Stale {
			continue
		}
		if err := s.line.allow(ctx, name, 1, word); err != nil {
			errs = append(errs, err)
			continue
		}
		s.told[name] = told{1, now}
	}
	return errors.Join(errs...)
}

// grace is how long counts may take from an edge to the city's data.
const grace = time.Minute

// count brings each area's watch up to the last quarter that is over.
func (s *Service) count(ctx context.Context, now time.Time) error {
	for i := range s.town.Areas {
		a := &s.town.Areas[i]
		w := s.watches[a.Name]
		last := now.Add(-grace).Truncate(lighting.Quarter) // end of the last one
		from := w.Next()
		if back := last.Add(-a.Hold - 4*lighting.Quarter); from.Before(back) {
			from = back // at the start, or after a long stop
		}
		for ; from.Before(last); from = from.Add(lighting.Quarter) {
			people, known, err := s.crowd(ctx, a, from)
			if err != nil {
				return fmt.Errorf("counts of %s: %w", a.Name, err)
			}
			w.See(from, people, known)
		}
		n, known := w.Step(now)
		s.mu.Lock()
		s.steps[a.Name] = step{n, known}
		s.mu.Unlock()
	}
	return nil
}

// counted sums what an area's cameras saw at a time, on average over a quarter of an hour. It
// is known if each of them saw at least half of it.
func (s *Service) counted(ctx context.Context, a *lighting.Area, from time.Time) (people float64, known bool, err error) {
	for _, c := range a.Counts {
		for _, class := range []string{"person", "bicycle", "vehicle"} {
			sum, seen := 0.0, time.Duration(0)
			err := s.deps.Data.History(ctx, plane.HistoryQuery{
				Key: plane.Key{ID: "urn:polity:camera:" + string(c.Camera)}, Attribute: "occupancy", Dataset: class + "/" + string(c.Zone) + "/", From: from, To: from.Add(lighting.Quarter),
			}, func(o plane.Observation) error {
				if o.Length <= lighting.Quarter {
					sum += o.Value * o.Covered.Seconds()
					seen += o.Covered
				}
				return nil
			})
			if err != nil {
				return 0, false, err
			}
			if seen < lighting.Quarter/2 {
				return 0, false, nil
			}
			people += sum / seen.Seconds()
		}
	}
	return people, true, nil
}

// wanted is the level that a group may have now, and the decision by which it may.
func (s *Service) wanted(g *lighting.Group, now time.Time) (level float64, decision string) {
	a := s.areaOf[g.Name]
	if a == nil {
		return 1, ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.kept.Nights[a.Name]
	if n == nil || n.Proposal == nil || !n.Active || n.Full || !now.Before(n.Proposal.Until) || !n.Day.Equal(nightOf(now)) {
		return 1, ""
	}
	return g.StepLevel(s.steps[a.Name].n), n.Proposal.ID
}

// tell tells cabinets what is enough: at once when it changes, and again before they forget.
func (s *Service) tell(ctx context.Context, now time.Time) error {
	if s.line == nil {
		return nil
	}
	for i := range s.town.Groups {
		g := &s.town.Groups[i]
		a := s.areaOf[g.Name]
		if a == nil {
			continue
		}
		level, decision := s.wanted(g, now)
		if p := g.Plan(now); p.Most == 0 || p.Least == p.Most {
			continue // its own schedule leaves nothing to say
		}
		last, was := s.told[g.Name]
		was = was && now.Sub(last.at) <= g.Stale && !now.Before(last.at)
		switch {
		case level >= 1 && (!was || last.level >= 1):
			continue // it burns in full by itself
		case was && last.level == level && now.Sub(last.at) < g.Stale/3:
			continue
		}
		if decision == "" {
			decision = Prefix + string(a.Name) + "-" + nightOf(now).Format("20060102") // the one that is over
		}
		err := s.line.allow(ctx, g.Name, level, iec104.Confirmation{Registered: string(a.Register), Decision: decision})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s.mu.Lock()
		switch city.KindOf(err) {
		case city.Unavailable, city.NotFound:
			s.mu.Unlock()
			if city.KindOf(err) == city.Unavailable {
				return nil // there is no line; cabinets go on alone
			}
			continue
		}
		if err != nil {
			s.refused[g.Name] = service.Sentence(err.Error(), 200)
		} else {
			delete(s.refused, g.Name)
			s.told[g.Name] = told{level, now}
		}
		s.mu.Unlock()
	}
	return nil
}
