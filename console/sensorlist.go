package console

import (
	"cmp"
	"context"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"polity/city"
	"polity/console/frame"
	"polity/sensors"
	"polity/sensors/alarm"
)

// Rows of a kind on the page of all sensors, and on a kind's own page.
const (
	sensorsAtFirst = 25
	sensorsAPage   = 500
)

type sensorRow struct {
	Name, Path, Headline, Age string
	State                     frame.Sign
	Simulated                 bool
	Seen                      template.HTML
}

type sensorGroup struct {
	Kind        sensors.Kind
	Title, Path string
	Rows        []sensorRow
	All         int // of the kind that the filter leaves
	More, Less  string
}

type alarmRow struct {
	State       frame.Sign
	Sensor      string
	Path        string
	Words       string
	Since       template.HTML
	Until       template.HTML
	Simulated   bool
	Ended, Gone bool
}

type silentRow struct {
	Device, Mapping, Path string
	Heard                 template.HTML
}

type sensorsView struct {
	Summary       string
	Kinds, States []tab
	Search, Kind  string
	StateValue    string
	Alarms        []alarmRow
	Silent        []silentRow
	Groups        []sensorGroup
	CSV, GeoJSON  string
	None          bool // no sensor has said anything yet
	NoneFound     bool // the filter leaves none
}

// sensorPath is the address of a sensor's page.
func sensorPath(s *sensors.Sensor) string {
	return "/sensors/" + string(s.Kind) + "/" + url.PathEscape(s.ID)
}

// sensorStates returns all sensors in the order of pages: alarms first, then what is unknown, by
// name.
func (c *Console) sensorStates(ctx context.Context) ([]alarm.State, error) {
	if c.cfg.Sensors == nil {
		return nil, nil
	}
	all, err := c.cfg.Sensors.SensorStates(ctx)
	if err != nil {
		return nil, err
	}
	all = slices.Clone(all)
	rank := func(s *alarm.State) int {
		switch {
		case len(s.Alarms) > 0:
			return -2 - s.Alarms[0].Severity.Rank()
		case s.Pending:
			return -1
		case s.Doubt != alarm.Sure:
			return 0
		}
		return 1
	}
	slices.SortFunc(all, func(a, b alarm.State) int {
		return cmp.Or(cmp.Compare(rank(&a), rank(&b)), byNumber(a.Sensor.Name, b.Sensor.Name), cmp.Compare(a.Sensor.ID, b.Sensor.ID))
	})
	return all, nil
}

// byNumber orders names as people do: bay 2 before bay 10.
func byNumber(a, b string) int {
	for a != "" && b != "" {
		m, n := digits(a), digits(b)
		if m > 0 && n > 0 {
			x, y := strings.TrimLeft(a[:m], "0"), strings.TrimLeft(b[:n], "0")
			if c := cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y)); c != 0 {
				return c
			}
			a, b = a[m:], b[n:]
			continue
		}
		if a[0] != b[0] {
			return cmp.Compare(a[0], b[0])
		}
		a, b = a[1:], b[1:]
	}
	return cmp.Compare(len(a), len(b))
}

func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

// sensorFilter is ?state=, ?q=, and the kind of the path or ?kind=.
type sensorFilter struct {
	kind   sensors.Kind
	state  string
	search string
}

func (c *Console) sensorFilter(r *frame.Request) (f sensorFilter, err error) {
	q := r.URL.Query()
	f = sensorFilter{kind: sensors.Kind(cmp.Or(r.PathValue("kind"), q.Get("kind"))), state: q.Get("state"), search: q.Get("q")}
	if f.kind != "" && !f.kind.Known() {
		return f, city.Errorf(city.NotFound, "%s", c.Say("error.sensorkind"))
	}
	if !slices.Contains([]string{"", "alarm", "pending", "unknown", "fine"}, f.state) {
		return f, city.Errorf(city.Invalid, "%s", c.Say("error.sensorstate"))
	}
	return f, nil
}

func (f sensorFilter) takes(s *alarm.State) bool {
	return (f.kind == "" || s.Sensor.Kind == f.kind) && (f.state == "" || sensorState(*s) == f.state) &&
		(f.search == "" || contains(s.Sensor.Name, f.search) || contains(s.Sensor.ID, f.search))
}

// sensorsPage lists sensors: all kinds, or the kind of the path.
func (c *Console) sensorsPage(w http.ResponseWriter, r *frame.Request) error {
	f, err := c.sensorFilter(r)
	if err != nil {
		return err
	}
	all, err := c.sensorStates(r.Context())
	if err != nil {
		return err
	}
	v := sensorsView{
		Summary: c.sensorsInWords(all, f.kind), Kinds: c.kindTabs(r, all, f), States: c.stateTabs(r, f), Search: f.search, Kind: string(f.kind), StateValue: f.state,
		CSV: fileAddress("/sensors.csv", f), GeoJSON: fileAddress("/sensors.geojson", f),
	}
	skip, _ := strconv.Atoi(r.URL.Query().Get("from")) // anything else begins at the first
	v.Groups = c.sensorGroups(r, all, f, max(0, skip))
	v.NoneFound = len(all) > 0 && len(v.Groups) == 0
	for i := range all {
		if (f.kind == "" || all[i].Sensor.Kind == f.kind) && f.state != "fine" {
			v.Alarms = append(v.Alarms, c.alarmRows(r.Clock, &all[i].Sensor, all[i].Alarms)...)
		}
	}
	if v.Silent, err = c.silentRows(r, all, f); err != nil {
		return err
	}
	v.None = len(all) == 0 && len(v.Silent) == 0
	title := c.Say("sensors.title")
	if f.kind != "" {
		title = c.kindName(f.kind)
	}
	return c.Render(w, r, http.StatusOK, frame.Page{Template: "sensors", Title: title, Data: v})
}

// addSensors puts the sensors on the map's page. While nobody knows how they are, it does
// without them.
func (c *Console) addSensors(v *mapView, r *frame.Request) error {
	all, err := c.sensorStates(r.Context())
	if city.KindOf(err) == city.Unavailable || (err == nil && len(all) == 0) {
		return nil
	}
	if err != nil {
		return err
	}
	v.Map.Sensors, v.Sensors = "/sensors.geojson", c.sensorsInWords(all, "")
	for i := range all {
		v.Alarms = append(v.Alarms, c.alarmRows(r.Clock, &all[i].Sensor, all[i].Alarms)...)
	}
	return nil
}

func fileAddress(path string, f sensorFilter) string {
	q := url.Values{}
	for name, v := range map[string]string{"kind": string(f.kind), "state": f.state, "q": f.search} {
		if v != "" {
			q.Set(name, v)
		}
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// sensorsInWords is "31 sensors. 1 alarm goes on. 2 say nothing of the present."
func (c *Console) sensorsInWords(all []alarm.State, kind sensors.Kind) string {
	n, alarms, unknown := 0, 0, 0
	for i := range all {
		if kind != "" && all[i].Sensor.Kind != kind {
			continue
		}
		n++
		alarms += len(all[i].Alarms)
		if sensorState(all[i]) == "unknown" {
			unknown++
		}
	}
	words := c.Say("sensors.words", "n", n) + " " + c.Say("sensors.words.alarms", "n", alarms)
	if unknown > 0 {
		words += " " + c.Say("sensors.words.unknown", "n", unknown)
	}
	return words
}

func (c *Console) kindTabs(r *frame.Request, all []alarm.State, f sensorFilter) []tab {
	query := frame.Without(r, "from")
	if i := slices.Index([]byte(query), '?'); i >= 0 {
		query = query[i:]
	} else {
		query = ""
	}
	tabs := []tab{{Name: c.Say("sensors.all"), Address: "/sensors" + query, Here: f.kind == ""}}
	for _, k := range sensors.Kinds() {
		if k == f.kind || slices.ContainsFunc(all, func(s alarm.State) bool { return s.Sensor.Kind == k }) {
			tabs = append(tabs, tab{Name: c.kindName(k), Address: "/sensors/" + string(k) + query, Here: k == f.kind})
		}
	}
	return tabs
}

func (c *Console) stateTabs(r *frame.Request, f sensorFilter) (tabs []tab) {
	u := *r.URL
	q := u.Query()
	q.Del("from")
	for _, state := range []string{"", "alarm", "pending", "unknown", "fine"} {
		q.Del("state")
		if state != "" {
			q.Set("state", state)
		}
		u.RawQuery = q.Encode()
		tabs = append(tabs, tab{Name: c.Say("sensors.state." + cmp.Or(state, "any")), Address: u.RequestURI(), Here: state == f.state})
	}
	return tabs
}

func (c *Console) sensorGroups(r *frame.Request, all []alarm.State, f sensorFilter, skip int) (groups []sensorGroup) {
	for _, k := range sensors.Kinds() {
		g := sensorGroup{Kind: k, Title: c.kindName(k), Path: "/sensors/" + string(k)}
		first, most := 0, sensorsAtFirst
		if f.kind != "" {
			first, most = skip, sensorsAPage
		}
		for i := range all {
			s := &all[i]
			if s.Sensor.Kind != k || !f.takes(s) {
				continue
			}
			if g.All++; g.All > first && len(g.Rows) < most {
				g.Rows = append(g.Rows, c.sensorRow(r.Clock, s))
			}
		}
		if g.All == 0 {
			continue
		}
		if f.kind != "" {
			if first+most < g.All {
				g.More = frame.With(r, "from", strconv.Itoa(first+most))
			}
			if first > 0 {
				g.Less = frame.With(r, "from", strconv.Itoa(max(0, first-most)))
			}
		}
		groups = append(groups, g)
	}
	return groups
}

func (c *Console) sensorRow(at frame.Clock, s *alarm.State) sensorRow {
	return sensorRow{
		Name: s.Sensor.Name, Path: sensorPath(&s.Sensor), Headline: c.headline(*s), State: c.sensorSign(*s), Simulated: s.Sensor.Simulated,
		Seen: at.Time(s.Sensor.Seen), Age: c.age(at, s.Sensor.Seen),
	}
}

func (c *Console) alarmRows(at frame.Clock, s *sensors.Sensor, list []alarm.Alarm) (rows []alarmRow) {
	for _, a := range list {
		row := alarmRow{State: c.alarmSign(a), Sensor: s.Name, Path: sensorPath(s), Words: c.alarmWords(a), Since: at.Time(a.Start), Simulated: a.Simulated, Ended: !a.End.IsZero(), Gone: a.Gone}
		if row.Ended {
			row.Until, row.State = at.Time(a.End), frame.Live(c.Say("sensor.alarm.over"))
			row.Words = c.Say("alarm.past", "severity", c.Say("sensor.severity."+string(a.Severity)), "peak", c.measured(a.Measure, a.Peak))
		}
		rows = append(rows, row)
	}
	return rows
}

func (c *Console) silentRows(r *frame.Request, all []alarm.State, f sensorFilter) ([]silentRow, error) {
	if c.cfg.Sensors == nil || f.state == "fine" || f.state == "alarm" {
		return nil, nil
	}
	list, err := c.cfg.Sensors.SilentDevices(r.Context())
	if err != nil {
		return nil, err
	}
	var rows []silentRow
	for _, d := range list {
		row := silentRow{Device: d.Device, Mapping: string(d.Mapping), Heard: r.Clock.Time(d.Heard)}
		known := false
		for i := range all {
			if s := &all[i].Sensor; s.ID == d.Sensor {
				row.Path, known = sensorPath(s), f.kind == "" || s.Kind == f.kind
			}
		}
		if known || f.kind == "" {
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// listed are the sensors that a file's filter leaves.
func (c *Console) listed(r *frame.Request) ([]alarm.State, error) {
	f, err := c.sensorFilter(r)
	if err != nil {
		return nil, err
	}
	all, err := c.sensorStates(r.Context())
	return slices.DeleteFunc(all, func(s alarm.State) bool { return !f.takes(&s) }), err
}

// sensorsCSV is the newest values as a table, a line per value, RFC 4180.
func (c *Console) sensorsCSV(w http.ResponseWriter, r *frame.Request) error {
	all, err := c.listed(r)
	if err != nil {
		return err
	}
	out := c.CSV(w, "sensors.csv")
	_ = out.Write([]string{"id", "kind", "name", "lon", "lat", "state", "severity", "attribute", "value", "unit", "observed", "simulated"})
	for i := range all {
		s := &all[i].Sensor
		lon, lat, severity := "", "", ""
		if s.Placed {
			lon, lat = strconv.FormatFloat(s.Place.Lon, 'f', 6, 64), strconv.FormatFloat(s.Place.Lat, 'f', 6, 64)
		}
		if len(all[i].Alarms) > 0 {
			severity = string(all[i].Alarms[0].Severity)
		}
		for _, v := range s.Values {
			row := frame.Cells(s.ID, string(s.Kind), s.Name, "", "", sensorState(all[i]), severity, v.Name, "", unitOf(s, v), stamp(v.At), s.Simulated)
			row[3], row[4], row[8] = lon, lat, number64(v) // numbers below zero are no formulas
			_ = out.Write(row)
		}
	}
	out.Flush()
	return frame.Gone(out.Error())
}

func number64(v sensors.Value) string {
	if v.Word != "" {
		return frame.Cells(v.Word)[0]
	}
	return strconv.FormatFloat(v.Number, 'f', -1, 64)
}

func unitOf(s *sensors.Sensor, v sensors.Value) string {
	a, _ := s.Kind.Attribute(v.Name)
	return cmp.Or(v.Unit, a.Unit)
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
