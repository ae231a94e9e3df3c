package console

import (
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
	power "polity/services/power/live"
)

const (
	decisionsOpen   = 200
	decisionsClosed = 30
)

type decisionsView struct {
	Said, Problem string
	Summary       string
	// InEffect goes by itself and can be undone.
	Open, InEffect, Closed []decisionView
	More                   bool
}

type decisionView struct {
	ID, Path           string // Path is where answers go
	Do, Reason, Effect string
	Service, Level     string
	Algorithm          string
	State              frame.Sign
	Revision           int64
	Made, Until        template.HTML
	Inputs             []decisionInput
	Steps              []decisionStep
	MayAnswer, MayUndo bool
	Advice             bool
	Sheet              string // address of a sheet to print; empty: none
}

type decisionInput struct {
	Entity, What, Value string
	At                  template.HTML
}

type decisionStep struct {
	At        template.HTML
	State     frame.Sign
	Who, Note string
}

// decisions is the book of decisions, and the one who asks as the book knows them.
func (c *Console) decisions(r *frame.Request) (*decision.Book, decision.Asker, error) {
	if c.cfg.Decisions == nil {
		return nil, decision.Asker{}, city.Errorf(city.NotFound, "%s", c.Say("error.nodecisions"))
	}
	by := decision.Asker{Who: r.Who, At: access.Circumstances{Loopback: access.OnLoopback(r.Request)}}
	if r.AsPublic {
		by.Who = access.Who{}
	}
	return c.cfg.Decisions, by, nil
}

func (c *Console) decisionNav(r *frame.Request) []frame.NavItem {
	if c.cfg.Decisions == nil || len(c.cfg.Services) == 0 || !c.Allowed(r, access.SeeAlerts, access.Service(frame.SomeDesk)) {
		return nil
	}
	return []frame.NavItem{{Path: "/decisions", Name: c.Say("decisions.title")}}
}

func (c *Console) decisionsPage(w http.ResponseWriter, r *frame.Request) error {
	return c.showDecisions(w, r, nil)
}

func (c *Console) showDecisions(w http.ResponseWriter, r *frame.Request, refused error) error {
	book, by, err := c.decisions(r)
	if err != nil {
		return err
	}
	open, more, err := book.Find(r.Context(), by, decision.Query{Services: access.Desks(), Open: true, Steps: true, Limit: decisionsOpen})
	if err != nil {
		return err
	}
	all, _, err := book.Find(r.Context(), by, decision.Query{Services: access.Desks(), Steps: true, Limit: decisionsOpen})
	if err != nil {
		return err
	}
	v := decisionsView{Summary: c.Say("decisions.words", "n", len(open)), More: more, Said: c.decisionSaid(r)}
	status := http.StatusOK
	if refused != nil {
		v.Problem, status = refused.Error(), frame.Status(city.KindOf(refused))
	}
	for _, d := range open {
		v.Open = append(v.Open, c.decisionView(r, d, book.May(by, d.Service)))
	}
	for _, d := range all {
		inEffect := d.Level == service.Bounded && d.State == decision.Applied && d.Until.After(r.Clock.Now)
		if d.Closed.IsZero() || (!inEffect && len(v.Closed) == decisionsClosed) {
			continue
		}
		if one := c.decisionView(r, d, book.May(by, d.Service)); inEffect {
			v.InEffect = append(v.InEffect, one)
		} else {
			v.Closed = append(v.Closed, one)
		}
	}
	return c.Render(w, r, status, frame.Page{Template: "decisions", Title: c.Say("decisions.title"), Data: v})
}

var decisionSigns = map[decision.State]string{
	decision.Proposed: "attention", decision.Accepted: "live", decision.Overridden: "live", decision.Applied: "done",
	decision.Failed: "stopped", decision.Refused: "unknown", decision.Reverted: "unknown", decision.Expired: "unknown", decision.Withdrawn: "unknown",
}

func (c *Console) decisionState(s decision.State) frame.Sign {
	return frame.Sign{Sign: decisionSigns[s], Word: c.Say("decisions.state." + string(s))}
}

func (c *Console) decisionView(r *frame.Request, d *decision.Decision, may bool) decisionView {
	v := decisionView{
		ID: d.ID, Path: "/decisions/" + string(d.Service) + "/" + url.PathEscape(d.ID), Do: d.Do, Reason: d.Reason, Effect: d.Effect,
		Service: c.deskName(d.Service), Level: c.Say("decisions.level." + string(d.Level)), Algorithm: string(d.Algorithm),
		State: c.decisionState(d.State), Revision: d.Revision, Made: r.Clock.Time(d.Made), Until: r.Clock.Time(d.Until),
		MayAnswer: may && d.State == decision.Proposed && d.Until.After(r.Clock.Now),
		MayUndo:   may && d.Level != service.Advice && (d.State == decision.Accepted || d.State == decision.Applied),
		Advice:    d.Level == service.Advice,
	}
	if d.Service == access.Power {
		if _, _, err := power.OrderOf(d.Detail); err == nil {
			v.Sheet = powerOrderPath(d.ID)
		}
	}
	for _, i := range d.Inputs {
		v.Inputs = append(v.Inputs, decisionInput{i.Entity, i.Attribute, i.Value, r.Clock.Time(i.At)})
	}
	for _, s := range d.Steps {
		who := s.Name
		if s.Person == "" {
			who = c.Say("decisions.program", "service", c.deskName(d.Service))
		}
		v.Steps = append(v.Steps, decisionStep{r.Clock.Time(s.At), c.decisionState(s.State), who, s.Note})
	}
	return v
}

// answerDecision takes a person's answer; where it is refused, the page says why.
func (c *Console) answerDecision(w http.ResponseWriter, r *frame.Request) error {
	book, by, err := c.decisions(r)
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
		return c.showDecisions(w, r, err)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r.Request, frame.Saying("/decisions", string(to)), http.StatusSeeOther)
	return nil
}

func (c *Console) decisionSaid(r *frame.Request) string {
	if key := "decisions.said." + r.URL.Query().Get("said"); c.Forms(key) != nil {
		return c.Say(key)
	}
	return ""
}

// decisionsJSON is what a desk's own programs read: the open decisions that it sees.
func (c *Console) decisionsJSON(w http.ResponseWriter, r *frame.Request) error {
	book, by, err := c.decisions(r)
	if err != nil {
		return err
	}
	open, more, err := book.Find(r.Context(), by, decision.Query{Services: access.Desks(), Open: true, Limit: decisionsOpen})
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
