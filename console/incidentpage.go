package console

import (
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"polity/access"
	"polity/city"
	"polity/console/frame"
	"polity/room/alert"
	"polity/room/handover"
	"polity/room/incident"
)

type incidentsView struct {
	Words     string
	Proposed  []proposalView
	Open      []incidentRow
	Closed    []incidentRow
	MayHandle bool
	Request   string
	Said      string
}

type proposalView struct {
	Words string
	When  template.HTML
	Rows  []alertRow
	Title string
}

type incidentRow struct {
	Path, Title, Desks string
	When               template.HTML
}

// incidentsPage lists incidents, and alerts that may belong together.
func (c *Console) incidentsPage(w http.ResponseWriter, r *frame.Request) error {
	if err := c.hasRoom(); err != nil {
		return err
	}
	book := c.incidents()
	all, err := book.List(r.Context(), r.Who)
	if err != nil {
		return err
	}
	data, err := c.roomData(r.Context(), r, nil)
	if err != nil {
		return err
	}
	v := incidentsView{MayHandle: len(data.Handles) > 0, Request: newRequest()}
	for _, i := range all {
		row := incidentRow{"/room/incidents/" + url.PathEscape(i.ID), i.Title, c.deskWords(i.Desks), r.Clock.Time(i.Opened)}
		if i.Open {
			v.Open = append(v.Open, row)
		} else {
			v.Closed = append(v.Closed, row)
		}
	}
	for _, p := range book.Proposals(r.Who) {
		o := proposalView{Words: c.Say("incidents.proposal", "kind", c.kindWords(p.Kind), "n", len(p.Alerts)), When: r.Clock.Time(p.Start)}
		o.Title = c.Say("incidents.proposedtitle", "kind", c.kindWords(p.Kind), "time", r.Clock.Words(p.Start))
		for _, key := range p.Alerts {
			a, err := c.cfg.Alerts.Lookup(r.Context(), key)
			if err != nil {
				continue // it was closed meanwhile
			}
			row := c.alertRow(a, r, data)
			row.Address = alertAddress(key)
			o.Rows = append(o.Rows, row)
		}
		v.Proposed = append(v.Proposed, o)
	}
	v.Words = c.Say("incidents.words", "n", len(v.Open))
	v.Said = c.incidentSaid(r)
	return c.Render(w, r, http.StatusOK, frame.Page{Template: "incidents", Title: c.Say("incidents.title"), Data: v})
}

func alertAddress(key alert.Key) string { return "/room?alert=" + url.QueryEscape(string(key)) }

func (c *Console) deskWords(desks []city.Slug) string {
	var words []string
	for _, d := range desks {
		words = append(words, c.Say("room.desk."+string(d)))
	}
	return strings.Join(words, ", ")
}

type incidentView struct {
	ID, Title, Desks string
	Revision         uint64
	State            frame.Sign
	When             template.HTML
	By               string
	Rows             []alertRow
	Timeline         []timelineRow
	Export           string
	MayHandle, Open  bool
	Request          string
	Said             string
}

// incidentPage is one incident with everything that belongs to it.
func (c *Console) incidentPage(w http.ResponseWriter, r *frame.Request) error {
	if err := c.hasRoom(); err != nil {
		return err
	}
	d, err := c.incidents().Incident(r.Context(), r.Who, r.PathValue("incident"))
	if err != nil {
		return err
	}
	data, err := c.roomData(r.Context(), r, d.People)
	if err != nil {
		return err
	}
	i := d.Incident
	v := incidentView{
		ID: i.ID, Title: i.Title, Desks: c.deskWords(i.Desks), Revision: i.Revision, State: frame.Attention(c.Say("incidents.open")), When: r.Clock.Time(i.Opened),
		By: c.personWords(i.By, r, data.People), Export: "/room/incidents/" + url.PathEscape(i.ID) + "/export.zip", Open: i.Open, Request: newRequest(), Said: c.incidentSaid(r),
	}
	if !i.Open {
		v.State = frame.Unknown(c.Say("incidents.closed"))
	}
	for _, desk := range i.Desks {
		v.MayHandle = v.MayHandle || c.Allowed(r, access.Handle, access.Service(desk))
	}
	titles := map[alert.Key]string{}
	for _, a := range d.Alerts {
		row := c.alertRow(a, r, data)
		row.Address = alertAddress(a.Key)
		titles[a.Key] = row.Title
		v.Rows = append(v.Rows, row)
	}
	for _, l := range slices.Backward(d.Timeline) { // the newest first
		t := timelineRow{When: r.Clock.Time(l.At), Text: l.Text}
		switch {
		case l.Item != nil:
			t.When, t.Words = r.Clock.Time(l.Item.At), l.Item.What
		case l.Alert != "":
			t.Words = c.Say("incidents.ofalert", "title", titles[l.Alert], "words", c.entryWords(l.Entry, r, data.People))
		default:
			t.Words = c.entryWords(l.Entry, r, data.People)
		}
		v.Timeline = append(v.Timeline, t)
	}
	return c.Render(w, r, http.StatusOK, frame.Page{Template: "incident", Title: i.Title, Data: v})
}

// incidentAct is a form about an incident.
func (c *Console) incidentAct(w http.ResponseWriter, r *frame.Request) error {
	if err := c.roomForm(w, r); err != nil {
		return err
	}
	q := incident.Request{
		ID: r.PostFormValue("request"), Do: r.PostFormValue("do"), Incident: r.PostFormValue("incident"),
		Title: r.PostFormValue("title"), Text: strings.ReplaceAll(r.PostFormValue("text"), "\r\n", "\n"),
	}
	if q.Do != "open" {
		q.Title = ""
	}
	if q.Do != "note" {
		q.Text = ""
	}
	if q.Do == "close" || q.Do == "reopen" {
		q.Revision, _ = strconv.ParseUint(r.PostFormValue("revision"), 10, 64) // 0 is refused
	}
	for _, key := range r.PostForm["key"] {
		q.Items = append(q.Items, alert.Key(key))
	}
	out, err := c.incidents().Act(r.Context(), r.Who, q)
	if err != nil {
		return err
	}
	http.Redirect(w, r.Request, frame.Saying("/room/incidents/"+url.PathEscape(out.Incident.ID), q.Do), http.StatusSeeOther)
	return nil
}

func (c *Console) incidentSaid(r *frame.Request) string {
	if key := "incidents.done." + r.URL.Query().Get("said"); c.Forms(key) != nil {
		return c.Say(key)
	}
	return ""
}

// roomForm reads a form of the control room.
func (c *Console) roomForm(w http.ResponseWriter, r *frame.Request) error {
	if err := c.hasRoom(); err != nil {
		return err
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return city.Errorf(city.Invalid, "%s", c.Say("room.badform"))
	}
	return nil
}

type handoverView struct {
	Desks     []roomOption
	MayHandle []roomOption // desks
	To        []roomOption
	Notes     []handoverNote
	Request   string
	Said      string
}

type handoverNote struct {
	ID, Desk, Words, Text string
	When                  template.HTML
	Open                  []handoverAlert
	Total                 int
	More                  int
	Read                  []timelineRow
	MayRead               bool
	Request               string
}

type handoverAlert struct {
	Title, State, Address string
	Priority              frame.Sign
	Since                 template.HTML
}

// handoverPage is what shifts tell one another.
func (c *Console) handoverPage(w http.ResponseWriter, r *frame.Request) error {
	if err := c.hasRoom(); err != nil {
		return err
	}
	desk := city.Slug(r.URL.Query().Get("desk"))
	list, err := handover.New(c.cfg.Alerts).List(r.Context(), r.Who, desk)
	if err != nil {
		return err
	}
	data, err := c.roomData(r.Context(), r, list.People)
	if err != nil {
		return err
	}
	v := handoverView{Request: newRequest(), Desks: []roomOption{{Words: c.Say("room.alldesks"), Address: "/room/handover", Chosen: desk == ""}}}
	for _, d := range data.Desks {
		v.Desks = append(v.Desks, roomOption{Value: string(d), Words: c.Say("room.desk." + string(d)), Address: "/room/handover?desk=" + string(d), Chosen: d == desk})
	}
	for _, d := range data.Handles {
		v.MayHandle = append(v.MayHandle, roomOption{Value: string(d), Words: c.Say("room.desk." + string(d)), Chosen: d == desk})
	}
	for id, name := range data.Colleagues {
		if id != data.Me {
			v.To = append(v.To, roomOption{Value: id, Words: name})
		}
	}
	sortOptions(v.To)
	for _, h := range list.Handovers {
		v.Notes = append(v.Notes, c.handoverNote(h, r, data))
	}
	if key := "handover.done." + r.URL.Query().Get("said"); c.Forms(key) != nil {
		v.Said = c.Say(key)
	}
	return c.Render(w, r, http.StatusOK, frame.Page{Template: "handover", Title: c.Say("handover.title"), Data: v})
}

func (c *Console) handoverNote(h handover.Handover, r *frame.Request, data RoomData) handoverNote {
	n := handoverNote{
		ID: h.ID, Desk: c.Say("room.desk." + string(h.Desk)), Text: h.Text, When: r.Clock.Time(h.At), Total: h.Total, More: h.Total - len(h.Open), Request: newRequest(),
		MayRead: r.Who.ID != h.From, Words: c.Say("handover.by", "name", c.personWords(h.From, r, data.People)),
	}
	if h.To != "" {
		n.Words = c.Say("handover.byto", "name", c.personWords(h.From, r, data.People), "to", c.personWords(h.To, r, data.People))
	}
	for _, l := range h.Open {
		a := alert.Alert{Situation: alert.Situation{Title: l.Title, Kind: l.Kind, Priority: l.Rank}, Handling: alert.Handling{State: l.State, Until: l.Until, Assignee: l.Assignee}}
		n.Open = append(n.Open, handoverAlert{c.alertTitle(&a), c.alertState(&a, r, data), alertAddress(l.Key), c.alertPriority(&a), r.Clock.Time(l.Start)})
	}
	for _, x := range h.Read {
		n.MayRead = n.MayRead && x.By != r.Who.ID
		n.Read = append(n.Read, timelineRow{When: r.Clock.Time(x.At), Words: c.Say("handover.readby", "name", c.personWords(x.By, r, data.People))})
	}
	return n
}

// handoverAct is a form that writes a handover, or says that one was read.
func (c *Console) handoverAct(w http.ResponseWriter, r *frame.Request) error {
	if err := c.roomForm(w, r); err != nil {
		return err
	}
	q := handover.Request{ID: r.PostFormValue("request"), Do: r.PostFormValue("do")}
	switch q.Do {
	case "write":
		q.Desk, q.To, q.Text = city.Slug(r.PostFormValue("desk")), r.PostFormValue("to"), strings.ReplaceAll(r.PostFormValue("text"), "\r\n", "\n")
	case "read":
		q.Of = r.PostFormValue("id")
	}
	if _, err := handover.New(c.cfg.Alerts).Act(r.Context(), r.Who, q); err != nil {
		return err
	}
	http.Redirect(w, r.Request, "/room/handover?said="+url.QueryEscape(q.Do), http.StatusSeeOther)
	return nil
}
