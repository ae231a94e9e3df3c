package ngsild

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"polity/plane"
	"polity/plane/ngsild/entity"
	"polity/plane/ngsild/problem"
	"polity/plane/ngsild/query"
)

// temporalForm is how an evolution is shown (clauses 4.5.6 to 4.5.9, 4.5.19).
type temporalForm uint8

const (
	everyInstance temporalForm = iota
	temporalValues
	aggregated
)

// temporalQuery is what of an evolution is asked for (clause 4.11).
type temporalQuery struct {
	property    string // observedAt, createdAt, modifiedAt or deletedAt
	relation    string // before, after, between; empty for all
	from, to    time.Time
	lastN       int // 0: all
	form        temporalForm
	system      bool
	attrs       *entity.Members // nil for all
	datasets    []string
	view        entity.View
	methods     []string
	period      period
	hasProperty bool
}

// temporalQuery reads the parameters.
func (r *request) temporalQuery() (*temporalQuery, error) {
	q := &temporalQuery{property: "observedAt", datasets: r.list("datasetId")}
	if p := r.query.Get("timeproperty"); p != "" {
		switch p {
		case "observedAt", "createdAt", "modifiedAt", "deletedAt":
			q.property, q.hasProperty = p, true
		default:
			return nil, problem.BadRequest("timeproperty is %q; it is observedAt, createdAt, modifiedAt or deletedAt", p)
		}
	}
	if err := q.times(r); err != nil {
		return nil, err
	}
	if text := r.query.Get("lastN"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return nil, problem.BadRequest("lastN is %q; it is a number from 1", text)
		}
		q.lastN = min(n, maxInstances)
	}
	for _, o := range append(r.list("options"), r.list("format")...) { // format counts more
		switch o {
		case "", "count":
		case "normalized":
			q.form = everyInstance
		case "temporalValues":
			q.form = temporalValues
		case "aggregatedValues":
			q.form = aggregated
		case "sysAttrs":
			q.system = true
		default:
			return nil, problem.InvalidRequest("options or format: %q is none of temporalValues, aggregatedValues, sysAttrs", o)
		}
	}
	q.view = entity.View{Context: r.context, System: q.system, Language: r.query.Get("lang")}
	var err error
	if r.query.Has("pick") {
		if q.view.Pick, err = entity.ParseMembers(r.context, r.query.Get("pick")); err != nil {
			return nil, err
		}
	}
	if r.query.Has("omit") {
		if q.view.Omit, err = entity.ParseMembers(r.context, r.query.Get("omit")); err != nil {
			return nil, err
		}
	}
	if q.view.Pick.Overlaps(q.view.Omit) {
		return nil, problem.BadRequest("a member stands in pick and in omit")
	}
	if r.query.Has("attrs") && r.query.Get("attrs") != "" {
		if q.view.Pick != nil || q.view.Omit != nil {
			return nil, problem.BadRequest("attrs cannot stand beside pick or omit")
		}
		names, err := r.attributeNames("attrs")
		if err != nil {
			return nil, err
		}
		q.attrs = entity.Attributes(r.context, names)
	}
	if !r.query.Has("options") && !r.query.Has("format") && r.query.Has("aggrMethods") {
		q.form = aggregated
	}
	if q.form == aggregated {
		return q, q.aggregation(r)
	}
	return q, nil
}

func (q *temporalQuery) times(r *request) error {
	at, end := r.query.Get("timeAt"), r.query.Get("endTimeAt")
	q.relation = r.query.Get("timerel")
	switch q.relation {
	case "":
		if at != "" || end != "" {
			return problem.BadRequest("timeAt and endTimeAt stand beside timerel")
		}
		return nil
	case "before", "after", "between":
	default:
		return problem.BadRequest("timerel is %q; it is before, after or between", q.relation)
	}
	t, err := entity.ParseTime(at)
	if err != nil {
		return problem.BadRequest("timeAt: %v", err)
	}
	switch q.relation {
	case "before":
		q.to = t
	case "after":
		q.from = t
	case "between":
		q.from = t
		if q.to, err = entity.ParseTime(end); err != nil {
			return problem.BadRequest("endTimeAt: %v", err)
		}
	}
	return nil
}

// inside says whether a time is asked for.
func (q *temporalQuery) inside(t time.Time) bool {
	if t.IsZero() {
		return q.relation == "" && !q.hasProperty
	}
	return (q.from.IsZero() || t.After(q.from)) && (q.to.IsZero() || t.Before(q.to))
}

// timeOf is the time by which an instance is asked for.
func (q *temporalQuery) timeOf(a *plane.Attribute) time.Time {
	switch q.property {
	case "createdAt":
		return a.Created
	case "modifiedAt":
		return a.Modified
	case "deletedAt":
		return entity.Deleted(a)
	}
	return a.ObservedAt
}

// instance is one point of an evolution.
type instance struct {
	id string
	at time.Time
	a  *plane.Attribute
}

// evolution is an entity with its instances, by attribute and dataset in their order.
type evolution struct {
	head   *plane.Entity
	series [][]instance
	cut    map[string]plane.Kind // attributes that are there, but outside what fits an answer
}

// gathering collects the instances of one entity.
type gathering struct {
	q      *temporalQuery
	probe  *plane.Entity // with every instance inside the time: what q and geo-queries look at
	out    [][]instance
	series map[plane.Series]int
	seen   map[moments]bool
}

// moments tells observed instances apart.
type moments struct {
	attribute, dataset string
	at                 int64
}

func (g *gathering) add(id string, a *plane.Attribute) error {
	deleted := entity.Deleted(a)
	at := g.q.timeOf(a)
	if !g.q.inside(at) || g.q.property != "deletedAt" && !deleted.IsZero() {
		return nil
	}
	if !a.ObservedAt.IsZero() && deleted.IsZero() {
		m := moments{a.Name, a.Dataset, a.ObservedAt.UnixMilli()}
		if g.seen[m] {
			return nil
		}
		g.seen[m] = true
	}
	g.probe.Attributes = append(g.probe.Attributes, *a)
	if len(g.probe.Attributes) > 10*maxInstances {
		return problem.TooMany("the evolution of %s has more than %d instances in that time; narrow it", g.probe.ID, 10*maxInstances)
	}
	if g.q.attrs != nil && !g.q.attrs.Names(a.Name) || !g.q.wanted(a.Dataset) {
		return nil
	}
	key := plane.Series{Attribute: a.Name, Dataset: a.Dataset}
	i, ok := g.series[key]
	if !ok {
		i = len(g.out)
		g.series[key] = i
		g.out = append(g.out, nil)
	}
	g.out[i] = append(g.out[i], instance{id, at, a})
	return nil
}

// gatherNow adds what is observed of an entity of the city, and what it is now.
func (r *request) gatherNow(g *gathering, now *plane.Entity) error {
	h := plane.HistoryQuery{Key: now.Key}
	if g.q.property == "observedAt" {
		h.From, h.To = g.q.from, g.q.to
	}
	if err := r.s.store.History(r.Context(), h, func(o plane.Observation) error {
		a := &plane.Attribute{
			Name: o.Attribute, Dataset: o.Dataset, Kind: plane.Property, Value: strconv.AppendFloat(nil, o.Value, 'f', -1, 64),
			ObservedAt: o.Start, Created: o.Start, Modified: o.Start,
		}
		return g.add(instancePrefix+hashID(seriesKey(now.ID, o.Attribute, o.Dataset)+strconv.FormatInt(o.Start.UnixMicro(), 10)), a)
	}); err != nil {
		return err
	}
	for i := range now.Attributes {
		a := &now.Attributes[i]
		at := a.ObservedAt
		if at.IsZero() {
			at = a.Modified
		}
		if err := g.add(instancePrefix+hashID(seriesKey(now.ID, a.Name, a.Dataset)+strconv.FormatInt(at.UnixMicro(), 10)), a); err != nil {
			return err
		}
	}
	return nil
}

// evolution reads what is asked for of one entity: the history that is kept for it,
// and the entity as it is now with what was observed of it. One of both may be nil.
func (r *request) evolution(head, now *plane.Entity, q *temporalQuery, f *query.Filter) (*evolution, error) {
	ev := &evolution{head: head}
	if head == nil {
		ev.head = now
	}
	g := &gathering{q: q, probe: &plane.Entity{Key: ev.head.Key, Types: ev.head.Types, Scopes: ev.head.Scopes}, series: map[plane.Series]int{}, seen: map[moments]bool{}}
	if head != nil {
		if err := r.eachInstance(head.ID+"#", func(e *plane.Entity) error {
			a := &e.Attributes[0]
			a.Created, a.Modified = e.Created, e.Modified
			return g.add(instancePrefix+e.ID[strings.LastIndexByte(e.ID, '#')+1:], a)
		}); err != nil {
			return nil, err
		}
	}
	if now != nil {
		if err := r.gatherNow(g, now); err != nil {
			return nil, err
		}
	}
	ev.series = g.out
	if f != nil && (f.Q != nil && !f.Q.Match(g.probe, nil) || f.Geo != nil && !f.Geo.Match(g.probe)) {
		return nil, nil
	}
	if f != nil && len(ev.series) == 0 && (q.relation != "" || q.hasProperty || q.attrs != nil || q.datasets != nil) {
		return nil, nil
	}
	for i, s := range ev.series {
		slices.SortStableFunc(s, func(a, b instance) int { return a.at.Compare(b.at) })
		if q.lastN > 0 {
			s = s[max(0, len(s)-q.lastN):]
			slices.Reverse(s)
		}
		ev.series[i] = s
	}
	slices.SortStableFunc(ev.series, func(a, b []instance) int {
		return cmp.Or(strings.Compare(a[0].a.Name, b[0].a.Name), strings.Compare(a[0].a.Dataset, b[0].a.Dataset))
	})
	return ev, nil
}

func (q *temporalQuery) wanted(dataset string) bool {
	if q.datasets == nil {
		return true
	}
	if dataset == "" {
		return slices.Contains(q.datasets, "@none")
	}
	return slices.Contains(q.datasets, dataset)
}

// page cuts evolutions to the number of instances that one answer has, at a time that
// is the same for all (clause 6.3.10). It returns the header Content-Range, empty if
// all fits.
func (q *temporalQuery) page(list []*evolution, limit int) string {
	var times []time.Time
	for _, ev := range list {
		for _, s := range ev.series {
			for _, x := range s {
				times = append(times, x.at)
			}
		}
	}
	if limit <= 0 || len(times) <= limit {
		return ""
	}
	slices.SortFunc(times, time.Time.Compare)
	if q.lastN > 0 {
		slices.Reverse(times)
	}
	edge := times[limit-1]
	for _, ev := range list {
		ev.cut = map[string]plane.Kind{}
		kept := ev.series[:0]
		for _, s := range ev.series {
			name, kind := s[0].a.Name, s[0].a.Kind
			s = slices.DeleteFunc(s, func(x instance) bool {
				if q.lastN > 0 {
					return x.at.Before(edge)
				}
				return x.at.After(edge)
			})
			if len(s) > 0 {
				kept = append(kept, s)
			} else {
				ev.cut[name] = kind
			}
		}
		ev.series = kept
		for _, s := range kept {
			delete(ev.cut, s[0].a.Name)
		}
	}
	start, size := times[0], "*"
	if q.lastN > 0 {
		size = strconv.Itoa(q.lastN)
		if !q.to.IsZero() {
			start = q.to
		}
	} else if !q.from.IsZero() {
		start = q.from
	}
	const layout = "2006-01-02T15:04:05"
	return fmt.Sprintf("date-time %s-%s/%s", start.UTC().Format(layout), edge.UTC().Format(layout), size)
}

// retrieveTemporal is clause 5.7.3.
func (r *request) retrieveTemporal() error {
	q, err := r.temporalQuery()
	if err != nil {
		return err
	}
	id, err := r.id(2)
	if err != nil {
		return err
	}
	head, now, err := r.pastOf(id)
	if err != nil {
		return err
	}
	if head == nil && now == nil {
		return problem.NotFound("there is no temporal evolution of an entity %s", id)
	}
	ev, err := r.evolution(head, now, q, nil)
	if err != nil {
		return err
	}
	if q.attrs != nil && len(ev.series) == 0 {
		has, err := r.hasAttribute(id, now, q.attrs)
		if err != nil {
			return err
		}
		if !has {
			return problem.NotFound("the entity %s has none of the attributes that are asked for", id)
		}
	}
	if q.view.Pick != nil || q.view.Omit != nil {
		if !q.showsAny(ev) {
			return problem.NotFound("the entity %s has none of the members that are asked for", id)
		}
	}
	status := r.temporalStatus(q, []*evolution{ev})
	return r.answer(status, func(b []byte) []byte { return q.append(b, ev, r.inside()) })
}

func (r *request) hasAttribute(id string, now *plane.Entity, names *entity.Members) (has bool, err error) {
	if now != nil && names.HasAny(now) {
		return true, nil
	}
	err = r.eachInstance(id+"#", func(e *plane.Entity) error {
		has = has || names.Names(e.Attributes[0].Name)
		return nil
	})
	return has, err
}

// showsAny says whether an evolution has a member that is shown.
func (q *temporalQuery) showsAny(ev *evolution) bool {
	if q.view.Shows("id") || q.view.Shows("type") {
		return true
	}
	return slices.ContainsFunc(ev.series, func(s []instance) bool { return q.view.Shows(s[0].a.Name) })
}

// temporalStatus cuts what is too long and says so.
func (r *request) temporalStatus(q *temporalQuery, list []*evolution) int {
	if q.form == aggregated {
		return http.StatusOK
	}
	if cut := q.page(list, r.s.instances()); cut != "" {
		r.w.Header().Set("Content-Range", cut)
		return http.StatusPartialContent
	}
	return http.StatusOK
}

// defaultInstances is how many instances one answer has.
const defaultInstances = 5000

func (s *Server) instances() int {
	if s.cfg.Instances > 0 {
		return s.cfg.Instances
	}
	return defaultInstances
}
