package console

import (
	"cmp"
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"polity/access"
	"polity/camera/wire"
	"polity/city"
	"polity/console/counts"
	"polity/console/frame"
	"polity/room/alert"
	"polity/room/order"
)

// alertFull is one alert in full.
type alertFull struct {
	Key       alert.Key
	Revision  uint64
	Title     string
	Priority  frame.Sign
	State     string
	Where     string
	When      template.HTML
	Simulated bool
	Quiet     string // why it makes no sound; empty: it does
	Picture   string // address of the place at the event
	Look      string // address of it where opening it is a look; empty: it is none, or one may not
	Camera    string // address of the camera
	Counts    []alertCounts
	CountsWhy string
	Timeline  []timelineRow
	Incident  string // address
	Order     string // address at which a work order is made of it; empty: one may not
	Orders    []orderLine
	Incidents []roomOption // open ones that it can be put into
	MayHandle bool
	Open      bool
	New       bool
	Escalated bool
	Request   string
	Back      string
	To        []roomOption
	Snoozes   []roomOption
	Verdicts  []roomOption
}

// orderLine is a work order that was made of an alert.
type orderLine struct {
	Address, Words string
	State          frame.Sign
}

// alertCounts is what the camera counted in some minutes around an alert.
type alertCounts struct {
	Time                      string
	People, Bicycles, Vehicle string
	Share                     int // of the most people in these minutes, per cent
	During                    bool
}

type timelineRow struct {
	When  template.HTML
	Words string
	Text  string
}

// alertPage is one alert. The control room's script takes its part #detail.
func (c *Console) alertPage(w http.ResponseWriter, r *frame.Request) error {
	if err := c.hasRoom(); err != nil {
		return err
	}
	key := alert.Key(r.URL.Query().Get("key"))
	data, err := c.roomData(r.Context(), r, nil)
	if err != nil {
		return err
	}
	v, err := c.alertDetail(r, key, data)
	if err != nil {
		return err
	}
	return c.Render(w, r, http.StatusOK, frame.Page{Template: "alert", Title: v.Title, Data: struct{ Detail *alertFull }{v}})
}

func (c *Console) alertDetail(r *frame.Request, key alert.Key, data RoomData) (*alertFull, error) {
	d, err := c.cfg.Alerts.Alert(r.Context(), r.Who, key)
	if err != nil {
		return nil, err
	}
	a := d.Alert
	maps.Copy(data.People, d.People)
	v := &alertFull{
		Key: a.Key, Revision: a.Revision, Title: c.alertTitle(a), Priority: c.alertPriority(a), State: c.alertState(a, r, data), Where: c.alertWhere(a, data),
		Simulated: a.Simulated, MayHandle: c.Allowed(r, access.Handle, access.Service(a.Desk)), Open: a.Open(), New: a.State == alert.New, Escalated: a.Escalated,
		Request: newRequest(), Back: "/room?alert=" + url.QueryEscape(string(a.Key)),
	}
	if a.End.IsZero() {
		v.When = c.HTML("event.since", "start", r.Clock.Time(a.Start))
	} else {
		v.When = c.HTML("event.fromto", "start", r.Clock.Time(a.Start), "end", r.Clock.Time(a.End), "long", r.Clock.Long(a.End.Sub(a.Start)))
	}
	if a.Quiet {
		v.Quiet = c.Say("room.whyquiet", "kind", c.kindWords(a.Kind))
	}
	for _, e := range slices.Backward(d.Timeline) { // the newest first
		v.Timeline = append(v.Timeline, timelineRow{r.Clock.Time(e.At), c.entryWords(e, r, data.People), e.Text})
	}
	if a.Incident != "" {
		v.Incident = "/room/incidents/" + url.PathEscape(a.Incident)
	}
	if a.Camera != "" {
		if err := c.alertCamera(v, a, r, data); err != nil {
			return nil, err
		}
	}
	c.alertChoices(v, data)
	if err := c.alertOrders(v, a, r); err != nil {
		return nil, err
	}
	return v, c.alertIncidents(v, a, r)
}

// alertOrders lists the work orders that were made of an alert.
func (c *Console) alertOrders(v *alertFull, a *alert.Alert, r *frame.Request) error {
	if c.cfg.Orders == nil {
		return nil
	}
	book, by, err := c.orderBook(r)
	if err != nil {
		return err
	}
	list, _, err := book.List(r.Context(), by, order.Filter{From: order.FromAlert, Key: string(a.Key)})
	if err != nil {
		return err
	}
	for _, o := range list {
		v.Orders = append(v.Orders, orderLine{"/orders/" + url.PathEscape(o.ID), c.Say("room.ordernumber", "n", o.Number, "task", o.Task), c.orderState(o.State)})
	}
	if c.Allowed(r, access.GiveOrder, access.Service(a.Desk)) {
		q := url.Values{"alert": {string(a.Key)}, "desk": {string(a.Desk)}}
		v.Order = "/orders/new?" + q.Encode()
	}
	return nil
}

// mostIncidents is how many open incidents an alert can be put into by a list.
const mostIncidents = 50

func (c *Console) alertIncidents(v *alertFull, a *alert.Alert, r *frame.Request) error {
	if !v.MayHandle || a.Incident != "" || !a.Open() {
		return nil
	}
	all, err := c.incidents().List(r.Context(), r.Who)
	if err != nil {
		return err
	}
	for _, i := range all {
		if i.Open && len(v.Incidents) < mostIncidents {
			v.Incidents = append(v.Incidents, roomOption{Value: i.ID, Words: i.Title})
		}
	}
	return nil
}

// alertCamera adds what the alert's camera knows: the place, and counts around it.
func (c *Console) alertCamera(v *alertFull, a *alert.Alert, r *frame.Request, data RoomData) error {
	if _, ok := data.Cameras[string(a.Camera)]; !ok {
		return nil // it was taken down since
	}
	v.Camera = "/cameras/" + string(a.Camera)
	if !c.Allowed(r, access.SeeCounts, c.thing(a.Camera)) {
		v.CountsWhy = c.Say("room.nocounts")
		return nil
	}
	id, ofCamera := strings.CutPrefix(string(a.Key), "camera:"+string(a.Camera)+":")
	if ofCamera {
		e, _, err := c.cfg.City.EventPlace(r.Context(), a.Camera, id)
		switch {
		case err == nil:
			if v.Picture, v.Look, err = c.alertPicture(e, r); err != nil {
				return err
			}
		case city.KindOf(err) != city.NotFound && city.KindOf(err) != city.Invalid:
			return err
		}
	}
	return c.addCountsAround(v, a, r)
}

// alertPicture is the address of the place at an event, for the page; or as a look, where
// opening it is one because that place is not public yet.
func (c *Console) alertPicture(e Event, r *frame.Request) (shown, look string, err error) {
	k, err := c.camera(r.Context(), e.Camera)
	if err != nil {
		return "", "", err
	}
	address := "/cameras/" + string(e.Camera) + "/events/" + url.PathEscape(e.ID) + ".jpg"
	if !e.Start.After(r.Clock.Now.Add(-k.Entry.PublicDelay)) {
		return address, "", nil
	}
	if d := c.Decide(r, access.LookBack, c.thing(e.Camera)); c.cfg.Looks == nil || !d.Allowed && !d.Purpose {
		return "", "", nil
	}
	return "", address, nil
}

// What is shown of the time around an alert: half an hour before, and after, in steps that
// are finer as long as the counts of that time are.
const countsAround = 30 * time.Minute

func countsStep(from, now time.Time) time.Duration {
	if from.Truncate(time.Hour).Add(time.Hour + counts.Fine).After(now) {
		return 5 * time.Minute
	}
	return counts.PublicStep
}

func (c *Console) addCountsAround(v *alertFull, a *alert.Alert, r *frame.Request) error {
	step := countsStep(a.Start.Add(-countsAround), r.Clock.Now)
	mid := a.Start.In(c.Zone).Truncate(step)
	q := counts.Query{From: mid.Add(-countsAround), To: mid.Add(countsAround), Step: step}
	series, err := c.cfg.City.Counts(r.Context(), a.Camera, q)
	if err != nil {
		return err
	}
	rows := make([]alertCounts, q.Steps())
	people := make([]float64, len(rows))
	seen := false
	most := 1.
	for _, s := range series {
		if s.Metric != wire.Occupancy || s.Where != "" {
			continue
		}
		for i, p := range s.Points {
			if i >= len(rows) || p.Covered == 0 {
				continue
			}
			seen = true
			words := c.Number(p.Value, 1)
			switch s.Class {
			case wire.Person:
				rows[i].People, people[i] = words, p.Value
				most = max(most, p.Value)
			case wire.Bicycle:
				rows[i].Bicycles = words
			case wire.Vehicle:
				rows[i].Vehicle = words
			}
		}
	}
	if !seen {
		v.CountsWhy = c.Say("counts.none")
		return nil
	}
	for i := range rows {
		start := q.From.Add(time.Duration(i) * step)
		if start.After(r.Clock.Now) {
			rows = rows[:i]
			break
		}
		rows[i].Time, rows[i].Share = start.Format("15:04"), int(100*people[i]/most)
		rows[i].During = start.Add(step).After(a.Start) && (a.End.IsZero() || start.Before(a.End))
	}
	v.Counts = rows
	return nil
}

func (c *Console) alertChoices(v *alertFull, data RoomData) {
	v.To = append(v.To, roomOption{Value: "me", Words: c.Say("room.me")})
	for id, name := range data.Colleagues {
		if id != data.Me {
			v.To = append(v.To, roomOption{Value: id, Words: name})
		}
	}
	sortOptions(v.To[1:])
	v.To = append(v.To, roomOption{Value: "", Words: c.Say("room.nobody")})
	for _, n := range []int{15, 30, 60, 240, 480} {
		words := c.Say("time.minutes", "n", n)
		if n >= 60 {
			words = c.Say("time.hours", "n", n/60)
		}
		v.Snoozes = append(v.Snoozes, roomOption{N: n, Words: words, Chosen: n == 30})
	}
	for _, x := range alert.Verdicts() {
		v.Verdicts = append(v.Verdicts, roomOption{Value: string(x), Words: c.Say("room.verdict." + string(x))})
	}
}

func sortOptions(all []roomOption) {
	slices.SortFunc(all, func(a, b roomOption) int { return cmp.Or(cmp.Compare(a.Words, b.Words), cmp.Compare(a.Value, b.Value)) })
}
