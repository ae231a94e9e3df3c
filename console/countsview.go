package console

import (
	"math"
	"slices"
	"strings"
	"time"

	"polity/camera/layout"
	"polity/camera/wire"
	"polity/city"
	"polity/console/counts"
	"polity/console/frame"
	"polity/console/names"
)

// countsView is the section with counts: one thing at a time, as words, as a chart
// and as a table.
type countsView struct {
	Tabs          []tab
	Summary, Rule string
	Chart         ChartData
	Columns       []string
	Rows          []countsRow
	Distributions []distribution
	CSV, Empty    string
}

type tab struct {
	Name, Address string
	Here          bool
}

type countsRow struct {
	Time   string
	Values []string
}

// ChartData is a chart over a day.
type ChartData struct {
	From      int64       `json:"from"` // ms since 1970
	Step      int64       `json:"step"` // ms
	Lines     []ChartLine `json:"lines"`
	Ticks     []Tick      `json:"ticks"`
	Threshold int         `json:"threshold"` // numbers below it are withheld; 0 for none
	Zone      string      `json:"zone"`      // IANA name
	Whole     bool        `json:"whole"`     // values are whole numbers
}

// ChartLine is one line of a chart. A value is null where nothing was measured or
// is shown.
type ChartLine struct {
	Class    string     `json:"class"`
	Name     string     `json:"name"`
	Dashed   bool       `json:"dashed"`
	Values   []*float64 `json:"values"`
	Withheld []int      `json:"withheld"` // steps whose number is below the threshold
}

// Tick is an event on the day's strip; ms since 1970.
type Tick struct {
	At    int64  `json:"at"`
	End   int64  `json:"end"` // 0 while it goes on
	Words string `json:"words"`
}

// shown is what a tab shows: the numbers in the whole view or a zone, or the
// crossings of a line.
type shown struct {
	metric wire.Metric
	where  city.Slug
}

func (s shown) key() string {
	switch {
	case s.where == "":
		return ""
	case s.metric == wire.Crossings:
		return "line:" + string(s.where)
	}
	return "zone:" + string(s.where)
}

func classKey(class wire.Class) string { return "class." + names.Classes[class] }

func countKey(class wire.Class) string { return "count." + names.Classes[class] }

// classes in the order of charts and tables.
var classes = []wire.Class{wire.Person, wire.Bicycle, wire.Vehicle}

func (c *Console) countsView(k Camera, l layout.Layout, r *frame.Request, d day) countsView {
	all := []shown{{wire.Occupancy, ""}}
	for _, z := range l.Zones {
		all = append(all, shown{wire.Occupancy, z.Name})
	}
	for _, n := range l.Lines {
		all = append(all, shown{wire.Crossings, n.Name})
	}
	asked := r.URL.Query().Get("show")
	now := all[0]
	var v countsView
	for _, s := range all {
		if s.key() == asked {
			now = s
		}
	}
	for _, s := range all {
		name := c.Say("counts.view")
		if s.where != "" {
			name = readable(s.where)
		}
		v.Tabs = append(v.Tabs, tab{Name: name, Address: frame.With(r, "show", s.key()), Here: s == now})
	}
	lines := d.lines(now)
	v.Chart = c.chart(lines, l, r, d)
	if now.metric == wire.Crossings {
		v.Summary = c.crossingsSummary(l, lines, d, r)
	} else {
		v.Summary = c.occupancySummary(r, d, now.where)
	}
	if !r.Viewer.Counts {
		v.Chart.Threshold = k.Entry.Threshold
		v.Rule = c.Say("counts.rule", "delay", r.Clock.Long(k.Entry.PublicDelay), "n", k.Entry.Threshold)
	}
	v.Distributions = c.distributions(now.where, r, d)
	v.Columns, v.Rows = c.table(k, lines, v.Chart.Lines, r, d)
	v.CSV = "/cameras/" + string(k.Name) + "/counts.csv?day=" + d.from.In(c.Zone).Format(dayForm)
	if r.AsPublic {
		v.CSV += "&as=public"
	}
	v.Empty = c.Say("counts.empty")
	return v
}

// lines returns the series to show: people always, other classes when there were
// any that day.
func (d day) lines(s shown) []counts.Series {
	var out []counts.Series
	for _, class := range classes {
		for _, q := range d.series {
			if q.Metric != s.metric || q.Where != s.where || q.Class != class {
				continue
			}
			some := slices.ContainsFunc(q.Points, func(p counts.Point) bool { return p.Value > 0 })
			if some || class == wire.Person {
				out = append(out, q)
			}
		}
	}
	return out
}

func (c *Console) chart(lines []counts.Series, l layout.Layout, r *frame.Request, d day) ChartData {
	data := ChartData{
		From: d.query.From.UnixMilli(), Step: d.query.Step.Milliseconds(), Lines: []ChartLine{}, Ticks: []Tick{}, Zone: c.Zone.String(),
	}
	for _, s := range lines {
		line := ChartLine{
			Class: names.Classes[s.Class], Name: c.lineName(s, l), Dashed: s.Direction == wire.ToLeft,
			Values: make([]*float64, d.query.Steps()), Withheld: []int{},
		}
		for i, p := range s.Points {
			switch {
			case i >= len(line.Values) || p.Covered <= 0 || d.query.From.Add(time.Duration(i)*d.query.Step).After(r.Clock.Now):
			case p.Value == counts.Withheld:
				line.Withheld = append(line.Withheld, i)
			default:
				v := math.Round(p.Value*10) / 10
				line.Values[i] = &v
			}
		}
		data.Whole = s.Metric == wire.Crossings || !r.Viewer.Counts
		data.Lines = append(data.Lines, line)
	}
	return data
}

// lineName is "people", or "people, to the left" for a crossing.
func (c *Console) lineName(s counts.Series, l layout.Layout) string {
	name := c.Say(classKey(s.Class))
	if s.Metric != wire.Crossings {
		return name
	}
	return c.Say("counts.towards", "class", name, "way", c.way(l, s.Where, s.Direction))
}

// way says where a direction leads in the picture, since nobody knows which end of
// a line is its first.
func (c *Console) way(l layout.Layout, name city.Slug, d wire.Direction) string {
	i := slices.IndexFunc(l.Lines, func(n layout.Line) bool { return n.Name == name })
	if i < 0 || d == wire.NoDirection {
		return c.Say("way.any")
	}
	n := l.Lines[i]
	x, y := -(n.To.Y - n.From.Y), n.To.X-n.From.X // to the right of the line, y downwards
	if d == wire.ToLeft {
		x, y = -x, -y
	}
	switch {
	case math.Abs(x) >= math.Abs(y) && x > 0:
		return c.Say("way.right")
	case math.Abs(x) >= math.Abs(y):
		return c.Say("way.left")
	case y > 0:
		return c.Say("way.down")
	}
	return c.Say("way.up")
}

// occupancySummary says in a sentence how many there were.
func (c *Console) occupancySummary(r *frame.Request, d day, where city.Slug) string {
	i := slices.IndexFunc(d.series, func(s counts.Series) bool {
		return s.Metric == wire.Occupancy && s.Class == wire.Person && s.Where == where
	})
	if i < 0 {
		return c.Say("counts.none")
	}
	quarters := counts.Coarser(d.series[i], int(counts.PublicStep/d.query.Step))
	if !r.Viewer.Counts {
		quarters = d.series[i]
	}
	best, mean, seen, hidden := -1, 0.0, 0.0, 0
	for j, p := range quarters.Points {
		switch {
		case p.Covered <= 0:
			continue
		case p.Value == counts.Withheld:
			hidden++
			continue
		}
		mean += p.Value * float64(p.Covered)
		seen += float64(p.Covered)
		if best < 0 || p.Value > quarters.Points[best].Value {
			best = j
		}
	}
	if best < 0 {
		if hidden > 0 {
			return c.Say("counts.allwithheld")
		}
		return c.Say("counts.none")
	}
	from := d.query.From.Add(time.Duration(best) * counts.PublicStep).In(c.Zone)
	key := "counts.summary"
	if hidden > 0 {
		key = "counts.summary.withheld"
	}
	return c.Say(key, "n", round1(mean/seen), "from", from.Format("15:04"), "to", from.Add(counts.PublicStep).Format("15:04"),
		"most", round1(quarters.Points[best].Value), "where", c.where(where))
}

func round1(v float64) float64 { return math.Round(v*10) / 10 }

func (c *Console) where(name city.Slug) string {
	if name == "" {
		return c.Say("where.view")
	}
	return c.Say("where.zone", "name", readable(name))
}

// crossingsSummary says how many went which way. For the public it adds up
// published numbers only, so that nothing withheld can be worked out from it.
func (c *Console) crossingsSummary(l layout.Layout, lines []counts.Series, d day, r *frame.Request) string {
	var parts []string
	hidden := false
	for _, s := range lines {
		sum := 0.0
		for _, p := range s.Points {
			if p.Value == counts.Withheld {
				hidden = true
			} else {
				sum += p.Value
			}
		}
		if sum > 0 {
			parts = append(parts, c.Say("counts.went."+names.Classes[s.Class], "n", int(sum), "way", c.way(l, s.Where, s.Direction)))
		}
	}
	key := "counts.crossed"
	switch {
	case len(parts) == 0 && hidden:
		return c.Say("counts.allwithheld")
	case len(parts) == 0:
		return c.Say("counts.nobodycrossed")
	case hidden:
		key = "counts.crossed.withheld"
	}
	until := c.Say("counts.thatday")
	if d.to.After(r.Clock.Now) {
		until = c.Say("counts.sofar")
	}
	return c.Say(key, "parts", strings.Join(parts, ", "), "until", until)
}

// table lists quarters of an hour, the latest first.
func (c *Console) table(k Camera, lines []counts.Series, named []ChartLine, r *frame.Request, d day) (columns []string, rows []countsRow) {
	if len(lines) == 0 {
		return nil, nil
	}
	for i := range lines {
		columns = append(columns, named[i].Name)
	}
	columns = append(columns, c.Say("counts.seen"))
	quarters := make([]counts.Series, len(lines))
	for i, s := range lines {
		quarters[i] = s
		if d.query.Step != counts.PublicStep {
			quarters[i] = counts.Coarser(s, int(counts.PublicStep/d.query.Step))
		}
	}
	for i, first := range slices.Backward(quarters[0].Points) {
		if first.Covered <= 0 {
			continue
		}
		from := d.query.From.Add(time.Duration(i) * counts.PublicStep).In(c.Zone)
		row := countsRow{Time: from.Format("15:04") + "–" + from.Add(counts.PublicStep).Format("15:04")}
		for _, q := range quarters {
			row.Values = append(row.Values, c.value(q, i, k, r))
		}
		row.Values = append(row.Values, c.Say("counts.percent", "n", int(100*min(1, float64(first.Covered)/float64(counts.PublicStep))+.5)))
		rows = append(rows, row)
	}
	return columns, rows
}

func (c *Console) value(s counts.Series, i int, k Camera, r *frame.Request) string {
	switch {
	case i >= len(s.Points) || s.Points[i].Covered <= 0:
		return "–"
	case s.Points[i].Value == counts.Withheld:
		return c.Say("counts.fewer", "n", k.Entry.Threshold)
	case s.Metric == wire.Crossings || !r.Viewer.Counts:
		return c.Number(s.Points[i].Value, 0)
	}
	return c.Number(s.Points[i].Value, 1)
}
