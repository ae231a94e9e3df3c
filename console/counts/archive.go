package counts

import (
	"math"
	"slices"
	"time"

	"polity/camera/wire"
)

// Fine is how long counts are kept as they came after their hour has ended, at least. Then
// they become what Archive leaves of them.
const Fine = 2 * time.Hour

// Archive returns what is kept of an hour of one camera for as long as its register entry
// says: of a quarter of an hour what everyone may know of it, and of all else the hour's sum
// or mean, so that nobody can follow a single person by time from one camera to another.
//
// A quarter that Public gives out for a series stays as it was. The others of that hour
// share theirs: each gets an equal part of the sum (whole numbers stay whole), the common
// mean, or the greatest of all. So do all series that Public gives nothing of. Histograms
// (Dwell, Speed) become one of the whole hour. Sums and means of the hour are as before.
//
// observed is what began in that hour, or the part of it that has come; each piece of an
// hour is archived for itself. Every quarter that it has anything of begins with the first
// moment and ends with the last one that was observed, whatever the series.
func (r Rule) Archive(hour time.Time, observed []Observed) []Observed {
	q := Query{From: hour, To: hour.Add(time.Hour), Step: PublicStep}
	all := Aggregate(q, slices.Values(observed))
	r.Delay = 0
	published := r.Public(q, q.To, all)
	spans := spansOf(q, observed)
	var out []Observed
	for _, s := range all {
		if s.Metric == wire.Dwell || s.Metric == wire.Speed {
			out = append(out, histogramOf(s, whole(spans)))
			continue
		}
		i := slices.IndexFunc(published, func(p Series) bool {
			return p.Metric == s.Metric && p.Class == s.Class && p.Where == s.Where && p.Direction == s.Direction
		})
		var shared []int
		for n, p := range s.Points {
			if p.Covered > 0 && (i < 0 || published[i].Points[n].Value == Withheld) {
				shared = append(shared, n)
			}
		}
		share(s, shared)
		for n, p := range s.Points {
			if p.Covered > 0 {
				out = append(out, spans[n].observed(s, p))
			}
		}
	}
	return out
}

// share gives points of a series the same: equal parts of the sum, the common mean, or the
// greatest.
func share(s Series, points []int) {
	values, weights := make([]float64, len(points)), make([]float64, len(points))
	for i, n := range points {
		values[i], weights[i] = s.Points[n].Value, s.Points[n].Covered.Seconds()
	}
	switch {
	case IsMean(s.Metric):
		ShareMean(values, weights)
	case IsGreatest(s.Metric):
		for i := range values {
			values[i] = slices.Max(values)
		}
	default:
		ShareSum(values)
	}
	for i, n := range points {
		s.Points[n].Value = values[i]
	}
}

// ShareMean puts the mean, weighted, in the place of every value.
func ShareMean(values, weights []float64) {
	sum, weight := 0.0, 0.0
	for i, v := range values {
		sum += v * weights[i]
		weight += weights[i]
	}
	for i := range values {
		values[i] = sum / weight
	}
}

// ShareSum puts an equal part of the sum in the place of every value. If the sum is a whole
// number, so are the parts: the first get what is left over.
func ShareSum(values []float64) {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	n := float64(len(values))
	if sum != math.Trunc(sum) {
		for i := range values {
			values[i] = sum / n
		}
		return
	}
	part := math.Floor(sum / n)
	over := sum - part*n
	for i := range values {
		values[i] = part
		if float64(i) < over {
			values[i]++
		}
	}
}

// span is from the first moment that was observed until the last.
type span struct{ from, to time.Time }

func spansOf(q Query, observed []Observed) []span {
	spans := make([]span, q.Steps())
	for _, o := range observed {
		if o.Start.Before(q.From) || !o.Start.Before(q.To) || o.Covered <= 0 {
			continue
		}
		spans[int(o.Start.Sub(q.From)/q.Step)].add(o.Start, o.Start.Add(o.Length))
	}
	return spans
}

func (s *span) add(from, to time.Time) {
	if s.from.IsZero() || from.Before(s.from) {
		s.from = from
	}
	if to.After(s.to) {
		s.to = to
	}
}

func whole(spans []span) (all span) {
	for _, s := range spans {
		if !s.from.IsZero() {
			all.add(s.from, s.to)
		}
	}
	return all
}

func (s span) observed(of Series, p Point) Observed {
	return Observed{Where: of.Where, Observation: wire.Observation{
		Metric: of.Metric, Class: of.Class, Direction: of.Direction,
		Start: s.from, Length: max(s.to.Sub(s.from), p.Covered), Covered: p.Covered, Value: p.Value,
	}}
}

func histogramOf(s Series, over span) Observed {
	all := Coarser(s, len(s.Points)).Points[0]
	o := over.observed(s, all)
	if all.Histogram != nil {
		o.Histogram = *all.Histogram
	}
	return o
}
