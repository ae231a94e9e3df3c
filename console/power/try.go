package power

import (
	"context"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"polity/access"
	"polity/city"
	"polity/console/frame"
	"polity/services/power/live"
)

// Board is the power service as its desk works with it.
type Board interface {
	Desk
	// Try makes moves on a copy of the network as it stands. Nothing is sent.
	Try(moves []live.Move) live.Trial
	// Write puts moves before people as a decision to confirm: city.Conflict where a limit
	// or a tag stands in the way.
	Write(ctx context.Context, by string, moves []live.Move, why string) (id string, err error)
	HangTag(by, line, reason string) error
	TakeTag(line string) error
	// HearCall takes the call of a resident at a bus who has no power: city.NotFound.
	HearCall(bus string) error
	NoteMended(by, fault string) error
	// Again has another order looked for.
	Again(fault string) error
	// Moves are those made for a decision, the first first.
	Moves(decision string) []live.Moved
}

func (c *Console) board() (Board, error) {
	return frame.Running[Board](c.Frame, access.Power, c.cfg.Service)
}

type tryView struct {
	Simulated           bool
	Problem             string
	Steps               []tryStep
	Refused             string
	Summary             string
	State               frame.Sign
	Broken, Dead        []string
	Switches            []frame.PickGroup
	Step                []string // of the address
	Undo, Redo, Anew    string   // addresses; empty: there is nothing to do
	Diagram, Map        template.HTML
	View, Other         string // which is drawn; the address of the other
	Lines               []tryLine
	May, Allowed        bool // propose; the service lets these moves be proposed
	Why                 string
	Figures             []frame.Figure
	Operable, Decisions bool
}

type tryStep struct {
	Words, After string
	Broken       []string
}

type tryLine struct {
	lineRow
	Flow, Move, To string
}

// tryPage is the board to try switching on. All that was tried stands in its address,
// so that going back is undoing, and a trial can be shown to somebody.
func (c *Console) tryPage(w http.ResponseWriter, r *frame.Request) error {
	return c.showTry(w, r, r.URL.Query(), "", nil)
}

func (c *Console) showTry(w http.ResponseWriter, r *frame.Request, q url.Values, why string, problem error) error {
	board, err := c.board()
	if err != nil {
		return err
	}
	var moves []live.Move
	steps := q["step"]
	for _, text := range steps {
		m, err := live.ReadMove(text)
		if err != nil {
			return err
		}
		moves = append(moves, m)
	}
	now, t := board.View(), board.Try(moves)
	undone := q["undone"]
	v := tryView{
		Simulated: now.Simulated, Refused: t.Refused, Allowed: t.Allowed, Why: why, Step: steps, Operable: now.Field.Configured,
		May:       c.cfg.Decisions.On() && c.Allowed(r, access.Decide, access.Service(access.Power)),
		Decisions: c.cfg.Decisions.On(), View: q.Get("view"),
	}
	status := http.StatusOK
	if problem != nil {
		v.Problem, status = problem.Error(), frame.Status(city.KindOf(problem))
	}
	to := func(steps, undone []string, view string) string {
		q := url.Values{"step": steps, "undone": undone}
		if view != "" {
			q.Set("view", view)
		}
		return "/services/power/try?" + q.Encode()
	}
	if n := len(steps); n > 0 {
		v.Undo, v.Anew = to(steps[:n-1], append([]string{steps[n-1]}, undone...), v.View), to(nil, nil, v.View)
	}
	if len(undone) > 0 {
		v.Redo = to(append(slices.Clone(steps), undone[0]), undone[1:], v.View)
	}
	link := func(l *live.LineView) string {
		if l.Faulty || l.Tagged || (now.Field.Configured && !l.Operated) || len(steps) >= live.MovesMost || t.Refused != "" {
			return ""
		}
		return to(append(slices.Clone(steps), live.Move{Line: l.Name, Close: !l.Closed}.String()), nil, v.View)
	}
	c.trial(&v, &t, link)
	v.Map, _ = c.mapOf(&t.Picture, link)
	v.Other = to(steps, undone, "map")
	if v.View == "map" && v.Map != "" {
		v.Diagram, v.Other = v.Map, to(steps, undone, "")
	} else {
		v.View, v.Diagram = "", c.oneLine(&t.Picture, link)
	}
	return c.Render(w, r, status, frame.Page{Template: "power/try", Title: c.Say("power.try.title"), Data: v})
}

// trial puts into words what moves lead to.
func (c *Console) trial(v *tryView, t *live.Trial, link func(l *live.LineView) string) {
	last := t.Before
	for _, x := range t.Steps {
		s := tryStep{Words: c.moveWords(x.Move), Broken: x.Broken, After: c.change(last.Customers, &x.After)}
		v.Steps = append(v.Steps, s)
		last = x.After
	}
	v.Summary, v.State = c.Say("power.try.same", "n", last.Customers, "of", t.Customers), frame.Live(c.Say("power.try.state.well"))
	switch gain := last.Customers - t.Before.Customers; {
	case gain > 0:
		v.Summary = c.Say("power.try.gain", "n", gain, "of", t.Customers, "have", last.Customers)
	case gain < 0:
		v.State = frame.Attention(c.Say("power.try.state.loss"))
		v.Summary = c.Say("power.try.loss", "n", -gain, "of", t.Customers, "have", last.Customers)
	}
	v.Broken = t.Broken
	for _, name := range t.Loops {
		v.Broken = append(v.Broken, c.Say("power.try.loop", "line", name))
	}
	for i := range t.Steps { // what a step before broke counts too
		for _, text := range t.Steps[i].Broken {
			if !slices.Contains(v.Broken, text) {
				v.Broken = append(v.Broken, text)
			}
		}
	}
	if t.NoFlow != "" {
		v.Broken = append(v.Broken, c.Say("power.try.noflow", "why", t.NoFlow))
	}
	if len(v.Broken) > 0 || t.Refused != "" {
		v.State = frame.Attention(c.Say("power.try.state.broken"))
	}
	for _, x := range t.Dead {
		v.Dead = append(v.Dead, c.Say("power.try.dead", "n", len(x.Buses), "customers", x.Customers, "buses", shortList(x.Buses)))
	}
	if t.LowestPU > 0 {
		v.Figures = append(v.Figures,
			frame.Figure{Name: c.Say("power.figure.voltage"), Value: fmt.Sprintf("%.1f %%", 100*t.LowestPU), What: c.Say("power.try.voltage.what", "bus", t.LowestAt)},
			frame.Figure{Name: c.Say("power.try.losses"), Value: fmt.Sprintf("%.1f kW", t.LossKW), What: c.Say("power.try.losses.what", "kw", fmt.Sprintf("%.0f", t.FedKW))})
	}
	if t.Loading > 0 {
		v.Figures = append(v.Figures, frame.Figure{Name: c.Say("power.figure.loading"), Value: fmt.Sprintf("%.0f %%", 100*t.Loading), What: c.Say("power.figure.loading.what")})
	}
	open, closed := frame.PickGroup{Name: c.Say("power.try.closed")}, frame.PickGroup{Name: c.Say("power.try.opened")}
	for i := range t.Lines {
		l := &t.Lines[i]
		row := tryLine{lineRow: c.lineRow(l), To: link(l)}
		if l.Live && l.Amperes > 0 {
			row.Flow = flow(l)
		}
		if row.To != "" {
			row.Move = c.moveOf(l)
			one := frame.Pick{Value: live.Move{Line: l.Name, Close: !l.Closed}.String(), Name: row.Move}
			if l.Closed {
				open.List = append(open.List, one)
			} else {
				closed.List = append(closed.List, one)
			}
		}
		v.Lines = append(v.Lines, row)
	}
	for _, g := range []frame.PickGroup{closed, open} {
		if len(g.List) > 0 {
			v.Switches = append(v.Switches, g)
		}
	}
}

func (c *Console) moveWords(m live.Move) string {
	if m.Close {
		return c.Say("power.try.close", "line", m.Line)
	}
	return c.Say("power.try.open", "line", m.Line)
}

// change is what a step leads to, in one line.
func (c *Console) change(before int, a *live.Check) string {
	words := c.Say("power.step.dead")
	if a.LowestPU > 0 {
		words = c.Say("power.step.after", "n", a.Customers, "volts", fmt.Sprintf("%.1f", 100*a.LowestPU))
	}
	if a.Loading > 0 {
		words += " " + c.Say("power.step.load", "load", fmt.Sprintf("%.0f", 100*a.Loading))
	}
	if gain := a.Customers - before; gain != 0 {
		words += " " + c.Say("power.step.gain", "n", fmt.Sprintf("%+d", gain))
	}
	if a.Loop {
		words += " " + c.Say("power.step.loop")
	}
	return words
}

const namesMost = 8

// shortList is a list of names that fits a line.
func shortList(names []string) string {
	text := strings.Join(names[:min(len(names), namesMost)], ", ")
	if len(names) > namesMost {
		text += ", …"
	}
	return text
}

// propose puts what was tried before people, as a decision to confirm.
func (c *Console) propose(w http.ResponseWriter, r *frame.Request) error {
	board, err := c.board()
	if err != nil {
		return err
	}
	if err := c.ReadForm(w, r); err != nil {
		return err
	}
	var moves []live.Move
	for _, text := range r.PostForm["step"] {
		m, err := live.ReadMove(text)
		if err != nil {
			return err
		}
		moves = append(moves, m)
	}
	why := r.PostFormValue("why")
	id, err := board.Write(r.Context(), r.Who.Name, moves, why)
	switch city.KindOf(err) {
	case city.Conflict, city.Invalid:
		return c.showTry(w, r, url.Values{"step": r.PostForm["step"]}, why, err)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r.Request, orderPath(id), http.StatusSeeOther)
	return nil
}

// deskAct is what else the desk does: tags, a crew's word, another order.
func (c *Console) deskAct(w http.ResponseWriter, r *frame.Request) error {
	board, err := c.board()
	if err != nil {
		return err
	}
	if err := c.ReadForm(w, r); err != nil {
		return err
	}
	form := r.PostFormValue
	act := form("act")
	switch act {
	case "hang":
		err = board.HangTag(r.Who.Name, form("line"), form("why"))
	case "take":
		err = board.TakeTag(form("line"))
	case "call":
		err = board.HearCall(form("bus"))
	case "mended":
		err = board.NoteMended(r.Who.Name, form("fault"))
	case "again":
		err = board.Again(form("fault"))
	default:
		err = city.Errorf(city.Invalid, "%s", c.Say("error.form"))
	}
	switch city.KindOf(err) {
	case city.Conflict, city.Invalid, city.NotFound:
		return c.showDesk(w, r, err)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r.Request, frame.Saying("/services/power", act), http.StatusSeeOther)
	return nil
}
