package power

import (
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"polity/access"
	"polity/city"
	"polity/console/decisions"
	"polity/console/frame"
	"polity/room/decision"
	"polity/services/power/live"
	"polity/services/power/sheet"
)

// Sheets is the key by which the hub signs switching orders on paper.
type Sheets struct {
	Signer note.Signer
	Public string // the text with which a sheet is checked: NAME+HASH+KEY
}

type sheetView struct {
	Simulated     bool
	Order         string
	State         frame.Sign
	Do, Why       string
	Effect        string
	Facts         []frame.Fact
	Said          []decisions.Step
	Tags          []tag
	Steps         []sheetStep
	Signature     string
	Key, File     string
	KeyPath       string
	Text          string
	Decisions     string
	Printed       template.HTML
	Waits, Signed bool
}

type tag struct {
	Line, Reason, By string
	At               template.HTML
	May              bool // be taken off by the reader
}

type sheetStep struct {
	N                 int
	Words, Why, After string
	Moved             template.HTML
}

func orderPath(id string) string { return "/services/power/orders/" + url.PathEscape(id) }

// sheetView is an order's decision as a sheet, with what people said and which switches moved.
func (c *Console) sheetOf(r *frame.Request) (*sheet.Sheet, *decision.Decision, error) {
	book, by, err := c.cfg.Decisions.Book(r)
	if err != nil {
		return nil, nil, err
	}
	d, err := book.One(r.Context(), by, access.Power, r.PathValue("decision"))
	if err != nil {
		return nil, nil, err
	}
	board, err := c.board()
	if err != nil {
		return nil, nil, err
	}
	steps, tags, err := live.OrderOf(d.Detail)
	if err != nil {
		return nil, nil, city.Errorf(city.NotFound, "%s", c.Say("power.sheet.none"))
	}
	s := &sheet.Sheet{
		City: c.City, Order: d.ID, Simulated: board.View().Simulated, Made: d.Made, Until: d.Until, State: string(d.State),
		Do: d.Do, Why: d.Reason, Effect: d.Effect,
	}
	for _, x := range d.Steps {
		by := x.Name
		if x.Person == "" {
			by = "the program, " + x.Name
		}
		s.Decided = append(s.Decided, sheet.Decided{State: string(x.State), By: by, Note: x.Note, At: x.At})
	}
	for _, t := range tags {
		s.Tags = append(s.Tags, sheet.Tag(t))
	}
	moved := board.Moves(d.ID)
	for _, x := range steps {
		one := sheet.Step{Text: x.String(), Why: x.Why}
		if a := x.After; a != nil {
			one.After = &sheet.After{Customers: a.Customers, KW: a.FedKW, LowestPU: a.LowestPU, HighestPU: a.HighestPU, Loading: a.Loading, Loop: a.Loop}
		}
		for _, m := range moved {
			if m.Line == x.Line && m.Close == x.Close {
				one.Moved = m.At
			}
		}
		s.Steps = append(s.Steps, one)
	}
	return s, d, nil
}

// sheetPage is a switching order to print: what is done in which order, why, what each
// step leads to, what must not be touched, who agreed, and how to check that it is real.
func (c *Console) sheetPage(w http.ResponseWriter, r *frame.Request) error {
	s, d, err := c.sheetOf(r)
	if err != nil {
		return err
	}
	v := sheetView{
		Simulated: s.Simulated, Order: d.ID, State: c.cfg.Decisions.State(d.State), Do: d.Do, Why: d.Reason, Effect: d.Effect, Decisions: "/decisions",
		Printed: r.Clock.Time(r.Clock.Now), Waits: d.State == decision.Proposed, Said: c.cfg.Decisions.Steps(r, d), File: orderPath(d.ID) + "/sheet.txt", KeyPath: "/services/power/sheets.key",
		Facts: []frame.Fact{
			{Name: c.Say("power.sheet.order"), Words: template.HTML(template.HTMLEscapeString(d.ID))}, //nolint:gosec // escaped
			{Name: c.Say("power.sheet.made"), Words: r.Clock.Time(d.Made)}, {Name: c.Say("power.sheet.until"), Words: r.Clock.Time(d.Until)},
		},
	}
	for _, t := range s.Tags {
		v.Tags = append(v.Tags, tag{Line: t.Line, Reason: t.Reason, By: t.By, At: r.Clock.Time(t.At)})
	}
	before := -1
	for i, x := range s.Steps {
		m, _ := live.ReadMove(x.Text)
		row := sheetStep{N: i + 1, Words: c.moveWords(m), Why: x.Why}
		if a := x.After; a != nil {
			if i == 0 {
				before = a.Customers
			}
			row.After = c.change(before, &live.Check{Customers: a.Customers, FedKW: a.KW, LowestPU: a.LowestPU, HighestPU: a.HighestPU, Loading: a.Loading, Loop: a.Loop})
			before = a.Customers
		}
		if !x.Moved.IsZero() {
			row.Moved = r.Clock.Time(x.Moved)
		}
		v.Steps = append(v.Steps, row)
	}
	if c.cfg.Sheets != nil {
		signed, err := sheet.Sign(s, c.cfg.Sheets.Signer)
		if err != nil {
			return err
		}
		v.Signed, v.Key, v.Text = true, c.cfg.Sheets.Public, s.Text()
		v.Signature = strings.TrimSpace(strings.TrimPrefix(string(signed), v.Text))
	}
	return c.Render(w, r, http.StatusOK, frame.Page{Template: "power/sheet", Title: c.Say("power.sheet.title"), Data: v})
}

// sheetFile is the same as a file: the text, and the hub's signature over it.
func (c *Console) sheetFile(w http.ResponseWriter, r *frame.Request) error {
	if c.cfg.Sheets == nil {
		return city.Errorf(city.NotFound, "%s", c.Say("power.sheet.nokey"))
	}
	s, d, err := c.sheetOf(r)
	if err != nil {
		return err
	}
	signed, err := sheet.Sign(s, c.cfg.Sheets.Signer)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="%s.sheet.txt"`, safeName(d.ID)))
	_, err = w.Write(signed)
	return frame.Gone(err)
}

// safeName leaves of an id what may stand in a file's name.
func safeName(id string) string {
	return strings.Map(func(r rune) rune {
		if (r >= 'a' && r <= 'z') || (r >= 'A' && r <= 'Z') || (r >= '0' && r <= '9') || r == '-' {
			return r
		}
		return '_'
	}, id)
}

// sheetKey is the public key for everyone: whoever is shown a sheet can check it.
func (c *Console) sheetKey(w http.ResponseWriter, _ *frame.Request) error {
	if c.cfg.Sheets == nil {
		return city.Errorf(city.NotFound, "%s", c.Say("power.sheet.nokey"))
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, err := w.Write([]byte(c.cfg.Sheets.Public + "\n"))
	return frame.Gone(err)
}
