package live

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"polity/plane"
	"polity/service"
	"polity/services/waste/forecast"
)

const (
	rememberDays = 60
	drop         = 0.3 // between two readings: it was emptied
	watchEach    = 5 * time.Minute
	lowAgain     = 0.5 // below it an overflow is over
)

// remember reads from the city's data what sensors said of each container: fillingLevel, 0
// to 1, of the WasteContainer with its id. That it was emptied is told by its level falling.
func (s *Service) remember(ctx context.Context, now time.Time) error {
	s.histories = nil
	for i := range s.town.Containers {
		h := forecast.History{ID: s.town.Containers[i].ID, Group: string(s.town.Containers[i].Fraction)}
		q := plane.HistoryQuery{Key: plane.Key{ID: containerURN(h.ID)}, Attribute: "fillingLevel", From: now.AddDate(0, 0, -rememberDays), To: now}
		err := s.deps.Data.History(ctx, q, func(o plane.Observation) error {
			if !(o.Value >= 0 && o.Value <= 1.2) {
				return nil
			}
			if n := len(h.Readings); n > 0 && h.Readings[n-1].Fill-o.Value >= drop {
				h.Emptied = append(h.Emptied, h.Readings[n-1].At.Add(o.Start.Sub(h.Readings[n-1].At)/2))
			}
			h.Readings = append(h.Readings, forecast.Reading{At: o.Start, Fill: o.Value})
			return nil
		})
		if err != nil {
			return fmt.Errorf("what is known of container %s: %w", h.ID, err)
		}
		s.histories = append(s.histories, h)
	}
	return s.watch(ctx)
}

// watch looks how full containers are by the city's data, and tells of those that overflow.
func (s *Service) watch(ctx context.Context) error {
	s.watched = s.deps.Now()
	q := plane.Query{Types: []string{"WasteContainer"}, Limit: plane.MaxLimit}
	for {
		page, err := s.deps.Data.Find(ctx, q)
		if err != nil {
			return fmt.Errorf("find containers: %w", err)
		}
		for i := range page.Entities {
			if err := s.see(ctx, page.Entities[i]); err != nil {
				return err
			}
		}
		if len(page.Entities) < plane.MaxLimit {
			return nil
		}
		q.After = page.Entities[len(page.Entities)-1].ID
	}
}

func (s *Service) see(ctx context.Context, e *plane.Entity) error {
	i, ours := s.index[e.ID[min(len(e.ID), len(containerURN(""))):]]
	a := e.Attribute("fillingLevel")
	if !ours || e.ID != containerURN(s.town.Containers[i].ID) || a == nil {
		return nil
	}
	fill, known := number(a.Value)
	if !known {
		return nil
	}
	at := a.ObservedAt
	if at.IsZero() {
		at = a.Modified
	}
	s.mu.Lock()
	before := at.Before(s.levels[i].At) // what a crew told since holds
	if !before {
		s.levels[i] = level{fill, at}
	}
	s.mu.Unlock()
	if before {
		return nil
	}
	switch {
	case fill >= overflowing:
		return s.raise(ctx, "overflow-"+s.town.Containers[i].ID, service.Alert{SubCategory: "overflow", Severity: "medium", Asset: e.ID, Place: &s.town.Containers[i].Place})
	case fill < lowAgain:
		return s.settle(ctx, e.ID, "overflow")
	}
	return nil
}

// number is a fill, unless it is none that a container can have.
func number(text []byte) (fill float64, known bool) {
	err := json.Unmarshal(text, &fill)
	return fill, err == nil && fill >= 0 && fill <= 1.2
}
