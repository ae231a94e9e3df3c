package plane

import (
	"context"
	"math"
	"time"

	"polity/city"
)

// Thinner is a Store whose history can be thinned out: observations become summaries of
// the UTC hours in which they begin, these summaries of days, and these go. Each
// observation is at any time in exactly one of the three, so that nothing is lost or
// counted twice, whenever the program ends.
type Thinner interface {
	// EachSeries calls each with every series that has or had a history, by tenant,
	// id, attribute and dataset, and with the types of its entity, none if that is gone.
	EachSeries(ctx context.Context, each func(s Series, types []string) error) error

	// Thin thins out the history of some series, in many commits of bounded size, between
	// which others write. When it ends early what is left goes with the next call. From
	// its first commit on, Write passes over observations of a series that begin before
	// the cut (Result.Late): they may be in the summaries already. Invalid: see Cut.Check.
	Thin(ctx context.Context, list []Series, cut Cut) (Thinned, error)

	// WouldThin says what Thin would do with the history as it is.
	WouldThin(ctx context.Context, list []Series, cut Cut) (Thinned, error)

	// DumpAll is Store.Dump, and goes on with the summaries of hours and days: by tenant,
	// id, attribute, dataset, span and start. It is one state of the store.
	DumpAll(ctx context.Context, entity func(*Entity) error, observation func(Observation) error, kept func(Kept) error) error
}

// Kept is a summary that stands for observations that are not there any more.
type Kept struct {
	Summary
	Span time.Duration // an hour, or Day; Start is a whole number of them from 1970
}

// Check reports the first thing that is wrong.
func (k *Kept) Check() error {
	o := Observation{Series: k.Series, Start: k.Start}
	if err := o.Check(); err != nil {
		return err
	}
	numbers := true
	for _, x := range []float64{k.Sum, k.Squares, k.Least, k.Most} {
		numbers = numbers && !math.IsNaN(x) && !math.IsInf(x, 0)
	}
	switch {
	case k.Span != time.Hour && k.Span != Day || !k.Start.Equal(k.Start.UTC().Truncate(k.Span)):
		return city.Errorf(city.Invalid, "a summary of %s of %s from %v on is not of a UTC hour or day", k.Attribute, k.ID, k.Start)
	case k.Count < 1 || !numbers || k.Least > k.Most:
		return city.Errorf(city.Invalid, "the summary of %s of %s from %v on does not make sense: %d observations from %g to %g", k.Attribute, k.ID, k.Start, k.Count, k.Least, k.Most)
	}
	return nil
}

// Cut says what of a history has lived its time. The zero times keep all.
type Cut struct {
	Raw    time.Time // observations that begin before become summaries of hours; those with Detail go
	Hourly time.Time // summaries of hours that begin before become summaries of days
	Daily  time.Time // summaries of days that begin before go
}

// Thinned is what was done.
type Thinned struct {
	Raw    int64 // observations that became summaries of hours, or went because of their Detail
	Hourly int64 // summaries of hours that became summaries of days
	Daily  int64 // summaries of days that went
}

// Add adds what was done elsewhere.
func (t *Thinned) Add(o Thinned) {
	t.Raw, t.Hourly, t.Daily = t.Raw+o.Raw, t.Hourly+o.Hourly, t.Daily+o.Daily
}

// Day is the span of a UTC day, which has no leap seconds here.
const Day = 24 * time.Hour

// Fresh is how much of a history is never thinned out.
const Fresh = 48 * time.Hour

// Check reports what is wrong: times before 1970, those within Fresh of now, those that are
// not the beginning of a UTC day, and those in the wrong order.
func (c *Cut) Check(now time.Time) error {
	for _, t := range []time.Time{c.Raw, c.Hourly, c.Daily} {
		if t.IsZero() {
			continue
		}
		if t.UnixMilli() < 0 || !t.Equal(t.UTC().Truncate(Day)) || t.After(now.Add(-Fresh)) {
			return city.Errorf(city.Invalid, "history cannot be thinned out up to %v: it has to be the beginning of a UTC day from 1970 on, %v ago at least", t, Fresh)
		}
	}
	if c.Hourly.After(c.Raw) || c.Daily.After(c.Hourly) {
		return city.Errorf(city.Invalid, "history cannot be thinned out to hours before %v, to days before %v and to nothing before %v: each must come after the next, or be the same", c.Raw, c.Hourly, c.Daily)
	}
	return nil
}

// Thicken adds what begins next to the summaries of a series by spans, for backends: times
// rise, and sums that are larger than a float64 stay at the largest.
func Thicken(list []Summary, x *Summary, span time.Duration) []Summary {
	start := x.Start.UTC().Truncate(span)
	if n := len(list); n == 0 || !list[n-1].Start.Equal(start) {
		list = append(list, *x)
		list[n].Start = start
	} else {
		list[n-1].Add(x)
	}
	last := &list[len(list)-1]
	last.Sum, last.Squares = finite(last.Sum), finite(last.Squares)
	return list
}

// Summary makes the summary of one observation.
func (o *Observation) Summary() Summary {
	return Summary{Series: o.Series, Start: o.Start, Count: 1, Sum: o.Value, Squares: o.Value * o.Value, Least: o.Value, Most: o.Value}
}

func finite(x float64) float64 { return max(-math.MaxFloat64, min(math.MaxFloat64, x)) }
