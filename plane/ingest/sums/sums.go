// Package sums makes values of homes into sums of an area. Single values are held in
// memory until their interval ends and then forgotten: what comes out is a sum of ten
// homes or more, or nothing (CHARTER.md, 1).
package sums

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"sync"
	"time"

	"polity/city"
	"polity/plane"
	"polity/plane/ingest/mapping"
)

// Bounds of what is held.
const (
	maxOpen     = 10_000  // intervals of areas
	maxReadings = 100_000 // of one interval
)

// Sums holds the intervals that have not ended. It is safe for concurrent use.
type Sums struct {
	since time.Time

	mu     sync.Mutex
	open   map[key]*interval
	counts Counts
}

// Counts is what happened since the start.
type Counts struct {
	Late      uint64 // values that came after their interval was closed
	Partial   uint64 // values of intervals that had begun before the start
	TooFew    uint64 // sums that were not made, of fewer homes than there must be
	Summed    uint64 // sums that were stored
	Repeated  uint64 // values that came again
	Unstored  uint64 // tries to store that failed; they are made again
	Forgotten uint64 // intervals lost because the store was away for too long
}

type key struct {
	mapping city.Slug
	entity  string
	start   int64 // ms
}

type interval struct {
	m        *mapping.Mapping
	entity   *plane.Entity // its key and types
	readings int
	homes    map[string]map[string]map[int64]float64 // attribute, device, ms
}

// New begins. Intervals that began before since are not summed: what came of them to an
// earlier run is lost, and a sum of the rest would be wrong.
func New(since time.Time) *Sums { return &Sums{since: since, open: map[key]*interval{}} }

// Counts returns what happened since the start.
func (s *Sums) Counts() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts
}

// Add takes a reading of a household. The error is of kind Unavailable if more is held
// than memory is meant for.
func (s *Sums) Add(m *mapping.Mapping, r *mapping.Reading, now time.Time) error {
	every := m.Sums.Every
	start := r.At.Truncate(every)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case start.Before(s.since):
		s.counts.Partial++
		return nil
	case !now.Before(start.Add(every + m.Sums.Wait)):
		s.counts.Late++
		return nil
	}
	k := key{m.Name, r.Entity.ID, start.UnixMilli()}
	i := s.open[k]
	if i == nil {
		if len(s.open) >= maxOpen {
			return city.Errorf(city.Unavailable, "%d intervals of areas are open; the mapping %s names too many areas", len(s.open), m.Name)
		}
		i = &interval{m: m, entity: &plane.Entity{Key: r.Entity.Key, Types: r.Entity.Types}, homes: map[string]map[string]map[int64]float64{}}
		s.open[k] = i
	}
	if i.readings += len(r.Values); i.readings > maxReadings {
		return city.Errorf(city.Unavailable, "the area %s sent more than %d values within %v", r.Area, maxReadings, every)
	}
	for _, v := range r.Values {
		homes := i.homes[v.Attribute]
		if homes == nil {
			homes = map[string]map[int64]float64{}
			i.homes[v.Attribute] = homes
		}
		if homes[r.Device] == nil {
			homes[r.Device] = map[int64]float64{}
		}
		if _, again := homes[r.Device][r.At.UnixMilli()]; again {
			s.counts.Repeated++
			continue
		}
		homes[r.Device][r.At.UnixMilli()] = v.Number
	}
	return nil
}

// Ended takes out the intervals that are over and returns what of them may be known.
// Given the batch, store says whether it is stored; if not, they stay for the next
// time, for a day at most.
func (s *Sums) Ended(now time.Time, store func(*plane.Batch) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b plane.Batch
	var over []key
	few := 0
	for k, i := range s.open {
		if now.Before(time.UnixMilli(k.start).Add(i.m.Sums.Every + i.m.Sums.Wait)) {
			continue
		}
		over = append(over, k)
		few += i.sum(time.UnixMilli(k.start).UTC(), &b)
	}
	if len(b.Observations) > 0 {
		if err := store(&b); err != nil {
			s.counts.Unstored++
			for _, k := range over {
				if now.Sub(time.UnixMilli(k.start)) > s.open[k].m.Sums.Every+25*time.Hour {
					delete(s.open, k)
					s.counts.Forgotten++
				}
			}
			return err
		}
	}
	for _, k := range over {
		delete(s.open, k)
	}
	s.counts.TooFew += uint64(few)
	s.counts.Summed += uint64(len(b.Observations))
	return nil
}

// sum adds the interval's sums to a batch, and counts those that may not be known.
func (i *interval) sum(start time.Time, b *plane.Batch) (few int) {
	e := i.entity.Clone()
	end := start.Add(i.m.Sums.Every)
	for _, name := range slices.Sorted(maps.Keys(i.homes)) {
		homes := i.homes[name]
		if len(homes) < max(i.m.Sums.AtLeast, mapping.MinHomes) {
			few++
			continue
		}
		total := 0.0
		for _, home := range slices.Sorted(maps.Keys(homes)) { // one order, one sum to the last bit
			total += ofEach(homes[home], i.m.Sums.OfEach)
		}
		if math.IsInf(total, 0) {
			few++
			continue
		}
		detail, err := json.Marshal(map[string]int{"homes": len(homes)})
		if err != nil {
			continue // ours: a map of numbers is always JSON
		}
		b.Observations = append(b.Observations, plane.Observation{
			Series: plane.Series{Key: e.Key, Attribute: name}, Start: start, Length: i.m.Sums.Every, Covered: i.m.Sums.Every, Value: total, Detail: detail,
		})
		e.Set(plane.Attribute{Name: name, Kind: plane.Property, Value: strconv.AppendFloat(nil, total, 'g', -1, 64), Unit: i.unit(name), ObservedAt: end})
	}
	if len(e.Attributes) > 0 {
		for _, a := range i.m.ConstantsOf() {
			e.Set(a)
		}
		b.Changes = append(b.Changes, mapping.Merge(e))
	}
	return few
}

func (i *interval) unit(attribute string) string {
	for _, a := range i.m.Attributes {
		if a.Name == attribute {
			return string(a.Unit)
		}
	}
	return ""
}

// ofEach is what a home's values within an interval come to.
func ofEach(values map[int64]float64, how string) float64 {
	times := slices.Sorted(maps.Keys(values))
	if how == "last" {
		return values[times[len(times)-1]]
	}
	total := 0.0
	for _, t := range times {
		total += values[t]
	}
	if how == "mean" {
		total /= float64(len(times))
	}
	return total
}
