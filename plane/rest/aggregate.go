package rest

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"polity/plane"
)

// maxAggregates bounds an answer.
const maxAggregates = 10_000

type aggregateShape struct {
	Dataset  string    `json:"dataset"`
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	Count    int64     `json:"count"`
	Withheld int64     `json:"withheld"`
	Sum      *float64  `json:"sum"`
	Mean     *float64  `json:"mean"`
	Least    *float64  `json:"least"`
	Most     *float64  `json:"most"`
}

// getAggregates answers with sums and means by hours or days.
func getAggregates(r *request) error {
	p, err := r.past()
	if err != nil {
		return err
	}
	by := Step(r.values.words["by"])
	p.from = Floor(p.from, by, r.s.zone)
	length := time.Hour
	if by == ByDay {
		length = 23 * time.Hour // the shortest
	}
	if p.to.Sub(p.from)/length > maxAggregates {
		return refuse(http.StatusRequestEntityTooLarge, "there are more than %d intervals from %s to %s; ask for less time or for days", maxAggregates, stamp(p.from), stamp(p.to))
	}
	list, err := r.aggregates(p, by)
	if err != nil {
		return err
	}
	if len(list) > maxAggregates {
		return refuse(http.StatusRequestEntityTooLarge, "there are more than %d aggregates; ask for one dataset, less time or for days", maxAggregates)
	}
	body, err := r.aggregatesBody(p, by, list)
	if err != nil {
		return err
	}
	return r.answer(http.StatusOK, body, digest(body))
}

func (r *request) aggregates(p *past, by Step) ([]Aggregate, error) {
	if p.source != nil {
		return p.source.Aggregates(r.Context(), p.entity.ID, p.attribute.Name, p.dataset, by, p.from, p.to)
	}
	from, to := Floor(p.from, by, r.s.zone), p.to
	if s, ok := r.s.store.(plane.Summarizer); ok && p.attribute.AtLeast == 0 && p.dataset != "*" {
		return summarized(r.Context(), s, p, by, r.s.zone)
	}
	// What is withheld is in no sum: a sum is one of what anybody can add up.
	sums := newSums(by, r.s.zone)
	p.from, p.to = from, to
	if err := r.observed(p, func(o Observed) error { return sums.add(o) }); err != nil {
		return nil, err
	}
	return sums.list, nil
}

// Floor is when the interval began that a time lies in.
func Floor(t time.Time, by Step, zone *time.Location) time.Time {
	t = t.In(zone)
	if by == ByDay {
		return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, zone)
	}
	// Not by the clock's reading: an hour that is there twice would be one.
	_, offset := t.Zone()
	past := (t.Unix() + int64(offset)) % 3600
	return t.Add(-time.Duration(past)*time.Second - time.Duration(t.Nanosecond()))
}

// Next is when the next interval begins.
func Next(t time.Time, by Step, zone *time.Location) time.Time {
	if by == ByDay {
		t = t.In(zone)
		return time.Date(t.Year(), t.Month(), t.Day()+1, 0, 0, 0, 0, zone)
	}
	return Floor(t, by, zone).Add(time.Hour)
}

// sums adds observations up that come dataset by dataset, in each by time.
type sums struct {
	by   Step
	zone *time.Location
	list []Aggregate
}

func newSums(by Step, zone *time.Location) *sums {
	return &sums{by: by, zone: zone, list: []Aggregate{}}
}

func (s *sums) add(o Observed) error {
	var last *Aggregate
	if n := len(s.list); n > 0 {
		last = &s.list[n-1]
	}
	if last == nil || last.Dataset != o.Dataset || !o.Start.Before(last.To) {
		if len(s.list) > maxAggregates {
			return nil // the caller refuses
		}
		from := Floor(o.Start, s.by, s.zone)
		s.list = append(s.list, Aggregate{Dataset: o.Dataset, From: from, To: Next(from, s.by, s.zone), Absent: true})
		last = &s.list[len(s.list)-1]
	}
	if o.Withheld {
		last.Withheld++
		return nil
	}
	if last.Absent {
		last.Absent, last.Least, last.Most = false, o.Value, o.Value
	}
	last.Count++
	last.Sum += o.Value
	last.Mean = last.Sum / float64(last.Count)
	last.Least, last.Most = min(last.Least, o.Value), max(last.Most, o.Value)
	return nil
}

// summarized lets the store add up, by quarters of an hour, since days of a time zone
// differ in length and begin at any quarter.
func summarized(ctx context.Context, store plane.Summarizer, p *past, by Step, zone *time.Location) ([]Aggregate, error) {
	const bucket = 15 * time.Minute
	list := []Aggregate{}
	q := plane.SummaryQuery{IDs: []string{p.entity.ID}, Attribute: p.attribute.Name, Dataset: p.dataset, From: p.from, To: p.to, Bucket: bucket}
	err := store.Summarize(ctx, q, func(s plane.Summary) error {
		if n := len(list); n == 0 || !s.Start.Before(list[n-1].To) {
			from := Floor(s.Start, by, zone)
			list = append(list, Aggregate{Dataset: s.Dataset, From: from, To: Next(from, by, zone), Least: s.Least, Most: s.Most})
		}
		a := &list[len(list)-1]
		a.Count += s.Count
		a.Sum += s.Sum
		a.Mean = a.Sum / float64(a.Count)
		a.Least, a.Most = min(a.Least, s.Least), max(a.Most, s.Most)
		return nil
	})
	return list, err
}

// tidy takes from a sum what adding up in binary leaves behind: 12 digits are kept.
func tidy(v float64) float64 {
	t, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 12, 64), 64)
	if err != nil {
		return v // no number
	}
	return t
}

func (r *request) aggregatesBody(p *past, by Step, list []Aggregate) ([]byte, error) {
	shaped := make([]aggregateShape, len(list))
	for i, a := range list {
		shaped[i] = aggregateShape{Dataset: a.Dataset, From: a.From.UTC(), To: a.To.UTC(), Count: a.Count, Withheld: a.Withheld}
		if !a.Absent {
			shaped[i].Sum, shaped[i].Mean, shaped[i].Least, shaped[i].Most = finite(tidy(a.Sum)), finite(tidy(a.Mean)), finite(a.Least), finite(a.Most)
		}
	}
	if r.accept != CSV {
		return encode(struct {
			Entity     string           `json:"entity"`
			Attribute  string           `json:"attribute"`
			Unit       string           `json:"unit,omitempty"`
			By         Step             `json:"by"`
			Aggregates []aggregateShape `json:"aggregates"`
		}{p.entity.ID, p.attribute.Name, p.unit(), by, shaped})
	}
	b, w := newTable("entity", "attribute", "dataset", "from", "to", "count", "withheld", "sum", "mean", "least", "most")
	for _, a := range shaped {
		_ = w.Write([]string{
			cell(p.entity.ID), cell(p.attribute.Name), cell(a.Dataset), stamp(a.From), stamp(a.To), strconv.FormatInt(a.Count, 10), strconv.FormatInt(a.Withheld, 10),
			optional(a.Sum), optional(a.Mean), optional(a.Least), optional(a.Most),
		})
	}
	w.Flush()
	return b.Bytes(), w.Error()
}
