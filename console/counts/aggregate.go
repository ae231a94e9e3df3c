package counts

import (
	"cmp"
	"iter"
	"slices"
	"time"

	"polity/camera/wire"
	"polity/city"
)

type key struct {
	metric    wire.Metric
	class     wire.Class
	where     city.Slug
	direction wire.Direction
}

// Aggregate puts observations into the query's steps. An observation belongs to
// the step that its Start falls into; those outside the query are passed over.
// Means (Occupancy, Density, Queue) are weighted by how long was really seen,
// greatest numbers (OccupancyMax, QueueMax) are the greatest, everything else is
// added up. The result is sorted by metric, place, class and direction.
func Aggregate(q Query, observed iter.Seq[Observed]) []Series {
	steps := q.Steps()
	byKey := map[key]*Series{}
	for o := range observed {
		if o.Start.Before(q.From) || !o.Start.Before(q.To) {
			continue
		}
		k := key{o.Metric, o.Class, o.Where, o.Direction}
		s := byKey[k]
		if s == nil {
			s = &Series{Metric: o.Metric, Class: o.Class, Where: o.Where, Direction: o.Direction, Points: make([]Point, steps)}
			byKey[k] = s
		}
		s.Points[int(o.Start.Sub(q.From)/q.Step)].add(&o.Observation)
	}
	all := make([]Series, 0, len(byKey))
	for _, s := range byKey {
		all = append(all, *s)
	}
	Sort(all)
	return all
}

// Sort puts series into the order of Aggregate.
func Sort(all []Series) {
	slices.SortFunc(all, func(a, b Series) int {
		return cmp.Or(cmp.Compare(a.Metric, b.Metric), cmp.Compare(a.Where, b.Where), cmp.Compare(a.Class, b.Class), cmp.Compare(a.Direction, b.Direction))
	})
}

// IsMean says whether a metric's value is a mean over time, so that a coarser step
// has the mean of its parts and not their sum.
func IsMean(m wire.Metric) bool {
	return m == wire.Occupancy || m == wire.Density || m == wire.Queue
}

// IsGreatest says whether a metric's value is the greatest number seen.
func IsGreatest(m wire.Metric) bool { return m == wire.OccupancyMax || m == wire.QueueMax }

func (p *Point) add(o *wire.Observation) {
	switch {
	case o.Covered <= 0:
		return
	case IsMean(o.Metric):
		seen := p.Covered + o.Covered
		p.Value += (o.Value - p.Value) * float64(o.Covered) / float64(seen)
	case IsGreatest(o.Metric):
		p.Value = max(p.Value, o.Value)
	default:
		p.Value += o.Value
	}
	p.Covered += o.Covered
	if o.Metric != wire.Dwell && o.Metric != wire.Speed {
		return
	}
	if p.Histogram == nil {
		p.Histogram = new([wire.HistogramBins]uint32)
	}
	for i, n := range o.Histogram {
		p.Histogram[i] += n
	}
}

// Coarser puts the points of a series together in steps of n.
func Coarser(s Series, n int) Series {
	out := s
	out.Points = make([]Point, (len(s.Points)+n-1)/n)
	for i, p := range s.Points {
		o := wire.Observation{Metric: s.Metric, Value: p.Value, Covered: p.Covered}
		if p.Histogram != nil {
			o.Histogram = *p.Histogram
		}
		out.Points[i/n].add(&o)
	}
	return out
}

// Complete says how many steps of the query had ended at a time.
func (q Query) Complete(at time.Time) int {
	if q.Step <= 0 || at.Before(q.From) {
		return 0
	}
	return min(int(at.Sub(q.From)/q.Step), q.Steps())
}
