package console

import (
	"cmp"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"polity/city"
	"polity/console/frame"
	"polity/sensors/transit"
)

// transitView is one of three pages.
type transitView struct {
	None     bool // there is no public transport
	OnMap    bool // the page has a map
	Overview *transitOverview
	Line     *transitLine
	Stop     *transitStop
}

type transitOverview struct {
	Summary  string
	Feeds    []feedView
	Search   string
	Found    []foundStop
	Searched bool
	Map      transitMap
}

type feedView struct {
	Name        city.Slug
	Title       string
	Simulated   bool
	Problems    []string
	Words       string
	Lines       []lineRow
	Alerts      []alertView
	CSV         string
	OnTimeWords string
}

type lineRow struct {
	Path, Name, Long, Mode string
	State                  frame.Sign
	Now, Hour              string
}

type alertView struct {
	Title, Words, Address string
	Until                 template.HTML
	Strong                bool
}

type foundStop struct{ Path, Name, What string }

func (c *Console) transitPage(w http.ResponseWriter, r *frame.Request) error {
	v := transitView{None: c.cfg.Transit == nil}
	title := c.Say("transit.title")
	if v.None {
		return c.Render(w, r, http.StatusOK, frame.Page{Template: "transit", Title: title, Data: v})
	}
	o := &transitOverview{Search: strings.TrimSpace(r.URL.Query().Get("stop"))}
	o.Searched = o.Search != ""
	lines, running, vehicles := 0, 0, 0
	for _, b := range c.cfg.Transit.Boards() {
		s := b.State(r.Clock.Now)
		f := c.feedView(&s, r.Clock)
		for i := range s.Routes {
			if s.Routes[i].Running > 0 {
				running++
			}
		}
		lines, vehicles = lines+len(s.Routes), vehicles+len(s.Vehicles)
		o.Feeds = append(o.Feeds, f)
		c.addToMap(&o.Map, b, &s, "")
		for _, x := range b.Find(o.Search, 40) {
			o.Found = append(o.Found, foundStop{Path: stopPath(b.Name(), x.ID), Name: x.Name, What: c.stopWords(x)})
		}
	}
	o.Summary = c.Say("transit.words", "n", lines) + " " + c.Say("transit.words.running", "n", running) + " " + c.Say("transit.words.vehicles", "n", vehicles)
	o.Map.Alt = c.Say("transit.map.alt")
	v.Overview, v.OnMap = o, o.Map.OnMap
	return c.Render(w, r, http.StatusOK, frame.Page{Template: "transit", Title: title, Data: v})
}

func (c *Console) stopWords(x transit.Named) string {
	if x.Station {
		return c.Say("transit.stop.station")
	}
	if x.Platform != "" {
		return c.Say("transit.stop.platform", "platform", x.Platform)
	}
	return ""
}

func linePath(feed city.Slug, id string) string {
	return "/transit/" + string(feed) + "/lines/" + url.PathEscape(id)
}

func stopPath(feed city.Slug, id string) string {
	return "/transit/" + string(feed) + "/stops/" + url.PathEscape(id)
}

// feedView is a feed with its lines in words.
func (c *Console) feedView(s *transit.State, at frame.Clock) feedView {
	v := feedView{Name: s.Name, Title: cmp.Or(s.Publisher, string(s.Name)), Simulated: s.Simulated, CSV: "/transit/" + string(s.Name) + "/delays.csv", OnTimeWords: c.onTimeWords(s, at)}
	switch {
	case s.Loaded.IsZero():
		v.Problems = append(v.Problems, c.Say("transit.notimetable"))
	case s.Expired:
		v.Problems = append(v.Problems, c.Say("transit.expired", "date", at.Date(noon(s.Expires.UTC()))))
	default:
		v.Words = c.Say("transit.valid", "date", at.Date(noon(s.Expires.UTC())))
	}
	if s.Problem != "" {
		v.Problems = append(v.Problems, c.Say("transit.timetable.problem", "problem", s.Problem))
	}
	for _, x := range s.Sources {
		switch {
		case x.Problem != "":
			v.Problems = append(v.Problems, c.Say("transit."+x.Kind+".problem", "problem", x.Problem))
		case !x.Fresh && !x.At.IsZero():
			v.Problems = append(v.Problems, c.Say("transit."+x.Kind+".stale", "time", at.Words(x.At)))
		case !x.Fresh:
			v.Problems = append(v.Problems, c.Say("transit."+x.Kind+".never"))
		}
	}
	for i := range s.Routes {
		k := &s.Routes[i]
		v.Lines = append(v.Lines, lineRow{
			Path: linePath(s.Name, k.ID), Name: k.Name, Long: k.Long, Mode: c.Say("transit.mode." + transit.Mode(k.Kind)), State: c.lineState(k), Now: c.lineNow(k), Hour: c.tallyWords(k.Hour),
		})
	}
	v.Alerts = c.alertViews(s.Alerts, at)
	return v
}

// onTimeWords says what on time means.
func (c *Console) onTimeWords(s *transit.State, at frame.Clock) string {
	return c.Say("transit.definition", "early", at.Long(s.Early), "late", at.Long(s.Late))
}

// noon of a day is the same day in every time zone of a city's.
func noon(day time.Time) time.Time { return day.Add(12 * time.Hour) }

// often is the share of runs from which a line is called late, or cancelled.
const often = 0.25

// lineState is how a line does, in a word.
func (c *Console) lineState(k *transit.Route) frame.Sign {
	is := func(shape, key string) frame.Sign {
		return frame.Sign{Sign: shape, Word: c.Say("transit.state." + key)}
	}
	share := func(n, of int) bool { return of > 0 && float64(n) >= often*float64(of) }
	switch {
	case k.Running == 0:
		return is("unknown", "idle")
	case k.Cancelled == k.Running:
		return is("stopped", "cancelled")
	case share(k.Cancelled, k.Running):
		return is("attention", "somecancelled")
	case k.Expected == 0:
		return is("unknown", "plan")
	case share(k.Late, k.Expected):
		return is("attention", "late")
	case share(k.Early, k.Expected):
		return is("attention", "early")
	}
	return is("live", "ontime")
}

// lineNow is "6 under way: 4 on time, 2 late".
func (c *Console) lineNow(k *transit.Route) string {
	if k.Running == 0 {
		return ""
	}
	words := []string{}
	add := func(key string, n int) {
		if n > 0 {
			words = append(words, c.Say("transit.now."+key, "n", n))
		}
	}
	add("ontime", k.OnTime)
	add("late", k.Late)
	add("early", k.Early)
	add("cancelled", k.Cancelled)
	add("unknown", k.Running-k.Expected-k.Cancelled)
	return c.Say("transit.now", "n", k.Running) + " " + strings.Join(words, ", ")
}

// tallyWords is "92 % of 118".
func (c *Console) tallyWords(t transit.Tally) string {
	if t.Measured == 0 {
		return c.Say("transit.tally.none")
	}
	return c.Say("transit.tally", "share", percent(t.OnTime, t.Measured), "n", t.Measured)
}

func percent(n, of int) string {
	if of == 0 {
		return ""
	}
	return fmt.Sprintf("%d %%", (200*n+of)/(2*of)) // rounded
}

func (c *Console) alertViews(list []transit.Alert, at frame.Clock) (out []alertView) {
	for i := range list {
		a := &list[i]
		v := alertView{Title: cmp.Or(a.Title, a.Words, a.Effect), Words: a.Words, Address: a.Address, Strong: a.Severity == "warning" || a.Severity == "severe"}
		if v.Words == v.Title {
			v.Words = ""
		}
		if !a.Until.IsZero() {
			v.Until = at.Time(a.Until)
		}
		out = append(out, v)
	}
	return out
}

// delayWords is "3 minutes late".
func (c *Console) delayWords(d time.Duration) string {
	n := int(d.Round(time.Minute).Minutes())
	switch {
	case n > 0:
		return c.Say("transit.delay.late", "n", n)
	case n < 0:
		return c.Say("transit.delay.early", "n", -n)
	}
	return c.Say("transit.delay.none")
}

type transitLine struct {
	Feed, Name, Long, Mode string
	Simulated              bool
	State                  frame.Sign
	Now                    string
	Alerts                 []alertView
	Map                    transitMap
	Ways                   []wayView
	Vehicles               []vehicleRow
	Hours                  []hourRow
	CSV, OnTimeWords       string
}

type wayView struct {
	Headsign string
	Stops    []foundStop
}

type vehicleRow struct {
	Headsign, Next, NextPath, Delay string
	At                              template.HTML
}

type hourRow struct {
	Hour                             string
	Share                            string
	Measured, Early, Late, Cancelled int
	Mean                             string
}

// board finds the feed that an address names.
func (c *Console) board(r *frame.Request) (*transit.Board, error) {
	if c.cfg.Transit == nil {
		return nil, city.Errorf(city.NotFound, "%s", c.Say("error.page"))
	}
	return c.cfg.Transit.Board(city.Slug(r.PathValue("feed")))
}

func (c *Console) transitLinePage(w http.ResponseWriter, r *frame.Request) error {
	b, err := c.board(r)
	if err != nil {
		return err
	}
	k, err := b.Route(r.PathValue("line"), r.Clock.Now)
	if err != nil {
		return err
	}
	s := b.State(r.Clock.Now)
	v := &transitLine{
		Feed: string(b.Name()), Name: k.Name, Long: k.Long, Mode: c.Say("transit.mode." + transit.Mode(k.Kind)), Simulated: s.Simulated, State: c.lineState(&k.Route), Now: c.lineNow(&k.Route),
		Alerts: c.alertViews(k.Alerts, r.Clock), CSV: "/transit/" + string(b.Name()) + "/delays.csv?line=" + url.QueryEscape(k.ID), OnTimeWords: c.onTimeWords(&s, r.Clock),
	}
	for _, way := range k.Ways {
		x := wayView{Headsign: way.Headsign}
		for _, n := range way.Stops {
			x.Stops = append(x.Stops, foundStop{Path: stopPath(b.Name(), n.ID), Name: cmp.Or(n.Name, n.ID), What: n.Platform})
		}
		v.Ways = append(v.Ways, x)
	}
	for i := range k.Vehicles {
		x := &k.Vehicles[i]
		row := vehicleRow{Headsign: x.Headsign, Next: x.NextStop, At: r.Clock.Time(x.At)}
		if x.NextStopID != "" {
			row.NextPath = stopPath(b.Name(), x.NextStopID)
		}
		if x.DelayKnown {
			row.Delay = c.delayWords(x.Delay)
		}
		v.Vehicles = append(v.Vehicles, row)
	}
	c.addToMap(&v.Map, b, &s, k.ID)
	v.Map.Alt = c.Say("transit.map.line", "line", k.Name)
	if v.Hours, err = c.hours(r, b.Name(), k.ID); err != nil {
		return err
	}
	title := c.Say("transit.line", "line", k.Name)
	return c.Render(w, r, http.StatusOK, frame.Page{Template: "transit", Title: title, Data: transitView{Line: v, OnMap: v.Map.OnMap}})
}

// hours are those of today and yesterday, newest first.
func (c *Console) hours(r *frame.Request, feed city.Slug, line string) (out []hourRow, err error) {
	from := r.Clock.Midnight(r.Clock.Midnight(r.Clock.Now).Add(-12 * time.Hour))
	rows, err := c.cfg.Transit.Delays(r.Context(), feed, line, from, r.Clock.Now)
	if err != nil {
		return nil, err
	}
	for _, x := range slices.Backward(rows) {
		row := hourRow{Hour: r.Clock.Words(x.Start) + "–" + x.Start.Add(time.Hour).In(c.Zone).Format("15:04"), Share: percent(x.OnTime, x.Measured), Measured: x.Measured, Early: x.Early, Late: x.Late, Cancelled: x.Cancelled}
		if x.Measured > 0 {
			row.Mean = c.Say("transit.seconds", "n", int(x.MeanDelay()))
		}
		out = append(out, row)
	}
	return out, nil
}

type transitStop struct {
	Name, Platform, Code string
	Simulated, Live      bool
	Alerts               []alertView
	Departures           []departureRow
	Words                string
}

type departureRow struct {
	When             template.HTML
	Line, LinePath   string
	Headsign         string
	Planned          template.HTML
	Platform         string
	State            frame.Sign
	Cancelled, Quiet bool
}

func (c *Console) transitStopPage(w http.ResponseWriter, r *frame.Request) error {
	b, err := c.board(r)
	if err != nil {
		return err
	}
	s, err := b.Stop(r.PathValue("stop"), r.Clock.Now)
	if err != nil {
		return err
	}
	v := &transitStop{Name: s.Name, Platform: s.Platform, Code: s.Code, Simulated: b.Simulated(), Live: s.Live, Alerts: c.alertViews(s.Alerts, r.Clock)}
	v.Words = c.Say("transit.stop.live")
	if !s.Live {
		v.Words = c.Say("transit.stop.plan")
	}
	for i := range s.Departures {
		v.Departures = append(v.Departures, c.departure(b.Name(), &s.Departures[i], r.Clock))
	}
	return c.Render(w, r, http.StatusOK, frame.Page{Template: "transit", Title: cmp.Or(s.Name, s.ID), Data: transitView{Stop: v}})
}

func (c *Console) departure(feed city.Slug, d *transit.Departure, at frame.Clock) departureRow {
	row := departureRow{Line: d.Route, Headsign: d.Headsign, Platform: d.Platform, Cancelled: d.Cancelled}
	if d.RouteID != "" {
		row.LinePath = linePath(feed, d.RouteID)
	}
	if !d.Planned.IsZero() {
		row.Planned = at.Time(d.Planned)
	}
	row.When = at.Time(d.Planned)
	switch {
	case d.Cancelled:
		row.State = frame.Stopped(c.Say("transit.dep.cancelled"))
	case d.Expected.IsZero():
		row.State = frame.Unknown(c.Say("transit.dep.plan"))
	case d.Planned.IsZero():
		row.When, row.State = at.Time(d.Expected), frame.Live(c.Say("transit.dep.extra"))
	default:
		row.When = at.Time(d.Expected)
		late := d.Expected.Sub(d.Planned)
		shape := "live"
		if late >= 2*time.Minute || late <= -time.Minute {
			shape = "attention"
		}
		row.State = frame.Sign{Sign: shape, Word: c.delayWords(late)}
	}
	return row
}
