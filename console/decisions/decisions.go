// Package decisions is the page of what services want done: what is open, what goes by itself
// and can be undone, and what became of the rest.
package decisions

import (
	"embed"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"polity/access"
	"polity/city"
	"polity/console/frame"
	"polity/room/decision"
	"polity/service"
)

//go:embed *.html
var templates embed.FS

// Console is these pages, and what other pages show of decisions.
type Console struct {
	*frame.Frame
	// Sheet is the address of a decision's sheet to print; empty: it has none. Nil: none has.
	Sheet    func(*decision.Decision) string
	book     *decision.Book
	services bool
}

// New makes the pages of a book, which is nil where there is none; services says whether any
// runs.
func New(f *frame.Frame, book *decision.Book, services bool) (*Console, error) {
	c := &Console{Frame: f, book: book, services: services}
	return c, f.Parse("decisions", templates)
}

// Routes are the addresses of these pages.
func (c *Console) Routes() []frame.Route {
	some := frame.On(access.Service(frame.SomeDesk))
	return []frame.Route{
		{Pattern: "GET /decisions", Do: access.SeeAlerts, On: some, Serve: c.page},
		{Pattern: "GET /decisions.json", Do: access.SeeAlerts, On: some, Serve: c.openJSON},
		{Pattern: "POST /decisions/{service}/{decision}", Do: access.Decide, On: theService, Serve: c.answer},
	}
}

// theService is the service that an address names.
func theService(r *http.Request) ([]access.Thing, error) {
	return []access.Thing{access.Service(city.Slug(r.PathValue("service")))}, nil
}

// On reports whether there is a book.
func (c *Console) On() bool { return c.book != nil }

// Most is how many open decisions a page lists.
const Most = 200

const closedMost = 30

type listView struct {
	Said, Problem string
	Summary       string
	// InEffect goes by itself and can be undone.
	Open, InEffect, Closed []view
	More                   bool
}

type view struct {
	ID, Path           string // Path is where answers go
	Do, Reason, Effect string
	Service, Level     string
	Algorithm          string
	State              frame.Sign
	Revision           int64
	Made, Until        template.HTML
	Inputs             []input
	Steps              []Step
	MayAnswer, MayUndo bool
	Advice             bool
	Sheet              string // address of a sheet to print; empty: none
}

type input struct {
	Entity, What, Value string
	At                  template.HTML
}

// Step is one thing that was done about a decision.
type Step struct {
	At        template.HTML
	State     frame.Sign
	Who, Note string
}

// Book is the book of decisions, and the one who asks as the book knows them.
func (c *Console) Book(r *frame.Request) (*decision.Book, decision.Asker, error) {
	if c.book == nil {
		return nil, decision.Asker{}, city.Errorf(city.NotFound, "%s", c.Say("error.nodecisions"))
	}
	by := decision.Asker{Who: r.Who, At: access.Circumstances{Loopback: access.OnLoopback(r.Request)}}
	if r.AsPublic {
		by.Who = access.Who{}
	}
	return c.book, by, nil
}

// Nav leads here.
func (c *Console) Nav(r *frame.Request) []frame.NavItem {
	if c.book == nil || !c.services || !c.Allowed(r, access.SeeAlerts, access.Service(frame.SomeDesk)) {
		return nil
	}
	return []frame.NavItem{{Path: "/decisions", Name: c.Say("decisions.title")}}
}

func (c *Console) page(w http.ResponseWriter, r *frame.Request) error {
	return c.show(w, r, nil)
}

func (c *Console) show(w http.ResponseWriter, r *frame.Request, refused error) error {
	book, by, err := c.Book(r)
	if err != nil {
		return err
	}
	open, more, err := book.Find(r.Context(), by, decision.Query{Services: access.Desks(), Open: true, Steps: true, Limit: Most})
	if err != nil {
		return err
	}
	all, _, err := book.Find(r.Context(), by, decision.Query{Services: access.Desks(), Steps: true, Limit: Most})
	if err != nil {
		return err
	}
	v := listView{Summary: c.Say("decisions.words", "n", len(open)), More: more, Said: c.said(r)}
	status := http.StatusOK
	if refused != nil {
		v.Problem, status = refused.Error(), frame.Status(city.KindOf(refused))
	}
	for _, d := range open {
		v.Open = append(v.Open, c.view(r, d, book.May(by, d.Service)))
	}
	for _, d := range all {
		inEffect := d.Level == service.Bounded && d.State == decision.Applied && d.Until.After(r.Clock.Now)
		if d.Closed.IsZero() || (!inEffect && len(v.Closed) == closedMost) {
			continue
		}
		if one := c.view(r, d, book.May(by, d.Service)); inEffect {
			v.InEffect = append(v.InEffect, one)
		} else {
			v.Closed = append(v.Closed, one)
		}
	}
	return c.Render(w, r, status, frame.Page{Template: "decisions/decisions", Title: c.Say("decisions.title"), Data: v})
}

var signs = map[decision.State]string{
	decision.Proposed: "attention", decision.Accepted: "live", decision.Overridden: "live", decision.Applied: "done",
	decision.Failed: "stopped", decision.Refused: "unknown", decision.Reverted: "unknown", decision.Expired: "unknown", decision.Withdrawn: "unknown",
}

// State is a decision's state.
func (c *Console) State(s decision.State) frame.Sign {
	return frame.Sign{Sign: signs[s], Word: c.Say("decisions.state." + string(s))}
}

func (c *Console) view(r *frame.Request, d *decision.Decision, may bool) view {
	v := view{
		ID: d.ID, Path: "/decisions/" + string(d.Service) + "/" + url.PathEscape(d.ID), Do: d.Do, Reason: d.Reason, Effect: d.Effect,
		Service: c.DeskName(d.Service), Level: c.Say("decisions.level." + string(d.Level)), Algorithm: string(d.Algorithm),
		State: c.State(d.State), Revision: d.Revision, Made: r.Clock.Time(d.Made), Until: r.Clock.Time(d.Until),
		MayAnswer: may && d.State == decision.Proposed && d.Until.After(r.Clock.Now),
		MayUndo:   may && d.Level != service.Advice && (d.State == decision.Accepted || d.State == decision.Applied),
		Advice:    d.Level == service.Advice,
	}
	if c.Sheet != nil {
		v.Sheet = c.Sheet(d)
	}
	for _, i := range d.Inputs {
		v.Inputs = append(v.Inputs, input{i.Entity, i.Attribute, i.Value, r.Clock.Time(i.At)})
	}
	v.Steps = c.Steps(r, d)
	return v
}

// Steps are what was done about a decision, the first step first.
func (c *Console) Steps(r *frame.Request, d *decision.Decision) (list []Step) {
	for _, s := range d.Steps {
		who := s.Name
		if s.Person == "" {
			who = c.Say("decisions.program", "service", c.DeskName(d.Service))
		}
		list = append(list, Step{r.Clock.Time(s.At), c.State(s.State), who, s.Note})
	}
	return list
}

// answer takes a person's answer; where it is refused, the page says why.
func (c *Console) answer(w http.ResponseWriter, r *frame.Request) error {
	book, by, err := c.Book(r)
	if err != nil {
		return err
	}
	if err := c.ReadForm(w, r); err != nil {
		return err
	}
	revision, _ := strconv.ParseInt(r.PostFormValue("revision"), 10, 64) // 0 is the revision of none
	to := decision.State(r.PostFormValue("to"))
	_, err = book.Answer(r.Context(), by, decision.Answer{
		Service: city.Slug(r.PathValue("service")), ID: r.PathValue("decision"), Revision: revision, To: to,
		Note: strings.ReplaceAll(r.PostFormValue("note"), "\r\n", "\n"),
	})
	switch city.KindOf(err) {
	case city.Conflict, city.Invalid:
		return c.show(w, r, err)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r.Request, frame.Saying("/decisions", string(to)), http.StatusSeeOther)
	return nil
}

func (c *Console) said(r *frame.Request) string {
	if key := "decisions.said." + r.URL.Query().Get("said"); c.Forms(key) != nil {
		return c.Say(key)
	}
	return ""
}

// openJSON is what a desk's own programs read: the open decisions that it sees.
func (c *Console) openJSON(w http.ResponseWriter, r *frame.Request) error {
	book, by, err := c.Book(r)
	if err != nil {
		return err
	}
	open, more, err := book.Find(r.Context(), by, decision.Query{Services: access.Desks(), Open: true, Limit: Most})
	if err != nil {
		return err
	}
	type one struct {
		service.Decision
		Do       string         `json:"do"`
		Effect   string         `json:"effect,omitempty"`
		State    decision.State `json:"state"`
		Revision int64          `json:"revision"`
		Until    time.Time      `json:"until"`
	}
	out := struct {
		Decisions []one `json:"decisions"`
		More      bool  `json:"more"`
	}{[]one{}, more}
	for _, d := range open {
		out.Decisions = append(out.Decisions, one{d.Decision, d.Do, d.Effect, d.State, d.Revision, d.Until})
	}
	c.Answer(w, http.StatusOK, out)
	return nil
}
