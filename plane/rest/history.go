package rest

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"polity/plane"
)

// observation is an Observed as JSON.
type observation struct {
	Dataset  string    `json:"dataset"`
	Start    time.Time `json:"start"`
	Seconds  float64   `json:"seconds"`
	Covered  float64   `json:"covered_seconds"`
	Value    *float64  `json:"value"`
	Withheld bool      `json:"withheld"`
}

var errEnough = errors.New("enough")

// times reads from and to.
func (r *request) times() (from, to time.Time, err error) {
	from, hasFrom := r.values.times["from"]
	to, hasTo := r.values.times["to"]
	if !hasTo {
		to = r.s.now().UTC().Truncate(time.Millisecond)
	}
	if !hasFrom {
		from = to.Add(-24 * time.Hour)
	}
	if !from.Before(to) {
		return from, to, bad("from is %s and to is %s; from must come before to", stamp(from), stamp(to))
	}
	return from, to, nil
}

// past is one attribute's past that is asked for.
type past struct {
	entity    *plane.Entity
	source    Source // nil: the store
	attribute Attribute
	dataset   string
	from, to  time.Time
}

// past finds what a route of the past is about. An attribute that is not public is as
// one that is not there.
func (r *request) past() (*past, error) {
	e, s, err := r.entity()
	if err != nil {
		return nil, err
	}
	p := &past{entity: e, source: s, dataset: r.values.words["dataset"]}
	if p.dataset == "" && s != nil {
		p.dataset = "*"
	}
	name := r.values.words["attribute"]
	switch is, ok := r.view.attribute(e.Types, name); {
	case s != nil:
		list := s.Public().Attributes
		i := slices.IndexFunc(list, func(a Attribute) bool { return a.Name == name })
		if i < 0 {
			return nil, errNoAttribute(e.ID, name)
		}
		p.attribute = list[i]
	case r.view.all:
		p.attribute = Attribute{Name: name}
	case !ok:
		return nil, errNoAttribute(e.ID, name)
	default:
		p.attribute = is
	}
	p.from, p.to, err = r.times()
	return p, err
}

func errNoAttribute(id, name string) *Problem {
	return refuse(http.StatusNotFound, "%s has no attribute %.80q, or it is not public; %s/types lists attributes", id, name, Root)
}

// observed calls each with what may be seen of the past.
func (r *request) observed(p *past, each func(Observed) error) error {
	if p.source != nil {
		return p.source.History(r.Context(), p.entity.ID, p.attribute.Name, p.dataset, p.from, p.to, each)
	}
	q := plane.HistoryQuery{Key: p.entity.Key, Attribute: p.attribute.Name, Dataset: p.dataset, From: p.from, To: p.to}
	return r.s.store.History(r.Context(), q, func(o plane.Observation) error {
		seen := Observed{Dataset: o.Dataset, Start: o.Start, Length: o.Length, Covered: o.Covered, Value: o.Value}
		if p.attribute.AtLeast > 0 && o.Value < p.attribute.AtLeast {
			seen.Value, seen.Withheld = 0, true
		}
		return each(seen)
	})
}

const (
	maxHistory     = 10_000
	defaultHistory = 1000
)

// getHistory answers with what was observed, a page at a time.
func getHistory(r *request) error {
	p, err := r.past()
	if err != nil {
		return err
	}
	limit := r.values.numbers["limit"]
	if limit == 0 {
		limit = defaultHistory
	}
	at, err := r.resume()
	if err != nil {
		return err
	}
	list := []observation{}
	next := ""
	err = r.observed(p, func(o Observed) error {
		if at != nil && !behind(at, o) {
			return nil
		}
		if len(list) == limit {
			last := list[limit-1]
			next = r.next(cursor{Dataset: last.Dataset, Start: last.Start.UnixMilli(), Length: int64(last.Seconds * 1000)})
			return errEnough
		}
		one := observation{Dataset: o.Dataset, Start: o.Start.UTC(), Seconds: o.Length.Seconds(), Covered: o.Covered.Seconds(), Withheld: o.Withheld}
		if !o.Withheld {
			one.Value = finite(o.Value)
		}
		list = append(list, one)
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	body, err := r.pastBody(p, list, next)
	if err != nil {
		return err
	}
	return r.answer(http.StatusOK, body, digest(body))
}

// behind says whether an observation comes behind where a page ended.
func behind(c *cursor, o Observed) bool {
	if by := compare(o.Dataset, c.Dataset); by != 0 {
		return by > 0
	}
	start := o.Start.UnixMilli()
	return start > c.Start || (start == c.Start && o.Length.Milliseconds() > c.Length)
}

func (r *request) pastBody(p *past, list []observation, next string) ([]byte, error) {
	if r.accept != CSV {
		return encode(struct {
			Entity       string        `json:"entity"`
			Attribute    string        `json:"attribute"`
			Unit         string        `json:"unit,omitempty"`
			Observations []observation `json:"observations"`
			Next         string        `json:"next,omitempty"`
		}{p.entity.ID, p.attribute.Name, p.unit(), list, next})
	}
	b, w := newTable("entity", "attribute", "dataset", "start", "seconds", "covered_seconds", "value", "withheld")
	for _, o := range list {
		_ = w.Write([]string{
			cell(p.entity.ID), cell(p.attribute.Name), cell(o.Dataset), stamp(o.Start), decimal(o.Seconds), decimal(o.Covered), optional(o.Value), strconv.FormatBool(o.Withheld),
		})
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

// unit is that of the list, else of the attribute as it is now.
func (p *past) unit() string {
	if a := p.entity.Attribute(p.attribute.Name); a != nil && p.attribute.Unit == "" {
		return a.Unit
	}
	return p.attribute.Unit
}

func optional(v *float64) string {
	if v == nil {
		return ""
	}
	return decimal(*v)
}
