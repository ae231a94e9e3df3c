package console

import (
	"cmp"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"polity/city"
	"polity/console/frame"
	"polity/sensors"
	"polity/sensors/air"
	"polity/sensors/alarm"
)

// SensorChart is a sensor's attribute over time, for its chart.
type SensorChart struct {
	From       int64         `json:"from"` // ms since 1970
	Step       int64         `json:"step"` // ms
	Values     []*float64    `json:"values"`
	Least      []*float64    `json:"least"`
	Most       []*float64    `json:"most"`
	Bars       bool          `json:"bars"` // sums, not levels
	Name       string        `json:"name"`
	Unit       string        `json:"unit"` // as it is written behind numbers
	Decimals   int           `json:"decimals"`
	Zone       string        `json:"zone"`  // IANA name
	Range      string        `json:"range"` // day, week or month
	Thresholds []SensorLevel `json:"thresholds"`
}

// SensorLevel is a threshold that a chart draws.
type SensorLevel struct {
	Value float64 `json:"value"`
	Words string  `json:"words"`
	Alarm bool    `json:"alarm"` // of a rule; else a band of an index
}

// chartSpan is a time that a chart shows.
type chartSpan struct {
	name     string
	from, to time.Time
	step     time.Duration
}

var ranges = []string{"day", "week", "month"}

// spanOf reads ?range=. Steps are whole hours of a chart of hourly means and sums.
func (c *Console) spanOf(r *frame.Request, attribute string) (chartSpan, error) {
	name := cmp.Or(r.URL.Query().Get("range"), "day")
	x := chartSpan{name: name}
	hourly := attribute == "precipitation" || slices.Contains(air.Pollutants(), air.Pollutant(attribute))
	var length time.Duration
	switch name {
	case "day":
		length, x.step = 24*time.Hour, 15*time.Minute
		if hourly {
			x.step = time.Hour
		}
	case "week":
		length, x.step = 7*24*time.Hour, time.Hour
	case "month":
		length, x.step = 30*24*time.Hour, 6*time.Hour
		if attribute == "precipitation" {
			x.step = 24 * time.Hour
		}
	default:
		return x, city.Errorf(city.Invalid, "%s", c.Say("error.range"))
	}
	end := r.Clock.Now.Truncate(x.step)
	if x.step > time.Hour { // days and their quarters begin with the city's midnight
		for end = r.Clock.Midnight(r.Clock.Now); end.Add(x.step).Before(r.Clock.Now); end = end.Add(x.step) {
		}
	}
	x.to = end.Add(x.step)
	x.from = x.to.Add(-length)
	return x, nil
}

// charted are the attributes of a sensor that have a chart, those that it has sent.
func charted(s *sensors.Sensor) (out []sensors.Attribute) {
	for _, a := range s.Kind.Attributes() {
		if v, ok := s.Value(a.Name); ok && !a.Words && !math.IsNaN(v.Number) && a.Name != "alertLevel" && a.Name != "dangerLevel" && a.Name != "totalSpotNumber" {
			out = append(out, a)
		}
	}
	return out
}

// chartView is the chart's section of a sensor's page.
type chartView struct {
	Attributes, Ranges []tab
	Chart              SensorChart
	Summary, CSV       string
	Rows               []chartRow
	Thresholds         []string
	Sums               bool
}

type chartRow struct{ Time, Value, Least, Most string }

// shownAttribute is the one that ?show= names, or the first.
func shownAttribute(r *frame.Request, s *sensors.Sensor) (sensors.Attribute, bool) {
	list := charted(s)
	if len(list) == 0 {
		return sensors.Attribute{}, false
	}
	if i := slices.IndexFunc(list, func(a sensors.Attribute) bool { return a.Name == r.URL.Query().Get("show") }); i >= 0 {
		return list[i], true
	}
	return list[0], true
}

func (c *Console) chartView(r *frame.Request, s alarm.State) (chartView, error) {
	var v chartView
	a, ok := shownAttribute(r, &s.Sensor)
	if !ok {
		return v, nil
	}
	x, err := c.spanOf(r, a.Name)
	if err != nil {
		return v, err
	}
	for _, other := range charted(&s.Sensor) {
		v.Attributes = append(v.Attributes, tab{c.attributeName(other.Name), frame.With(r, "show", other.Name), other.Name == a.Name})
	}
	for _, name := range ranges {
		v.Ranges = append(v.Ranges, tab{c.Say("sensor.range." + name), frame.With(r, "range", name), name == x.name})
	}
	v.CSV = sensorPath(&s.Sensor) + "/values.csv?show=" + a.Name + "&range=" + x.name
	steps, err := c.sensorSteps(r, s.Sensor.ID, a, x)
	if err != nil {
		return v, err
	}
	value, _ := s.Sensor.Value(a.Name)
	if v.Sums = a.Name == "precipitation"; a.Name == "occupied" {
		a.Unit, a.Decimals = sensors.Percent, 0
	}
	v.Chart = c.sensorChart(x, a, cmp.Or(value.Unit, a.Unit), steps)
	if value.Unit == "" || value.Unit == a.Unit {
		v.Chart.Thresholds = c.chartLevels(s, a, x)
	}
	for _, l := range v.Chart.Thresholds {
		v.Thresholds = append(v.Thresholds, l.Words)
	}
	v.Rows = c.chartRows(x, a, cmp.Or(value.Unit, a.Unit), steps)
	v.Summary = c.chartSummary(r.Clock, x, a, cmp.Or(value.Unit, a.Unit), steps)
	return v, nil
}

// sensorSteps are the steps of a chart; of what is taken or not, the share that was taken,
// in percent.
func (c *Console) sensorSteps(r *frame.Request, id string, a sensors.Attribute, x chartSpan) ([]SensorStep, error) {
	steps, err := c.cfg.Sensors.SensorSeries(r.Context(), SensorQuery{ID: id, Attribute: a.Name, From: x.from, To: x.to, Step: x.step})
	if err != nil || a.Name != "occupied" {
		return steps, err
	}
	steps = slices.Clone(steps)
	for i := range steps {
		steps[i].Value *= 100
		steps[i].Least, steps[i].Most = steps[i].Value, steps[i].Value
	}
	return steps, nil
}

func (c *Console) sensorChart(x chartSpan, a sensors.Attribute, unit string, steps []SensorStep) SensorChart {
	n := int(x.to.Sub(x.from) / x.step)
	d := SensorChart{
		From: x.from.UnixMilli(), Step: x.step.Milliseconds(), Values: make([]*float64, n), Least: make([]*float64, n), Most: make([]*float64, n), Bars: a.Name == "precipitation",
		Name: c.attributeName(a.Name), Unit: c.unitSymbol(unit), Decimals: a.Decimals, Zone: c.Zone.String(), Range: x.name, Thresholds: []SensorLevel{},
	}
	for _, s := range steps {
		if i := int(s.Start.Sub(x.from) / x.step); i >= 0 && i < n {
			v, least, most := s.Value, s.Least, s.Most
			d.Values[i], d.Least[i], d.Most[i] = &v, &least, &most
		}
	}
	return d
}

// unitSymbol is a unit alone: "µg/m³".
func (c *Console) unitSymbol(unit string) string {
	if key := "unit." + unit; c.Forms(key) != nil {
		return strings.TrimLeft(c.Say(key, "value", ""), " \u00a0")
	}
	return unit
}

// measureOf is the measure whose thresholds a chart of an attribute shows; of steps of
// another length than the measure's they would mean nothing.
func measureOf(a sensors.Attribute, x chartSpan) alarm.Measure {
	switch a.Name {
	case "currentLevel":
		return alarm.WaterLevel
	case "LAeq":
		return alarm.Leq15m
	case "precipitation":
		switch x.step {
		case time.Hour:
			return alarm.Rain1h
		case 24 * time.Hour:
			return alarm.Rain24h
		}
		return ""
	}
	return alarm.Measure(a.Name)
}

func (c *Console) chartLevels(s alarm.State, a sensors.Attribute, x chartSpan) []SensorLevel {
	out := []SensorLevel{}
	for _, l := range s.Levels[measureOf(a, x)] {
		out = append(out, SensorLevel{l.Raise, c.Say("sensor.threshold", "severity", c.Say("sensor.severity."+string(l.Severity)), "value", c.quantity(l.Raise, a.Unit, 2)), true})
	}
	if p := air.Pollutant(a.Name); s.Sensor.Kind == sensors.Air && slices.Contains(air.Pollutants(), p) && x.step == time.Hour {
		for i, most := range air.Bands(p) {
			out = append(out, SensorLevel{most, c.Say("sensor.band", "level", c.Say("air.level."+air.Level(i+1).String()), "value", c.quantity(most, a.Unit, 0)), false})
		}
	}
	return out
}

// chartRows are the steps as a table, the latest first.
func (c *Console) chartRows(x chartSpan, a sensors.Attribute, unit string, steps []SensorStep) (rows []chartRow) {
	for _, s := range slices.Backward(steps) {
		local := s.Start.In(c.Zone)
		when := local.Format("15:04") + "–" + local.Add(x.step).Format("15:04")
		if x.name != "day" || x.step >= 24*time.Hour {
			when = local.Format(time.DateOnly) + " " + when
		}
		if x.step >= 24*time.Hour {
			when = local.Format(time.DateOnly)
		}
		rows = append(rows, chartRow{when, c.quantity(s.Value, unit, a.Decimals), c.quantity(s.Least, unit, a.Decimals), c.quantity(s.Most, unit, a.Decimals)})
	}
	return rows
}

// chartSummary says in a sentence what the chart shows.
func (c *Console) chartSummary(at frame.Clock, x chartSpan, a sensors.Attribute, unit string, steps []SensorStep) string {
	if len(steps) == 0 {
		return c.Say("sensor.series.none." + x.name)
	}
	least, most, sum, peak := math.Inf(1), math.Inf(-1), 0.0, steps[0]
	for _, s := range steps {
		least, most, sum = min(least, s.Least), max(most, s.Most), sum+s.Value
		if s.Most > peak.Most || (a.Name == "precipitation" && s.Value > peak.Value) {
			peak = s
		}
	}
	if a.Name == "occupied" {
		return c.Say("sensor.series.taken."+x.name, "percent", int(sum/float64(len(steps))+.5))
	}
	if a.Name == "precipitation" {
		return c.Say("sensor.series.sum."+x.name, "sum", c.quantity(sum, unit, 1), "most", c.quantity(peak.Value, unit, 1), "at", at.Words(peak.Start))
	}
	return c.Say("sensor.series."+x.name, "least", c.quantity(least, unit, a.Decimals), "most", c.quantity(most, unit, a.Decimals), "at", at.Words(peak.Start))
}

// sensorCSV is a chart's steps as a table, RFC 4180.
func (c *Console) sensorCSV(w http.ResponseWriter, r *frame.Request) error {
	s, err := c.sensor(r)
	if err != nil {
		return err
	}
	a, ok := shownAttribute(r, &s.Sensor)
	if !ok {
		return city.Errorf(city.NotFound, "%s", c.Say("sensor.novalue"))
	}
	x, err := c.spanOf(r, a.Name)
	if err != nil {
		return err
	}
	steps, err := c.sensorSteps(r, s.Sensor.ID, a, x)
	if err != nil {
		return err
	}
	value, _ := s.Sensor.Value(a.Name)
	if a.Name == "occupied" {
		a.Unit = sensors.Percent
	}
	out := c.CSV(w, string(s.Sensor.Kind)+"-"+a.Name+"-"+x.name+".csv")
	_ = out.Write([]string{"start", "seconds", "attribute", "value", "least", "most", "values", "unit"})
	for _, p := range steps {
		number := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
		_ = out.Write([]string{
			p.Start.In(c.Zone).Format(time.RFC3339), strconv.Itoa(int(x.step.Seconds())), a.Name, number(p.Value), number(p.Least), number(p.Most),
			strconv.FormatInt(p.Count, 10), frame.Cells(cmp.Or(value.Unit, a.Unit))[0],
		})
	}
	out.Flush()
	return frame.Gone(out.Error())
}
