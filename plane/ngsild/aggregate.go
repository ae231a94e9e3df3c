package ngsild

import (
	"encoding/json"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"polity/plane/ngsild/jsontext"
	"polity/plane/ngsild/problem"
)

// aggregationMethods are those of clause 4.5.19.
var aggregationMethods = []string{"totalCount", "distinctCount", "sum", "avg", "min", "max", "stddev", "sumsq"}

// maxPeriods bounds the periods of one series.
const maxPeriods = 10_000

// period is an ISO 8601 duration: months differ in length, days do not in UTC.
type period struct {
	months, days int
	rest         time.Duration
}

func (p period) zero() bool { return p == period{} }

func (p period) after(t time.Time) time.Time { return t.AddDate(0, p.months, p.days).Add(p.rest) }

var isoDuration = regexp.MustCompile(`^P(?:(\d{1,4})Y)?(?:(\d{1,4})M)?(?:(\d{1,4})W)?(?:(\d{1,5})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,8})S)?)?$`)

func parsePeriod(text string) (period, error) {
	m := isoDuration.FindStringSubmatch(text)
	if m == nil || text == "P" || strings.HasSuffix(text, "T") {
		return period{}, problem.BadRequest("aggrPeriodDuration is %q; it is a duration such as PT1H or P1D (ISO 8601)", text)
	}
	var n [8]int
	for i := 1; i < len(n); i++ {
		n[i], _ = strconv.Atoi(m[i]) // empty is 0
	}
	return period{12*n[1] + n[2], 7*n[3] + n[4], time.Duration(n[5])*time.Hour + time.Duration(n[6])*time.Minute + time.Duration(n[7])*time.Second}, nil
}

func (q *temporalQuery) aggregation(r *request) error {
	q.methods = r.list("aggrMethods")
	if len(q.methods) == 0 {
		return problem.BadRequest("aggregatedValues needs aggrMethods: one or more of %s", strings.Join(aggregationMethods, ", "))
	}
	for _, m := range q.methods {
		if !slices.Contains(aggregationMethods, m) {
			return problem.BadRequest("aggrMethods: %q is none of %s", m, strings.Join(aggregationMethods, ", "))
		}
	}
	if text := r.query.Get("aggrPeriodDuration"); text != "" {
		var err error
		q.period, err = parsePeriod(text)
		return err
	}
	return nil
}

// start is where periods begin: at the time that is asked for, or with the first
// instance of the entity.
type start struct{ from, to time.Time }

func (q *temporalQuery) start(ev *evolution) start {
	s := start{q.from, q.to}
	for _, series := range ev.series {
		for _, x := range series {
			if q.from.IsZero() && (s.from.IsZero() || x.at.Before(s.from)) {
				s.from = x.at
			}
			if q.to.IsZero() && x.at.After(s.to) {
				s.to = x.at
			}
		}
	}
	return s
}

// sums is what one period comes to.
type sums struct {
	from, to      time.Time
	count         int
	distinct      map[string]bool
	numbers       int
	sum, squares  float64
	least, most   float64
	first, latest string // of texts
}

func (q *temporalQuery) aggregates(b []byte, s []instance, begin start) []byte {
	s = slices.Clone(s)
	slices.SortStableFunc(s, func(a, b instance) int { return a.at.Compare(b.at) })
	var periods []*sums
	from := begin.from
	next := 0
	for next < len(s) && len(periods) < maxPeriods {
		to := begin.to
		if !q.period.zero() {
			to = q.period.after(from)
		}
		p := &sums{from: from, to: to, distinct: map[string]bool{}}
		for next < len(s) && (q.period.zero() || s[next].at.Before(to)) {
			p.add(s[next].a.Value)
			next++
		}
		if p.count > 0 {
			periods = append(periods, p)
		}
		from = to
		if next < len(s) && !q.period.zero() && q.period.months == 0 && s[next].at.After(from) { // skip what is empty
			step := q.period.rest + time.Duration(q.period.days)*24*time.Hour
			from = from.Add(s[next].at.Sub(from) / step * step)
		}
	}
	for _, m := range q.methods {
		b = append(name(b, m), '[')
		first := true
		for _, p := range periods {
			v, ok := p.value(m)
			if !ok {
				continue
			}
			if !first {
				b = append(b, ',')
			}
			first = false
			b = append(append(append(b, '['), v...), ',')
			b = jsontext.AppendTime(b, p.from)
			b = jsontext.AppendTime(append(b, ','), p.to)
			b = append(b, ']')
		}
		b = append(b, ']')
	}
	return b
}

// add counts a value: numbers as they are, booleans as 0 and 1, lists by their
// length, texts for count and order only.
func (p *sums) add(v json.RawMessage) {
	p.count++
	p.distinct[string(v)] = true
	var n float64
	switch jsontext.Kind(v) {
	case 't':
		n = 1
	case 'f':
	case '[':
		items, _ := jsontext.List(v)
		n = float64(len(items))
	case '0':
		if json.Unmarshal(v, &n) != nil {
			return
		}
	case '"':
		text, _ := jsontext.String(v)
		if p.first == "" || text < p.first {
			p.first = text
		}
		p.latest = max(p.latest, text)
		return
	default:
		return
	}
	if p.numbers == 0 || n < p.least {
		p.least = n
	}
	if p.numbers == 0 || n > p.most {
		p.most = n
	}
	p.numbers++
	p.sum += n
	p.squares += n * n
}

// value is a method's result as JSON.
func (p *sums) value(method string) (string, bool) {
	switch method {
	case "totalCount":
		return strconv.Itoa(p.count), true
	case "distinctCount":
		return strconv.Itoa(len(p.distinct)), true
	}
	if p.numbers == 0 {
		if p.latest != "" && (method == "min" || method == "max") {
			text := p.first
			if method == "max" {
				text = p.latest
			}
			return string(jsontext.AppendString(nil, text)), true
		}
		return "", false
	}
	n := float64(p.numbers)
	var v float64
	switch method {
	case "sum":
		v = p.sum
	case "avg":
		v = p.sum / n
	case "min":
		v = p.least
	case "max":
		v = p.most
	case "sumsq":
		v = p.squares
	case "stddev":
		v = math.Sqrt(math.Max(0, p.squares/n-p.sum/n*p.sum/n))
	}
	text := strconv.FormatFloat(v, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0" // a real number, also where it is whole
	}
	return text, true
}
