package console

import (
	"crypto/rand"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"polity/city"
	"polity/console/frame"
	"polity/console/ground"
	"polity/room/order"
)

type orderEntry struct {
	At, Told       template.HTML
	Words, Text    string
	State          frame.Sign
	Name           string
	Photo, PhotoID string
}

type orderPhotoView struct {
	Path, Alt     string
	Caption       template.HTML
	Width, Height int
}

// orderView is the page of one order. Revision and Key go back with each form.
type orderView struct {
	Path, Number, Kind, Task, Desk    string
	Sheet                             string
	State, Priority                   frame.Sign
	Facts                             []frame.Fact
	Spot                              ground.Spot
	Dots                              []orderDot
	Crop                              string // the part of the picture around the dots
	DotSize                           int
	Crew                              template.HTML // where it was last
	Timeline                          []orderEntry
	Photos                            []orderPhotoView
	Source                            template.HTML
	Problem, Note                     string
	MayGive, Mine                     bool
	CanGive, CanTakeBack, CanCancel   bool
	CanEdit, NobodyToGive, WasGivenTo bool
	Assignees                         []frame.Pick
	Revision                          int64
	Key                               string
}

type orderDot struct {
	Class string
	X, Y  int
}

// cropAround is a viewBox, four units wide to three high, that holds all dots and some
// streets around them, and the radius of a dot in it.
func cropAround(dots []orderDot) (box string, radius int) {
	if len(dots) == 0 {
		return "", 0
	}
	least, most := dots[0], dots[0]
	for _, d := range dots {
		least.X, least.Y, most.X, most.Y = min(least.X, d.X), min(least.Y, d.Y), max(most.X, d.X), max(most.Y, d.Y)
	}
	unit := max(50, (most.X-least.X)/3, (most.Y-least.Y)/2)
	return fmt.Sprintf("%d %d %d %d", (least.X+most.X)/2-2*unit, (least.Y+most.Y)/2-3*unit/2, 4*unit, 3*unit), max(4, unit/8)
}

// requestKey is a key that a form sends back, so that pressing twice is once.
func requestKey() string { return "page-" + rand.Text() }

func (c *Console) orderPage(w http.ResponseWriter, r *frame.Request) error {
	book, by, err := c.orderBook(r)
	if err != nil {
		return err
	}
	o, err := book.Get(r.Context(), by, r.PathValue("order"))
	if err != nil {
		return err
	}
	return c.showOrder(w, r, &o, nil)
}

// showOrder renders an order's page, with what went wrong and what was typed.
func (c *Console) showOrder(w http.ResponseWriter, r *frame.Request, o *order.Order, problem error) error {
	book, by, err := c.orderBook(r)
	if err != nil {
		return err
	}
	v := orderView{
		Path: orderPath(o), Number: strconv.FormatInt(o.Number, 10), Kind: c.orderKind(o.Kind), Task: o.Task, Desk: c.DeskName(o.Desk),
		State: c.orderState(o.State), Priority: c.orderPriority(o.Priority), Facts: c.orderFacts(r.Clock, o), Source: c.orderSource(o),
		Revision: o.Revision, Key: requestKey(), Sheet: c.orderSheet(o),
	}
	status := http.StatusOK
	if problem != nil {
		v.Problem, v.Note, status = problem.Error(), r.PostFormValue("text"), frame.Status(city.KindOf(problem))
	}
	v.Spot = c.Ground.Placed(o.Place, c.Say("order.place.alt", "kind", v.Kind))
	if v.Spot.OnMap {
		v.Dots = append(v.Dots, orderDot{"dot-live", v.Spot.X, v.Spot.Y})
	}
	if p, ok := book.Position(by, o); ok {
		v.Crew = c.HTML("order.crew.at", "place", degrees(p.Point), "time", r.Clock.Time(p.At))
		if at := c.Ground.Placed(&p.Point, ""); at.OnMap && v.Spot.OnMap {
			v.Dots = append(v.Dots, orderDot{"dot-crew", at.X, at.Y})
		}
	}
	v.Crop, v.DotSize = cropAround(v.Dots)
	for i := range o.Timeline {
		v.Timeline = append(v.Timeline, c.orderEntry(r.Clock, &o.Timeline[i]))
	}
	for _, p := range o.Photos {
		stage := c.Say("orders.stage." + string(p.Stage))
		v.Photos = append(v.Photos, orderPhotoView{Path: v.Path + "/photos/" + p.ID, Alt: c.Say("order.photo.alt", "stage", stage), Caption: c.HTML("order.photo.caption", "stage", stage, "time", r.Clock.Time(p.At)), Width: p.Width, Height: p.Height})
	}
	v.MayGive, v.Mine = book.May(by, o)
	if v.MayGive {
		if err := c.deskSteps(r, &v, o); err != nil {
			return err
		}
	}
	title := c.Say("order.title", "number", v.Number, "kind", v.Kind)
	return c.Render(w, r, status, frame.Page{Template: "order", Title: title, Data: v})
}

func (c *Console) deskSteps(r *frame.Request, v *orderView, o *order.Order) error {
	next := o.State.DeskSteps()
	v.CanGive, v.CanTakeBack, v.CanCancel = slices.Contains(next, order.Given), slices.Contains(next, order.Draft), slices.Contains(next, order.Cancelled)
	v.CanEdit, v.WasGivenTo = !o.State.Ended(), !o.Assigned.None()
	list, err := c.cfg.Orders.Assignees(r.Context(), o.Desk)
	for _, a := range list {
		if o.State != order.Given || a.Person != o.Assigned.Person || a.Crew != o.Assigned.Crew {
			v.Assignees = append(v.Assignees, frame.Pick{Value: assigneeValue(a), Name: a.Name})
		}
	}
	v.NobodyToGive = len(v.Assignees) == 0
	return err
}

func assigneeValue(a order.Assignee) string {
	if a.Crew != "" {
		return "crew:" + string(a.Crew)
	}
	return "person:" + a.Person
}

func assigneeOf(value string) order.Assignee {
	switch kind, name, _ := strings.Cut(value, ":"); kind {
	case "crew":
		return order.Assignee{Crew: city.Slug(name)}
	case "person":
		return order.Assignee{Person: name}
	}
	return order.Assignee{}
}

func (c *Console) orderFacts(at frame.Clock, o *order.Order) []frame.Fact {
	var facts []frame.Fact
	add := func(name string, words template.HTML) {
		facts = append(facts, frame.Fact{Name: c.Say(name), Words: words})
	}
	text := func(s string) template.HTML { return template.HTML(template.HTMLEscapeString(s)) } //nolint:gosec // escaped
	add("order.desk", text(c.DeskName(o.Desk)))
	if o.Where != "" {
		add("order.where", text(o.Where))
	}
	if o.Asset != "" {
		add("order.asset", text(o.Asset))
	}
	if o.Place != nil {
		add("order.position", text(degrees(*o.Place)))
	}
	if !o.Assigned.None() {
		add("order.assigned", text(o.Assigned.Name))
	}
	if o.Due != nil {
		due := at.Time(*o.Due)
		if o.Due.Before(at.Now) && !o.State.Ended() {
			due += text(" " + c.Say("order.late"))
		}
		add("order.due", due)
	}
	add("order.made", at.Time(o.Made))
	if o.Closed != nil {
		add("order.closed", at.Time(*o.Closed))
	}
	return facts
}

func (c *Console) orderSource(o *order.Order) template.HTML {
	switch o.Source.From {
	case order.FromAlert:
		return c.HTML("order.from.alert", "key", o.Source.Key)
	case order.FromDecision:
		return c.HTML("order.from.decision", "service", c.DeskName(o.Source.Service), "reason", o.Source.Reason, "id", o.Source.Key)
	}
	return ""
}

func (c *Console) orderEntry(at frame.Clock, e *order.Entry) orderEntry {
	v := orderEntry{At: at.Time(e.At), Name: e.Name, Text: e.Text}
	if e.Told != nil {
		v.Told = at.Time(*e.Told)
	}
	switch e.What {
	case order.WasMoved:
		v.State = c.orderState(e.State)
		if e.State == order.Given {
			v.Words, v.Text = c.Say("order.entry.givento", "name", e.Text), ""
		}
		if e.Reason != "" {
			v.Words = c.orderReason(e.Reason)
		}
	case order.WasPhoto:
		v.Words, v.Text = c.Say("order.entry.photo"), ""
	case order.PhotosGone:
		n, _ := strconv.Atoi(e.Text) // the book writes a number
		v.Words, v.Text = c.Say("order.entry.photosgone", "n", n), ""
	case order.WasMade:
		v.Words = c.Say("order.entry.made")
	case order.WasChanged:
		v.Words = c.Say("order.entry.changed")
	case order.WasNoted:
		v.Words = c.Say("order.entry.note")
	}
	return v
}

// decideOrder is a desk's step: give, take back, cancel.
func (c *Console) decideOrder(w http.ResponseWriter, r *frame.Request) error {
	return c.deskDid(w, r, func(book *order.Book, by order.Asker, id, key string, revision int64) (order.Order, error) {
		to := order.State(r.PostFormValue("to"))
		var assign order.Assignee
		if to == order.Given {
			assign = assigneeOf(r.PostFormValue("assign"))
		}
		return book.Decide(r.Context(), by, key, id, revision, to, assign)
	})
}

func (c *Console) noteOrder(w http.ResponseWriter, r *frame.Request) error {
	return c.deskDid(w, r, func(book *order.Book, by order.Asker, id, key string, _ int64) (order.Order, error) {
		return book.Note(r.Context(), by, key, id, r.PostFormValue("text"), time.Time{})
	})
}

// deskDid does what a form asks for and leads back to the order; where it is refused, the
// page says why and still has what was typed.
func (c *Console) deskDid(w http.ResponseWriter, r *frame.Request, do func(book *order.Book, by order.Asker, id, key string, revision int64) (order.Order, error)) error {
	book, by, err := c.orderBook(r)
	if err != nil {
		return err
	}
	if err := c.ReadForm(w, r); err != nil {
		return err
	}
	revision, _ := strconv.ParseInt(r.PostFormValue("revision"), 10, 64) // 0 is the revision of none
	id := r.PathValue("order")
	o, err := do(book, by, id, r.PostFormValue("key"), revision)
	if err != nil {
		switch city.KindOf(err) {
		case city.Conflict, city.Invalid, city.TooLarge:
			now, gone := book.Get(r.Context(), by, id)
			if gone != nil {
				return gone
			}
			return c.showOrder(w, r, &now, err)
		}
		return err
	}
	http.Redirect(w, r.Request, orderPath(&o), http.StatusSeeOther)
	return nil
}

// orderSheet is the way to the sheet of a work order; empty: it has none.
func (c *Console) orderSheet(o *order.Order) string {
	if c.water.SheetOf(o) == "" {
		return ""
	}
	return orderPath(o) + "/sheet.pdf"
}

// orderSheetPDF is the sheet of a work order, for whoever may see the order: its crew does.
func (c *Console) orderSheetPDF(w http.ResponseWriter, r *frame.Request) error {
	book, by, err := c.orderBook(r)
	if err != nil {
		return err
	}
	o, err := book.Get(r.Context(), by, r.PathValue("order"))
	if err != nil {
		return err
	}
	pipe := c.water.SheetOf(&o)
	if pipe == "" {
		return city.Errorf(city.NotFound, "%s", c.Say("order.sheet.none"))
	}
	return c.water.WriteSheet(w, r, pipe)
}
