package console

import (
	"cmp"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"polity/access/look"
	"polity/city"
	"polity/console/frame"
)

// lookDetailsView is what an auditor reads: who looked, when, at what, what for, how long.
type lookDetailsView struct {
	From, To, Who, Name, Body, Purpose string
	Purposes                           []frame.Choice
	Summary                            string
	Rows                               []lookDetailRow
	More                               string
	Flags                              []lookFlagRow
	Reads                              []lookReadRow
	Kept                               string
	CSV                                string
}

type lookDetailRow struct {
	Who, WhoPath, On, What, Purpose, Body, Session string
	Begun                                          template.HTML
	Long                                           string
	Of                                             template.HTML // the past that was looked at
}

type lookFlagRow struct{ Day, Who, WhoPath, Words string }

type lookReadRow struct {
	At    template.HTML
	Who   string
	Body  string
	About string
}

// detailsShown bounds a page; the table as CSV has all.
const detailsShown = 500

// lookQuery reads the filters; without days it is the day that goes on.
func (c *Console) lookQuery(r *frame.Request, today string) look.Query {
	v := r.URL.Query()
	return look.Query{
		From: cmp.Or(v.Get("from"), today), To: cmp.Or(v.Get("to"), today), Who: strings.TrimSpace(v.Get("who")),
		Name: city.Slug(v.Get("name")), Body: city.Slug(v.Get("body")), Purpose: city.Slug(v.Get("purpose")),
	}
}

// readLooks reads the details; that somebody does is in the book before they are shown.
func (c *Console) readLooks(r *frame.Request) (*look.Details, look.Query, error) {
	book, err := c.book()
	if err != nil {
		return nil, look.Query{}, err
	}
	_, today, _ := book.Days(r.Context())
	q := c.lookQuery(r, today)
	d, err := book.Details(r.Context(), r.Who, q)
	return d, q, err
}

func (c *Console) lookDetailsPage(w http.ResponseWriter, r *frame.Request) error {
	d, q, err := c.readLooks(r)
	if err != nil {
		return err
	}
	cameras, err := c.cfg.City.Cameras(r.Context())
	if err != nil {
		return err
	}
	v := lookDetailsView{
		From: q.From, To: q.To, Who: q.Who, Name: string(q.Name), Body: string(q.Body), Purpose: string(q.Purpose),
		Summary: c.lookSummary(d, q), CSV: "/looks/details.csv?" + q.String(),
	}
	if d.Kept != "" {
		v.Kept = c.Say("looks.details.kept", "day", r.Clock.Date(c.noonOf(d.Kept)))
	}
	for _, p := range c.cfg.Book.Purposes() {
		v.Purposes = append(v.Purposes, frame.Choice{Value: string(p.Name), Words: p.Title, Chosen: p.Name == q.Purpose})
	}
	people, titles, purposes, bodies := c.peopleNamed(r), titlesOf(cameras), c.purposeTitles(), c.bodyTitles()
	for i := range d.Looks {
		if i == detailsShown {
			v.More = c.Say("looks.details.more", "n", len(d.Looks)-detailsShown)
			break
		}
		l := &d.Looks[i]
		row := lookDetailRow{
			Who: people(l.Who), WhoPath: whoAddress(q, l.Who), On: titles.of(l.Name), What: c.Say("looks.do." + string(l.Do)), Purpose: purposes.of(l.Purpose),
			Body: bodies.of(l.Body), Session: l.Session, Begun: r.Clock.Time(l.Begun.Time), Long: c.lookLong(r.Clock, l),
		}
		if !l.From.IsZero() {
			row.Of = c.HTML("looks.details.of", "from", r.Clock.Time(l.From.Time), "to", r.Clock.Time(l.To.Time))
		}
		v.Rows = append(v.Rows, row)
	}
	for _, f := range d.Flags {
		v.Flags = append(v.Flags, lookFlagRow{f.Day, people(f.Who), whoAddress(q, f.Who), c.flagWords(f)})
	}
	for i, read := range d.Reads {
		if i == detailsShown {
			break
		}
		v.Reads = append(v.Reads, lookReadRow{r.Clock.Time(read.At), people(read.Who), bodies.of(read.Body), read.About})
	}
	return c.Render(w, r, http.StatusOK, frame.Page{Template: "lookdetails", Title: c.Say("looks.details.title"), Data: v})
}

// peopleNamed names who has an ID, if they still have an account.
func (c *Console) peopleNamed(r *frame.Request) func(id string) string {
	known := map[string]string{}
	return func(id string) string {
		if name, ok := known[id]; ok {
			return name
		}
		name := id
		if c.cfg.Accounts != nil {
			if p, err := c.cfg.Accounts.Person(r.Context(), id); err == nil && p.Name != "" {
				name = p.Name
			}
		}
		known[id] = name
		return name
	}
}

func whoAddress(q look.Query, who string) string {
	q.Who = who
	return "/looks/details?" + q.String()
}

func (c *Console) lookSummary(d *look.Details, q look.Query) string {
	who := map[string]bool{}
	for i := range d.Looks {
		who[d.Looks[i].Who] = true
	}
	if len(d.Looks) == 0 {
		return c.Say("looks.details.none")
	}
	days := c.Say("looks.details.day", "day", q.From)
	if q.From != q.To {
		days = c.Say("looks.details.days", "from", q.From, "to", q.To)
	}
	return c.Say("looks.details.words", "looks", c.Say("looks.n", "n", len(d.Looks)), "people", c.Say("looks.people", "n", len(who)), "days", days)
}

// lookLong is how long a look was, or that it goes on.
func (c *Console) lookLong(at frame.Clock, l *look.Detail) string {
	if l.Ended.IsZero() {
		return c.Say("looks.goeson")
	}
	long := at.Long(l.Ended.Sub(l.Begun.Time))
	if l.Why == "left" {
		return long
	}
	return c.Say("looks.ended."+l.Why, "long", long)
}

func (c *Console) flagWords(f look.Flag) string {
	if f.Rule == look.Wide {
		return c.Say("looks.flag.wide", "n", f.Number, "limit", f.Limit)
	}
	return c.Say("looks.flag.many", "n", f.Number, "days", c.cfg.Book.Settings().Heavy.Days, "usual", f.Usual, "limit", f.Limit, "role", string(f.Role))
}

// lookDetailsCSV is the same as a table, RFC 4180.
func (c *Console) lookDetailsCSV(w http.ResponseWriter, r *frame.Request) error {
	d, q, err := c.readLooks(r)
	if err != nil {
		return err
	}
	people := c.peopleNamed(r)
	out := c.CSV(w, "look-details-"+url.PathEscape(q.From)+".csv")
	_ = out.Write([]string{"begun", "ended", "why", "minutes", "who", "name_of_who", "kind", "session", "body", "roles", "purpose", "do", "on", "name", "from", "to"})
	for i := range d.Looks {
		l := &d.Looks[i]
		roles := make([]string, len(l.Roles))
		for i, role := range l.Roles {
			roles[i] = string(role)
		}
		_ = out.Write(frame.Cells(stampCell(l.Begun.Time), stampCell(l.Ended.Time), l.Why, strconv.Itoa(l.Minutes()), l.Who, people(l.Who), l.Kind, l.Session, string(l.Body),
			strings.Join(roles, " "), string(l.Purpose), string(l.Do), string(l.On), string(l.Name), stampCell(l.From.Time), stampCell(l.To.Time)))
	}
	out.Flush()
	return frame.Gone(out.Error())
}

func stampCell(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
