package console

import (
	"cmp"
	"html/template"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"polity/access"
	"polity/access/look"
	"polity/city"
	"polity/console/frame"
)

// looksView is the page of looks, for everyone.
type looksView struct {
	None    bool
	Lead    template.HTML
	Today   template.HTML // when what goes on is published
	Month   string
	Tabs    []tab // the camera's alone, or all
	Days    []tab // of the month that have looks
	Before  string
	After   string
	Summary string
	Chart   SensorChart
	Rows    []lookRow
	PerDay  []dayRow
	Cameras []lookedRow
	CSV     string
	May     bool // read the details
}

type lookRow struct {
	On, Path, What, Body, Purpose string
	Looks, Minutes                int
}

type dayRow struct {
	Day, Path      string
	Looks, Minutes int
}

// lookedRow is one camera, and when somebody last looked.
type lookedRow struct {
	Title, Path string
	Words       template.HTML
	Looks       int
}

// looksQuery is what of the published days a page shows.
type looksQuery struct {
	month  string // 2026-11
	day    string // of it; empty: all
	camera city.Slug
}

func (q looksQuery) wants(day string) bool {
	return strings.HasPrefix(day, q.month+"-") && (q.day == "" || q.day == day)
}

func (q looksQuery) counts(of []look.Count) []look.Count {
	if q.camera == "" {
		return of
	}
	return slices.DeleteFunc(slices.Clone(of), func(n look.Count) bool { return n.On != access.ACamera || n.Name != q.camera })
}

const monthForm = "2006-01"

// looksQuery reads ?month=, ?day= and ?camera=; without them it is the newest month.
func (c *Console) looksQuery(r *frame.Request, newest string) (q looksQuery, err error) {
	v := r.URL.Query()
	q.day, q.month, q.camera = v.Get("day"), v.Get("month"), city.Slug(v.Get("camera"))
	if q.day != "" {
		if _, err := time.Parse(time.DateOnly, q.day); err != nil {
			return q, city.Errorf(city.Invalid, "%s", c.Say("looks.error.day"))
		}
		q.month = q.day[:len(monthForm)]
	}
	if q.month == "" {
		q.month = newest[:len(monthForm)]
	}
	if _, err := time.Parse(monthForm, q.month); err != nil {
		return q, city.Errorf(city.Invalid, "%s", c.Say("looks.error.month"))
	}
	if q.camera != "" {
		err = q.camera.Check()
	}
	return q, err
}

func (c *Console) book() (*look.Book, error) {
	if c.cfg.Book == nil {
		return nil, city.Errorf(city.NotFound, "%s", c.Say("looks.nobook"))
	}
	return c.cfg.Book, nil
}

func (c *Console) looksPage(w http.ResponseWriter, r *frame.Request) error {
	book, err := c.book()
	if err != nil {
		return err
	}
	days, today, until := book.Days(r.Context())
	newest := today
	if n := len(days); n > 0 {
		newest = days[n-1].Day.Day
	}
	q, err := c.looksQuery(r, newest)
	if err != nil {
		return err
	}
	cameras, err := c.cfg.City.Cameras(r.Context())
	if err != nil {
		return err
	}
	v := looksView{None: len(days) == 0, Today: c.HTML("looks.today", "time", r.Clock.Time(until)), May: c.Allowed(r, access.AuditLooks, access.City())}
	if len(days) > 0 {
		v.Lead = c.looksLead(r.Clock, days[len(days)-1])
		v.Cameras = c.lookedCameras(r.Clock, days, cameras, q)
	}
	titles := titlesOf(cameras)
	c.looksMonth(r, &v, days, q)
	v.Rows = c.lookRows(days, q, titles)
	v.CSV = "/looks.csv?" + looksAddress(q)[len("/looks?"):]
	if q.camera != "" {
		v.Tabs = []tab{{titles.of(q.camera), looksAddress(q), true}, {c.Say("looks.allcameras"), looksAddress(looksQuery{month: q.month, day: q.day}), false}}
	}
	return c.Render(w, r, http.StatusOK, frame.Page{Template: "looks", Title: c.Say("looks.title"), Data: v})
}

// looksAddress is the page of looks for a query.
func looksAddress(q looksQuery) string {
	at := "/looks?month=" + q.month
	if q.day != "" {
		at = "/looks?day=" + q.day
	}
	if q.camera != "" {
		at += "&camera=" + string(q.camera)
	}
	return at
}

// looksLead says in a sentence how much was looked on the newest day.
func (c *Console) looksLead(at frame.Clock, d look.Published) template.HTML {
	bodies, purposes := map[city.Slug]bool{}, map[city.Slug]bool{}
	for _, n := range d.Of {
		bodies[n.Body], purposes[n.Purpose] = true, true
	}
	day := c.lookDay(at, d.Day.Day)
	if d.Looks == 0 {
		return c.HTML("looks.lead.none", "day", day)
	}
	return c.HTML("looks.lead", "day", day, "looks", c.Say("looks.n", "n", d.Looks), "bodies", c.Say("looks.bodies", "n", len(bodies)), "purposes", c.Say("looks.purposes", "n", len(purposes)))
}

// noonOf is the middle of a day in the city.
func (c *Console) noonOf(day string) time.Time {
	d, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return time.Time{}
	}
	return time.Date(d.Year(), d.Month(), d.Day(), 12, 0, 0, 0, c.Zone)
}

func (c *Console) lookDay(at frame.Clock, day string) string { return at.Day(c.noonOf(day)) }

// looksMonth fills in the month's days, chart and sentence.
func (c *Console) looksMonth(r *frame.Request, v *looksView, days []look.Published, q looksQuery) {
	first := c.noonOf(q.month + "-01")
	v.Month = c.Say("looks.month", "month", r.Clock.Month(first), "year", strconv.Itoa(first.Year()))
	chart := SensorChart{
		From: first.UnixMilli(), Step: (24 * time.Hour).Milliseconds(), Bars: true, Name: c.Say("looks.title"), Unit: c.Say("looks.unit"),
		Zone: c.Zone.String(), Range: "month", Thresholds: []SensorLevel{}, Least: []*float64{}, Most: []*float64{},
	}
	total, most, mostDay := 0, 0, ""
	chart.Values = make([]*float64, first.AddDate(0, 1, -1).Day())
	for _, d := range days {
		if !strings.HasPrefix(d.Day.Day, q.month+"-") {
			continue
		}
		row := dayRow{Day: r.Clock.DayOfMonth(c.noonOf(d.Day.Day)), Path: looksAddress(looksQuery{day: d.Day.Day, camera: q.camera})}
		for _, n := range q.counts(d.Of) {
			row.Looks += n.Looks
			row.Minutes += n.Minutes
		}
		looks := float64(row.Looks)
		chart.Values[c.noonOf(d.Day.Day).Day()-1] = &looks
		v.PerDay = append(v.PerDay, row)
		if total += row.Looks; row.Looks > most {
			most, mostDay = row.Looks, row.Day
		}
	}
	v.Chart = chart
	switch {
	case len(v.PerDay) == 0:
	case total == 0:
		v.Summary = c.Say("looks.month.none", "month", v.Month)
	default:
		v.Summary = c.Say("looks.month.words", "month", v.Month, "looks", c.Say("looks.n", "n", total), "day", mostDay, "most", most)
	}
	if len(days) > 0 {
		before, after := first.AddDate(0, -1, 0).Format(monthForm), first.AddDate(0, 1, 0).Format(monthForm)
		if days[0].Day.Day[:len(monthForm)] <= before {
			v.Before = looksAddress(looksQuery{month: before, camera: q.camera})
		}
		if days[len(days)-1].Day.Day[:len(monthForm)] >= after {
			v.After = looksAddress(looksQuery{month: after, camera: q.camera})
		}
	}
	if q.day != "" {
		v.Days = []tab{{v.Month, looksAddress(looksQuery{month: q.month, camera: q.camera}), false}, {c.lookDay(r.Clock, q.day), looksAddress(q), true}}
	}
}

// lookRows adds a month's or day's counts up, by what was looked at, body and purpose.
func (c *Console) lookRows(days []look.Published, q looksQuery, titles titles) []lookRow {
	var sums []look.Count
	for _, d := range days {
		if !q.wants(d.Day.Day) {
			continue
		}
		for _, n := range q.counts(d.Of) {
			n.Day = ""
			i, there := slices.BinarySearchFunc(sums, n, func(a, b look.Count) int {
				return cmp.Or(cmp.Compare(a.On, b.On), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Body, b.Body), cmp.Compare(a.Purpose, b.Purpose), cmp.Compare(a.Do, b.Do))
			})
			if there {
				sums[i].Looks += n.Looks
				sums[i].Minutes += n.Minutes
				continue
			}
			sums = slices.Insert(sums, i, n)
		}
	}
	purposes, bodies := c.purposeTitles(), c.bodyTitles()
	var rows []lookRow
	for _, n := range sums {
		row := lookRow{On: titles.of(n.Name), What: c.Say("looks.do." + string(n.Do)), Body: bodies.of(n.Body), Purpose: purposes.of(n.Purpose), Looks: n.Looks, Minutes: n.Minutes}
		if n.On == access.AService {
			row.On = c.Say("looks.service", "name", string(n.Name))
		} else if titles[n.Name] != "" {
			row.Path = "/cameras/" + string(n.Name)
		}
		rows = append(rows, row)
	}
	return rows
}

// lookedCameras says of each camera how often it was looked through, or since when not.
func (c *Console) lookedCameras(at frame.Clock, days []look.Published, cameras []Camera, q looksQuery) []lookedRow {
	last, looks := lastLooks(days), map[city.Slug]int{}
	for _, d := range days {
		if !q.wants(d.Day.Day) {
			continue
		}
		for _, n := range d.Of {
			if n.On == access.ACamera {
				looks[n.Name] += n.Looks
			}
		}
	}
	var rows []lookedRow
	for _, k := range cameras {
		if q.camera != "" && q.camera != k.Name {
			continue
		}
		rows = append(rows, lookedRow{Title: k.title(), Path: "/cameras/" + string(k.Name), Looks: looks[k.Name], Words: c.lastLook(at, last[k.Name], days[0].Day.Day)})
	}
	slices.SortStableFunc(rows, func(a, b lookedRow) int { return cmp.Compare(b.Looks, a.Looks) })
	return rows
}

// lastLooks is the last published day on which somebody looked through each camera.
func lastLooks(days []look.Published) map[city.Slug]string {
	last := map[city.Slug]string{}
	for _, d := range days {
		for _, n := range d.Of {
			if n.On == access.ACamera {
				last[n.Name] = d.Day.Day
			}
		}
	}
	return last
}

func (c *Console) lastLook(at frame.Clock, last, begun string) template.HTML {
	if last == "" {
		return c.HTML("looks.never", "day", at.Date(c.noonOf(begun)))
	}
	return c.HTML("looks.last", "day", c.lookDay(at, last))
}

// titles are those of cameras or purposes by their names.
type titles map[city.Slug]string

func (t titles) of(name city.Slug) string { return cmp.Or(t[name], string(name)) }

func titlesOf(cameras []Camera) titles {
	t := titles{}
	for _, k := range cameras {
		t[k.Name] = k.title()
	}
	return t
}

func (c *Console) purposeTitles() titles {
	t := titles{}
	for _, p := range c.cfg.Book.Purposes() {
		t[p.Name] = p.Title
	}
	return t
}

// bodyTitles are those of the bodies that people work for.
func (c *Console) bodyTitles() titles {
	t := titles{}
	if c.cfg.Accounts != nil {
		for _, b := range c.cfg.Accounts.Bodies() {
			t[b.Name] = b.Title
		}
	}
	return t
}

// lookedAt is what a camera's page says about looks: how often this month, and what for.
func (c *Console) lookedAt(r *frame.Request, camera city.Slug) []frame.Fact {
	if c.cfg.Book == nil {
		return nil
	}
	days, _, _ := c.cfg.Book.Days(r.Context())
	if len(days) == 0 {
		return nil
	}
	q := looksQuery{month: days[len(days)-1].Day.Day[:len(monthForm)], camera: camera}
	total, byPurpose := 0, map[city.Slug]int{}
	for _, d := range days {
		if !q.wants(d.Day.Day) {
			continue
		}
		for _, n := range q.counts(d.Of) {
			total += n.Looks
			byPurpose[n.Purpose] += n.Looks
		}
	}
	item := frame.Fact{Name: c.Say("looks.camera")}
	if total == 0 {
		item.Words = c.HTML("looks.camera.none", "last", c.lastLook(r.Clock, lastLooks(days)[camera], days[0].Day.Day), "address", looksAddress(q))
		return []frame.Fact{item}
	}
	purposes := c.purposeTitles()
	var names []city.Slug
	for name := range byPurpose {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b city.Slug) int { return cmp.Or(cmp.Compare(byPurpose[b], byPurpose[a]), cmp.Compare(a, b)) })
	var words []string
	for _, name := range names {
		words = append(words, purposes.of(name)+" "+strconv.Itoa(byPurpose[name]))
	}
	month := c.noonOf(q.month + "-01")
	item.Words = c.HTML("looks.camera.words", "n", total, "month", r.Clock.Month(month), "purposes", strings.Join(words, ", "), "address", looksAddress(q))
	return []frame.Fact{item}
}

// looksCSV is the published counts as a table, RFC 4180: all of them, or those of a month,
// day or camera.
func (c *Console) looksCSV(w http.ResponseWriter, r *frame.Request) error {
	book, err := c.book()
	if err != nil {
		return err
	}
	days, today, _ := book.Days(r.Context())
	q, err := c.looksQuery(r, today)
	if err != nil {
		return err
	}
	all := r.URL.Query().Get("month") == "" && q.day == ""
	out := c.CSV(w, "looks.csv")
	_ = out.Write([]string{"day", "on", "name", "do", "body", "purpose", "looks", "minutes"})
	for _, d := range days {
		if !all && !q.wants(d.Day.Day) {
			continue
		}
		for _, n := range q.counts(d.Of) {
			_ = out.Write(frame.Cells(n.Day, string(n.On), string(n.Name), string(n.Do), string(n.Body), string(n.Purpose), n.Looks, n.Minutes))
		}
	}
	out.Flush()
	return frame.Gone(out.Error())
}

// looksChain is the public chain, to be kept and verified by anyone.
func (c *Console) looksChain(w http.ResponseWriter, r *frame.Request) error {
	book, err := c.book()
	if err != nil {
		return err
	}
	_, _, _ = book.Days(r.Context()) // a day that is over is in it
	chain, err := book.Chain()
	if err != nil {
		return err
	}
	defer chain.Close()
	h := w.Header()
	h.Set("Content-Type", "application/jsonl; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="chain.jsonl"`)
	h.Set("Cache-Control", "no-store")
	_, err = io.Copy(w, chain)
	return frame.Gone(err)
}

// looksCheckPage says how to verify the chain.
func (c *Console) looksCheckPage(w http.ResponseWriter, r *frame.Request) error {
	book, err := c.book()
	if err != nil {
		return err
	}
	days, _, _ := book.Days(r.Context())
	var data struct {
		Last   template.HTML
		Root   string
		Head   string
		Steps  []checkView
		Limits []string
	}
	if n := len(days); n > 0 {
		d := days[n-1]
		data.Last, data.Root, data.Head = c.HTML("looks.check.last", "day", c.lookDay(r.Clock, d.Day.Day), "looks", c.Say("looks.n", "n", d.Looks)), d.Root.String(), d.Head.String()
	}
	for i := 1; c.Forms("looks.check."+strconv.Itoa(i)+".title") != nil; i++ {
		key := "looks.check." + strconv.Itoa(i)
		s := checkView{Title: c.Say(key + ".title"), Words: c.HTML(key + ".words")}
		if c.Forms(key+".command") != nil {
			s.Commands = strings.Split(c.Say(key+".command"), "\n")
		}
		data.Steps = append(data.Steps, s)
	}
	data.Limits = c.numbered("looks.check.limits.")
	return c.Render(w, r, http.StatusOK, frame.Page{Template: "lookscheck", Title: c.Say("looks.check.title"), Data: data})
}
