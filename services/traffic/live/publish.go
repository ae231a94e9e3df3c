package live

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"polity/plane"
	"polity/service"
	"polity/services/traffic/entities"
)

// alert is a situation that lasts.
type alert struct {
	ID    string    `json:"id"`
	Sub   string    `json:"sub"`
	Asset string    `json:"asset"`
	Start time.Time `json:"start"`
}

// troubleAfter is how long something lasts before the control room is told.
const troubleAfter = 15 * time.Second

// alarm tells the control room of junctions without a line or with detectors that cannot be
// believed, and of its end.
func (s *Service) alarm(ctx context.Context) error {
	s.mu.Lock()
	now := s.deps.Now().UTC()
	lasting := map[string]string{}
	for _, x := range s.sites {
		switch {
		case x.mode == Away && time.Since(x.since) > troubleAfter:
			lasting[x.j.ID+"/line"] = "controllerLost"
		case (x.mode == ByPlan || x.mode == Actuated) && time.Since(x.modeSince) > troubleAfter:
			lasting[x.j.ID+"/detectors"] = "detectorFault"
		}
	}
	changed := false
	note := func(a alert, end time.Time) {
		x := service.Alert{ID: a.ID, Category: "traffic", SubCategory: a.Sub, Severity: "medium", Asset: a.Asset, Start: a.Start, End: end, Simulated: s.cfg.Simulate != ""}
		for _, site := range s.sites {
			if entities.ID(entities.Junction, site.j.ID) == a.Asset {
				x.Place = site.j.Place
			}
		}
		s.kept.Untold.Put(x)
		changed = true
	}
	for _, x := range s.sites {
		for _, what := range []string{"/line", "/detectors"} {
			key := x.j.ID + what
			sub, lasts := lasting[key]
			a, told := s.kept.Alerts[key]
			switch {
			case lasts && !told:
				a = alert{ID: fmt.Sprintf("urn:ngsi-ld:Alert:traffic:%s-%s", now.Format("20060102T150405"), x.j.ID+"-"+what[1:]), Sub: sub, Asset: entities.ID(entities.Junction, x.j.ID), Start: now}
				s.kept.Alerts[key] = a
				note(a, time.Time{})
			case !lasts && told && x.mode != Away && x.mode != Waiting && x.mode != Joining:
				delete(s.kept.Alerts, key)
				note(a, now)
			}
		}
	}
	var err error
	if changed {
		err = s.save()
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return s.deps.Tell(ctx, &s.mu, &s.kept.Untold, s.save)
}

// publish writes the junctions into the city's data: who decides, who waits and how long.
// Nothing in it is about anybody who passes.
func (s *Service) publish(ctx context.Context) error {
	list, err := entities.Of(s.net)
	if err != nil {
		return err
	}
	s.mu.Lock()
	now := s.deps.Now().UTC()
	values := map[string][]plane.Attribute{}
	for _, x := range s.sites {
		queued, waiting, stood, served := 0, 0, 0.0, 0
		for a := range x.meter.approaches {
			q := x.meter.approaches[a].queue(now)
			queued += q.Now
			stood += q.Mean * float64(q.Served)
			served += q.Served
		}
		for k := range x.meter.crossings {
			waiting += x.meter.crossings[k].now
		}
		set := []plane.Attribute{property("signalControl", "", now, string(x.mode)), property("vehiclesQueued", "", now, queued), property("peopleWaiting", "", now, waiting)}
		if list, day, told := x.plans(); told { // of the controller, whoever leads now
			p := list[running(x, list, day)-1]
			set = append(set, property("signalPlan", "", now, p.ID), property("signalCycle", "SEC", now, p.Cycle().Seconds()))
		}
		if served > 0 {
			set = append(set, property("averageDelay", "SEC", now, math.Round(10*stood/float64(served))/10))
		}
		values[entities.ID(entities.Junction, x.j.ID)] = set
	}
	s.mu.Unlock()
	var b plane.Batch
	for i := range list {
		e := list[i]
		set, is := values[e.ID]
		if !is {
			continue
		}
		if s.cfg.Simulate != "" {
			set = append(set, property("simulated", "", time.Time{}, true))
		}
		b.Changes = append(b.Changes, plane.Change{Key: e.Key, Edit: func(old *plane.Entity) (*plane.Entity, error) {
			if old == nil {
				x := e
				x.Attributes = append([]plane.Attribute(nil), e.Attributes...)
				old = &x
			}
			for _, a := range set {
				old.Set(a)
			}
			return old, nil
		}})
	}
	if _, err := s.deps.Data.Write(ctx, &b); err != nil {
		return fmt.Errorf("write junctions: %w", err)
	}
	return nil
}

func property(name, unit string, at time.Time, value any) plane.Attribute {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // numbers, words, truths
	}
	return plane.Attribute{Name: name, Kind: plane.Property, Unit: unit, Value: text, ObservedAt: at}
}
