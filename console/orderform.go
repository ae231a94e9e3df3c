package console

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"polity/access"
	"polity/city"
	"polity/console/frame"
	"polity/room/order"
)

// orderForm is what a desk types, as it was typed.
type orderForm struct {
	Action, Back, Problem                       string
	What, Task, Where, Asset, Lat, Lon, Due     string
	Priority, Assign, Alert, Key, Zone, Already string
	Whats                                       []frame.PickGroup
	Priorities, Assignees                       []frame.Pick
	Revision                                    int64
	Edit                                        bool
	TaskMax, WhereMax                           int
}

// newOrderPage is an empty form, or one that an alert's or an asset's page began: what
// the address names is only written into the form.
func (c *Console) newOrderPage(w http.ResponseWriter, r *frame.Request) error {
	q := r.URL.Query()
	f := orderForm{
		What: q.Get("desk") + "/" + q.Get("kind"), Task: q.Get("task"), Where: q.Get("where"), Asset: q.Get("asset"), Lat: q.Get("lat"), Lon: q.Get("lon"),
		Priority: string(order.Soon), Alert: q.Get("alert"), Key: requestKey(),
	}
	if p := q.Get("priority"); p != "" {
		f.Priority = p
	}
	if err := c.knowAsset(r, &f); err != nil {
		return err
	}
	if f.Alert != "" {
		if err := c.knowAlert(r, &f); err != nil {
			return err
		}
	}
	return c.showForm(w, r, f, nil)
}

// knowAsset adds the place of a sensor.
func (c *Console) knowAsset(r *frame.Request, f *orderForm) error {
	if f.Asset == "" || f.Where != "" || f.Lat != "" {
		return nil
	}
	all, err := c.sensorStates(r.Context())
	if city.KindOf(err) == city.Unavailable {
		return nil // the form does without
	}
	for i := range all {
		if s := &all[i].Sensor; s.ID == f.Asset {
			f.Where = s.Name
			if s.Placed {
				f.Lat, f.Lon = strconv.FormatFloat(s.Place.Lat, 'f', 6, 64), strconv.FormatFloat(s.Place.Lon, 'f', 6, 64)
			}
		}
	}
	return err
}

// knowAlert says that the alert has an order already.
func (c *Console) knowAlert(r *frame.Request, f *orderForm) error {
	book, by, err := c.orderBook(r)
	if err != nil {
		return err
	}
	_, n, err := book.List(r.Context(), by, order.Filter{From: order.FromAlert, Key: f.Alert, Open: true, Limit: 1})
	if n > 0 {
		f.Already = c.Say("order.already", "n", n)
	}
	return err
}

func (c *Console) editOrderPage(w http.ResponseWriter, r *frame.Request) error {
	book, by, err := c.orderBook(r)
	if err != nil {
		return err
	}
	o, err := book.Get(r.Context(), by, r.PathValue("order"))
	if err != nil {
		return err
	}
	f := c.formOf(&o)
	f.Key = requestKey()
	return c.showForm(w, r, f, nil)
}

// formOf is an order as a form shows it.
func (c *Console) formOf(o *order.Order) orderForm {
	f := orderForm{What: string(o.Desk) + "/" + string(o.Kind), Task: o.Task, Where: o.Where, Asset: o.Asset, Priority: string(o.Priority), Revision: o.Revision, Edit: true}
	if o.Place != nil {
		f.Lat, f.Lon = strconv.FormatFloat(o.Place.Lat, 'f', -1, 64), strconv.FormatFloat(o.Place.Lon, 'f', -1, 64)
	}
	if o.Due != nil {
		f.Due = o.Due.In(c.Zone).Format(dueLayout)
	}
	return f
}

// dueLayout is how browsers send a local date and time.
const dueLayout = "2006-01-02T15:04"

func (c *Console) showForm(w http.ResponseWriter, r *frame.Request, f orderForm, problem error) error {
	book, by, err := c.orderBook(r)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if problem != nil {
		f.Problem, status = problem.Error(), frame.Status(city.KindOf(problem))
	}
	f.TaskMax, f.WhereMax, f.Zone = order.TaskMax, order.WhereMax, c.Zone.String()
	f.Action, f.Back = "/orders", "/orders"
	title := c.Say("order.new.title")
	desks := book.Gives(by)
	if f.Edit {
		o, err := book.Get(r.Context(), by, r.PathValue("order"))
		if err != nil {
			return err
		}
		if give, _ := book.May(by, &o); !give {
			return city.Errorf(city.Forbidden, "%s", c.Say("forbidden.orders"))
		}
		f.Action, f.Back, desks = orderPath(&o)+"/edit", orderPath(&o), []city.Slug{o.Desk}
		title = c.Say("order.edit.title", "number", strconv.FormatInt(o.Number, 10))
	}
	c.formChoices(&f, desks)
	if !f.Edit {
		if f.Assignees, err = c.formAssignees(r, &f, desks); err != nil {
			return err
		}
	}
	return c.Render(w, r, status, frame.Page{Template: "orderform", Title: title, Data: f})
}

func (c *Console) formChoices(f *orderForm, desks []city.Slug) {
	wanted, _, _ := strings.Cut(f.What, "/")
	if i := slices.Index(desks, city.Slug(wanted)); i > 0 { // the desk that was meant first
		desks = append([]city.Slug{desks[i]}, slices.Delete(slices.Clone(desks), i, i+1)...)
	}
	for _, d := range desks {
		group := frame.PickGroup{Name: c.DeskName(d)}
		for _, k := range order.Kinds(d) {
			value := string(d) + "/" + string(k)
			group.List = append(group.List, frame.Pick{Value: value, Name: c.orderKind(k), Here: value == f.What})
		}
		f.Whats = append(f.Whats, group)
	}
	for _, p := range order.Priorities() {
		f.Priorities = append(f.Priorities, frame.Pick{Value: string(p), Name: c.Say("orders.priority." + string(p)), Here: string(p) == f.Priority})
	}
}

// formAssignees are those of all desks; the book refuses who takes none of the desk
// that was chosen.
func (c *Console) formAssignees(r *frame.Request, f *orderForm, desks []city.Slug) (list []frame.Pick, err error) {
	for _, d := range desks {
		all, err := c.cfg.Orders.Assignees(r.Context(), d)
		if err != nil {
			return nil, err
		}
		for _, a := range all {
			value := assigneeValue(a)
			if !slices.ContainsFunc(list, func(k frame.Pick) bool { return k.Value == value }) {
				list = append(list, frame.Pick{Value: value, Name: a.Name, Here: value == f.Assign})
			}
		}
	}
	return list, nil
}

// readForm takes what was typed, and the order's content as far as it can be read.
func (c *Console) readForm(r *frame.Request) (f orderForm, desk city.Slug, content order.Content, err error) {
	v := r.PostFormValue
	f = orderForm{
		What: v("what"), Task: v("task"), Where: v("where"), Asset: v("asset"), Lat: strings.TrimSpace(v("lat")), Lon: strings.TrimSpace(v("lon")), Due: v("due"),
		Priority: v("priority"), Assign: v("assign"), Alert: v("alert"), Key: v("key"),
	}
	f.Revision, _ = strconv.ParseInt(v("revision"), 10, 64) // 0 is the revision of none
	d, kind, _ := strings.Cut(f.What, "/")
	content = order.Content{Kind: order.Kind(kind), Task: f.Task, Asset: f.Asset, Where: f.Where, Priority: order.Priority(f.Priority)}
	if f.Lat != "" || f.Lon != "" {
		lat, one := strconv.ParseFloat(f.Lat, 64)
		lon, other := strconv.ParseFloat(f.Lon, 64)
		if one != nil || other != nil {
			return f, city.Slug(d), content, city.Errorf(city.Invalid, "%s", c.Say("error.latlon"))
		}
		content.Place = &city.Point{Lon: lon, Lat: lat}
	}
	if f.Due != "" {
		due, err := time.ParseInLocation(dueLayout, f.Due, c.Zone)
		if err != nil {
			return f, city.Slug(d), content, city.Errorf(city.Invalid, "%s", c.Say("error.due"))
		}
		content.Due = &due
	}
	return f, city.Slug(d), content, nil
}

func (c *Console) makeOrder(w http.ResponseWriter, r *frame.Request) error {
	return c.formDid(w, r, false, func(book *order.Book, by order.Asker, f *orderForm, desk city.Slug, content order.Content) (order.Order, error) {
		n := order.NewOrder{Desk: desk, Content: content, Assigned: assigneeOf(f.Assign)}
		if f.Alert != "" {
			n.Source = order.Source{From: order.FromAlert, Key: f.Alert}
		}
		return book.Make(r.Context(), by, f.Key, n)
	})
}

func (c *Console) editOrder(w http.ResponseWriter, r *frame.Request) error {
	return c.formDid(w, r, true, func(book *order.Book, by order.Asker, f *orderForm, _ city.Slug, content order.Content) (order.Order, error) {
		return book.Edit(r.Context(), by, f.Key, r.PathValue("order"), f.Revision, content)
	})
}

// formDid does what the form asks for and leads to the order; where it is refused, the
// form comes back as it was typed, with the reason.
func (c *Console) formDid(w http.ResponseWriter, r *frame.Request, edit bool, do func(*order.Book, order.Asker, *orderForm, city.Slug, order.Content) (order.Order, error)) error {
	book, by, err := c.orderBook(r)
	if err != nil {
		return err
	}
	if err := c.ReadForm(w, r); err != nil {
		return err
	}
	f, desk, content, err := c.readForm(r)
	f.Edit = edit
	var o order.Order
	if err == nil {
		o, err = do(book, by, &f, desk, content)
	}
	if err == nil {
		http.Redirect(w, r.Request, orderPath(&o), http.StatusSeeOther)
		return nil
	}
	switch city.KindOf(err) {
	case city.Invalid, city.TooLarge:
		return c.showForm(w, r, f, err)
	case city.Conflict: // somebody changed it: what was typed stays, over the newest revision
		if edit {
			if now, gone := book.Get(r.Context(), by, r.PathValue("order")); gone == nil {
				f.Revision, f.Key = now.Revision, requestKey()
			}
		}
		return c.showForm(w, r, f, err)
	}
	return err
}

// nav of orders: desks have the list, crews their own.
func (c *Console) orderNav(r *frame.Request) (items []frame.NavItem) {
	book, by, err := c.orderBook(r)
	if err != nil || by.Who.Kind == access.Public {
		return nil
	}
	if book.Sees(by) {
		items = append(items, frame.NavItem{Path: "/orders", Name: c.Say("nav.orders")})
	}
	if c.Allowed(r, access.DoOrder, access.Service(frame.SomeDesk)) {
		items = append(items, frame.NavItem{Path: "/orders/mine", Name: c.Say("nav.myorders")})
	}
	return items
}
