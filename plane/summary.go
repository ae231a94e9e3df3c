package plane

import (
	"context"
	"time"

	"polity/city"
)

// Summarizer is a Store that summarizes history where it lies, without handing out
// every observation.
type Summarizer interface {
	// Summarize calls each with the summaries that are not empty, series by series in
	// the order of ids, in each by time. It ends with the error of each, if that
	// returns one; TooLarge if there could be more than MaxSummaries. Where only the
	// summaries of hours or days are left (Thinner), each counts as a whole in the bucket
	// in which it begins: buckets of whole UTC hours or days are exact.
	Summarize(ctx context.Context, q SummaryQuery, each func(Summary) error) error
}

// MaxSummaries is how many summaries one query may ask for.
const MaxSummaries = 1_000_000

// SummaryQuery asks for summaries of what was observed of one attribute in
// [From, To), by buckets that begin at From.
type SummaryQuery struct {
	Tenant    string
	IDs       []string // of these entities; nil: of all that have a history of it
	Attribute string
	Dataset   string
	From, To  time.Time
	Bucket    time.Duration // millisecond precision; 0 is one bucket for all
}

// Summary is of the observations of a series that begin in one bucket and have no
// Detail.
type Summary struct {
	Series
	Start   time.Time // of the bucket
	Count   int64     // above 0
	Sum     float64
	Squares float64 // sum of the squares
	Least   float64
	Most    float64
}

// Mean is the arithmetic mean.
func (s *Summary) Mean() float64 { return s.Sum / float64(s.Count) }

// Add takes another part of the same bucket in.
func (s *Summary) Add(o *Summary) {
	s.Least, s.Most = min(s.Least, o.Least), max(s.Most, o.Most)
	s.Count, s.Sum, s.Squares = s.Count+o.Count, s.Sum+o.Sum, s.Squares+o.Squares
}

// Check reports the first thing that is wrong.
func (q *SummaryQuery) Check() error {
	if err := checkName("attribute", q.Attribute); err != nil {
		return err
	}
	from, to := q.From.UnixMilli(), q.To.UnixMilli()
	switch {
	case from < 0 || to > lastYear+1 || from >= to:
		return city.Errorf(city.Invalid, "history is summarized from %v to %v; the first must come before the second, both from 1970 to 9999", q.From, q.To)
	case q.Bucket < 0 || q.Bucket%time.Millisecond != 0:
		return city.Errorf(city.Invalid, "a bucket of %v is not a whole number of milliseconds above 0", q.Bucket)
	}
	return nil
}

// Buckets is how many there are of one series.
func (q *SummaryQuery) Buckets() int64 {
	if q.Bucket == 0 {
		return 1
	}
	length := q.Bucket.Milliseconds()
	return (q.To.UnixMilli() - q.From.UnixMilli() + length - 1) / length
}

// Width is the length of a bucket in milliseconds.
func (q *SummaryQuery) Width() int64 {
	if q.Bucket == 0 {
		return q.To.UnixMilli() - q.From.UnixMilli()
	}
	return q.Bucket.Milliseconds()
}

// ErrTooManySummaries is the refusal of a query for so many series.
func (q *SummaryQuery) ErrTooManySummaries(series int) error {
	return city.Errorf(city.TooLarge, "%d series in %d buckets each are more than %d summaries; ask for longer buckets, a shorter time or fewer entities", series, q.Buckets(), MaxSummaries)
}
